#version 450
layout(push_constant) uniform Push { vec4 colour; float depth; } push;
layout(location = 0) out vec4 colour;

void main()
{
    colour = push.colour;
}
