/* safetensors.c: a JSON header of names, dtypes, shapes and byte ranges, then the bytes.
 * Source: the format's description by Hugging Face (8-byte little-endian header length, JSON object, "__metadata__" of strings;
 * the ranges cover the rest of the file without holes or overlaps). */
#include "core/error.h"
#include "io/formats.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA "__metadata__"
enum { MAX_HEADER = 100 << 20 }; /* the format's own bound */

static const char *const names[MX_DTYPE_COUNT] = {"BOOL", "U8",  "U16", "U32", "U64", "I8",   "I16",
                                                  "I32",  "I64", "F16", "F32", "F64", "BF16", "C64"};

static int bad(const struct mx_source *s, const char *name, const char *what) {
  return mx_fail(MX_ERUNTIME, "[load_safetensors] %s: \"%s\": %s.", s->label, name, what);
}

struct range {
  uint64_t begin, end;
};
static int by_begin(const void *a, const void *b) {
  const struct range *x = a, *y = b;
  return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : (x->end > y->end) - (x->end < y->end);
}

/* An 8-bit float has no dtype of ours; its bytes come as uint8, as in MLX. */
static int read_dtype(const char *name) {
  for (int d = 0; d < MX_DTYPE_COUNT; d++)
    if (!strcmp(names[d], name)) return d;
  return strcmp(name, "F8_E4M3") && strcmp(name, "F8_E8M0") ? MX_DTYPE_COUNT : MX_UINT8;
}

static int read_told(struct mx_source *s, const char *name, json_t *v, uint64_t data, struct mx_stored *t, struct range *r) {
  json_t *dtype = json_object_get(v, "dtype"), *shape = json_object_get(v, "shape"), *at = json_object_get(v, "data_offsets");
  if (!json_is_string(dtype) || !json_is_array(shape) || !json_is_array(at) || json_array_size(at) != 2)
    return bad(s, name, "dtype, shape or data_offsets is missing");
  int d = read_dtype(json_string_value(dtype));
  if (d == MX_DTYPE_COUNT) return bad(s, name, "its dtype has no equal here");
  if (json_array_size(shape) > MX_MAX_NDIM) return bad(s, name, "it has too many dimensions");
  t->dtype = (enum mx_dtype)d;
  t->ndim = (int)json_array_size(shape);
  for (int i = 0; i < t->ndim; i++) {
    json_t *x = json_array_get(shape, (size_t)i);
    if (!json_is_integer(x) || json_integer_value(x) < 0) return bad(s, name, "its shape is malformed");
    t->shape[i] = json_integer_value(x);
  }
  json_t *b = json_array_get(at, 0), *e = json_array_get(at, 1);
  if (!json_is_integer(b) || !json_is_integer(e) || json_integer_value(b) < 0 || json_integer_value(e) < json_integer_value(b))
    return bad(s, name, "its data_offsets are malformed");
  *r = (struct range){(uint64_t)json_integer_value(b), (uint64_t)json_integer_value(e)};
  int64_t size;
  int status = mx_shape_size("load_safetensors", t->shape, t->ndim, t->dtype, &size);
  if (status) return status;
  if (r->end - r->begin != (uint64_t)size * mx_dtype_size(t->dtype)) return bad(s, name, "its byte range does not fit its shape");
  if (r->end > s->size - data) return bad(s, name, "its data lies past the end of the file");
  t->offset = data + r->begin;
  t->form = MX_LOAD_PLAIN;
  return MX_OK;
}

static int load_one(struct mx_source *s, const char *name, const struct mx_stored *t, struct mx_collector *c) {
  mx_array *a;
  int status = mx_stored_load(s, t, &a);
  return status ? status : c->array(c, name, a);
}

/* A first pass over the ranges alone, so that a file whose tensors share bytes is refused before anything is read. */
static int check_ranges(struct mx_source *s, json_t *root, uint64_t data) {
  struct range *r = mx_malloc((json_object_size(root) + 1) * sizeof *r);
  if (!r) return MX_EMEMORY;
  size_t n = 0;
  int status = MX_OK;
  const char *name;
  json_t *v;
  json_object_foreach(root, name, v) {
    struct mx_stored t;
    if (!strcmp(name, METADATA)) continue;
    if ((status = read_told(s, name, v, data, &t, &r[n++]))) break;
  }
  if (!status) qsort(r, n, sizeof *r, by_begin);
  for (size_t i = 1; i < n && !status; i++)
    if (r[i].begin < r[i - 1].end) status = bad(s, "data_offsets", "two tensors overlap");
  mx_free(r);
  return status;
}

