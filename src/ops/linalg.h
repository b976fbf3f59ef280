/* linalg.h: linear algebra by Python's names, and what its rules share.
 * Invariant: matrices stand in the last two dimensions; primitives see float32, float64 and complex64. */
#ifndef MX_OPS_LINALG_H
#define MX_OPS_LINALG_H

#include "graph/params.h"
#include "ops/rules.h"

/* norm.c */
mx_array *mx_linalg_norm(mx_build *b, mx_array *a, double ord, const int *axes, int n, bool keepdims); /* axes NULL: all, up to two */
mx_array *mx_linalg_norm_matrix(mx_build *b, mx_array *a, const char *ord, const int *axes, int n, bool keepdims);
mx_array *mx_linalg_norm_l2(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims); /* axes NULL: of the flattened array */
mx_array *mx_linalg_cross(mx_build *b, mx_array *x, mx_array *y, int axis);

/* linalg.c */
mx_array *mx_linalg_inv(mx_build *b, mx_array *a);
mx_array *mx_linalg_tri_inv(mx_build *b, mx_array *a, bool upper);
mx_array *mx_linalg_cholesky(mx_build *b, mx_array *a, bool upper);
mx_array *mx_linalg_cholesky_inv(mx_build *b, mx_array *a, bool upper);
mx_array *mx_linalg_solve(mx_build *b, mx_array *x, mx_array *y);
mx_array *mx_linalg_solve_triangular(mx_build *b, mx_array *x, mx_array *y, bool upper);
void mx_linalg_lu_factor(mx_build *b, mx_array *a, mx_array *out[2]); /* both factors, pivots */
void mx_linalg_lu(mx_build *b, mx_array *a, mx_array *out[3]);        /* p, l, u */
mx_array *mx_linalg_det(mx_build *b, mx_array *a);
void mx_linalg_slogdet(mx_build *b, mx_array *a, mx_array *out[2]);   /* sign, log |det| */

/* decompose.c */
void mx_linalg_qr(mx_build *b, mx_array *a, mx_array *out[2]);
void mx_linalg_svd(mx_build *b, mx_array *a, bool thin, mx_array *out[3]);
mx_array *mx_linalg_eigvalsh(mx_build *b, mx_array *a, const char *uplo);
void mx_linalg_eigh(mx_build *b, mx_array *a, const char *uplo, mx_array *out[2]);
mx_array *mx_linalg_eigvals(mx_build *b, mx_array *a);
void mx_linalg_eig(mx_build *b, mx_array *a, mx_array *out[2]);
/* rtol: singular values up to it times the largest count as zero, for each matrix or for all; NULL: max(m, n) eps. */
mx_array *mx_linalg_pinv(mx_build *b, mx_array *a, mx_array *rtol);

/* For rules. */
/* Checks inputs (count, at least two dimensions, equal batch dimensions, dtypes) and parameters: mx_linalg_params or none.
 * square: the first's last two. */
int mx_infer_matrices(const struct mx_call *c, int nin, bool has_head, bool square) MX_MUST_CHECK;
/* A node with mx_linalg_params; out is all NULL after an error. Inputs may be NULL. */
void mx_apply_linalg(mx_build *b, const struct mx_prim *prim, const char *op, int mode, mx_array *const *in, int nin, mx_array **out, int nout);
static inline const struct mx_linalg_params *mx_linalg_head(const struct mx_call *c) { return c->p.head; }
/* As the functions of their names; op: the function that was called, as errors name it. */
mx_array *mx_inv_for(mx_build *b, const char *op, mx_array *a);
mx_array *mx_svdvals_for(mx_build *b, const char *op, mx_array *a);
void mx_eigh_for(mx_build *b, const char *op, mx_array *a, const char *uplo, mx_array *out[2]);
/* out: the batch dimensions of the first input, then rows and columns (a negative one: not there). */
void mx_matrix_spec(const struct mx_call *c, enum mx_dtype dtype, int64_t rows, int64_t cols, struct mx_spec *out);
void mx_matrix_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis);
/* a as matrices that LAPACK takes: integers and halves become float32. NULL after an error. */
mx_array *mx_as_matrix(mx_build *b, const char *op, mx_array *a, bool square);
mx_array *mx_as_half_of(mx_build *b, mx_array *made, const mx_array *a); /* made, rounded to a's dtype where that is a half */
mx_array *mx_adjoint(mx_build *b, mx_array *a);
mx_array *mx_hermitian_part(mx_build *b, mx_array *a);
mx_array *mx_product(mx_build *b, mx_array *x, mx_array *y); /* a matrix product; NULL stands for zero */
mx_array *mx_sum_of(mx_build *b, mx_array *x, mx_array *y);  /* NULL stands for zero */
mx_array *mx_solve_kind(mx_build *b, const char *op, mx_array *x, mx_array *y, enum mx_matrix_kind kind);
mx_array *mx_half_diagonal(mx_build *b, mx_array *a, bool upper); /* a triangle, its diagonal halved */
mx_array *mx_imaginary_diagonal(mx_build *b, mx_array *a); /* i Im of the diagonal as a matrix; NULL for real ones */
static inline int64_t mx_rows(const mx_array *a) { return a->t.shape[a->t.ndim - 2]; }
static inline int64_t mx_cols(const mx_array *a) { return a->t.shape[a->t.ndim - 1]; }
static inline enum mx_dtype mx_real_dtype(enum mx_dtype d) { return d == MX_COMPLEX64 ? MX_FLOAT32 : d; }
/* Rows (or columns) from `from` up to `to` of the matrices. */
mx_array *mx_part(mx_build *b, mx_array *a, bool rows, int64_t from, int64_t to);

#endif
