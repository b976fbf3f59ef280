/* sort.c: Sort and ArgSort along one axis: stable, NaN last; Partition and ArgPartition, which stop at the element of one rank.
 * Invariant: values become unsigned keys of the same order (equal values equal keys), so one sort serves every dtype; values
 * are taken back by position, so zeros keep their signs and NaNs their bits. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/order.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"
#include "core/error.h"

#include <string.h>

enum { SHORT_RUN = 512, SHARED_RUN = 1 << 15, MERGE_PARTS = 4, GRAIN = 1 << 14, PARTITION_RUN = 48, NETWORK_RUN = 128 };

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

struct sort {
  const struct mx_tensor *in, *out;
  int axis;
  bool positions, wide; /* argsort; 64-bit keys */
  int64_t kth; /* of a partition; -1: the whole order */
  size_t size;
  int64_t n, step, inner, lanes; /* of the axis: length and stride; elements of out from one to the next; rows of out */
  char *room;           /* lanes' worth of scratch when they share one */
  _Atomic bool short_of_memory;
};

/* Bytes that one row needs: keys twice, positions twice, values. */
static size_t room_of(const struct sort *s) {
  return MX_ALIGN_UP((size_t)s->n * (s->wide ? 32 : 24), 64);
}

/* The whole order: positions, and keys. */
static void order_row(const struct sort *s, void *a, uint32_t *ia, void *b, uint32_t *ib, bool shared) {
  for (int64_t i = 0; i < s->n; i++) ia[i] = (uint32_t)i;
  if (s->wide) (shared ? sort_shared_64 : sort_64)(s->n, a, ia, b, ib);
  else (shared ? sort_shared_32 : sort_32)(s->n, a, ia, b, ib);
}

