/* argreduce.c: the position of the smallest or largest element along one axis.
 * Invariant: the first extreme wins; a NaN is the extreme (the first NaN wins). */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"
#include "graph/params.h"

#include <complex.h>
#include <string.h>

enum {
  BLOCK = CPU_REDUCE_BLOCK,
  BLOCK_BYTES = 1 << 14, /* where elements are read in place */
  COLUMNS = 512,
  GRAIN = 1 << 14,
  SHARED_BYTES = 1 << 19, /* of a row: from here on several threads pay */
  PARTS = 64,            /* of one row among threads */
};

struct arg {
  const struct mx_tensor *in;
  uint32_t *out;
  int axis;
  enum mx_dtype acc; /* halves are compared as float32 */
  cpu_tile_fn widen;
  size_t size, acc_size;
  int64_t n, step, length; /* of the axis; of a block */
  cpu_tile_fn equal, differ;
  int64_t (*find)(int64_t n, const void *src, const void *value); /* or NULL */
  void (*block)(int64_t n, void *acc, const void *src);
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
    cpu_copy_run(g->size, n, to, 1, from, g->step);
    if (!g->widen) return held;
    from = raw;
  }
  g->widen(n, held, from, NULL, NULL);
  return held;
}

static int64_t find_byte(int64_t n, const void *src, const void *value) {
  const char *hit = memchr(src, *(const uint8_t *)value, (size_t)n);
  return hit ? hit - (const char *)src : -1;
}

/* Where the first of n <= BLOCK elements is that equals `value` (is NaN, when that is); -1 when none. */
static int64_t find_by_flags(const struct arg *g, int64_t n, const char *src, const char *value) {
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
static int64_t find(const struct arg *g, int64_t n, const char *src, const char *value) {
  if (g->find) return g->find(n, src, value);
  int64_t hit = -1, at = 0;
  for (; at < n && hit < 0; at += BLOCK)
    hit = find_by_flags(g, n - at < BLOCK ? n - at : BLOCK, src + at * (int64_t)g->acc_size, value);
  return hit < 0 ? -1 : hit + at - BLOCK;
}

/* The extreme of blocks of a row, and where the one begins that first had it. */
struct part {
  char best[8];
  int64_t where;
};
static const char *load_block(const struct arg *g, const char *row, int64_t at, int64_t end, int64_t *n, char *held) {
  *n = end - at < g->length ? end - at : g->length;
  return load(g, row + at * g->step * (int64_t)g->size, *n, held);
}
static void take_better(const struct arg *g, struct part *p, const char *extreme, int64_t where) {
  uint32_t moved = 0;
  g->better(1, p->best, &moved, extreme, 1);
  if (moved) p->where = where;
}
static void arg_blocks(const struct arg *g, const char *row, int64_t begin, int64_t end, struct part *p) {
  _Alignas(64) char held[BLOCK * 8];
  char extreme[8];
  int64_t n;
  for (int64_t at = begin; at < end; at += g->length) {
    const char *src = load_block(g, row, at, end, &n, held);
    g->block(n, at == begin ? p->best : extreme, src);
    if (at == begin) p->where = at;
    else take_better(g, p, extreme, at);
  }
}
/* The place of a row's extreme in the block that first had it. */
static uint32_t place(const struct arg *g, const char *row, const struct part *p) {
  _Alignas(64) char held[BLOCK * 8];
  int64_t n;
  const char *src = load_block(g, row, p->where, g->n, &n, held);
  int64_t hit = find(g, n, src, p->best);
  return (uint32_t)(p->where + (hit < 0 ? 0 : hit));
}

static const char *row_at(const struct arg *g, int64_t r) {
  const struct mx_tensor *t = g->in;
  int64_t shape[MX_MAX_NDIM];
  for (int d = 0; d < t->ndim; d++) shape[d] = d == g->axis ? 1 : t->shape[d];
  return (const char *)t->data + cpu_offset(t->ndim, shape, t->strides, r) * (int64_t)g->size;
}
static void arg_rows(void *ctx, int64_t begin, int64_t end) {
  const struct arg *g = ctx;
  bool direct = g->find && g->step == 1 && !g->widen && g->n <= g->length;
  for (int64_t r = begin; r < end; r++) {
    const char *row = row_at(g, r);
    struct part p;
    if (direct) {
      g->block(g->n, p.best, row);
      int64_t hit = g->find(g->n, row, p.best);
      g->out[r] = (uint32_t)(hit < 0 ? 0 : hit);
    } else {
      arg_blocks(g, row, 0, g->n, &p);
      g->out[r] = place(g, row, &p);
    }
  }
}

/* A long row on all threads: `each` elements of it, whole blocks, are a part. */
struct shared_row {
  const struct arg *g;
  const char *row;
  int64_t each;
  struct part parts[PARTS];
};
static void arg_parts(void *ctx, int64_t begin, int64_t end) {
  struct shared_row *s = ctx;
  for (int64_t i = begin; i < end; i++)
    arg_blocks(s->g, s->row, i * s->each, (i + 1) * s->each < s->g->n ? (i + 1) * s->each : s->g->n, &s->parts[i]);
}
static void arg_shared(const struct arg *g, int64_t r) {
  struct shared_row s = {.g = g, .row = row_at(g, r)};
  int64_t blocks = (g->n + g->length - 1) / g->length;
  s.each = (blocks + PARTS - 1) / PARTS * g->length;
  int64_t parts = (g->n + s.each - 1) / s.each;
  cpu_parallel_for(parts, SHARED_BYTES / 4 / (s.each * (int64_t)g->size) + 1, arg_parts, &s);
  for (int64_t i = 1; i < parts; i++) take_better(g, &s.parts[0], s.parts[i].best, s.parts[i].where);
  g->out[r] = place(g, s.row, &s.parts[0]);
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
                  .find = mx_dtype_size(acc) == 1 ? find_byte : table->find[acc], .block = table->reduce_block[op][acc], .better = better_of[p->op == MX_ARGMIN ? MX_ARGMIN : MX_ARGMAX][acc]};
  g.n = t->shape[g.axis];
  g.step = t->strides[g.axis];
  g.length = g.step == 1 && !g.widen ? BLOCK_BYTES / (int64_t)g.size : BLOCK;
  int last = t->ndim - 1;
  int64_t results = out[0]->size;
  if (g.axis != last && t->shape[last] >= 8) {
    int64_t tiles = (t->shape[last] + COLUMNS - 1) / COLUMNS;
    cpu_parallel_for(results / t->shape[last] * tiles, GRAIN / (g.n * COLUMNS) + 1, arg_columns, &g);
  } else if (results < cpu_pool_threads() && g.n * (int64_t)g.size >= SHARED_BYTES) {
    for (int64_t r = 0; r < results; r++) arg_shared(&g, r);
  } else {
    cpu_parallel_for(results, GRAIN / g.n + 1, arg_rows, &g);
  }
  return MX_OK;
}
