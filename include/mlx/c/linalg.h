/* linalg.h: linear algebra on the last two dimensions of float32, float64 and complex64 arrays; integers become float32, halves
 * are computed in float32 and rounded. Singular matrices and failures of LAPACK are errors of the evaluation. */
#ifndef MLX_LINALG_H
#define MLX_LINALG_H

#include "mlx/c/array.h"
#include "mlx/c/stream.h"
#include "mlx/c/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

/* L with a = L Lᴴ, or (upper) R with a = Rᴴ R. One triangle of a is read. */
MLX_API int mlx_linalg_cholesky(mlx_array *res, const mlx_array a, bool upper, const mlx_stream s);
/* The inverse of the matrix whose Cholesky factor a is. */
MLX_API int mlx_linalg_cholesky_inv(mlx_array *res, const mlx_array a, bool upper, const mlx_stream s);
/* The axis has size 2 or 3; the result's has 3. */
MLX_API int mlx_linalg_cross(mlx_array *res, const mlx_array a, const mlx_array b, int axis, const mlx_stream s);
/* Eigenvalues and eigenvectors (as columns): complex64 for eig, ascending and real for eigh. UPLO: "L" or "U", which triangle is read. */
MLX_API int mlx_linalg_eig(mlx_array *res_0, mlx_array *res_1, const mlx_array a, const mlx_stream s);
MLX_API int mlx_linalg_eigh(mlx_array *res_0, mlx_array *res_1, const mlx_array a, const char *UPLO, const mlx_stream s);
MLX_API int mlx_linalg_eigvals(mlx_array *res, const mlx_array a, const mlx_stream s);
MLX_API int mlx_linalg_eigvalsh(mlx_array *res, const mlx_array a, const char *UPLO, const mlx_stream s);
MLX_API int mlx_linalg_inv(mlx_array *res, const mlx_array a, const mlx_stream s);
/* p, l, u with a = l[p, :] u; p uint32. */
MLX_API int mlx_linalg_lu(mlx_vector_array *res, const mlx_array a, const mlx_stream s);
/* Both factors in one matrix, and the pivots: row i was exchanged with row res_1[i]. */
MLX_API int mlx_linalg_lu_factor(mlx_array *res_0, mlx_array *res_1, const mlx_array a, const mlx_stream s);
/* axis NULL: all axes, of which there may be one (a vector norm) or two (a matrix norm). */
MLX_API int mlx_linalg_norm(mlx_array *res, const mlx_array a, double ord, const int *axis, size_t axis_num, bool keepdims,
    const mlx_stream s);
/* ord: "fro", "f" or "nuc". */
MLX_API int mlx_linalg_norm_matrix(mlx_array *res, const mlx_array a, const char *ord, const int *axis, size_t axis_num,
    bool keepdims, const mlx_stream s);
/* The Euclidean norm; axis NULL: of the flattened array. */
MLX_API int mlx_linalg_norm_l2(mlx_array *res, const mlx_array a, const int *axis, size_t axis_num, bool keepdims,
    const mlx_stream s);
/* The Moore-Penrose inverse; singular values up to max(m, n) eps times the largest count as zero. */
MLX_API int mlx_linalg_pinv(mlx_array *res, const mlx_array a, const mlx_stream s);
/* The reduced form: q (m, k), r (k, n), k = min(m, n). */
MLX_API int mlx_linalg_qr(mlx_array *res_0, mlx_array *res_1, const mlx_array a, const mlx_stream s);
/* x with a x = b; b is a vector (of one dimension) or matrices, batches broadcast. */
MLX_API int mlx_linalg_solve(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_stream s);
MLX_API int mlx_linalg_solve_triangular(mlx_array *res, const mlx_array a, const mlx_array b, bool upper, const mlx_stream s);
/* u, s, vᴴ with all columns of u and rows of vᴴ; or s alone. s descends. */
MLX_API int mlx_linalg_svd(mlx_vector_array *res, const mlx_array a, bool compute_uv, const mlx_stream s);
MLX_API int mlx_linalg_tri_inv(mlx_array *res, const mlx_array a, bool upper, const mlx_stream s);

#ifdef __cplusplus
}
#endif

#endif
