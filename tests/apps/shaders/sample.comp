#version 450
// One number from each kind of read: texel buffer, sampled image, storage image, uniform block.
layout(local_size_x = 8, local_size_y = 8) in;
layout(set = 0, binding = 0) uniform usamplerBuffer texels;
layout(set = 0, binding = 1) uniform sampler2D picture;
layout(set = 0, binding = 2, rgba8) uniform readonly image2D stored;
layout(set = 0, binding = 3, std140) uniform Block { uint offset; } block;
layout(set = 0, binding = 4, std430) writeonly buffer Result { uint result[]; };

void main()
{
    uvec2 at = gl_GlobalInvocationID.xy;
    uint i = at.y * 8 + at.x;
    uint sampled = uint(texture(picture, (vec2(at) + 0.5) / 8.0).r * 255.0 + 0.5);
    uint loaded = uint(imageLoad(stored, ivec2(at)).g * 255.0 + 0.5);
    result[i] = texelFetch(texels, int(i)).r + (sampled << 8) + (loaded << 16) + block.offset;
}
