/* gemm.h: the product of matrices, one packed engine for every dtype, layout and instruction set.
 * Invariant: the order in which the terms of an element are added depends on shapes, layouts and the table, never on the
 * number of threads or on where in the matrix the element lies. */
#ifndef MX_CPU_GEMM_H
#define MX_CPU_GEMM_H

#include "backend/cpu/isa.h"
#include "core/compiler.h"
#include "core/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* c[i,j] = round(Σ_p a[i,p] b[p,j]); with `add` set then alpha * that + beta * add[i,j], rounded at every step as the
 * separate operations would. Strides in elements, any sign, 0 allowed; c is row-contiguous over (batch…, m, n). */
struct cpu_gemm {
  enum mx_dtype dtype;
  int64_t m, n, k;
  const void *a, *b, *add;
  void *c;
  int64_t a_row, a_col, b_row, b_col, add_row, add_col;
  double alpha, beta;
};
/* The same for many matrices: strides from one to the next, in elements. */
struct cpu_gemm_batch {
  int ndim;
  int64_t shape[MX_MAX_NDIM], a[MX_MAX_NDIM], b[MX_MAX_NDIM], add[MX_MAX_NDIM];
};

/* A tile of a convolution's result: c[i][j] = or += Σ a[i*a_row + p*a_step] b[p*nr + j] over n terms from each run's a and b on.
 * Offsets in elements; b is packed. */
struct cpu_conv_run {
  int64_t a, b, n;
};
struct cpu_conv_tile {
  const struct cpu_conv_run *runs;
  int64_t nruns;
  const void *a, *b;
  void *c;
  int64_t a_row, a_step, c_row;
  int64_t b_out; /* of lines: from one output's terms to the next's */
  int rows, cols; /* up to mr and nr; of lines: places and outputs */
  bool accumulate;
};

enum { CPU_GEMM_SMALL_BYTES = 64 << 10, CPU_GEMM_TINY = 4 };

/* Kernels of one accumulator type. A panel holds `width` lanes (rows of a: mr, columns of b: nr) for each of k steps. */
struct cpu_gemm_kernels {
  int size;     /* bytes of an accumulator and of a packed element */
  int mr, nr, lanes; /* lanes: of a vector */
  int64_t kc;   /* terms added in registers before they go to memory */
  /* c[rows][cols] = or += the product of two panels. */
  void (*tile)(int64_t k, const void *a, const void *b, void *c, int64_t ldc, int rows, int cols, bool accumulate);
  /* Rows [begin, end) of a product without addition, k*lanes*size <= CPU_GEMM_SMALL_BYTES: nothing is packed. Reals. */
  void (*small)(const struct cpu_gemm *g, int64_t begin, int64_t end);
  /* `count` products of up to CPU_GEMM_TINY rows, columns and terms, a_next and b_next elements apart: bits as from small. */
  void (*tiny)(const struct cpu_gemm *g, int64_t count, int64_t a_next, int64_t b_next);
  void (*conv_matrix)(const struct cpu_conv_tile *t);
  void (*conv_lanes)(const struct cpu_conv_tile *t); /* a has a value for each column, neighbours; it is read up to whole vectors */
  /* A line: c[o][i] = or += Σ a[i + p*a_step] b[o*b_out + p] for up to 4 outputs; and of taps that meet [0, length) at some of
   * the places only, the first of which stands at `at` (always +=). */
  void (*conv_line)(const struct cpu_conv_tile *t);
  void (*conv_line_edge)(const struct cpu_conv_tile *t, int64_t at, int64_t length);
};

struct cpu_gemm_table {
  enum cpu_isa isa;
  struct cpu_gemm_kernels real32, real64, complex64; /* halves use real32 */
  /* By dtype; NULL where it is not a floating one. One panel of `lanes` <= width lanes; missing lanes become 0. */
  void (*pack_a[MX_DTYPE_COUNT])(int lanes, int64_t k, void *dst, const void *src, int64_t lane_stride, int64_t k_stride);
  void (*pack_b[MX_DTYPE_COUNT])(int lanes, int64_t k, void *dst, const void *src, int64_t lane_stride, int64_t k_stride);
  /* One row: out = round(acc), then the addition when add is set. For real32 dtypes out may be acc. */
  void (*finish[MX_DTYPE_COUNT])(int64_t n, void *out, const void *acc, const void *add, int64_t add_stride, double alpha,
                                 double beta);
  /* y[r] = Σ_p a[r*lda + p] x[p], vector lanes folded pairwise; y[j] = Σ_p x[p] b[p*ldb + j], p in order; x and y are
   * accumulators. float32, float64 and the halves. */
  void (*dot_rows[MX_DTYPE_COUNT])(int64_t rows, int64_t k, const void *a, int64_t lda, const void *x, void *y);
  void (*sum_rows[MX_DTYPE_COUNT])(int64_t cols, int64_t k, const void *b, int64_t ldb, const void *x, void *y);
};

const struct cpu_gemm_table *cpu_gemm_table(enum cpu_isa isa); /* NULL: not in this build, or not run by this CPU */

/* batch may be NULL: one product. Fails only for want of scratch memory. */
int cpu_gemm_run(const struct cpu_gemm_table *table, const struct cpu_gemm *g, const struct cpu_gemm_batch *batch) MX_MUST_CHECK;

/* The parts: k > 0, m > 0, n > 0, one product. */
int cpu_gemm_packed(const struct cpu_gemm_table *table, const struct cpu_gemm *g) MX_MUST_CHECK; /* floating dtypes */
bool cpu_gemm_is_vector(const struct cpu_gemm *g); /* m or n is 1, and the matrix's rows or columns are contiguous */
int cpu_gemm_vector(const struct cpu_gemm_table *table, const struct cpu_gemm *g) MX_MUST_CHECK;
void cpu_gemm_integer(const struct cpu_gemm *g); /* also k = 0 */

/* Memory for the length of one call: the stack's when little is needed. */
struct cpu_scratch {
  void *data;
  struct mx_buffer *buf;
  _Alignas(64) unsigned char local[24 << 10];
};
int cpu_scratch_take(struct cpu_scratch *s, int64_t bytes) MX_MUST_CHECK;
void cpu_scratch_give(struct cpu_scratch *s);

/* Filled by the wrapper files. */
extern const struct cpu_gemm_table cpu_gemm_base, cpu_gemm_avx2, cpu_gemm_avx512, cpu_gemm_neon;

#endif
