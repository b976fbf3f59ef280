/* gguf_save.c: writing GGUF, version 3. Source: the GGUF specification.
 * Invariant: what cannot be said in the format is refused before a byte is written. */
#include "core/error.h"
#include "io/gguf.h"
#include "io/gguf_types.h"

#include <string.h>

static int put_int(struct mx_sink *s, uint64_t v, int n) {
  unsigned char b[8];
  for (int i = 0; i < n; i++, v >>= 8) b[i] = (unsigned char)v;
  return mx_sink_write(s, b, (size_t)n);
}
static int put_text(struct mx_sink *s, const char *text, uint64_t n) {
  int status = put_int(s, n, 8);
  return status ? status : mx_sink_write(s, text, (size_t)n);
}
static int put_zeros(struct mx_sink *s, uint64_t n) {
  static const char zeros[4096];
  int status = MX_OK;
  for (; n && !status; n -= n < sizeof zeros ? n : sizeof zeros) status = mx_sink_write(s, zeros, (size_t)(n < sizeof zeros ? n : sizeof zeros));
  return status;
}
static uint64_t pad(uint64_t at, uint64_t alignment) { return (alignment - at % alignment) % alignment; }
static uint64_t bytes_of(const mx_array *a) { return (uint64_t)a->t.size * mx_dtype_size(a->t.dtype); }

/* The number of a dtype among tensor types, or -1. */
static int tensor_type(enum mx_dtype d) {
  for (int i = 0; i < (int)(sizeof gguf_tensor_types / sizeof *gguf_tensor_types); i++)
    if (gguf_tensor_types[i].known && gguf_tensor_types[i].form == MX_LOAD_PLAIN && gguf_tensor_types[i].dtype == d) return i;
  return -1;
}
static int value_type(enum mx_dtype d) {
  for (int i = 0; i < GGUF_VALUE_TYPES; i++)
    if (gguf_value_dtype((uint32_t)i) == d) return i;
  return -1;
}

static int check(const struct mx_entry *e, int64_t n, const struct mx_gguf *g, uint64_t *alignment) {
  for (int64_t i = 0; i < n; i++)
    if (tensor_type(e[i].array->t.dtype) < 0)
      return mx_fail(MX_ERUNTIME, "[save_gguf] dtype %s is not supported: GGUF has no such tensor (\"%.200s\").",
                     mx_dtype_name(e[i].array->t.dtype), e[i].name);
  *alignment = GGUF_ALIGNMENT;
  for (int64_t i = 0; i < g->n; i++) {
    const struct mx_gguf_value *v = &g->at[i];
    const struct mx_tensor *t = v->array ? &v->array->t : NULL;
    bool sets = !strcmp(v->key, GGUF_ALIGNMENT_KEY);
    if (t && t->ndim > 1)
      return mx_fail(MX_ERUNTIME, "[save_gguf] Metadata \"%.200s\" has %d dimensions; it can have none or one.", v->key, t->ndim);
    if (t && value_type(t->dtype) < 0)
      return mx_fail(MX_EVALUE, "[save_gguf] Metadata \"%.200s\": array type %s is not supported for metadata.", v->key, mx_dtype_name(t->dtype));
    if (!sets) continue;
    *alignment = t && !t->ndim && t->dtype == MX_UINT32 ? *(const uint32_t *)t->data : 0;
    if (*alignment < 8 || *alignment & (*alignment - 1))
      return mx_fail(MX_EVALUE, "[save_gguf] Metadata \"" GGUF_ALIGNMENT_KEY "\" must be a uint32, a power of two of at least 8.");
  }
  return MX_OK;
}

static int put_value(struct mx_sink *s, const struct mx_gguf_value *v) {
  int status = put_text(s, v->key, strlen(v->key));
  const struct mx_tensor *t = v->array ? &v->array->t : NULL;
  uint32_t type = t ? (uint32_t)value_type(t->dtype) : GGUF_STRING;
  if (!status && v->list) status = put_int(s, GGUF_ARRAY, 4);
  if (!status) status = put_int(s, type, 4);
  if (!status && v->list) status = put_int(s, t ? (uint64_t)t->size : (uint64_t)v->n, 8);
  if (t) return status ? status : mx_sink_write(s, t->data, (size_t)bytes_of(v->array));
  for (int64_t i = 0; i < v->n && !status; i++) {
    uint64_t n;
    const char *text = mx_gguf_text(v, i, &n);
    status = put_text(s, text, n);
  }
  return status;
}

static int put_tensor(struct mx_sink *s, const struct mx_entry *e, uint64_t offset) {
  const struct mx_tensor *t = &e->array->t;
  int status = put_text(s, e->name, strlen(e->name));
  if (!status) status = put_int(s, (uint64_t)t->ndim, 4);
  for (int d = t->ndim - 1; d >= 0 && !status; d--) status = put_int(s, (uint64_t)t->shape[d], 8);
  if (!status) status = put_int(s, (uint64_t)tensor_type(t->dtype), 4);
  return status ? status : put_int(s, offset, 8);
}

int mx_gguf_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, const struct mx_gguf *g) {
  uint64_t alignment = GGUF_ALIGNMENT, at = 0;
  int status = check(e, n, g, &alignment);
  if (!status) status = mx_sink_write(s, "GGUF", 4);
  if (!status) status = put_int(s, GGUF_VERSION, 4);
  if (!status) status = put_int(s, (uint64_t)n, 8);
  if (!status) status = put_int(s, (uint64_t)g->n, 8);
  for (int64_t i = 0; i < g->n && !status; i++) status = put_value(s, &g->at[i]);
  for (int64_t i = 0; i < n && !status; i++) {
    status = put_tensor(s, &e[i], at);
    at += bytes_of(e[i].array);
    at += pad(at, alignment);
  }
  if (!status) status = put_zeros(s, pad(s->written, alignment));
  for (int64_t i = 0; i < n && !status; i++) {
    status = mx_sink_write(s, e[i].array->t.data, (size_t)bytes_of(e[i].array));
    if (!status) status = put_zeros(s, pad(s->written, alignment));
  }
  return status;
}
