/* Private data: values that an application or a layer attaches to objects. Nothing of it crosses
 * the wire. Any thread. */
#ifndef DRV_PRIVATE_DATA_H
#define DRV_PRIVATE_DATA_H

#include <stdint.h>

/* The object with that id is being destroyed. Costs a load while nobody has attached anything. */
void drv_private_data_forget(uint64_t id);

#endif
