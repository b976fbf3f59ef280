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

/* to[i] = from[PLACE(i)] for i in [begin, end), four at a time: a loop of one load and one store is as fast as it happens to lie in
 * memory. */
#define READ(bits, begin, end, PLACE)                                                                         \
  {                                                                                                           \
    const uint##bits##_t *restrict f = (const void *)from;                                                    \
    uint##bits##_t *restrict t = (void *)to;                                                                  \
    int64_t i = begin;                                                                                        \
    for (; i + 4 <= end; i += 4) {                                                                            \
      uint##bits##_t a = f[PLACE(i)], b = f[PLACE(i + 1)], c = f[PLACE(i + 2)], d = f[PLACE(i + 3)];          \
      t[i] = a, t[i + 1] = b, t[i + 2] = c, t[i + 3] = d;                                                     \
    }                                                                                                         \
    for (; i < end; i++) t[i] = f[PLACE(i)];                                                                  \
    return;                                                                                                   \
  }
#define BY_SIZE(size, begin, end, PLACE)                                                                      \
  switch (size) {                                                                                             \
  case 1: READ(8, begin, end, PLACE)                                                                          \
  case 2: READ(16, begin, end, PLACE)                                                                         \
  case 4: READ(32, begin, end, PLACE)                                                                         \
  default: READ(64, begin, end, PLACE)                                                                        \
  }

static void gather_run(size_t size, int64_t m, void *to, const void *from, const int64_t *restrict offset) {
#define PLACE(i) offset[i]
  BY_SIZE(size, 0, m, PLACE)
#undef PLACE
}

/* Single elements by one whole index array: nothing in between. */
static void gather_elements(void *ctx, int64_t begin, int64_t end) {
  const struct gather *g = ctx;
  int64_t size = g->a->shape[g->axes[0]], step = g->a->strides[g->axes[0]];
  const void *index = g->index[0]->data, *from = g->a->data;
  void *to = g->out;
#define PLACE(i) (((int64_t)k[i] + ((int64_t)k[i] < 0 ? size : 0)) * step)
#define BY_INDEX(T)                                                                                           \
  {                                                                                                           \
    const T *restrict k = index;                                                                              \
    BY_SIZE(g->slice.size, begin, end, PLACE)                                                                 \
  }
  switch (g->index[0]->dtype) {
  case MX_INT32: BY_INDEX(int32_t)
  case MX_UINT32: BY_INDEX(uint32_t)
  default: BY_INDEX(int64_t)
  }
#undef PLACE
}

static void gather_slices(void *ctx, int64_t begin, int64_t end) {
  const struct gather *g = ctx;
  const char *from = g->a->data;
  int64_t size = (int64_t)g->slice.size, bytes = g->slice.count * size, offset[CHUNK];
  for (int64_t at = begin; at < end; at += CHUNK) {
    int64_t m = end - at < CHUNK ? end - at : CHUNK;
    slice_offsets(g, at, m, offset);
    char *to = g->out + at * bytes;
    if (g->slice.count == 1) {
      gather_run(g->slice.size, m, to, from, offset);
      continue;
    }
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

/* The rows of the indices in order: where each begins in a. */
struct walk {
  int64_t at[MX_MAX_NDIM], offset;
};
static void walk_begin(const struct gather_axis *g, struct walk *w, int64_t row) {
  w->offset = 0;
  for (int d = g->index->ndim - 2; d >= 0; d--) {
    w->at[d] = row % g->index->shape[d];
    row /= g->index->shape[d];
    w->offset += w->at[d] * g->strides[d];
  }
}
static void walk_next(const struct gather_axis *g, struct walk *w) {
  for (int d = g->index->ndim - 2; d >= 0; d--) {
    w->offset += g->strides[d];
    if (++w->at[d] < g->index->shape[d]) return;
    w->offset -= w->at[d] * g->strides[d];
    w->at[d] = 0;
  }
}

/* Offsets in their rows of m elements from column i on, for `rows` rows (whole ones, if several) from r on. */
static void row_offsets(const struct gather_axis *g, int64_t r, int64_t rows, int64_t i, int64_t m, int64_t *offset) {
  int last = g->index->ndim - 1;
  for (int64_t k = 0; k < rows; k++) cpu_steps(m, i * g->strides[last], g->strides[last], offset + k * m);
  cpu_add_offsets(g->index, r * g->index->shape[last] + i, rows * m, g->a->shape[g->axis], g->a->strides[g->axis], offset);
}

/* Rows of the indices' last dimension; where they are all the same one, it is read once, and several short ones at a time. */
static void gather_rows(void *ctx, int64_t begin, int64_t end) {
  const struct gather_axis *g = ctx;
  const struct mx_tensor *t = g->index;
  int last = t->ndim - 1;
  const char *from = g->a->data;
  int64_t width = t->shape[last], size = (int64_t)g->size, bytes = width * size, offset[CHUNK], many = width < CHUNK ? CHUNK / width : 1;
  struct walk w;
  bool alike = true;
  for (int d = 0; d < last; d++) alike &= t->strides[d] == 0 || t->shape[d] == 1;
  for (int64_t i = 0; i < width && alike; i += CHUNK) {
    int64_t m = width - i < CHUNK ? width - i : CHUNK;
    row_offsets(g, begin, 1, i, m, offset);
    walk_begin(g, &w, begin);
    for (int64_t r = begin; r < end; r++, walk_next(g, &w)) gather_run(g->size, m, g->out + r * bytes + i * size, from + w.offset * size, offset);
  }
  if (alike) return;
  walk_begin(g, &w, begin);
  for (int64_t r = begin; r < end; r += many) {
    int64_t rows = end - r < many ? end - r : many;
    for (int64_t i = 0; i < width; i += CHUNK) {
      int64_t m = width - i < CHUNK ? width - i : CHUNK;
      row_offsets(g, r, rows, i, m, offset);
      for (int64_t k = 0; k < rows; k++) {
        gather_run(g->size, m, g->out + (r + k) * bytes + i * size, from + w.offset * size, offset + k * m);
        if (i + m == width) walk_next(g, &w);
      }
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
