/* Masks, searches and distinct elements: what api/sync.c and the bindings build on. */
#include "graph/params.h"
#include "mlx/c/mlx.h"
#include "ops/text.h"

TEST(a_mask_names_rows_to_read_and_to_write) {
  BEGIN;
  mx_array *m = A("int32 (2,3): 0 1 2 3 4 5"), *all = A("bool (2,3): true false true false false true"), *row = A("bool (2,): false true");
  EXPECT(mx_masked_gather(b, m, all, 3), "int32 (3,): 0 2 5");
  EXPECT(mx_masked_gather(b, m, all, 5), "int32 (5,): 0 2 5 0 0");
  EXPECT(mx_masked_gather(b, m, row, 1), "int32 (1,3): 3 4 5");
  EXPECT(mx_masked_gather(b, m, A("bool (): true"), 1), "int32 (1,2,3): 0 1 2 3 4 5");
  EXPECT(mx_masked_gather(b, mx_transpose(b, m, NULL, 0), mx_transpose(b, all, NULL, 0), 3), "int32 (3,): 0 2 5");
  EXPECT(mx_masked_scatter_rows(b, m, row, A("int32 (1,3): 7 8 9")), "int32 (2,3): 0 1 2 7 8 9");
  EXPECT(mx_masked_scatter_rows(b, m, row, mx_broadcast_to(b, A("int32 (): 7"), (int64_t[]){1, 3}, 2)), "int32 (2,3): 0 1 2 7 7 7");
  EXPECT(mx_masked_scatter(b, m, all, A("float32 (2,2): 7 8 9 10")), "int32 (2,3): 7 1 8 3 4 9");
  EXPECT(mx_masked_scatter(b, A("float32 (0,)"), A("bool (0,)"), A("float32 (0,)")), "float32 (0,):");
  EXPECT_ERROR(mx_masked_gather(b, m, A("bool (3,): true true true"), 1), MX_EINDEX, "The mask has shape (3,)");
  EXPECT_ERROR(mx_masked_gather(b, m, m, 1), MX_ETYPE, "The mask must be bool, not int32.");
  EXPECT_ERROR(mx_masked_scatter_rows(b, m, row, A("int32 (1,2): 7 8")), MX_EVALUE, "Values of shape (1,2) do not fit");
  CHECK_STR(text_show(b, mx_masked_gather(b, m, all, 2)), "error: [masked_gather] The mask names 3 places, more than 2.");
  CHECK_STR(text_show(b, mx_masked_scatter(b, m, all, A("int32 (2,): 1 2"))),
            "error: [masked_scatter] The mask names 3 places, but there are values for 2.");
  mx_error_clear();
  END;
}
/* More places than one piece, few and many of them named. */
TEST(long_masks_are_shared_out) {
  BEGIN;
  int64_t n = 100000;
  mx_array *x = mx_arange(b, 0, (double)n, 1, MX_INT64);
  for (int by = 1; by < 40000; by *= 7) {
    mx_array *mask = mx_equal(b, mx_remainder(b, x, mx_scalar(b, by, MX_INT64)), mx_scalar(b, 0, MX_INT64));
    int64_t rows = (n + by - 1) / by;
    mx_array *got = mx_masked_gather(b, x, mask, rows), *want = mx_arange(b, 0, (double)n, by, MX_INT64);
    EXPECT(mx_all(b, mx_equal(b, got, want), NULL, 0, false), "bool (): true");
    mx_array *put = mx_masked_scatter(b, mx_zeros(b, &n, 1, MX_INT64), mask, want);
    EXPECT(mx_all(b, mx_equal(b, put, mx_where(b, mask, x, mx_scalar(b, 0, MX_INT64))), NULL, 0, false), "bool (): true");
  }
  END;
}
TEST(distinct_elements_and_searches) {
  BEGIN;
  mx_array *out[4], *a = A("float32 (5,): 3 1 nan 3 nan");
  mx_unique(b, a, 5, NULL, out);
  EXPECT(out[0], "float32 (5,): 1 3 nan nan 1");
  EXPECT(out[1], "uint32 (5,): 1 0 2 4 1");
  EXPECT(out[2], "uint32 (5,): 1 0 2 1 3");
  EXPECT(out[3], "int32 (5,): 1 2 1 1 0");
  mx_array *s = A("float32 (4,): 1 2 2 nan");
  EXPECT(mx_searchsorted(b, s, A("float32 (4,): 2 nan -inf 9"), false), "uint32 (4,): 1 3 0 3");
  EXPECT(mx_searchsorted(b, s, A("int32 (2,): 2 9"), true), "uint32 (2,): 3 3");
  EXPECT(mx_searchsorted(b, s, A("float32 (1,): nan"), true), "uint32 (1,): 4");
  EXPECT(mx_searchsorted(b, A("float32 (0,)"), A("float32 (): 1"), true), "uint32 (): 0");
  EXPECT_ERROR(mx_searchsorted(b, A("float32 (): 1"), s, true), MX_EVALUE, "must be 1-D but has 0 dimensions");
  END;
}
TEST_TORTURE(results_whose_shape_depends_on_data) {
  mlx_vector_array places = mlx_vector_array_new(), all = mlx_vector_array_new();
  mlx_array x = mlx_array_new_data((int[]){3, 0, 3, 7}, (int[]){2, 2}, 2, MLX_INT32), mask = mlx_array_new(), got = mlx_array_new();
  mlx_array counts = mlx_array_new(), each = mlx_array_new();
  mlx_stream s = {0};
  int status = !x.ctx ? MX_EMEMORY : mlx_astype(&mask, x, MLX_BOOL, s);
  if (!status) status = mlx_ravel_masked_select(&got, x, mask, s);
  if (!status) status = mlx_ravel_nonzero(&places, x, s);
  if (!status) status = mlx_ravel_unique_all(&all, x, s);
  if (!status) status = mlx_vector_array_get(&counts, all, 3);
  if (!status) status = mlx_array_eval(counts);
  if (!status) status = mlx_ravel_repeat_each(&each, counts, counts, (mlx_optional_int){0, true}, s);
  if (status) {
    CHECK(test_injecting() && status == MX_EMEMORY);
  } else {
    const int64_t *n = mlx_ravel_array_data(counts);
    CHECK(n[0] == 1 && n[1] == 2 && n[2] == 1);
    CHECK_INT(mlx_array_size(got), 3);
    CHECK_INT(mlx_array_size(each), 4);
    CHECK_INT(mlx_vector_array_size(places), 2);
  }
  mlx_vector_array_free(places);
  mlx_vector_array_free(all);
  mlx_array_free(x);
  mlx_array_free(mask);
  mlx_array_free(got);
  mlx_array_free(counts);
  mlx_array_free(each);
}
