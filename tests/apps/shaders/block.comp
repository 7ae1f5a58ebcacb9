#version 450
// Values from an inline uniform block: values[i] = base + i * factor.
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) uniform Block { uint base; uint factor; } block;
layout(set = 0, binding = 1) buffer Values { uint values[]; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    values[i] = block.base + i * block.factor;
}
