/* conv_plain.c: convolutions of integers, term by term over rows of places.
 * Invariant: exact modulo 2^bits. */
#include "backend/cpu/conv.h"
#include "backend/cpu/copy.h"
#include "backend/cpu/pool.h"

#include <string.h>

enum { ROW = 64 };
union sums {
  uint8_t u8[ROW];
  uint16_t u16[ROW];
  uint32_t u32[ROW];
  uint64_t u64[ROW];
};

/* sum[i] += x[i*stride] * w, one loop for each width. Products of two small unsigned would be of signed int: widened first. */
#define TERMS(member, T, U)                                                                                             \
  {                                                                                                                     \
    T *restrict to = s->member + from;                                                                                  \
    const T *restrict a = x;                                                                                            \
    U by = *(const T *)w;                                                                                               \
    if (stride == 1)                                                                                                    \
      for (int64_t i = 0; i < n; i++) to[i] = (T)(to[i] + a[i] * by);                                                   \
    else                                                                                                                \
      for (int64_t i = 0; i < n; i++) to[i] = (T)(to[i] + a[i * stride] * by);                                          \
    break;                                                                                                              \
  }
static void add_terms(enum mx_dtype dtype, union sums *s, int64_t from, int64_t n, const void *x, int64_t stride, const void *w) {
  switch (mx_dtype_size(dtype)) {
  case 1:
    TERMS(u8, uint8_t, uint32_t)
  case 2:
    TERMS(u16, uint16_t, uint32_t)
  case 4:
    TERMS(u32, uint32_t, uint32_t)
  default:
    TERMS(u64, uint64_t, uint64_t)
  }
}

struct plain {
  const struct cpu_conv *v;
  const struct cpu_conv_axis *row; /* the last axis: its places are summed side by side */
  int64_t pieces;                  /* of a row */
};

/* Places [p, p + n) of the row, all others and the output channel fixed: at holds the places of the other axes. */
static void one_piece(const struct plain *j, const int64_t *at, int64_t p, int64_t n, const char *a, const char *w, union sums *s) {
  const struct cpu_conv *v = j->v;
  const struct cpu_conv_axis *row = j->row;
  int64_t size = (int64_t)mx_dtype_size(v->dtype), tap[MX_MAX_NDIM], begin[MX_MAX_NDIM], end[MX_MAX_NDIM];
  int last = v->naxes - 1;
  for (int i = 0; i < last; i++) {
    cpu_conv_taps(&v->axis[i], at[i], at[i] + 1, &begin[i], &end[i]);
    if (begin[i] == end[i]) return;
    tap[i] = begin[i];
  }
  for (;;) {
    int64_t ao = p * row->a_step, wo = 0;
    for (int i = 0; i < last; i++) ao += tap[i] * v->axis[i].a_tap, wo += tap[i] * v->axis[i].w_tap;
    for (int64_t t = 0; t < row->taps; t++) {
      int64_t from, to;
      cpu_conv_places(row, t, &from, &to);
      from = from < p ? 0 : from - p, to = to - p < n ? to - p : n;
      if (from < to)
        add_terms(v->dtype, s, from, to - from, a + (ao + from * row->a_step + t * row->a_tap) * size, row->a_step,
                  w + (wo + t * row->w_tap) * size);
    }
    int i = last - 1;
    while (i >= 0 && ++tap[i] == end[i]) tap[i] = begin[i], i--;
    if (i < 0) return;
  }
}

/* Work is numbered (places of the other axes, piece of the row, output channel). */
static void some_pieces(void *ctx, int64_t begin, int64_t end) {
  const struct plain *j = ctx;
  const struct cpu_conv *v = j->v;
  int64_t size = (int64_t)mx_dtype_size(v->dtype), channels = v->groups * v->out, at[MX_MAX_NDIM] = {0};
  for (int64_t q = begin; q < end; q++) {
    int64_t o = q % channels, p = q / channels % j->pieces * ROW, rest = q / channels / j->pieces, g = o / v->out;
    int64_t n = j->row->count - p < ROW ? j->row->count - p : ROW, ao = g * v->a_group, co = o + p * j->row->c_step;
    for (int i = v->naxes - 2; i >= 0; i--) {
      at[i] = rest % v->axis[i].count, rest /= v->axis[i].count;
      ao += at[i] * v->axis[i].a_step, co += at[i] * v->axis[i].c_step;
    }
    union sums s;
    memset(&s, 0, (size_t)(n * size));
    one_piece(j, at, p, n, (const char *)v->a + ao * size, (const char *)v->w + (g * v->w_group + o % v->out * v->w_out) * size, &s);
    cpu_store_strided((size_t)size, n, (char *)v->c + co * size, j->row->c_step, &s);
  }
}

void cpu_conv_plain(const struct cpu_conv *v) {
  struct plain j = {.v = v, .row = &v->axis[v->naxes - 1]};
  j.pieces = (j.row->count + ROW - 1) / ROW;
  int64_t n = j.pieces * v->groups * v->out;
  double terms = 1;
  for (int i = 0; i < v->naxes; i++) terms *= (double)v->axis[i].taps;
  for (int i = 0; i < v->naxes - 1; i++) n *= v->axis[i].count;
  cpu_parallel_for(n, terms * ROW < 1e5 ? (int64_t)(1e5 / (terms * ROW)) + 1 : 1, some_pieces, &j);
}
