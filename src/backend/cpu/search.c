/* search.c: SearchSorted: how many elements of a sorted sequence stand before each value.
 * Invariant: all searches of a sequence take the same steps, so that several run side by side and none waits for its memory. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/order.h"
#include "backend/cpu/pool.h"
#include "graph/params.h"

enum { SIDE = 16, GRAIN = 1 << 11 };

struct search {
  const struct mx_tensor *a, *v;
  uint32_t *out;
  int64_t n, step, row, each; /* of a: length and strides; values to a row of a */
  bool right;
};

/* m <= SIDE values against one row: `low` elements are known to come before; halves of what is left are added or not.
 * left: before means less; right: not greater. */
#define SEARCH(bits, kbits, key)                                                                              \
  {                                                                                                           \
    const uint##bits##_t *from = (const uint##bits##_t *)s->a->data + at, *values = (const void *)held;                      \
    uint##kbits##_t want[SIDE];                                                                               \
    int64_t low[SIDE] = {0};                                                                                  \
    for (int64_t i = 0; i < m; i++) {                                                                         \
      uint##bits##_t u = values[i];                                                                           \
      want[i] = (uint##kbits##_t)(key);                                                                       \
    }                                                                                                         \
    for (int64_t left = s->n; left > 0;) {                                                                    \
      int64_t half = left - left / 2;                                                                         \
      for (int64_t i = 0; i < m; i++) {                                                                       \
        uint##bits##_t u = from[(low[i] + half - 1) * s->step];                                                \
        uint##kbits##_t k = (uint##kbits##_t)(key);                                                           \
        bool before = (k < want[i]) | (s->right & (k == want[i]));                                            \
        low[i] += before ? half : 0;                                                                          \
      }                                                                                                       \
      left /= 2;                                                                                              \
    }                                                                                                         \
    for (int64_t i = 0; i < m; i++) s->out[v + i] = (uint32_t)low[i];                                         \
  }

static void search_values(void *ctx, int64_t begin, int64_t end) {
  const struct search *s = ctx;
  uint64_t held[SIDE];
  for (int64_t v = begin; v < end;) {
    int64_t row = s->each ? v / s->each : 0, stop = (row + 1) * s->each, m = end - v;
    if (s->each && stop - v < m) m = stop - v;
    if (m > SIDE) m = SIDE;
    int64_t at = row * s->row;
    cpu_load(s->v, v, m, held);
    CPU_KEYS(s->a->dtype, SEARCH)
    v += m;
  }
}

int cpu_searchsorted(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_tensor *a = in[0], *v = in[1];
  int last = a->ndim - 1;
  struct search s = {.a = a, .v = v, .out = out[0]->data, .n = a->shape[last], .step = a->strides[last],
                     .right = ((const struct mx_search_params *)c->p.head)->right};
  if (v->size == 0) return MX_OK;
  if (a->ndim == 2) s.row = a->strides[0], s.each = v->size / a->shape[0];
  cpu_parallel_for(v->size, GRAIN, search_values, &s);
  return MX_OK;
}
