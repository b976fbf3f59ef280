/* Hostile sizes: what overflows is an error, never a wrong size. */
#include "graph/prim.h"
#include "ops/text.h"

static const int64_t huge[3] = {0, 1ll << 40, 1ll << 40};

TEST(dimensions_beside_a_zero_may_be_huge) {
  BEGIN;
  mx_array *z = mx_zeros(b, huge, 3, MX_FLOAT32);
  CHECK(mx_sum(b, z, (int[]){0}, 1, false) == NULL); /* its result would have 2^80 elements */
  CHECK(b->status == MX_EVALUE);
  mx_build_end_many(b, NULL, 0, NULL);
  mx_build_begin(b, NULL);
  z = mx_zeros(b, huge, 3, MX_FLOAT32);
  EXPECT(mx_sum(b, z, NULL, 0, false), "float32 (): 0");
  EXPECT_ERROR(mx_concatenate(b, (mx_array *[]){z, z, z}, 3, 5), MX_EINDEX, "[concatenate]");
  EXPECT_ERROR(mx_broadcast_to(b, A("float32 (): 1"), huge + 1, 2), MX_EVALUE, "too many elements");
  EXPECT_ERROR(mx_outer(b, mx_zeros(b, huge + 1, 1, MX_INT8), mx_zeros(b, huge + 1, 1, MX_INT8)), MX_EVALUE, "too many elements");
  EXPECT_ERROR(mx_repeat(b, mx_zeros(b, huge + 1, 1, MX_INT8), INT64_MAX, NULL), MX_EVALUE, "too many elements");
  EXPECT_ERROR(mx_tile(b, A("int8 (2,): 1 2"), (int64_t[]){INT64_MAX}, 1), MX_EVALUE, "too many elements");
  EXPECT_ERROR(mx_eye(b, 1ll << 40, 1ll << 40, 0, MX_FLOAT32), MX_EVALUE, "too many elements");
  int64_t most = INT64_MAX, none = 0;
  int axis = 0;
  EXPECT_ERROR(mx_pad(b, A("int8 (2,): 1 2"), &axis, 1, &most, &none, A("int8 (): 0"), MX_PAD_CONSTANT), MX_EVALUE, "too many elements");
  EXPECT_ERROR(mx_pad(b, A("int8 (2,): 1 2"), &axis, 1, &most, &none, A("int8 (): 0"), MX_PAD_EDGE), MX_EVALUE, "too many elements");
  END;
}

TEST(more_dimensions_than_an_array_has_are_refused) {
  BEGIN;
  int64_t ones[MX_MAX_NDIM + 1];
  for (int i = 0; i <= MX_MAX_NDIM; i++) ones[i] = 1;
  mx_array *full = mx_zeros(b, ones, MX_MAX_NDIM, MX_FLOAT32), *index = mx_zeros(b, ones, 2, MX_INT32);
  CHECK(full != NULL);
  EXPECT_ERROR(mx_zeros(b, ones, MX_MAX_NDIM + 1, MX_FLOAT32), MX_EVALUE, "at most 32 dimensions");
  EXPECT_ERROR(mx_reshape(b, full, ones, MX_MAX_NDIM + 1), MX_EVALUE, "at most 32 dimensions");
  EXPECT_ERROR(mx_expand_dims(b, full, (int[]){0}, 1), MX_EVALUE, "at most 32 dimensions");
  EXPECT_ERROR(mx_stack(b, &full, 1, 0), MX_EVALUE, "at most 32 dimensions");
  EXPECT_ERROR(mx_take(b, full, index, (int[]){0}), MX_EVALUE, "32 dimensions");
  EXPECT_ERROR(mx_repeat(b, full, 2, (int[]){0}), MX_EVALUE, "32 dimensions");
  EXPECT_ERROR(mx_tensordot_axis(b, full, full, 0), MX_EVALUE, "32 dimensions");
  EXPECT_ERROR(mx_tensordot(b, full, full, (int[40]){0}, 40, (int[40]){0}, 40), MX_EVALUE, "[tensordot]");
  END;
}