/* MLX writes null where there is no metadata. */
static int load_metadata(struct mx_source *s, json_t *v, struct mx_collector *c) {
  if (!json_is_object(v) && !json_is_null(v)) return bad(s, METADATA, "it is not an object");
  const char *key;
  json_t *value;
  json_object_foreach(v, key, value) {
    if (!json_is_string(value)) return bad(s, METADATA, "a value is not a string");
    int status = c->text ? c->text(c, key, json_string_value(value)) : MX_OK;
    if (status) return status;
  }
  return MX_OK;
}

/* Nested no deeper than a header can be (object, tensor, list)? The JSON parser recurses: a hostile header would take its stack. */
static bool is_shallow(const char *text, uint64_t n) {
  int depth = 0;
  bool quoted = false;
  for (uint64_t i = 0; i < n; i++) {
    char c = text[i];
    if (quoted && c == '\\') i++;
    else if (c == '"') quoted = !quoted;
    else if (!quoted && (c == '[' || c == '{') && ++depth > 8) return false;
    else if (!quoted && (c == ']' || c == '}')) depth--;
  }
  return true;
}

int mx_safetensors_load(struct mx_source *s, struct mx_collector *c) {
  unsigned char lead[8];
  int status = mx_source_read(s, lead, 8, 0);
  if (status) return status;
  uint64_t n = 0;
  for (int i = 7; i >= 0; i--) n = n << 8 | lead[i];
  if (n > MAX_HEADER || n > s->size - 8) return bad(s, "header", "its length is beyond the file or the format's bound");
  char *text = mx_malloc(n + 1);
  if (!text) return MX_EMEMORY;
  json_error_t e;
  json_t *root = NULL;
  status = mx_source_read(s, text, n, 8);
  if (!status && !is_shallow(text, n)) status = bad(s, "header", "it is nested too deep");
  if (!status && !(root = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &e))) status = bad(s, "header", e.text);
  mx_free(text);
  if (!status && !json_is_object(root)) status = bad(s, "header", "it is not an object");
  if (!status) status = check_ranges(s, root, 8 + n);
  const char *name;
  json_t *v;
  json_object_foreach(root, name, v) {
    struct mx_stored t;
    struct range r;
    if (status) break;
    if (!strcmp(name, METADATA)) status = load_metadata(s, v, c);
    else if (!(status = read_told(s, name, v, 8 + n, &t, &r))) status = load_one(s, name, &t, c);
  }
  json_decref(root);
  return status;
}

int mx_safetensors_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, const char *const *keys, const char *const *values,
                        int64_t npairs) {
  json_t *root = json_object(), *meta = npairs ? json_object() : NULL;
  int failed = !root;
  for (int64_t i = 0; i < npairs && !failed; i++) failed = json_object_set_new(meta, keys[i], json_string(values[i]));
  if (meta && !failed) failed = json_object_set_new(root, METADATA, meta);
  uint64_t at = 0;
  for (int64_t i = 0; i < n && !failed; i++) {
    const struct mx_tensor *t = &e[i].array->t;
    if (!strcmp(e[i].name, METADATA)) {
      json_decref(root);
      return mx_fail(MX_EVALUE, "[save_safetensors] No array can be called " METADATA ".");
    }
    uint64_t end = at + (uint64_t)t->size * mx_dtype_size(t->dtype);
    json_t *shape = json_array();
    for (int d = 0; d < t->ndim && !failed; d++) failed = json_array_append_new(shape, json_integer(t->shape[d]));
    failed = failed || json_object_set_new(root, e[i].name,
                                           json_pack("{s:s, s:o, s:[I,I]}", "dtype", names[t->dtype], "shape", shape, "data_offsets",
                                                     (json_int_t)at, (json_int_t)end));
    at = end;
  }
  char *text = failed ? NULL : json_dumps(root, JSON_COMPACT);
  json_decref(root);
  if (!text) return mx_fail(MX_EVALUE, "[save_safetensors] The header cannot be made: a name is not UTF-8, or memory is short.");
  uint64_t length = strlen(text), padded = (length + 7) & ~(uint64_t)7;
  unsigned char lead[8];
  for (int i = 0; i < 8; i++) lead[i] = (unsigned char)(padded >> (8 * i));
  int status = mx_sink_write(s, lead, 8);
  if (!status) status = mx_sink_write(s, text, (size_t)length);
  if (!status) status = mx_sink_write(s, "       ", (size_t)(padded - length));
  for (int64_t i = 0; i < n && !status; i++)
    status = mx_sink_write(s, e[i].array->t.data, (size_t)e[i].array->t.size * mx_dtype_size(e[i].array->t.dtype));
  free(text);
  return status;
}
