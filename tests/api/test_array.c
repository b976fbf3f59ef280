/* Handles of arrays: made from values, data and the caller's memory; read back by dtype. */
#include "mlx/c/array.h"
#include "mlx/c/error.h"
#include "mlx/c/half.h"
#include "mlx/c/ravel.h"

#include "ops/text.h"

#include <stdlib.h>

TEST(scalars_have_the_dtype_of_their_name) {
  CHECK_STR(text_take(mlx_array_new_bool(true)), "bool (): true");
  CHECK_STR(text_take(mlx_array_new_int(-7)), "int32 (): -7");
  CHECK_STR(text_take(mlx_array_new_float(1.5f)), "float32 (): 1.5");
  CHECK_STR(text_take(mlx_array_new_float32(2.5f)), "float32 (): 2.5");
  CHECK_STR(text_take(mlx_array_new_float64(0.1)), "float64 (): 0.1");
  CHECK_STR(text_take(mlx_array_new_double(0.25)), "float64 (): 0.25");
  CHECK_STR(text_take(mlx_array_new_complex(1, -2)), "complex64 (): 1-2j");
}

TEST(setting_replaces_the_array_of_a_handle) {
  mlx_array a = mlx_array_new(), b = text_put("int8 (2,): 1 2");
#define SET(call, text)                                                                                       \
  CHECK_OK(call);                                                                                             \
  { mlx_array copy = mlx_array_new(); CHECK_OK(mlx_array_set(&copy, a)); CHECK_STR(text_take(copy), text); }
  SET(mlx_array_set(&a, b), "int8 (2,): 1 2")
  SET(mlx_array_set_bool(&a, false), "bool (): false")
  SET(mlx_array_set_int(&a, 3), "int32 (): 3")
  SET(mlx_array_set_float(&a, 0.5f), "float32 (): 0.5")
  SET(mlx_array_set_float32(&a, -0.5f), "float32 (): -0.5")
  SET(mlx_array_set_float64(&a, 0.1), "float64 (): 0.1")
  SET(mlx_array_set_double(&a, 8), "float64 (): 8")
  SET(mlx_array_set_complex(&a, 0, 1), "complex64 (): 0+1j")
  SET(mlx_array_set_data(&a, (uint16_t[]){5, 6, 65535}, (int[]){3, 1}, 2, MLX_UINT16), "uint16 (3,1): 5 6 65535")
  SET(mlx_array_set(&a, a), "uint16 (3,1): 5 6 65535")
#undef SET
  mlx_array_free(a);
  mlx_array_free(b);
}

TEST(an_array_tells_its_shape_and_strides) {
  mlx_array a = text_put("float64 (2,3): 1 2 3 4 5 6");
  CHECK_OK(mlx_array_eval(a));
  CHECK_INT(mlx_array_shape(a)[0], 2);
  CHECK_INT(mlx_array_shape(a)[1], 3);
  CHECK_INT(mlx_array_dim(a, -1), 3);
  CHECK_INT(mlx_array_strides(a)[0], 3);
  CHECK_INT(mlx_array_strides(a)[1], 1);
  CHECK_INT(mlx_array_nbytes(a), 48);
  CHECK_INT(mlx_array_itemsize(a), 8);
  mlx_array_free(a);
}

/* Each dtype's data pointer and item: the last of three elements, and the array of that alone. */
#define READS(dtype, type, text, last, want)                                                                  \
  {                                                                                                           \
    mlx_array a = text_put(#dtype " (3,): " text), one = text_put(#dtype " (): " last);                       \
    type x;                                                                                                   \
    CHECK_OK(mlx_array_eval(a));                                                                              \
    CHECK(mlx_array_data_##dtype(a)[2] == (type)(want));                                                      \
    CHECK_OK(mlx_array_item_##dtype(&x, one));                                                                \
    CHECK(x == (type)(want));                                                                                 \
    mlx_array_free(a);                                                                                        \
    mlx_array_free(one);                                                                                      \
  }
TEST(data_and_items_of_every_dtype) {
  READS(bool, bool, "false true true", "true", true)
  READS(uint8, uint8_t, "1 2 255", "255", 255)
  READS(uint16, uint16_t, "1 2 65535", "65535", 65535)
  READS(uint32, uint32_t, "1 2 4294967295", "4294967295", 4294967295)
  READS(uint64, uint64_t, "1 2 18446744073709551615", "18446744073709551615", UINT64_MAX)
  READS(int8, int8_t, "1 2 -128", "-128", -128)
  READS(int16, int16_t, "1 2 -32768", "-32768", -32768)
  READS(int32, int32_t, "1 2 -5", "-5", -5)
  READS(int64, int64_t, "1 2 -9223372036854775808", "-9223372036854775808", INT64_MIN)
  READS(float16, float16_t, "1 2 -2", "-2", 0xc000)   /* by their bits */
  READS(bfloat16, bfloat16_t, "1 2 -2", "-2", 0xc000)
  READS(float32, float, "1 2 0.5", "0.5", 0.5)
  READS(float64, double, "1 2 0.1", "0.1", 0.1)
  mlx_array z = text_put("complex64 (2,): 1+2j 3-4j"), one = text_put("complex64 (): 3-4j");
  mlx_complex64_t x;
  CHECK_OK(mlx_array_eval(z));
  CHECK(mlx_array_data_complex64(z)[1].re == 3 && mlx_array_data_complex64(z)[1].im == -4);
  CHECK_OK(mlx_array_item_complex64(&x, one));
  CHECK(x.re == 3 && x.im == -4);
  mlx_array_free(z);
  mlx_array_free(one);
}

static int released;
static void release(void *p) {
  released++;
  free(p);
}
static void count_release(void *counter) { ++*(int *)counter; }

TEST(memory_of_the_caller_is_given_back_once) {
  float *mine = malloc(4 * sizeof *mine);
  int calls = 0;
  static float fixed[2] = {7, 8};
  for (int i = 0; i < 4; i++) mine[i] = (float)i;
  released = 0;
  mlx_array a = mlx_array_new_data_managed(mine, (int[]){2, 2}, 2, MLX_FLOAT32, release), b = mlx_array_new();
  CHECK_OK(mlx_array_set(&b, a));
  mlx_array_free(a);
  CHECK_INT(released, 0);
  CHECK_STR(text_take(b), "float32 (2,2): 0 1 2 3");
  CHECK_INT(released, 1);
  a = mlx_array_new_data_managed_payload(fixed, (int[]){2}, 1, MLX_FLOAT32, &calls, count_release);
  CHECK_STR(text_take(a), "float32 (2,): 7 8");
  CHECK_INT(calls, 1);
}
