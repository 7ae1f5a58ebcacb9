/* The end of a device or an instance, with all below it, while other rings may be at work on it.
 *
 * Whoever takes the object out of the table first does it, and is the only one. Then everybody who
 * may have looked up something of it gets the time to finish the command he is in; only after that
 * is anything destroyed. The waiting thread counts as idle meanwhile, so that two of them do not
 * wait for each other. */
#ifndef RND_TEARDOWN_H
#define RND_TEARDOWN_H

#include <stdbool.h>

#include "base/attributes.h"
#include "renderer/object.h"

struct rnd_call;
struct rnd_context;

/* For vkDestroyDevice and vkDestroyInstance: the call's leading object. The call holds no object
 * afterwards. Fails the call if another ring does the same, or stays at work for too long; what has
 * been taken then waits for the context's end. */
void rnd_teardown(struct rnd_call *call);
/* What is left when no ring and no other thread uses the context any more. */
void rnd_teardown_rest(struct rnd_context *ctx);

#endif
