/* Public functions that the Python package does not call: one axis, one index array, 32-bit shapes. */
#include "mlx/c/fft.h"
#include "mlx/c/ops.h"
#include "mlx/c/random.h"

#include "ops/text.h"

static const mlx_stream s = {NULL};

#define GIVES(call, text)                                                                                     \
  do {                                                                                                        \
    mlx_array res = mlx_array_new();                                                                          \
    CHECK_OK(call);                                                                                           \
    CHECK_STR(text_take(res), text);                                                                          \
  } while (0)

TEST(reductions_over_one_axis) {
  mlx_array x = text_put("float32 (2,3): 1 2 3 4 5 9"), m = text_put("bool (2,2): true false true true");
  GIVES(mlx_all_axis(&res, m, 0, false, s), "bool (2,): true false");
  GIVES(mlx_any_axis(&res, m, -1, true, s), "bool (2,1): true true");
  GIVES(mlx_max_axis(&res, x, 0, false, s), "float32 (3,): 4 5 9");
  GIVES(mlx_min_axis(&res, x, 1, true, s), "float32 (2,1): 1 4");
  GIVES(mlx_mean_axis(&res, x, 1, false, s), "float32 (2,): 2 6");
  GIVES(mlx_prod_axis(&res, x, 0, false, s), "float32 (3,): 4 10 27");
  GIVES(mlx_sum_axis(&res, x, -1, false, s), "float32 (2,): 6 18");
  GIVES(mlx_var_axis(&res, x, 0, false, 0, s), "float32 (3,): 2.25 2.25 9");
  GIVES(mlx_std_axis(&res, x, 0, true, 0, s), "float32 (1,3): 1.5 1.5 3");
  mlx_array z = text_put("float64 (1,2): 0 0");
  GIVES(mlx_logsumexp_axis(&res, z, 1, false, s), "float64 (1,): 0.693147");
  GIVES(mlx_softmax_axis(&res, z, 1, true, s), "float64 (1,2): 0.5 0.5");
  GIVES(mlx_number_of_elements(&res, x, (int[]){1}, 1, false, MLX_INT32, s), "int32 (): 3");
  GIVES(mlx_number_of_elements(&res, x, (int[]){0, 1}, 2, true, MLX_FLOAT32, s), "float32 (): 0.166667");
  mlx_array_free(x), mlx_array_free(m), mlx_array_free(z);
}

TEST(shapes_and_slices_of_32_bits) {
  mlx_array x = text_put("int32 (2,3): 1 2 3 4 5 6"), v = text_put("int32 (1,): 7"), u = text_put("int32 (2,1): 2 3");
  const int start[2] = {0, 1}, stop[2] = {2, 2}, step[2] = {1, 1};
  GIVES(mlx_broadcast_to(&res, v, (int[]){2, 2}, 2, s), "int32 (2,2): 7 7 7 7");
  GIVES(mlx_full(&res, (int[]){2}, 1, v, MLX_FLOAT32, s), "float32 (2,): 7 7");
  GIVES(mlx_full_like(&res, u, v, MLX_INT8, s), "int8 (2,1): 7 7");
  GIVES(mlx_copy(&res, x, s), "int32 (2,3): 1 2 3 4 5 6");
  GIVES(mlx_slice(&res, x, (int[]){1, 2}, 2, (int[]){-3, -4}, 2, (int[]){-1, -2}, 2, s), "int32 (2,2): 6 4 3 1");
  GIVES(mlx_slice_update(&res, x, u, start, 2, stop, 2, step, 2, s), "int32 (2,3): 1 2 3 4 3 6");
  GIVES(mlx_slice_update_add(&res, x, u, start, 2, stop, 2, step, 2, s), "int32 (2,3): 1 4 3 4 8 6");
  GIVES(mlx_slice_update_prod(&res, x, u, start, 2, stop, 2, step, 2, s), "int32 (2,3): 1 4 3 4 15 6");
  GIVES(mlx_slice_update_max(&res, x, u, start, 2, stop, 2, step, 2, s), "int32 (2,3): 1 2 3 4 5 6");
  GIVES(mlx_slice_update_min(&res, x, u, start, 2, stop, 2, step, 2, s), "int32 (2,3): 1 2 3 4 3 6");
  mlx_array zero = text_put("int32 (): 0");
  GIVES(mlx_pad_symmetric(&res, v, 2, zero, "constant", s), "int32 (5,): 0 0 7 0 0");
  GIVES(mlx_roll_axis(&res, x, (int[]){1}, 1, 1, s), "int32 (2,3): 3 1 2 6 4 5");
  GIVES(mlx_fft_fftfreq(&res, 4, 0.5, s), "float32 (4,): 0 0.5 -1 -0.5");
  GIVES(mlx_fft_rfftfreq(&res, 4, 0.5, s), "float32 (3,): 0 0.5 1");
  mlx_array_free(x), mlx_array_free(v), mlx_array_free(u), mlx_array_free(zero);
}

