/* scan.c: Scan: running sums, products, extremes and log-sums along one axis.
 * Invariant: one canonical tree. A row of its own is cut in parts, lines of simd/scan.inc (of complex numbers chains of CHAIN
 * values, each folded in order); parts are folded in order within a block of BLOCK values, blocks in order; a result is
 * (blocks before o parts before) o its own part up to it. Threads share out rows, or the blocks of a long row, and change no bit.
 * Where the axis is not the last (WIDE or more side by side) each column is folded in plain order. Halves are folded in float32,
 * log-sums in double, and rounded once. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/stream.h"
#include "backend/cpu/tile_table.h"
#include "core/error.h"
#include "graph/params.h"

#include <complex.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { CHAIN = 32, SIDE = 8, PIECE = SIDE * CHAIN, BLOCK = 1 << 14, SHARED_BLOCKS = 8, GRAIN = 1 << 15, WIDE = 16, COLUMNS = PIECE };

struct c64 { float re, im; };
static inline struct c64 add_c64(struct c64 x, struct c64 y) { return (struct c64){x.re + y.re, x.im + y.im}; }
static inline struct c64 mul_c64(struct c64 x, struct c64 y) { return (struct c64){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re}; }
static inline bool nan_c64(struct c64 x) { return (x.re != x.re) | (x.im != x.im); }
static inline struct c64 max_c64_of(struct c64 x, struct c64 y) {
  return nan_c64(x) || x.re > y.re || (x.re == y.re && x.im >= y.im) ? x : y;
}
static inline struct c64 min_c64_of(struct c64 x, struct c64 y) {
  return nan_c64(x) || x.re < y.re || (x.re == y.re && x.im <= y.im) ? x : y;
}
/* log(e^x + e^y) = m + log(1 + e^(other - m)), m of the larger real part. */
static inline struct c64 log_c64_of(struct c64 x, struct c64 y) {
  struct c64 m = x.re >= y.re ? x : y, o = x.re >= y.re ? y : x;
  if (o.re == -INFINITY || m.re == INFINITY) return nan_c64(o) ? o : m;
  double _Complex r = clog(1 + cexp(o.re - (double)m.re + I * (o.im - (double)m.im)));
  return (struct c64){(float)(m.re + creal(r)), (float)(m.im + cimag(r))};
}
#include "backend/cpu/scan_run.inc"
RUN(sum_c64, struct c64, add_c64) RUN(prod_c64, struct c64, mul_c64) RUN(max_c64, struct c64, max_c64_of) RUN(min_c64, struct c64, min_c64_of)
RUN(log_c64, struct c64, log_c64_of)

/* Log-sums of doubles: a stretch in which the running maximum grows by at most REACH is
 * top + log(sum of e^(x - top)), top its last maximum: nothing of weight underflows, and log, exp run as vectors. */
static void log_f64(int64_t n, void *pdst, const void *psrc, struct cpu_scan_carry *k) {
  enum { REACH = 8 };
  const struct cpu_tile_table *table = cpu_tile_table();
  double *dst = pdst, y, part[PIECE];
  const double *src = psrc;
  memcpy(&y, k->part, sizeof y);
  if (!k->has_part) y = -INFINITY;
  for (int64_t i = 0; i < n;) {
    double low = src[i] > y || src[i] != src[i] ? src[i] : y, top = low, sum = 0;
    if (!isfinite(low) || y != y) {
      dst[i++] = y = y != y ? y : low;
      continue;
    }
    int64_t m = 0;
    for (; i + m < n && m < PIECE && src[i + m] <= low + REACH; m++) top = src[i + m] > top ? src[i + m] : top;
    for (int64_t j = 0; j < m; j++) part[j] = src[i + j] - top;
    table->op[MX_PRIM_exp][MX_FLOAT64](m, part, part, NULL, NULL);
    if (y != -INFINITY) sum = exp(y - top);
    for (int64_t j = 0; j < m; j++) part[j] = sum += part[j];
    table->op[MX_PRIM_log][MX_FLOAT64](m, part, part, NULL, NULL);
    for (int64_t j = 0; j < m; j++) dst[i + j] = top + part[j];
    y = dst[i + m - 1];
    i += m;
  }
  memcpy(k->part, &y, sizeof y);
  k->has_part = true;
}

