/* Linear algebra from C: the public functions, what primitives refuse, failures that leave the process whole. Where OpenBLAS is
 * not installed (the cross-built tests) every evaluation must fail with the error that names the package. */
#include "ops/linalg.h"

#include "backend/cpu/lapack.h"
#include "core/error.h"
#include "core/library.h"
#include "eval/eval.h"
#include "mlx/c/mlx.h"
#include "ops/text.h"

#include <string.h>

/* Evaluates; true when there is a result to look at. */
static bool computed(mx_array **out, int n) {
  bool present = cpu_lapack("test", MX_FLOAT32) != NULL;
  if (test_injecting()) return mx_eval(out, n) == MX_OK;
  if (present) CHECK_OK(mx_eval(out, n));
  else CHECK_ERROR(mx_eval(out, n), MX_ERUNTIME, "libopenblas0-pthread");
  return present;
}
static void check_values(mx_array *a, const double *want, double tolerance) {
  for (int64_t i = 0; i < a->t.size; i++) CHECK_NEAR(text_value(a, i, false), want[i], tolerance);
}

TEST_TORTURE(an_inverse_a_system_and_a_determinant) {
  BEGIN;
  mx_array *a = A("float64 (2,2): 4 1 2 3"), *out[3];
  out[0] = mx_linalg_inv(b, a), out[1] = mx_linalg_solve(b, a, A("float64 (2): 9 7")), out[2] = mx_linalg_det(b, a);
  if (!b->status && computed(out, 3)) {
    check_values(out[0], (double[]){0.3, -0.1, -0.2, 0.4}, 1e-15);
    check_values(out[1], (double[]){2, 1}, 1e-15);
    check_values(out[2], (double[]){10}, 1e-14);
  }
  END;
}

TEST_TORTURE(decompositions_of_a_batch) {
  BEGIN;
  mx_array *a = A("float32 (3,2,2): 2 0 0 1 5 4 4 5 1 0 0 1"), *w[2], *s[3], *q[2];
  mx_linalg_eigh(b, a, "L", w);
  mx_linalg_svd(b, a, false, s);
  mx_linalg_qr(b, a, q);
  mx_array *all[4] = {w[0], s[1], q[0] ? mx_matmul(b, q[0], q[1]) : NULL, mx_linalg_pinv(b, a, NULL)};
  if (!b->status && computed(all, 4)) {
    check_values(all[0], (double[]){1, 2, 1, 9, 1, 1}, 1e-5);
    check_values(all[1], (double[]){2, 1, 9, 1, 1, 1}, 1e-5);
    check_values(all[2], (double[]){2, 0, 0, 1, 5, 4, 4, 5, 1, 0, 0, 1}, 1e-5);
    check_values(all[3], (double[]){0.5, 0, 0, 1, 5 / 9., -4 / 9., -4 / 9., 5 / 9., 1, 0, 0, 1}, 1e-5);
  }
  END;
}

/* The largest difference of two arrays of one shape, beside what is evaluated with it. */
static mx_array *apart(mx_build *b, mx_array *x, mx_array *y) {
  return mx_max(b, mx_abs(b, mx_subtract(b, x, y)), NULL, 0, false);
}
static mx_array *columns_by(mx_build *b, mx_array *u, mx_array *s) {
  return mx_multiply(b, mx_part(b, u, false, 0, s->t.shape[1]), mx_expand_dims(b, s, (int[]){1}, 1));
}
/* Sides on both sides of 16 and of a vector's lanes; the sines make matrices of rank 2, the cosines of squares whole ones. */
static void check_stack(int64_t batch, int64_t m, int64_t n, bool whole, enum mx_dtype d) {
  BEGIN;
  mx_array *steps = mx_arange(b, 0, (double)(batch * m * n), 1, d), *q[2], *f[3], *w[2], *all[6];
  mx_array *a = whole ? mx_cos(b, mx_multiply(b, steps, steps)) : mx_sin(b, steps);
  a = mx_reshape(b, a, (int64_t[]){batch, m, n}, 3);
  mx_array *square = mx_matmul(b, a, mx_adjoint(b, a)), *firm = mx_add(b, square, mx_eye(b, m, m, 0, d));
  mx_linalg_qr(b, a, q);
  mx_linalg_svd(b, a, false, f);
  mx_linalg_eigh(b, square, "L", w);
  all[0] = apart(b, mx_matmul(b, q[0], q[1]), a);
  all[1] = apart(b, mx_matmul(b, columns_by(b, f[0], f[1]), mx_part(b, f[2], true, 0, m < n ? m : n)), a);
  all[2] = apart(b, mx_matmul(b, columns_by(b, w[1], w[0]), mx_adjoint(b, w[1])), square);
  all[3] = apart(b, mx_matmul(b, mx_matmul(b, a, mx_linalg_pinv(b, a, NULL)), a), a);
  all[4] = apart(b, mx_matmul(b, firm, mx_linalg_solve(b, firm, a)), a);
  mx_array *l = mx_linalg_cholesky(b, firm, false), *k = mx_linalg_tri_inv(b, l, false);
  all[5] = apart(b, mx_matmul(b, mx_matmul(b, k, firm), mx_adjoint(b, k)), mx_broadcast_to(b, mx_eye(b, m, m, 0, d), firm->t.shape, 3));
  if (computed(all, 6))
    for (int i = 0; i < 6; i++) CHECK_NEAR(text_value(all[i], 0, false), 0, d == MX_FLOAT64 ? 1e-11 : 1e-3);
  END;
}
TEST(stacks_of_matrices_are_what_their_factors_make) {
  static const int64_t sides[][2] = {{1, 1}, {1, 5}, {4, 4}, {5, 3}, {16, 16}, {16, 9}, {7, 16}, {17, 4}}, counts[] = {1, 3, 16, 37};
  for (int i = 0; i < MX_COUNT(sides); i++)
    for (int j = 0; j < MX_COUNT(counts); j++)
      for (int k = 0; k < 4; k++) check_stack(counts[j], sides[i][0], sides[i][1], k & 1, k & 2 ? MX_FLOAT64 : MX_FLOAT32);
}

