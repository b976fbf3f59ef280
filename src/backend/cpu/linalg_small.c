/* linalg_small.c: stacks of small real matrices, as many at a time as a vector has lanes. LAPACK spends its time on such
 * matrices on calls, checks and a lock that threads wait for. Invariant: failures are told as LAPACK tells them. */
#include "backend/cpu/copy.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/linalg.h"
#include "core/compiler.h"

#include <math.h>
#include <string.h>

struct cpu_small {
  int lanes;
  void (*eliminate)(int n, int k, void *matrices, void *sides, int32_t *pivots);
  void (*substitute)(int n, int k, const void *matrices, void *sides, bool lower);
  void (*cholesky)(int n, void *matrices);
  bool (*regular)(int n, const void *matrices, bool positive);
  bool (*symmetric)(int n, void *matrices, void *values, void *vectors);
  void (*qr)(int rows, int cols, int count, void *columns, void *q);
  bool (*svd)(int rows, int cols, int count, void *columns, void *values, void *right, void *left, void *spare);
  bool (*pinv)(int rows, int cols, const void *least, void *columns, void *spare, void *out);
};
/* The side of the largest matrices; of those that pay when there are fewer than FEW. */
enum { LARGEST = 16, TINY = 4, FEW = 4 };

#define VBYTES 16
#define NAME(word) f32_base_##word
#define REAL float
#define INTEGER int32_t
#include "backend/cpu/linalg_small.inc"
#define NAME(word) f64_base_##word
#define REAL double
#define INTEGER int64_t
#include "backend/cpu/linalg_small.inc"
#undef VBYTES

#if defined(__x86_64__)
MX_TARGET_BEGIN("avx2")
#define VBYTES 32
#define NAME(word) f32_avx2_##word
#define REAL float
#define INTEGER int32_t
#include "backend/cpu/linalg_small.inc"
#define NAME(word) f64_avx2_##word
#define REAL double
#define INTEGER int64_t
#include "backend/cpu/linalg_small.inc"
#undef VBYTES
MX_TARGET_END

MX_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2")
#define VBYTES 64
#define NAME(word) f32_avx512_##word
#define REAL float
#define INTEGER int32_t
#include "backend/cpu/linalg_small.inc"
#define NAME(word) f64_avx512_##word
#define REAL double
#define INTEGER int64_t
#include "backend/cpu/linalg_small.inc"
#undef VBYTES
MX_TARGET_END
#endif

static const struct cpu_small *kernels(enum mx_dtype d) {
#if defined(__x86_64__)
  if (cpu_isa() == CPU_ISA_AVX512) return d == MX_FLOAT32 ? &f32_avx512_small : &f64_avx512_small;
  if (cpu_isa() == CPU_ISA_AVX2) return d == MX_FLOAT32 ? &f32_avx2_small : &f64_avx2_small;
#endif
  return d == MX_FLOAT32 ? &f32_base_small : &f64_base_small;
}

/* ---- the frame ---- */

void cpu_linalg_small(struct cpu_linalg *l, cpu_linalg_one one) {
  enum mx_dtype d = l->lapack->dtype;
  int side = l->m > l->n ? l->m : l->n;
  if (d == MX_COMPLEX64 || l->k == 0 || side > LARGEST || l->k > LARGEST || (side > TINY && l->batch < FEW)) return;
  l->small = kernels(d);
  l->unit = l->small->lanes;
  l->one = one;
  l->room = 6 * l->unit * CPU_LINALG_ROOM(LARGEST * LARGEST * (int64_t)l->lapack->size);
}

static int64_t bytes_of(const struct cpu_linalg *l, int64_t elements) { return elements * l->unit * (int64_t)l->lapack->size; }
static int64_t count_at(const struct cpu_linalg *l, int64_t at) { return l->batch - at < l->unit ? l->batch - at : l->unit; }

