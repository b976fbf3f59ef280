/* sort.c: Sort and ArgSort along one axis: stable, NaN last; Partition and ArgPartition, which stop at the element of one rank.
 * Invariant: values become unsigned keys of the same order (equal values equal keys), so one sort serves every dtype; values
 * are taken back by position, so zeros keep their signs and NaNs their bits. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/order.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/sort.h"
#include "backend/cpu/tile_table.h"
#include "core/error.h"

#include <string.h>

enum { SHORT_RUN = 512, SHARED_RUN = 1 << 15, MERGE_PARTS = 4, GRAIN = 1 << 14 };

#define KEY uint32_t
#define BITS 32
#define NAME(x) x##_32
#include "backend/cpu/sort_run.inc"
#define KEY uint64_t
#define BITS 64
#define NAME(x) x##_64
#include "backend/cpu/sort_run.inc"

static void keys_of(enum mx_dtype dtype, int64_t n, void *keys, const void *src) {
#define KEYS(bits, kbits, expr)                                                                               \
  for (int64_t i = 0; i < n; i++) {                                                                           \
    uint##bits##_t u = ((const uint##bits##_t *)src)[i];                                                      \
    ((uint##kbits##_t *)keys)[i] = (uint##kbits##_t)(expr);                                                   \
  }
  CPU_KEYS(dtype, KEYS)
#undef KEYS
}

/* Bytes that one row needs: keys twice, positions twice, values; bytes are counted in place. */
static size_t room_of(const struct cpu_sort *s) {
  return s->size == 1 ? 64 : MX_ALIGN_UP((size_t)s->n * (s->wide ? 32 : 24), 64);
}

/* The whole order: positions, and keys. */
static void order_row(const struct cpu_sort *s, void *a, uint32_t *ia, void *b, uint32_t *ib, bool shared) {
  for (int64_t i = 0; i < s->n; i++) ia[i] = (uint32_t)i;
  if (s->wide) (shared ? sort_shared_64 : sort_64)(s->n, a, ia, b, ib);
  else (shared ? sort_shared_32 : sort_32)(s->n, a, ia, b, ib);
}

int64_t cpu_sort_offset(const struct cpu_sort *s, int64_t row) {
  const struct mx_tensor *t = s->in;
  int64_t offset = 0;
  for (int d = t->ndim - 1; d >= 0 && row > 0; d--) {
    if (d == s->axis) continue;
    offset += row % t->shape[d] * t->strides[d];
    row /= t->shape[d];
  }
  return offset;
}

/* A row of bytes in pieces that threads share: counted, then put where the counts say. Needs no room, however long the row is. */
enum { BYTE_PIECES = 16 };
struct bytes {
  const struct cpu_sort *s;
  const uint8_t *from;
  char *to;
  uint8_t flip; /* makes keys of values */
  int64_t piece, at[BYTE_PIECES][256];
};
static void count_bytes(void *ctx, int64_t begin, int64_t end) {
  struct bytes *b = ctx;
  for (int64_t k = begin; k < end; k++) {
    int64_t i = k * b->piece, last = i + b->piece < b->s->n ? i + b->piece : b->s->n, step = b->s->step, count[4][256] = {{0}};
    for (; i < last - 3; i += 4) /* runs of one value do not wait for each other */
      for (int j = 0; j < 4; j++) count[j][b->from[(i + j) * step]]++;
    for (; i < last; i++) count[0][b->from[i * step]]++;
    for (int v = 0; v < 256; v++) b->at[k][v ^ b->flip] = count[0][v] + count[1][v] + count[2][v] + count[3][v];
  }
}
static void put_positions(void *ctx, int64_t begin, int64_t end) {
  struct bytes *b = ctx;
  int64_t step = b->s->step, inner = b->s->inner;
  for (int64_t k = begin; k < end; k++)
    for (int64_t i = k * b->piece, last = i + b->piece < b->s->n ? i + b->piece : b->s->n; i < last; i++)
      ((uint32_t *)b->to)[b->at[k][b->from[i * step] ^ b->flip]++ * inner] = (uint32_t)i;
}
static void put_bytes(const struct bytes *b, int v, int64_t first, int64_t n) {
  uint8_t x = (uint8_t)v ^ b->flip;
  if (b->s->inner == 1) memset(b->to + first, x, (size_t)n);
  else for (int64_t i = first; i < first + n; i++) b->to[i * b->s->inner] = (char)x;
}
static void sort_bytes(const struct cpu_sort *s, const char *from, char *to, bool shared) {
  int64_t pieces = shared ? BYTE_PIECES : 1, sum = 0;
  struct bytes b = {.s = s, .from = (const uint8_t *)from, .to = to, .flip = s->in->dtype == MX_INT8 ? 0x80 : 0, .piece = (s->n + pieces - 1) / pieces};
  cpu_parallel_for(pieces, 1, count_bytes, &b);
  for (int v = 0; v < 256; v++) {
    int64_t first = sum;
    for (int64_t k = 0; k < pieces; k++) {
      int64_t n = b.at[k][v];
      b.at[k][v] = sum;
      sum += n;
    }
    if (!s->positions && sum > first) put_bytes(&b, v, first, sum - first);
  }
  if (s->positions) cpu_parallel_for(pieces, 1, put_positions, &b);
}