TEST(singular_matrices_fail_and_the_next_evaluation_works) {
  BEGIN;
  mx_array *bad = mx_linalg_inv(b, A("float32 (2,2,2): 1 0 0 1 1 2 2 4")), *good = mx_linalg_det(b, A("complex64 (1,1): 2+1j"));
  if (cpu_lapack("test", MX_FLOAT32)) {
    CHECK_ERROR(mx_eval(&bad, 1), MX_ERUNTIME, "[inv] The matrix is singular (LAPACK getrf: info 2, matrix 1 of the batch).");
    bad = mx_linalg_cholesky(b, A("float32 (1,1): -1"), false);
    CHECK_ERROR(mx_eval(&bad, 1), MX_ERUNTIME, "[cholesky] The matrix is not positive definite (LAPACK potrf: info 1).");
    bad = mx_linalg_eigvalsh(b, A("float32 (2,2): 1 nan nan 1"), "L");
    CHECK_ERROR(mx_eval(&bad, 1), MX_EVALUE, "[eigvalsh] The input has NaN or infinite elements.");
  }
  if (computed(&good, 1)) EXPECT(good, "complex64 (): 2+1j");
  END;
}

TEST(builders_refuse_what_is_no_matrix) {
  BEGIN;
  EXPECT_ERROR(mx_linalg_inv(b, A("float32 (3): 1 2 3")), MX_EVALUE, "[linalg::inv] Arrays must have >= 2 dimensions");
  EXPECT_ERROR(mx_linalg_det(b, A("float32 (1,2): 1 2")), MX_EVALUE, "Only defined for square matrices");
  EXPECT_ERROR(mx_linalg_eigvalsh(b, A("float32 (1,1): 1"), NULL), MX_EVALUE, "UPLO must be 'L' or 'U'");
  EXPECT_ERROR(mx_linalg_solve(b, A("float32 (1,1): 1"), NULL), MX_EVALUE, "[linalg::solve] An array is missing.");
  EXPECT_ERROR(mx_linalg_inv(b, NULL), MX_EVALUE, "missing");
  EXPECT_ERROR(mx_linalg_norm_matrix(b, A("float32 (1,1): 1"), NULL, NULL, 0, false), MX_EVALUE, "Invalid ord value ''");
  END;
}

TEST(primitives_refuse_inputs_that_builders_would_not_make) {
  BEGIN;
  struct mx_linalg_params odd = {9, "svd"};
  struct mx_params p = {.head = &odd, .head_size = sizeof odd};
  mx_array *a = A("float32 (2,2): 1 2 3 4"), *whole = A("int32 (2,2): 1 2 3 4"), *two[2] = {a, A("float32 (3,1): 1 2 3")}, *out[3];
  EXPECT_ERROR(mx_apply(b, &mx_prim_svd, &a, 1, &p), MX_EVALUE, "[linalg::svd] The parameters do not fit");
  EXPECT_ERROR(mx_apply1(b, &mx_prim_det, whole), MX_EVALUE, "must have type float32, float64 or complex64. Received array with type int32");
  EXPECT_ERROR(mx_apply1(b, &mx_prim_inverse, a), MX_EVALUE, "[linalg::inv] The inputs or parameters do not fit");
  EXPECT_ERROR(mx_apply1(b, &mx_prim_qr, a), MX_EVALUE, "Has 2 outputs, not 1");
  struct mx_linalg_params head = {MX_MATRIX_GENERAL, "solve"};
  p = (struct mx_params){.head = &head, .head_size = sizeof head};
  EXPECT_ERROR(mx_apply(b, &mx_prim_solve, two, 2, &p), MX_EVALUE, "[linalg::solve] Inputs float32 of shape (2,2) and float32 of shape (3,1)");
  CHECK(mx_apply_many(b, &mx_prim_lu, &a, 1, NULL, 2, out) != MX_OK && !out[0]);
  mx_error_clear();
  mx_build_end_many(b, NULL, 0, NULL);
}

