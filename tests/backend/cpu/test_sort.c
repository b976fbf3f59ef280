/* test_sort.c: sort, argsort and argreduce against plain loops. */
#include "tensors.h"

#include "backend/cpu/pool.h"

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

/* A row is the same alone and among others; without NaN and -0 it goes through other code than with them. */
static void check_values(enum mx_dtype dtype, int64_t rows, int64_t n, int64_t axis, bool odd) {
  const int64_t *shape = axis ? INTS(rows, n) : INTS(n, rows);
  struct mx_tensor *a = tensor_new(dtype, 2, shape, ROWS), *sorted = tensor_new(dtype, 2, shape, ROWS);
  struct mx_tensor *order = tensor_new(MX_UINT32, 2, shape, ROWS), *parted = tensor_new(dtype, 2, shape, ROWS);
  int64_t wrong = 0, step = axis ? 1 : rows, kth = n / 3;
  for (int64_t i = 0; i < a->size; i++) {
    double v = random_below(3) ? (double)random_below(200) : (double)random_below(1 << 20) * 4096;
    if (!mx_dtype_is_unsigned(dtype) && dtype != MX_BOOL) v -= 100;
    if (dtype == MX_FLOAT16) v /= 1e5;
    if (mx_dtype_size(dtype) == 1) v = (double)random_below(100);
    if (odd && random_below(3 * n) == 0) v = mx_dtype_is_inexact(dtype) ? random_below(2) ? NAN : -0.0 : 0;
    set(a, i, v);
  }
  CHECK_OK(run_kernel(cpu_sort, NULL, &axis, 1, IN(a), sorted));
  CHECK_OK(run_kernel(cpu_argsort, NULL, &axis, 1, IN(a), order));
  CHECK_OK(run_kernel(cpu_partition, NULL, INTS(axis, kth), 2, IN(a), parted));
  for (int64_t r = 0; r < rows; r++) {
    int64_t base = axis ? r * n : r, sum = 0;
    for (int64_t k = 0; k < n; k++) {
      int64_t at = base + k * step, from = base + (int64_t)get(order, at) * step;
      sum += (int64_t)get(order, at);
      wrong += !same_element(sorted, at, a, from);
      if (k > kth) wrong += before(parted, at, base + kth * step);
      if (k < kth) wrong += before(parted, base + kth * step, at);
      if (k == 0) continue;
      int64_t earlier = base + (int64_t)get(order, at - step) * step;
      wrong += before(a, from, earlier) || (!before(a, earlier, from) && from <= earlier);
    }
    wrong += sum != n * (n - 1) / 2;
    for (int64_t k = kth + 2; k < n; k++) wrong += before(parted, base + k * step, base + (kth + 1) * step);
    wrong += !same_element(parted, base + kth * step, sorted, base + kth * step) && get(parted, base + kth * step) != get(sorted, base + kth * step) &&
             !isnan(get(sorted, base + kth * step));
  }
  CHECK_INT(wrong, 0);
  tensors_free();
}

TEST(rows_of_every_length_and_number_are_sorted_many_at_once) {
  const int64_t lengths[] = {2, 3, 15, 16, 17, 33, 64, 81, 129, 250, 385, 1040};
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++)
    for (int i = 0; i < MX_COUNT(lengths); i++) {
      check_values((enum mx_dtype)dtype, 1 + random_below(20), lengths[i], 1, i & 1);
      check_values((enum mx_dtype)dtype, 33, lengths[i], i % 3 == 0, !(i & 1));
      check_values((enum mx_dtype)dtype, 40, lengths[i], 0, false);
    }
}

TEST(partitions_of_long_rows_have_two_ranks_in_their_places) {
  const enum mx_dtype dtypes[] = {MX_UINT8, MX_FLOAT16, MX_INT32, MX_FLOAT32, MX_INT64, MX_FLOAT64};
  for (int i = 0; i < MX_COUNT(dtypes); i++) {
    check_values(dtypes[i], 2, 5000, 1, i & 1);
    check_values(dtypes[i], 1, 20011, 0, !(i & 1));
  }
}

TEST(long_rows_are_sorted_by_their_digits_and_by_threads) {
  const enum mx_dtype dtypes[] = {MX_UINT8, MX_FLOAT16, MX_UINT16, MX_INT32, MX_FLOAT32, MX_INT64, MX_FLOAT64, MX_COMPLEX64};
  for (int i = 0; i < MX_COUNT(dtypes); i++) {
    check_sort(dtypes[i], 2, INTS(3, 5000), 1, ROWS);
    check_sort(dtypes[i], 1, INTS(100003), 0, GAPS);
  }
}

static int ascending(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}
TEST(long_rows_of_any_digits_without_nan_are_sorted_on_one_thread_and_on_many) {
  static double want[70001];
  const enum mx_dtype dtypes[] = {MX_INT16, MX_INT32, MX_UINT32, MX_INT64, MX_UINT64, MX_FLOAT16, MX_FLOAT32, MX_FLOAT64};
  const int64_t lengths[] = {600, 70001};
  int before = cpu_pool_set_threads(0);
  for (int i = 0; i < 2 * MX_COUNT(dtypes); i++)
    for (int threads = 1; threads <= 4; threads += 3) {
      enum mx_dtype d = dtypes[i / 2];
      int64_t n = lengths[i % 2], axis = 0, wrong = 0;
      struct mx_tensor *a = tensor_new(d, 1, &n, i & 2 ? BACKWARD : ROWS), *out = tensor_new(d, 1, &n, ROWS);
      int bits = mx_dtype_size(d) == 2 ? 11 : mx_dtype_size(d) == 4 ? 24 : 50; /* what doubles and the dtype hold exactly */
      for (int64_t k = 0; k < n; k++) {
        double v = (double)(((int64_t)random_bits32() << 28 ^ random_bits32()) & ((1ll << bits) - 1));
        set(a, k, mx_dtype_is_unsigned(d) ? v : v - (double)(1ll << (bits - 1)) + (v == (double)(1ll << (bits - 1))));
        want[k] = get(a, k);
      }
      cpu_pool_set_threads(threads);
      CHECK_OK(run_kernel(cpu_sort, NULL, &axis, 1, IN(a), out));
      qsort(want, (size_t)n, sizeof *want, ascending);
      for (int64_t k = 0; k < n; k++) wrong += get(out, k) != want[k];
      CHECK_INT(wrong, 0);
      tensors_free();
    }
  cpu_pool_set_threads(before);
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

TEST(argreduce_of_a_row_that_threads_share_finds_the_first_extreme) {
  const enum mx_dtype dtypes[] = {MX_BOOL, MX_UINT8, MX_INT16, MX_FLOAT16, MX_FLOAT32, MX_INT64, MX_COMPLEX64};
  for (int i = 0; i < MX_COUNT(dtypes); i++) {
    check_argreduce(dtypes[i], 1, INTS(600011), 0, ROWS, i & 1 ? MX_ARGMIN : MX_ARGMAX);
    check_argreduce(dtypes[i], 1, INTS(600011), 0, i & 1 ? GAPS : BACKWARD, i & 1 ? MX_ARGMAX : MX_ARGMIN);
  }
}
