/* linalg.c: the walk over a batch, and the kernels on Cholesky and LU factorizations.
 * Invariant: LAPACK sees contiguous columns. Where transposing the question transposes the answer (inverses, determinants,
 * Cholesky), rows are handed over as the columns of the transpose, and nothing moves. */
#include "backend/cpu/linalg.h"

#include "backend/cpu/copy.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "core/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the walk ---- */

int cpu_linalg_begin(struct cpu_linalg *l, const char *op, struct mx_tensor *const *in, int nin, struct mx_tensor *const *out) {
  memset(l, 0, sizeof *l);
  l->op = op;
  l->out = out;
  l->batch = l->unit = 1;
  int64_t sizes[3] = {0};
  for (int i = 0; i < nin; i++) {
    const struct mx_tensor *t = l->in[i] = in[i];
    sizes[0] = i ? sizes[0] : t->shape[t->ndim - 2];
    sizes[1 + i] = t->shape[t->ndim - 1];
  }
  for (int d = 0; d < in[0]->ndim - 2; d++) l->batch *= in[0]->shape[d];
  for (int i = 0; i < 3; i++)
    if (sizes[i] > INT32_MAX)
      return mx_fail(MX_EVALUE, "[%s] A dimension of %lld does not fit the 32-bit integers of LAPACK.", op, (long long)sizes[i]);
  l->m = (int)sizes[0], l->n = (int)sizes[1];
  l->k = nin > 1 ? (int)sizes[2] : l->m < l->n ? l->m : l->n;
  l->lapack = cpu_lapack(op, in[0]->dtype);
  return l->lapack ? MX_OK : (int)mx_error_class();
}

void cpu_linalg_note(struct cpu_linalg *l, int64_t at, int info) {
  uint64_t mine = (uint64_t)(at + 1) << 32 | (uint32_t)info, old = atomic_load(&l->failed);
  while ((!old || mine >> 32 < old >> 32) && !atomic_compare_exchange_weak(&l->failed, &old, mine)) continue;
}

static void walk(void *ctx, int64_t begin, int64_t end) {
  struct cpu_linalg *l = ctx;
  struct cpu_scratch scratch;
  if (cpu_scratch_take(&scratch, l->room + 64)) {
    atomic_store(&l->no_memory, true);
    return;
  }
  char *room = (char *)(((uintptr_t)scratch.data + 63) & ~(uintptr_t)63);
  for (int64_t i = begin; i < end; i++) {
    int info = l->one(l, i * l->unit, room);
    if (info) cpu_linalg_note(l, i, info);
  }
  cpu_scratch_give(&scratch);
}

int cpu_linalg_run(struct cpu_linalg *l) {
  enum { GRAIN = 1 << 17 };
  int64_t units = (l->batch - 1) / l->unit + (l->batch > 0);
  double work = l->small ? 4 * l->work + 1000 : l->work + 100; /* of a unit; what a call costs is in it */
  cpu_parallel_for(units, work < GRAIN ? (int64_t)(GRAIN / work) + 1 : 1, walk, l);
  if (atomic_load(&l->no_memory))
    return mx_fail(MX_EMEMORY, "[%s] Out of memory for a workspace of %lld bytes.", l->op, (long long)l->room);
  uint64_t failed = atomic_load(&l->failed);
  if (!failed) return MX_OK;
  int info = (int)(uint32_t)failed;
  char which[64] = "";
  if (l->batch > 1) snprintf(which, sizeof which, ", matrix %llu of the batch", (unsigned long long)(failed >> 32) - 1);
  if (info == CPU_LINALG_NOT_FINITE)
    return mx_fail(MX_EVALUE, "[%s] The input has NaN or infinite elements%s.", l->op, which);
  return mx_fail(MX_ERUNTIME, "[%s] %s (LAPACK %s: info %d%s).", l->op, info > 0 ? l->reason : "LAPACK refused an argument", l->routine,
                 info, which);
}

int cpu_linalg_size(const struct cpu_lapack *lapack, const void *first) {
  double size = 0;
  float single;
  if (lapack->real_size == 8) memcpy(&size, first, sizeof size);
  else memcpy(&single, first, sizeof single), size = (double)single * (1 + 0x1p-22);
  return size < 1 ? 1 : size < INT32_MAX ? (int)ceil(size) : INT32_MAX;
}

int cpu_linalg_fits(const struct cpu_linalg *l, double elements) {
  if (elements < INT32_MAX) return MX_OK;
  return mx_fail(MX_EVALUE, "[%s] A matrix of %d x %d needs a workspace that does not fit the 32-bit integers of LAPACK.", l->op, l->m, l->n);
}

