/* System calls that fail on command, through LD_PRELOAD: the n-th call of a process tree that touches the folders under test.
 *
 * A state file, shared by all processes of the tree, says which fault is armed and for which call, and counts the calls. Its
 * name, and the folders, come by environment (FAILING_STATE, FAILING_ROOTS) or, in a process that was forked, by
 * failing_attach. Counted is what makes, changes or opens something below the folders, what goes to a socket, what starts a
 * process or a thread, and what takes MEMORY bytes or more at once. Not seen: system calls made without libc, and what libc
 * does for itself (the writes of a FILE, the stack of a thread).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FULL, FILES, BROKEN, MEMORY_OUT, SHORT, KILL, FAULTS };
#define F(fault) (1u << (fault))
#define MEMORY (1u << 18)

struct state {
    int32_t fault, fired;        /* fault: -1 counts alone */
    int64_t target;
    _Atomic int64_t counts[FAULTS];
    int64_t main_pid;            /* the command's own process */
    int64_t fired_pid;
    char what[512];
    int32_t log;                 /* whether each call is written to NAME.log */
};

static struct state *state;
static char roots[4][PATH_MAX];
static int root_count, log_fd = -1;
static __thread int inside;
static _Atomic uint64_t ours[1024]; /* descriptors below the folders, a bit each */

static long raw(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long),
         e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    return syscall(number, a, b, c, d, e, f);
}

static int below(const char *path) {
    for (int i = 0; i < root_count; i++) {
        size_t length = strlen(roots[i]);
        if (!strncmp(path, roots[i], length) && (path[length] == '/' || !path[length])) return 1;
    }
    return 0;
}

static int path_of(int fd, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = raw(SYS_readlink, link, into, (long)PATH_MAX - 1);
    if (length <= 0) return 0;
    into[length] = 0;
    return 1;
}

static int concerns(int folder, const char *path) {
    char whole[2 * PATH_MAX], start[PATH_MAX];
    if (!state || !path) return 0;
    if (*path == '/') return below(path);
    if (folder == AT_FDCWD) {
        if (raw(SYS_getcwd, start, (long)sizeof start) <= 0) return 0;
    } else if (!path_of(folder, start)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", start, path);
    return below(whole);
}

static void mark(int fd, int on) {
    if (fd < 0 || fd >= 65536) return;
    if (on) atomic_fetch_or(&ours[fd / 64], 1ull << (fd % 64));
    else atomic_fetch_and(&ours[fd / 64], ~(1ull << (fd % 64)));
}

static int is_ours(int fd) {
    return state && fd >= 0 && fd < 65536 && (atomic_load(&ours[fd / 64]) >> (fd % 64) & 1);
}

static int is_socket(int fd) {
    struct stat found;
    return state && !fstat(fd, &found) && S_ISSOCK(found.st_mode);
}

/* Count a call to which the faults of `mask` can happen; the fault that happens to this one, or -1. */
static int count(unsigned mask, const char *name, const char *path) {
    if (!state || inside) return -1;
    inside = 1;
    int happens = -1, kept = errno;
    for (int fault = 0; fault < FAULTS; fault++) {
        if (!(mask & F(fault))) continue;
        int64_t turn = atomic_fetch_add(&state->counts[fault], 1) + 1;
        if (fault != state->fault) continue;
        /* A disk that is full stays full; every other fault happens once. */
        if (turn == state->target || (fault == FULL && state->target > 0 && turn > state->target)) happens = fault;
    }
    if (log_fd >= 0) {
        char line[PATH_MAX + 128];
        int length = snprintf(line, sizeof line, "%d %s %s %u\n", getpid(), name, path ? path : "", mask);
        raw(SYS_write, (long)log_fd, line, (long)length);
    }
    if (happens >= 0 && !state->fired) {
        state->fired = 1;
        state->fired_pid = getpid();
        snprintf(state->what, sizeof state->what, "%s %s", name, path ? path : "");
    }
    if (happens == KILL) raw(SYS_kill, (long)getpid(), (long)SIGKILL);
    errno = kept;
    inside = 0;
    return happens;
}

static int code(int fault) {
    switch (fault) {
    case FULL: return ENOSPC;
    case FILES: return EMFILE;
    case BROKEN: return EIO;
    default: return ENOMEM;
    }
}

static int fails(unsigned mask, const char *name, const char *path) {
    int fault = count(mask, name, path);
    if (fault < 0) return 0;
    errno = code(fault);
    return 1;
}

static int fails_on(int fd, unsigned mask, const char *name) {
    char path[PATH_MAX] = "";
    if (!state || !path_of(fd, path)) return 0;
    return fails(mask, name, path);
}

static void use(const char *file, const char *folders, int scan) {
    inside = 1;
    long fd = raw(SYS_openat, (long)AT_FDCWD, file, (long)(O_RDWR | O_CLOEXEC), 0l);
    if (fd >= 0) {
        void *place = (void *)raw(SYS_mmap, 0l, (long)sizeof *state, (long)(PROT_READ | PROT_WRITE), (long)MAP_SHARED, fd, 0l);
        raw(SYS_close, fd);
        root_count = 0;
        char copy[4 * PATH_MAX];
        snprintf(copy, sizeof copy, "%s", folders);
        for (char *rest = copy, *one; root_count < 4 && (one = strsep(&rest, ":"));)
            if (*one) snprintf(roots[root_count++], PATH_MAX, "%s", one);
        if ((long)place > 0) state = place;
        if (state && state->log) {
            char name[PATH_MAX];
            snprintf(name, sizeof name, "%s.log", file);
            log_fd = (int)raw(SYS_openat, (long)AT_FDCWD, name, (long)(O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC), 0644l);
        }
        for (int open_fd = 0; scan && open_fd < 1024; open_fd++) {
            char path[PATH_MAX];
            if (path_of(open_fd, path)) mark(open_fd, below(path));
        }
    }
    inside = 0;
}

void failing_attach(const char *file, const char *folders) { use(file, folders, 1); }

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAILING_STATE"), *folders = getenv("FAILING_ROOTS");
    if (file && folders) use(file, folders, 1);
}

