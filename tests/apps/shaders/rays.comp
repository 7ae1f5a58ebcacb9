#version 460
#extension GL_EXT_ray_query : require
// 8 x 8 rays along z, from z = -1: which of them hit a triangle?
layout(local_size_x = 8, local_size_y = 8) in;
layout(set = 0, binding = 0) uniform accelerationStructureEXT scene;
layout(set = 0, binding = 1, std430) writeonly buffer Hits { uint hits[]; };

void main()
{
    vec2 at = (vec2(gl_GlobalInvocationID.xy) + 0.5) / 8.0;
    rayQueryEXT query;
    rayQueryInitializeEXT(query, scene, gl_RayFlagsOpaqueEXT, 0xff, vec3(at, -1.0), 0.0, vec3(0.0, 0.0, 1.0), 10.0);
    while (rayQueryProceedEXT(query)) {
    }
    bool hit = rayQueryGetIntersectionTypeEXT(query, true) == gl_RayQueryCommittedIntersectionTriangleEXT;
    hits[gl_GlobalInvocationID.y * 8 + gl_GlobalInvocationID.x] = hit ? 1 : 0;
}