/* ---- layouts ---- */

/* dst[i * cols + j] = the element at row i and column j of a strided matrix. */
static void gather(size_t size, int64_t rows, int64_t cols, const char *src, int64_t row, int64_t col, char *dst) {
  if (col == 1) {
    for (int64_t i = 0; i < rows; i++) memcpy(dst + (size_t)(i * cols) * size, src + i * row * (int64_t)size, (size_t)cols * size);
  } else if (row == 1) {
    cpu_turn(size, rows, cols, dst, cols, src, col);
  } else if (size == 4) {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++) ((uint32_t *)dst)[i * cols + j] = ((const uint32_t *)src)[i * row + j * col];
  } else {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++) ((uint64_t *)dst)[i * cols + j] = ((const uint64_t *)src)[i * row + j * col];
  }
}

void cpu_linalg_load(const struct mx_tensor *t, int64_t at, bool columns, void *dst) {
  int r = t->ndim - 2, c = t->ndim - 1;
  size_t size = mx_dtype_size(t->dtype);
  const char *src = (const char *)t->data + cpu_offset(r, t->shape, t->strides, at) * (int64_t)size;
  if (columns) gather(size, t->shape[c], t->shape[r], src, t->strides[c], t->strides[r], dst);
  else gather(size, t->shape[r], t->shape[c], src, t->strides[r], t->strides[c], dst);
}

void cpu_linalg_store(size_t size, int64_t rows, int64_t cols, const void *src, int64_t ld, void *dst) {
  cpu_turn(size, rows, cols, dst, cols, src, ld);
}

/* CMPLX, which not every compiler has: no product with an infinity on the way. */
static double complex complex_of(double re, double im) {
  double parts[2] = {re, im};
  double complex z;
  memcpy(&z, parts, sizeof z);
  return z;
}
double complex cpu_linalg_get(enum mx_dtype d, const void *p, int64_t i) {
  if (d == MX_FLOAT32) return ((const float *)p)[i];
  return d == MX_FLOAT64 ? ((const double *)p)[i] : ((const float complex *)p)[i];
}
void cpu_linalg_put(enum mx_dtype d, void *p, int64_t i, double complex x) {
  if (d == MX_FLOAT32) ((float *)p)[i] = (float)creal(x);
  else if (d == MX_FLOAT64) ((double *)p)[i] = creal(x);
  else ((float complex *)p)[i] = (float complex)x;
}
/* NaN and infinities have an exponent of ones. */
bool cpu_linalg_finite(enum mx_dtype d, const void *p, int64_t n) {
  const uint64_t wide = 0x7ff0000000000000;
  const uint32_t narrow = 0x7f800000;
  uint64_t seen = 0;
  uint32_t any = 0;
  if (d == MX_FLOAT64)
    for (int64_t i = 0; i < n; i++) seen |= (((const uint64_t *)p)[i] & wide) == wide;
  else
    for (int64_t i = 0; i < n * (d == MX_COMPLEX64 ? 2 : 1); i++) any |= (((const uint32_t *)p)[i] & narrow) == narrow;
  return !seen && !any;
}

/* Factors are taken out only where the product would leave the range of a double. */
static bool in_range(double size) { return (size < 1e100 && size > 1e-100) || size == 0 || !isfinite(size); }
static double real_product(enum mx_dtype d, const void *diagonal, int64_t step, int n, int64_t *exponent) {
  double product = 1;
  for (int i = 0; i < n; i++) {
    double x = d == MX_FLOAT32 ? (double)((const float *)diagonal)[i * step] : ((const double *)diagonal)[i * step];
    int part, own;
    if (!in_range(fabs(x))) x = frexp(x, &own), *exponent += own;
    product *= x;
    if (!in_range(fabs(product))) product = frexp(product, &part), *exponent += part;
  }
  return product;
}
double complex cpu_linalg_product(enum mx_dtype d, const void *diagonal, int64_t step, int n, int64_t *exponent) {
  *exponent = 0;
  if (d != MX_COMPLEX64) return real_product(d, diagonal, step, n, exponent);
  double complex product = 1;
  for (int i = 0; i < n; i++) {
    product *= cpu_linalg_get(d, diagonal, i * step);
    double size = fmax(fabs(creal(product)), fabs(cimag(product)));
    if (in_range(size)) continue;
    int e;
    frexp(size, &e);
    product = cpu_linalg_scaled(product, -e);
    *exponent += e;
  }
  return product;
}
double complex cpu_linalg_scaled(double complex x, int64_t exponent) {
  int e = exponent > 5000 ? 5000 : exponent < -5000 ? -5000 : (int)exponent;
  return complex_of(ldexp(creal(x), e), ldexp(cimag(x), e));
}

