/* Preloaded into a render server: the system calls that crosvm's jail refuses end the process, as
 * there. The filter is installed when the program is loaded, which is when crosvm's takes effect.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARGUMENT(n) LOAD(args[n]) /* the lower half, on little-endian machines */
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define SKIP_IF(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (count), 0)
#define SKIP_IF_ANY(bits, count) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (count), 0)
#define FORBID(name) SKIP_UNLESS(SYS_##name, 1), KILL

static struct sock_filter filter[] = {
    LOAD(nr),
    FORBID(execve),
    FORBID(execveat),
    FORBID(dup3),
    FORBID(wait4),
    FORBID(accept),
    FORBID(accept4),
    FORBID(bind),
    FORBID(listen),
    FORBID(timerfd_create),
    FORBID(timerfd_settime),
    FORBID(pidfd_open),
    FORBID(pidfd_send_signal),
    FORBID(seccomp),
    FORBID(setpgid),
    FORBID(prlimit64),
    FORBID(mlock),
    FORBID(msync),
    FORBID(close_range),
    FORBID(pread64),
    FORBID(pwrite64),
    FORBID(process_vm_readv),
    FORBID(process_vm_writev),
    /* Not known to be allowed. */
    FORBID(shutdown),
    FORBID(getppid),
    FORBID(setsockopt),
    FORBID(getsockopt),
    /* Allowed with some arguments only. */
    SKIP_UNLESS(SYS_socketpair, 4),
    LOAD_ARGUMENT(1),
    SKIP_IF(SOCK_SEQPACKET | SOCK_CLOEXEC, 1),
    KILL,
    ALLOW,
    SKIP_UNLESS(SYS_prctl, 5),
    LOAD_ARGUMENT(0),
    SKIP_IF(PR_SET_NAME, 2),
    SKIP_IF(PR_SET_PDEATHSIG, 1),
    KILL,
    ALLOW,
    SKIP_UNLESS(SYS_mprotect, 4),
    LOAD_ARGUMENT(2),
    SKIP_IF_ANY(PROT_EXEC, 1),
    ALLOW,
    KILL,
    SKIP_UNLESS(SYS_madvise, 8),
    LOAD_ARGUMENT(2),
    SKIP_IF(MADV_DONTNEED, 5),
    SKIP_IF(MADV_DONTDUMP, 4),
    SKIP_IF(MADV_REMOVE, 3),
    SKIP_IF(MADV_MERGEABLE, 2),
    SKIP_IF(MADV_FREE, 1),
    KILL,
    ALLOW,
    SKIP_UNLESS(SYS_fcntl, 10),
    LOAD_ARGUMENT(1),
    SKIP_IF(F_GETFD, 7),
    SKIP_IF(F_SETFD, 6),
    SKIP_IF(F_GETFL, 5),
    SKIP_IF(F_SETFL, 4),
    SKIP_IF(F_DUPFD_CLOEXEC, 3),
    SKIP_IF(F_ADD_SEALS, 2),
    SKIP_IF(F_GET_SEALS, 1),
    KILL,
    ALLOW,
    ALLOW,
};

__attribute__((constructor)) static void
enter_jail(void)
{
    struct sock_fprog program = {
        .len = sizeof(filter) / sizeof(filter[0]),
        .filter = filter,
    };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(77); /* no filters here */
    }
}
