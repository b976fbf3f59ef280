/* masked.c: MaskedGather and MaskedScatter: rows of an array, where a mask names them, close together and back.
 * Invariant: rows keep their order; the mask is counted before anything is moved, piece by piece, so threads share the pieces. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "core/error.h"

#include <string.h>

enum { CHUNK = 256, PIECE = 1 << 14 };

struct masked {
  const struct mx_tensor *a, *mask, *rows; /* a: what is read, or row-contiguous and written */
  int64_t places, width, size;  /* of the mask; elements of one row; bytes of an element */
  int64_t *before;              /* how many the mask names before each piece of PIECE places */
  bool scatter;
};

/* The mask's bytes from a place on: as they stand or into room. */
static const uint8_t *flags(const struct masked *m, int64_t at, int64_t n, bool whole, uint8_t *room) {
  if (whole) return (const uint8_t *)m->mask->data + at;
  cpu_load(m->mask, at, n, room);
  return room;
}
static void count_pieces(void *ctx, int64_t begin, int64_t end) {
  const struct masked *m = ctx;
  bool whole = mx_tensor_is_contiguous(m->mask);
  uint8_t room[CHUNK];
  for (int64_t p = begin; p < end; p++) {
    int64_t count = 0, last = (p + 1) * PIECE < m->places ? (p + 1) * PIECE : m->places;
    for (int64_t at = p * PIECE; at < last; at += CHUNK) {
      int64_t n = last - at < CHUNK ? last - at : CHUNK;
      const uint8_t *f = flags(m, at, n, whole, room);
      uint32_t sum = 0;
      for (int64_t i = 0; i < n; i++) sum += f[i] != 0;
      count += sum;
    }
    m->before[p + 1] = count;
  }
}

/* Single elements. No branch on the mask: what is not named is written over by the next, or written back. The last CHUNK of the
 * rows, where that would reach past their end, take the branch. */
#define ELEMENTS(bits)                                                                                        \
  static int64_t pull_##bits(int64_t n, const uint8_t *f, const void *a, void *to, int64_t k, int64_t most) { \
    const uint##bits##_t *s = a;                                                                              \
    uint##bits##_t *d = to;                                                                                   \
    if (k + n <= most) {                                                                                      \
      for (int64_t i = 0; i < n; i++) d[k] = s[i], k += f[i] != 0;                                                 \
    } else {                                                                                                  \
      for (int64_t i = 0; i < n; i++)                                                                         \
        if (f[i]) d[k++] = s[i];                                                                              \
    }                                                                                                         \
    return k;                                                                                                 \
  }                                                                                                           \
  static int64_t push_##bits(int64_t n, const uint8_t *f, void *a, const void *from, int64_t k, int64_t most) { \
    uint##bits##_t *d = a;                                                                                    \
    const uint##bits##_t *s = from;                                                                           \
    if (k + n <= most) {                                                                                      \
      for (int64_t i = 0; i < n; i++) d[i] = f[i] ? s[k] : d[i], k += f[i] != 0;                                   \
    } else {                                                                                                  \
      for (int64_t i = 0; i < n; i++)                                                                         \
        if (f[i]) d[i] = s[k++];                                                                              \
    }                                                                                                         \
    return k;                                                                                                 \
  }
ELEMENTS(8) ELEMENTS(16) ELEMENTS(32) ELEMENTS(64)
static int64_t (*const pull[])(int64_t, const uint8_t *, const void *, void *, int64_t, int64_t) = {[1] = pull_8, [2] = pull_16, [4] = pull_32, [8] = pull_64};
static int64_t (*const push[])(int64_t, const uint8_t *, void *, const void *, int64_t, int64_t) = {[1] = push_8, [2] = push_16, [4] = push_32, [8] = push_64};

