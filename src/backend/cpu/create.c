/* create.c: Arange and RandomBits: values out of nothing but their position.
 * Invariant: an element depends on its own position only, so threads may cut anywhere. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"
#include "graph/params.h"

#include <string.h>

enum { CHUNK = 256, GRAIN = 1 << 14 };

struct arange {
  double start, step;
  const struct mx_tensor *out;
};

static void arange_run(void *ctx, int64_t begin, int64_t end) {
  const struct arange *a = ctx;
  enum mx_dtype dtype = a->out->dtype;
  size_t size = mx_dtype_size(dtype);
  for (int64_t at = begin; at < end; at += CHUNK) {
    int64_t n = end - at < CHUNK ? end - at : CHUNK;
    char *to = (char *)a->out->data + (size_t)at * size;
    if (mx_dtype_is_inexact(dtype)) {
      double value[CHUNK];
      for (int64_t i = 0; i < n; i++) value[i] = a->start + (double)(at + i) * a->step;
      cpu_tile_table()->cast[MX_FLOAT64][dtype](n, to, value, NULL, NULL);
    } else {
      uint64_t value[CHUNK], start = (uint64_t)(int64_t)a->start, step = (uint64_t)(int64_t)a->step;
      for (int64_t i = 0; i < n; i++) value[i] = start + (uint64_t)(at + i) * step;
      cpu_tile_table()->cast[MX_INT64][dtype](n, to, value, NULL, NULL);
    }
  }
}

int cpu_arange(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_arange_params *p = c->p.head;
  struct arange a = {p->start, p->step, out[0]};
  cpu_parallel_for(out[0]->size, GRAIN, arange_run, &a);
  return MX_OK;
}

struct bits {
  const struct mx_tensor *keys;
  char *out;
  bool unit;
  int64_t bytes, half, odd, cuts; /* of one key: bytes, words of one half, is there a middle word, pieces */
};

/* Words of the stream of one key: bytes of the output, the last one cut; or numbers. */
static void put(const struct bits *b, char *out, int64_t word, const uint32_t *from, int64_t n) {
  int64_t at = word * 4, bytes = b->bytes - at < n * 4 ? b->bytes - at : n * 4;
  if (b->unit) cpu_tile_table()->unit(n, (float *)(out + at), from);
  else if (bytes > 0) memcpy(out + at, from, (size_t)bytes);
}

/* Words i and half + odd + i are the two results of counter pair (i, half + odd + i); the middle word of an odd number is
 * the first result of (half, 0). The order is MLX's, so that a key gives the same numbers there and here. */
static void bits_run(void *ctx, int64_t begin, int64_t end) {
  const struct bits *b = ctx;
  for (int64_t piece = begin; piece < end; piece++) {
    int64_t key = piece / b->cuts, from = piece % b->cuts * GRAIN;
    int64_t to = from + GRAIN < b->half ? from + GRAIN : b->half;
    uint32_t pair[2], x[CHUNK], y[CHUNK];
    cpu_load(b->keys, 2 * key, 2, pair);
    char *out = b->out + key * b->bytes;
    for (int64_t i = from; i < to; i += CHUNK) {
      int64_t n = to - i < CHUNK ? to - i : CHUNK;
      cpu_tile_table()->threefry(n, x, y, pair[0], pair[1], (uint32_t)i, (uint32_t)(b->half + b->odd + i));
      put(b, out, i, x, n);
      put(b, out, b->half + b->odd + i, y, n);
    }
    if (b->odd && from == 0) {
      cpu_tile_table()->threefry(1, x, y, pair[0], pair[1], (uint32_t)b->half, 0);
      put(b, out, b->half, x, 1);
    }
  }
}

/* Of the four words of a key: the first results of both counter pairs are one key, the second results the other. */
int cpu_split_key(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  uint32_t *first = out[0]->data, *second = out[1]->data, key[2];
  for (int64_t i = 0; i < in[0]->size; i += 2) {
    cpu_load(in[0], i, 2, key);
    cpu_tile_table()->threefry(2, first + i, second + i, key[0], key[1], 0, 2);
  }
  return MX_OK;
}

int cpu_random_bits(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_bits_params *p = c->p.head;
  struct bits b = {.keys = in[0], .out = out[0]->data, .unit = p->unit, .bytes = p->width};
  if (out[0]->size == 0) return MX_OK;
  for (int d = 0; d < c->p.nints; d++) b.bytes *= c->p.ints[d];
  int64_t words = (b.bytes + 3) / 4, keys = in[0]->size / 2;
  b.half = words / 2;
  b.odd = words % 2;
  b.cuts = b.half ? (b.half + GRAIN - 1) / GRAIN : 1;
  int64_t each = b.half < GRAIN ? b.half + 1 : GRAIN;
  cpu_parallel_for(keys * b.cuts, GRAIN / each, bits_run, &b);
  return MX_OK;
}
