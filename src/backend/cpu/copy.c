/* copy.c: strided to strided, in parallel, transposes in blocks.
 * Invariant: every element is written once; the order of writing is free. */
#include "backend/cpu/copy.h"

#include "backend/cpu/gemm_vectors.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/stream.h"
#include "backend/cpu/tile_table.h"

#include <string.h>

enum { SERIAL_BYTES = 1 << 17, ITEM_BYTES = 1 << 16, AHEAD = 12, SHORT_ROW = 16, RUN = 256 };

int64_t cpu_offset(int ndim, const int64_t *shape, const int64_t *strides, int64_t at) {
  int64_t offset = 0;
  for (int d = ndim - 1; d >= 0; d--) {
    offset += at % shape[d] * strides[d];
    at /= shape[d];
  }
  return offset;
}

struct mx_tensor cpu_part(const struct mx_tensor *of, int64_t *shape, int64_t *strides, int64_t offset) {
  struct mx_tensor t = *of;
  t.shape = shape;
  t.strides = strides;
  t.size = 1;
  for (int d = 0; d < t.ndim; d++) t.size *= shape[d];
  t.data = (char *)of->data + offset * (int64_t)mx_dtype_size(of->dtype);
  return t;
}

void cpu_store_strided(size_t size, int64_t n, void *dst, int64_t stride, const void *src) {
  cpu_tile_table()->store_strided[cpu_log2_size(size)](n, dst, stride, src);
}

void cpu_splat(size_t size, int64_t n, void *dst, const void *src) { cpu_tile_table()->repeat[cpu_log2_size(size)](1, n, dst, src, 0); }

void cpu_copy_run(size_t size, int64_t n, void *to, int64_t d, const void *from, int64_t s) {
  char *dst = to;
  const char *src = from;
  if (d == 1 && s == 1) memcpy(dst, src, (size_t)n * size);
  else if (d == 1 && s == 0) cpu_splat(size, n, dst, src);
  else if (d == 1) cpu_tile_table()->load_strided[cpu_log2_size(size)](n, dst, src, s);
  else if (s == 1) cpu_store_strided(size, n, dst, d, src);
  else {
    _Alignas(64) char block[RUN * 8];
    for (int64_t i = 0; i < n; i += RUN, dst += RUN * d * (int64_t)size, src += RUN * s * (int64_t)size) {
      int64_t m = n - i < RUN ? n - i : RUN;
      if (i == 0 || s) cpu_copy_run(size, m, block, 1, src, s);
      cpu_store_strided(size, m, dst, d, block);
    }
  }
}

void cpu_runs_begin(struct cpu_runs *r, const struct mx_tensor *t, int64_t start, int64_t n) {
  r->t = t;
  r->left = n;
  r->offset = r->length = 0;
  for (int d = t->ndim - 1; d >= 0; d--) {
    r->at[d] = start % t->shape[d];
    start /= t->shape[d];
    r->offset += r->at[d] * t->strides[d];
  }
}

bool cpu_runs_next(struct cpu_runs *r) {
  const struct mx_tensor *t = r->t;
  int last = t->ndim - 1;
  r->left -= r->length;
  r->offset += r->length * t->strides[last];
  r->at[last] += r->length;
  for (int d = last; d > 0 && r->at[d] == t->shape[d]; d--) {
    r->offset += t->strides[d - 1] - r->at[d] * t->strides[d];
    r->at[d] = 0;
    r->at[d - 1]++;
  }
  r->length = t->shape[last] - r->at[last] < r->left ? t->shape[last] - r->at[last] : r->left;
  return r->left > 0;
}

void cpu_load(const struct mx_tensor *t, int64_t start, int64_t n, void *dst) {
  size_t size = mx_dtype_size(t->dtype);
  char *to = dst;
  if (t->ndim == 0) {
    if (n) memcpy(dst, t->data, size);
    return;
  }
  struct cpu_runs r;
  for (cpu_runs_begin(&r, t, start, n); cpu_runs_next(&r); to += (size_t)r.length * size)
    cpu_copy_run(size, r.length, to, 1, (const char *)t->data + r.offset * (int64_t)size, t->strides[t->ndim - 1]);
}