static void sort_row(const struct sort *s, int64_t row, char *room, bool shared) {
  const struct mx_tensor *t = s->in;
  int64_t n = s->n, outer = row / s->inner, offset = 0, rest = row;
  for (int d = t->ndim - 1; d >= 0; d--) {
    if (d == s->axis) continue;
    offset += rest % t->shape[d] * t->strides[d];
    rest /= t->shape[d];
  }
  size_t key = s->wide ? 8 : 4;
  char *a = room, *b = a + (size_t)n * key, *values = b + (size_t)n * key;
  uint32_t *ia = (uint32_t *)(values + (size_t)n * 8), *ib = ia + n;
  if (!s->wide) ia = (uint32_t *)(values + (size_t)n * 4), ib = ia + n;
  const char *from = (const char *)t->data + offset * (int64_t)s->size;
  if (s->step != 1) {
    cpu_tile_table()->load_strided[s->size == 1 ? 0 : s->size == 2 ? 1 : s->size == 4 ? 2 : 3](n, values, from, s->step);
    from = values;
  }
  keys_of(t->dtype, n, a, from);
  if (s->kth >= 0 && n >= PARTITION_RUN) {
    if (s->wide) partition_64(n, (uint64_t *)a, ia, (uint64_t *)b, s->kth);
    else partition_32(n, (uint32_t *)a, ia, (uint32_t *)b, s->kth);
  } else {
    order_row(s, a, ia, b, ib, shared);
  }
  size_t size = s->positions ? 4 : s->size;
  char *to = (char *)s->out->data + (outer * n * s->inner + row % s->inner) * (int64_t)size;
  if (s->positions) {
    cpu_store_strided(4, n, to, s->inner, ia);
    return;
  }
#define TAKE(bits)                                                                                            \
  for (int64_t i = 0; i < n; i++) ((uint##bits##_t *)to)[i * s->inner] = ((const uint##bits##_t *)from)[ia[i]]; \
  return;
  switch (size) {
  case 1: TAKE(8)
  case 2: TAKE(16)
  case 4: TAKE(32)
  default: TAKE(64)
  }
#undef TAKE
}

static void sort_rows(void *ctx, int64_t begin, int64_t end) {
  struct sort *s = ctx;
  struct mx_buffer *room;
  if (mx_buffer_new(&room, room_of(s), MX_MEMORY_HOST)) {
    s->short_of_memory = true;
    return;
  }
  for (int64_t r = begin; r < end; r++) sort_row(s, r, room->host, false);
  mx_buffer_unref(room);
}

/* Short rows of 32-bit values, CPU_SORT_SIDE at once by a network: as signed keys, that turn back into the values. */
static bool fits_network(const struct sort *s) {
  enum mx_dtype d = s->in->dtype;
  return !s->positions && s->step == 1 && s->inner == 1 && s->n > 1 && s->n <= NETWORK_RUN &&
         (d == MX_FLOAT32 || d == MX_INT32 || d == MX_UINT32);
}
/* Its own inverse. *odd: the row holds -0 or NaN, whose order or bits the key does not tell. */
static void network_keys(enum mx_dtype dtype, int64_t n, int32_t *to, const uint32_t *from, bool *odd) {
  uint32_t strange = 0;
  if (dtype == MX_FLOAT32) {
    for (int64_t i = 0; i < n; i++) {
      uint32_t u = from[i];
      strange |= (u == 0x80000000u) | ((u & 0x7fffffffu) > 0x7f800000u);
      to[i] = (int32_t)(u ^ (u >> 31 ? 0x7fffffffu : 0));
    }
  } else {
    uint32_t turn = dtype == MX_UINT32 ? 0x80000000u : 0;
    for (int64_t i = 0; i < n; i++) to[i] = (int32_t)(from[i] ^ turn);
  }
  *odd = strange;
}
static void sort_network(void *ctx, int64_t begin, int64_t end) {
  struct sort *s = ctx;
  int64_t n = s->n, rows = s->in->size / n, shape[MX_MAX_NDIM];
  _Alignas(64) int32_t flat[CPU_SORT_SIDE * NETWORK_RUN], columns[CPU_SORT_SIDE * NETWORK_RUN];
  for (int d = 0; d < s->in->ndim; d++) shape[d] = d == s->axis ? 1 : s->in->shape[d];
  for (int64_t block = begin; block < end; block++) {
    int64_t first = block * CPU_SORT_SIDE, m = rows - first < CPU_SORT_SIDE ? rows - first : CPU_SORT_SIDE;
    bool odd[CPU_SORT_SIDE] = {false}, any;
    uint32_t *out = (uint32_t *)s->out->data + first * n;
    for (int64_t r = 0; r < CPU_SORT_SIDE; r++) /* what is missing to a whole block is a row twice */
      network_keys(s->in->dtype, n, flat + r * n,
                   (const uint32_t *)s->in->data + cpu_offset(s->in->ndim, shape, s->in->strides, first + (r < m ? r : 0)), &odd[r]);
    cpu_turn(4, n, CPU_SORT_SIDE, columns, CPU_SORT_SIDE, flat, n);
    cpu_tile_table()->sort_columns(n, columns);
    cpu_turn(4, CPU_SORT_SIDE, n, flat, n, columns, CPU_SORT_SIDE);
    network_keys(s->in->dtype, m * n, (int32_t *)out, (const uint32_t *)flat, &any);
    for (int64_t r = 0; r < m; r++)
      if (odd[r]) sort_rows(s, first + r, first + r + 1);
  }
}

static int sort(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out, bool positions, int64_t kth) {
  const struct mx_tensor *t = in[0];
  struct sort s = {.in = t, .out = out[0], .axis = (int)c->p.ints[0], .positions = positions, .kth = kth,
                   .size = mx_dtype_size(t->dtype), .wide = mx_dtype_size(t->dtype) == 8, .inner = 1};
  if (t->size == 0) return MX_OK;
  s.n = t->shape[s.axis];
  s.step = t->strides[s.axis];
  for (int d = s.axis + 1; d < t->ndim; d++) s.inner *= t->shape[d];
  if (s.n > UINT32_MAX) return mx_fail(MX_EVALUE, "[sort] An axis of %lld elements is too long: positions are uint32.", (long long)s.n);
  int64_t rows = t->size / s.n;
  if (rows < cpu_pool_threads() && s.n > SHARED_RUN) { /* few long rows: threads share each */
    struct mx_buffer *room;
    int status = mx_buffer_new(&room, room_of(&s), MX_MEMORY_HOST);
    if (status) return status;
    for (int64_t r = 0; r < rows; r++) sort_row(&s, r, room->host, true);
    mx_buffer_unref(room);
    return MX_OK;
  }
  if (fits_network(&s) && rows >= CPU_SORT_SIDE / 4)
    cpu_parallel_for((rows + CPU_SORT_SIDE - 1) / CPU_SORT_SIDE, GRAIN / (s.n * CPU_SORT_SIDE) + 1, sort_network, &s);
  else cpu_parallel_for(rows, GRAIN / s.n + 1, sort_rows, &s);
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
