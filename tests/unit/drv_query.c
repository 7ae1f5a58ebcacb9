#include "tests/unit/test.h"

#include <string.h>

#include "driver/query.h"

static const struct drv_query_pool one_value = {.value_count = 1};

TEST(values_of_available_queries_arrive_where_the_stride_says)
{
    const uint32_t packed[] = {10, 1, 20, 1};
    uint32_t data[6] = {7, 7, 7, 7, 7, 7};

    assert_true(drv_query_scatter(packed, 2, &one_value, data, 12, 0));
    const uint32_t expected[6] = {10, 7, 7, 20, 7, 7};
    assert_memory_equal(data, expected, sizeof(data));
}

TEST(values_of_unavailable_queries_are_left_alone)
{
    const uint64_t packed[] = {10, 0, 20, 1};
    uint64_t data[2] = {7, 7};

    assert_false(drv_query_scatter(packed, 2, &one_value, data, 8, VK_QUERY_RESULT_64_BIT));
    assert_int_equal(data[0], 7);
    assert_int_equal(data[1], 20);
}

TEST(partial_values_are_written_and_availability_tells)
{
    const uint32_t packed[] = {10, 11, 0, 20, 21, 1};
    const struct drv_query_pool pool = {.value_count = 2};
    uint32_t data[6] = {0};

    assert_false(
        drv_query_scatter(packed, 2, &pool, data, 12,
                          VK_QUERY_RESULT_PARTIAL_BIT | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT));
    assert_memory_equal(data, packed, sizeof(data));
}

/* Feedback on an encoded picture: two values, the status, and two for each of two partitions. */
TEST(a_status_is_no_value_and_parts_come_behind_it)
{
    const uint32_t packed[] = {10, 11, 1, 12, 13, 14, 15, 20, 21, 0, 22, 23, 24, 25};
    const struct drv_query_pool pool = {.value_count = 2, .tail_count = 4};
    uint32_t with[14], without[12];
    memset(with, 7, sizeof(with));
    memset(without, 7, sizeof(without));

    assert_false(
        drv_query_scatter(packed, 2, &pool, with, 28, VK_QUERY_RESULT_WITH_STATUS_BIT_KHR));
    assert_memory_equal(with, packed, 28);
    assert_int_equal(with[9], 0); /* not ready: nothing else is written */
    assert_int_equal(with[7], 0x07070707);
    assert_int_equal(with[13], 0x07070707);

    assert_false(drv_query_scatter(packed, 2, &pool, without, 24, 0));
    const uint32_t expected[6] = {10, 11, 12, 13, 14, 15};
    assert_memory_equal(without, expected, sizeof(expected));
    assert_int_equal(without[6], 0x07070707);
}

/* An error is negative. */
TEST(a_query_that_failed_is_available)
{
    const int32_t packed[] = {VK_QUERY_RESULT_STATUS_ERROR_KHR};
    const struct drv_query_pool pool = {.has_status = true};
    int32_t status = 7;

    assert_true(
        drv_query_scatter(packed, 1, &pool, &status, 4, VK_QUERY_RESULT_WITH_STATUS_BIT_KHR));
    assert_int_equal(status, VK_QUERY_RESULT_STATUS_ERROR_KHR);
}

TEST(feedback_on_encoded_pictures_has_as_many_values_as_bits)
{
    const VkQueryPoolVideoEncodeFeedbackCreateInfoKHR feedback = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_VIDEO_ENCODE_FEEDBACK_CREATE_INFO_KHR,
        .encodeFeedbackFlags = VK_VIDEO_ENCODE_FEEDBACK_BITSTREAM_BUFFER_OFFSET_BIT_KHR |
                               VK_VIDEO_ENCODE_FEEDBACK_BITSTREAM_BYTES_WRITTEN_BIT_KHR,
    };
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .pNext = &feedback,
        .queryType = VK_QUERY_TYPE_VIDEO_ENCODE_FEEDBACK_KHR,
    };
    assert_int_equal(drv_query_value_count(&info), 2);
    assert_int_equal(drv_query_tail_count(&info), 0);
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
