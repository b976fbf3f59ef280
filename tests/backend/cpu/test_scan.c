/* test_scan.c: scans of every dtype, layout and axis against plain loops in double or wrapping integers. */
#include "tensors.h"

#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"

static double fold(int op, double x, double y) {
  switch (op) {
  case MX_SCAN_SUM: return x + y;
  case MX_SCAN_PROD: return x * y;
  case MX_SCAN_MAX: return isnan(x) || x > y ? x : y;
  case MX_SCAN_MIN: return isnan(x) || x < y ? x : y;
  default: return x == -INFINITY ? y : fmax(x, y) + log1p(exp(-fabs(x - y)));
  }
}

/* Values are 0, 1 and 2, so that sums and products of every dtype stay exact for rows of these lengths. */
static void check_scan(enum mx_dtype dtype, int op, int ndim, const int64_t *shape, int64_t axis, enum layout layout, int flags) {
  struct mx_scan_params p = {.op = op, .reverse = flags & 1, .inclusive = flags >> 1};
  struct mx_tensor *a = tensor_new(dtype, ndim, shape, layout), *out = tensor_new(dtype, ndim, shape, ROWS);
  for (int64_t i = 0; i < a->size; i++) {
    set(a, i, op == MX_SCAN_PROD ? (double)(1 + (i % 7 == 3 && dtype != MX_BOOL)) : (double)random_below(dtype == MX_BOOL ? 2 : 3));
    if (dtype == MX_COMPLEX64) ((float *)element(a, i))[1] = 0;
  }
  CHECK_OK(run_kernel(cpu_scan, &p, &axis, 1, IN(a), out));
  int64_t n = shape[axis], inner = 1, wrong = 0;
  for (int d = (int)axis + 1; d < ndim; d++) inner *= shape[d];
  for (int64_t row = 0; row < a->size / n; row++) {
    double y = 0;
    for (int64_t k = 0; k < n; k++) {
      int64_t at = row / inner * n * inner + row % inner + (p.reverse ? n - 1 - k : k) * inner;
      double before = y;
      y = k ? fold(op, y, get(a, at)) : get(a, at);
      if (!p.inclusive && k == 0) continue; /* the neutral element: tested by itself */
      double want = p.inclusive ? y : before, got = get(out, at), rough = dtype == MX_BFLOAT16 ? 8e-3 : dtype == MX_FLOAT16 ? 1e-3 : 1e-6;
      bool wraps = !mx_dtype_is_inexact(dtype) && mx_dtype_size(dtype) == 1 && fabs(want) > 127;
      wrong += !wraps && fabs(got - want) > rough * fabs(want);
    }
  }
  CHECK_INT(wrong, 0);
  tensors_free();
}

TEST(scans_of_every_dtype_layout_axis_and_direction_agree_with_loops) {
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++)
    for (int op = 0; op <= MX_SCAN_LOGSUMEXP; op++) EACH_LAYOUT(layout) {
      if ((op == MX_SCAN_SUM && dtype == MX_BOOL) || (op == MX_SCAN_LOGSUMEXP && !mx_dtype_is_inexact((enum mx_dtype)dtype))) continue;
      for (int flags = 0; flags < 4; flags++) {
        for (int64_t axis = 0; axis < 3; axis++) check_scan((enum mx_dtype)dtype, op, 3, INTS(3, 37, 20), axis, layout, flags);
        check_scan((enum mx_dtype)dtype, op, 2, INTS(2, 3), 0, layout, flags);
      }
    }
}

/* The same bits for any number of threads: one row in blocks. */
TEST(a_long_row_has_the_same_bits_on_one_thread_and_on_many) {
  int64_t n = 300001, axis = 0;
  int before = cpu_pool_set_threads(0);
  for (int op = 0; op <= MX_SCAN_LOGSUMEXP; op++)
    for (int flags = 0; flags < 4; flags++) {
      struct mx_scan_params p = {.op = op, .reverse = flags & 1, .inclusive = flags >> 1};
      struct mx_tensor *a = tensor_new(MX_FLOAT32, 1, &n, ROWS), *one = tensor_new(MX_FLOAT32, 1, &n, ROWS), *many = tensor_new(MX_FLOAT32, 1, &n, ROWS);
      for (int64_t i = 0; i < n; i++) set(a, i, op == MX_SCAN_PROD ? 1 + (double)(random_below(2001) - 1000) * 1e-6 : (double)random_below(1000) * 1e-3);
      cpu_pool_set_threads(1);
      CHECK_OK(run_kernel(cpu_scan, &p, &axis, 1, IN(a), one));
      cpu_pool_set_threads(4);
      CHECK_OK(run_kernel(cpu_scan, &p, &axis, 1, IN(a), many));
      CHECK(memcmp(one->data, many->data, (size_t)n * sizeof(float)) == 0);
      tensors_free();
    }
  cpu_pool_set_threads(before);
}

