/* Arrays from nothing. */
#include "ops/text.h"

#define SHAPE(...) (int64_t[]){__VA_ARGS__}, MX_COUNT(((int64_t[]){__VA_ARGS__}))

TEST(constants_fill_any_shape) {
  BEGIN;
  EXPECT(mx_zeros(b, SHAPE(2, 2), MX_INT8), "int8 (2,2): 0 0 0 0");
  EXPECT(mx_ones(b, NULL, 0, MX_BOOL), "bool (): true");
  EXPECT(mx_full(b, SHAPE(2, 2), A("int32 (2,): 1 2"), MX_FLOAT32), "float32 (2,2): 1 2 1 2");
  EXPECT(mx_ones_like(b, A("complex64 (2,): 0j 0j")), "complex64 (2,): 1+0j 1+0j");
  EXPECT_ERROR(mx_zeros(b, SHAPE(-1), MX_FLOAT32), MX_EVALUE, "[full] Negative dimensions not allowed.");
  EXPECT_ERROR(mx_full(b, SHAPE(2, 2), A("int32 (3,): 1 2 3"), MX_INT32), MX_EVALUE, "Cannot broadcast array of shape (3,) into shape (2,2).");
  EXPECT_ERROR(mx_zeros(b, SHAPE(1ll << 40, 1ll << 40), MX_FLOAT32), MX_EVALUE, "too many elements");
  END;
}
TEST(ranges) {
  BEGIN;
  EXPECT(mx_arange(b, 0, 5, 2, MX_INT32), "int32 (3,): 0 2 4");
  EXPECT(mx_arange(b, 0, 1, 0.3, MX_FLOAT32), "float32 (4,): 0 0.3 0.6 0.9");
  EXPECT(mx_arange(b, 5, 0, 1, MX_INT32), "int32 (0,):");
  EXPECT(mx_arange(b, 5, 0, -2, MX_INT64), "int64 (3,): 5 3 1");
  EXPECT(mx_arange(b, 0, 300, 100, MX_INT8), "int8 (3,): 0 100 -56");
  EXPECT(mx_arange(b, 0, 5, 1.5, MX_INT32), "int32 (4,): 0 1 2 3");
  EXPECT(mx_arange(b, 0, 5, INFINITY, MX_FLOAT32), "float32 (1,): 0");
  EXPECT(mx_arange(b, 0, 3, 1, MX_BFLOAT16), "bfloat16 (3,): 0 1 2");
  EXPECT(mx_linspace(b, 0, 1, 5, MX_FLOAT32), "float32 (5,): 0 0.25 0.5 0.75 1");
  EXPECT(mx_linspace(b, 2, 3, 1, MX_FLOAT32), "float32 (1,): 2");
  EXPECT(mx_linspace(b, 0, 1, 0, MX_FLOAT32), "float32 (0,):");
  EXPECT(mx_linspace(b, 0, 10, 4, MX_INT32), "int32 (4,): 0 3 6 10");
  EXPECT_ERROR(mx_arange(b, 0, 1, 0, MX_FLOAT32), MX_EVALUE, "[arange] step must be nonzero.");
  EXPECT_ERROR(mx_arange(b, 0, NAN, 1, MX_FLOAT32), MX_EVALUE, "[arange] Cannot compute length.");
  EXPECT_ERROR(mx_arange(b, 0, 1e30, 1, MX_FLOAT32), MX_EVALUE, "[arange] Maximum size exceeded.");
  EXPECT_ERROR(mx_arange(b, 0, 1, 1, MX_BOOL), MX_EVALUE, "bool not supported for arange.");
  EXPECT_ERROR(mx_linspace(b, 0, 1, -1, MX_FLOAT32), MX_EVALUE, "[linspace] number of samples, -1, must be non-negative.");
  END;
}
TEST(matrices_known_by_their_indices) {
  BEGIN;
  mx_array *m = A("int32 (2,3): 0 1 2 3 4 5");
  EXPECT(mx_eye(b, 2, 3, -1, MX_FLOAT32), "float32 (2,3): 0 0 0 1 0 0");
  EXPECT(mx_eye(b, 2, 2, 5, MX_INT32), "int32 (2,2): 0 0 0 0");
  EXPECT(mx_eye(b, 2, 0, 0, MX_INT32), "int32 (2,0):");
  EXPECT(mx_tri(b, 2, 3, 1, MX_FLOAT32), "float32 (2,3): 1 1 0 1 1 1");
  EXPECT(mx_tril(b, m, -1), "int32 (2,3): 0 0 0 3 0 0");
  EXPECT(mx_triu(b, m, 1), "int32 (2,3): 0 1 2 0 0 5");
  EXPECT(mx_tril(b, m, 99), "int32 (2,3): 0 1 2 3 4 5");
  EXPECT_ERROR(mx_tril(b, A("int32 (2,): 1 2"), 0), MX_EVALUE, "[tril] array must be at least 2-D");
  EXPECT_ERROR(mx_eye(b, -1, 2, 0, MX_INT32), MX_EVALUE, "[eye] N and M must be positive integers.");
  END;
}
TEST(diagonals) {
  BEGIN;
  mx_array *m = A("int32 (2,3): 0 1 2 3 4 5");
  EXPECT(mx_diag(b, A("int32 (2,): 1 2"), 1), "int32 (3,3): 0 1 0 0 0 2 0 0 0");
  EXPECT(mx_diag(b, A("int32 (2,): 1 2"), -1), "int32 (3,3): 0 0 0 1 0 0 0 2 0");
  EXPECT(mx_diag(b, m, 1), "int32 (2,): 1 5");
  EXPECT(mx_diagonal(b, mx_reshape(b, mx_arange(b, 0, 24, 1, MX_INT32), SHAPE(2, 3, 4)), 1, 0, 2), "int32 (3,2): 1 14 5 18 9 22");
  EXPECT(mx_diagonal(b, m, 9, 0, 1), "int32 (0,):");
  EXPECT(mx_diagonal(b, m, -1, 0, 1), "int32 (1,): 3");
  EXPECT(mx_trace(b, m, 1, 0, 1, MX_INT32), "int32 (): 6");
  EXPECT_ERROR(mx_diagonal(b, A("int32 (2,): 1 2"), 0, 0, 1), MX_EVALUE, "[diagonal] Array must have at least two dimensions, but got 1");
  EXPECT_ERROR(mx_diagonal(b, m, 0, 0, 0), MX_EVALUE, "[diagonal] axis1 and axis2 cannot be the same axis");
  EXPECT_ERROR(mx_diag(b, A("int32 (): 1"), 0), MX_EVALUE, "[diag] array must be 1-D or 2-D, got array with 0 dimensions.");
  END;
}
TEST(grids) {
  BEGIN;
  mx_array *in[2] = {A("int32 (2,): 1 2"), A("int32 (3,): 3 4 5")}, *out[2];
  mx_meshgrid(b, in, 2, false, false, out);
  EXPECT(out[0], "int32 (3,2): 1 2 1 2 1 2");
  EXPECT(out[1], "int32 (3,2): 3 3 4 4 5 5");
  mx_meshgrid(b, in, 2, true, false, out);
  EXPECT(out[0], "int32 (1,2): 1 2");
  mx_meshgrid(b, in, 2, false, true, out);
  EXPECT(out[1], "int32 (2,3): 3 4 5 3 4 5");
  END;
}
