/* test_sort.c: sort, argsort and argreduce against plain loops. */
#include "tensors.h"

/* The order of the kernels: NaN last, then by value (complex: by real part, then imaginary). */
static bool before(const struct mx_tensor *t, int64_t i, int64_t j) {
  double parts[2][2] = {{get(t, i), 0}, {get(t, j), 0}};
  if (t->dtype == MX_COMPLEX64)
    for (int k = 0; k < 2; k++) parts[k][1] = ((const float *)element(t, k ? j : i))[1];
  for (int k = 0; k < 2; k++) {
    double x = parts[0][k], y = parts[1][k];
    if (x < y || (isnan(y) && !isnan(x))) return true;
    if (x > y || (isnan(x) && !isnan(y))) return false;
  }
  return false;
}

static void fill_values(const struct mx_tensor *t) {
  for (int64_t i = 0; i < t->size; i++) {
    double v = (double)random_below(40) - (mx_dtype_is_unsigned(t->dtype) ? 0 : 20);
    if (mx_dtype_is_inexact(t->dtype)) {
      int64_t odd = random_below(12);
      v = odd == 0 ? NAN : odd == 1 ? INFINITY : odd == 2 ? -INFINITY : odd == 3 ? -0.0 : odd == 4 ? 0.0 : v / 4;
    }
    set(t, i, v);
    if (t->dtype == MX_COMPLEX64) ((float *)element(t, i))[1] = random_below(9) ? (float)random_below(3) : NAN;
  }
}

/* Each row of the positions is a permutation, sorted, and of equals the earlier first; sort is what the positions name. */
static void check_sort(enum mx_dtype dtype, int ndim, const int64_t *shape, int64_t axis, enum layout layout) {
  struct mx_tensor *a = tensor_new(dtype, ndim, shape, layout), *sorted = tensor_new(dtype, ndim, shape, ROWS);
  struct mx_tensor *order = tensor_new(MX_UINT32, ndim, shape, ROWS);
  fill_values(a);
  CHECK_OK(run_kernel(cpu_sort, NULL, &axis, 1, IN(a), sorted));
  CHECK_OK(run_kernel(cpu_argsort, NULL, &axis, 1, IN(a), order));
  int64_t n = shape[axis], inner = 1, wrong = 0;
  for (int d = (int)axis + 1; d < ndim; d++) inner *= shape[d];
  uint8_t *seen = calloc((size_t)a->size, 1);
  for (int64_t i = 0; i < a->size; i++) {
    int64_t k = i / inner % n, row = i - k * inner, from = row + (int64_t)get(order, i) * inner;
    wrong += seen[from]++;
    wrong += !same_element(sorted, i, a, from);
    if (k == 0) continue;
    int64_t earlier = row + (int64_t)get(order, i - inner) * inner;
    wrong += before(a, from, earlier) || (!before(a, earlier, from) && from < earlier);
  }
  CHECK_INT(wrong, 0);
  free(seen);
  tensors_free();
}

TEST(rows_of_every_dtype_and_layout_are_sorted_stably_with_nan_last) {
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) EACH_LAYOUT(layout) {
    for (int64_t axis = 0; axis < 3; axis++) check_sort((enum mx_dtype)dtype, 3, INTS(5, 40, 7), axis, layout);
    check_sort((enum mx_dtype)dtype, 1, INTS(1), 0, layout);
    check_sort((enum mx_dtype)dtype, 2, INTS(3, 0), 1, layout);
  }
}

TEST(long_rows_are_sorted_by_their_digits_and_by_threads) {
  const enum mx_dtype dtypes[] = {MX_UINT8, MX_FLOAT16, MX_FLOAT32, MX_INT64, MX_COMPLEX64};
  for (int i = 0; i < MX_COUNT(dtypes); i++) {
    check_sort(dtypes[i], 2, INTS(3, 5000), 1, ROWS);
    check_sort(dtypes[i], 1, INTS(100003), 0, GAPS);
  }
}

static int64_t extreme_of(const struct mx_tensor *t, int64_t row, int64_t n, int64_t inner, int32_t op) {
  int64_t best = row;
  for (int64_t k = 1; k < n; k++) {
    int64_t i = row + k * inner;
    double x = get(t, i), y = get(t, best), xi = 0, yi = 0;
    if (t->dtype == MX_COMPLEX64) xi = ((const float *)element(t, i))[1], yi = ((const float *)element(t, best))[1];
    bool x_nan = isnan(x) || isnan(xi), y_nan = isnan(y) || isnan(yi);
    bool less = x < y || (x == y && xi < yi), more = x > y || (x == y && xi > yi);
    if (!y_nan && (x_nan || (op == MX_ARGMIN ? less : more))) best = i;
  }
  return (best - row) / inner;
}

static void check_argreduce(enum mx_dtype dtype, int ndim, const int64_t *shape, int64_t axis, enum layout layout, int32_t op) {
  int64_t kept[4], inner = 1;
  struct mx_tensor *a = tensor_new(dtype, ndim, shape, layout);
  for (int d = 0; d < ndim; d++) kept[d] = d == axis ? 1 : shape[d], inner *= d > axis ? shape[d] : 1;
  struct mx_tensor *out = tensor_new(MX_UINT32, ndim, kept, ROWS);
  fill_values(a);
  if (random_below(2)) /* half the time without NaN */
    for (int64_t i = 0; i < a->size; i++)
      if (isnan(get(a, i)) || dtype == MX_COMPLEX64) set(a, i, (double)random_below(9));
  struct mx_argreduce_params head = {op};
  CHECK_OK(run_kernel(cpu_argreduce, &head, &axis, 1, IN(a), out));
  for (int64_t i = 0; i < out->size; i++)
    CHECK_INT(get(out, i), extreme_of(a, i / inner * shape[axis] * inner + i % inner, shape[axis], inner, op));
  tensors_free();
}

TEST(argreduce_finds_the_first_extreme_and_nan_is_one) {
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) EACH_LAYOUT(layout)
    for (int32_t op = MX_ARGMIN; op <= MX_ARGMAX; op++) {
      for (int64_t axis = 0; axis < 3; axis++) {
        check_argreduce((enum mx_dtype)dtype, 3, INTS(5, 6, 70), axis, layout, op);
        check_argreduce((enum mx_dtype)dtype, 3, INTS(5, 9, 3), axis, layout, op);
      }
      check_argreduce((enum mx_dtype)dtype, 2, INTS(2, 2500), 1, layout, op);
    }
}
