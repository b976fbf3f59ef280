/* Views: reshape, transpose, broadcast, as_strided and what is made of them. */
#include "graph/prim.h"
#include "ops/text.h"

#define SHAPE(...) (int64_t[]){__VA_ARGS__}, MX_COUNT(((int64_t[]){__VA_ARGS__}))
#define AXES(...) (int[]){__VA_ARGS__}, MX_COUNT(((int[]){__VA_ARGS__}))
static mx_array *matrix(mx_build *b) { return A("int32 (2,3): 0 1 2 3 4 5"); }

TEST(reshape_infers_one_dimension_and_copies_only_where_strides_do_not_allow) {
  BEGIN;
  mx_array *m = matrix(b);
  CHECK(mx_reshape(b, m, SHAPE(2, 3)) == m);
  EXPECT(mx_reshape(b, m, SHAPE(3, -1)), "int32 (3,2): 0 1 2 3 4 5");
  mx_array *turned = mx_transpose(b, m, NULL, 0);
  EXPECT(turned, "int32 (3,2): 0 3 1 4 2 5");
  EXPECT(mx_reshape(b, turned, SHAPE(6)), "int32 (6,): 0 3 1 4 2 5");
  EXPECT(mx_reshape(b, turned, SHAPE(3, 1, 2)), "int32 (3,1,2): 0 3 1 4 2 5");
  EXPECT(mx_reshape(b, A("float32 (0,3)"), SHAPE(-1)), "float32 (0,):");
  EXPECT(mx_reshape(b, A("float32 (1,): 2"), NULL, 0), "float32 (): 2");
  mx_array *wide = mx_broadcast_to(b, A("int32 (2,1): 1 2"), SHAPE(3, 2, 2));
  EXPECT(mx_reshape(b, wide, SHAPE(3, 4)), "int32 (3,4): 1 1 2 2 1 1 2 2 1 1 2 2");
  END;
}
TEST(reshape_refuses_what_does_not_fit) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT_ERROR(mx_reshape(b, m, SHAPE(4, 2)), MX_EVALUE, "[reshape] Cannot reshape array of size 6 into shape (4,2).");
  EXPECT_ERROR(mx_reshape(b, m, SHAPE(-1, -1)), MX_EVALUE, "[reshape] Reshape can only infer one dimension.");
  EXPECT_ERROR(mx_reshape(b, m, SHAPE(-2, -3)), MX_EVALUE, "[reshape]");
  EXPECT_ERROR(mx_reshape(b, A("float32 (0,3)"), SHAPE(0, -1)), MX_EVALUE, "[reshape] Cannot infer the shape of an empty array");
  EXPECT_ERROR(mx_reshape(b, m, SHAPE(INT64_MAX, 4)), MX_EVALUE, "[reshape]");
  END;
}
TEST(flatten_and_unflatten) {
  BEGIN;
  mx_array *m = A("int32 (1,2,3): 0 1 2 3 4 5");
  EXPECT(mx_flatten(b, m, 0, -1), "int32 (6,): 0 1 2 3 4 5");
  EXPECT(mx_flatten(b, m, -9, 1), "int32 (2,3): 0 1 2 3 4 5");
  EXPECT(mx_flatten(b, A("int32 (): 1"), 0, -1), "int32 (1,): 1");
  EXPECT(mx_unflatten(b, m, 2, SHAPE(-1, 1)), "int32 (1,2,3,1): 0 1 2 3 4 5");
  EXPECT_ERROR(mx_flatten(b, m, 1, 0), MX_EVALUE, "[flatten] start_axis must be less than or equal to end_axis");
  EXPECT_ERROR(mx_unflatten(b, m, 2, SHAPE(2, 2)), MX_EVALUE, "[unflatten] Cannot unflatten axis 2 with size 3 into shape (2,2).");
  EXPECT_ERROR(mx_unflatten(b, m, 1, NULL, 0), MX_EVALUE, "[unflatten] Shape to unflatten to cannot be empty.");
  END;
}
TEST(dimensions_of_size_one_come_and_go) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_expand_dims(b, m, AXES(-1, 0)), "int32 (1,2,3,1): 0 1 2 3 4 5");
  EXPECT(mx_squeeze(b, mx_expand_dims(b, m, AXES(-4, -1)), NULL, 0), "int32 (2,3): 0 1 2 3 4 5");
  EXPECT_ERROR(mx_expand_dims(b, m, AXES(7)), MX_EINDEX, "[expand_dims] Axis 7 is out of bounds for array with 3 dimensions.");
  EXPECT_ERROR(mx_expand_dims(b, m, AXES(0, 0)), MX_EVALUE, "[expand_dims] Received duplicate axes.");
  EXPECT_ERROR(mx_squeeze(b, m, AXES(0)), MX_EVALUE, "[squeeze] Cannot squeeze axis 0 with size 2 which is not equal to 1.");
  EXPECT_ERROR(mx_squeeze(b, m, AXES(7)), MX_EINDEX, "[squeeze] Axis 7 is out of bounds for array with 2 dimensions.");
  EXPECT(mx_atleast_nd(b, A("int32 (): 1"), 3), "int32 (1,1,1): 1");
  EXPECT(mx_atleast_nd(b, A("int32 (2,): 1 2"), 2), "int32 (1,2): 1 2");
  EXPECT(mx_atleast_nd(b, A("int32 (2,): 1 2"), 3), "int32 (1,2,1): 1 2");
  EXPECT(mx_atleast_nd(b, m, 3), "int32 (2,3,1): 0 1 2 3 4 5");
  END;
}
TEST(permutations) {
  BEGIN;
  mx_array *m = A("int32 (1,2,3): 0 1 2 3 4 5");
  EXPECT(mx_transpose(b, m, AXES(2, 0, 1)), "int32 (3,1,2): 0 3 1 4 2 5");
  EXPECT(mx_moveaxis(b, m, 0, -1), "int32 (2,3,1): 0 1 2 3 4 5");
  EXPECT(mx_moveaxis(b, m, 2, 0), "int32 (3,1,2): 0 3 1 4 2 5");
  EXPECT(mx_swapaxes(b, m, -1, 1), "int32 (1,3,2): 0 3 1 4 2 5");
  CHECK(mx_transpose(b, m, AXES(0, 1, 2)) == m);
  EXPECT_ERROR(mx_transpose(b, m, AXES(0, 0, 1)), MX_EVALUE, "[transpose] Repeat axes not allowed.");
  EXPECT_ERROR(mx_transpose(b, m, AXES(0)), MX_EVALUE, "[transpose] Received 1 axes for array with 3 dimensions.");
  EXPECT_ERROR(mx_transpose(b, m, AXES(0, 1, 5)), MX_EINDEX, "[transpose]");
  EXPECT_ERROR(mx_moveaxis(b, m, 4, 0), MX_EINDEX, "[moveaxis]");
  END;
}
TEST(broadcasting_repeats_without_a_copy) {
  BEGIN;
  EXPECT(mx_broadcast_to(b, A("int32 (2,1): 1 2"), SHAPE(2, 2, 2)), "int32 (2,2,2): 1 1 2 2 1 1 2 2");
  EXPECT(mx_broadcast_to(b, A("int32 (1,): 1"), SHAPE(0)), "int32 (0,):");
  mx_array *both[2] = {A("int32 (2,): 1 2"), A("int32 (2,1): 3 4")}, *wide[2];
  mx_broadcast_arrays(b, both, 2, wide);
  EXPECT(wide[0], "int32 (2,2): 1 2 1 2");
  EXPECT(wide[1], "int32 (2,2): 3 3 4 4");
  EXPECT_ERROR(mx_broadcast_to(b, matrix(b), SHAPE(4, 2)), MX_EVALUE, "Cannot broadcast array of shape (2,3) into shape (4,2).");
  EXPECT_ERROR(mx_broadcast_to(b, matrix(b), SHAPE(3)), MX_EVALUE, "Cannot broadcast array of shape (2,3) into shape (3,).");
  EXPECT_ERROR(mx_broadcast_to(b, A("int32 (): 1"), SHAPE(-1)), MX_EVALUE, "Negative dimensions");
  END;
}
TEST(as_strided_stays_inside_the_array) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_as_strided(b, m, (int64_t[]){2, 2}, (int64_t[]){1, 1}, 2, 0), "int32 (2,2): 0 1 1 2");
  EXPECT(mx_as_strided(b, m, (int64_t[]){3}, (int64_t[]){-2}, 1, 5), "int32 (3,): 5 3 1");
  EXPECT(mx_as_strided(b, mx_transpose(b, m, NULL, 0), (int64_t[]){3}, (int64_t[]){1}, 1, 0), "int32 (3,): 0 3 1");
  EXPECT_ERROR(mx_as_strided(b, m, (int64_t[]){2, 200}, (int64_t[]){1, 100}, 2, 0), MX_EVALUE, "[as_strided]");
  EXPECT_ERROR(mx_as_strided(b, m, (int64_t[]){2}, (int64_t[]){-1}, 1, 0), MX_EVALUE, "[as_strided]");
  EXPECT_ERROR(mx_as_strided(b, m, (int64_t[]){3}, (int64_t[]){INT64_MAX}, 1, 0), MX_EVALUE, "[as_strided]");
  END;
}
TEST(sums_undo_broadcasts) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_sum_to(b, m, SHAPE(2, 1)), "int32 (2,1): 3 12");
  EXPECT(mx_sum_to(b, m, SHAPE(3)), "int32 (3,): 3 5 7");
  EXPECT(mx_sum_to(b, m, NULL, 0), "int32 (): 15");
  CHECK(mx_sum_to(b, m, SHAPE(2, 3)) == m);
  END;
}
