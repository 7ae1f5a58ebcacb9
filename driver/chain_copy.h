/* Private copies of pNext chains, to leave structures out or change members without touching the
 * application's memory. Single thread. */
#ifndef DRV_CHAIN_COPY_H
#define DRV_CHAIN_COPY_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/scratch.h"

/* Shallow copies of the chain's structures, in order. Those that the protocol does not know are
 * left out; the encoder would skip them anyway. *out is NULL for an empty chain. False: out of
 * memory. */
BASE_MUST_CHECK bool drv_chain_copy(struct drv_scratch *scratch, const void *chain, void **out);
/* Unlinks every structure of that type from a copied chain. */
void drv_chain_remove(void **chain, VkStructureType type);

#endif