#define NEXT(name) static __typeof__(name) *next; if (!next) { inside++; next = dlsym(RTLD_NEXT, #name); inside--; }

#define MADE (F(FULL) | F(BROKEN) | F(MEMORY_OUT) | F(KILL))
#define OPENED (F(FILES) | F(BROKEN) | F(MEMORY_OUT) | F(KILL))
#define WRITTEN (F(FULL) | F(BROKEN) | F(SHORT) | F(KILL))
#define SYNCED (F(FULL) | F(BROKEN) | F(KILL))
#define GONE (F(BROKEN) | F(KILL))
#define SENT (F(BROKEN) | F(MEMORY_OUT) | F(SHORT) | F(KILL))
#define STARTED (F(MEMORY_OUT) | F(KILL))

static unsigned opening(int flags) {
    return OPENED | ((flags & (O_CREAT | O_TRUNC)) ? F(FULL) : 0);
}

#define OPEN(name, at, list, call)                                                                         \
    int name list {                                                                                        \
        NEXT(name)                                                                                         \
        mode_t mode = 0;                                                                                   \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
        int known = concerns(at, path);                                                                    \
        if (known && fails(opening(flags), "open", path)) return -1;                                       \
        int fd = next call;                                                                                \
        mark(fd, known);                                                                                   \
        return fd;                                                                                         \
    }
OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPEN(openat64, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open64(path, flags); }
int __openat_2(int at, const char *path, int flags) { return openat(at, path, flags); }
int __openat64_2(int at, const char *path, int flags) { return openat64(at, path, flags); }
int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

#define FOPEN(name)                                                                                        \
    FILE *name(const char *path, const char *how) {                                                        \
        NEXT(name)                                                                                         \
        int known = concerns(AT_FDCWD, path);                                                              \
        if (known && fails(opening(*how == 'r' ? 0 : O_CREAT), "fopen", path)) return NULL;                \
        FILE *file = next(path, how);                                                                      \
        if (file) mark(fileno(file), known);                                                               \
        return file;                                                                                       \
    }
FOPEN(fopen)
FOPEN(fopen64)

int close(int fd) { NEXT(close) mark(fd, 0); return next(fd); }
int dup(int fd) { NEXT(dup) int copy = next(fd); mark(copy, is_ours(fd)); return copy; }
int dup2(int fd, int to) { NEXT(dup2) int copy = next(fd, to); mark(copy, is_ours(fd)); return copy; }
int dup3(int fd, int to, int flags) { NEXT(dup3) int copy = next(fd, to, flags); mark(copy, is_ours(fd)); return copy; }

