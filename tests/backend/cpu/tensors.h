/* tensors.h: small tensors of any dtype and layout for tests that call kernels directly. */
#ifndef TESTS_TENSORS_H
#define TESTS_TENSORS_H

#include "../../test.h"

#include "backend/cpu/kernels.h"
#include "core/half.h"
#include "graph/params.h"

#include <stdlib.h>
#include <string.h>

enum { TENSORS_MOST = 64 };
enum layout { ROWS, TURNED, BACKWARD, GAPS, LAYOUTS }; /* TURNED: the first dimension runs through memory */

struct held_tensor {
  struct mx_tensor t;
  int64_t shape[MX_MAX_NDIM], strides[MX_MAX_NDIM];
  void *memory;
};
static struct held_tensor held[TENSORS_MOST];
static int held_count;
static uint32_t tensors_seed = 12345;

MX_UNUSED static uint32_t random_bits32(void) {
  tensors_seed = tensors_seed * 1664525u + 1013904223u;
  return tensors_seed >> 4 ^ tensors_seed << 15;
}
MX_UNUSED static int64_t random_below(int64_t n) { return (int64_t)(random_bits32() & 0x7fffffff) % n; }

MX_UNUSED static void tensors_free(void) {
  for (int i = 0; i < held_count; i++) free(held[i].memory);
  held_count = 0;
}

MX_UNUSED static struct mx_tensor *tensor_new(enum mx_dtype dtype, int ndim, const int64_t *shape, enum layout layout) {
  struct held_tensor *h = &held[held_count++];
  int64_t size = 1, first = 0, step = layout == GAPS ? 3 : 1;
  for (int d = 0; d < ndim; d++) h->shape[d] = shape[d];
  for (int i = 0; i < ndim; i++) {
    int d = layout == TURNED ? i : ndim - 1 - i;
    h->strides[d] = layout == BACKWARD ? -size * step : size * step;
    if (layout == BACKWARD && shape[d]) first += (shape[d] - 1) * size * step;
    size *= shape[d];
  }
  size_t bytes = (size_t)(size * step + 1) * mx_dtype_size(dtype);
  h->memory = aligned_alloc(64, MX_ALIGN_UP(bytes, 64));
  memset(h->memory, 0x5a, bytes);
  h->t = (struct mx_tensor){.dtype = dtype, .ndim = ndim, .size = size, .shape = h->shape, .strides = h->strides,
                            .data = (char *)h->memory + first * (int64_t)mx_dtype_size(dtype)};
  return &h->t;
}

MX_UNUSED static int64_t offset_of(const struct mx_tensor *t, int64_t linear) {
  int64_t offset = 0;
  for (int d = t->ndim - 1; d >= 0; d--) {
    offset += linear % t->shape[d] * t->strides[d];
    linear /= t->shape[d];
  }
  return offset;
}
/* The element at a row-major position. */
MX_UNUSED static char *element(const struct mx_tensor *t, int64_t linear) {
  return (char *)t->data + offset_of(t, linear) * (int64_t)mx_dtype_size(t->dtype);
}
MX_UNUSED static bool same_element(const struct mx_tensor *a, int64_t i, const struct mx_tensor *b, int64_t j) {
  return !memcmp(element(a, i), element(b, j), mx_dtype_size(a->dtype));
}
/* Position of an index tuple. */
MX_UNUSED static int64_t linear_of(const struct mx_tensor *t, const int64_t *at) {
  int64_t linear = 0;
  for (int d = 0; d < t->ndim; d++) linear = linear * t->shape[d] + at[d];
  return linear;
}
MX_UNUSED static void index_of(const struct mx_tensor *t, int64_t linear, int64_t *at) {
  for (int d = t->ndim - 1; d >= 0; d--) {
    at[d] = linear % t->shape[d];
    linear /= t->shape[d];
  }
}

