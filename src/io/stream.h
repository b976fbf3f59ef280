/* stream.h: where bytes come from and where they go: files, or the caller's own readers and writers.
 * Invariant: every read is checked against the size; a file is written under another name, synced, and renamed at the end, so
 * that it is whole or not there. A file that lazy arrays still read from stays open for them: replacing it harms nothing. */
#ifndef MX_IO_STREAM_H
#define MX_IO_STREAM_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mx_reader;
struct mx_stream;

struct mx_source {
  int (*read)(struct mx_source *s, void *to, size_t n, uint64_t offset); /* exactly n bytes, or an error */
  uint64_t size;
  uint64_t base;     /* of a caller's reader: where its bytes begin */
  const char *label; /* for messages */
  struct mx_reader *file;   /* of a file: what lazy arrays read through; NULL: everything is read at once */
  struct mx_stream *stream; /* lazy arrays load on it; NULL: the default */
  void *ctx;
};
/* A regular file. While descriptors are left its larger arrays are lazy; MLX_MMAP=1 in the environment maps it. */
int mx_source_open(struct mx_source *s, const char *path, struct mx_stream *stream);
void mx_source_close(struct mx_source *s); /* of a file */
/* n bytes at offset; an error that names the source when it is shorter. */
int mx_source_read(struct mx_source *s, void *to, uint64_t n, uint64_t offset);

struct mx_sink {
  int (*write)(struct mx_sink *s, const void *from, size_t n);
  const char *label;
  uint64_t written;
  int fd;
  bool direct; /* a device or a pipe: nothing to sync or rename */
  void *ctx;
  char *path, *temporary;
  size_t held; /* of small pieces that wait for more */
  unsigned char hold[8192];
};
int mx_sink_open(struct mx_sink *s, const char *path);
int mx_sink_write(struct mx_sink *s, const void *from, size_t n);
/* status 0: writes what is held, syncs and renames; else, or when that fails, the temporary file is removed. Returns the outcome.
 * A caller's own writer is closed so too: it gets what is held. */
int mx_sink_close(struct mx_sink *s, int status);

#endif
