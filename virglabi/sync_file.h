/* Sync files of the host's kernel that have signalled, for whoever wants nothing else. Pending ones
 * come from the workers' Vulkan drivers: no program but a driver may promise the kernel that a
 * fence signals in the end. Any thread. */
#ifndef ABI_SYNC_FILE_H
#define ABI_SYNC_FILE_H

#include "base/attributes.h"

/* The caller's; -1: no render node of the host that may be opened has syncobjs. */
BASE_MUST_CHECK int abi_sync_file_export_signalled(void);

#endif
