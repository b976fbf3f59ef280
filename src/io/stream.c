/* stream.c: sources and sinks of bytes: files by descriptor, and the caller's own; a save appears whole or not at all. */
#include "io/stream.h"

#include "core/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_read(struct mx_source *s, void *to, size_t n, uint64_t offset) {
  char *p = to;
  while (n) {
    ssize_t got = pread(s->fd, p, n > 1 << 30 ? 1 << 30 : n, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return mx_fail(MX_ERUNTIME, "[load] Reading %s failed: %s.", s->label, strerror(errno));
    if (got == 0) return mx_fail(MX_ERUNTIME, "[load] %s ends too early.", s->label);
    p += got, n -= (size_t)got, offset += (uint64_t)got;
  }
  return MX_OK;
}

int mx_source_open(struct mx_source *s, const char *path) {
  struct stat st;
  *s = (struct mx_source){.read = file_read, .label = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
  if (s->fd < 0) return mx_fail(MX_ERUNTIME, "[load] Failed to open %s: %s.", path, strerror(errno));
  if (fstat(s->fd, &st) || !S_ISREG(st.st_mode)) {
    close(s->fd);
    return mx_fail(MX_ERUNTIME, "[load] %s is not a regular file.", path);
  }
  s->size = (uint64_t)st.st_size;
  return MX_OK;
}
void mx_source_close(struct mx_source *s) { close(s->fd); }

int mx_source_read(struct mx_source *s, void *to, uint64_t n, uint64_t offset) {
  if (offset > s->size || n > s->size - offset)
    return mx_fail(MX_ERUNTIME, "[load] %s ends too early: %llu bytes wanted at %llu, it has %llu.", s->label, (unsigned long long)n,
                   (unsigned long long)offset, (unsigned long long)s->size);
  return n ? s->read(s, to, (size_t)n, offset) : MX_OK;
}

static int file_write(struct mx_sink *s, const void *from, size_t n) {
  const char *p = from;
  while (n) {
    ssize_t put = write(s->fd, p, n > 1 << 30 ? 1 << 30 : n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return mx_fail(MX_ERUNTIME, "[save] Writing %s failed: %s.", s->label, strerror(errno));
    p += put, n -= (size_t)put;
  }
  return MX_OK;
}

int mx_sink_open(struct mx_sink *s, const char *path) {
  *s = (struct mx_sink){.write = file_write, .label = path, .fd = -1};
  size_t n = strlen(path);
  s->path = mx_strdup(path);
  s->temporary = mx_malloc(n + 16);
  if (s->path && s->temporary) {
    snprintf(s->temporary, n + 16, "%s.XXXXXX", path);
    s->fd = mkostemp(s->temporary, O_CLOEXEC);
    if (s->fd >= 0) {
      mode_t mask = umask(0); /* mkostemp makes it private; the file is to be as others are */
      umask(mask);
      fchmod(s->fd, 0666 & ~mask);
      return MX_OK;
    }
    mx_fail(MX_ERUNTIME, "[save] Failed to open %s for writing: %s.", path, strerror(errno));
  }
  mx_free(s->path);
  mx_free(s->temporary);
  return mx_error_class();
}

int mx_sink_write(struct mx_sink *s, const void *from, size_t n) {
  s->written += n;
  return n ? s->write(s, from, n) : MX_OK;
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