/* Zeros above the diagonal (of rows), or below it. */
static void clear_triangle(size_t size, int64_t n, char *rows, bool above) {
  for (int64_t i = 0; i < n; i++) {
    char *row = rows + (size_t)(i * n) * size;
    if (above) memset(row + (size_t)(i + 1) * size, 0, (size_t)(n - 1 - i) * size);
    else memset(row, 0, (size_t)i * size);
  }
}

/* ---- Cholesky: A = L Lᴴ. The rows of A are the columns of Aᵀ = Uᴴ U, and the columns of U are the rows of L = Uᵀ. ---- */

static int one_cholesky(struct cpu_linalg *l, int64_t at, char *room) {
  (void)room;
  char *out = cpu_linalg_at(l->out[0], at, (int64_t)l->n * l->n);
  int info = 0;
  cpu_linalg_load(l->in[0], at, false, out);
  l->lapack->potrf("U", &l->n, out, &l->n, &info, 1);
  for (int i = 0; i < l->n && !info; i++) /* not every version sees a NaN */
    if (isnan(creal(cpu_linalg_get(l->lapack->dtype, out, (int64_t)i * (l->n + 1))))) info = i + 1;
  clear_triangle(l->lapack->size, l->n, out, true);
  return info;
}
int cpu_cholesky(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  (void)c;
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_linalg_begin(&l, "cholesky", in, 1, out);
  if (status) return status;
  l.routine = "potrf", l.reason = "The matrix is not positive definite";
  l.one = one_cholesky;
  l.work = pow(l.n, 3) / 3;
  cpu_linalg_small(&l, cpu_small_cholesky);
  return cpu_linalg_run(&l);
}

/* ---- inverses: in place, of the transpose ---- */

static void negate(size_t real_size, int64_t n, const void *src, void *dst) {
  for (int64_t i = 0; i < n; i++)
    if (real_size == 8) ((double *)dst)[i] = -((const double *)src)[i];
    else ((float *)dst)[i] = -((const float *)src)[i];
}
/* A triangle of n rows in place, by its halves: ((A 0) (B C))⁻¹ = ((A⁻¹ 0) (-C⁻¹ B A⁻¹ C⁻¹)), and for the upper one the same
 * with A and C exchanged. The work is products, which LAPACK's own way is not. false: no memory. */