/* The matrices from `at` on side by side; lanes without a matrix hold zeros. */
static void *spread(const struct cpu_linalg *l, const struct mx_tensor *t, int64_t at, int64_t elements, char **room) {
  int64_t size = (int64_t)l->lapack->size, count = count_at(l, at);
  void *all = cpu_linalg_take(room, bytes_of(l, elements));
  const char *rows = (const char *)t->data + at * elements * size;
  if (!mx_tensor_is_contiguous(t)) {
    rows = *room;
    for (int64_t i = 0; i < count; i++) cpu_linalg_load(t, at + i, false, *room + i * elements * size);
  }
  if (count < l->unit) memset(all, 0, (size_t)bytes_of(l, elements));
  cpu_turn((size_t)size, elements, count, all, l->unit, rows, elements);
  return all;
}
static void gather(const struct cpu_linalg *l, const struct mx_tensor *t, int64_t at, int64_t count, const void *all) {
  cpu_turn(l->lapack->size, count_at(l, at), count, cpu_linalg_at(t, at, count), count, all, l->unit);
}
static double element(const struct cpu_linalg *l, const void *all, int64_t i, int64_t lane) {
  int64_t at = i * l->unit + lane;
  return l->lapack->dtype == MX_FLOAT32 ? (double)((const float *)all)[at] : ((const double *)all)[at];
}
/* LAPACK's info: the first element of the diagonal that is zero, or not positive. */
static void judge(struct cpu_linalg *l, int64_t at, const void *all, bool positive) {
  if (l->small->regular(l->n, all, positive)) return;
  for (int64_t lane = 0; lane < count_at(l, at); lane++)
    for (int i = 0; i < l->n; i++) {
      double x = element(l, all, (int64_t)i * (l->n + 1), lane);
      if (positive ? x > 0 : x != 0) continue;
      cpu_linalg_note(l, at + lane, i + 1);
      break;
    }
}

/* A transpose: rows × cols elements become cols × rows. */
static void *turned(const struct cpu_linalg *l, int64_t rows, int64_t cols, const char *from, char **room) {
  int64_t size = bytes_of(l, 1);
  char *to = cpu_linalg_take(room, rows * cols * size);
  for (int64_t i = 0; i < cols; i++)
    for (int64_t j = 0; j < rows; j++) memcpy(to + (i * rows + j) * size, from + (j * cols + i) * size, (size_t)size);
  return to;
}
/* What has no end, or a NaN where only input that is not finite gives one. */
static void judge_values(struct cpu_linalg *l, int64_t at, const void *first, bool done) {
  if (!done) cpu_linalg_note(l, at, 1);
  for (int64_t lane = 0; lane < count_at(l, at); lane++)
    if (isnan(element(l, first, 0, lane))) cpu_linalg_note(l, at + lane, CPU_LINALG_NOT_FINITE);
}

/* ---- the operations ---- */

