/* QEMU's command line. */
#include <stdio.h>
#include <string.h>

#include "tools/vm/vm.h"

#if defined(__aarch64__)
#define QEMU "qemu-system-aarch64"
#else
#define QEMU "qemu-system-x86_64"
#endif

static void
add(struct vm_command *command, const char *word)
{
    command->words[command->count++] = word;
}

/* The next text, as a word. */
static char *
add_text(struct vm_command *command)
{
    char *text = command->text[command->text_count++];

    add(command, text);
    return text;
}

static bool
has_option(char *const *rest, const char *name)
{
    for (; *rest; rest++) {
        if (strcmp(*rest, name) == 0) {
            return true;
        }
    }
    return false;
}

bool
vm_command_build(const struct vm_options *options, const struct vm_host *host,
                 struct vm_command *out)
{
    size_t size = sizeof(out->text[0]);

    out->count = out->text_count = 0;
    add(out, options->qemu ? options->qemu : QEMU);
    if (!has_option(options->rest, "-accel") && !has_option(options->rest, "-enable-kvm")) {
        add(out, "-accel");
        add(out, host->kvm ? "kvm" : "tcg,thread=multi");
    }
    if (!has_option(options->rest, "-cpu")) {
        add(out, "-cpu");
        add(out, host->kvm ? "host" : "max");
    }
    /* Shared, so that a guest's own buffers can be shown without a copy. */
    add(out, "-m");
    snprintf(add_text(out), size, "%s", options->memory);
    add(out, "-object");
    snprintf(add_text(out), size, "memory-backend-memfd,id=vesper-ram,share=on,size=%s",
             options->memory);
    add(out, "-machine");
    snprintf(add_text(out), size, "%s,memory-backend=vesper-ram", host->machine);
    add(out, "-vga");
    add(out, "none");
    add(out, "-device");
    /* With event indices QEMU can miss a notification on a busy host: docs/qemu.md. */
    snprintf(add_text(out), size, "virtio-gpu-gl-pci,venus=on,blob=on,event_idx=off,hostmem=%s",
             options->hostmem);
    add(out, "-display");
    add(out, host->display);
    for (char **word = options->rest; *word; word++) {
        if (out->count >= VM_MAX_WORDS - 1) {
            return false;
        }
        add(out, *word);
    }
    out->words[out->count] = NULL;
    return true;
}
