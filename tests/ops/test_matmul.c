/* Products of matrices and vectors. */
#include "ops/text.h"

TEST(matmul_of_vectors_matrices_and_batches) {
  BEGIN;
  mx_array *m = A("float32 (2,3): 1 2 3 4 5 6"), *v = A("float32 (3,): 1 0 -1");
  EXPECT(mx_matmul(b, m, mx_transpose(b, m, NULL, 0)), "float32 (2,2): 14 32 32 77");
  EXPECT(mx_matmul(b, v, v), "float32 (): 2");
  EXPECT(mx_matmul(b, m, v), "float32 (2,): -2 -2");
  EXPECT(mx_matmul(b, A("float32 (2,): 1 -1"), m), "float32 (3,): -3 -3 -3");
  EXPECT(mx_matmul(b, A("float32 (2,1,3): 1 1 1 2 2 2"), mx_transpose(b, m, NULL, 0)), "float32 (2,1,2): 6 15 12 30");
  EXPECT(mx_matmul(b, A("float32 (2,1,2): 1 1 0 1"), A("float32 (2,2,1): 1 2 3 4")), "float32 (2,1,1): 3 4");
  EXPECT(mx_matmul(b, A("float32 (1,2): 1 1"), A("float32 (2,2,1): 1 2 3 4")), "float32 (2,1,1): 3 7");
  EXPECT(mx_matmul(b, v, A("float32 (2,3,1): 1 2 3 4 5 6")), "float32 (2,1): -2 -2");
  EXPECT(mx_matmul(b, A("float32 (2,0)"), A("float32 (0,2)")), "float32 (2,2): 0 0 0 0");
  EXPECT(mx_matmul(b, A("int32 (1,2): 3 4"), A("int8 (2,1): 5 6")), "int32 (1,1): 39");
  EXPECT(mx_matmul(b, A("complex64 (1,1): 1j"), A("float32 (1,1): 2")), "complex64 (1,1): 0+2j");
  EXPECT(mx_matmul(b, A("float16 (1,2): 3 4"), A("float16 (2,1): 5 6")), "float16 (1,1): 39");
  END;
}
TEST(products_refuse_what_does_not_fit) {
  BEGIN;
  mx_array *m = A("float32 (2,3): 1 2 3 4 5 6");
  EXPECT_ERROR(mx_matmul(b, m, m), MX_EVALUE,
               "[matmul] Last dimension of first input with shape (2,3) must match second to last dimension of second input with shape (2,3).");
  EXPECT_ERROR(mx_matmul(b, A("float32 (): 1"), m), MX_EVALUE, "[matmul] Got 0 dimension input. Inputs must have at least one dimension.");
  EXPECT_ERROR(mx_matmul(b, mx_zeros(b, (int64_t[]){2, 2, 3}, 3, MX_FLOAT32), mx_zeros(b, (int64_t[]){3, 3, 2}, 3, MX_FLOAT32)), MX_EVALUE,
               "cannot be broadcast");
  EXPECT_ERROR(mx_matmul(b, A("bool (1,1): true"), A("bool (1,1): true")), MX_EVALUE, "[matmul]");
  EXPECT_ERROR(mx_addmm(b, A("float32 (5,): 1 1 1 1 1"), m, mx_transpose(b, m, NULL, 0), 1, 1), MX_EVALUE, "[addmm]");
  EXPECT_ERROR(mx_addmm(b, A("int32 (): 1"), A("int32 (1,1): 1"), A("int32 (1,1): 1"), 1, 1), MX_EVALUE, "[addmm] Only floating point types");
  EXPECT_ERROR(mx_inner(b, m, A("float32 (4,): 1 1 1 1")), MX_EVALUE, "[inner] a and b must have the same last dimension.");
  EXPECT_ERROR(mx_tensordot_axis(b, m, m, 3), MX_EVALUE, "[tensordot] axis must be less than the number of dimensions of a and b.");
  EXPECT_ERROR(mx_tensordot_axis(b, m, m, 1), MX_EVALUE, "[tensordot] a and b must have the same shape on the contracted axes.");
  END;
}
TEST(addmm_scales_and_broadcasts) {
  BEGIN;
  mx_array *m = A("float32 (2,3): 1 1 1 1 1 1"), *t = mx_transpose(b, m, NULL, 0);
  EXPECT(mx_addmm(b, A("float32 (2,): 1 2"), m, t, 0.5, 2), "float32 (2,2): 3.5 5.5 3.5 5.5");
  EXPECT(mx_addmm(b, A("float32 (): 1"), A("float32 (3,): 1 1 1"), A("float32 (3,): 1 1 1"), 1, 1), "float32 (): 4");
  EXPECT(mx_addmm(b, A("float16 (2,): 1 2"), A("float32 (1,2,3): 1 1 1 1 1 1"), t, 1, 1), "float32 (1,2,2): 4 5 4 5");
  EXPECT(mx_addmm(b, A("float32 (2,1): 1 2"), m, t, 1, -1), "float32 (2,2): 2 2 1 1");
  EXPECT(mx_addmm(b, A("float32 (2,): 1 2"), m, A("float32 (3,): 1 1 1"), 1, 1), "float32 (2,): 4 5");
  END;
}
TEST(contractions) {
  BEGIN;
  mx_array *m = A("float32 (2,3): 1 2 3 4 5 6");
  EXPECT(mx_inner(b, m, m), "float32 (2,2): 14 32 32 77");
  EXPECT(mx_inner(b, A("float32 (): 2"), A("float32 (): 3")), "float32 (): 6");
  EXPECT(mx_outer(b, A("int32 (2,): 1 2"), A("int32 (3,): 1 2 3")), "int32 (2,3): 1 2 3 2 4 6");
  EXPECT(mx_tensordot_axis(b, m, m, 2), "float32 (): 91");
  EXPECT(mx_tensordot_axis(b, A("float32 (2,): 1 2"), A("float32 (1,): 3"), 0), "float32 (2,1): 3 6");
  EXPECT(mx_tensordot(b, m, m, (int[]){0}, 1, (int[]){0}, 1), "float32 (3,3): 17 22 27 22 29 36 27 36 45");
  EXPECT(mx_tensordot(b, m, m, (int[]){0, 1}, 2, (int[]){0, 1}, 2), "float32 (): 91");
  END;
}
