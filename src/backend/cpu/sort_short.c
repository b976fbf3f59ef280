/* sort_short.c: rows that are sorted many at once, a row in each lane of the vectors (simd/sort.inc).
 * Invariant: the same results as rows one by one. Values are sorted as signed keys that turn back into them; rows that hold -0 or NaN,
 * whose order or bits such a key does not tell, go the other way. Positions are sorted below their keys, so that no two are equal. */
#include "backend/cpu/copy.h"
#include "backend/cpu/order.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/sort.h"
#include "backend/cpu/tile_table.h"
#include "core/alloc.h"

#include <string.h>

enum { LONGEST = 4096, LONE_ROW = 384, GRAIN = 1 << 14, STACK_BYTES = 1 << 15, SIDE = 32 };

struct shorts {
  struct cpu_sort *s;
  int64_t rows, side, room; /* side: rows at once; room: n filled up to what the kernels take */
  int64_t width, across;    /* columns: rows that stand side by side in memory, and how many blocks they make */
  int key;                  /* log2 of its size */
  bool columns;
};

/* Values to keys: KEY(bits of the value, bits of the key, the key of x, whether the row is odd). */
#define FLOAT_KEY(bits) x ^ (x >> (bits - 1) ? (uint##bits##_t)-1 >> 1 : 0)
#define FLOAT_ODD(bits, inf) (x == (uint##bits##_t)1 << (bits - 1)) | ((x & (uint##bits##_t)-1 >> 1) > (uint##bits##_t)(inf))
#define EACH_VALUE(dtype, KEY)                                                                                \
  switch (dtype) {                                                                                            \
  case MX_BOOL:                                                                                               \
  case MX_UINT8: KEY(8, 16, x, 0) break;                                                                      \
  case MX_INT8: KEY(8, 16, x ^ 0x80, 0) break;                                                                \
  case MX_UINT16: KEY(16, 16, x ^ 0x8000, 0) break;                                                           \
  case MX_INT16: KEY(16, 16, x, 0) break;                                                                     \
  case MX_UINT32: KEY(32, 32, x ^ 0x80000000u, 0) break;                                                      \
  case MX_INT32: KEY(32, 32, x, 0) break;                                                                     \
  case MX_UINT64: KEY(64, 64, x ^ (uint64_t)1 << 63, 0) break;                                                \
  case MX_INT64: KEY(64, 64, x, 0) break;                                                                     \
  case MX_FLOAT16: KEY(16, 16, FLOAT_KEY(16), FLOAT_ODD(16, 0x7c00)) break;                                                  \
  case MX_BFLOAT16: KEY(16, 16, FLOAT_KEY(16), FLOAT_ODD(16, 0x7f80)) break;                                                 \
  case MX_FLOAT32: KEY(32, 32, FLOAT_KEY(32), FLOAT_ODD(32, 0x7f800000)) break;                                              \
  default: KEY(64, 64, FLOAT_KEY(64), FLOAT_ODD(64, 0x7ff0000000000000)) break;                                              \
  }