enum { TRIANGLE = 16 };
static bool invert_triangle(const struct cpu_linalg *l, char *a, int n, char *room) {
  bool lower = l->mode == MX_MATRIX_LOWER;
  int64_t ld = l->n, size = (int64_t)l->lapack->size, half = n / 2;
  if (n <= TRIANGLE) {
    l->lapack->trtri(lower ? "U" : "L", "N", &n, a, &l->n, &(int){0}, 1, 1);
    return true;
  }
  char *c = a + half * (ld + 1) * size, *b = a + half * (lower ? ld : 1) * size;
  int64_t rows = lower ? n - half : half, cols = n - rows;
  char *left = cpu_linalg_take(&room, rows * cols * size), *both = room;
  if (!invert_triangle(l, a, (int)half, left) || !invert_triangle(l, c, n - (int)half, left)) return false;
  struct cpu_gemm g = {.dtype = l->lapack->dtype, .m = rows, .n = cols, .k = rows, .a = lower ? c : a, .a_row = ld, .a_col = 1,
                       .b = b, .b_row = ld, .b_col = 1, .c = left, .alpha = 1};
  if (cpu_gemm_run(cpu_gemm_table(cpu_isa()), &g, NULL)) return false;
  g.k = cols, g.a = left, g.a_row = cols, g.b = lower ? a : c, g.c = both;
  if (cpu_gemm_run(cpu_gemm_table(cpu_isa()), &g, NULL)) return false;
  for (int64_t i = 0; i < rows; i++)
    negate(l->lapack->real_size, cols * size / (int64_t)l->lapack->real_size, both + i * cols * size, b + i * ld * size);
  return true;
}
static int one_triangle(struct cpu_linalg *l, int64_t at, char *room) {
  char *out = cpu_linalg_at(l->out[0], at, (int64_t)l->n * l->n);
  bool lower = l->mode == MX_MATRIX_LOWER;
  int info = 0;
  cpu_linalg_load(l->in[0], at, false, out);
  clear_triangle(l->lapack->size, l->n, out, lower);
  for (int i = 0; i < l->n; i++)
    if (cpu_linalg_get(l->lapack->dtype, out, (int64_t)i * (l->n + 1)) == 0) return i + 1;
  if (!invert_triangle(l, out, l->n, room)) return atomic_store(&l->no_memory, true), 0;
  if (l->n <= TRIANGLE || cpu_linalg_finite(l->lapack->dtype, out, (int64_t)l->n * l->n)) return 0;
  /* Products carry NaN and infinities farther than a solution does. */
  cpu_linalg_load(l->in[0], at, false, out);
  clear_triangle(l->lapack->size, l->n, out, lower);
  l->lapack->trtri(lower ? "U" : "L", "N", &l->n, out, &l->n, &info, 1, 1);
  return info;
}
static int one_inverse(struct cpu_linalg *l, int64_t at, char *room) {
  char *out = cpu_linalg_at(l->out[0], at, (int64_t)l->n * l->n);
  int info = 0, *pivots = cpu_linalg_take(&room, (int64_t)l->n * (int64_t)sizeof(int));
  cpu_linalg_load(l->in[0], at, false, out);
  l->lapack->getrf(&l->n, &l->n, out, &l->n, pivots, &info);
  if (!info) l->lapack->getri(&l->n, out, &l->n, pivots, room, &l->lwork, &info);
  return info;
}
int cpu_inverse(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  const struct mx_linalg_params *head = c->p.head;
  int mode = head->mode, info;
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_linalg_begin(&l, head->op, in, 1, out);
  if (status) return status;
  l.mode = mode;
  l.routine = mode == MX_MATRIX_GENERAL ? "getrf" : "trtri", l.reason = "The matrix is singular";
  l.one = mode == MX_MATRIX_GENERAL ? one_inverse : one_triangle;
  l.work = 2 * pow(l.n, 3);
  l.room = 2 * CPU_LINALG_ROOM(((int64_t)l.n + 1) / 2 * ((int64_t)l.n + 1) / 2 * (int64_t)l.lapack->size);
  if (mode == MX_MATRIX_GENERAL) {
    double first[2];
    l.lapack->getri(&l.n, out[0]->data, &l.n, (int[1]){1}, first, &(int){-1}, &info);
    l.lwork = cpu_linalg_size(l.lapack, first);
    l.room = CPU_LINALG_ROOM((int64_t)l.n * (int64_t)sizeof(int)) + (int64_t)l.lwork * (int64_t)l.lapack->size;
  }
  cpu_linalg_small(&l, cpu_small_solve);
  return cpu_linalg_run(&l);
}

/* ---- solve: the transpose is factored, the transposed system solved ---- */

static int one_solve(struct cpu_linalg *l, int64_t at, char *room) {
  const struct cpu_lapack *f = l->lapack;
  int64_t n = l->n, k = l->k, size = (int64_t)f->size;
  int info = 0, *pivots = cpu_linalg_take(&room, n * (int64_t)sizeof(int));
  char *a = cpu_linalg_take(&room, n * n * size), *out = cpu_linalg_at(l->out[0], at, n * k), *b = k == 1 ? out : room;
  cpu_linalg_load(l->in[0], at, false, a);
  cpu_linalg_load(l->in[1], at, true, b);
  if (l->mode == MX_MATRIX_GENERAL) {
    f->getrf(&l->n, &l->n, a, &l->n, pivots, &info);
    if (!info) f->getrs("T", &l->n, &l->k, a, &l->n, pivots, b, &l->n, &info, 1);
  } else {
    f->trtrs(l->mode == MX_MATRIX_LOWER ? "U" : "L", "T", "N", &l->n, &l->k, a, &l->n, b, &l->n, &info, 1, 1, 1);
  }
  if (b != out) cpu_linalg_store(f->size, n, k, b, n, out);
  return info;
}
int cpu_solve(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  const struct mx_linalg_params *head = c->p.head;
  int mode = head->mode;
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_linalg_begin(&l, head->op, in, 2, out);
  if (status) return status;
  l.mode = mode;
  l.routine = mode == MX_MATRIX_GENERAL ? "getrf" : "trtrs", l.reason = "The matrix is singular";
  l.one = one_solve;
  int64_t n = l.n, k = l.k, size = (int64_t)l.lapack->size;
  l.room = CPU_LINALG_ROOM(n * (int64_t)sizeof(int)) + CPU_LINALG_ROOM(n * n * size) + n * k * size;
  l.work = pow(l.n, 3) * 2 / 3 + 2 * pow(l.n, 2) * l.k;
  cpu_linalg_small(&l, cpu_small_solve);
  return cpu_linalg_run(&l);
}

