#version 450
// One well-mixing step per element, the same as mix() in demo/compute.c.
layout(local_size_x = 64) in;
layout(set = 0, binding = 0, std430) buffer Data { uint values[]; };
layout(push_constant) uniform Push { uint count; } push;

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.count) {
        return;
    }
    uint x = values[i] + i * 0x9e3779b9u;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    values[i] = x ^ (x >> 16);
}
