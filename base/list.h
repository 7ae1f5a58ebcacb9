/* Intrusive doubly linked list. The owner embeds `struct base_list` twice: once as the head, once
 * as the link in each element. Not thread safe; the field's comment names the lock. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

struct base_list {
    struct base_list *prev, *next;
};

static inline void
base_list_init(struct base_list *list)
{
    list->prev = list->next = list;
}

static inline bool
base_list_empty(const struct base_list *list)
{
    return list->next == list;
}

/* Appends `link` at the end. */
static inline void
base_list_push(struct base_list *list, struct base_list *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

/* Unlinks; the link is then an empty list of its own, so removing it again is harmless. */
static inline void
base_list_remove(struct base_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    base_list_init(link);
}

#define base_list_entry(link, type, member) BASE_CONTAINER_OF(link, type, member)

#define base_list_for_each(it, list, type, member)                                                 \
    for (type *it = base_list_entry((list)->next, type, member); &it->member != (list);            \
         it = base_list_entry(it->member.next, type, member))

/* As above; `it` may be removed and freed in the body. */
#define base_list_for_each_safe(it, list, type, member)                                            \
    for (type *it = base_list_entry((list)->next, type, member),                                   \
              *it##_next = base_list_entry(it->member.next, type, member);                         \
         &it->member != (list);                                                                    \
         it = it##_next, it##_next = base_list_entry(it##_next->member.next, type, member))

#endif