TEST(gathers_and_scatters_with_one_index_array) {
  mlx_array x = text_put("int32 (3,2): 1 2 3 4 5 6"), at = text_put("uint32 (2,): 2 0"), up = text_put("int32 (2,1,2): 9 9 2 2");
  mlx_vector_array indices = mlx_vector_array_new_value(at);
  GIVES(mlx_gather(&res, x, indices, (int[]){0}, 1, (int[]){1, 2}, 2, s), "int32 (2,1,2): 5 6 1 2");
  GIVES(mlx_gather_single(&res, x, at, 0, (int[]){1, 1}, 2, s), "int32 (2,1,1): 5 1");
  GIVES(mlx_scatter_single(&res, x, at, up, 0, s), "int32 (3,2): 2 2 3 4 9 9");
  GIVES(mlx_scatter_add_single(&res, x, at, up, 0, s), "int32 (3,2): 3 4 3 4 14 15");
  GIVES(mlx_scatter_prod_single(&res, x, at, up, 0, s), "int32 (3,2): 2 4 3 4 45 54");
  GIVES(mlx_scatter_max_single(&res, x, at, up, 0, s), "int32 (3,2): 2 2 3 4 9 9");
  GIVES(mlx_scatter_min_single(&res, x, at, up, 0, s), "int32 (3,2): 1 2 3 4 5 6");
  mlx_array row = text_put("int32 (1,2): 1 1"), ten = text_put("int32 (1,2): 10 20");
  GIVES(mlx_scatter_add_axis(&res, x, row, ten, 0, s), "int32 (3,2): 1 2 13 24 5 6");
  mlx_array_free(x), mlx_array_free(at), mlx_array_free(up), mlx_array_free(row), mlx_array_free(ten);
  mlx_vector_array_free(indices);
}

TEST(normal_numbers_by_mlx_c_s_call_are_shifted_and_scaled) {
  mlx_array key = mlx_array_new(), plain = mlx_array_new(), moved = mlx_array_new(), two = mlx_array_new_float(2), three = mlx_array_new_float(3);
  CHECK_OK(mlx_random_key(&key, 5));
  CHECK_OK(mlx_random_normal(&plain, (int[]){50}, 1, MLX_FLOAT32, 0, 1, key, s));
  CHECK_OK(mlx_random_normal(&moved, (int[]){50}, 1, MLX_FLOAT32, 3, 2, key, s));
  CHECK_OK(mlx_multiply(&plain, plain, two, s) || mlx_add(&plain, plain, three, s));
  GIVES(mlx_allclose(&res, moved, plain, 1e-6, 1e-6, false, s), "bool (): true");
  mlx_array_free(key), mlx_array_free(plain), mlx_array_free(moved), mlx_array_free(two), mlx_array_free(three);
}
