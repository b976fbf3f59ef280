/* softmax.c: Softmax and LogSumExp over the last dimension, a row at a time.
 * Invariant: halves are computed in float32 and rounded once; sums go by the canonical tree of tile_table.h, so a row's bits
 * depend on nothing but the row. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"

#include <math.h>
#include <string.h>

enum { BLOCK = CPU_REDUCE_BLOCK, GRAIN = 1 << 14, KEPT = 4096 };

struct rows {
  const struct mx_tensor *in, *out;
  enum mx_dtype acc; /* float32 or float64 */
  int64_t width;
  size_t size, acc_size;
  cpu_tile_fn widen, narrow, subtract, exp, divide; /* widen: NULL when the dtype is the accumulator */
};

/* One accumulator, splatted over a block. */
struct splat {
  _Alignas(64) char of[BLOCK * 8];
};
static void splat(const struct rows *r, struct splat *s, const void *value, int64_t n) {
  cpu_splat(r->acc_size, n, s->of, value);
}

/* n elements from `at` on as accumulators: where they stand, or in held. */
static const char *load(const struct rows *r, int64_t row, int64_t at, int64_t n, char *held) {
  const struct mx_tensor *t = r->in;
  int last = t->ndim - 1;
  char raw[BLOCK * 2];
  if (t->strides[last] != 1 && r->width > 1) {
    cpu_load(t, row * r->width + at, n, r->widen ? raw : held);
    if (r->widen) r->widen(n, held, raw, NULL, NULL);
    return held;
  }
  int64_t offset = cpu_offset(last, t->shape, t->strides, row) + at;
  const char *from = (const char *)t->data + offset * (int64_t)r->size;
  if (!r->widen) return from;
  r->widen(n, held, from, NULL, NULL);
  return held;
}

/* The sum of block sums, pairwise in index order, as they come: a stack of sums of 1, 2, 4 … blocks. */
struct tree {
  int depth;
  uint64_t count;
  char sum[48][8];
};
static void tree_add(const struct rows *r, struct tree *t, const void *block) {
  void (*fold)(int64_t, void *, const void *) = cpu_tile_table()->reduce_fold[CPU_SUM][r->acc];
  memcpy(t->sum[t->depth++], block, r->acc_size);
  for (uint64_t full = ++t->count; !(full & 1); full >>= 1, t->depth--) fold(1, t->sum[t->depth - 2], t->sum[t->depth - 1]);
}
static void tree_end(const struct rows *r, struct tree *t, void *sum) {
  for (; t->depth > 1; t->depth--)
    cpu_tile_table()->reduce_fold[CPU_SUM][r->acc](1, t->sum[t->depth - 2], t->sum[t->depth - 1]);
  memcpy(sum, t->sum[0], r->acc_size);
}

static void row_max(const struct rows *r, int64_t row, void *max, char *held) {
  const struct cpu_tile_table *table = cpu_tile_table();
  for (int64_t at = 0; at < r->width; at += BLOCK) {
    int64_t n = r->width - at < BLOCK ? r->width - at : BLOCK;
    char block[8];
    table->reduce_block[CPU_MAX][r->acc](n, at ? block : max, load(r, row, at, n, held));
    if (at) table->reduce_fold[CPU_MAX][r->acc](1, max, block);
  }
}

/* sum = Σ exp(x - max); with `keep`, the exponentials go there as accumulators. */
static void row_exp(const struct rows *r, int64_t row, const struct splat *max, void *sum, char *keep, char *held) {
  struct tree tree = {0};
  for (int64_t at = 0; at < r->width; at += BLOCK) {
    int64_t n = r->width - at < BLOCK ? r->width - at : BLOCK;
    char *to = keep ? keep + (size_t)at * r->acc_size : held;
    _Alignas(8) char block[8];
    const char *x = load(r, row, at, n, held);
    if (r->acc == MX_FLOAT32) {
      cpu_tile_table()->exp_sum(n, (float *)to, (const float *)x, *(const float *)max->of, (float *)block);
    } else {
      r->subtract(n, to, x, max->of, NULL);
      r->exp(n, to, to, NULL, NULL);
      cpu_tile_table()->reduce_block[CPU_SUM][r->acc](n, block, to);
    }
    tree_add(r, &tree, block);
  }
  tree_end(r, &tree, sum);
}

