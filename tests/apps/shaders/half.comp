#version 450
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// values[i] = f(values[i]) at half precision: some drivers call the C library's mathematics for that
layout(local_size_x = 4) in;
layout(set = 0, binding = 0, std430) buffer Values { float values[]; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    float16_t x = float16_t(values[i]);
    values[i] = float(sinh(x) + pow(x, float16_t(1.5)));
}
