/* test_copy.c: copies between layouts, and the kernels that copy parts of arrays, element by element. */
#include "tensors.h"

#include "backend/cpu/copy.h"

static void check_copy(int ndim, const int64_t *shape) {
  EACH_SIZE(dtype) EACH_LAYOUT(from) EACH_LAYOUT(to) {
    struct mx_tensor *a = tensor_new(dtype, ndim, shape, from), *b = tensor_new(dtype, ndim, shape, to);
    fill_bytes(a);
    CHECK_OK(cpu_copy(a, b));
    int64_t wrong = 0;
    for (int64_t i = 0; i < a->size; i++) wrong += !same_element(a, i, b, i);
    CHECK_INT(wrong, 0);
    tensors_free();
  }
}

TEST(copies_between_any_two_layouts_are_equal) {
  check_copy(0, NULL);
  check_copy(1, INTS(1));
  check_copy(1, INTS(1000));
  check_copy(2, INTS(0, 5));
  check_copy(2, INTS(37, 70));
  check_copy(3, INTS(5, 1, 33));
  check_copy(4, INTS(3, 17, 2, 19));
  check_copy(3, INTS(40, 35, 41)); /* more than one thread's worth */
}

TEST(copies_of_permuted_and_repeated_dimensions_are_equal) {
  struct mx_tensor *a = tensor_new(MX_FLOAT32, 3, INTS(70, 30, 50), ROWS), *b = tensor_new(MX_FLOAT32, 3, INTS(50, 70, 30), ROWS);
  fill_bytes(a);
  int64_t shape[3] = {50, 70, 30}, strides[3] = {a->strides[2], a->strides[0], 0};
  struct mx_tensor view = *a;
  view.shape = shape;
  view.strides = strides;
  CHECK_OK(cpu_copy(&view, b));
  int64_t wrong = 0;
  for (int64_t i = 0; i < b->size; i++) wrong += !same_element(&view, i, b, i);
  CHECK_INT(wrong, 0);
  tensors_free();
}

TEST(a_copy_past_the_caches_is_equal) {
  struct mx_tensor *a = tensor_new(MX_FLOAT32, 2, INTS(2100, 2101), ROWS), *b = tensor_new(MX_FLOAT32, 2, INTS(2101, 2100), ROWS);
  fill_bytes(a);
  struct mx_tensor turned = *a;
  turned.shape = b->shape;
  turned.strides = INTS(1, 2101);
  CHECK_OK(cpu_copy(&turned, b));
  int64_t wrong = 0;
  for (int64_t i = 0; i < b->size; i++) wrong += !same_element(&turned, i, b, i);
  CHECK_INT(wrong, 0);
  struct mx_tensor *c = tensor_new(MX_FLOAT32, 2, INTS(2101, 2100), ROWS);
  CHECK_OK(cpu_copy(b, c));
  CHECK(!memcmp(b->data, c->data, (size_t)b->size * 4));
  tensors_free();
}

TEST(runs_are_loaded_from_any_position) {
  EACH_SIZE(dtype) EACH_LAYOUT(layout) {
    struct mx_tensor *a = tensor_new(dtype, 3, INTS(4, 3, 7), layout), *b = tensor_new(dtype, 1, INTS(84), ROWS);
    fill_bytes(a);
    for (int64_t start = 0; start < 84; start += 5) {
      cpu_load(a, start, 84 - start, b->data);
      for (int64_t i = start; i < 84; i++) CHECK(same_element(a, i, b, i - start));
    }
    tensors_free();
  }
}

TEST(concatenate_lays_parts_along_the_axis) {
  EACH_SIZE(dtype) EACH_LAYOUT(layout) for (int64_t axis = 0; axis < 3; axis++) {
    int64_t shape[3] = {3, 4, 5}, sizes[3] = {2, 0, 6}, whole[3] = {3, 4, 5};
    struct mx_tensor *in[4] = {NULL};
    for (int k = 0; k < 3; k++) {
      shape[axis] = sizes[k];
      in[k] = tensor_new(dtype, 3, shape, layout);
      fill_bytes(in[k]);
    }
    whole[axis] = 8;
    struct mx_tensor *out = tensor_new(dtype, 3, whole, ROWS);
    CHECK_OK(run_kernel(cpu_concatenate, NULL, &axis, 1, in, out));
    for (int64_t i = 0; i < out->size; i++) {
      int64_t at[3];
      index_of(out, i, at);
      int part = at[axis] < 2 ? 0 : 2;
      at[axis] -= part ? 2 : 0;
      CHECK(same_element(out, i, in[part], linear_of(in[part], at)));
    }
    tensors_free();
  }
}

