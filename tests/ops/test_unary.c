/* Elementwise operations of one array: dtypes, special values, refusals. */
#include "graph/prim.h"
#include "ops/text.h"

TEST(float_functions_take_integers_as_float32) {
  BEGIN;
  EXPECT(mx_sqrt(b, A("int32 (3,): 1 4 9")), "float32 (3,): 1 2 3");
  EXPECT(mx_exp(b, A("bool (2,): false true")), "float32 (2,): 1 2.71828");
  EXPECT(mx_log2(b, A("float16 (2,): 8 0.25")), "float16 (2,): 3 -2");
  EXPECT(mx_reciprocal(b, A("float64 (): 4")), "float64 (): 0.25");
  EXPECT(mx_sigmoid(b, A("float32 (3,): -1000 0 1000")), "float32 (3,): 0 0.5 1");
  EXPECT(mx_degrees(b, A("int32 (1,): 1")), "float32 (1,): 57.2958");
  EXPECT(mx_radians(b, A("float32 (1,): 180")), "float32 (1,): 3.14159");
  END;
}

TEST(what_is_known_without_computing_makes_no_node) {
  BEGIN;
  mx_array *i = A("int32 (2,): -3 4"), *u = A("uint8 (2,): 3 4"), *f = A("float32 (2,): 1 2"), *t = A("bool (2,): true false");
  CHECK(mx_floor(b, i) == i);
  CHECK(mx_round(b, i, 0) == i);
  CHECK(mx_round(b, i, 2) == i);
  CHECK(mx_abs(b, u) == u);
  CHECK(mx_real(b, f) == f);
  CHECK(mx_conjugate(b, f) == f);
  CHECK(mx_sign(b, t) == t);
  CHECK(mx_astype(b, f, MX_FLOAT32) == f);
  CHECK(mx_nan_to_num(b, i, 0, NULL, NULL) == i);
  EXPECT(mx_imag(b, f), "float32 (2,): 0 0");
  EXPECT(mx_isnan(b, i), "bool (2,): false false");
  EXPECT(mx_isfinite(b, u), "bool (2,): true true");
  END;
}

TEST(signs_and_magnitudes) {
  BEGIN;
  EXPECT(mx_abs(b, A("int8 (2,): -5 7")), "int8 (2,): 5 7");
  EXPECT(mx_abs(b, A("complex64 (2,): 3+4j 0j")), "float32 (2,): 5 0");
  EXPECT(mx_sign(b, A("float32 (4,): -2 0 3 nan")), "float32 (4,): -1 0 1 nan");
  EXPECT(mx_sign(b, A("complex64 (2,): 3+4j 0j")), "complex64 (2,): 0.6+0.8j 0+0j");
  EXPECT(mx_negative(b, A("uint8 (2,): 1 0")), "uint8 (2,): 255 0");
  EXPECT(mx_square(b, A("int32 (2,): -3 4")), "int32 (2,): 9 16");
  EXPECT(mx_bitwise_invert(b, A("bool (2,): true false")), "bool (2,): false true");
  EXPECT(mx_conjugate(b, A("complex64 (1,): 1+2j")), "complex64 (1,): 1-2j");
  EXPECT(mx_imag(b, A("complex64 (1,): 1+2j")), "float32 (1,): 2");
  END;
}

TEST(rounding_goes_to_even_and_takes_decimals) {
  BEGIN;
  EXPECT(mx_round(b, A("float32 (4,): 0.5 1.5 2.5 -0.5"), 0), "float32 (4,): 0 2 2 -0");
  EXPECT(mx_round(b, A("float32 (2,): 1.25 1.35"), 1), "float32 (2,): 1.2 1.4");
  EXPECT(mx_round(b, A("int32 (3,): 15 25 -15"), -1), "int32 (3,): 20 20 -20");
  EXPECT(mx_floor(b, A("float32 (2,): -1.5 1.5")), "float32 (2,): -2 1");
  EXPECT(mx_ceil(b, A("bfloat16 (2,): -1.5 1.5")), "bfloat16 (2,): -1 2");
  END;
}

