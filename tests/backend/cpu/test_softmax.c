/* test_softmax.c: softmax and logsumexp against double, and their edges. */
#include "tensors.h"

static double tolerance(enum mx_dtype d) {
  return d == MX_FLOAT64 ? 1e-14 : d == MX_FLOAT32 ? 1e-6 : d == MX_FLOAT16 ? 6e-4 : 5e-3; /* half a unit, halves rounded once */
}

static void check(enum mx_dtype dtype, enum layout layout, int64_t rows, int64_t width) {
  struct mx_tensor *a = tensor_new(dtype, 3, INTS(2, rows, width), layout), *soft = tensor_new(dtype, 3, INTS(2, rows, width), ROWS);
  struct mx_tensor *lse = tensor_new(dtype, 3, INTS(2, rows, 1), ROWS);
  for (int64_t i = 0; i < a->size; i++) set(a, i, (double)random_below(4096) / 256 - 8);
  struct mx_softmax_params head = {1};
  CHECK_OK(run_kernel(cpu_softmax, &head, NULL, 0, IN(a), soft));
  CHECK_OK(run_kernel(cpu_logsumexp, NULL, NULL, 0, IN(a), lse));
  double worst = 0, worst_lse = 0;
  for (int64_t r = 0; r < 2 * rows; r++) {
    double sum = 0;
    for (int64_t i = 0; i < width; i++) sum += exp(get(a, r * width + i));
    for (int64_t i = 0; i < width; i++) {
      double want = exp(get(a, r * width + i)) / sum;
      double unit = dtype == MX_FLOAT16 ? fmax(want, 0x1p-14) : want; /* float16 results may be subnormal */
      worst = fmax(worst, fabs(get(soft, r * width + i) - want) / unit);
    }
    worst_lse = fmax(worst_lse, fabs(get(lse, r) - log(sum)) / fmax(1, fabs(log(sum))));
  }
  CHECK(worst <= tolerance(dtype));
  CHECK(worst_lse <= tolerance(dtype));
  tensors_free();
}

TEST(softmax_and_logsumexp_agree_with_double) {
  const enum mx_dtype dtypes[] = {MX_FLOAT16, MX_BFLOAT16, MX_FLOAT32, MX_FLOAT64};
  for (int i = 0; i < 4; i++) EACH_LAYOUT(layout) {
    check(dtypes[i], layout, 3, 1);
    check(dtypes[i], layout, 40, 37);
    check(dtypes[i], layout, 2, 5001);
  }
}

TEST(softmax_at_its_edges) {
  const double inf = INFINITY, rows[][3] = {{-inf, -inf, -inf}, {inf, 1, 2}, {NAN, 1, 2}, {-inf, 0, -inf}, {1000, 1000, -1000}};
  const double lse[] = {-inf, inf, NAN, 0, 1000 + log(2)};
  const double soft[][3] = {{NAN, NAN, NAN}, {NAN, 0, 0}, {NAN, NAN, NAN}, {0, 1, 0}, {0.5, 0.5, 0}};
  const enum mx_dtype dtypes[] = {MX_FLOAT16, MX_BFLOAT16, MX_FLOAT32, MX_FLOAT64};
  for (int d = 0; d < 4; d++) {
    struct mx_tensor *a = tensor_new(dtypes[d], 2, INTS(5, 3), ROWS), *s = tensor_new(dtypes[d], 2, INTS(5, 3), ROWS);
    struct mx_tensor *l = tensor_new(dtypes[d], 2, INTS(5, 1), ROWS);
    for (int i = 0; i < 15; i++) set(a, i, rows[i / 3][i % 3]);
    struct mx_softmax_params head = {0};
    CHECK_OK(run_kernel(cpu_softmax, &head, NULL, 0, IN(a), s));
    CHECK_OK(run_kernel(cpu_logsumexp, NULL, NULL, 0, IN(a), l));
    for (int i = 0; i < 15; i++)
      if (i < 3 || i > 5) CHECK_NEAR(get(s, i), soft[i / 3][i % 3], 1e-6); /* with +inf: only the NaN is sure */
    CHECK(isnan(get(s, 3)));
    for (int i = 0; i < 5; i++) CHECK_NEAR(get(l, i), lse[i], 4);
    tensors_free();
  }
}

TEST(logsumexp_of_nothing_is_minus_infinity) {
  struct mx_tensor *a = tensor_new(MX_FLOAT32, 2, INTS(4, 0), ROWS), *l = tensor_new(MX_FLOAT32, 2, INTS(4, 1), ROWS);
  CHECK_OK(run_kernel(cpu_logsumexp, NULL, NULL, 0, IN(a), l));
  for (int i = 0; i < 4; i++) CHECK_NEAR(get(l, i), -INFINITY, 0);
  tensors_free();
}
