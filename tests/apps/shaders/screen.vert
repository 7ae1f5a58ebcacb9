#version 450
// Three vertices that cover the whole screen, at the depth that is pushed.
layout(push_constant) uniform Push { vec4 colour; float depth; } push;

void main()
{
    vec2 corner = vec2((gl_VertexIndex << 1) & 2, gl_VertexIndex & 2);
    gl_Position = vec4(corner * 2.0 - 1.0, push.depth, 1.0);
}
