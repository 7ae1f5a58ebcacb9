#version 450
layout(set = 0, binding = 1) uniform sampler2D pattern;

layout(location = 0) in vec3 world_normal;
layout(location = 1) in vec2 texel;
layout(location = 2) in vec3 tint;
layout(location = 0) out vec4 colour;

const vec3 LIGHT = vec3(0.48, 0.72, 0.5);

void main()
{
    float brightness = 0.35 + 0.65 * max(dot(normalize(world_normal), LIGHT), 0.0);
    colour = vec4(texture(pattern, texel).rgb * tint * brightness, 1.0);
}