static cpu_scan_fn run_of(enum mx_scan_op op, enum mx_dtype dtype) {
  static const cpu_scan_fn of_complex[] = {sum_c64, prod_c64, max_c64, min_c64, log_c64};
  if (dtype == MX_COMPLEX64) return of_complex[op];
  if (op == MX_SCAN_LOGSUMEXP) return dtype == MX_FLOAT64 ? log_f64 : NULL;
  return cpu_tile_table()->scan[op][dtype];
}
static void log_columns_c64(int64_t n, void *dst, const void *a, const void *b, const void *c) {
  (void)c;
  for (int64_t i = 0; i < n; i++) ((struct c64 *)dst)[i] = log_c64_of(((const struct c64 *)a)[i], ((const struct c64 *)b)[i]);
}
static cpu_tile_fn columns_of(enum mx_scan_op op, enum mx_dtype dtype) {
  static const uint8_t number[] = {MX_PRIM_add, MX_PRIM_multiply, MX_PRIM_maximum, MX_PRIM_minimum, MX_PRIM_logaddexp};
  static const uint8_t truth[] = {0, MX_PRIM_logical_and, MX_PRIM_logical_or, MX_PRIM_logical_and, 0};
  if (op == MX_SCAN_LOGSUMEXP && dtype == MX_COMPLEX64) return log_columns_c64;
  return cpu_tile_table()->op[dtype == MX_BOOL ? truth[op] : number[op]][dtype];
}

/* What changes nothing: 0, 1, the least, the largest, log 0. */
static void neutral_of(enum mx_scan_op op, enum mx_dtype dtype, char out[8]) {
  double value = op == MX_SCAN_SUM ? 0 : op == MX_SCAN_PROD ? 1 : op == MX_SCAN_MIN ? INFINITY : -INFINITY;
  size_t size = mx_dtype_size(dtype);
  if (mx_dtype_is_inexact(dtype)) {
    cpu_tile_table()->cast[MX_FLOAT64][dtype](1, out, &value, NULL, NULL);
    return;
  }
  bool low = op == MX_SCAN_MAX, high = op == MX_SCAN_MIN, with_sign = mx_dtype_is_signed_int(dtype);
  memset(out, (high || (low && with_sign)) ? (low ? 0 : 255) : 0, 8);
  if (with_sign && (low || high)) out[size - 1] = low ? (char)0x80 : 0x7f;
  if (op == MX_SCAN_PROD || (high && dtype == MX_BOOL)) out[0] = 1;
}

struct scan {
  const struct mx_tensor *in, *out;
  int axis;
  enum mx_scan_op op;
  bool exclusive, back, stream;
  enum mx_dtype acc;
  size_t size, acc_size;
  cpu_tile_fn widen, narrow, columns; /* to and from accumulators; NULL: the same */
  cpu_scan_fn run;
  int64_t n, inner, step, out_step; /* of the axis, in the direction of the scan */
  char neutral[8];
  struct cpu_scan_carry *blocks; /* of a shared row, from block `first` on: their own fold, then what stands before them */
  int64_t first;
  const char *from;
  char *to;
};

/* m elements from `from` on, as accumulators: in place where they may. room holds two pieces. */
static const char *load(const struct scan *s, const char *from, int64_t m, int64_t step, char *room) {
  if (step != 1) {
    char *raw = s->widen ? room + PIECE * 8 : room;
    cpu_copy_run(s->size, m, raw, 1, from, step);
    from = raw;
  }
  if (!s->widen) return from;
  s->widen(m, room, from, NULL, NULL);
  return room;
}
static void store(const struct scan *s, char *to, int64_t m, int64_t step, const char *acc, char *room) {
  if (s->narrow) {
    s->narrow(m, step == 1 ? to : room, acc, NULL, NULL);
    if (step == 1) return;
    acc = room;
  }
  if (step == 1) memcpy(to, acc, (size_t)m * s->size);
  else cpu_store_strided(s->size, m, to, step, acc);
}