TEST(rules_refuse_calls_that_no_builder_makes) {
  BEGIN;
  mx_array *x = A("float32 (2,2): 1 2 3 4"), *two[2] = {x, A("int32 (2,2): 1 2 3 4")};
  EXPECT_ERROR(mx_apply(b, &mx_prim_add, two, 2, NULL), MX_ETYPE, "[add] The inputs have dtypes float32 and int32, which must be alike.");
  EXPECT_ERROR(mx_apply(b, &mx_prim_add, two, 1, NULL), MX_EVALUE, "[add] Takes 2 inputs, not 1.");
  EXPECT_ERROR(mx_apply_ints(b, &mx_prim_sum, x, (int64_t[]){1, 0}, 2), MX_EVALUE, "[sum]");
  EXPECT_ERROR(mx_apply_ints(b, &mx_prim_transpose, x, (int64_t[]){0, 7}, 2), MX_EINDEX, "[transpose]");
  EXPECT_ERROR(mx_apply_ints(b, &mx_prim_slice, x, (int64_t[]){0, 0, 2, 2, 2, 1}, 6), MX_EVALUE, "[slice] The region leaves axis 0");
  EXPECT_ERROR(mx_apply_ints(b, &mx_prim_slice, x, (int64_t[]){0, 0}, 2), MX_EVALUE, "[slice]");
  EXPECT_ERROR(mx_apply(b, &mx_prim_gather, two, 2, NULL), MX_EVALUE, "[gather]");
  EXPECT_ERROR(mx_apply(b, &mx_prim_scatter, two, 2, NULL), MX_EVALUE, "[scatter]");
  EXPECT_ERROR(mx_apply(b, &mx_prim_slice_update, two, 2, NULL), MX_EVALUE, "[slice_update]");
  EXPECT_ERROR(mx_apply(b, &mx_prim_dynamic_slice, two, 2, NULL), MX_EVALUE, "[slice]");
  EXPECT_ERROR(mx_apply(b, &mx_prim_concatenate, two, 2, NULL), MX_EVALUE, "[concatenate]");
  EXPECT_ERROR(mx_apply(b, &mx_prim_matmul, two, 2, NULL), MX_EVALUE, "[matmul]");
  EXPECT_ERROR(mx_apply1(b, &mx_prim_astype, x), MX_EVALUE, "[astype]");
  EXPECT_ERROR(mx_apply1(b, &mx_prim_argreduce, x), MX_EVALUE, "[argreduce]");
  END;
}

TEST_TORTURE(builders_of_every_family_survive_a_failing_allocation) {
  BEGIN;
  int64_t shape[2] = {2, 3}, two = 2, one = 1;
  int axis = 0, last = -1;
  mx_array *x = mx_full(b, shape, 2, mx_scalar(b, 2, MX_FLOAT32), MX_FLOAT32), *parts[3];
  mx_array *at = mx_arange(b, 0, 2, 1, MX_INT32), *key = mx_random_key(b, 1);
  mx_split(b, x, 3, 1, parts);
  mx_array *joined = mx_concatenate(b, parts, 3, 1), *stacked = mx_stack(b, parts, 3, 0);
  mx_array *padded = mx_pad(b, x, &axis, 1, &two, &one, mx_scalar(b, 0, MX_FLOAT32), MX_PAD_REFLECT);
  mx_array *taken = mx_take(b, padded, at, &axis), *put = mx_scatter(b, x, &at, 1, mx_expand_dims(b, taken, (int[]){1}, 1), &axis, 1);
  mx_array *all[] = {joined, stacked, put, mx_median(b, x, NULL, 0, false), mx_softmax(b, x, &axis, 1, false), mx_sort(b, x, &last),
                     mx_matmul(b, x, mx_transpose(b, x, NULL, 0)), mx_random_normal(b, shape, 2, MX_FLOAT32, NULL, NULL, key),
                     mx_random_categorical(b, x, -1, NULL, 0, 4, key), mx_diagonal(b, x, 0, 0, 1), mx_linspace(b, 0, 1, 5, MX_FLOAT32)};
  for (int i = 0; i < MX_COUNT(all); i++) CHECK(b->status || all[i] != NULL);
  CHECK(!b->status || test_injecting());
  END;
}
