/* Slices, gathers, scatters and sorts. */
#include "graph/params.h"
#include "ops/text.h"

#define I(...) (int64_t[]){__VA_ARGS__}
static mx_array *matrix(mx_build *b) { return A("int32 (2,3): 0 1 2 3 4 5"); }
static const int zero = 0, one = 1;

TEST(slices_follow_python) {
  BEGIN;
  mx_array *x = A("int32 (5,): 0 1 2 3 4");
  EXPECT(mx_slice(b, x, I(1), I(-1), I(1)), "int32 (3,): 1 2 3");
  EXPECT(mx_slice(b, x, I(4), I(-6), I(-1)), "int32 (5,): 4 3 2 1 0");
  EXPECT(mx_slice(b, x, I(-1), I(0), I(-2)), "int32 (2,): 4 2");
  EXPECT(mx_slice(b, x, I(-100), I(100), I(3)), "int32 (2,): 0 3");
  EXPECT(mx_slice(b, x, I(3), I(1), I(1)), "int32 (0,):");
  EXPECT(mx_slice(b, x, I(0), I(5), I(INT64_MAX)), "int32 (1,): 0");
  EXPECT(mx_slice(b, x, I(4), I(-6), I(INT64_MIN)), "int32 (1,): 4");
  CHECK(mx_slice(b, x, I(0), I(5), I(1)) == x);
  EXPECT(mx_slice(b, mx_transpose(b, matrix(b), NULL, 0), I(2, 0), I(-4, 2), I(-2, 1)), "int32 (2,2): 2 5 0 3");
  EXPECT_ERROR(mx_slice(b, x, I(0), I(5), I(0)), MX_EVALUE, "[slice] The step of axis 0 is zero.");
  END;
}
TEST(slices_are_replaced_or_folded_in) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_slice_update(b, m, A("float32 (): 9.5"), I(0, 1), I(2, 3), I(1, 1), MX_UPDATE_NONE), "int32 (2,3): 0 9 9 3 9 9");
  EXPECT(mx_slice_update(b, m, A("int32 (1,1,2): 7 8"), I(1, 2), I(2, -4), I(1, -2), MX_UPDATE_NONE), "int32 (2,3): 0 1 2 8 4 7");
  EXPECT(mx_slice_update(b, m, A("int32 (): 10"), I(1, 0), I(2, 3), I(1, 1), MX_UPDATE_SUM), "int32 (2,3): 0 1 2 13 14 15");
  EXPECT(mx_slice_update(b, m, A("int32 (): 2"), I(1, 0), I(2, 3), I(1, 1), MX_UPDATE_PROD), "int32 (2,3): 0 1 2 6 8 10");
  EXPECT(mx_slice_update(b, m, A("int32 (): 4"), I(1, 0), I(2, 3), I(1, 1), MX_UPDATE_MAX), "int32 (2,3): 0 1 2 4 4 5");
  EXPECT(mx_slice_update(b, m, A("int32 (): 4"), I(1, 0), I(2, 3), I(1, 1), MX_UPDATE_MIN), "int32 (2,3): 0 1 2 3 4 4");
  EXPECT(mx_slice_update(b, m, A("int32 (): 9"), I(0, 0), I(0, 3), I(1, 1), MX_UPDATE_NONE), "int32 (2,3): 0 1 2 3 4 5");
  EXPECT(m, "int32 (2,3): 0 1 2 3 4 5");
  EXPECT_ERROR(mx_slice_update(b, m, A("int32 (4,): 1 1 1 1"), I(0, 0), I(2, 3), I(1, 1), MX_UPDATE_NONE), MX_EVALUE,
               "Cannot broadcast array of shape (4,) into shape (2,3).");
  END;
}
TEST(dynamic_slices_are_clamped) {
  BEGIN;
  mx_array *m = matrix(b);
  int axes[2] = {0, 1};
  EXPECT(mx_dynamic_slice(b, m, A("int32 (2,): 0 1"), axes, 2, I(2, 2)), "int32 (2,2): 1 2 4 5");
  EXPECT(mx_dynamic_slice(b, m, A("int64 (2,): 5 -5"), axes, 2, I(1, 2)), "int32 (1,2): 3 4");
  EXPECT(mx_dynamic_slice_update(b, m, A("int32 (1,1): 9"), A("uint32 (2,): 1 1"), axes, 2), "int32 (2,3): 0 1 2 3 9 5");
  EXPECT_ERROR(mx_dynamic_slice(b, m, A("int32 (1,): 0"), axes, 2, I(1, 1)), MX_EVALUE, "Number of starting indices 1 does not match number of axes 2.");
  EXPECT_ERROR(mx_dynamic_slice(b, m, A("int32 (2,): 0 0"), axes, 2, I(3, 3)), MX_EVALUE, "Invalid slice size (3,3) for array with shape (2,3).");
  END;
}
TEST(take_reads_by_index) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_take(b, m, A("int32 (3,): 0 5 -1"), NULL), "int32 (3,): 0 5 5");
  EXPECT(mx_take(b, m, A("uint8 (2,2): 2 0 1 1"), &one), "int32 (2,2,2): 2 0 1 1 5 3 4 4");
  EXPECT(mx_take(b, m, A("int64 (): 1"), &zero), "int32 (3,): 3 4 5");
  EXPECT(mx_take(b, A("float32 (): 3"), A("int32 (): 0"), NULL), "float32 (): 3");
  EXPECT(mx_take(b, A("float32 (0,)"), A("int32 (0,)"), NULL), "float32 (0,):");
  EXPECT_ERROR(mx_take(b, A("float32 (0,)"), A("int32 (1,): 0"), NULL), MX_EVALUE, "[take] Cannot do a non-empty take from an empty axis.");
  EXPECT_ERROR(mx_take(b, m, A("float32 (1,): 0"), NULL), MX_EVALUE, "Indices must be integral.");
  EXPECT_ERROR(mx_take(b, m, A("bool (1,): true"), NULL), MX_EVALUE, "Boolean indices not supported.");
  EXPECT_ERROR(mx_take(b, m, A("int32 (1,): 0"), (int[]){7}), MX_EINDEX, "[take]");
  CHECK_STR(text_show(b, mx_take(b, m, A("int32 (1,): 6"), NULL)), "error: [gather] Index 6 is out of bounds for axis 0 with size 6.");
  mx_error_clear();
  END;
}
TEST(reading_and_writing_along_an_axis) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_take_along_axis(b, m, A("int32 (2,1): 0 -2"), &one), "int32 (2,1): 0 4");
  EXPECT(mx_take_along_axis(b, m, A("int32 (1,2): 2 0"), &one), "int32 (2,2): 2 0 5 3");
  EXPECT(mx_take_along_axis(b, m, A("int32 (2,): 5 1"), NULL), "int32 (2,): 5 1");
  EXPECT(mx_put_along_axis(b, m, A("int32 (2,1): 0 1"), A("float32 (): 9.5"), &one), "int32 (2,3): 9 1 2 3 9 5");
  EXPECT(mx_put_along_axis(b, m, A("int32 (2,2): 0 0 1 1"), A("int32 (2,2): 7 8 7 8"), &one), "int32 (2,3): 8 1 2 3 8 5");
  EXPECT(mx_put_along_axis(b, m, A("int32 (2,): 5 1"), A("int32 (2,): 7 8"), NULL), "int32 (2,3): 0 8 2 3 4 7");
  EXPECT(mx_scatter_add_axis(b, m, A("int32 (2,2): 0 0 1 1"), A("int32 (2,2): 7 8 7 8"), 1), "int32 (2,3): 15 1 2 3 19 5");
  EXPECT_ERROR(mx_take_along_axis(b, m, A("int32 (1,): 0"), &one), MX_EVALUE, "Indices of dimension 1 does not match array of dimension 2.");
  EXPECT_ERROR(mx_take_along_axis(b, m, A("float32 (2,1): 0 0"), &one), MX_EVALUE, "Indices must be integral.");
  EXPECT_ERROR(mx_take_along_axis(b, m, A("int32 (3,1): 0 0 0"), &one), MX_EVALUE, "cannot be broadcast");
  EXPECT_ERROR(mx_take_along_axis(b, m, A("int32 (2,1): 0 0"), (int[]){3}), MX_EINDEX, "[take_along_axis] Axis 3 is out of bounds");
  END;
}
TEST(gather_and_scatter_with_several_indices) {
  BEGIN;
  mx_array *m = matrix(b), *at[2] = {A("int32 (2,): 0 1"), A("int32 (2,): 2 1")};
  int axes[2] = {0, 1};
  EXPECT(mx_gather(b, m, at, 2, axes, I(1, 1)), "int32 (2,1,1): 2 4");
  EXPECT(mx_gather(b, m, at + 1, 1, axes + 1, I(2, 1)), "int32 (2,2,1): 2 5 1 4");
  EXPECT(mx_scatter(b, m, at, 2, A("int32 (2,1,1): 8 9"), axes, MX_UPDATE_NONE), "int32 (2,3): 0 1 8 3 9 5");
  mx_array *twice = A("int32 (3,): 0 0 -1"), *x = A("float32 (3,): 1 2 3"), *u = A("float32 (3,1): 5 0.5 4");
  EXPECT(mx_scatter(b, x, &twice, 1, u, axes, MX_UPDATE_NONE), "float32 (3,): 0.5 2 4");
  EXPECT(mx_scatter(b, x, &twice, 1, u, axes, MX_UPDATE_SUM), "float32 (3,): 6.5 2 7");
  EXPECT(mx_scatter(b, x, &twice, 1, u, axes, MX_UPDATE_PROD), "float32 (3,): 2.5 2 12");
  EXPECT(mx_scatter(b, x, &twice, 1, u, axes, MX_UPDATE_MAX), "float32 (3,): 5 2 4");
  EXPECT(mx_scatter(b, x, &twice, 1, u, axes, MX_UPDATE_MIN), "float32 (3,): 0.5 2 3");
  EXPECT_ERROR(mx_scatter(b, x, &twice, 1, A("float32 (2,1): 1 2"), axes, MX_UPDATE_NONE), MX_EVALUE, "[scatter]");
  END;
}
TEST(sorts_are_stable_and_put_nan_last) {
  BEGIN;
  EXPECT(mx_sort(b, A("float32 (4,): 3 nan 1 -inf"), &zero), "float32 (4,): -inf 1 3 nan");
  EXPECT(mx_argsort(b, A("int32 (6,): 1 0 1 0 1 0"), &zero), "uint32 (6,): 1 3 5 0 2 4");
  EXPECT(mx_sort(b, A("int32 (2,3): 3 1 2 0 5 4"), &one), "int32 (2,3): 1 2 3 0 4 5");
  EXPECT(mx_sort(b, A("int32 (2,3): 3 1 2 0 5 4"), &zero), "int32 (2,3): 0 1 2 3 5 4");
  EXPECT(mx_sort(b, A("int32 (2,2): 3 1 2 0"), NULL), "int32 (4,): 0 1 2 3");
  EXPECT(mx_argsort(b, A("float16 (3,): nan 2 1"), &zero), "uint32 (3,): 2 1 0");
  EXPECT(mx_topk(b, A("int32 (5,): 5 1 4 2 3"), 2, &zero), "int32 (2,): 4 5");
  EXPECT(mx_partition(b, A("int32 (3,): 3 1 2"), -1, &zero), "int32 (3,): 1 2 3");
  EXPECT(mx_sort(b, A("bool (3,): true false true"), &zero), "bool (3,): false true true");
  EXPECT_ERROR(mx_topk(b, A("int32 (2,): 1 2"), 3, &zero), MX_EVALUE, "[topk] Received invalid k=3 along axis 0 for array with shape: (2,)");
  EXPECT_ERROR(mx_partition(b, A("int32 (2,): 1 2"), 2, &zero), MX_EVALUE, "[partition] Received invalid kth 2");
  EXPECT_ERROR(mx_sort(b, A("int32 (): 1"), (int[]){-1}), MX_EINDEX, "[sort] Axis -1 is out of bounds for array with 0 dimensions.");
  END;
}
