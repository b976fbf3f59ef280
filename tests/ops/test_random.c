/* Random numbers: bit for bit those of MLX for the same key; the floats that pass through erfinv or log to six digits. */
#include "eval/eval.h"
#include "ops/text.h"

#include <string.h>

#define SHAPE(...) (int64_t[]){__VA_ARGS__}, MX_COUNT(((int64_t[]){__VA_ARGS__}))
#define BITS(expression) mx_view(b, expression, MX_UINT32)
#define F32(x) mx_scalar(b, x, MX_FLOAT32)
/* Within 4 ulp of what MLX draws. */
#define CLOSE(expression, text) EXPECT(mx_allclose(b, expression, A(text), 4.8e-7, 1e-12, false), "bool (): true")

TEST(keys_split_into_keys) {
  BEGIN;
  mx_array *k = mx_random_key(b, 42);
  EXPECT(k, "uint32 (2,): 0 42");
  EXPECT(mx_random_key(b, (5ull << 32) + 7), "uint32 (2,): 5 7");
  EXPECT(mx_random_split(b, k, 3), "uint32 (3,2): 3134548294 3733159049 3746501087 894150801 801545058 2363201431");
  EXPECT(mx_random_split(b, k, 1), "uint32 (1,2): 64467757 2916123636");
  EXPECT(mx_random_split(b, k, 0), "uint32 (0,2):");
  END;
}
TEST(narrow_bits_are_the_bytes_of_the_words) {
  BEGIN;
  mx_array *k = mx_random_key(b, 42), *words = mx_random_bits(b, SHAPE(2), 4, k);
  CHECK_STR(text_show(b, mx_random_bits(b, SHAPE(8), 1, k)), text_show(b, mx_view(b, words, MX_UINT8)));
  CHECK_STR(text_show(b, mx_random_bits(b, SHAPE(2, 2), 2, k)), text_show(b, mx_reshape(b, mx_view(b, words, MX_UINT16), SHAPE(2, 2))));
  EXPECT(mx_random_bits(b, SHAPE(0), 4, k), "uint32 (0,):");
  EXPECT_ERROR(mx_random_bits(b, SHAPE(2), 3, k), MX_EVALUE, "[bits] Bit width must be in {1, 2, 4} but got 3.");
  EXPECT_ERROR(mx_random_bits(b, SHAPE(2), 4, A("int32 (2,): 1 2")), MX_EVALUE, "[bits] Expected key type uint32 but received int32.");
  EXPECT_ERROR(mx_random_bits(b, SHAPE(2), 4, A("uint32 (3,): 1 2 3")), MX_EVALUE, "[bits] Expected key shape (2,) but received (3,).");
  EXPECT_ERROR(mx_random_bits(b, SHAPE(-1), 4, k), MX_EVALUE, "[bits] Negative dimensions not allowed.");
  END;
}
TEST(uniform_numbers_are_bit_equal) {
  BEGIN;
  mx_array *k = mx_random_key(b, 42), *zero = F32(0), *one = F32(1);
  EXPECT(BITS(mx_random_uniform(b, zero, one, SHAPE(5), MX_FLOAT32, k)), "uint32 (5,): 1060820329 1063158653 1044981518 1045769890 1044322926");
  EXPECT(BITS(mx_random_uniform(b, F32(-2.5), F32(7), SHAPE(2, 2), MX_FLOAT32, k)), "uint32 (2,2): 1077744750 1085565686 3220681209 3220450548");
  EXPECT(mx_view(b, mx_random_uniform(b, zero, one, SHAPE(4), MX_FLOAT16, k), MX_UINT16), "uint16 (4,): 14488 15066 11164 11259");
  EXPECT(mx_view(b, mx_random_uniform(b, zero, one, SHAPE(4), MX_BFLOAT16, k), MX_UINT16), "uint16 (4,): 16147 16219 15732 15743");
  mx_array *low = A("float32 (2,): 0 10"), *high = A("float32 (2,1): 1 20");
  EXPECT(BITS(mx_random_uniform(b, low, high, SHAPE(2, 2), MX_FLOAT32, k)), "uint32 (2,2): 1058208545 1074959272 1066940539 1093270038");
  EXPECT_ERROR(mx_random_uniform(b, low, one, NULL, 0, MX_FLOAT32, k), MX_EVALUE,
               "[uniform] Cannot generate random values of shape () from broadcasted shape (2,).");
  EXPECT_ERROR(mx_random_uniform(b, zero, one, NULL, 0, MX_INT32, k), MX_EVALUE,
               "[uniform] Can only generate uniform numbers with real floating point type");
  END;
}
TEST(integers_truths_and_permutations_are_bit_equal) {
  BEGIN;
  mx_array *k = mx_random_key(b, 42), *x = A("int32 (2,3): 0 1 2 3 4 5");
  EXPECT(mx_random_randint(b, A("int32 (): -5"), A("int32 (): 17"), SHAPE(8), MX_INT32, k), "int32 (8,): 10 8 0 0 11 1 -5 -5");
  EXPECT(mx_random_randint(b, A("int32 (): 0"), A("int32 (): 100"), SHAPE(5), MX_UINT8, k), "uint8 (5,): 72 86 19 20 18");
  EXPECT(mx_random_bernoulli(b, F32(0.3), SHAPE(9), k), "bool (9,): false false true false false true false true false");
  EXPECT(mx_random_bernoulli(b, A("float32 (3,): 0 0.5 1"), NULL, 0, k), "bool (3,): false true true");
  EXPECT(mx_random_permutation_arange(b, 9, k), "uint32 (9,): 5 2 7 1 6 8 0 4 3");
  EXPECT(mx_random_permutation(b, x, 1, k), "int32 (2,3): 2 1 0 5 4 3");
  EXPECT_ERROR(mx_random_randint(b, F32(0), F32(2), SHAPE(1), MX_FLOAT32, k), MX_EVALUE, "[randint] randint only accepts integer dtypes and bool");
  EXPECT_ERROR(mx_random_bernoulli(b, A("int32 (): 1"), NULL, 0, k), MX_EVALUE, "[bernoulli]");
  END;
}
TEST(other_distributions) {
  BEGIN;
  mx_array *k = mx_random_key(b, 42), *logits = A("float32 (2,3): 0 1 2 3 0 0"), *row = A("float32 (3,): 0 1 2");
  CLOSE(mx_random_normal(b, SHAPE(5), MX_FLOAT32, NULL, NULL, k), "float32 (5,): 0.612265408 1.12258863 -0.854413033 -0.812732399 -0.890404701");
  CLOSE(mx_random_normal(b, SHAPE(3), MX_FLOAT32, F32(1.5), F32(2.5), k), "float32 (3,): 1.96733904 -1.70162582 -2.39828181");
  EXPECT(mx_random_normal(b, SHAPE(3), MX_FLOAT16, NULL, NULL, k), "float16 (3,): 0.1869 -1.281 -1.559");
  CLOSE(mx_random_normal(b, SHAPE(2), MX_COMPLEX64, NULL, NULL, k), "complex64 (2,): 0.132183462+0.75330478j -1.10260057-1.08561778j");
  /* The difference of two erf cancels: what MLX draws to within 1e-6. */
  EXPECT(mx_allclose(b, mx_random_truncated_normal(b, F32(-1), F32(2), SHAPE(4), MX_FLOAT32, k),
                     A("float32 (4,): 0.328271568 1.07984388 -0.815720856 -0.807465255"), 0, 1e-6, false), "bool (): true");
  CLOSE(mx_random_gumbel(b, SHAPE(3), MX_FLOAT32, k), "float32 (3,): 0.589013696 -0.833345532 -1.03759873");
  CLOSE(mx_random_laplace(b, SHAPE(3), MX_FLOAT32, 1, 2, k), "float32 (3,): 0.678984165 4.21571255 5.25856781");
  EXPECT(mx_random_categorical(b, logits, -1, NULL, 0, -1, k), "uint32 (2,): 2 0");
  EXPECT(mx_random_categorical(b, logits, 0, NULL, 0, -1, k), "uint32 (3,): 1 0 0");
  EXPECT(mx_random_categorical(b, row, 0, NULL, 0, -1, k), "uint32 (): 2");
  EXPECT(mx_random_categorical(b, mx_expand_dims(b, row, (int[]){1}, 1), 0, NULL, 0, 3, k), "uint32 (1,3): 2 1 0");
  EXPECT(mx_random_categorical(b, mx_expand_dims(b, row, (int[]){0}, 1), -1, SHAPE(4, 1), -1, k), "uint32 (4,1): 2 2 0 0");
  EXPECT(mx_random_categorical(b, row, 0, NULL, 0, 5, k), "uint32 (5,): 2 2 1 1 1");
  EXPECT(mx_random_categorical(b, row, -1, SHAPE(2, 3), -1, k), "uint32 (2,3): 2 2 2 1 1 2");
  EXPECT_ERROR(mx_random_categorical(b, logits, 5, NULL, 0, -1, k), MX_EINDEX, "[categorical] Invalid axis 5 for logits with 2 dimensions.");
  EXPECT_ERROR(mx_random_normal(b, SHAPE(1), MX_INT32, NULL, NULL, k), MX_EVALUE, "[normal]");
  END;
}
TEST(the_implicit_sequence_starts_anew_with_its_seed) {
  BEGIN;
  CHECK_OK(mx_random_seed(7));
  EXPECT(BITS(mx_random_uniform(b, F32(0), F32(1), SHAPE(2), MX_FLOAT32, NULL)), "uint32 (2,): 1057212358 1033945088");
  EXPECT(BITS(mx_random_uniform(b, F32(0), F32(1), SHAPE(2), MX_FLOAT32, NULL)), "uint32 (2,): 1062019478 1044175648");
  CHECK_OK(mx_random_seed(7));
  mx_array *state = mx_random_state();
  EXPECT(state, "uint32 (2,): 0 7");
  mx_array *first = mx_random_bits(b, SHAPE(1), 4, NULL), *second = mx_random_bits(b, SHAPE(1), 4, NULL);
  CHECK(strcmp(text_show(b, first), text_show(b, second)) != 0);
  CHECK_OK(mx_random_set_state(state));
  CHECK_STR(text_show(b, mx_random_bits(b, SHAPE(1), 4, NULL)), text_show(b, first));
  mx_unref(state);
  CHECK_OK(mx_random_seed(0));
  END;
}