/* n elements of one row. last: the result before them (exclusive only). to NULL: only what they come to. */
static void scan_run(const struct scan *s, const char *from, char *to, int64_t n, struct cpu_scan_carry *k, char last[8]) {
  _Alignas(64) char room[2 * PIECE * 8], held[(PIECE + 8) * 8];
  char *acc = held + 64; /* one accumulator before it for `last` */
  bool direct = to && s->out_step == 1 && !s->narrow && !s->exclusive;
  int64_t piece = direct && s->step == 1 ? n : PIECE;
  k->stream = direct && s->stream;
  for (int64_t at = 0; at < n; at += piece) {
    int64_t m = n - at < piece ? n - at : piece;
    const char *src = load(s, from + at * s->step * (int64_t)s->size, m, s->step, room);
    char *dst = to ? to + at * s->out_step * (int64_t)s->size : NULL;
    s->run(m, direct ? dst : acc, src, k);
    if (direct || !dst) continue;
    char *results = s->exclusive ? acc - s->acc_size : acc;
    if (s->exclusive) memcpy(results, last, s->acc_size);
    store(s, dst, m, s->out_step, results, room);
    memcpy(last, acc + (m - 1) * (int64_t)s->acc_size, s->acc_size);
  }
  if (k->stream) cpu_stream_end();
}

/* all o= the whole of one block. */
static void fold(const struct scan *s, struct cpu_scan_carry *all, const char *whole, bool counted) {
  if (all->has_before && !counted) {
    struct cpu_scan_carry k = {.has_part = true};
    memcpy(k.part, all->before, sizeof k.part);
    s->run(1, all->before, whole, &k);
  } else {
    memcpy(all->before, whole, sizeof all->before);
  }
  all->has_before = true;
}

/* The blocks of one row from `begin` on; all: what stands before the first, and afterwards before the one that follows. */
static void scan_blocks(const struct scan *s, const char *from, char *to, int64_t begin, int64_t end, struct cpu_scan_carry *all) {
  char last[8];
  for (int64_t b = begin; b < end; b++) {
    int64_t at = b * BLOCK, m = s->n - at < BLOCK ? s->n - at : BLOCK;
    struct cpu_scan_carry k = *all;
    k.has_part = false;
    memcpy(last, k.has_before ? k.before : s->neutral, sizeof last);
    if (s->op == MX_SCAN_LOGSUMEXP && k.has_before) { /* its runs take what stands before as part of themselves */
      memcpy(k.part, k.before, sizeof k.part);
      k.has_part = true, k.has_before = false;
    }
    scan_run(s, from + at * s->step * (int64_t)s->size, to ? to + at * s->out_step * (int64_t)s->size : NULL, m, &k, last);
    fold(s, all, k.part, s->op == MX_SCAN_LOGSUMEXP);
  }
}

/* Where row r begins, in the direction of the scan. */
static void row_at(const struct scan *s, int64_t r, const char **from, char **to) {
  int64_t shape[MX_MAX_NDIM], n = s->in->ndim;
  for (int d = 0; d < n; d++) shape[d] = d == s->axis ? 1 : s->in->shape[d];
  int64_t in = cpu_offset((int)n, shape, s->in->strides, r), out = r / s->inner * s->n * s->inner + r % s->inner;
  if (s->back) in -= (s->n - 1) * s->step, out -= (s->n - 1) * s->out_step;
  *from = (const char *)s->in->data + in * (int64_t)s->size;
  *to = (char *)s->out->data + out * (int64_t)s->size;
}
static void scan_rows(void *ctx, int64_t begin, int64_t end) {
  const struct scan *s = ctx;
  for (int64_t r = begin; r < end; r++) {
    struct cpu_scan_carry none = {0};
    const char *from;
    char *to;
    row_at(s, r, &from, &to);
    scan_blocks(s, from, to, 0, (s->n + BLOCK - 1) / BLOCK, &none);
  }
}

/* One long row on all threads, a few blocks each at a time, so that the second look at them finds them in the cache. */
static void fold_blocks(void *ctx, int64_t begin, int64_t end) {
  const struct scan *s = ctx;
  for (int64_t b = begin; b < end; b++) scan_blocks(s, s->from, NULL, s->first + b, s->first + b + 1, &s->blocks[b]);
}
static void finish_blocks(void *ctx, int64_t begin, int64_t end) {
  const struct scan *s = ctx;
  for (int64_t b = begin; b < end; b++) {
    struct cpu_scan_carry before = s->blocks[b];
    scan_blocks(s, s->from, s->to, s->first + b, s->first + b + 1, &before);
  }
}
static void scan_shared(struct scan *s, int64_t row, int threads) {
  struct cpu_scan_carry room[SHARED_BLOCKS * 16], all = {0};
  int64_t blocks = (s->n + BLOCK - 1) / BLOCK, most = SHARED_BLOCKS * (threads < 16 ? threads : 16);
  row_at(s, row, &s->from, &s->to);
  s->blocks = room;
  for (s->first = 0; s->first < blocks; s->first += most) {
    int64_t m = blocks - s->first < most ? blocks - s->first : most;
    memset(room, 0, sizeof room);
    cpu_parallel_for(m, 1, fold_blocks, s);
    for (int64_t b = 0; b < m; b++) {
      struct cpu_scan_carry own = room[b];
      room[b] = all;
      fold(s, &all, own.before, false);
    }
    cpu_parallel_for(m, 1, finish_blocks, s);
  }
}

