/* Reports of addresses, as far as a host without them goes; tests/apps/addresses.c has one. */
#include <stdlib.h>
#include <string.h>

#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

#define INSTANCE(guest) GUEST_HANDLE(VkInstance, &(guest)->objects.instance)

static void
begin(struct guest *guest, bool with_debug_utils)
{
    const char *const names[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .enabledExtensionCount = with_debug_utils,
        .ppEnabledExtensionNames = names,
    };
    if (!getenv("VESPER_HOST_DRIVER") && !getenv("VK_DRIVER_FILES")) {
        skip();
    }
    guest_begin(guest);
    VkInstance instance = INSTANCE(guest);
    GUEST_ASK(guest, vkCreateInstance, &info, NULL, &instance);
    assert_int_equal(guest_result(guest), VK_SUCCESS);
}

static void
collect(struct guest *guest, VkBool32 on)
{
    GUEST_ASK(guest, vkCollectAddressBindingsVESPER, INSTANCE(guest), on);
    guest_assert_alive(guest);
    assert_int_equal(guest_result(guest), VK_SUCCESS);
}

static void
expect_none(struct guest *guest)
{
    VkAddressBindingVESPER bindings[2];
    uint32_t lost = 1, count = 2;
    GUEST_ASK(guest, vkTakeAddressBindingsVESPER, INSTANCE(guest), &lost, &count, bindings);
    guest_assert_alive(guest);
    struct wire_reader in = wire_reader_over(guest->reply, GUEST_MEMORY_SIZE);
    assert_int_equal(proto_decode_reply_vkTakeAddressBindingsVESPER(&in, INSTANCE(guest), &lost,
                                                                    &count, bindings),
                     VK_SUCCESS);
    assert_int_equal(lost, 0);
    assert_int_equal(count, 0);
}

TEST(a_guest_may_ask_at_any_time)
{
    struct guest guest;
    begin(&guest, true);
    expect_none(&guest);
    collect(&guest, VK_TRUE);
    expect_none(&guest);
    collect(&guest, VK_FALSE);
    expect_none(&guest);
    guest_end(&guest);
}

TEST(twice_is_once_and_the_end_comes_with_the_instance)
{
    struct guest guest;
    begin(&guest, true);
    collect(&guest, VK_FALSE);
    collect(&guest, VK_TRUE);
    collect(&guest, VK_TRUE);
    guest_end(&guest);
}

TEST(an_instance_without_debug_utils_reports_nothing)
{
    struct guest guest;
    begin(&guest, false);
    GUEST_ASK(&guest, vkCollectAddressBindingsVESPER, INSTANCE(&guest), VK_TRUE);
    guest_assert_fatal(&guest, "vkCollectAddressBindingsVESPER: the host driver has no such");
    guest_end(&guest);
}
