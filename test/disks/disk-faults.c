/*
 * A disk that fails, for one process: preloaded, it lets calls on files below a folder fail with an error of the kernel's. What fails is
 * said in a file of one page that the test writes while the process runs:
 *
 *     byte 0  bits: 1 reads, 2 writes, 4 syncs      bytes 4..7  errno      8..15  the lowest position that fails, for calls that name one
 *     from byte 16  the folder, zero-terminated      numbers in the machine's order
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READS = 1, WRITES = 2, SYNCS = 4, PAGE = 4096 };

static volatile unsigned char *control;

__attribute__((constructor)) static void open_control(void) {
  const char *path = getenv("DISK_FAULTS");
  int fd = path == NULL ? -1 : open(path, O_RDONLY);
  if (fd < 0) return;
  void *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) control = page;
  close(fd);
}

static int fails(int fd, int kind, long long at) {
  if (control == NULL || (control[0] & kind) == 0) return 0;
  long long lowest;
  memcpy(&lowest, (const char *)control + 8, sizeof lowest);
  if (at < lowest) return 0;
  char link[64], path[PAGE];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  const char *folder = (const char *)control + 16;
  if (strncmp(path, folder, strlen(folder)) != 0) return 0;
  memcpy(&errno, (const char *)control + 4, sizeof(int));
  return 1;
}

#define FAILING(kind, at, type, name, params, args)                       \
  type name params {                                             \
    static type(*next) params;                                   \
    if (next == NULL) next = (type(*) params)dlsym(RTLD_NEXT, #name); \
    return fails(fd, kind, at) ? -1 : next args;                     \
  }

FAILING(READS, LLONG_MAX, ssize_t, read, (int fd, void *to, size_t bytes), (fd, to, bytes))
FAILING(READS, at, ssize_t, pread, (int fd, void *to, size_t bytes, off_t at), (fd, to, bytes, at))
FAILING(READS, at, ssize_t, pread64, (int fd, void *to, size_t bytes, off64_t at), (fd, to, bytes, at))
FAILING(READS, at, ssize_t, preadv, (int fd, const struct iovec *to, int count, off_t at), (fd, to, count, at))
FAILING(READS, at, ssize_t, preadv64, (int fd, const struct iovec *to, int count, off64_t at), (fd, to, count, at))
FAILING(WRITES, LLONG_MAX, ssize_t, write, (int fd, const void *from, size_t bytes), (fd, from, bytes))
FAILING(WRITES, at, ssize_t, pwrite, (int fd, const void *from, size_t bytes, off_t at), (fd, from, bytes, at))
FAILING(WRITES, at, ssize_t, pwrite64, (int fd, const void *from, size_t bytes, off64_t at), (fd, from, bytes, at))
FAILING(WRITES, at, ssize_t, pwritev, (int fd, const struct iovec *from, int count, off_t at), (fd, from, count, at))
FAILING(WRITES, at, ssize_t, pwritev64, (int fd, const struct iovec *from, int count, off64_t at), (fd, from, count, at))
FAILING(SYNCS, LLONG_MAX, int, fsync, (int fd), (fd))
FAILING(SYNCS, LLONG_MAX, int, fdatasync, (int fd), (fd))
