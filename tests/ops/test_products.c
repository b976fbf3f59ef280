/* Einstein sums, products of chosen matrices, Hadamard transforms: results by hand, errors with operand and subscript named. */
#include "eval/eval.h"
#include "ops/text.h"

#define EINSUM(subscripts, ...) mx_einsum(b, subscripts, (mx_array *[]){__VA_ARGS__}, MX_COUNT(((mx_array *[]){__VA_ARGS__})))

TEST(einsum_sums_what_the_output_lacks) {
  BEGIN;
  mx_array *m = A("float32 (2,3): 1 2 3 4 5 6"), *v = A("float32 (3,): 1 0 -1"), *q = A("int32 (2,2): 1 2 3 4");
  EXPECT(EINSUM("ij,kj->ik", m, m), "float32 (2,2): 14 32 32 77");
  EXPECT(EINSUM("ij,j", m, v), "float32 (2,): -2 -2");
  EXPECT(EINSUM("ba", m), "float32 (3,2): 1 4 2 5 3 6");
  EXPECT(EINSUM("ii", q), "int32 (): 5");
  EXPECT(EINSUM("ii->i", q), "int32 (2,): 1 4");
  EXPECT(EINSUM("ij,ij->", m, m), "float32 (): 91");
  EXPECT(EINSUM(" i j , j -> i ", m, v), "float32 (2,): -2 -2");
  EXPECT(EINSUM("...j,j->...", m, v), "float32 (2,): -2 -2");
  EXPECT(EINSUM("i,j->ji", v, A("float32 (2,): 1 2")), "float32 (2,3): 1 0 -1 2 0 -2");
  EXPECT(EINSUM("ij,jk->ik", A("float32 (2,1): 1 2"), A("float32 (3,1): 1 2 3")), "float32 (2,1): 6 12");
  EXPECT(EINSUM(",ij->", A("float32 (): 2"), m), "float32 (): 42");
  EXPECT(EINSUM("i,i", A("bool (2,): true true"), A("bool (2,): false true")), "bool (): true");
  EXPECT(EINSUM("ij,jk", A("int8 (1,2): 100 100"), A("int8 (2,1): 1 1")), "int8 (1,1): -56");
  EXPECT(EINSUM("ij,jk->ik", A("float32 (2,0)"), A("float32 (0,2)")), "float32 (2,2): 0 0 0 0");
  END;
}
TEST(einsum_names_what_does_not_fit) {
  BEGIN;
  mx_array *m = A("float32 (2,3): 1 2 3 4 5 6");
  EXPECT_ERROR(EINSUM("ij,jk", m), MX_EVALUE, "[einsum] Number of operands, 1, does not match number of input subscripts, 2");
  EXPECT_ERROR(EINSUM("ij,jk->il", m, mx_transpose(b, m, NULL, 0)), MX_EVALUE, "[einsum] Output subscript 'l' does not appear in any input.");
  EXPECT_ERROR(EINSUM("ij->ii", m), MX_EVALUE, "[einsum] Repeat indices not allowed in output: 'i'.");
  EXPECT_ERROR(EINSUM("ij->i->", m), MX_EVALUE, "follows it");
  EXPECT_ERROR(EINSUM("i1", m), MX_EVALUE, "[einsum] Subscripts must be letters, but got '1'.");
  EXPECT_ERROR(EINSUM("i..j", m), MX_EVALUE, "[einsum] Subscripts must be letters, but got '.'.");
  EXPECT_ERROR(EINSUM("i\303\244", m), MX_EVALUE, "the byte 195");
  EXPECT_ERROR(EINSUM("ijk", m), MX_EVALUE, "[einsum] Invalid number of subscripts 3 for input 0 with 2 dimensions.");
  EXPECT_ERROR(EINSUM("ij,jk", m, m), MX_EVALUE, "[einsum] Cannot broadcast dimension 0 of input 1 with shape (2,3) to size 3, which subscript 'j' has.");
  EXPECT_ERROR(EINSUM("ii", m), MX_EVALUE, "(2 != 3): 'i' of operand 0 with shape (2,3).");
  EXPECT_ERROR(mx_einsum(b, "", NULL, 0), MX_EVALUE, "[einsum] At least one operand is required.");
  END;
}
TEST(kronecker_products) {
  BEGIN;
  EXPECT(mx_kron(b, A("int32 (2,): 1 2"), A("int32 (2,2): 1 2 3 4")), "int32 (2,4): 1 2 2 4 3 4 6 8");
  EXPECT(mx_kron(b, A("int32 (): 2"), A("float32 (2,): 3 1")), "float32 (2,): 6 2");
  EXPECT(mx_kron(b, A("float32 (0,2)"), A("float32 (2,): 3 1")), "float32 (0,4):");
  END;
}
TEST(hadamard_transforms) {
  BEGIN;
  EXPECT(mx_hadamard_transform(b, A("float32 (4,): 1 2 3 5"), NULL), "float32 (4,): 5.5 -1.5 -2.5 0.5");
  EXPECT(mx_hadamard_transform(b, A("int32 (2,): 1 2"), &(double){1}), "float32 (2,): 3 -1");
  EXPECT(mx_hadamard_transform(b, A("complex64 (2,): 1+2j 3-1j"), &(double){1}), "complex64 (2,): 4+1j -2+3j");
  EXPECT(mx_hadamard_transform(b, A("float32 (): 3"), NULL), "float32 (): 3");
  EXPECT(mx_hadamard_transform(b, A("float32 (0,2)"), NULL), "float32 (0,2):");
  /* The first rows of the matrices that MLX has for 12, 20 and 28: what it makes of the first unit vector. */
  for (int m = 12; m <= 28; m += 8) {
    static const char *const rows[3] = {"float32 (12,): 1 -1 1 1 1 1 1 1 1 1 1 1",
                                        "float32 (20,): 1 -1 -1 -1 -1 -1 1 1 1 1 -1 -1 1 1 -1 -1 1 -1 -1 1",
                                        "float32 (28,): 1 -1 -1 -1 -1 -1 -1 -1 -1 1 1 1 1 -1 -1 1 -1 1 1 -1 1 -1 1 1 -1 -1 1 1"};
    mx_array *unit = mx_slice(b, mx_eye(b, m, m, 0, MX_FLOAT32), (int64_t[]){0, 0}, (int64_t[]){1, m}, (int64_t[]){1, 1});
    EXPECT(mx_hadamard_transform(b, mx_squeeze(b, unit, (int[]){0}, 1), &(double){1}), rows[(m - 12) / 8]);
  }
  EXPECT_ERROR(mx_hadamard_transform(b, A("float32 (3,): 1 2 3"), NULL), MX_EVALUE, "m*2^k where m in (1, 12, 20, 28)");
  EXPECT_ERROR(mx_hadamard_transform(b, A("float32 (2,0)"), NULL), MX_EVALUE, "not shape (2,0)");
  END;
}
TEST(products_of_masked_blocks) {
  BEGIN;
  mx_array *x = A("float32 (3,2): 1 1 1 1 nan 1"), *y = A("float32 (2,3): 1 2 3 4 5 6"), *none = NULL;
  EXPECT(mx_block_masked_mm(b, x, y, 2, A("bool (2,2): true false false false"), none, none), "float32 (3,3): 5 7 0 5 7 0 0 0 0");
  EXPECT(mx_block_masked_mm(b, x, y, 2, none, A("bool (2,1): true false"), none), "float32 (3,3): 5 7 9 5 7 9 0 0 0");
  EXPECT(mx_block_masked_mm(b, x, y, 2, none, A("float32 (2,1): 2 0"), A("float32 (1,2): 1 10")), "float32 (3,3): 10 14 180 10 14 180 nan nan nan");
  EXPECT(mx_block_masked_mm(b, x, y, 1, none, none, A("int32 (2,1): 1 0")), "float32 (3,3): 1 2 3 1 2 3 nan nan nan");
  EXPECT_ERROR(mx_block_masked_mm(b, x, y, 2, none, A("float32 (2,2): 1 1 1 1"), none), MX_EVALUE,
               "[block_masked_mm] mask_lhs has shape (2,2), which does not broadcast to the blocks' shape (2,1).");
  EXPECT_ERROR(mx_block_masked_mm(b, x, y, 0, none, none, none), MX_EVALUE, "block_size must be positive");
  END;
}
TEST(products_of_chosen_matrices) {
  BEGIN;
  mx_array *x = A("float32 (2,1,2): 1 2 3 4"), *y = A("float32 (3,2,1): 1 1 2 0 0 3");
  EXPECT(mx_gather_mm(b, x, y, A("int32 (3,): 1 0 1"), A("int32 (3,): 2 -1 0")), "float32 (3,1,1): 12 6 7");
  EXPECT(mx_gather_mm(b, x, y, NULL, A("uint32 (2,): 1 0")), "float32 (2,1,1): 2 7");
  EXPECT(mx_gather_mm(b, A("float32 (2,): 1 2"), y, NULL, A("uint8 (2,): 2 0")), "float32 (2,1): 6 3");
  EXPECT(mx_gather_mm(b, x, y, A("int32 (2,1): 0 1"), A("int32 (2,): 1 2")), "float32 (2,2,1,1): 2 6 6 12");
  EXPECT(mx_gather_mm(b, x, y, A("int32 (0,)"), A("int32 (0,)")), "float32 (0,1,1):");
  EXPECT_ERROR(mx_gather_mm(b, x, y, A("float32 (2,): 0 1"), NULL), MX_EVALUE, "Indices must be integral, but lhs_indices is float32.");
  EXPECT_ERROR(mx_gather_mm(b, x, x, A("int32 (1,): 0"), NULL), MX_EVALUE, "[gather_mm] Last dimension of first input with shape (2,1,2)");
  mx_array *far = mx_gather_mm(b, x, y, A("int32 (1,): 0"), A("int32 (1,): 3"));
  CHECK_ERROR(mx_eval(&far, 1), MX_EINDEX, "gather_mm");
  END;
}
TEST(products_of_segments) {
  BEGIN;
  mx_array *x = A("float32 (1,4): 1 2 3 4"), *y = A("float32 (4,1): 1 1 1 10");
  EXPECT(mx_segmented_mm(b, x, y, A("uint32 (4,2): 0 2 1 4 3 3 4 0")), "float32 (4,1,1): 3 45 0 0");
  EXPECT(mx_segmented_mm(b, x, y, A("int64 (2,): 2 4")), "float32 (1,1): 43");
  EXPECT_ERROR(mx_segmented_mm(b, x, y, A("float32 (1,2): 0 1")), MX_EVALUE, "Segments must be integral");
  EXPECT_ERROR(mx_segmented_mm(b, x, y, A("int32 (1,3): 0 1 2")), MX_EVALUE, "should have shape (..., 2) but (1,3) was provided");
  EXPECT_ERROR(mx_segmented_mm(b, x, x, A("int32 (1,2): 0 1")), MX_EVALUE, "[segmented_mm] Takes an (M, K) and a (K, N) matrix");
  mx_array *far = mx_segmented_mm(b, x, y, A("int32 (1,2): 0 5"));
  CHECK_ERROR(mx_eval(&far, 1), MX_EINDEX, "[segmented_mm] Segment 0 is [0, 5)");
  END;
}
