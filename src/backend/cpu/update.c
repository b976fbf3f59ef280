/* update.c: see update.h. Index arrays are read in runs of CHUNK, so nothing is allocated. */
#include "backend/cpu/update.h"

#include "backend/cpu/copy.h"
#include "backend/cpu/pool.h"
#include "core/error.h"
#include "core/half.h"

#include <stdatomic.h>
#include <string.h>

enum { CHUNK = 256, PARALLEL_ELEMENTS = 1 << 15 };

cpu_tile_fn cpu_update_op(enum mx_update_mode mode, enum mx_dtype dtype) {
  static const uint8_t number[] = {0, MX_PRIM_add, MX_PRIM_multiply, MX_PRIM_maximum, MX_PRIM_minimum};
  static const uint8_t truth[] = {0, MX_PRIM_logical_or, MX_PRIM_logical_and, MX_PRIM_logical_or, MX_PRIM_logical_and};
  if (mode == MX_UPDATE_NONE) return NULL;
  return cpu_tile_table()->op[dtype == MX_BOOL ? truth[mode] : number[mode]][dtype];
}

/* T as it is kept, V as it is computed with. */
#define PUT_AS(name, T, V, load, store, expr)                                                                 \
  static void name(int64_t n, void *pd, const int64_t *off, const void *pu, int64_t us) {                     \
    T *d = pd;                                                                                                \
    const T *u = pu;                                                                                          \
    for (int64_t i = 0; i < n; i++) {                                                                         \
      V y = load(u[i * us]), x = load(d[off[i]]);                                                             \
      (void)x;                                                                                                \
      d[off[i]] = store(expr);                                                                                \
    }                                                                                                         \
  }
