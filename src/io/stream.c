/* stream.c: sources and sinks of bytes: files by descriptor, and the caller's own; a save appears whole or not at all. */
#include "io/stream.h"

#include "core/alloc.h"
#include "graph/load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files whose arrays are lazy hold a descriptor each: once they are half of what the process may have, files are read at once. */
static _Atomic int open_files;
static bool may_hold_another(void) {
  struct rlimit most;
  return getrlimit(RLIMIT_NOFILE, &most) || (rlim_t)atomic_load(&open_files) < most.rlim_cur / 2;
}

struct file {
  struct mx_reader r;
  int fd;
  uint64_t size;
  char path[]; /* for messages */
};

static int file_read(struct mx_reader *r, void *to, size_t n, uint64_t offset) {
  const struct file *f = (struct file *)r;
  char *p = to;
  while (n) {
    ssize_t got = pread(f->fd, p, n > 1 << 30 ? 1 << 30 : n, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return mx_fail(MX_ERUNTIME, "[load] Reading %s failed: %s.", f->path, strerror(errno));
    if (got == 0) return mx_fail(MX_ERUNTIME, "[load] %s ends too early.", f->path);
    p += got, n -= (size_t)got, offset += (uint64_t)got;
  }
  return MX_OK;
}
static void file_destroy(struct mx_object *o) {
  struct file *f = (struct file *)o;
  if (f->r.map) munmap((void *)(uintptr_t)f->r.map, (size_t)f->size);
  close(f->fd);
  atomic_fetch_sub(&open_files, 1);
  mx_free(f);
}
static const struct mx_object_type file_type = {.name = "File", .destroy = file_destroy};

static int source_read(struct mx_source *s, void *to, size_t n, uint64_t offset) { return file_read(s->ctx, to, n, offset); }

int mx_source_open(struct mx_source *s, const char *path, struct mx_stream *stream) {
  struct stat st;
  if (!path) return mx_fail(MX_EVALUE, "[load] The path is NULL.");
  /* Not blocking: a pipe is to be refused, not waited for. A regular file does not mind. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return mx_fail(MX_ERUNTIME, "[load] Failed to open %s: %s.", path, strerror(errno));
  bool regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
  struct file *f = regular ? mx_malloc(sizeof *f + strlen(path) + 1) : NULL;
  if (!f) {
    close(fd);
    return regular ? MX_EMEMORY : mx_fail(MX_ERUNTIME, "[load] %s is not a regular file.", path);
  }
  *f = (struct file){.r = {.o = {1, &file_type}, .read = file_read}, .fd = fd, .size = (uint64_t)st.st_size};
  memcpy(f->path, path, strlen(path) + 1);
  const char *wish = getenv("MLX_MMAP");
  if (wish && !strcmp(wish, "1") && f->size) {
    void *map = mmap(NULL, (size_t)f->size, PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) f->r.map = map;
  }
  bool lazy = may_hold_another();
  atomic_fetch_add(&open_files, 1);
  *s = (struct mx_source){.read = source_read, .size = f->size, .label = f->path, .stream = stream, .ctx = f};
  if (lazy || f->r.map) s->file = &f->r;
  return MX_OK;
}
void mx_source_close(struct mx_source *s) { mx_object_unref(s->ctx); }

int mx_source_read(struct mx_source *s, void *to, uint64_t n, uint64_t offset) {
  if (offset > s->size || n > s->size - offset)
    return mx_fail(MX_ERUNTIME, "[load] %s ends too early: %llu bytes wanted at %llu, it has %llu.", s->label, (unsigned long long)n,
                   (unsigned long long)offset, (unsigned long long)s->size);
  return n ? s->read(s, to, (size_t)n, offset) : MX_OK;
}

/* In pieces: while one is copied to the system's pages, those before it are on their way to the disk. */
static int file_write(struct mx_sink *s, const void *from, size_t n) {
  enum { PIECE = 8 << 20 };
  const char *p = from;
  while (n) {
    ssize_t put = write(s->fd, p, n > PIECE ? PIECE : n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return mx_fail(MX_ERUNTIME, "[save] Writing %s failed: %s.", s->label, strerror(errno));
    p += put, n -= (size_t)put;
#ifdef __linux__
    if (put == PIECE) (void)sync_file_range(s->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint; the sync at the end counts */
#endif
  }
  return MX_OK;
}

/* A file of a new name beside path: created, so that the umask (which is the whole process's) is applied by the system. */
static int open_beside(struct mx_sink *s, const char *path) {
  const char *slash = strrchr(path, '/');
  int folder = slash ? (int)(slash - path) + 1 : 0;
  size_t room = (size_t)folder + 32;
  if (!(s->temporary = mx_malloc(room))) return MX_EMEMORY;
  for (int tries = 0; tries < 64 && s->fd < 0; tries++) {
    uint64_t name = 0;
    if (getrandom(&name, sizeof name, 0) != (ssize_t)sizeof name) break;
    snprintf(s->temporary, room, "%.*s.ravel-%016llx", folder, path, (unsigned long long)name);
    s->fd = open(s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (s->fd < 0 && errno != EEXIST) break;
  }
  if (s->fd < 0) return mx_fail(MX_ERUNTIME, "[save] Failed to open %s for writing: %s.", s->label, strerror(errno));
  return MX_OK;
}

/* What is there already keeps its owner, where that is allowed, and its mode: a private file stays private. */
static int keep_owner(struct mx_sink *s, const struct stat *st) {
  struct stat now;
  bool other = !fstat(s->fd, &now) && (now.st_uid != st->st_uid || now.st_gid != st->st_gid);
  if (other && fchown(s->fd, st->st_uid, st->st_gid)) errno = 0;
  if (!fchmod(s->fd, st->st_mode & 0777)) return MX_OK;
  return mx_fail(MX_ERUNTIME, "[save] Failed to set the mode of %s: %s.", s->label, strerror(errno));
}

int mx_sink_open(struct mx_sink *s, const char *path) {
  if (!path) return mx_fail(MX_EVALUE, "[save] The path is NULL.");
  *s = (struct mx_sink){.write = file_write, .label = path, .fd = -1};
  struct stat st;
  char real[PATH_MAX];
  bool there = !stat(path, &st);
  if (there && S_ISDIR(st.st_mode)) return mx_fail(MX_ERUNTIME, "[save] Failed to open %s for writing: it is a folder.", path);
  if (there && !S_ISREG(st.st_mode)) { /* a device or a pipe is written to, not replaced */
    s->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (s->fd < 0) return mx_fail(MX_ERUNTIME, "[save] Failed to open %s for writing: %s.", path, strerror(errno));
    s->direct = true;
    return MX_OK;
  }
  if (there && !realpath(path, real)) there = false; /* a link is followed, as others follow it */
  s->path = mx_strdup(there ? real : path);
  int status = s->path ? open_beside(s, s->path) : MX_EMEMORY;
  if (!status && there && (status = keep_owner(s, &st))) {
    close(s->fd);
    unlink(s->temporary);
  }
  if (status) {
    mx_free(s->path);
    mx_free(s->temporary);
  }
  return status;
}

static int flush(struct mx_sink *s) {
  size_t n = s->held;
  s->held = 0;
  return n ? s->write(s, s->hold, n) : MX_OK;
}
int mx_sink_write(struct mx_sink *s, const void *from, size_t n) {
  s->written += n;
  int status = n > sizeof s->hold - s->held ? flush(s) : MX_OK;
  if (status || !n) return status;
  if (n > sizeof s->hold / 2) { /* behind what is held */
    status = flush(s);
    return status ? status : s->write(s, from, n);
  }
  memcpy(s->hold + s->held, from, n);
  s->held += n;
  return MX_OK;
}

/* The rename itself must reach the disk too. */
static void sync_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  char folder[4096] = ".";
  if (slash && (size_t)(slash - path) < sizeof folder) snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + (slash == path), path);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

int mx_sink_close(struct mx_sink *s, int status) {
  if (!status) status = flush(s);
  if (s->direct) return close(s->fd) && !status ? mx_fail(MX_ERUNTIME, "[save] Writing %s failed: %s.", s->label, strerror(errno)) : status;
  if (!s->path) return status;
  if (!status && fsync(s->fd)) status = mx_fail(MX_ERUNTIME, "[save] Writing %s failed: %s.", s->label, strerror(errno));
  if (close(s->fd) && !status) status = mx_fail(MX_ERUNTIME, "[save] Writing %s failed: %s.", s->label, strerror(errno));
  if (!status && rename(s->temporary, s->path))
    status = mx_fail(MX_ERUNTIME, "[save] Replacing %s failed: %s.", s->label, strerror(errno));
  if (status) unlink(s->temporary);
  else sync_folder(s->path);
  mx_free(s->path);
  mx_free(s->temporary);
  return status;
}
