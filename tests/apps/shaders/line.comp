#version 450
// values[i] = base + i * FACTOR
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint FACTOR = 1;
layout(set = 0, binding = 0, std430) buffer Data { uint values[]; };
layout(push_constant) uniform Push { uint base; } push;

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i < uint(values.length())) {
        values[i] = push.base + i * FACTOR;
    }
}