static void identity(const struct cpu_linalg *l, void *all) {
  memset(all, 0, (size_t)bytes_of(l, (int64_t)l->n * l->n));
  double one = 1;
  cpu_linalg_put(l->lapack->dtype, &one, 0, 1);
  for (int64_t i = 0; i < l->n; i++) cpu_splat(l->lapack->size, l->unit, (char *)all + bytes_of(l, i * (l->n + 1)), &one);
}
int cpu_small_solve(struct cpu_linalg *l, int64_t at, char *room) {
  const struct cpu_small *f = l->small;
  int64_t n = l->n, k = l->k;
  bool inverse = !l->in[1], lower = l->mode == MX_MATRIX_LOWER;
  char *a = spread(l, l->in[0], at, n * n, &room), *b = inverse ? room : spread(l, l->in[1], at, n * k, &room);
  if (inverse) identity(l, cpu_linalg_take(&room, bytes_of(l, n * n)));
  if (l->mode == MX_MATRIX_GENERAL) f->eliminate(l->n, l->k, a, b, (int32_t *)(void *)room);
  f->substitute(l->n, l->k, a, b, lower);
  for (int64_t i = 0; inverse && l->mode != MX_MATRIX_GENERAL && i < n; i++) /* NaN and -0 stay out of the other triangle */
    memset(b + bytes_of(l, lower ? i * n + i + 1 : i * n), 0, (size_t)bytes_of(l, lower ? n - 1 - i : i));
  gather(l, l->out[0], at, n * k, b);
  judge(l, at, a, false);
  return 0;
}
int cpu_small_cholesky(struct cpu_linalg *l, int64_t at, char *room) {
  void *a = spread(l, l->in[0], at, (int64_t)l->n * l->n, &room);
  l->small->cholesky(l->n, a);
  gather(l, l->out[0], at, (int64_t)l->n * l->n, a);
  judge(l, at, a, true);
  return 0;
}
int cpu_small_lu(struct cpu_linalg *l, int64_t at, char *room) {
  int64_t n = l->n;
  char *a = spread(l, l->in[0], at, n * n, &room);
  int32_t *pivots = cpu_linalg_take(&room, n * l->unit * (int64_t)sizeof *pivots);
  l->small->eliminate(l->n, 0, a, a, pivots);
  gather(l, l->out[0], at, n * n, a);
  for (int64_t lane = 0; lane < count_at(l, at); lane++) cpu_linalg_put_pivots(l, at + lane, pivots + lane, l->unit, 0, room);
  return 0;
}
int cpu_small_det(struct cpu_linalg *l, int64_t at, char *room) {
  int64_t n = l->n, size = (int64_t)l->lapack->size;
  char *a = spread(l, l->in[0], at, n * n, &room);
  int32_t *pivots = (int32_t *)(void *)room;
  l->small->eliminate(l->n, 0, a, a, pivots);
  for (int64_t lane = 0; lane < count_at(l, at); lane++) {
    bool odd = false;
    for (int i = 0; i < l->n; i++) odd ^= pivots[i * l->unit + lane] != i;
    cpu_linalg_put_det(l, at + lane, a + lane * size, (n + 1) * l->unit, odd);
  }
  return 0;
}
int cpu_small_eigh(struct cpu_linalg *l, int64_t at, char *room) {
  int64_t n = l->n;
  bool wanted = l->mode != MX_PARTS_VALUES;
  void *a = spread(l, l->in[0], at, n * n, &room), *w = cpu_linalg_take(&room, bytes_of(l, n)), *v = wanted ? room : NULL;
  judge_values(l, at, w, l->small->symmetric(l->n, a, w, v));
  gather(l, l->out[0], at, n, w);
  if (wanted) gather(l, l->out[1], at, n * n, v);
  return 0;
}
int cpu_small_qr(struct cpu_linalg *l, int64_t at, char *room) {
  int64_t m = l->m, n = l->n, k = l->k;
  const char *a = spread(l, l->in[0], at, m * n, &room);
  char *r = turned(l, m, n, a, &room), *q = cpu_linalg_take(&room, bytes_of(l, m * k));
  l->small->qr(l->m, l->n, l->k, r, q);
  gather(l, l->out[0], at, m * k, turned(l, k, m, q, &room));
  gather(l, l->out[1], at, k * n, turned(l, n, m, r, &room)); /* of m rows the first k */
  return 0;
}
/* Columns as long as the longer side: those of the matrix, or of its transpose; left and right vectors change places then. */
static char *columns_of(const struct cpu_linalg *l, int64_t at, char **room) {
  char *a = spread(l, l->in[0], at, (int64_t)l->m * l->n, room);
  return l->m < l->n ? a : turned(l, l->m, l->n, a, room);
}
int cpu_small_svd(struct cpu_linalg *l, int64_t at, char *room) {
  bool wide = l->m < l->n, wanted = l->mode != MX_PARTS_VALUES;
  int long_side = wide ? l->n : l->m, k = l->k, count = l->mode == MX_PARTS_THIN ? k : long_side;
  char *a = columns_of(l, at, &room), *s = cpu_linalg_take(&room, bytes_of(l, k));
  char *right = wanted ? cpu_linalg_take(&room, bytes_of(l, (int64_t)k * k)) : NULL;
  char *left = wanted ? cpu_linalg_take(&room, bytes_of(l, (int64_t)count * long_side)) : NULL;
  judge_values(l, at, s, l->small->svd(long_side, k, count, a, s, right, left, room));
  gather(l, l->out[wanted], at, k, s);
  if (!wanted) return 0;
  int ucount = wide ? k : count, vcount = wide ? count : k;
  gather(l, l->out[0], at, (int64_t)l->m * ucount, turned(l, ucount, l->m, wide ? right : left, &room));
  gather(l, l->out[2], at, (int64_t)l->n * vcount, wide ? left : right);
  return 0;
}
int cpu_small_pinv(struct cpu_linalg *l, int64_t at, char *room) {
  bool wide = l->m < l->n;
  int64_t elements = (int64_t)l->m * l->n;
  int long_side = wide ? l->n : l->m;
  char *a = columns_of(l, at, &room), *out = cpu_linalg_take(&room, bytes_of(l, elements));
  void *least = cpu_linalg_take(&room, bytes_of(l, 1));
  for (int64_t lane = 0; lane < l->unit; lane++)
    cpu_linalg_put(l->lapack->dtype, least, lane, lane < count_at(l, at) ? cpu_linalg_tolerance(l, at + lane) : 0);
  bool done = l->small->pinv(long_side, l->k, least, a, room, out);
  judge_values(l, at, out, done);
  gather(l, l->out[0], at, elements, wide ? turned(l, l->m, l->n, out, &room) : out);
  return 0;
}
