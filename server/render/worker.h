/* One context's process: executes what the library sends until it hangs up. */
#ifndef SRV_RENDER_WORKER_H
#define SRV_RENDER_WORKER_H

struct srv_render_worker_info {
    int socket, page_fd, event_fd; /* taken over */
    const char *name;              /* for messages, which put "context" before it */
};

/* Returns when the library has hung up and the context is torn down; ends the process instead if
 * the host driver does not let that happen within a second. */
void srv_render_worker_run(const struct srv_render_worker_info *info);

#endif
