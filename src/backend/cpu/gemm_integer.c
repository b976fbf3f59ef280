/* gemm_integer.c: products of integers and bools, modulo 2^bits.
 * Invariant: exact; sums of bools are "any". */
#include "backend/cpu/gemm.h"
#include "backend/cpu/pool.h"

enum { CHUNK = 64 };

static uint64_t load(enum mx_dtype dtype, const void *p, int64_t i) {
  switch (dtype) {
  case MX_BOOL:
    return ((const bool *)p)[i];
  case MX_UINT8:
    return ((const uint8_t *)p)[i];
  case MX_UINT16:
    return ((const uint16_t *)p)[i];
  case MX_UINT32:
    return ((const uint32_t *)p)[i];
  case MX_INT8:
    return (uint64_t)((const int8_t *)p)[i];
  case MX_INT16:
    return (uint64_t)((const int16_t *)p)[i];
  case MX_INT32:
    return (uint64_t)((const int32_t *)p)[i];
  default:
    return ((const uint64_t *)p)[i];
  }
}

static void store(enum mx_dtype dtype, void *p, int64_t i, uint64_t v) {
  switch (mx_dtype_size(dtype)) {
  case 1:
    ((uint8_t *)p)[i] = dtype == MX_BOOL ? v != 0 : (uint8_t)v;
    break;
  case 2:
    ((uint16_t *)p)[i] = (uint16_t)v;
    break;
  case 4:
    ((uint32_t *)p)[i] = (uint32_t)v;
    break;
  default:
    ((uint64_t *)p)[i] = v;
  }
}

/* sum[j] += a * b[j]: one loop for each dtype, so that the compiler sees plain arrays. */
#define ADD_ROW(T)                                                                                                      \
  for (int j = 0; j < n; j++) sum[j] += a * (uint64_t)((const T *)b)[j * stride];                                       \
  break;
static void add_row(enum mx_dtype dtype, int n, uint64_t *sum, uint64_t a, const void *b, int64_t stride) {
  switch (dtype) {
  case MX_BOOL:
  case MX_UINT8:
    ADD_ROW(uint8_t)
  case MX_UINT16:
    ADD_ROW(uint16_t)
  case MX_UINT32:
    ADD_ROW(uint32_t)
  case MX_INT8:
    ADD_ROW(int8_t)
  case MX_INT16:
    ADD_ROW(int16_t)
  case MX_INT32:
    ADD_ROW(int32_t)
  default:
    ADD_ROW(uint64_t)
  }
}
#undef ADD_ROW

/* The double that came as a parameter, modulo 2^64. */
static uint64_t factor(double v) { return v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v; }

static void rows_some(void *ctx, int64_t begin, int64_t end) {
  const struct cpu_gemm *g = ctx;
  int64_t item = (int64_t)mx_dtype_size(g->dtype);
  for (int64_t i = begin; i < end; i++) {
    for (int64_t first = 0; first < g->n; first += CHUNK) {
      int n = g->n - first < CHUNK ? (int)(g->n - first) : CHUNK;
      uint64_t sum[CHUNK] = {0};
      for (int64_t p = 0; p < g->k; p++) {
        const char *b = (const char *)g->b + (p * g->b_row + first * g->b_col) * item;
        add_row(g->dtype, n, sum, load(g->dtype, g->a, i * g->a_row + p * g->a_col), b, g->b_col);
      }
      for (int j = 0; j < n; j++) {
        uint64_t v = sum[j];
        if (g->dtype == MX_BOOL) v = v != 0;
        if (g->add) v = factor(g->alpha) * v + factor(g->beta) * load(g->dtype, g->add, i * g->add_row + (first + j) * g->add_col);
        store(g->dtype, g->c, i * g->n + first + j, v);
      }
    }
  }
}

void cpu_gemm_integer(const struct cpu_gemm *g) {
  int64_t row = g->n * (g->k + 1), grain = row < 65536 ? 65536 / row + 1 : 1;
  struct cpu_gemm copy = *g;
  cpu_parallel_for(g->m, grain, rows_some, &copy);
}
