/* copy.h: elements from one layout to another, for kernels that move data.
 * Invariant: bytes move, values never change; sources and destinations do not overlap. */
#ifndef MX_CPU_COPY_H
#define MX_CPU_COPY_H

#include "graph/array.h"

/* cpu_copy itself is in kernels.h. */

/* n elements from linear index `start` of t in row-major order, into a contiguous run. */
void cpu_load(const struct mx_tensor *t, int64_t start, int64_t n, void *dst);

/* The runs along its last dimension that n elements of t (of one dimension at least) lie in, from linear index `start` on. */
struct cpu_runs {
  const struct mx_tensor *t;
  int64_t at[MX_MAX_NDIM], left;
  int64_t offset, length; /* of this run: its first element, counted from t's data; how many */
};
void cpu_runs_begin(struct cpu_runs *r, const struct mx_tensor *t, int64_t start, int64_t n);
bool cpu_runs_next(struct cpu_runs *r); /* false: there is none more */

/* A small box of elements, read or written again and again at different places: dimensions merged once. */
struct cpu_box {
  size_t size; /* of an element */
  int ndim;
  int64_t count, shape[MX_MAX_NDIM], strides[MX_MAX_NDIM];
};
void cpu_box_set(struct cpu_box *b, size_t size, int ndim, const int64_t *shape, const int64_t *strides);
void cpu_box_read(const struct cpu_box *b, const void *src, void *dst); /* strided -> contiguous */
/* Offset in elements of row-major position `at` in a shape with strides. */
int64_t cpu_offset(int ndim, const int64_t *shape, const int64_t *strides, int64_t at);

/* A row-contiguous tensor over memory that is not its own. shape and strides are the caller's arrays. */
struct mx_tensor cpu_part(const struct mx_tensor *of, int64_t *shape, int64_t *strides, int64_t offset);

/* to[i * d] = from[i * s] for n elements, strides in elements, any sign; the runs do not overlap. */
void cpu_copy_run(size_t size, int64_t n, void *to, int64_t d, const void *from, int64_t s);
/* dst[i * stride] = src[i] */
void cpu_store_strided(size_t size, int64_t n, void *dst, int64_t stride, const void *src);

/* dst[i] = the one element at src. */
void cpu_splat(size_t size, int64_t n, void *dst, const void *src);
/* A transpose: dst[i * to + j] = src[j * from + i] for i < rows, j < cols. */
void cpu_turn(size_t size, int64_t rows, int64_t cols, void *dst, int64_t to, const void *src, int64_t from);

#endif
