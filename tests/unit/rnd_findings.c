#include "renderer/findings.h"

#include <stdio.h>
#include <string.h>

#include "renderer/warm_up.h"
#include "tests/unit/test.h"

static struct rnd_finding_key
key_of(const char *name)
{
    struct rnd_finding_key key;

    memset(&key, 0, sizeof(key));
    snprintf(key.name, sizeof(key.name), "%s", name);
    key.type_count = 2;
    return key;
}

static void
forget_all(void)
{
    struct rnd_findings none;

    memset(&none, 0, sizeof(none));
    rnd_findings_set(&none);
}

static uint32_t
pages_of(const struct rnd_finding_key *key)
{
    struct rnd_memory_abilities abilities;

    return rnd_findings_look_up(key, &abilities) ? abilities.imports_pages : UINT32_MAX;
}

TEST(what_was_added_is_found_and_nothing_else)
{
    struct rnd_finding_key key = key_of("a GPU"), other = key_of("a GPU");

    forget_all();
    assert_int_equal(pages_of(&key), UINT32_MAX);
    rnd_findings_add(&key, &(struct rnd_memory_abilities){.imports_pages = 3});
    assert_int_equal(pages_of(&key), 3);

    other.driver_version++;
    assert_int_equal(pages_of(&other), UINT32_MAX);
    other = key;
    other.type_flags[1] = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    assert_int_equal(pages_of(&other), UINT32_MAX);
    other = key;
    other.device_uuid[VK_UUID_SIZE - 1] = 1;
    assert_int_equal(pages_of(&other), UINT32_MAX);
}

TEST(the_first_answer_stays)
{
    struct rnd_finding_key key = key_of("a GPU");

    forget_all();
    rnd_findings_add(&key, &(struct rnd_memory_abilities){.imports_pages = 1});
    rnd_findings_add(&key, &(struct rnd_memory_abilities){.imports_pages = 2});
    assert_int_equal(pages_of(&key), 1);
}

TEST(more_devices_than_there_is_room_for_are_not_kept)
{
    struct rnd_finding_key keys[RND_MAX_FINDINGS + 1];

    forget_all();
    for (uint32_t i = 0; i <= RND_MAX_FINDINGS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "GPU %u", i);
        keys[i] = key_of(name);
        rnd_findings_add(&keys[i], &(struct rnd_memory_abilities){.imports_pages = i});
    }
    for (uint32_t i = 0; i < RND_MAX_FINDINGS; i++) {
        assert_int_equal(pages_of(&keys[i]), i);
    }
    assert_int_equal(pages_of(&keys[RND_MAX_FINDINGS]), UINT32_MAX);
}

TEST(another_process_finds_what_this_one_sent)
{
    struct rnd_finding_key key = key_of("a GPU");
    struct rnd_findings sent;

    forget_all();
    rnd_findings_add(&key, &(struct rnd_memory_abilities){.imports_pages = 5});
    rnd_findings_get(&sent);
    forget_all();
    assert_int_equal(pages_of(&key), UINT32_MAX);
    rnd_findings_set(&sent);
    assert_int_equal(pages_of(&key), 5);
}

TEST(nonsense_is_taken_as_nothing)
{
    struct rnd_finding_key key = key_of("a GPU");
    struct rnd_findings nonsense;

    memset(&nonsense, 0xff, sizeof(nonsense));
    rnd_findings_set(&nonsense);
    assert_int_equal(pages_of(&key), UINT32_MAX);
    rnd_findings_add(&key, &(struct rnd_memory_abilities){.imports_pages = 1});
    assert_int_equal(pages_of(&key), 1);
}
