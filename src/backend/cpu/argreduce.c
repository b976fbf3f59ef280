/* argreduce.c: the position of the smallest or largest element along one axis.
 * Invariant: the first extreme wins; a NaN is the extreme (the first NaN wins). */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"
#include "graph/params.h"

#include <complex.h>
#include <string.h>

enum { BLOCK = CPU_REDUCE_BLOCK, COLUMNS = 512, GRAIN = 1 << 14 };

struct arg {
  const struct mx_tensor *in;
  uint32_t *out;
  int axis;
  enum mx_dtype acc; /* halves are compared as float32 */
  cpu_tile_fn widen;
  size_t size, acc_size;
  int64_t n, step;
  cpu_tile_fn equal, differ;
  int64_t (*find)(int64_t n, const void *src, const void *value); /* or NULL */
  void (*block)(int64_t n, void *acc, const void *src);
  void (*fold)(int64_t n, void *acc, const void *src);
  /* best[i], at[i] take src[i], row where that is better. */
  void (*better)(int64_t n, void *best, uint32_t *at, const void *src, uint32_t row);
};

#define BETTER(name, T, less)                                                                                 \
  static void name(int64_t n, void *pbest, uint32_t *at, const void *psrc, uint32_t row) {                    \
    T *best = pbest;                                                                                          \
    const T *src = psrc;                                                                                      \
    for (int64_t i = 0; i < n; i++) {                                                                         \
      T x = src[i], y = best[i];                                                                              \
      bool take = (less) | ((x != x) & (y == y));                                                             \
      best[i] = take ? x : y;                                                                                 \
      at[i] = take ? row : at[i];                                                                             \
    }                                                                                                         \
  }
#define BOTH(t, T) BETTER(min_##t, T, x < y) BETTER(max_##t, T, x > y)
BOTH(u8, uint8_t) BOTH(u16, uint16_t) BOTH(u32, uint32_t) BOTH(u64, uint64_t) BOTH(i8, int8_t) BOTH(i16, int16_t)
BOTH(i32, int32_t) BOTH(i64, int64_t) BOTH(f32, float) BOTH(f64, double)
#define LESS(x, y) ((crealf(x) < crealf(y)) | ((crealf(x) == crealf(y)) & (cimagf(x) < cimagf(y))))
BETTER(min_c64, float _Complex, (y == y) & LESS(x, y))
BETTER(max_c64, float _Complex, (y == y) & LESS(y, x))

static void (*const better_of[2][MX_DTYPE_COUNT])(int64_t, void *, uint32_t *, const void *, uint32_t) = {
#define ROW(op) {[MX_BOOL] = op##_u8, [MX_UINT8] = op##_u8, [MX_UINT16] = op##_u16, [MX_UINT32] = op##_u32, [MX_UINT64] = op##_u64, \
                 [MX_INT8] = op##_i8, [MX_INT16] = op##_i16, [MX_INT32] = op##_i32, [MX_INT64] = op##_i64, [MX_FLOAT32] = op##_f32, \
                 [MX_FLOAT64] = op##_f64, [MX_COMPLEX64] = op##_c64}
    [MX_ARGMIN] = ROW(min), [MX_ARGMAX] = ROW(max)};

/* n elements of a row whose elements stand `step` apart, as accumulators: in place where they may. */
static const char *load(const struct arg *g, const char *from, int64_t n, char *held) {
  char raw[BLOCK * 2];
  if (g->step == 1) {
    if (!g->widen) return from;
  } else {
    char *to = g->widen ? raw : held;
    cpu_tile_table()->load_strided[g->size == 1 ? 0 : g->size == 2 ? 1 : g->size == 4 ? 2 : 3](n, to, from, g->step);
    if (!g->widen) return held;
    from = raw;
  }
  g->widen(n, held, from, NULL, NULL);
  return held;
}

/* Where the first of n elements is that equals `value` (is NaN, when that is); -1 when none. */
static int64_t find(const struct arg *g, int64_t n, const char *src, const char *value) {
  if (g->find) return g->find(n, src, value);
  uint8_t flag[BLOCK], nan;
  _Alignas(16) char same[BLOCK * 8];
  g->differ(1, &nan, value, value, NULL);
  if (nan) {
    g->differ(n, flag, src, src, NULL);
  } else {
    cpu_splat(g->acc_size, n, same, value);
    g->equal(n, flag, src, same, NULL);
  }
  const uint8_t *hit = memchr(flag, 1, (size_t)n);
  return hit ? hit - flag : -1;
}

