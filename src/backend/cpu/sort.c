/* sort.c: Sort and ArgSort along one axis: stable, NaN last; Partition and ArgPartition, which stop at the element of one rank.
 * Invariant: values become unsigned keys of the same order (equal values equal keys), so one sort serves every dtype; rows with -0
 * or NaN are taken back by position, so zeros keep their signs and NaNs their bits. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/order.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/sort.h"
#include "backend/cpu/tile_table.h"
#include "core/error.h"

#include <string.h>

enum { SHORT_RUN = 512, SHARED_RUN = 1 << 15, PIECES = 32, GRAIN = 1 << 14 };

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

/* The whole order of a row: positions. Keys of 32 bits stand above them in one word; room: as many words again. */
static void order_narrow(const struct cpu_sort *s, const char *from, uint64_t *words, uint64_t *room, uint32_t *at, int threads) {
  int64_t n = s->n;
#define KEYS(bits, kbits, expr)                                                                               \
  for (int64_t i = 0; i < n; i++) {                                                                           \
    uint##bits##_t u = ((const uint##bits##_t *)(const void *)from)[i];                                       \
    words[i] = (uint64_t)(expr) << 32 | (uint64_t)i;                                                          \
  }
  CPU_KEYS(s->in->dtype, KEYS)
#undef KEYS
  sort_64(n, words, NULL, room, NULL, 4, threads);
  for (int64_t i = 0; i < n; i++) at[i] = (uint32_t)words[i];
}
static void order_wide(int64_t n, uint64_t *a, uint32_t *ia, uint64_t *b, uint32_t *ib, int threads) {
  for (int64_t i = 0; i < n; i++) ia[i] = (uint32_t)i;
  sort_64(n, a, ia, b, ib, 0, threads);
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
struct bytes {
  const struct cpu_sort *s;
  const uint8_t *from;
  char *to;
  uint8_t flip; /* makes keys of values */
  int64_t piece, at[PIECES][256];
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
static void sort_bytes(const struct cpu_sort *s, const char *from, char *to, int threads) {
  int64_t pieces = threads > 1 ? PIECES : 1, sum = 0;
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

/* A row of values by keys that turn back into them, without positions. False where such a key does not tell all: -0, NaN. */
static bool sort_values(const struct cpu_sort *s, const char *from, char *to, void *a, void *b, int threads) {
  const struct cpu_tile_table *table = cpu_tile_table();
  int64_t n = s->n;
  if (s->positions || s->kth >= 0 || s->size < 4 || s->inner != 1 || s->in->dtype == MX_COMPLEX64) return false;
  if (table->sort_keys(s->in->dtype, 1, n, a, 0, from, 0)) return false;
#define SORT(bits)                                                                                            \
  uint##bits##_t *k = a, sign = (uint##bits##_t)1 << (bits - 1); /* the table's keys are signed */            \
  for (int64_t i = 0; i < n; i++) k[i] ^= sign;                                                               \
  sort_##bits(n, k, NULL, b, NULL, 0, threads);                                           \
  for (int64_t i = 0; i < n; i++) k[i] ^= sign;
  if (s->wide) {
    SORT(64)
  } else {
    SORT(32)
  }
#undef SORT
  table->sort_values(s->in->dtype, 1, n, to, 0, a, 0);
  return true;
}

char *cpu_sort_result(const struct cpu_sort *s, int64_t row) {
  return (char *)s->out->data + (row / s->inner * s->n * s->inner + row % s->inner) * (int64_t)(s->positions ? 4 : s->size);
}

static void sort_row(const struct cpu_sort *s, int64_t row, char *room, int threads) {
  const struct mx_tensor *t = s->in;
  int64_t n = s->n, offset = cpu_sort_offset(s, row);
  char *a = room, *b = a + n * 8, *values = b + n * 8;
  uint32_t *ia = (uint32_t *)(values + n * (s->wide ? 8 : 4)), *ib = ia + n;
  const char *from = (const char *)t->data + offset * (int64_t)s->size;
  char *to = cpu_sort_result(s, row);
  if (s->size == 1) return sort_bytes(s, from, to, threads); /* a whole order is a partition too */
  if (s->step != 1) {
    cpu_copy_run(s->size, n, values, 1, from, s->step);
    from = values;
  }
  if (sort_values(s, from, to, a, b, threads)) return;
  if (s->kth < 0 && !s->wide) {
    order_narrow(s, from, (uint64_t *)a, (uint64_t *)b, ia, threads);
  } else {
    keys_of(t->dtype, n, a, from);
    if (s->kth < 0) order_wide(n, (uint64_t *)a, ia, (uint64_t *)b, ib, threads);
    else if (s->wide) partition_64(n, (uint64_t *)a, ia, (uint64_t *)b, s->kth);
    else partition_32(n, (uint32_t *)a, ia, (uint32_t *)b, s->kth);
  }
  if (s->positions) {
    cpu_store_strided(4, n, to, s->inner, ia);
    return;
  }
#define TAKE(bits)                                                                                            \
  for (int64_t i = 0; i < n; i++) ((uint##bits##_t *)to)[i * s->inner] = ((const uint##bits##_t *)from)[ia[i]]; \
  return;
  switch (s->size) {
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
  for (int64_t r = begin; r < end; r++) sort_row(s, r, room->host, 1);
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
  int threads = cpu_pool_threads();
  if (rows < threads && s.n > SHARED_RUN) { /* few long rows: threads share each */
    struct mx_buffer *room;
    int status = mx_buffer_new(&room, room_of(&s), MX_MEMORY_HOST);
    if (status) return status;
    for (int64_t r = 0; r < rows; r++) sort_row(&s, r, room->host, threads);
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
