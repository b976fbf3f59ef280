/* update.c: see update.h. Index arrays are read in runs of CHUNK, so nothing is allocated. */
#include "backend/cpu/update.h"

#include "backend/cpu/copy.h"
#include "backend/cpu/pool.h"
#include "core/error.h"

#include <stdatomic.h>
#include <string.h>

enum { CHUNK = 256, PARALLEL_ELEMENTS = 1 << 15 };

cpu_tile_fn cpu_update_op(enum mx_update_mode mode, enum mx_dtype dtype) {
  static const uint8_t number[] = {0, MX_PRIM_add, MX_PRIM_multiply, MX_PRIM_maximum, MX_PRIM_minimum};
  static const uint8_t truth[] = {0, MX_PRIM_logical_or, MX_PRIM_logical_and, MX_PRIM_logical_or, MX_PRIM_logical_and};
  if (mode == MX_UPDATE_NONE) return NULL;
  return cpu_tile_table()->op[dtype == MX_BOOL ? truth[mode] : number[mode]][dtype];
}

void cpu_load_indices(const struct mx_tensor *t, int64_t start, int64_t n, int64_t size, int64_t *dst) {
  char raw[CHUNK * 8];
  cpu_tile_fn widen = cpu_tile_table()->cast[t->dtype][MX_INT64];
  for (int64_t i = 0; i < n; i += CHUNK) {
    int64_t m = n - i < CHUNK ? n - i : CHUNK;
    cpu_load(t, start + i, m, raw);
    widen(m, dst + i, raw, NULL, NULL);
    for (int64_t j = i; j < i + m; j++) dst[j] += dst[j] < 0 ? size : 0;
  }
}

struct check {
  const struct mx_tensor *t;
  int64_t size, room;
  _Atomic int64_t bad; /* the first bad position; t->size when all are good */
};

static void check_run(void *ctx, int64_t begin, int64_t end) {
  struct check *c = ctx;
  int64_t index[CHUNK];
  for (int64_t i = begin; i < end; i += CHUNK) {
    int64_t n = end - i < CHUNK ? end - i : CHUNK;
    cpu_load_indices(c->t, i, n, c->size, index);
    for (int64_t j = 0; j < n; j++) {
      if (index[j] >= 0 && index[j] <= c->size - c->room) continue;
      int64_t seen = atomic_load(&c->bad);
      while (i + j < seen && !atomic_compare_exchange_weak(&c->bad, &seen, i + j)) {}
      return;
    }
  }
}

int cpu_check_indices(const char *op, const struct mx_tensor *t, int axis, int64_t size, int64_t room) {
  struct check c = {.t = t, .size = size, .room = room, .bad = t->size};
  cpu_parallel_for(t->size, PARALLEL_ELEMENTS, check_run, &c);
  int64_t bad = atomic_load(&c.bad);
  if (bad == t->size) return MX_OK;
  int64_t index;
  cpu_load_indices(t, bad, 1, 0, &index);
  return mx_fail(MX_EINDEX, "[%s] Index %lld is out of bounds for axis %d with size %lld.", op, (long long)index, axis,
                 (long long)size);
}