#define PUT(name, T, expr) PUT_AS(name, T, T, , (T), expr)
/* Chosen between bits: moves by flags take integers alone, and which of two values is greater no processor foresees. */
static inline float choose_f32(bool first, float x, float y) {
  uint32_t a = mx_float_bits(x), b = mx_float_bits(y);
  return mx_bits_float(first ? a : b);
}
static inline double choose_f64(bool first, double x, double y) {
  uint64_t a, b;
  memcpy(&a, &x, sizeof a);
  memcpy(&b, &y, sizeof b);
  b = first ? a : b;
  memcpy(&y, &b, sizeof y);
  return y;
}
#define PUT_SIGNLESS(t, T) PUT(put_##t, T, y) PUT(sum_##t, T, x + y) PUT(prod_##t, T, (unsigned long long)x * y)
#define PUT_ORDER(t, T) PUT(max_##t, T, x > y ? x : y) PUT(min_##t, T, x < y ? x : y)
static inline uint16_t choose_f16(bool first, uint16_t x, uint16_t y) { return (uint16_t)(y ^ ((x ^ y) & -(unsigned)first)); }
#define choose_bf16 choose_f16
#define PUT_FLOAT(t, T, V, load, store)                                                                       \
  PUT_AS(sum_##t, T, V, load, store, x + y) PUT_AS(prod_##t, T, V, load, store, x * y)                        \
  PUT(max_##t, T, choose_##t((unsigned)(load(x) > load(y)) | (unsigned)(load(x) != load(x)), x, y))                               \
  PUT(min_##t, T, choose_##t((unsigned)(load(x) < load(y)) | (unsigned)(load(x) != load(x)), x, y))
PUT_SIGNLESS(u8, uint8_t) PUT_SIGNLESS(u16, uint16_t) PUT_SIGNLESS(u32, uint32_t) PUT_SIGNLESS(u64, uint64_t)
PUT_ORDER(u8, uint8_t) PUT_ORDER(u16, uint16_t) PUT_ORDER(u32, uint32_t) PUT_ORDER(u64, uint64_t)
PUT_ORDER(i8, int8_t) PUT_ORDER(i16, int16_t) PUT_ORDER(i32, int32_t) PUT_ORDER(i64, int64_t)
PUT_FLOAT(f16, uint16_t, float, mx_f16_to_float, mx_float_to_f16)
PUT_FLOAT(bf16, uint16_t, float, mx_bf16_to_float, mx_float_to_bf16)
PUT_FLOAT(f32, float, float, , ) PUT_FLOAT(f64, double, double, , )
PUT(sum_c64, float _Complex, x + y) PUT(prod_c64, float _Complex, x *y)

typedef void (*put_fn)(int64_t n, void *d, const int64_t *off, const void *u, int64_t us);
void cpu_put(enum mx_update_mode mode, enum mx_dtype dtype, int64_t n, void *d, const int64_t *off, const void *u, int64_t us) {
#define SIGNLESS(op)                                                                                          \
  [MX_UINT8] = op##_u8, [MX_UINT16] = op##_u16, [MX_UINT32] = op##_u32, [MX_UINT64] = op##_u64, [MX_INT8] = op##_u8, [MX_INT16] = op##_u16, \
  [MX_INT32] = op##_u32, [MX_INT64] = op##_u64
#define SIGNED(op)                                                                                            \
  [MX_UINT8] = op##_u8, [MX_UINT16] = op##_u16, [MX_UINT32] = op##_u32, [MX_UINT64] = op##_u64, [MX_INT8] = op##_i8, [MX_INT16] = op##_i16, \
  [MX_INT32] = op##_i32, [MX_INT64] = op##_i64
#define FLOATS(op) [MX_FLOAT16] = op##_f16, [MX_BFLOAT16] = op##_bf16, [MX_FLOAT32] = op##_f32, [MX_FLOAT64] = op##_f64
  static const put_fn table[][MX_DTYPE_COUNT] = {
      [MX_UPDATE_NONE] = {SIGNLESS(put), [MX_BOOL] = put_u8, [MX_FLOAT16] = put_u16, [MX_BFLOAT16] = put_u16, [MX_FLOAT32] = put_u32,
                          [MX_FLOAT64] = put_u64, [MX_COMPLEX64] = put_u64},
      [MX_UPDATE_SUM] = {SIGNLESS(sum), FLOATS(sum), [MX_COMPLEX64] = sum_c64, [MX_BOOL] = max_u8},
      [MX_UPDATE_PROD] = {SIGNLESS(prod), FLOATS(prod), [MX_COMPLEX64] = prod_c64, [MX_BOOL] = min_u8},
      [MX_UPDATE_MAX] = {SIGNED(max), FLOATS(max), [MX_BOOL] = max_u8},
      [MX_UPDATE_MIN] = {SIGNED(min), FLOATS(min), [MX_BOOL] = min_u8}};
  if (table[mode][dtype]) {
    table[mode][dtype](n, d, off, u, us);
    return;
  }
  cpu_tile_fn fn = cpu_update_op(mode, dtype);
  int64_t size = (int64_t)mx_dtype_size(dtype);
  for (int64_t i = 0; i < n; i++) {
    char *to = (char *)d + off[i] * size;
    fn(1, to, to, (const char *)u + i * us * size, NULL);
  }
}

void cpu_steps(int64_t n, int64_t first, int64_t step, int64_t *dst) {
  for (int64_t i = 0; i < n; i++, first += step) dst[i] = first;
}
void cpu_add_offsets(const struct mx_tensor *t, int64_t start, int64_t n, int64_t size, int64_t step, int64_t *dst) {
  const struct cpu_tile_table *table = cpu_tile_table();
  const char *from = t->data;
  int64_t width = (int64_t)mx_dtype_size(t->dtype);
  if (mx_tensor_is_contiguous(t)) {
    table->add_offsets[t->dtype](n, dst, from + start * width, 1, size, step);
    return;
  }
  struct cpu_runs r;
  for (cpu_runs_begin(&r, t, start, n); cpu_runs_next(&r); dst += r.length)
    table->add_offsets[t->dtype](r.length, dst, from + r.offset * width, t->strides[t->ndim - 1], size, step);
}
void cpu_load_indices(const struct mx_tensor *t, int64_t start, int64_t n, int64_t size, int64_t *dst) {
  memset(dst, 0, (size_t)n * sizeof *dst);
  cpu_add_offsets(t, start, n, size, 1, dst);
}

struct check {
  const struct mx_tensor *t;
  int64_t size, room;
  _Atomic int64_t bad; /* the first bad position; t->size when all are good */
};

/* By the least and the most of whole blocks. */
static bool all_inside(const struct check *c, int64_t begin, int64_t end) {
  const struct cpu_tile_table *table = cpu_tile_table();
  enum mx_dtype dtype = c->t->dtype;
  const char *from = c->t->data;
  if (!mx_tensor_is_contiguous(c->t)) return false;
  for (int64_t i = begin; i < end; i += CPU_REDUCE_BLOCK) {
    int64_t n = end - i < CPU_REDUCE_BLOCK ? end - i : CPU_REDUCE_BLOCK, ends[2], low, high;
    const void *block = from + i * (int64_t)mx_dtype_size(dtype);
    table->reduce_block[CPU_MIN][dtype](n, &ends[0], block);
    table->reduce_block[CPU_MAX][dtype](n, &ends[1], block);
    table->cast[dtype][MX_INT64](1, &low, &ends[0], NULL, NULL);
    table->cast[dtype][MX_INT64](1, &high, &ends[1], NULL, NULL);
    if (low < (c->room == 1 ? -c->size : 0) || high > c->size - c->room) return false;
  }
  return true;
}

static void check_run(void *ctx, int64_t begin, int64_t end) {
  struct check *c = ctx;
  if (all_inside(c, begin, end)) return;
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

int cpu_check_indices(const char *op, const struct mx_tensor *given, int axis, int64_t size, int64_t room) {
  struct mx_tensor once = *given, *t = &once; /* what a broadcast repeats is looked at once */
  int64_t shape[MX_MAX_NDIM];
  t->shape = shape;
  t->size = given->size ? 1 : 0;
  for (int d = 0; d < t->ndim; d++) {
    shape[d] = given->strides[d] == 0 && given->size ? 1 : given->shape[d];
    if (given->size) t->size *= shape[d];
  }
  struct check c = {.t = t, .size = size, .room = room, .bad = t->size};
  cpu_parallel_for(t->size, PARALLEL_ELEMENTS, check_run, &c);
  int64_t bad = atomic_load(&c.bad);
  if (bad == t->size) return MX_OK;
  int64_t index;
  cpu_load_indices(t, bad, 1, 0, &index);
  return mx_fail(MX_EINDEX, "[%s] Index %lld is out of bounds for axis %d with size %lld.", op, (long long)index, axis,
                 (long long)size);
}
