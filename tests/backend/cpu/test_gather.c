/* test_gather.c: gather, scatter and their one-axis forms against plain loops. */
#include "tensors.h"

#include "core/error.h"

static struct mx_tensor *indices(enum mx_dtype dtype, int ndim, const int64_t *shape, int64_t from, int64_t to) {
  struct mx_tensor *t = tensor_new(dtype, ndim, shape, (enum layout)random_below(LAYOUTS));
  for (int64_t i = 0; i < t->size; i++) set(t, i, (double)(from + random_below(to - from)));
  return t;
}
static int64_t wrapped(double i, int64_t size) { return (int64_t)i + (i < 0 ? size : 0); }

TEST(gather_reads_slices_where_two_index_arrays_say) {
  EACH_SIZE(dtype) EACH_LAYOUT(layout) {
    struct mx_tensor *a = tensor_new(dtype, 3, INTS(6, 5, 7), layout), *out = tensor_new(dtype, 5, INTS(3, 4, 1, 5, 2), ROWS);
    struct mx_tensor *i0 = indices(MX_INT32, 2, INTS(3, 4), -6, 6), *i2 = indices(MX_INT32, 2, INTS(3, 4), 0, 6);
    fill_bytes(a);
    CHECK_OK(run_kernel(cpu_gather, NULL, INTS(0, 2, 1, 5, 2), 5, IN(a, i0, i2), out));
    for (int64_t i = 0; i < out->size; i++) {
      int64_t at[5];
      index_of(out, i, at);
      int64_t k = at[0] * 4 + at[1], from[3] = {wrapped(get(i0, k), 6), at[3], (int64_t)get(i2, k) + at[4]};
      CHECK(same_element(out, i, a, linear_of(a, from)));
    }
    tensors_free();
  }
}

TEST(gather_of_single_elements_and_of_long_rows) {
  EACH_SIZE(dtype) {
    struct mx_tensor *a = tensor_new(dtype, 2, INTS(50, 300), ROWS), *i0 = indices(MX_INT64, 1, INTS(2000), -50, 50);
    struct mx_tensor *rows = tensor_new(dtype, 3, INTS(2000, 1, 300), ROWS), *i1 = indices(MX_INT64, 1, INTS(2000), 0, 300);
    struct mx_tensor *cells = tensor_new(dtype, 3, INTS(2000, 1, 1), ROWS);
    fill_bytes(a);
    CHECK_OK(run_kernel(cpu_gather, NULL, INTS(0, 1, 300), 3, IN(a, i0), rows));
    CHECK_OK(run_kernel(cpu_gather, NULL, INTS(0, 1, 1, 1), 4, IN(a, i0, i1), cells));
    int64_t wrong = 0;
    for (int64_t k = 0; k < 2000; k++) {
      int64_t row = wrapped(get(i0, k), 50);
      for (int64_t j = 0; j < 300; j++) wrong += !same_element(rows, k * 300 + j, a, row * 300 + j);
      wrong += !same_element(cells, k, a, row * 300 + (int64_t)get(i1, k));
    }
    CHECK_INT(wrong, 0);
    tensors_free();
  }
}

TEST(an_index_out_of_bounds_is_an_index_error) {
  struct mx_tensor *a = tensor_new(MX_FLOAT32, 1, INTS(5), ROWS), *out = tensor_new(MX_FLOAT32, 2, INTS(3, 1), ROWS);
  struct mx_tensor *high = tensor_of(MX_INT32, 3, (double[]){0, 5, 9}), *low = tensor_of(MX_INT32, 3, (double[]){0, 1, -6});
  struct mx_tensor *updates = tensor_new(MX_FLOAT32, 2, INTS(3, 1), ROWS), *line = tensor_new(MX_FLOAT32, 1, INTS(3), ROWS);
  struct mx_mode_params head = {MX_UPDATE_NONE};
  CHECK_ERROR(run_kernel(cpu_gather, NULL, INTS(0, 1), 2, IN(a, high), out), MX_EINDEX, "Index 5 is out of bounds for axis 0 with size 5");
  CHECK_ERROR(run_kernel(cpu_gather, NULL, INTS(0, 1), 2, IN(a, low), out), MX_EINDEX, "Index -6");
  CHECK_ERROR(run_kernel(cpu_gather_axis, NULL, INTS(0), 1, IN(a, low), line), MX_EINDEX, "[gather_axis]");
  CHECK_ERROR(run_kernel(cpu_scatter, &head, INTS(0), 1, IN(a, low, updates), a), MX_EINDEX, "[scatter]");
  CHECK_ERROR(run_kernel(cpu_scatter_axis, &head, INTS(0), 1, IN(a, high, line), a), MX_EINDEX, "[scatter_axis]");
  tensors_free();
}

TEST(gather_axis_reads_along_any_axis) {
  EACH_SIZE(dtype) EACH_LAYOUT(layout) for (int64_t axis = 0; axis < 3; axis++) {
    int64_t shape[3] = {4, 5, 6};
    struct mx_tensor *a = tensor_new(dtype, 3, shape, layout);
    shape[axis] = 9;
    struct mx_tensor *index = indices(MX_INT32, 3, shape, -a->shape[axis], a->shape[axis]), *out = tensor_new(dtype, 3, shape, ROWS);
    fill_bytes(a);
    CHECK_OK(run_kernel(cpu_gather_axis, NULL, &axis, 1, IN(a, index), out));
    for (int64_t i = 0; i < out->size; i++) {
      int64_t at[3];
      index_of(out, i, at);
      at[axis] = wrapped(get(index, i), a->shape[axis]);
      CHECK(same_element(out, i, a, linear_of(a, at)));
    }
    tensors_free();
  }
}