MX_UNUSED static double get(const struct mx_tensor *t, int64_t linear) {
  const void *p = element(t, linear);
  switch (t->dtype) {
  case MX_BOOL:
  case MX_UINT8: return *(const uint8_t *)p;
  case MX_UINT16: return *(const uint16_t *)p;
  case MX_UINT32: return *(const uint32_t *)p;
  case MX_UINT64: return (double)*(const uint64_t *)p;
  case MX_INT8: return *(const int8_t *)p;
  case MX_INT16: return *(const int16_t *)p;
  case MX_INT32: return *(const int32_t *)p;
  case MX_INT64: return (double)*(const int64_t *)p;
  case MX_FLOAT16: return mx_f16_to_float(*(const uint16_t *)p);
  case MX_BFLOAT16: return mx_bf16_to_float(*(const uint16_t *)p);
  case MX_FLOAT64: return *(const double *)p;
  default: return *(const float *)p; /* of a complex number the real part */
  }
}
MX_UNUSED static void set(const struct mx_tensor *t, int64_t linear, double v) {
  void *p = element(t, linear);
  switch (t->dtype) {
  case MX_BOOL: *(uint8_t *)p = v != 0; return;
  case MX_UINT8: *(uint8_t *)p = (uint8_t)(int64_t)v; return;
  case MX_UINT16: *(uint16_t *)p = (uint16_t)(int64_t)v; return;
  case MX_UINT32: *(uint32_t *)p = (uint32_t)(int64_t)v; return;
  case MX_UINT64: *(uint64_t *)p = (uint64_t)(int64_t)v; return;
  case MX_INT8: *(int8_t *)p = (int8_t)(int64_t)v; return;
  case MX_INT16: *(int16_t *)p = (int16_t)(int64_t)v; return;
  case MX_INT32: *(int32_t *)p = (int32_t)(int64_t)v; return;
  case MX_INT64: *(int64_t *)p = (int64_t)v; return;
  case MX_FLOAT16: *(uint16_t *)p = mx_float_to_f16((float)v); return;
  case MX_BFLOAT16: *(uint16_t *)p = mx_float_to_bf16((float)v); return;
  case MX_FLOAT64: *(double *)p = v; return;
  case MX_COMPLEX64: ((float *)p)[1] = 0; /* fall through */
  default: *(float *)p = (float)v; return;
  }
}
/* Small whole numbers, exact in every dtype: 0 … 15, negative too where there is a sign. */
MX_UNUSED static void fill_small(const struct mx_tensor *t) {
  for (int64_t i = 0; i < t->size; i++) {
    double v = (double)random_below(16);
    if (mx_dtype_is_signed_int(t->dtype) || mx_dtype_is_inexact(t->dtype)) v -= 8;
    set(t, i, t->dtype == MX_BOOL ? (int)v & 1 : v);
  }
}
/* Any bytes (bool: 0 or 1): for kernels that only move them. */
MX_UNUSED static void fill_bytes(const struct mx_tensor *t) {
  for (int64_t i = 0; i < t->size; i++)
    for (size_t k = 0; k < mx_dtype_size(t->dtype); k++)
      element(t, i)[k] = (char)(random_bits32() & (t->dtype == MX_BOOL ? 1 : 255));
}
MX_UNUSED static struct mx_tensor *tensor_of(enum mx_dtype dtype, int64_t n, const double *values) {
  struct mx_tensor *t = tensor_new(dtype, 1, &n, ROWS);
  for (int64_t i = 0; i < n; i++) set(t, i, values[i]);
  return t;
}
/* The kernel of a primitive, on tensors: in is NULL-terminated. */
MX_UNUSED static int run_kernel(cpu_kernel kernel, const void *head, const int64_t *ints, int nints, struct mx_tensor *const *in,
                                struct mx_tensor *out) {
  struct mx_call c = {.p = {.head = head, .ints = ints, .nints = nints}, .nout = 1};
  while (in[c.nin]) c.nin++;
  return kernel(&c, in, &out);
}
#define IN(...) ((struct mx_tensor *const[]){__VA_ARGS__, NULL})
#define INTS(...) ((int64_t[]){__VA_ARGS__})

/* One dtype of each size. */
static const enum mx_dtype sized_dtypes[] MX_UNUSED = {MX_BOOL, MX_INT16, MX_FLOAT32, MX_COMPLEX64};
#define EACH_SIZE(d) for (int d##_i = 0; d##_i < MX_COUNT(sized_dtypes); d##_i++) \
    for (enum mx_dtype d = sized_dtypes[d##_i], d##_once = 1; d##_once; d##_once = 0)
#define EACH_LAYOUT(l) for (enum layout l = ROWS; l < LAYOUTS; l++)

#endif