/* One row: the extreme of each block, kept while it is a new one; then its place in the block that first had it. */
static uint32_t arg_row(const struct arg *g, const char *from) {
  _Alignas(64) char held[BLOCK * 8];
  char best[8], extreme[8], before[8];
  int64_t where = 0;
  for (int64_t at = 0; at < g->n; at += BLOCK) {
    int64_t n = g->n - at < BLOCK ? g->n - at : BLOCK;
    g->block(n, extreme, load(g, from + at * g->step * (int64_t)g->size, n, held));
    if (at == 0) {
      memcpy(best, extreme, sizeof best);
      continue;
    }
    uint32_t moved = 0;
    memcpy(before, best, sizeof before);
    g->better(1, before, &moved, extreme, 1);
    if (!moved) continue;
    memcpy(best, extreme, sizeof best);
    where = at;
  }
  int64_t n = g->n - where < BLOCK ? g->n - where : BLOCK;
  int64_t hit = find(g, n, load(g, from + where * g->step * (int64_t)g->size, n, held), best);
  return (uint32_t)(where + (hit < 0 ? 0 : hit));
}

static void arg_rows(void *ctx, int64_t begin, int64_t end) {
  const struct arg *g = ctx;
  const struct mx_tensor *t = g->in;
  int64_t shape[MX_MAX_NDIM];
  for (int d = 0; d < t->ndim; d++) shape[d] = d == g->axis ? 1 : t->shape[d];
  bool direct = g->find && g->step == 1 && !g->widen && g->n <= BLOCK;
  for (int64_t r = begin; r < end; r++) {
    const char *from = (const char *)t->data + cpu_offset(t->ndim, shape, t->strides, r) * (int64_t)g->size;
    uint64_t extreme;
    if (direct) g->block(g->n, &extreme, from);
    int64_t hit = direct ? g->find(g->n, from, &extreme) : arg_row(g, from);
    g->out[r] = (uint32_t)(hit < 0 ? 0 : hit);
  }
}

/* COLUMNS results side by side, row after row: the last dimension is kept and wide. */
static void arg_columns(void *ctx, int64_t begin, int64_t end) {
  const struct arg *g = ctx;
  const struct mx_tensor *t = g->in;
  int last = t->ndim - 1;
  int64_t shape[MX_MAX_NDIM], width = t->shape[last], tiles = (width + COLUMNS - 1) / COLUMNS;
  for (int d = 0; d < last; d++) shape[d] = d == g->axis ? 1 : t->shape[d];
  struct arg across = *g; /* loads run along the last dimension here */
  across.step = t->strides[last];
  for (int64_t i = begin; i < end; i++) {
    _Alignas(64) char best[COLUMNS * 8], held[BLOCK * 8];
    int64_t first = i % tiles * COLUMNS, m = width - first < COLUMNS ? width - first : COLUMNS;
    int64_t base = cpu_offset(last, shape, t->strides, i / tiles) + first * t->strides[last];
    uint32_t *at = g->out + i / tiles * width + first;
    memset(at, 0, (size_t)m * sizeof *at);
    for (int64_t row = 0; row < g->n; row++) {
      const char *src = load(&across, (const char *)t->data + (base + row * g->step) * (int64_t)g->size, m, held);
      if (row) g->better(m, best, at, src, (uint32_t)row);
      else memcpy(best, src, (size_t)m * g->acc_size);
    }
  }
}

int cpu_argreduce(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_argreduce_params *p = c->p.head;
  const struct cpu_tile_table *table = cpu_tile_table();
  const struct mx_tensor *t = in[0];
  bool half = t->dtype == MX_FLOAT16 || t->dtype == MX_BFLOAT16;
  enum mx_dtype acc = half ? MX_FLOAT32 : t->dtype;
  enum cpu_reduce_op op = p->op == MX_ARGMIN ? CPU_MIN : CPU_MAX;
  if (out[0]->size == 0) return MX_OK;
  struct arg g = {.in = t, .out = out[0]->data, .axis = (int)c->p.ints[0], .acc = acc, .size = mx_dtype_size(t->dtype),
                  .acc_size = mx_dtype_size(acc), .widen = half ? table->cast[t->dtype][acc] : NULL,
                  .equal = table->op[MX_PRIM_equal][acc], .differ = table->op[MX_PRIM_not_equal][acc],
                  .find = table->find[acc], .block = table->reduce_block[op][acc], .fold = table->reduce_fold[op][acc],
                  .better = better_of[p->op == MX_ARGMIN ? MX_ARGMIN : MX_ARGMAX][acc]};
  g.n = t->shape[g.axis];
  g.step = t->strides[g.axis];
  int last = t->ndim - 1;
  int64_t results = out[0]->size;
  if (g.axis != last && t->shape[last] >= 8) {
    int64_t tiles = (t->shape[last] + COLUMNS - 1) / COLUMNS;
    cpu_parallel_for(results / t->shape[last] * tiles, GRAIN / (g.n * COLUMNS) + 1, arg_columns, &g);
  } else {
    cpu_parallel_for(results, GRAIN / g.n + 1, arg_rows, &g);
  }
  return MX_OK;
}
