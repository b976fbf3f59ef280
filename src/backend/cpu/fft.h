/* fft.h: discrete Fourier transforms of complex64, of any size.
 * Invariant: what a transform of a line gives depends on its size, its layout's class and the table, never on the number of
 * threads. A "column" is a transform along rows of `w` neighbouring complex numbers, one per vector lane: no shuffles. */
#ifndef MX_CPU_FFT_H
#define MX_CPU_FFT_H

#include "backend/cpu/isa.h"
#include "core/compiler.h"
#include "core/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPU_FFT_MAX_PASSES = 48, CPU_FFT_LARGEST_RADIX = 13 };

/* One pass of decimation in time: blocks of radix * l rows; row j + l*k of a block times w^(jk), w = exp(-2 pi i / (radix l)). */
struct cpu_fft_pass {
  int radix;
  int64_t l;
  const float *twiddles; /* for j < l, 1 <= k < radix: w^(jk) */
};

/* How a column of n rows is transformed in place. Sizes with a prime factor above 13 are convolutions of size `inner->n`
 * (Bluestein 1970): X_k = c_k sum_j (x_j c_j) conj(c_(k-j)), c_j = exp(-pi i j^2 / n). */
struct cpu_fft_column {
  int64_t n;
  int passes; /* 0: by convolution */
  struct cpu_fft_pass pass[CPU_FFT_MAX_PASSES];
  const int64_t *order; /* the first pass's block b reads rows order[b] + k n/radix */
  struct cpu_fft_column *inner;
  const float *chirp, *spectrum; /* c_j, and the transform of conj(c) divided by inner->n */
};

/* The call of one column. Strides in floats. */
struct cpu_fft_io {
  const float *src; /* rows of w complex numbers */
  int64_t src_row;
  float *work;      /* n rows of 2w floats, aligned to 64 */
  float *dst;       /* may be work with rows of 2w, and may be src */
  int64_t dst_row;
  float scale;
  bool swap_in, swap_out; /* real and imaginary parts change places: an inverse is a forward transform between two swaps */
  /* Factors by row and lane on the way out: coarse[row] * fine[row % (mask + 1)], where coarse has one row for each
   * mask + 1 of them. NULL: none. */
  const float *coarse, *fine;
  int64_t factor_row;
  int shift; /* 1 << shift rows of fine */
};

struct cpu_fft_table {
  enum cpu_isa isa;
  int w;
  void (*column)(const struct cpu_fft_column *c, const struct cpu_fft_io *io); /* c->passes > 0 */
  /* dst[j * to + i] = src[i * from + j], i < rows, j < cols; complex elements. */
  void (*turn)(int64_t rows, int64_t cols, float *dst, int64_t to, const float *src, int64_t from);
  /* y = x * z; with swap x's parts (swap_in) or y's (swap_out) change places. n complex numbers. */
  void (*multiply)(int64_t n, float *y, const float *x, const float *z, bool swap_in, bool swap_out, float scale);
  /* The same with one z for each row of w numbers. */
  void (*multiply_rows)(int64_t rows, float *y, int64_t y_row, const float *x, int64_t x_row, const float *z, bool swap_in,
                        bool swap_out, float scale);
  /* Between the spectrum of n = 2h reals and the transform of h complex numbers made of them; see fft_kernels.inc. */
  void (*pairs)(int64_t h, float *y, const float *x, const float *twiddles, float scale, bool inverse);
};
extern const struct cpu_fft_table cpu_fft_base, cpu_fft_avx2, cpu_fft_avx512, cpu_fft_neon;
const struct cpu_fft_table *cpu_fft_table(enum cpu_isa isa); /* NULL: not in this build, or not run by this CPU */

/* How one line of n complex numbers is transformed. */
enum cpu_fft_way {
  CPU_FFT_ONE,         /* a column with one lane in use: tiny sizes */
  CPU_FFT_FOUR_STEP,   /* n = n1 n2: columns of n2, factors w^(j1 k2), a transpose, columns of n1 (Gentleman and Sande 1966) */
  CPU_FFT_CONVOLUTION, /* Bluestein's, over a line of size m */
};
struct cpu_fft_plan {
  _Atomic int refs;
  const struct cpu_fft_table *table; /* of the line's columns; may be narrower than the machine's */
  enum cpu_fft_way way;
  int64_t n, n1, n2;
  struct cpu_fft_column *first, *second; /* of n2 and of n1; ONE: first, of n */
  int64_t turned_row; /* complex numbers from row to row of the transposed matrix, n1 rows */
  const float *coarse, *fine;
  int shift;
  int64_t m;
  struct cpu_fft_plan *inner;
  const float *chirp, *spectrum;
  /* Bookkeeping: all tables are in blocks of this list. */
  struct cpu_fft_block *blocks;
  size_t bytes;
};
struct cpu_fft_block;

/* A plan for lines of n, or for columns of n (then `first` serves); from the cache, or made. Let go with cpu_fft_plan_drop. */
int cpu_fft_plan_take(struct cpu_fft_plan **out, const struct cpu_fft_table *t, int64_t n, bool columns) MX_MUST_CHECK;
/* exp(-2 pi i k / n) * -i for k <= n/4: between halves of a real transform of size n. */
int cpu_fft_pairs_take(struct cpu_fft_plan **out, int64_t n) MX_MUST_CHECK; /* in `fine` */
void cpu_fft_plan_drop(struct cpu_fft_plan *p);                              /* NULL is fine */
bool cpu_fft_is_smooth(int64_t n); /* no prime factor above 13 */

/* Complex lines: `count` of them, contiguous, `from` and `to` complex numbers apart; src may be dst with from = to. */
struct cpu_fft_lines {
  int64_t n, count, from, to;
  const float *src;
  float *dst;
  bool inverse;
  float scale;
};
int cpu_fft_lines(const struct cpu_fft_table *t, const struct cpu_fft_lines *l) MX_MUST_CHECK;
/* Along the middle axis of (outer, n, inner) complex numbers, contiguous; src may be dst. */
struct cpu_fft_across {
  int64_t outer, n, inner;
  const float *src;
  float *dst;
  bool inverse;
  float scale;
};
int cpu_fft_across(const struct cpu_fft_table *t, const struct cpu_fft_across *a) MX_MUST_CHECK;

#endif
