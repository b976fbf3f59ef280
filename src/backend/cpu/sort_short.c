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
  int64_t spacing;          /* from one row to the next, where that is always the same and their elements stand together; or 0 */
  int key;                  /* log2 of its size */
  bool columns;
};

/* Positions that keys of sort_wide put in order, but for those of equal keys. False where that are too many. */
static bool settle_wide(enum mx_dtype dtype, int64_t n, uint32_t *at, const int64_t *keys, const void *values) {
  int64_t moves = 4 * n, ties = 0;
  for (int64_t i = 0; i < n; i++) at[i] = (uint32_t)keys[i];
  for (int64_t i = 1; i < n; i++) ties += keys[i] >> 32 == keys[i - 1] >> 32;
  for (int64_t i = 1; i < n && ties > 0; i++) {
    uint32_t p = at[i];
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
  cpu_copy_run(s->size, s->n, held, 1, from, s->step);
  return held;
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
  bool at_once = b->spacing && !s->positions && b->room == n;
  if (at_once) {
    const char *from = (const char *)s->in->data + first * b->spacing * (int64_t)s->size;
    at_once = !cpu_tile_table()->sort_keys(dtype, m, n, keys, n, from, b->spacing);
  }
  for (int64_t r = 0; r < m && !at_once; r++) {
    char *k = keys + r * line;
    const char *from = row_values(s, first + r, held);
    if (!s->positions) odd[r] = cpu_tile_table()->sort_keys(dtype, 1, n, k, 0, from, 0);
    else if (s->wide) cpu_tile_table()->sort_wide(dtype, n, (int64_t *)k, from);
    else cpu_tile_table()->sort_positions(dtype, 1, n, (int64_t *)k, 0, from, 0);
    fill_up(b, k, n, b->room);
  }
  if (m < b->side) memset(keys + m * line, 0, (size_t)((b->side - m) * line));
  cpu_tile_table()->sort_rows[b->key - 1](b->room, keys, room);
  if (at_once) {
    cpu_tile_table()->sort_values(dtype, m, n, cpu_sort_result(s, first), n, keys, n);
    return;
  }
  for (int64_t r = 0; r < m; r++) {
    const char *k = keys + r * line;
    size_t size = s->positions ? 4 : s->size;
    char *to = cpu_sort_result(s, first + r), *into = s->inner == 1 ? to : room;
    if (s->positions && s->wide) odd[r] = !settle_wide(dtype, n, (uint32_t *)(void *)into, (const int64_t *)k, row_values(s, first + r, held));
    else if (s->positions) for (int64_t i = 0; i < n; i++) ((uint32_t *)into)[i] = (uint32_t)((const int64_t *)k)[i];
    else cpu_tile_table()->sort_values(dtype, 1, n, into, 0, k, 0);
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
  if (s->positions) cpu_tile_table()->sort_positions(dtype, n, m, (int64_t *)keys, b->side, from, s->step);
  else odd = cpu_tile_table()->sort_keys(dtype, n, m, keys, b->side, from, s->step);
  fill_up(b, keys, n * b->side, b->room * b->side);
  cpu_tile_table()->sort_columns[b->key - 1](b->room, keys);
  if (s->positions) {
    uint32_t *to = (uint32_t *)cpu_sort_result(s, first);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < m; j++) to[i * s->inner + j] = (uint32_t)((const int64_t *)keys)[i * b->side + j];
  } else if (odd) {
    cpu_sort_rows(s, first, first + m);
  } else {
    cpu_tile_table()->sort_values(dtype, n, m, cpu_sort_result(s, first), s->inner, keys, b->side);
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
  if (s->step == 1 && s->axis == last && last > 0) {
    b.spacing = t->strides[last - 1];
    for (int d = last - 1; d > 0; d--)
      if (t->strides[d - 1] != t->strides[d] * t->shape[d]) b.spacing = 0;
  }
  b.width = b.columns ? t->shape[last] : rows;
  b.across = (b.width + b.side - 1) / b.side;
  cpu_parallel_for(rows / b.width * b.across, GRAIN / (s->n * b.side) + 1, sort_blocks, &b);
  return true;
}
