/* Elementwise operations of two and three arrays: promotion, broadcasting, special values. */
#include "graph/prim.h"
#include "ops/text.h"

TEST(dtypes_are_promoted_and_shapes_broadcast) {
  BEGIN;
  EXPECT(mx_add(b, A("int32 (2,1): 1 2"), A("float16 (3,): 0.5 1 2")), "float16 (2,3): 1.5 2 3 2.5 3 4");
  EXPECT(mx_multiply(b, A("uint8 (2,): 200 2"), A("int8 (2,): -1 3")), "int16 (2,): -200 6");
  EXPECT(mx_subtract(b, A("float16 (1,): 1"), A("bfloat16 (1,): 3")), "float32 (1,): -2");
  EXPECT(mx_divide(b, A("int32 (2,): 1 3"), A("int32 (2,): 2 0")), "float32 (2,): 0.5 inf");
  EXPECT(mx_add(b, A("float32 (0,3)"), A("float32 (3,): 1 2 3")), "float32 (0,3):");
  EXPECT(mx_equal(b, A("int32 (2,): 1 2"), A("float32 (): 2")), "bool (2,): false true");
  EXPECT_ERROR(mx_add(b, A("float32 (2,3): 1 1 1 1 1 1"), A("float32 (4,): 1 1 1 1")), MX_EVALUE,
               "[add] Shapes (2,3) and (4,) cannot be broadcast.");
  END;
}

TEST(arithmetic_on_bool_is_logic) {
  BEGIN;
  mx_array *x = A("bool (4,): false false true true"), *y = A("bool (4,): false true false true");
  EXPECT(mx_add(b, x, y), "bool (4,): false true true true");
  EXPECT(mx_multiply(b, x, y), "bool (4,): false false false true");
  EXPECT(mx_maximum(b, x, y), "bool (4,): false true true true");
  EXPECT(mx_power(b, x, y), "bool (4,): true false true true");
  EXPECT(mx_logical_xor(b, A("int32 (2,): 0 3"), A("float32 (2,): 2 nan")), "bool (2,): true false");
  EXPECT(mx_logical_and(b, A("int32 (2,): 0 3"), A("float32 (2,): 2 0.1")), "bool (2,): false true");
  mx_array *half = A("float16 (3,): -0 0.5 nan"), *wide = A("int64 (3,): 0 65536 7"); /* 65536 is infinite in float16, and true */
  EXPECT(mx_logical_or(b, half, wide), "bool (3,): false true true");
  EXPECT(mx_logical_xor(b, half, half), "bool (3,): false false false");
  EXPECT(mx_logical_not(b, half), "bool (3,): true false false");
  END;
}

TEST(floor_division_and_remainder_follow_python) {
  BEGIN;
  mx_array *quotient[2];
  mx_divmod(b, A("int32 (3,): -7 7 -7"), A("int32 (3,): 2 -2 -2"), quotient);
  EXPECT(quotient[0], "int32 (3,): -4 -4 3");
  EXPECT(quotient[1], "int32 (3,): 1 -1 -1");
  EXPECT(mx_remainder(b, A("float32 (5,): -7 7 5 inf 3"), A("float32 (5,): 2 -2 0 2 inf")), "float32 (5,): 1 -1 nan nan 3");
  EXPECT(mx_floor_divide(b, A("float32 (3,): -7 7.5 1"), A("float32 (3,): 2 -2 0")), "float32 (3,): -4 -4 inf");
  EXPECT(mx_floor_divide(b, A("int32 (2,): 5 -2147483648"), A("int32 (2,): 0 -1")), "int32 (2,): 0 -2147483648");
  EXPECT(mx_remainder(b, A("int64 (2,): 5 -9223372036854775808"), A("int64 (2,): 0 -1")), "int64 (2,): 0 0");
  EXPECT_ERROR(mx_remainder(b, A("complex64 (): 1"), A("complex64 (): 1")), MX_EVALUE, "[remainder] Complex type not supported.");
  END;
}

TEST(extremes_and_powers_of_special_values) {
  BEGIN;
  EXPECT(mx_maximum(b, A("float32 (3,): nan 1 -inf"), A("float32 (3,): 1 nan 2")), "float32 (3,): nan nan 2");
  EXPECT(mx_minimum(b, A("float32 (2,): nan 1"), A("float32 (2,): 1 -2")), "float32 (2,): nan -2");
  EXPECT(mx_power(b, A("int32 (4,): 2 -2 0 3"), A("int32 (4,): 3 -1 0 4")), "int32 (4,): 8 0 1 81");
  EXPECT(mx_power(b, A("float32 (3,): 2 0 -8"), A("float32 (3,): -1 0 2")), "float32 (3,): 0.5 1 64");
  EXPECT(mx_logaddexp(b, A("float32 (3,): -inf 0 inf"), A("float32 (3,): -inf 0 1")), "float32 (3,): -inf 0.693147 inf");
  EXPECT(mx_arctan2(b, A("float32 (2,): 1 -0"), A("float32 (2,): 1 -1")), "float32 (2,): 0.785398 -3.14159");
  END;
}

