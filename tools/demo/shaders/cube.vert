#version 450
// Instance 0 is the large cube; the others circle it, before and behind it.
layout(set = 0, binding = 0, std140) uniform Frame {
    mat4 view_projection;
    vec4 turn; // angle, number of satellites
} frame;

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 texel;

layout(location = 0) out vec3 world_normal;
layout(location = 1) out vec2 out_texel;
layout(location = 2) out vec3 tint;

const float TAU = 6.28318530718;

mat3 rotation(vec3 axis, float angle)
{
    float s = sin(angle), c = cos(angle);
    vec3 t = axis * (1.0 - c);
    return mat3(t.x * axis.x + c, t.x * axis.y + s * axis.z, t.x * axis.z - s * axis.y,
                t.y * axis.x - s * axis.z, t.y * axis.y + c, t.y * axis.z + s * axis.x,
                t.z * axis.x + s * axis.y, t.z * axis.y - s * axis.x, t.z * axis.z + c);
}

void main()
{
    float angle = frame.turn.x;
    mat3 spin = rotation(normalize(vec3(0.5, 1.0, 0.3)), angle);
    vec3 centre = vec3(0.0);
    float size = 1.0;
    tint = vec3(1.0);
    if (gl_InstanceIndex > 0) {
        float share = float(gl_InstanceIndex - 1) / frame.turn.y;
        float orbit = TAU * share - angle;
        centre = 2.1 * vec3(cos(orbit), 0.25 * sin(2.0 * orbit), sin(orbit));
        spin = transpose(spin);
        size = 0.3;
        tint = 0.55 + 0.45 * cos(TAU * (share + vec3(0.0, 0.33, 0.67)));
    }
    gl_Position = frame.view_projection * vec4(centre + size * (spin * position), 1.0);
    world_normal = spin * normal;
    out_texel = texel;
}