/* A write that fails, or of which the first half is done. */
#define WRITE(name, list, call, half)                                                                      \
    ssize_t name list {                                                                                    \
        NEXT(name)                                                                                         \
        if (is_ours(fd)) {                                                                                 \
            char path[PATH_MAX] = "";                                                                      \
            path_of(fd, path);                                                                             \
            int fault = count(WRITTEN, #name, path);                                                       \
            if (fault == SHORT) return size > 1 ? next half : next call;                                   \
            if (fault >= 0) { errno = code(fault); return -1; }                                            \
        }                                                                                                  \
        return next call;                                                                                  \
    }
WRITE(write, (int fd, const void *data, size_t size), (fd, data, size), (fd, data, size / 2))
WRITE(pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), (fd, data, size / 2, at))
WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), (fd, data, size / 2, at))
WRITE(writev, (int fd, const struct iovec *data, int size), (fd, data, size), (fd, data, size / 2))
WRITE(sendfile, (int fd, int from, off_t *at, size_t size), (fd, from, at, size), (fd, from, at, size / 2))
WRITE(sendfile64, (int fd, int from, off64_t *at, size_t size), (fd, from, at, size), (fd, from, at, size / 2))
ssize_t copy_file_range(int from, off64_t *a, int fd, off64_t *b, size_t size, unsigned flags) {
    NEXT(copy_file_range)
    if (is_ours(fd)) {
        int fault = count(WRITTEN, "copy_file_range", "");
        if (fault == SHORT) size = size > 1 ? size / 2 : size;
        else if (fault >= 0) { errno = code(fault); return -1; }
    }
    return next(from, a, fd, b, size, flags);
}

int fsync(int fd) { NEXT(fsync) return is_ours(fd) && fails_on(fd, SYNCED, "fsync") ? -1 : next(fd); }
int fdatasync(int fd) { NEXT(fdatasync) return is_ours(fd) && fails_on(fd, SYNCED, "fdatasync") ? -1 : next(fd); }
int ftruncate(int fd, off_t size) { NEXT(ftruncate) return is_ours(fd) && fails_on(fd, SYNCED, "ftruncate") ? -1 : next(fd, size); }
int ftruncate64(int fd, off64_t size) { NEXT(ftruncate64) return is_ours(fd) && fails_on(fd, SYNCED, "ftruncate") ? -1 : next(fd, size); }
int posix_fallocate(int fd, off_t at, off_t size) {
    NEXT(posix_fallocate)
    return is_ours(fd) && fails_on(fd, SYNCED, "posix_fallocate") ? errno : next(fd, at, size);
}
int posix_fallocate64(int fd, off64_t at, off64_t size) {
    NEXT(posix_fallocate64)
    return is_ours(fd) && fails_on(fd, SYNCED, "posix_fallocate") ? errno : next(fd, at, size);
}