void cpu_box_set(struct cpu_box *b, size_t size, int ndim, const int64_t *shape, const int64_t *strides) {
  b->size = size;
  b->ndim = 0;
  b->count = 1;
  for (int d = 0; d < ndim; d++) {
    b->count *= shape[d];
    if (shape[d] == 1) continue;
    int k = b->ndim;
    if (k && b->strides[k - 1] == strides[d] * shape[d]) {
      b->shape[k - 1] *= shape[d];
      b->strides[k - 1] = strides[d];
      continue;
    }
    b->shape[k] = shape[d];
    b->strides[k] = strides[d];
    b->ndim++;
  }
}

void cpu_box_read(const struct cpu_box *b, const void *src, void *dst) {
  int last = b->ndim - 1;
  if (last < 0) {
    memcpy(dst, src, (size_t)b->count * b->size); /* one element, or none */
    return;
  }
  if (b->count == 0) return;
  int64_t n = b->shape[last], rows = b->count / n, at[MX_MAX_NDIM] = {0}, offset = 0;
  char *to = dst;
  for (int64_t r = 0; r < rows; r++, to += (size_t)n * b->size) {
    cpu_copy_run(b->size, n, to, 1, (const char *)src + offset * (int64_t)b->size, b->strides[last]);
    for (int d = last - 1; d >= 0; d--) {
      offset += b->strides[d];
      if (++at[d] < b->shape[d]) break;
      offset -= at[d] * b->strides[d];
      at[d] = 0;
    }
  }
}

/* The whole copy as planes: n0 rows of n1, at every position of the outer dimensions; each plane in items. */
struct copy {
  size_t size;
  int ndim; /* at least 2; the last two are the plane */
  int64_t shape[MX_MAX_NDIM + 2], d[MX_MAX_NDIM + 2], s[MX_MAX_NDIM + 2];
  bool transposed, stream;
  int64_t rows, cols, items0, items1; /* of one item; items of one plane */
  char *dst;
  const char *src;
};

/* Four by four through registers, two bytes and more by element. */
static void turn_four(char *dst, int64_t to, const char *src, int64_t from) {
  v_any_four a, b, c, d;
  memcpy(&a, src, 16);
  memcpy(&b, src + 4 * from, 16);
  memcpy(&c, src + 8 * from, 16);
  memcpy(&d, src + 12 * from, 16);
  v_any_four ac = v_zip_low(a, c), bd = v_zip_low(b, d), ac2 = v_zip_high(a, c), bd2 = v_zip_high(b, d);
  v_any_four r0 = v_zip_low(ac, bd), r1 = v_zip_high(ac, bd), r2 = v_zip_low(ac2, bd2), r3 = v_zip_high(ac2, bd2);
  memcpy(dst, &r0, 16);
  memcpy(dst + 4 * to, &r1, 16);
  memcpy(dst + 8 * to, &r2, 16);
  memcpy(dst + 12 * to, &r3, 16);
}

