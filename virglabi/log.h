/* Messages go to the machine monitor's callback if it has set one, to standard error otherwise. */
#ifndef ABI_LOG_H
#define ABI_LOG_H

#include "virglabi/virgl/virglrenderer.h"

virgl_debug_callback_type abi_log_set_debug_callback(virgl_debug_callback_type callback);
void abi_log_set_callback(virgl_log_callback_type callback, void *user,
                          virgl_free_data_callback_type free_user);

#endif
