/* Keeps the host's drivers and layers in this process. A loader unloads them with the last instance
 * that uses them, yet drivers start threads of their own and register what runs at exit; loading
 * them again costs every later instance tens of milliseconds; and what they keep in globals looks
 * lost to a leak checker once the globals are gone. Any thread may call, at any time. */
#ifndef RND_HOST_LIBRARIES_H
#define RND_HOST_LIBRARIES_H

/* Whatever is loaded now stays until the process ends. */
void rnd_keep_libraries_loaded(void);

#endif
