/* npy.c: NumPy's format for one array, versions 1 to 3.
 * Source: NumPy Enhancement Proposal 1, and numpy.lib.format's documentation. */
#include "core/error.h"
#include "graph/build.h"
#include "graph/prim.h"
#include "io/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 1 << 20 };

/* bfloat16 has no letter of NumPy's: two opaque bytes, as ml_dtypes writes it. */
static const char *const descr[MX_DTYPE_COUNT] = {"|b1", "|u1", "<u2", "<u4", "<u8", "|i1", "<i2",
                                                  "<i4", "<i8", "<f2", "<f4", "<f8", "<V2", "<c8"};

/* The value of a key of the header's Python dict, or NULL. */
static const char *find(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (!at) return NULL;
  at += strlen(key);
  while (*at == ' ' || *at == ':') at++;
  return at;
}

struct header {
  struct mx_stored a;
  bool fortran;
};

static int bad(const struct mx_source *s, const char *what) {
  return mx_fail(MX_ERUNTIME, "[load] %s is not a sound npy file: %s.", s->label, what);
}

static int read_dtype(const struct mx_source *s, const char *text, struct header *h) {
  if (*text != '\'' && *text != '"') return bad(s, "its descr is not a string");
  char order = text[1], d[4] = {'|', text[2], text[3], 0};
  for (int i = 0; i < MX_DTYPE_COUNT; i++) {
    if (!order || !strchr("<>=|", order)) break;
    if (strncmp(descr[i] + 1, d + 1, 2) || text[4] != *text) continue;
    h->a.dtype = (enum mx_dtype)i;
    h->a.form = order == '>' && mx_dtype_size(h->a.dtype) > 1 ? MX_LOAD_SWAPPED : MX_LOAD_PLAIN;
    return MX_OK;
  }
  return mx_fail(MX_ERUNTIME, "[load] %s holds a dtype that has no equal here: %.8s.", s->label, text);
}

static int read_shape(const struct mx_source *s, const char *at, struct header *h) {
  if (*at++ != '(') return bad(s, "its shape is not a tuple");
  for (;;) {
    while (*at == ' ' || *at == ',') at++;
    if (*at == ')') return MX_OK;
    if (*at < '0' || *at > '9' || h->a.ndim == MX_MAX_NDIM) return bad(s, "its shape is malformed");
    int64_t v = 0;
    for (; *at >= '0' && *at <= '9'; at++)
      if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *at - '0', &v)) return bad(s, "a dimension is too large");
    if (*at == 'L') at++;
    h->a.shape[h->a.ndim++] = v;
  }
}

static int read_header(struct mx_source *s, struct header *h) {
  unsigned char lead[12];
  memset(h, 0, sizeof *h);
  int status = mx_source_read(s, lead, 10, 0);
  if (status) return status;
  if (memcmp(lead, "\x93NUMPY", 6)) return bad(s, "its first bytes differ");
  uint64_t length = lead[8] | (uint64_t)lead[9] << 8, start = 10;
  if (lead[6] > 3 || lead[6] < 1) return bad(s, "its version is unknown");
  if (lead[6] > 1) {
    if ((status = mx_source_read(s, lead + 10, 2, 10))) return status;
    length |= (uint64_t)lead[10] << 16 | (uint64_t)lead[11] << 24;
    start = 12;
  }
  if (length > MAX_HEADER) return bad(s, "its header is too long");
  char *text = mx_malloc(length + 8);
  if (!text) return MX_EMEMORY;
  memset(text + length, 0, 8);
  status = mx_source_read(s, text, length, start);
  const char *d = status ? NULL : find(text, "'descr'"), *f = status ? NULL : find(text, "'fortran_order'"),
             *shape = status ? NULL : find(text, "'shape'");
  if (!status && (!d || !f || !shape)) status = bad(s, "its header lacks a key");
  if (!status) status = read_dtype(s, d, h);
  if (!status) status = read_shape(s, shape, h);
  h->fortran = f && !strncmp(f, "True", 4);
  if (!status && !h->fortran && strncmp(f, "False", 5)) status = bad(s, "its fortran_order is neither True nor False");
  h->a.offset = start + length;
  mx_free(text);
  return status;
}

/* Fortran order: the same data is a row-major array of the reversed shape, transposed: no data moves. */
static int transpose(struct mx_source *s, mx_array **a) {
  int64_t order[MX_MAX_NDIM];
  int n = (*a)->t.ndim;
  for (int d = 0; d < n; d++) order[d] = n - 1 - d;
  mx_build b;
  mx_build_begin(&b, s->stream);
  mx_array *turned = mx_apply_ints(&b, &mx_prim_transpose, mx_build_own(&b, *a), order, n);
  *a = NULL;
  return mx_build_end(&b, turned, a);
}

int mx_npy_load(struct mx_source *s, mx_array **out) {
  struct header h;
  int status = read_header(s, &h);
  int64_t size;
  if (status || (status = mx_shape_size("load", h.a.shape, h.a.ndim, h.a.dtype, &size))) return status;
  if (h.a.offset > s->size || mx_load_bytes(h.a.form, h.a.dtype, size) > s->size - h.a.offset) return bad(s, "it ends before its data does");
  h.fortran = h.fortran && h.a.ndim > 1;
  for (int d = 0; h.fortran && d < h.a.ndim / 2; d++) {
    int64_t t = h.a.shape[d];
    h.a.shape[d] = h.a.shape[h.a.ndim - 1 - d];
    h.a.shape[h.a.ndim - 1 - d] = t;
  }
  mx_array *a = NULL;
  status = mx_stored_load(s, &h.a, &a);
  if (!status && h.fortran) status = transpose(s, &a);
  if (!status) *out = a;
  return status;
}

size_t mx_npy_header(char text[MX_NPY_HEADER], const mx_array *a) {
  memcpy(text, "\x93NUMPY\x01", 8);
  int n = 10 + snprintf(text + 10, MX_NPY_HEADER - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr[a->t.dtype]);
  for (int d = 0; d < a->t.ndim; d++)
    n += snprintf(text + n, (size_t)(MX_NPY_HEADER - n), "%lld%s", (long long)a->t.shape[d], d < a->t.ndim - 1 ? ", " : a->t.ndim == 1 ? "," : "");
  n += snprintf(text + n, (size_t)(MX_NPY_HEADER - n), "), }");
  while ((n + 1) % 64) text[n++] = ' ';
  text[n++] = '\n';
  text[8] = (char)((n - 10) & 255), text[9] = (char)((n - 10) >> 8);
  return (size_t)n;
}

int mx_npy_save(struct mx_sink *s, mx_array *a) {
  char text[MX_NPY_HEADER];
  int status = mx_sink_write(s, text, mx_npy_header(text, a));
  return status ? status : mx_sink_write(s, a->t.data, (size_t)a->t.size * mx_dtype_size(a->t.dtype));
}