/* `lines` runs of n values, `from` elements apart, to keys `to` apart. Whether one of them is odd. */
static bool keys_of_values(enum mx_dtype dtype, int64_t lines, int64_t n, void *keys, int64_t to, const void *values, int64_t from) {
  uint64_t strange = 0;
#define KEY(bits, kbits, key, odd)                                                                            \
  for (int64_t l = 0; l < lines; l++) {                                                                       \
    const uint##bits##_t *v = (const uint##bits##_t *)values + l * from;                                      \
    uint##kbits##_t *k = (uint##kbits##_t *)keys + l * to, any = 0;                                           \
    for (int64_t i = 0; i < n; i++) {                                                                         \
      uint##bits##_t x = v[i];                                                                                \
      k[i] = (uint##kbits##_t)(key);                                                                          \
      any |= (uint##kbits##_t)(odd);                                                                          \
    }                                                                                                         \
    strange |= any;                                                                                           \
  }
  EACH_VALUE(dtype, KEY)
#undef KEY
  return strange;
}
static void values_of_keys(enum mx_dtype dtype, int64_t lines, int64_t n, void *values, int64_t to, const void *keys, int64_t from) {
#define KEY(bits, kbits, value, odd)                                                                          \
  for (int64_t l = 0; l < lines; l++) {                                                                       \
    const uint##kbits##_t *k = (const uint##kbits##_t *)keys + l * from;                                      \
    uint##bits##_t *v = (uint##bits##_t *)values + l * to;                                                    \
    for (int64_t i = 0; i < n; i++) {                                                                         \
      uint##kbits##_t x = k[i];                                                                               \
      v[i] = (uint##bits##_t)(value);                                                                         \
    }                                                                                                         \
  }
  EACH_VALUE(dtype, KEY)
#undef KEY
}

/* Keys of 32 bits above positions; line l of a column has position l, else element i has position i. */
static void keys_of_positions(enum mx_dtype dtype, int64_t lines, int64_t n, int64_t *keys, int64_t to, const void *values, int64_t from) {
  bool column = lines > 1;
#define KEYS(bits, kbits, key)                                                                                \
  for (int64_t l = 0; l < lines; l++) {                                                                       \
    const uint##bits##_t *v = (const uint##bits##_t *)values + l * from;                                      \
    int64_t *k = keys + l * to;                                                                               \
    for (int64_t i = 0; i < n; i++) {                                                                         \
      uint##bits##_t u = v[i];                                                                                \
      k[i] = (int64_t)((uint64_t)((key) ^ 0x80000000u) << 32 | (uint64_t)(column ? l : i));                   \
    }                                                                                                         \
  }
  CPU_KEYS(dtype, KEYS)
#undef KEYS
}

/* Keys of 64 bits: the 32 bits from the first on that not all keys of the row share, above positions. */
static void keys_of_wide(enum mx_dtype dtype, int64_t n, int64_t *keys, const void *values) {
  uint64_t differ = 0, first = 0;
#define KEYS(bits, kbits, key)                                                                                \
  for (int64_t i = 0; i < n; i++) {                                                                           \
    uint##bits##_t u = ((const uint##bits##_t *)values)[i];                                                   \
    keys[i] = (int64_t)(key);                                                                                 \
    if (i == 0) first = (uint64_t)keys[0];                                                                    \
    differ |= (uint64_t)keys[i] ^ first;                                                                      \
  }
  CPU_KEYS(dtype, KEYS)
#undef KEYS
  int shift = differ >> 32 ? 32 - __builtin_clzll(differ) : 0;
  for (int64_t i = 0; i < n; i++) keys[i] = (int64_t)(((uint64_t)keys[i] >> shift ^ 0x80000000u) << 32 | (uint64_t)i);
}
/* Positions that such keys put in order, but for those of equal keys. False where that are too many. */
static bool settle_wide(enum mx_dtype dtype, int64_t n, uint32_t *at, const int64_t *keys, const void *values) {
  int64_t moves = 4 * n;
  for (int64_t i = 0; i < n; i++) {
    uint32_t p = at[i] = (uint32_t)keys[i];
    int64_t j = i;
    for (; j > 0 && keys[j - 1] >> 32 == keys[i] >> 32; j--) {
      uint64_t before = 0, mine = 0;
#define KEYS(bits, kbits, key)                                                                                \
  {                                                                                                           \
    uint##bits##_t u = ((const uint##bits##_t *)values)[at[j - 1]];                                           \
    before = key;                                                                                             \
    u = ((const uint##bits##_t *)values)[p];                                                                  \
    mine = key;                                                                                               \
  }
      CPU_KEYS(dtype, KEYS)
#undef KEYS
      if (before <= mine) break;
      at[j] = at[j - 1];
      if (--moves == 0) return false;
    }
    at[j] = p;
  }
  return true;
}

/* Where the values of a row stand one after the other; *held has room for them. */
static const char *row_values(const struct cpu_sort *s, int64_t row, char *held) {
  const char *from = (const char *)s->in->data + cpu_sort_offset(s, row) * (int64_t)s->size;
  if (s->step == 1) return from;
  cpu_tile_table()->load_strided[s->size == 1 ? 0 : s->size == 2 ? 1 : s->size == 4 ? 2 : 3](s->n, held, from, s->step);
  return held;
}
static char *row_result(const struct cpu_sort *s, int64_t row, size_t size) {
  return (char *)s->out->data + (row / s->inner * s->n * s->inner + row % s->inner) * (int64_t)size;
}

/* Keys above every other, from `begin` to `end`. */
static void fill_up(const struct shorts *b, char *keys, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++)
    if (b->key == 1) ((int16_t *)keys)[i] = INT16_MAX;
    else if (b->key == 2) ((int32_t *)keys)[i] = INT32_MAX;
    else ((int64_t *)keys)[i] = INT64_MAX;
}

/* m <= side rows from `first` on. */
static void sort_block(const struct shorts *b, int64_t first, int64_t m, char *keys, char *room, char *held) {
  struct cpu_sort *s = b->s;
  enum mx_dtype dtype = s->in->dtype;
  int64_t n = s->n, line = b->room << b->key;
  bool odd[SIDE] = {false};
  for (int64_t r = 0; r < m; r++) {
    char *k = keys + r * line;
    const char *from = row_values(s, first + r, held);
    if (!s->positions) odd[r] = keys_of_values(dtype, 1, n, k, 0, from, 0);
    else if (s->wide) keys_of_wide(dtype, n, (int64_t *)k, from);
    else keys_of_positions(dtype, 1, n, (int64_t *)k, 0, from, 0);
    fill_up(b, k, n, b->room);
  }
  if (m < b->side) memset(keys + m * line, 0, (size_t)((b->side - m) * line));
  cpu_tile_table()->sort_rows[b->key - 1](b->room, keys, room);
  for (int64_t r = 0; r < m; r++) {
    const char *k = keys + r * line;
    size_t size = s->positions ? 4 : s->size;
    char *to = row_result(s, first + r, size), *into = s->inner == 1 ? to : room;
    if (s->positions && s->wide) odd[r] = !settle_wide(dtype, n, (uint32_t *)(void *)into, (const int64_t *)k, row_values(s, first + r, held));
    else if (s->positions) for (int64_t i = 0; i < n; i++) ((uint32_t *)into)[i] = (uint32_t)((const int64_t *)k)[i];
    else values_of_keys(dtype, 1, n, into, 0, k, 0);
    if (odd[r]) cpu_sort_rows(s, first + r, first + r + 1);
    else if (into != to) cpu_store_strided(size, n, to, s->inner, into);
  }
}

/* m <= side rows whose elements stand side by side. */
static void sort_across(const struct shorts *b, int64_t first, int64_t m, char *keys) {
  struct cpu_sort *s = b->s;
  enum mx_dtype dtype = s->in->dtype;
  int64_t n = s->n, line = b->side << b->key;
  const char *from = (const char *)s->in->data + cpu_sort_offset(s, first) * (int64_t)s->size;
  bool odd = false;
  if (m < b->side) memset(keys, 0, (size_t)(n * line));
  if (s->positions) keys_of_positions(dtype, n, m, (int64_t *)keys, b->side, from, s->step);
  else odd = keys_of_values(dtype, n, m, keys, b->side, from, s->step);
  fill_up(b, keys, n * b->side, b->room * b->side);
  cpu_tile_table()->sort_columns[b->key - 1](b->room, keys);
  if (s->positions) {
    uint32_t *to = (uint32_t *)row_result(s, first, 4);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < m; j++) to[i * s->inner + j] = (uint32_t)((const int64_t *)keys)[i * b->side + j];
  } else if (odd) {
    cpu_sort_rows(s, first, first + m);
  } else {
    values_of_keys(dtype, n, m, row_result(s, first, s->size), s->inner, keys, b->side);
  }
}

static void sort_blocks(void *ctx, int64_t begin, int64_t end) {
  const struct shorts *b = ctx;
  _Alignas(64) char stack[STACK_BYTES];
  size_t bytes = (size_t)((b->room * b->side) << b->key), whole = 2 * bytes + (size_t)b->s->n * 8;
  struct mx_buffer *room = NULL;
  char *keys = stack;
  if (whole > sizeof stack) {
    if (mx_buffer_new(&room, whole, MX_MEMORY_HOST)) {
      b->s->short_of_memory = true;
      return;
    }
    keys = room->host;
  }
  for (int64_t i = begin; i < end; i++) {
    int64_t first = i / b->across * b->width + i % b->across * b->side, rest = (i / b->across + 1) * b->width - first;
    int64_t m = rest < b->side ? rest : b->side;
    if (b->columns) sort_across(b, first, m, keys);
    else sort_block(b, first, m, keys, keys + bytes, keys + 2 * bytes);
  }
  if (room) mx_buffer_unref(room);
}

bool cpu_sort_short(struct cpu_sort *s, int64_t rows) {
  const struct mx_tensor *t = s->in;
  if (s->n < 2 || s->n > LONGEST || (t->dtype == MX_COMPLEX64 && !s->positions)) return false;
  struct shorts b = {.s = s, .rows = rows, .key = s->positions || s->size == 8 ? 3 : s->size == 4 ? 2 : 1};
  b.side = cpu_tile_table()->sort_bytes >> b.key;
  if (rows < b.side / 4 && s->n > LONE_ROW) return false;
  int last = t->ndim - 1;
  int64_t whole = b.side > CPU_SORT_RUN ? b.side : CPU_SORT_RUN;
  b.room = (s->n + whole - 1) / whole * whole;
  b.columns = s->axis != last && t->strides[last] == 1 && t->shape[last] >= b.side / 2 && !(s->positions && s->wide);
  if (b.columns) b.room = MX_ALIGN_UP(s->n, CPU_SORT_RUN);
  b.width = b.columns ? t->shape[last] : rows;
  b.across = (b.width + b.side - 1) / b.side;
  cpu_parallel_for(rows / b.width * b.across, GRAIN / (s->n * b.side) + 1, sort_blocks, &b);
  return true;
}
