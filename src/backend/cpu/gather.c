/* gather.c: Gather and GatherAxis: reading where index arrays say.
 * Invariant: every index is checked before anything is read, so no read leaves its array. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/update.h"

#include <string.h>

enum { CHUNK = 256, PARALLEL_BYTES = 1 << 16, NO_CALL_BYTES = 512 };

struct gather {
  const struct mx_tensor *a, *const *index;
  const int64_t *axes;
  int n;
  struct cpu_box slice;
  char *out;
};

/* Offsets of the slices that m index tuples from `at` on name, in elements. */
static void slice_offsets(const struct gather *g, int64_t at, int64_t m, int64_t *offset) {
  memset(offset, 0, (size_t)m * sizeof *offset);
  for (int k = 0; k < g->n; k++)
    cpu_add_offsets(g->index[k], at, m, g->a->shape[g->axes[k]], g->a->strides[g->axes[k]], offset);
}

/* Single elements by one whole index array: nothing in between. */
static void gather_elements(void *ctx, int64_t begin, int64_t end) {
  const struct gather *g = ctx;
  int64_t size = g->a->shape[g->axes[0]], step = g->a->strides[g->axes[0]];
#define BY_INDEX(bits, T)                                                                                     \
  for (int64_t i = begin; i < end; i++) {                                                                     \
    int64_t at = ((const T *)index)[i];                                                                       \
    ((uint##bits##_t *)to)[i] = ((const uint##bits##_t *)from)[(at + (at < 0 ? size : 0)) * step];            \
  }                                                                                                           \
  return;
#define ELEMENTS(bits)                                                                                        \
  switch (g->index[0]->dtype) {                                                                               \
  case MX_INT32: BY_INDEX(bits, int32_t)                                                                      \
  case MX_UINT32: BY_INDEX(bits, uint32_t)                                                                    \
  default: BY_INDEX(bits, int64_t)                                                                            \
  }
  const void *index = g->index[0]->data, *from = g->a->data;
  void *restrict to = g->out;
  switch (g->slice.size) {
  case 1: ELEMENTS(8)
  case 2: ELEMENTS(16)
  case 4: ELEMENTS(32)
  default: ELEMENTS(64)
  }
#undef ELEMENTS
#undef BY_INDEX
}

static void gather_slices(void *ctx, int64_t begin, int64_t end) {
  const struct gather *g = ctx;
  const char *from = g->a->data;
  int64_t size = (int64_t)g->slice.size, bytes = g->slice.count * size, offset[CHUNK];
  for (int64_t at = begin; at < end; at += CHUNK) {
    int64_t m = end - at < CHUNK ? end - at : CHUNK;
    slice_offsets(g, at, m, offset);
    char *to = g->out + at * bytes;
#define ELEMENTS(bits)                                                                                        \
  for (int64_t i = 0; i < m; i++) ((uint##bits##_t *)to)[i] = ((const uint##bits##_t *)from)[offset[i]];     \
  break;
    if (g->slice.count == 1) {
      switch (size) {
      case 1: ELEMENTS(8)
      case 2: ELEMENTS(16)
      case 4: ELEMENTS(32)
      default: ELEMENTS(64)
      }
      continue;
    }
#undef ELEMENTS
    if (g->slice.ndim == 1 && g->slice.strides[0] == 1 && bytes % 64 == 0 && bytes <= NO_CALL_BYTES) {
      for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k < bytes; k += 64) memcpy(to + i * bytes + k, from + offset[i] * size + k, 64);
      continue;
    }
    for (int64_t i = 0; i < m; i++) cpu_box_read(&g->slice, from + offset[i] * size, to + i * bytes);
  }
}

int cpu_gather(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_tensor *a = in[0];
  struct gather g = {.a = a, .index = (const struct mx_tensor *const *)(in + 1), .axes = c->p.ints, .n = c->nin - 1,
                     .out = out[0]->data};
  const int64_t *size = c->p.ints + g.n;
  for (int k = 0; k < g.n; k++) {
    int axis = (int)g.axes[k], status = cpu_check_indices("gather", g.index[k], axis, a->shape[axis], size[axis]);
    if (status) return status;
  }
  if (out[0]->size == 0) return MX_OK;
  cpu_box_set(&g.slice, mx_dtype_size(a->dtype), a->ndim, size, a->strides);
  cpu_parallel_for(g.index[0]->size, PARALLEL_BYTES / (g.slice.count * (int64_t)g.slice.size) + 1, 
                   g.n == 1 && g.slice.count == 1 && mx_tensor_is_contiguous(g.index[0]) ? gather_elements : gather_slices, &g);
  return MX_OK;
}

struct gather_axis {
  const struct mx_tensor *a, *index;
  int axis;
  size_t size;
  int64_t strides[MX_MAX_NDIM]; /* of a, without the axis */
  char *out;
};

/* m elements of row r from column i on. */
static void gather_run(const struct gather_axis *g, int64_t r, int64_t i, int64_t m, const int64_t *index) {
  int last = g->index->ndim - 1;
  int64_t step = g->strides[last], along = g->a->strides[g->axis], base = cpu_offset(last, g->index->shape, g->strides, r);
  const char *from = (const char *)g->a->data + (base + i * step) * (int64_t)g->size;
  char *to = g->out + (r * g->index->shape[last] + i) * (int64_t)g->size;
#define ELEMENTS(bits)                                                                                        \
  for (int64_t j = 0; j < m; j++) ((uint##bits##_t *)to)[j] = ((const uint##bits##_t *)from)[j * step + index[j] * along]; \
  break;
  switch (g->size) {
  case 1: ELEMENTS(8)
  case 2: ELEMENTS(16)
  case 4: ELEMENTS(32)
  default: ELEMENTS(64)
  }
#undef ELEMENTS
}

/* Rows of the indices' last dimension; where they are all the same one, it is read once. */
static void gather_rows(void *ctx, int64_t begin, int64_t end) {
  const struct gather_axis *g = ctx;
  const struct mx_tensor *t = g->index;
  int last = t->ndim - 1;
  int64_t width = t->shape[last], index[CHUNK];
  bool alike = true;
  for (int d = 0; d < last; d++) alike &= t->strides[d] == 0 || t->shape[d] == 1;
  for (int64_t i = 0; i < width && alike; i += CHUNK) {
    int64_t m = width - i < CHUNK ? width - i : CHUNK;
    cpu_load_indices(t, i, m, g->a->shape[g->axis], index);
    for (int64_t r = begin; r < end; r++) gather_run(g, r, i, m, index);
  }
  for (int64_t r = begin; r < end && !alike; r++) {
    for (int64_t i = 0; i < width; i += CHUNK) {
      int64_t m = width - i < CHUNK ? width - i : CHUNK;
      cpu_load_indices(t, r * width + i, m, g->a->shape[g->axis], index);
      gather_run(g, r, i, m, index);
    }
  }
}

int cpu_gather_axis(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_tensor *a = in[0], *index = in[1];
  struct gather_axis g = {.a = a, .index = index, .axis = (int)c->p.ints[0], .size = mx_dtype_size(a->dtype), .out = out[0]->data};
  int status = cpu_check_indices("gather_axis", index, g.axis, a->shape[g.axis], 1);
  if (status || out[0]->size == 0) return status;
  for (int d = 0; d < a->ndim; d++) g.strides[d] = d == g.axis ? 0 : a->strides[d];
  int64_t width = index->shape[index->ndim - 1];
  cpu_parallel_for(index->size / width, PARALLEL_BYTES / (width * (int64_t)g.size) + 1, gather_rows, &g);
  return MX_OK;
}