TEST(classification_and_nan_to_num) {
  BEGIN;
  mx_array *x = A("float32 (4,): nan inf -inf 1");
  EXPECT(mx_isnan(b, x), "bool (4,): true false false false");
  EXPECT(mx_isinf(b, x), "bool (4,): false true true false");
  EXPECT(mx_isfinite(b, x), "bool (4,): false false false true");
  EXPECT(mx_isposinf(b, x), "bool (4,): false true false false");
  EXPECT(mx_isneginf(b, x), "bool (4,): false false true false");
  EXPECT(mx_nan_to_num(b, x, 7, NULL, NULL), "float32 (4,): 7 3.40282e+38 -3.40282e+38 1");
  EXPECT(mx_nan_to_num(b, x, 0, &(double){5}, &(double){-6}), "float32 (4,): 0 5 -6 1");
  EXPECT(mx_nan_to_num(b, A("float16 (2,): inf -inf"), 0, NULL, NULL), "float16 (2,): 6.55e+04 -6.55e+04");
  END;
}

TEST(refusals_name_the_operation_and_the_dtype) {
  BEGIN;
  EXPECT_ERROR(mx_floor(b, A("complex64 (): 1")), MX_EVALUE, "[floor] Not supported for complex64.");
  EXPECT_ERROR(mx_erf(b, A("complex64 (): 1")), MX_EVALUE, "[erf] Not supported for complex64.");
  EXPECT_ERROR(mx_negative(b, A("bool (): true")), MX_EVALUE, "[negative] Not supported for bool, use logical_not instead.");
  EXPECT_ERROR(mx_bitwise_invert(b, A("float32 (): 1")), MX_EVALUE, "[bitwise_invert] Bitwise inverse only allowed on integer types");
  EXPECT_ERROR(mx_apply1(b, &mx_prim_exp, A("int32 (): 1")), MX_EVALUE, "[exp] Not supported for int32.");
  END;
}

TEST(a_view_reads_the_same_bytes_as_another_dtype) {
  BEGIN;
  EXPECT(mx_view(b, A("float32 (2,): 1 2"), MX_INT32), "int32 (2,): 1065353216 1073741824");
  EXPECT(mx_view(b, A("float32 (2,): 1 2"), MX_UINT8), "uint8 (8,): 0 0 128 63 0 0 0 64");
  EXPECT(mx_view(b, A("uint8 (2,4): 0 0 128 63 0 0 0 64"), MX_FLOAT32), "float32 (2,1): 1 2");
  EXPECT(mx_view(b, mx_transpose(b, A("int16 (2,2): 1 2 3 4"), NULL, 0), MX_INT32), "int32 (2,1): 196609 262146");
  EXPECT_ERROR(mx_view(b, A("uint8 (3,): 1 2 3"), MX_INT32), MX_EVALUE, "[view] When viewing as a larger dtype");
  EXPECT_ERROR(mx_view(b, A("float32 (): 1"), MX_INT16), MX_EVALUE, "[view] Changing the type of a scalar");
  END;
}

TEST(casts_truncate_and_take_the_real_part) {
  BEGIN;
  EXPECT(mx_astype(b, A("float32 (3,): -1.7 0.5 2.9"), MX_INT32), "int32 (3,): -1 0 2");
  EXPECT(mx_astype(b, A("complex64 (2,): 1+2j 0+3j"), MX_FLOAT32), "float32 (2,): 1 0");
  EXPECT(mx_astype(b, A("float32 (3,): 0 0.1 nan"), MX_BOOL), "bool (3,): false true true");
  EXPECT(mx_astype(b, A("int64 (2,): 9007199254740993 -1"), MX_UINT64), "uint64 (2,): 9007199254740993 18446744073709551615");
  EXPECT(mx_astype(b, A("float32 (2,): 65520 1e-8"), MX_FLOAT16), "float16 (2,): inf 0");
  END;
}