static char *result_of(const struct cpu_sort *s, int64_t row) {
  return (char *)s->out->data + (row / s->inner * s->n * s->inner + row % s->inner) * (int64_t)(s->positions ? 4 : s->size);
}
static void sort_row(const struct cpu_sort *s, int64_t row, char *room, bool shared) {
  const struct mx_tensor *t = s->in;
  int64_t n = s->n, offset = cpu_sort_offset(s, row);
  size_t key = s->wide ? 8 : 4;
  char *a = room, *b = a + (size_t)n * key, *values = b + (size_t)n * key;
  uint32_t *ia = (uint32_t *)(values + (size_t)n * 8), *ib = ia + n;
  if (!s->wide) ia = (uint32_t *)(values + (size_t)n * 4), ib = ia + n;
  const char *from = (const char *)t->data + offset * (int64_t)s->size;
  char *to = result_of(s, row);
  if (s->size == 1) return sort_bytes(s, from, to, shared); /* a whole order is a partition too */
  if (s->step != 1) {
    cpu_tile_table()->load_strided[s->size == 1 ? 0 : s->size == 2 ? 1 : s->size == 4 ? 2 : 3](n, values, from, s->step);
    from = values;
  }
  keys_of(t->dtype, n, a, from);
  if (s->kth >= 0) {
    if (s->wide) partition_64(n, (uint64_t *)a, ia, (uint64_t *)b, s->kth);
    else partition_32(n, (uint32_t *)a, ia, (uint32_t *)b, s->kth);
  } else {
    order_row(s, a, ia, b, ib, shared);
  }
  if (s->positions) {
    cpu_store_strided(4, n, to, s->inner, ia);
    return;
  }
#define TAKE(bits)                                                                                            \
  for (int64_t i = 0; i < n; i++) ((uint##bits##_t *)to)[i * s->inner] = ((const uint##bits##_t *)from)[ia[i]]; \
  return;
  switch (s->size) {
  case 1: TAKE(8)
  case 2: TAKE(16)
  case 4: TAKE(32)
  default: TAKE(64)
  }
#undef TAKE
}

void cpu_sort_rows(void *ctx, int64_t begin, int64_t end) {
  struct cpu_sort *s = ctx;
  struct mx_buffer *room;
  if (mx_buffer_new(&room, room_of(s), MX_MEMORY_HOST)) {
    s->short_of_memory = true;
    return;
  }
  for (int64_t r = begin; r < end; r++) sort_row(s, r, room->host, false);
  mx_buffer_unref(room);
}

static int sort(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out, bool positions, int64_t kth) {
  const struct mx_tensor *t = in[0];
  struct cpu_sort s = {.in = t, .out = out[0], .axis = (int)c->p.ints[0], .positions = positions, .kth = kth,
                   .size = mx_dtype_size(t->dtype), .wide = mx_dtype_size(t->dtype) == 8, .inner = 1};
  if (t->size == 0) return MX_OK;
  s.n = t->shape[s.axis];
  if (s.n == 1) return positions ? (memset(out[0]->data, 0, (size_t)out[0]->size * 4), MX_OK) : cpu_copy(t, out[0]);
  s.step = t->strides[s.axis];
  for (int d = s.axis + 1; d < t->ndim; d++) s.inner *= t->shape[d];
  if (s.n > UINT32_MAX && (positions || s.size > 1)) return mx_fail(MX_EVALUE, "[sort] An axis of %lld elements is too long: positions are uint32.", (long long)s.n);
  int64_t rows = t->size / s.n;
  if (rows < cpu_pool_threads() && s.n > SHARED_RUN) { /* few long rows: threads share each */
    struct mx_buffer *room;
    int status = mx_buffer_new(&room, room_of(&s), MX_MEMORY_HOST);
    if (status) return status;
    for (int64_t r = 0; r < rows; r++) sort_row(&s, r, room->host, true);
    mx_buffer_unref(room);
    return MX_OK;
  }
  if (!cpu_sort_short(&s, rows)) cpu_parallel_for(rows, GRAIN / s.n + 1, cpu_sort_rows, &s);
  return s.short_of_memory ? mx_fail(MX_EMEMORY, "[sort] Out of memory for rows of %lld elements.", (long long)s.n) : MX_OK;
}

int cpu_sort(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) { return sort(c, in, out, false, -1); }

int cpu_argsort(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) { return sort(c, in, out, true, -1); }

int cpu_partition(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return sort(c, in, out, false, c->p.ints[1]);
}

int cpu_argpartition(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return sort(c, in, out, true, c->p.ints[1]);
}
