#include "tests/unit/test.h"

#include <string.h>

#include "driver/query.h"

TEST(values_of_available_queries_arrive_where_the_stride_says)
{
    const uint32_t packed[] = {10, 1, 20, 1};
    uint32_t data[6] = {7, 7, 7, 7, 7, 7};

    assert_true(drv_query_scatter(packed, 2, 1, data, 12, 0));
    const uint32_t expected[6] = {10, 7, 7, 20, 7, 7};
    assert_memory_equal(data, expected, sizeof(data));
}

TEST(values_of_unavailable_queries_are_left_alone)
{
    const uint64_t packed[] = {10, 0, 20, 1};
    uint64_t data[2] = {7, 7};

    assert_false(drv_query_scatter(packed, 2, 1, data, 8, VK_QUERY_RESULT_64_BIT));
    assert_int_equal(data[0], 7);
    assert_int_equal(data[1], 20);
}

TEST(partial_values_are_written_and_availability_tells)
{
    const uint32_t packed[] = {10, 11, 0, 20, 21, 1};
    uint32_t data[6] = {0};

    assert_false(
        drv_query_scatter(packed, 2, 2, data, 12,
                          VK_QUERY_RESULT_PARTIAL_BIT | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT));
    assert_memory_equal(data, packed, sizeof(data));
}

TEST(statistics_have_as_many_values_as_bits)
{
    const VkQueryPoolCreateInfo info = {
        .queryType = VK_QUERY_TYPE_PIPELINE_STATISTICS,
        .pipelineStatistics = VK_QUERY_PIPELINE_STATISTIC_VERTEX_SHADER_INVOCATIONS_BIT |
                              VK_QUERY_PIPELINE_STATISTIC_CLIPPING_PRIMITIVES_BIT |
                              VK_QUERY_PIPELINE_STATISTIC_COMPUTE_SHADER_INVOCATIONS_BIT,
    };
    assert_int_equal(drv_query_value_count(&info), 3);
}

TEST(sizes_of_acceleration_structures_are_one_value)
{
    const VkQueryPoolCreateInfo khr = {
        .queryType = VK_QUERY_TYPE_ACCELERATION_STRUCTURE_COMPACTED_SIZE_KHR,
    };
    const VkQueryPoolCreateInfo nv = {
        .queryType = VK_QUERY_TYPE_ACCELERATION_STRUCTURE_COMPACTED_SIZE_NV,
    };
    assert_int_equal(drv_query_value_count(&khr), 1);
    assert_int_equal(drv_query_value_count(&nv), 1);
}
