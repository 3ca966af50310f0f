/* A disk that fails or forgets, between the server and the kernel (LD_PRELOAD).
 *
 * EMIT_DISK_DIR   the data folder; only emit.db, emit.db-wal and the folder itself are looked at
 * EMIT_DISK_FAIL  while this file exists, every sync fails with EIO; if it says "database", only that file's
 * EMIT_DISK_LOG   every change, and every sync that went well, is appended here; no real sync is made. disk.py
 *                 makes of it what a power loss leaves.
 *
 * A record: operation, file, length, offset (see struct record), then the data. One lock orders all records, and a
 * change is logged before it is made: at most the last one was never made.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { NONE, DATABASE, LOG, FOLDER };
enum { WRITE = 'w', TRUNCATE = 't', BEGIN_SYNC = 'b', SYNC = 's', CREATE = 'c', UNLINK = 'u' };

/* A sync takes its time, so that many a crash falls into one. */
enum { SYNC_MICROSECONDS = 4000 };

struct record {
    uint8_t operation, file;
    uint16_t unused;
    uint32_t length;
    uint64_t offset;
};

#define FDS 65536
static uint8_t files[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static uint64_t syncs;
static char folder[4096];
static const char *fail;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void) {
    const char *given = getenv("EMIT_DISK_DIR"), *log = getenv("EMIT_DISK_LOG");
    if (given) strncpy(folder, given, sizeof folder - 1);
    fail = getenv("EMIT_DISK_FAIL");
    if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int which(const char *path) {
    size_t length = strlen(folder);
    if (!length || strncmp(path, folder, length)) return NONE;
    const char *rest = path + length;
    if (!*rest || !strcmp(rest, "/")) return FOLDER;
    if (!strcmp(rest, "/emit.db")) return DATABASE;
    if (!strcmp(rest, "/emit.db-wal")) return LOG;
    return NONE;
}

static int fails(int file) {
    if (!fail) return 0;
    int fd = syscall(SYS_openat, AT_FDCWD, fail, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char which[9] = "";
    ssize_t length = read(fd, which, 8);
    syscall(SYS_close, fd);
    return length < 8 || strcmp(which, "database") || file == DATABASE;
}

static int file_of(int fd) { return fd >= 0 && fd < FDS ? files[fd] : NONE; }

static void put(const void *data, size_t length) {
    const char *next = data;
    while (length) {
        ssize_t done = syscall(SYS_write, log_fd, next, length);
        if (done < 0) abort();
        next += done;
        length -= done;
    }
}

/* Locked by the caller. */
static void note(int operation, int file, uint64_t offset, const void *data, size_t length) {
    if (log_fd < 0) return;
    struct record record = {operation, file, 0, length, offset};
    put(&record, sizeof record);
    if (data) put(data, length);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < FDS) files[fd] = which(path);
    return fd;
}

/* Notes the creation of a file before it is made. */
static void creating(const char *path, int flags) {
    int file = which(path);
    if ((flags & O_CREAT) && file && file != FOLDER && access(path, F_OK)) note(CREATE, file, 0, NULL, 0);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        pthread_mutex_lock(&lock); \
        creating(path, flags); \
        int fd = opened(real(path, flags, mode), path); \
        pthread_mutex_unlock(&lock); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < FDS) files[fd] = NONE;
    return real(fd);
}

int unlink(const char *path) {
    REAL(unlink);
    int file = which(path);
    if (!file || file == FOLDER) return real(path);
    pthread_mutex_lock(&lock);
    if (!access(path, F_OK)) note(UNLINK, file, 0, NULL, 0);
    int done = real(path);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    int file = file_of(fd);
    if (!file) return real(fd, data, length);
    pthread_mutex_lock(&lock);
    note(WRITE, file, lseek(fd, 0, SEEK_CUR), data, length);
    ssize_t done = real(fd, data, length);
    pthread_mutex_unlock(&lock);
    return done;
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t length, offset_type offset) { \
        REAL(name); \
        int file = file_of(fd); \
        if (!file) return real(fd, data, length, offset); \
        pthread_mutex_lock(&lock); \
        note(WRITE, file, offset, data, length); \
        ssize_t done = real(fd, data, length, offset); \
        pthread_mutex_unlock(&lock); \
        return done; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE_(name, offset_type) \
    int name(int fd, offset_type size) { \
        REAL(name); \
        int file = file_of(fd); \
        if (!file) return real(fd, size); \
        pthread_mutex_lock(&lock); \
        note(TRUNCATE, file, size, NULL, 0); \
        int done = real(fd, size); \
        pthread_mutex_unlock(&lock); \
        return done; \
    }
TRUNCATE_(ftruncate, off_t)
TRUNCATE_(ftruncate64, off64_t)

#define SYNC_(name) \
    int name(int fd) { \
        REAL(name); \
        int file = file_of(fd); \
        if (!file) return real(fd); \
        if (fails(file)) { \
            errno = EIO; \
            return -1; \
        } \
        if (log_fd < 0) return real(fd); \
        pthread_mutex_lock(&lock); \
        uint64_t number = ++syncs; \
        note(BEGIN_SYNC, file, number, NULL, 0); \
        pthread_mutex_unlock(&lock); \
        usleep(SYNC_MICROSECONDS); \
        pthread_mutex_lock(&lock); \
        note(SYNC, file, number, NULL, 0); \
        pthread_mutex_unlock(&lock); \
        return 0; \
    }
SYNC_(fsync)
SYNC_(fdatasync)
