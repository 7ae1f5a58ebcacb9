/* `vesper info`: the host's Vulkan, what Vesper exposes of it, and why it holds the rest back.
 *
 * It looks at Vulkan from both sides. Each side is a child process that prints what it sees as
 * JSON, one with the host's driver, one below `vesper run`; the parent compares. */
#ifndef INFO_INFO_H
#define INFO_INFO_H

int info_main(int argc, char **argv);

#endif