/* COLUMNS results side by side, one place along the axis after the other. */
static void scan_columns(void *ctx, int64_t begin, int64_t end) {
  const struct scan *s = ctx;
  _Alignas(64) char room[2 * PIECE * 8], acc[COLUMNS * 8];
  int last = s->in->ndim - 1;
  int64_t width = s->in->shape[last], tiles = (width + COLUMNS - 1) / COLUMNS;
  bool direct = !s->narrow && !s->exclusive;
  for (int64_t i = begin; i < end; i++) {
    int64_t first = i % tiles * COLUMNS, m = width - first < COLUMNS ? width - first : COLUMNS;
    const char *from;
    char *to, *before = acc;
    row_at(s, i / tiles * width + first, &from, &to);
    for (int64_t k = 0; k < s->n; k++, from += s->step * (int64_t)s->size, to += s->out_step * (int64_t)s->size) {
      if (s->exclusive && k == 0) cpu_splat(s->acc_size, m, acc, s->neutral);
      if (s->exclusive) store(s, to, m, 1, acc, NULL);
      const char *src = load(s, from, m, s->in->strides[last], room);
      char *dst = direct ? to : acc;
      if (k) s->columns(m, dst, before, src, NULL);
      else memcpy(dst, src, (size_t)m * s->acc_size);
      before = dst;
      if (!direct && !s->exclusive) store(s, to, m, 1, acc, NULL);
    }
  }
}

int cpu_scan(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_scan_params *p = c->p.head;
  const struct cpu_tile_table *table = cpu_tile_table();
  const struct mx_tensor *t = in[0];
  if (t->size == 0) return MX_OK;
  struct scan s = {.in = t, .out = out[0], .axis = (int)c->p.ints[0], .op = (enum mx_scan_op)p->op, .exclusive = !p->inclusive,
                   .back = p->reverse, .size = mx_dtype_size(t->dtype), .acc = t->dtype, .inner = 1};
  if (t->dtype == MX_FLOAT16 || t->dtype == MX_BFLOAT16) s.acc = MX_FLOAT32;
  if (s.op == MX_SCAN_LOGSUMEXP && t->dtype != MX_COMPLEX64) s.acc = MX_FLOAT64;
  s.acc_size = mx_dtype_size(s.acc);
  if (s.acc != t->dtype) s.widen = table->cast[t->dtype][s.acc], s.narrow = table->cast[s.acc][t->dtype];
  s.run = run_of(s.op, s.acc);
  s.columns = columns_of(s.op, s.acc);
  if (!s.run || !s.columns) return mx_fail(MX_ETYPE, "[scan] This operation is not defined for %s.", mx_dtype_name(t->dtype));
  neutral_of(s.op, s.acc, s.neutral);
  for (int d = s.axis + 1; d < t->ndim; d++) s.inner *= t->shape[d];
  s.n = t->shape[s.axis];
  s.step = s.back ? -t->strides[s.axis] : t->strides[s.axis];
  s.out_step = s.back ? -s.inner : s.inner;
  s.stream = t->size * (int64_t)s.size >= CPU_STREAM_BYTES && out[0]->data != t->data;
  int64_t rows = t->size / s.n, width = t->shape[t->ndim - 1];
  int threads = cpu_pool_threads();
  if (s.axis != t->ndim - 1 && width >= WIDE) {
    int64_t tiles = (width + COLUMNS - 1) / COLUMNS;
    cpu_parallel_for(rows / width * tiles, GRAIN / (s.n * (width < COLUMNS ? width : COLUMNS)) + 1, scan_columns, &s);
  } else if (rows < threads && threads > 2 && s.n >= 2 * BLOCK * threads && /* two threads are no faster: each value is looked at twice */
             s.op != MX_SCAN_LOGSUMEXP) {
    for (int64_t r = 0; r < rows; r++) scan_shared(&s, r, threads);
  } else {
    cpu_parallel_for(rows, GRAIN / s.n + 1, scan_rows, &s);
  }
  return MX_OK;
}
