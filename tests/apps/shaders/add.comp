#version 450
// sum[i] = a[i] + b[i]
layout(local_size_x = 64) in;
layout(set = 0, binding = 0, std430) readonly buffer A { uint a[]; };
layout(set = 0, binding = 1, std430) readonly buffer B { uint b[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Sum { uint sum[]; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i < uint(sum.length())) {
        sum[i] = a[i] + b[i];
    }
}