static void softmax_rows(void *ctx, int64_t begin, int64_t end) {
  const struct rows *r = ctx;
  _Alignas(64) char held[BLOCK * 8], keep[KEPT * 4];
  struct splat s;
  int64_t most = r->width < BLOCK ? r->width : BLOCK;
  for (int64_t row = begin; row < end; row++) {
    char value[8], *out = (char *)r->out->data + row * r->width * (int64_t)r->size;
    row_max(r, row, value, held);
    splat(r, &s, value, most);
    /* Halves have no room for exponentials in the output: in long rows they are computed twice. */
    bool kept = r->width <= KEPT;
    row_exp(r, row, &s, value, !r->widen ? out : kept ? keep : NULL, held);
    struct splat sum;
    splat(r, &sum, value, most);
    for (int64_t at = 0; at < r->width; at += BLOCK) {
      int64_t n = r->width - at < BLOCK ? r->width - at : BLOCK;
      char *to = out + (size_t)at * r->size;
      if (!r->widen) {
        r->divide(n, to, to, sum.of, NULL);
        continue;
      }
      float unused;
      const char *e = kept ? keep + (size_t)at * 4 : held;
      if (!kept) cpu_tile_table()->exp_sum(n, (float *)held, (const float *)load(r, row, at, n, held), *(const float *)s.of, &unused);
      r->divide(n, held, e, sum.of, NULL);
      r->narrow(n, to, held, NULL, NULL);
    }
  }
}

/* log Σ exp(x) = max + log Σ exp(x - max); an infinite max is the answer itself (a sum of NaN is NaN through max). */
static void logsumexp_rows(void *ctx, int64_t begin, int64_t end) {
  const struct rows *r = ctx;
  _Alignas(64) char held[BLOCK * 8];
  struct splat s;
  for (int64_t row = begin; row < end; row++) {
    char max[8], sum[8];
    row_max(r, row, max, held);
    splat(r, &s, max, r->width < BLOCK ? r->width : BLOCK);
    row_exp(r, row, &s, sum, NULL, held);
    double m, t;
    float f;
    if (r->acc == MX_FLOAT64) {
      memcpy(&m, max, 8);
      memcpy(&t, sum, 8);
      m = isinf(m) ? m : m + log(t);
      memcpy(sum, &m, 8);
    } else {
      memcpy(&f, max, 4);
      cpu_tile_table()->op[MX_PRIM_log][MX_FLOAT32](1, sum, sum, NULL, NULL);
      float l;
      memcpy(&l, sum, 4);
      f = isinf(f) ? f : f + l;
      memcpy(sum, &f, 4);
    }
    r->narrow(1, (char *)r->out->data + row * (int64_t)r->size, sum, NULL, NULL);
  }
}

static int by_rows(struct mx_tensor *const *in, struct mx_tensor *const *out, void (*body)(void *, int64_t, int64_t)) {
  const struct cpu_tile_table *table = cpu_tile_table();
  enum mx_dtype dtype = in[0]->dtype, acc = dtype == MX_FLOAT64 ? MX_FLOAT64 : MX_FLOAT32;
  struct rows r = {.in = in[0], .out = out[0], .acc = acc, .width = in[0]->shape[in[0]->ndim - 1],
                   .size = mx_dtype_size(dtype), .acc_size = mx_dtype_size(acc),
                   .widen = dtype == acc ? NULL : table->cast[dtype][acc], .narrow = table->cast[acc][dtype],
                   .subtract = table->op[MX_PRIM_subtract][acc], .exp = table->op[MX_PRIM_exp][acc],
                   .divide = table->op[MX_PRIM_divide][acc]};
  if (out[0]->size == 0) return MX_OK;
  if (r.width == 0) { /* log of an empty sum */
    double nothing = -INFINITY;
    for (int64_t i = 0; i < out[0]->size; i++)
      table->cast[MX_FLOAT64][dtype](1, (char *)out[0]->data + (size_t)i * r.size, &nothing, NULL, NULL);
    return MX_OK;
  }
  cpu_parallel_for(in[0]->size / r.width, GRAIN / r.width + 1, body, &r);
  return MX_OK;
}

int cpu_softmax(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return by_rows(in, out, softmax_rows);
}

int cpu_logsumexp(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return by_rows(in, out, logsumexp_rows);
}