/* Whole numbers of up to 64 bits, as int64_t that wraps; floats as double. */
static int64_t whole(enum mx_dtype d, uint64_t bits) {
  switch (d) {
  case MX_INT8: return (int8_t)bits;
  case MX_INT16: return (int16_t)bits;
  case MX_INT32: return (int32_t)bits;
  case MX_UINT8: return (uint8_t)bits;
  case MX_UINT16: return (uint16_t)bits;
  case MX_UINT32: return (uint32_t)bits;
  default: return (int64_t)bits;
  }
}
static uint64_t fold_bits(enum mx_dtype d, int op, uint64_t x, uint64_t y) {
  if (d == MX_FLOAT32) return mx_float_bits((float)fold(op, mx_bits_float((uint32_t)x), mx_bits_float((uint32_t)y)));
  double a, b;
  memcpy(&a, &x, 8), memcpy(&b, &y, 8);
  if (d == MX_FLOAT64) {
    a = fold(op, a, b);
    memcpy(&x, &a, 8);
    return x;
  }
  bool less = d == MX_UINT64 ? x < y : whole(d, x) < whole(d, y);
  return op == MX_SCAN_SUM ? x + y : op == MX_SCAN_PROD ? x * y : less == (op == MX_SCAN_MAX) ? y : x;
}
static bool same_bits(enum mx_dtype d, uint64_t x, uint64_t y) {
  double a, b;
  memcpy(&a, &x, 8), memcpy(&b, &y, 8);
  if (d == MX_FLOAT64) return x == y || (a != a && b != b);
  if (d != MX_FLOAT32) return whole(d, x) == whole(d, y);
  return (uint32_t)x == (uint32_t)y || (isnan(mx_bits_float((uint32_t)x)) && isnan(mx_bits_float((uint32_t)y)));
}
/* Floats are whole or -0 and few, or 1 and -1, so that every order of adding and multiplying them is exact. */
static uint64_t random_value(enum mx_dtype d, int op) {
  if (!mx_dtype_is_inexact(d)) return (uint64_t)random_bits32() << 32 ^ random_bits32();
  double v = op == MX_SCAN_PROD ? (random_below(2) ? 1.0 : -1.0) : random_below(4) ? (double)(random_below(9) - 6) : -0.0;
  uint64_t bits;
  memcpy(&bits, &v, 8);
  return d == MX_FLOAT64 ? bits : mx_float_bits((float)v);
}

static int64_t wrong_of_kernel(const struct cpu_tile_table *t, enum mx_dtype d, int op, int64_t n, bool carried, bool nan) {
  uint64_t x[700], before = random_value(d, op), part = random_value(d, op), got, quiet = d == MX_FLOAT64 ? 0x7ff8ull << 48 : 0x7fc00000;
  char run[700 * 8];
  size_t size = mx_dtype_size(d);
  struct cpu_scan_carry k = {.has_before = carried, .has_part = carried};
  for (int64_t i = 0; i < n; i++) x[i] = random_value(d, op);
  if (nan) x[n / 2] = quiet;
  for (int64_t i = 0; i < n; i++) memcpy(run + (size_t)i * size, &x[i], size);
  memcpy(k.before, &before, size);
  memcpy(k.part, &part, size);
  t->scan[op][d](n, run, run, &k);
  int64_t wrong = !k.has_part;
  uint64_t all = fold_bits(d, op, before, part);
  for (int64_t i = 0; i < n; i++) {
    all = carried || i ? fold_bits(d, op, all, x[i]) : x[i];
    part = carried || i ? fold_bits(d, op, part, x[i]) : x[i];
    got = 0;
    memcpy(&got, run + (size_t)i * size, size);
    wrong += !same_bits(d, got, all);
  }
  got = 0;
  memcpy(&got, k.part, size);
  return wrong + !same_bits(d, got, part);
}

TEST(scan_kernels_of_every_table_carry_signs_of_zero_and_nan_and_wrap) {
  static const char *const isas[] = {"base", "avx2", "avx512", "neon"};
  static const int64_t lengths[] = {1, 7, 8, 63, 64, 65, 128, 200, 641};
  for (int i = 0; i < MX_COUNT(isas); i++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[i]);
    for (int dtype = 0; t && dtype < MX_DTYPE_COUNT; dtype++)
      for (int op = MX_SCAN_SUM; op <= MX_SCAN_MIN; op++) {
        enum mx_dtype d = (enum mx_dtype)dtype;
        if (!t->scan[op][d] || d == MX_BOOL) continue;
        for (int j = 0; j < MX_COUNT(lengths); j++)
          for (int how = 0; how < 4; how++)
            CHECK_INT(wrong_of_kernel(t, d, op, lengths[j], how & 1, (how & 2) && mx_dtype_is_inexact(d)), 0);
      }
  }
}