static void move_elements(const struct masked *m, int64_t p, bool whole_mask, bool whole_a, bool whole_rows) {
  _Alignas(64) char room[CHUNK * 8];
  uint8_t held[CHUNK];
  int64_t k = m->before[p], end = m->before[p + 1], last = (p + 1) * PIECE < m->places ? (p + 1) * PIECE : m->places;
  for (int64_t at = p * PIECE; at < last && k < end; at += CHUNK) {
    int64_t n = last - at < CHUNK ? last - at : CHUNK;
    const uint8_t *f = flags(m, at, n, whole_mask, held);
    char *a = (char *)m->a->data + at * m->size;
    if (!m->scatter) {
      if (!whole_a) cpu_load(m->a, at, n, a = room);
      k = pull[m->size](n, f, a, m->rows->data, k, end); /* up to the next piece's first: another thread's */
    } else if (whole_rows) {
      k = push[m->size](n, f, a, m->rows->data, k, m->rows->size);
    } else {
      int64_t count = m->rows->size - k < n ? m->rows->size - k : n;
      cpu_load(m->rows, k, count, room);
      k += push[m->size](n, f, a, room, 0, count);
    }
  }
}
static void move_rows(const struct masked *m, int64_t p, bool whole_mask, bool whole_a, bool whole_rows) {
  uint8_t held[CHUNK];
  int64_t k = m->before[p], last = (p + 1) * PIECE < m->places ? (p + 1) * PIECE : m->places, bytes = m->width * m->size;
  for (int64_t at = p * PIECE; at < last; at += CHUNK) {
    int64_t n = last - at < CHUNK ? last - at : CHUNK;
    const uint8_t *f = flags(m, at, n, whole_mask, held);
    for (int64_t i = 0; i < n; i++) {
      if (!f[i]) continue;
      char *row = (char *)m->rows->data + k * bytes, *of_a = (char *)m->a->data + (at + i) * bytes;
      const struct mx_tensor *from = m->scatter ? m->rows : m->a;
      if (m->scatter ? whole_rows : whole_a) memcpy(m->scatter ? of_a : row, m->scatter ? row : of_a, (size_t)bytes);
      else cpu_load(from, (m->scatter ? k : at + i) * m->width, m->width, m->scatter ? of_a : row);
      k++;
    }
  }
}
static void move_pieces(void *ctx, int64_t begin, int64_t end) {
  const struct masked *m = ctx;
  bool mask = mx_tensor_is_contiguous(m->mask), a = mx_tensor_is_contiguous(m->a), rows = mx_tensor_is_contiguous(m->rows);
  for (int64_t p = begin; p < end; p++) (m->width == 1 ? move_elements : move_rows)(m, p, mask, a, rows);
}

static int count(struct masked *m, int64_t *total) {
  int64_t pieces = (m->places + PIECE - 1) / PIECE;
  m->before = mx_malloc((size_t)(pieces + 1) * sizeof *m->before);
  if (!m->before) return MX_EMEMORY;
  m->before[0] = 0;
  cpu_parallel_for(pieces, 16, count_pieces, m);
  for (int64_t p = 0; p < pieces; p++) m->before[p + 1] += m->before[p];
  *total = m->before[pieces];
  return MX_OK;
}
static void move(struct masked *m) {
  int64_t pieces = (m->places + PIECE - 1) / PIECE;
  if (m->width) cpu_parallel_for(pieces, 8 / m->width + 1, move_pieces, m);
}

int cpu_masked_gather(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int64_t n = c->p.ints[0], found = 0;
  struct masked m = {.a = in[0], .mask = in[1], .rows = out[0], .places = in[1]->size, .width = 1, .size = (int64_t)mx_dtype_size(in[0]->dtype)};
  for (int d = 1; d < out[0]->ndim; d++) m.width *= out[0]->shape[d];
  int status = count(&m, &found);
  if (!status && found > n)
    status = mx_fail(MX_EVALUE, "[masked_gather] The mask names %lld places, more than %lld.", (long long)found, (long long)n);
  if (!status && out[0]->size) {
    move(&m);
    int64_t bytes = m.width * m.size;
    memset((char *)out[0]->data + found * bytes, 0, (size_t)((n - found) * bytes));
  }
  mx_free(m.before);
  return status;
}

int cpu_masked_scatter(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int64_t found = 0;
  (void)c;
  struct masked m = {.a = out[0], .mask = in[1], .rows = in[2], .places = in[1]->size, .width = 1, .scatter = true,
                     .size = (int64_t)mx_dtype_size(out[0]->dtype)};
  for (int d = 1; d < in[2]->ndim; d++) m.width *= in[2]->shape[d];
  int status = count(&m, &found);
  if (!status && found > in[2]->shape[0])
    status = mx_fail(MX_EVALUE, "[masked_scatter] The mask names %lld places, but there are values for %lld.", (long long)found,
                     (long long)in[2]->shape[0]);
  if (!status && out[0]->data != in[0]->data) status = cpu_copy(in[0], out[0]);
  if (!status && out[0]->size && found) move(&m);
  mx_free(m.before);
  return status;
}