TEST(norms_and_cross_products_need_no_library) {
  BEGIN;
  mx_array *a = A("float32 (2,2): 3 4 0 0");
  EXPECT(mx_linalg_norm_l2(b, a, (int[]){1}, 1, false), "float32 (2,): 5 0");
  EXPECT(mx_linalg_norm(b, a, 1, NULL, 0, false), "float32 (): 4");
  EXPECT(mx_linalg_norm(b, a, INFINITY, NULL, 0, true), "float32 (1,1): 7");
  EXPECT(mx_linalg_norm_matrix(b, a, "fro", NULL, 0, false), "float32 (): 5");
  EXPECT(mx_linalg_cross(b, A("int32 (3): 1 2 3"), A("int32 (3): 4 5 6"), -1), "int32 (3,): -3 6 -3");
  END;
}

TEST(public_functions_replace_their_results) {
  mlx_array a = {0}, one = {0}, two = {0};
  mlx_stream s = {0};
  mlx_vector_array three = mlx_vector_array_new();
  CHECK_OK(mlx_ravel_array_new_data(&a, (float[]){4, 2, 2, 3}, (int64_t[]){2, 2}, 2, MLX_FLOAT32));
  CHECK_OK(mlx_linalg_inv(&one, a, s));
  CHECK_OK(mlx_linalg_tri_inv(&one, a, true, s));
  CHECK_OK(mlx_linalg_cholesky(&one, a, false, s));
  CHECK_OK(mlx_linalg_cholesky_inv(&one, a, false, s));
  CHECK_OK(mlx_linalg_pinv(&one, a, s));
  CHECK_OK(mlx_ravel_pinv(&one, a, mlx_array_new(), s));
  CHECK_OK(mlx_linalg_cross(&two, a, a, 0, s));
  CHECK_OK(mlx_linalg_solve(&one, a, a, s));
  CHECK_OK(mlx_linalg_solve_triangular(&one, a, a, true, s));
  CHECK_OK(mlx_linalg_eigvals(&one, a, s));
  CHECK_OK(mlx_linalg_eigvalsh(&one, a, "U", s));
  CHECK_OK(mlx_ravel_det(&one, a, s));
  CHECK_OK(mlx_linalg_qr(&one, &two, a, s));
  CHECK_OK(mlx_linalg_eig(&one, &two, a, s));
  CHECK_OK(mlx_linalg_eigh(&one, &two, a, "L", s));
  CHECK_OK(mlx_linalg_lu_factor(&one, &two, a, s));
  CHECK_OK(mlx_ravel_slogdet(&one, &two, a, s));
  CHECK_OK(mlx_linalg_lu(&three, a, s));
  CHECK_INT(mlx_vector_array_size(three), 3);
  CHECK_OK(mlx_linalg_svd(&three, a, false, s));
  CHECK_INT(mlx_vector_array_size(three), 1);
  CHECK_OK(mlx_ravel_svd_thin(&three, a, s));
  CHECK_INT(mlx_vector_array_size(three), 3);
  CHECK_OK(mlx_ravel_qr_complete(&one, &two, a, s));
  CHECK_OK(mlx_ravel_inv_for(&one, a, "power", s));
  CHECK_OK(mlx_ravel_svdvals_for(&one, a, NULL, s));
  CHECK_OK(mlx_linalg_svd(&three, a, false, s));
  CHECK_OK(mlx_linalg_norm(&one, a, 2, NULL, 0, false, s));
  CHECK_OK(mlx_linalg_norm_matrix(&one, a, "nuc", (int[]){0, 1}, 2, false, s));
  CHECK_OK(mlx_linalg_norm_l2(&one, a, NULL, 0, false, s));
  float value;
  CHECK_OK(mlx_array_eval(one));
  CHECK_OK(mlx_array_item_float32(&value, one));
  CHECK_NEAR((double)value, sqrt(33), 1e-6);
  CHECK_ERROR(mlx_linalg_lu(&three, (mlx_array){0}, s), MX_EVALUE, "missing");
  CHECK_INT(mlx_vector_array_size(three), 1); /* untouched */
  mlx_array_free(a), mlx_array_free(one), mlx_array_free(two);
  mlx_vector_array_free(three);
}

TEST(a_library_that_is_nowhere_is_not_opened) {
  char why[256];
  void (*function)(void);
  CHECK_OK(mx_library_add_folder("/nowhere"));
  CHECK_OK(mx_library_add_folder("/nowhere"));
  CHECK(mx_library_open("none/libnone.so", "libnone-at-all.so.7", why, sizeof why) == NULL);
  CHECK(strstr(why, "libnone-at-all.so.7") != NULL);
  void *libc = mx_library_open("none/libnone.so", "libm.so.6", why, sizeof why);
  REQUIRE(libc != NULL);
  CHECK(mx_library_function(libc, "cos", &function) && !mx_library_function(libc, "no_such_function_at_all", &function));
}
