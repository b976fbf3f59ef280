/* test_scan.c: scans of every dtype, layout and axis against plain loops in double or wrapping integers. */
#include "tensors.h"

#include "backend/cpu/pool.h"

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
