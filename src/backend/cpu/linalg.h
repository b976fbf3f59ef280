/* linalg.h: what the kernels over LAPACK share: a batch of matrices spread over the pool, matrices turned to columns and back.
 * Invariant: a matrix that cannot be done fails the whole call with LAPACK's info, the first such matrix of the batch. */
#ifndef MX_CPU_LINALG_H
#define MX_CPU_LINALG_H

#include "backend/cpu/lapack.h"
#include "graph/array.h"
#include "graph/params.h"

#include <complex.h>

struct cpu_linalg;
/* Does matrix `at`; LAPACK's info. */
typedef int (*cpu_linalg_one)(struct cpu_linalg *l, int64_t at, char *room);

struct cpu_linalg {
  const char *op;      /* as errors name it */
  const char *routine; /* LAPACK's, as errors name it */
  const char *reason;  /* what info > 0 means */
  const struct cpu_lapack *lapack;
  const struct mx_tensor *in[2];
  struct mx_tensor *const *out;
  int m, n, k;   /* the first input is (…, m, n); k: min(m, n), or the columns of the second */
  int mode;
  int lwork, lrwork, liwork; /* what LAPACK asked for, in elements */
  int64_t batch;
  double work;   /* operations of one matrix, about */
  int64_t room;  /* bytes of scratch for one matrix, see cpu_linalg_take */
  cpu_linalg_one one;
  int unit;      /* how many matrices `one` does from `at` on, see cpu_linalg_small */
  const struct cpu_small *small;
  _Atomic uint64_t failed; /* 1 + index and info of the first matrix that failed, 0: none */
  _Atomic bool no_memory;
};
enum { CPU_LINALG_NOT_FINITE = -1000 }; /* an info of our own */

/* Sets op, lapack, in, out, m, n, k = min(m, n) and batch; checks that sizes fit LAPACK's integers. */
int cpu_linalg_begin(struct cpu_linalg *l, const char *op, struct mx_tensor *const *in, int nin, struct mx_tensor *const *out) MX_MUST_CHECK;
int cpu_linalg_run(struct cpu_linalg *l) MX_MUST_CHECK;
/* Matrix `at` failed with LAPACK's info, for a `one` that does many. */
void cpu_linalg_note(struct cpu_linalg *l, int64_t at, int info);
/* A workspace's size as a query gave it, in its first element: float32 ones are rounded up. */
int cpu_linalg_size(const struct cpu_lapack *lapack, const void *first);
/* Fails when a workspace of about `elements` does not fit LAPACK's integers. */
int cpu_linalg_fits(const struct cpu_linalg *l, double elements) MX_MUST_CHECK;

/* Takes bytes off the scratch: *room moves on. Room for it all is the sum of CPU_LINALG_ROOM(bytes). */
#define CPU_LINALG_ROOM(bytes) (((int64_t)(bytes) + 63) & ~(int64_t)63)
static inline void *cpu_linalg_take(char **room, int64_t bytes) {
  void *at = *room;
  *room += CPU_LINALG_ROOM(bytes);
  return at;
}

/* Matrix `at` of t as contiguous columns, or rows (which are the columns of its transpose). */
void cpu_linalg_load(const struct mx_tensor *t, int64_t at, bool columns, void *dst);
/* Columns, ld apart, to contiguous rows. */
void cpu_linalg_store(size_t size, int64_t rows, int64_t cols, const void *src, int64_t ld, void *dst);
/* The first element of matrix `at` of a row-contiguous output of matrices of `count` elements. */
static inline char *cpu_linalg_at(const struct mx_tensor *t, int64_t at, int64_t count) {
  return (char *)t->data + at * count * (int64_t)mx_dtype_size(t->dtype);
}

/* Element i, and its writing, of any of the three dtypes. */
double complex cpu_linalg_get(enum mx_dtype d, const void *p, int64_t i);
void cpu_linalg_put(enum mx_dtype d, void *p, int64_t i, double complex x);
bool cpu_linalg_finite(enum mx_dtype d, const void *p, int64_t n);
/* The product of n elements of a diagonal, `step` apart: mantissa * 2^exponent. */
double complex cpu_linalg_product(enum mx_dtype d, const void *diagonal, int64_t step, int n, int64_t *exponent);
bool cpu_linalg_odd(int n, const int *pivots); /* getrf's pivots are an odd permutation */
double complex cpu_linalg_scaled(double complex mantissa, int64_t exponent); /* mantissa * 2^exponent */
/* det or slogdet of a matrix from the diagonal of its U. */
void cpu_linalg_put_det(const struct cpu_linalg *l, int64_t at, const void *diagonal, int64_t step, bool odd);
/* The pivots of LU, `step` apart and counted from `first`, and the permutation; room for m integers. */
void cpu_linalg_put_pivots(const struct cpu_linalg *l, int64_t at, const int *pivots, int64_t step, int first, void *room);

/* What pinv of matrix `at` counts as zero, over the largest singular value. */
double cpu_linalg_tolerance(const struct cpu_linalg *l, int64_t at);

/* linalg_small.c: takes over where the matrices are real and small; called when everything else is set. */
void cpu_linalg_small(struct cpu_linalg *l, cpu_linalg_one one);
int cpu_small_solve(struct cpu_linalg *l, int64_t at, char *room); /* and inverses, where there is no second input */
int cpu_small_cholesky(struct cpu_linalg *l, int64_t at, char *room);
int cpu_small_lu(struct cpu_linalg *l, int64_t at, char *room);
int cpu_small_det(struct cpu_linalg *l, int64_t at, char *room);
int cpu_small_eigh(struct cpu_linalg *l, int64_t at, char *room);
int cpu_small_qr(struct cpu_linalg *l, int64_t at, char *room);
int cpu_small_svd(struct cpu_linalg *l, int64_t at, char *room);
int cpu_small_pinv(struct cpu_linalg *l, int64_t at, char *room);

#endif