void cpu_turn(size_t size, int64_t rows, int64_t cols, void *dst, int64_t to, const void *src, int64_t from) {
#define TURN(bits, i0, j0)                                                                                    \
  for (int64_t j = j0; j < cols; j++)                                                                         \
    for (int64_t i = i0; i < rows; i++)                                                                       \
      ((uint##bits##_t *)dst)[i * to + j] = ((const uint##bits##_t *)src)[j * from + i];
  int64_t rows4 = rows & ~(int64_t)3, cols4 = cols & ~(int64_t)3;
  switch (size) {
  case 1: TURN(8, 0, 0) return;
  case 2: TURN(16, 0, 0) return;
  case 8: TURN(64, 0, 0) return;
  default: break;
  }
  for (int64_t j = 0; j < cols4; j += 4) {
    for (int64_t k = j + AHEAD; k < j + AHEAD + 4; k++) { /* too far apart for the hardware to foresee */
      const char *line = (const char *)src + 4 * k * from;
      __builtin_prefetch(line);
      if (rows > 16) __builtin_prefetch(line + 64);
    }
    for (int64_t i = 0; i < rows4; i += 4)
      turn_four((char *)dst + 4 * (i * to + j), to, (const char *)src + 4 * (j * from + i), from);
  }
  TURN(32, j < cols4 ? rows4 : 0, 0)
#undef TURN
}

/* In blocks of 64 by 64 elements, so that lines of either side are read and written whole, turned in L1. */
static void turn_plane(const struct copy *c, int64_t n0, int64_t n1, char *to, const char *from) {
  enum { SIDE = 64 };
  int64_t size = (int64_t)c->size, d0 = c->d[c->ndim - 2], s1 = c->s[c->ndim - 1];
  _Alignas(64) char block[SIDE * SIDE * 8];
  for (int64_t i0 = 0; i0 < n0; i0 += SIDE)
    for (int64_t i1 = 0; i1 < n1; i1 += SIDE) {
      int64_t m0 = n0 - i0 < SIDE ? n0 - i0 : SIDE, m1 = n1 - i1 < SIDE ? n1 - i1 : SIDE;
      cpu_turn(c->size, m0, m1, block, SIDE, from + (i0 + i1 * s1) * size, s1);
      for (int64_t i = 0; i < m0; i++) {
        char *row = to + ((i0 + i) * d0 + i1) * size;
        if (c->stream) cpu_stream_copy(row, block + i * SIDE * size, (size_t)(m1 * size));
        else if (m1 * size == 256) memcpy(row, block + i * SIDE * size, 256); /* no call */
        else memcpy(row, block + i * SIDE * size, (size_t)(m1 * size));
      }
    }
}

/* Rows too short for a call each. */
static void short_rows(size_t size, int64_t n0, int64_t n1, void *dst, int64_t d0, int64_t d1, const void *src, int64_t s0, int64_t s1) {
#define SHORT(bits)                                                                                           \
  {                                                                                                           \
    uint##bits##_t *restrict d = dst;                                                                         \
    const uint##bits##_t *restrict s = src;                                                                   \
    if (n1 == 2 && s0 == 1 && s1 == 0 && d0 == 2 && d1 == 1)                                                  \
      for (int64_t i = 0; i < n0; i++) d[2 * i] = d[2 * i + 1] = s[i];                                        \
    else if (n1 == 2)                                                                                         \
      for (int64_t i = 0; i < n0; i++) d[i * d0] = s[i * s0], d[i * d0 + d1] = s[i * s0 + s1];                \
    else if (n1 == 3)                                                                                         \
      for (int64_t i = 0; i < n0; i++)                                                                        \
        d[i * d0] = s[i * s0], d[i * d0 + d1] = s[i * s0 + s1], d[i * d0 + 2 * d1] = s[i * s0 + 2 * s1];      \
    else                                                                                                      \
      for (int64_t i = 0; i < n0; i++)                                                                        \
        for (int64_t j = 0; j < n1; j++) d[i * d0 + j * d1] = s[i * s0 + j * s1];                             \
    return;                                                                                                   \
  }
  switch (size) {
  case 1: SHORT(8)
  case 2: SHORT(16)
  case 4: SHORT(32)
  default: SHORT(64)
  }
#undef SHORT
}

/* Short rows that stand one after the other in the destination, put together in L1 before they pass the caches. */
static void stream_rows(const struct copy *c, int64_t n0, int64_t n1, char *to, const char *from) {
  _Alignas(64) char block[4096];
  int64_t size = (int64_t)c->size, s0 = c->s[c->ndim - 2], s1 = c->s[c->ndim - 1], rows = (int64_t)sizeof block / (n1 * size);
  for (int64_t i = 0; i < n0; i += rows) {
    int64_t m = n0 - i < rows ? n0 - i : rows;
    short_rows(c->size, m, n1, block, n1, 1, from + i * s0 * size, s0, s1);
    cpu_stream_copy(to + i * n1 * size, block, (size_t)(m * n1 * size));
  }
}

static void plane(const struct copy *c, int64_t n0, int64_t n1, char *to, const char *from) {
  int64_t size = (int64_t)c->size, d0 = c->d[c->ndim - 2] * size, s0 = c->s[c->ndim - 2] * size;
  int64_t d1 = c->d[c->ndim - 1], s1 = c->s[c->ndim - 1];
  if (c->transposed) {
    turn_plane(c, n0, n1, to, from);
    return;
  }
  if (n1 <= SHORT_ROW && n0 > 1) {
    if (c->stream && d1 == 1 && c->d[c->ndim - 2] == n1) stream_rows(c, n0, n1, to, from);
    else short_rows(c->size, n0, n1, to, c->d[c->ndim - 2], d1, from, c->s[c->ndim - 2], s1);
    return;
  }
  bool whole = c->stream && d1 == 1 && s1 == 1;
  for (int64_t i = 0; i < n0; i++) {
    if (whole) cpu_stream_copy(to + i * d0, from + i * s0, (size_t)(n1 * size));
    else cpu_copy_run(c->size, n1, to + i * d0, d1, from + i * s0, s1);
  }
}

static void items(void *ctx, int64_t begin, int64_t end) {
  const struct copy *c = ctx;
  int p = c->ndim - 2;
  for (int64_t i = begin; i < end; i++) {
    int64_t i1 = i % c->items1 * c->cols, rest = i / c->items1, i0 = rest % c->items0 * c->rows;
    int64_t outer = rest / c->items0;
    int64_t to = cpu_offset(p, c->shape, c->d, outer) + i0 * c->d[p] + i1 * c->d[p + 1];
    int64_t from = cpu_offset(p, c->shape, c->s, outer) + i0 * c->s[p] + i1 * c->s[p + 1];
    int64_t n0 = c->shape[p] - i0 < c->rows ? c->shape[p] - i0 : c->rows;
    int64_t n1 = c->shape[p + 1] - i1 < c->cols ? c->shape[p + 1] - i1 : c->cols;
    plane(c, n0, n1, c->dst + to * (int64_t)c->size, c->src + from * (int64_t)c->size);
  }
  if (c->stream) cpu_stream_end();
}

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/* Dimensions by falling stride of the destination, merged where both sides allow; then the dimension along which the source
 * runs becomes the plane's other one. */
static void arrange(struct copy *c, const struct mx_tensor *src, const struct mx_tensor *dst) {
  int n = 0, order[MX_MAX_NDIM];
  for (int d = 0; d < src->ndim; d++) {
    if (src->shape[d] == 1) continue;
    int at = n++;
    while (at && magnitude(dst->strides[order[at - 1]]) < magnitude(dst->strides[d])) order[at] = order[at - 1], at--;
    order[at] = d;
  }
  c->ndim = 2; /* two of size 1 in front, so that there is always a plane */
  c->shape[0] = c->shape[1] = 1;
  c->d[0] = c->d[1] = c->s[0] = c->s[1] = 0;
  for (int i = 0; i < n; i++) {
    int64_t size = src->shape[order[i]], d = dst->strides[order[i]], s = src->strides[order[i]];
    int k = c->ndim;
    bool merge = c->shape[k - 1] > 1 && c->d[k - 1] == d * size && c->s[k - 1] == s * size;
    if (merge) k--;
    c->shape[k] = merge ? c->shape[k] * size : size;
    c->d[k] = d;
    c->s[k] = s;
    c->ndim = k + 1;
  }
  int last = c->ndim - 1, along = -1;
  for (int i = 0; i < last; i++)
    if (c->shape[i] > 1 && c->s[i] == 1) along = i;
  c->transposed = along >= 0 && c->d[last] == 1 && magnitude(c->s[last]) > 1;
  if (!c->transposed) return;
  int64_t shape = c->shape[along], d = c->d[along], s = c->s[along];
  for (int i = along; i < last - 1; i++) c->shape[i] = c->shape[i + 1], c->d[i] = c->d[i + 1], c->s[i] = c->s[i + 1];
  c->shape[last - 1] = shape, c->d[last - 1] = d, c->s[last - 1] = s;
}

int cpu_copy(const struct mx_tensor *src, const struct mx_tensor *dst) {
  struct copy c; /* not cleared: most of it is room for dimensions */
  if (src->size == 0) return MX_OK;
  c.size = mx_dtype_size(src->dtype);
  c.dst = dst->data;
  c.src = src->data;
  arrange(&c, src, dst);
  int64_t size = (int64_t)c.size, bytes = src->size * size, n0 = c.shape[c.ndim - 2], n1 = c.shape[c.ndim - 1];
  c.stream = bytes >= CPU_STREAM_BYTES;
  int64_t side = 128 * 4 / size > 64 ? 128 * 4 / size : 64; /* of a square of a transpose */
  c.cols = c.transposed ? side : ITEM_BYTES / size;
  if (c.cols > n1) c.cols = n1;
  c.rows = c.transposed ? side : ITEM_BYTES / (size * c.cols);
  if (c.rows > n0) c.rows = n0;
  if (c.rows < 1) c.rows = 1;
  c.items0 = (n0 + c.rows - 1) / c.rows;
  c.items1 = (n1 + c.cols - 1) / c.cols;
  int64_t count = src->size / n0 / n1 * c.items0 * c.items1;
  if (count == 1 && !c.stream) plane(&c, n0, n1, c.dst, c.src);
  else if (bytes <= SERIAL_BYTES) items(&c, 0, count);
  else cpu_parallel_for(count, ITEM_BYTES / (c.rows * c.cols * size) + 1, items, &c);
  return MX_OK;
}

int cpu_contiguous(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return cpu_copy(in[0], out[0]);
}
