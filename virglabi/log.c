#include "virglabi/log.h"

#include <pthread.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all below; held around the callbacks */
static virgl_debug_callback_type debug_callback;
static virgl_log_callback_type log_callback;
static void *log_user;
static virgl_free_data_callback_type log_free_user;

static enum virgl_log_level_flags
level_of(enum base_log_level level)
{
    switch (level) {
    case BASE_LOG_ERROR: return VIRGL_LOG_LEVEL_ERROR;
    case BASE_LOG_WARN: return VIRGL_LOG_LEVEL_WARNING;
    case BASE_LOG_INFO: return VIRGL_LOG_LEVEL_INFO;
    default: return VIRGL_LOG_LEVEL_DEBUG;
    }
}

static void call_debug_callback(const char *format, ...) BASE_PRINTF(1, 2);

static void
call_debug_callback(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    debug_callback(format, args);
    va_end(args);
}

static void
pass_on(enum base_log_level level, const char *message)
{
    pthread_mutex_lock(&lock);
    if (log_callback) {
        log_callback(level_of(level), message, log_user);
    } else if (debug_callback) {
        call_debug_callback("%s\n", message);
    }
    pthread_mutex_unlock(&lock);
}

static void
choose_sink_locked(void)
{
    base_log_set_sink(log_callback || debug_callback ? pass_on : NULL);
}

virgl_debug_callback_type
abi_log_set_debug_callback(virgl_debug_callback_type callback)
{
    pthread_mutex_lock(&lock);
    virgl_debug_callback_type before = debug_callback;
    debug_callback = callback;
    choose_sink_locked();
    pthread_mutex_unlock(&lock);
    return before;
}

void
abi_log_set_callback(virgl_log_callback_type callback, void *user,
                     virgl_free_data_callback_type free_user)
{
    pthread_mutex_lock(&lock);
    void *user_before = log_user;
    virgl_free_data_callback_type free_before = log_free_user;
    log_callback = callback;
    log_user = user;
    log_free_user = free_user;
    choose_sink_locked();
    pthread_mutex_unlock(&lock);
    if (free_before) {
        free_before(user_before);
    }
}