/* ---- LU: out[0] both factors, out[1] the pivots, out[2] the permutation p with A = L[p, :] U ---- */

void cpu_linalg_put_pivots(const struct cpu_linalg *l, int64_t at, const int *pivots, int64_t step, int first, void *room) {
  int *rows = room;
  uint32_t *swaps = (uint32_t *)(void *)cpu_linalg_at(l->out[1], at, l->k), *p = (uint32_t *)(void *)cpu_linalg_at(l->out[2], at, l->m);
  for (int i = 0; i < l->m; i++) rows[i] = i;
  for (int i = 0; i < l->k; i++) {
    int with = pivots[i * step] - first, row = rows[i];
    swaps[i] = (uint32_t)with;
    rows[i] = rows[with], rows[with] = row;
  }
  for (int i = 0; i < l->m; i++) p[rows[i]] = (uint32_t)i;
}
static int one_lu(struct cpu_linalg *l, int64_t at, char *room) {
  int64_t m = l->m, n = l->n, k = l->k;
  int info = 0, *pivots = cpu_linalg_take(&room, k * (int64_t)sizeof(int)), *rows = cpu_linalg_take(&room, m * (int64_t)sizeof(int));
  cpu_linalg_load(l->in[0], at, true, room);
  if (k) l->lapack->getrf(&l->m, &l->n, room, &l->m, pivots, &info);
  cpu_linalg_put_pivots(l, at, pivots, 1, 1, rows);
  cpu_linalg_store(l->lapack->size, m, n, room, m, cpu_linalg_at(l->out[0], at, m * n));
  return info < 0 ? info : 0; /* a zero on the diagonal of U is a fine factorization */
}
int cpu_lu(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  (void)c;
  int status = cpu_linalg_begin(&l, "lu", in, 1, out);
  if (status) return status;
  l.routine = "getrf", l.reason = "";
  l.one = one_lu;
  l.room = CPU_LINALG_ROOM((int64_t)l.k * 4) + CPU_LINALG_ROOM((int64_t)l.m * 4) + (int64_t)l.m * l.n * (int64_t)l.lapack->size;
  l.work = (double)l.m * l.n * l.k;
  if (l.m == l.n) cpu_linalg_small(&l, cpu_small_lu);
  return cpu_linalg_run(&l);
}

/* ---- determinants: of the transpose, the product of U's diagonal ---- */

bool cpu_linalg_odd(int n, const int *pivots) {
  bool odd = false;
  for (int i = 0; i < n; i++) odd ^= pivots[i] != i + 1;
  return odd;
}
void cpu_linalg_put_det(const struct cpu_linalg *l, int64_t at, const void *diagonal, int64_t step, bool odd) {
  int64_t exponent;
  enum mx_dtype d = l->lapack->dtype;
  double complex det = cpu_linalg_product(d, diagonal, step, l->n, &exponent);
  if (odd) det = -det;
  if (l->mode == 1) return cpu_linalg_put(d, l->out[0]->data, at, cpu_linalg_scaled(det, exponent));
  double size = d == MX_COMPLEX64 ? cabs(det) : fabs(creal(det));
  cpu_linalg_put(d, l->out[0]->data, at, size == 0 ? 0 : det / size);
  cpu_linalg_put(l->out[1]->dtype, l->out[1]->data, at, log(size) + (double)exponent * 0.69314718055994531);
}
static int one_det(struct cpu_linalg *l, int64_t at, char *room) {
  int info = 0, *pivots = cpu_linalg_take(&room, (int64_t)l->n * (int64_t)sizeof(int));
  cpu_linalg_load(l->in[0], at, false, room);
  if (l->n) l->lapack->getrf(&l->n, &l->n, room, &l->n, pivots, &info);
  cpu_linalg_put_det(l, at, room, l->n + 1, cpu_linalg_odd(l->n, pivots));
  return 0;
}
static int determinants(const char *op, struct mx_tensor *const *in, struct mx_tensor *const *out, int nout) {
  struct cpu_linalg l;
  int status = cpu_linalg_begin(&l, op, in, 1, out);
  if (status) return status;
  l.one = one_det;
  l.mode = nout;
  l.room = CPU_LINALG_ROOM((int64_t)l.n * (int64_t)sizeof(int)) + (int64_t)l.n * l.n * (int64_t)l.lapack->size;
  l.work = pow(l.n, 3) * 2 / 3;
  cpu_linalg_small(&l, cpu_small_det);
  return cpu_linalg_run(&l);
}
int cpu_det(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return determinants("det", in, out, c->nout);
}
int cpu_slogdet(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return determinants("slogdet", in, out, c->nout);
}
