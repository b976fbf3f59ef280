/* stored.c: an array out of a checked run of bytes: read at once, left lazy, or seen where it stands mapped.
 * Invariant: the data is never held twice. */
#include "core/error.h"
#include "graph/build.h"
#include "graph/params.h"
#include "graph/prim.h"
#include "io/formats.h"

#include <string.h>

enum { LAZY_BYTES = 64 << 10 }; /* a smaller run costs less to read than to remember */

/* Bytes in memory as a reader: blocks that did not come from a file are decoded out of a copy. */
struct memory {
  struct mx_reader r;
  mx_buffer *buf;
};
static int memory_read(struct mx_reader *r, void *to, size_t n, uint64_t offset) {
  memcpy(to, (char *)((struct memory *)r)->buf->host + offset, n);
  return MX_OK;
}
static void memory_destroy(struct mx_object *o) {
  mx_buffer_unref(((struct memory *)o)->buf);
  mx_free(o);
}
static const struct mx_object_type memory_type = {.name = "Memory", .destroy = memory_destroy};

static int load_node(const struct mx_source *s, const struct mx_stored *t, struct mx_reader *reader, uint64_t offset, mx_array **out) {
  struct mx_load_params head = {offset, (int32_t)t->form, (int32_t)t->dtype};
  mx_build b;
  mx_array *made[3];
  mx_build_begin(&b, s->stream);
  mx_apply_many(&b, &mx_prim_load, NULL, 0,
                &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = t->shape, .nints = t->ndim, .obj = &reader->o},
                mx_load_outputs(t->form), made);
  return mx_build_end_many(&b, made, mx_load_outputs(t->form), out);
}

static int load_now(struct mx_source *s, const struct mx_stored *t, int64_t size, uint64_t bytes, mx_array **out) {
  mx_buffer *buf;
  int status = mx_buffer_new(&buf, (size_t)bytes, MX_MEMORY_HOST);
  if (status) return status;
  if ((status = mx_source_read(s, buf->host, bytes, t->offset))) {
    mx_buffer_unref(buf);
    return status;
  }
  mx_load_mend(buf->host, size, t->dtype, t->form);
  *out = mx_array_leaf(t->shape, t->ndim, t->dtype, buf, buf->host, NULL);
  return *out ? MX_OK : (int)mx_error_class();
}

static void let_go(void *reader) { mx_object_unref(reader); }
static int load_mapped(struct mx_source *s, const struct mx_stored *t, uint64_t bytes, mx_array **out) {
  mx_buffer *buf;
  char *at = (char *)(uintptr_t)s->file->map + t->offset;
  int status = mx_buffer_wrap(&buf, at, (size_t)bytes, true, let_go, mx_object_ref(&s->file->o));
  if (status) return status;
  *out = mx_array_leaf(t->shape, t->ndim, t->dtype, buf, at, NULL);
  return *out ? MX_OK : (int)mx_error_class();
}

int mx_stored_load(struct mx_source *s, const struct mx_stored *t, mx_array **out) {
  int64_t size;
  int status = mx_shape_size("load", t->shape, t->ndim, t->dtype, &size);
  if (status) return status;
  uint64_t bytes = mx_load_bytes(t->form, t->dtype, size);
  bool plain = !mx_load_blocks[t->form].elements, aligned = s->file && t->offset % mx_dtype_size(t->dtype) == 0;
  if (bytes < LAZY_BYTES || !s->file) {
    if (plain) return load_now(s, t, size, bytes, out);
    struct memory *m = mx_malloc(sizeof *m);
    if (!m) return MX_EMEMORY;
    *m = (struct memory){.r = {.o = {1, &memory_type}, .read = memory_read}};
    status = mx_buffer_new(&m->buf, (size_t)bytes, MX_MEMORY_HOST);
    if (!status) status = mx_source_read(s, m->buf->host, bytes, t->offset);
    if (!status) status = load_node(s, t, &m->r, 0, out);
    mx_object_unref(&m->r.o);
    return status;
  }
  if (s->file->map && aligned && t->form == MX_LOAD_PLAIN && t->dtype != MX_BOOL) return load_mapped(s, t, bytes, out);
  return load_node(s, t, s->file, t->offset, out);
}