TEST(bits_are_for_integers) {
  BEGIN;
  EXPECT(mx_bitwise_and(b, A("int32 (2,): 6 -1"), A("int32 (2,): 3 255")), "int32 (2,): 2 255");
  EXPECT(mx_bitwise_xor(b, A("uint8 (1,): 255"), A("uint8 (1,): 15")), "uint8 (1,): 240");
  EXPECT(mx_left_shift(b, A("bool (1,): true"), A("bool (1,): true")), "uint8 (1,): 2");
  EXPECT(mx_right_shift(b, A("int32 (1,): -8"), A("int32 (1,): 1")), "int32 (1,): -4");
  EXPECT_ERROR(mx_bitwise_or(b, A("float32 (): 1"), A("int32 (): 1")), MX_EVALUE,
               "[bitwise_or] Only allowed on integer or boolean types but got types float32 and float32.");
  END;
}

TEST(where_and_clip) {
  BEGIN;
  EXPECT(mx_where(b, A("int32 (2,1): 1 0"), A("int32 (3,): 1 2 3"), A("float32 (): 0.5")), "float32 (2,3): 1 2 3 0.5 0.5 0.5");
  EXPECT(mx_clip(b, A("float32 (4,): -1 0.5 2 nan"), A("int32 (): 0"), A("int32 (): 1")), "float32 (4,): 0 0.5 1 nan");
  EXPECT(mx_clip(b, A("int32 (2,): -5 5"), NULL, A("int32 (): 1")), "int32 (2,): -5 1");
  EXPECT(mx_clip(b, A("float32 (1,): 5"), A("float32 (): 3"), A("float32 (): 1")), "float32 (1,): 1");
  EXPECT_ERROR(mx_clip(b, A("int32 (): 1"), NULL, NULL), MX_EVALUE, "At most one of a_min and a_max may be None");
  END;
}

TEST(closeness_and_equality) {
  BEGIN;
  mx_array *x = A("float32 (3,): inf nan 1"), *y = A("float32 (3,): inf nan 1.000001");
  EXPECT(mx_isclose(b, x, y, 1e-5, 1e-8, false), "bool (3,): true false true");
  EXPECT(mx_isclose(b, x, y, 1e-5, 1e-8, true), "bool (3,): true true true");
  EXPECT(mx_isclose(b, A("float32 (): inf"), A("float32 (): 1"), 1e-5, 1e-8, true), "bool (): false");
  EXPECT(mx_allclose(b, x, y, 1e-5, 1e-8, true), "bool (): true");
  EXPECT(mx_array_equal(b, x, x, false), "bool (): false");
  EXPECT(mx_array_equal(b, x, x, true), "bool (): true");
  EXPECT(mx_array_equal(b, x, A("float32 (1,): 1"), false), "bool (): false");
  END;
}

TEST(division_by_a_constant_power_of_two_is_a_product_with_the_same_bits) {
  BEGIN;
  static const enum mx_dtype dtypes[] = {MX_FLOAT16, MX_BFLOAT16, MX_FLOAT32, MX_FLOAT64};
  for (int i = 0; i < 4; i++) {
    mx_array *x = mx_astype(b, A("float32 (7): 1 -3 1e-40 -0 inf 65504 nan"), dtypes[i]);
    mx_array *product = mx_divide(b, x, mx_scalar(b, -8, dtypes[i])), *eight = mx_astype(b, A("float32 (1): -8"), dtypes[i]);
    CHECK(product && product->node->prim == &mx_prim_multiply);
    mx_array *quotient = mx_divide(b, x, eight);
    CHECK(quotient && quotient->node->prim == &mx_prim_divide);
    EXPECT(mx_array_equal(b, product, quotient, true), "bool (): true");
    CHECK(mx_divide(b, x, mx_scalar(b, 3, dtypes[i]))->node->prim == &mx_prim_divide);
  }
  END;
}

TEST_TORTURE(a_build_survives_every_failing_allocation) {
  BEGIN;
  mx_array *x = b->status ? NULL : mx_build_own(b, mx_array_scalar(2, MX_FLOAT32));
  for (int i = 0; i < 12; i++) x = mx_clip(b, mx_add(b, mx_exp(b, x), mx_square(b, x)), NULL, mx_scalar(b, 3, MX_FLOAT32));
  CHECK(b->status || x->t.ndim == 0);
  END;
}