TEST(pad_puts_the_value_around) {
  EACH_SIZE(dtype) EACH_LAYOUT(layout) {
    struct mx_tensor *a = tensor_new(dtype, 3, INTS(3, 4, 5), layout), *value = tensor_new(dtype, 0, NULL, ROWS);
    struct mx_tensor *out = tensor_new(dtype, 3, INTS(3 + 3, 4, 5 + 6), ROWS);
    fill_bytes(a);
    fill_bytes(value);
    CHECK_OK(run_kernel(cpu_pad, NULL, INTS(1, 0, 4, 2, 0, 2), 6, IN(a, value), out));
    for (int64_t i = 0; i < out->size; i++) {
      int64_t at[3];
      index_of(out, i, at);
      at[0] -= 1, at[2] -= 4;
      bool in = at[0] >= 0 && at[0] < 3 && at[2] >= 0 && at[2] < 5;
      CHECK(in ? same_element(out, i, a, linear_of(a, at)) : same_element(out, i, value, 0));
    }
    tensors_free();
  }
}

TEST(pad_of_an_empty_array_is_all_value) {
  struct mx_tensor *a = tensor_new(MX_FLOAT32, 2, INTS(0, 3), ROWS), *value = tensor_new(MX_FLOAT32, 0, NULL, ROWS);
  struct mx_tensor *out = tensor_new(MX_FLOAT32, 2, INTS(2, 5), ROWS);
  set(value, 0, 7);
  CHECK_OK(run_kernel(cpu_pad, NULL, INTS(1, 1, 1, 1), 4, IN(a, value), out));
  for (int64_t i = 0; i < out->size; i++) CHECK_NEAR(get(out, i), 7, 0);
  tensors_free();
}

TEST(slice_update_writes_where_the_slice_lies) {
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++)
    for (int in_place = 0; in_place < 2; in_place++) {
      enum layout layout = in_place ? ROWS : (enum layout)random_below(LAYOUTS);
      struct mx_tensor *a = tensor_new((enum mx_dtype)dtype, 2, INTS(9, 10), layout);
      struct mx_tensor *u = tensor_new((enum mx_dtype)dtype, 2, INTS(3, 4), (enum layout)random_below(LAYOUTS));
      struct mx_tensor *want = tensor_new((enum mx_dtype)dtype, 2, INTS(9, 10), ROWS);
      struct mx_tensor *out = in_place ? a : tensor_new((enum mx_dtype)dtype, 2, INTS(9, 10), ROWS);
      fill_small(a);
      fill_small(u);
      for (int64_t i = 0; i < 90; i++) set(want, i, get(a, i));
      for (int64_t i = 0; i < 3; i++)
        for (int64_t j = 0; j < 4; j++) {
          int64_t at = (1 + 3 * i) * 10 + 8 - 2 * j; /* start (1, 8), step (3, -2) */
          set(want, at, get(u, 4 * i + j));
        }
      CHECK_OK(run_kernel(cpu_slice_update, NULL, INTS(1, 8, 3, 4, 3, -2), 6, IN(a, u), out));
      for (int64_t i = 0; i < 90; i++) CHECK_NEAR(get(out, i), get(want, i), 0); /* not bits: complex products make zeros of either sign */
      tensors_free();
    }
}

TEST(dynamic_slices_are_clamped_into_the_array) {
  const double starts[][2] = {{0, 0}, {1, 2}, {-5, 100}, {4, 3}};
  EACH_SIZE(dtype) EACH_LAYOUT(layout) for (int k = 0; k < MX_COUNT(starts); k++) {
    struct mx_tensor *a = tensor_new(dtype, 3, INTS(4, 5, 6), layout), *start = tensor_of(MX_INT32, 2, starts[k]);
    struct mx_tensor *out = tensor_new(dtype, 3, INTS(2, 5, 3), ROWS), *back = tensor_new(dtype, 3, INTS(4, 5, 6), ROWS);
    fill_bytes(a);
    CHECK_OK(run_kernel(cpu_dynamic_slice, NULL, INTS(0, 2, 2, 5, 3), 5, IN(a, start), out));
    int64_t s0 = (int64_t)starts[k][0], s2 = (int64_t)starts[k][1];
    s0 = s0 < 0 ? 0 : s0 > 2 ? 2 : s0, s2 = s2 < 0 ? 0 : s2 > 3 ? 3 : s2;
    for (int64_t i = 0; i < out->size; i++) {
      int64_t at[3];
      index_of(out, i, at);
      at[0] += s0, at[2] += s2;
      CHECK(same_element(out, i, a, linear_of(a, at)));
    }
    fill_bytes(out);
    CHECK_OK(run_kernel(cpu_dynamic_slice_update, NULL, INTS(0, 2), 2, IN(a, out, start), back));
    for (int64_t i = 0; i < back->size; i++) {
      int64_t at[3];
      index_of(back, i, at);
      at[0] -= s0, at[2] -= s2;
      bool in = at[0] >= 0 && at[0] < 2 && at[2] >= 0 && at[2] < 3;
      CHECK(in ? same_element(back, i, out, linear_of(out, at)) : same_element(back, i, a, i));
    }
    tensors_free();
  }
}