#define PLACE(name, mask, list, at, path, call) \
    int name list { NEXT(name) return concerns(at, path) && fails(mask, #name, path) ? -1 : next call; }
PLACE(rename, MADE, (const char *from, const char *to), AT_FDCWD, to, (from, to))
PLACE(renameat, MADE, (int a, const char *from, int b, const char *to), b, to, (a, from, b, to))
PLACE(renameat2, MADE, (int a, const char *from, int b, const char *to, unsigned flags), b, to, (a, from, b, to, flags))
PLACE(link, MADE, (const char *from, const char *to), AT_FDCWD, to, (from, to))
PLACE(linkat, MADE, (int a, const char *from, int b, const char *to, int flags), b, to, (a, from, b, to, flags))
PLACE(symlink, MADE, (const char *from, const char *to), AT_FDCWD, to, (from, to))
PLACE(symlinkat, MADE, (const char *from, int b, const char *to), b, to, (from, b, to))
PLACE(mkdir, MADE, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
PLACE(mkdirat, MADE, (int at, const char *path, mode_t mode), at, path, (at, path, mode))
PLACE(truncate, SYNCED, (const char *path, off_t size), AT_FDCWD, path, (path, size))
PLACE(truncate64, SYNCED, (const char *path, off64_t size), AT_FDCWD, path, (path, size))
PLACE(unlink, GONE, (const char *path), AT_FDCWD, path, (path))
PLACE(unlinkat, GONE, (int at, const char *path, int flags), at, path, (at, path, flags))
PLACE(rmdir, GONE, (const char *path), AT_FDCWD, path, (path))
PLACE(chmod, GONE, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
PLACE(remove, GONE, (const char *path), AT_FDCWD, path, (path))

/* To a socket EIO stands for a connection that broke. */
static int unsent(int fd, const char *name, size_t *size) {
    if (!is_socket(fd)) return 0;
    int fault = count(SENT, name, "");
    if (fault == SHORT) *size = *size > 1 ? *size / 2 : *size;
    else if (fault >= 0) { errno = fault == BROKEN ? ECONNRESET : ENOBUFS; return 1; }
    return 0;
}
ssize_t send(int fd, const void *data, size_t size, int flags) {
    NEXT(send) return unsent(fd, "send", &size) ? -1 : next(fd, data, size, flags);
}
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    NEXT(sendto) return unsent(fd, "sendto", &size) ? -1 : next(fd, data, size, flags, to, length);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    size_t size = 1;
    NEXT(sendmsg) return unsent(fd, "sendmsg", &size) ? -1 : next(fd, message, flags);
}
int connect(int fd, const struct sockaddr *to, socklen_t length) {
    NEXT(connect)
    int fault = state && to->sa_family != AF_UNIX ? count(SENT & ~F(SHORT), "connect", "") : -1;
    if (fault < 0) return next(fd, to, length);
    errno = fault == BROKEN ? ECONNREFUSED : ENOBUFS;
    return -1;
}
int socket(int family, int type, int protocol) {
    NEXT(socket) return state && fails(F(FILES) | F(MEMORY_OUT), "socket", "") ? -1 : next(family, type, protocol);
}
int pipe2(int ends[2], int flags) { NEXT(pipe2) return state && fails(F(FILES), "pipe2", "") ? -1 : next(ends, flags); }
int pipe(int ends[2]) { NEXT(pipe) return state && fails(F(FILES), "pipe", "") ? -1 : next(ends); }

static int not_started(const char *name) {
    if (!state || !fails(STARTED, name, "")) return 0;
    errno = EAGAIN;
    return 1;
}
pid_t fork(void) { NEXT(fork) return not_started("fork") ? -1 : next(); }
pid_t vfork(void) { return fork(); } /* a function cannot call vfork for its caller */
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *how,
                char *const arguments[], char *const environment[]) {
    NEXT(posix_spawn) return not_started("posix_spawn") ? EAGAIN : next(pid, path, actions, how, arguments, environment);
}
int posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *how,
                 char *const arguments[], char *const environment[]) {
    NEXT(posix_spawnp) return not_started("posix_spawnp") ? EAGAIN : next(pid, path, actions, how, arguments, environment);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*main)(void *), void *with) {
    NEXT(pthread_create) return not_started("pthread_create") ? EAGAIN : next(thread, how, main, with);
}

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
static int no_memory(size_t size, const char *name) {
    return size >= MEMORY && state && !inside && fails(F(MEMORY_OUT) | F(KILL), name, "");
}
void *malloc(size_t size) { return no_memory(size, "malloc") ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return no_memory(count * size, "calloc") ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return no_memory(size, "realloc") ? NULL : __libc_realloc(old, size); }
void *memalign(size_t unit, size_t size) { return no_memory(size, "memalign") ? NULL : __libc_memalign(unit, size); }
void *aligned_alloc(size_t unit, size_t size) { return memalign(unit, size); }
int posix_memalign(void **into, size_t unit, size_t size) {
    void *found = memalign(unit, size);
    if (!found) return ENOMEM;
    *into = found;
    return 0;
}
static int unmapped(size_t size, int flags, int fd) {
    if (!state || inside) return 0;
    if (flags & MAP_ANONYMOUS) return size >= MEMORY && fails(F(MEMORY_OUT) | F(KILL), "mmap", "anonymous");
    return is_ours(fd) && fails_on(fd, F(MEMORY_OUT) | F(KILL), "mmap");
}
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t from) {
    if (unmapped(size, flags, fd)) return MAP_FAILED;
    return (void *)raw(SYS_mmap, at, size, (long)protection, (long)flags, (long)fd, from);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t from) {
    return mmap(at, size, protection, flags, fd, from);
}