static double updated(int mode, enum mx_dtype dtype, double old, double new) {
  bool truth = dtype == MX_BOOL;
  switch (mode) {
  case MX_UPDATE_NONE: return new;
  case MX_UPDATE_SUM: return truth ? old || new : old + new;
  case MX_UPDATE_PROD: return truth ? old && new : old * new;
  case MX_UPDATE_MAX: return old > new ? old : new;
  default: return old < new ? old : new;
  }
}

/* Every dtype and mode; indices repeat, so order shows. */
static void check_scatter(enum mx_dtype dtype, int32_t mode, bool in_place, int64_t width) {
  struct mx_tensor *a = tensor_new(dtype, 2, INTS(7, width + 1), in_place ? ROWS : (enum layout)random_below(LAYOUTS));
  struct mx_tensor *index = indices(MX_INT32, 2, INTS(2, 3), -7, 7), *column = indices(MX_INT32, 2, INTS(2, 3), 0, 2);
  struct mx_tensor *u = tensor_new(dtype, 4, INTS(2, 3, 1, width), (enum layout)random_below(LAYOUTS));
  struct mx_tensor *want = tensor_new(dtype, 2, INTS(7, width + 1), ROWS);
  struct mx_tensor *out = in_place ? a : tensor_new(dtype, 2, INTS(7, width + 1), ROWS);
  fill_small(a);
  fill_small(u);
  for (int64_t i = 0; i < a->size; i++) set(want, i, get(a, i));
  for (int64_t i = 0; i < u->size; i++) {
    int64_t k = i / width, at = wrapped(get(index, k), 7) * (width + 1) + (int64_t)get(column, k) + i % width;
    set(want, at, updated(mode, dtype, get(want, at), get(u, i)));
  }
  struct mx_mode_params head = {mode};
  CHECK_OK(run_kernel(cpu_scatter, &head, INTS(0, 1), 2, IN(a, index, column, u), out));
  /* not bits: complex products make zeros of either sign */
  for (int64_t i = 0; i < out->size; i++) CHECK_NEAR(get(out, i), get(want, i), 0);
  tensors_free();
}

TEST(scatter_applies_updates_in_order_in_every_mode) {
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++)
    for (int32_t mode = MX_UPDATE_NONE; mode <= MX_UPDATE_MIN; mode++) {
      check_scatter((enum mx_dtype)dtype, mode, false, 5);
      check_scatter((enum mx_dtype)dtype, mode, true, 1);
    }
}

TEST(scatter_shared_by_threads_equals_one_after_the_other) {
  struct mx_tensor *a = tensor_new(MX_FLOAT32, 2, INTS(100, 64), ROWS), *index = indices(MX_INT32, 1, INTS(3000), 0, 100);
  struct mx_tensor *u = tensor_new(MX_FLOAT32, 3, INTS(3000, 1, 64), ROWS), *want = tensor_new(MX_FLOAT32, 2, INTS(100, 64), ROWS);
  for (int64_t i = 0; i < u->size; i++) set(u, i, (double)random_bits32() / 1e6);
  for (int64_t i = 0; i < a->size; i++) set(a, i, 0), set(want, i, 0);
  for (int64_t i = 0; i < u->size; i++) {
    int64_t at = (int64_t)get(index, i / 64) * 64 + i % 64;
    set(want, at, (double)((float)get(want, at) + (float)get(u, i)));
  }
  struct mx_mode_params head = {MX_UPDATE_SUM};
  CHECK_OK(run_kernel(cpu_scatter, &head, INTS(0), 1, IN(a, index, u), a));
  CHECK(!memcmp(a->data, want->data, (size_t)a->size * 4));
  tensors_free();
}

TEST(scatter_axis_writes_and_adds_along_any_axis) {
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++)
    for (int32_t mode = MX_UPDATE_NONE; mode <= MX_UPDATE_SUM; mode++)
      for (int64_t axis = 0; axis < 3; axis++) {
        int64_t shape[3] = {4, 5, 6};
        struct mx_tensor *a = tensor_new((enum mx_dtype)dtype, 3, shape, (enum layout)random_below(LAYOUTS));
        struct mx_tensor *out = tensor_new((enum mx_dtype)dtype, 3, shape, ROWS), *want = tensor_new((enum mx_dtype)dtype, 3, shape, ROWS);
        shape[axis] = 9;
        struct mx_tensor *index = indices(MX_INT32, 3, shape, -a->shape[axis], a->shape[axis]);
        struct mx_tensor *u = tensor_new((enum mx_dtype)dtype, 3, shape, (enum layout)random_below(LAYOUTS));
        fill_small(a);
        fill_small(u);
        for (int64_t i = 0; i < a->size; i++) set(want, i, get(a, i));
        for (int64_t i = 0; i < u->size; i++) {
          int64_t at[3];
          index_of(u, i, at);
          at[axis] = wrapped(get(index, i), a->shape[axis]);
          int64_t k = linear_of(want, at);
          set(want, k, updated(mode, (enum mx_dtype)dtype, get(want, k), get(u, i)));
        }
        struct mx_mode_params head = {mode};
        CHECK_OK(run_kernel(cpu_scatter_axis, &head, &axis, 1, IN(a, index, u), out));
        for (int64_t i = 0; i < out->size; i++) CHECK(same_element(out, i, want, i));
        tensors_free();
      }
}
