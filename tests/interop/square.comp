#version 450
// Each element becomes a number that depends on its index and its old value.
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer Data { uint data[]; };
void main()
{
    uint i = gl_GlobalInvocationID.x;
    data[i] = data[i] * data[i] + i;
}
