/* Public functions: handles in, handles out; what an error leaves as it was. */
#include "mlx/c/ops.h"
#include "mlx/c/random.h"
#include "mlx/c/error.h"

#include "core/error.h"
#include "ops/text.h"

#include <string.h>

static const mlx_stream plain = {NULL};
static void quiet(const char *text, void *data) { strncpy(data, text, 255); }
TEST(a_result_replaces_the_handle_and_an_error_leaves_it) {
  char said[256] = "";
  mlx_set_error_handler(quiet, said, NULL);
  mlx_array x = text_put("float32 (2,): 1 4"), y = text_put("float32 (3,): 1 2 3"), res = {NULL};
  CHECK_INT(mlx_sqrt(&res, x, plain), 0);
  CHECK_INT(mlx_add(&res, res, x, plain), 0);
  void *before = res.ctx;
  CHECK(mlx_add(&res, x, y, plain) != 0);
  CHECK(strstr(said, "cannot be broadcast"));
  CHECK(res.ctx == before);
  CHECK(mlx_exp(&res, (mlx_array){NULL}, plain) != 0);
  CHECK(mlx_astype(&res, x, (mlx_dtype)77, plain) != 0);
  CHECK(strstr(said, "There is no dtype 77"));
  CHECK(res.ctx == before);
  CHECK_STR(text_take(res), "float32 (2,): 2 6");
  mx_unref(x.ctx);
  mx_unref(y.ctx);
  mx_error_clear();
  mlx_set_error_handler(NULL, NULL, NULL);
}

TEST(vectors_of_arrays_go_in_and_come_out) {
  mlx_array x = text_put("int32 (2,2): 1 2 3 4"), res = {NULL};
  mlx_vector_array parts = mlx_vector_array_new();
  CHECK_INT(mlx_split(&parts, x, 2, 1, plain), 0);
  CHECK_INT(mlx_vector_array_size(parts), 2);
  CHECK_INT(mlx_concatenate_axis(&res, parts, 0, plain), 0);
  CHECK_STR(text_take(res), "int32 (4,1): 1 3 2 4");
  res.ctx = NULL;
  CHECK_INT(mlx_stack(&res, parts, plain), 0);
  CHECK_STR(text_take(res), "int32 (2,2,1): 1 3 2 4");
  CHECK_INT(mlx_divmod(&parts, x, x, plain), 0);
  CHECK_INT(mlx_vector_array_size(parts), 2);
  mlx_vector_array_free(parts);
  mx_unref(x.ctx);
}

TEST(shapes_axes_and_absent_arrays) {
  mlx_array x = text_put("float32 (2,3): 1 2 3 4 5 6"), res = {NULL}, key = {NULL};
  int shape[2] = {3, 2}, axes[1] = {-1};
  CHECK_INT(mlx_reshape(&res, x, shape, 2, plain), 0);
  CHECK_INT(mlx_sum_axes(&res, res, axes, 1, true, plain), 0);
  CHECK_STR(text_take(res), "float32 (3,1): 3 7 11");
  res.ctx = NULL;
  CHECK_INT(mlx_sum_axes(&res, x, NULL, 0, false, plain), 0); /* no axes: nothing is summed */
  CHECK_STR(text_take(res), "float32 (2,3): 1 2 3 4 5 6");
  res.ctx = NULL;
  mlx_array hi = text_put("float32 (): 2");
  CHECK_INT(mlx_clip(&res, x, (mlx_array){NULL}, hi, plain), 0);
  CHECK_STR(text_take(res), "float32 (2,3): 1 2 2 2 2 2");
  res.ctx = NULL;
  CHECK_INT(mlx_random_key(&key, 42), 0);
  CHECK_INT(mlx_random_split(&key, &res, key, plain), 0);
  CHECK_STR(text_take(res), "uint32 (2,): 255383827 267815257");
  mx_unref(key.ctx);
  mx_unref(hi.ctx);
  mx_unref(x.ctx);
}
