/* linalg.c: inverses, systems, Cholesky, LU and determinants, with their rules.
 * Invariant: cotangents follow Re<g, J t> = Re<Jᴴ g, t>; ḡ of x is written x̄ below, Aᴴ is the adjoint.
 * Sources: Giles, "An extended collection of matrix derivative results for forward and reverse mode AD" (2008); Murray,
 * "Differentiation of the Cholesky decomposition" (2016); for LU the same steps, written out at its rules. */
#include "ops/linalg.h"
#include "ops/public.h"

#include "mlx/c/linalg.h"

#include <string.h>

/* ---- shared by the rules ---- */

int mx_infer_matrices(const struct mx_call *c, int nin, bool has_head, bool square) {
  const char *op = mx_op_name(c);
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  const struct mx_linalg_params *head = c->p.head;
  bool fine = has_head ? c->p.head_size == sizeof *head && memchr(head->op, 0, sizeof head->op) : c->p.head_size == 0;
  if (c->nin != nin || !fine || c->p.nints)
    return mx_fail(MX_EVALUE, "[linalg::%s] The inputs or parameters do not fit the operation.", op);
  const struct mx_tensor *a = &c->in[0]->t;
  if (a->dtype != MX_FLOAT32 && a->dtype != MX_FLOAT64 && a->dtype != MX_COMPLEX64)
    return mx_fail(MX_EVALUE, "[linalg::%s] Arrays must have type float32, float64 or complex64. Received array with type %s.", op,
                   mx_dtype_name(a->dtype));
  if (a->ndim < 2)
    return mx_fail(MX_EVALUE, "[linalg::%s] Arrays must have >= 2 dimensions. Received array with %d dimensions.", op, a->ndim);
  if (square && a->shape[a->ndim - 1] != a->shape[a->ndim - 2])
    return mx_fail(MX_EVALUE, "[linalg::%s] Only defined for square matrices. Received array with shape %s.", op,
                   mx_shape_text(one, a->shape, a->ndim));
  for (int i = 1; i < nin; i++) {
    const struct mx_tensor *t = &c->in[i]->t;
    bool fits = t->ndim == a->ndim && t->dtype == a->dtype;
    for (int d = 0; fits && d < a->ndim - 1; d++) fits = t->shape[d] == a->shape[d];
    if (!fits)
      return mx_fail(MX_EVALUE, "[linalg::%s] Inputs %s of shape %s and %s of shape %s do not fit.", op, mx_dtype_name(a->dtype),
                     mx_shape_text(one, a->shape, a->ndim), mx_dtype_name(t->dtype), mx_shape_text(two, t->shape, t->ndim));
  }
  return MX_OK;
}
void mx_matrix_spec(const struct mx_call *c, enum mx_dtype dtype, int64_t rows, int64_t cols, struct mx_spec *out) {
  const struct mx_tensor *a = &c->in[0]->t;
  out->dtype = dtype;
  out->ndim = a->ndim - 2;
  for (int i = 0; i < a->ndim - 2; i++) out->shape[i] = a->shape[i];
  if (rows >= 0) out->shape[out->ndim++] = rows;
  if (cols >= 0) out->shape[out->ndim++] = cols;
}
void mx_matrix_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *moved[2];
  int64_t size = mx_batch_size(in, axis, c->nin);
  for (int i = 0; i < c->nin; i++) moved[i] = mx_batch_first(b, in[i], axis[i], size);
  mx_apply_many(b, c->prim, moved, c->nin, &c->p, c->nout, out);
  for (int i = 0; i < c->nout; i++) out_axis[i] = 0;
}

mx_array *mx_as_matrix(mx_build *b, const char *op, mx_array *a, bool square) {
  char text[MX_SHAPE_TEXT];
  if (!a) return mx_build_fail(b, MX_EVALUE, "[linalg::%s] An array is missing.", op);
  if (a->t.ndim < 2)
    return mx_build_fail(b, MX_EVALUE, "[linalg::%s] Arrays must have >= 2 dimensions. Received array with %d dimensions.", op, a->t.ndim);
  if (square && mx_rows(a) != mx_cols(a))
    return mx_build_fail(b, MX_EVALUE, "[linalg::%s] Only defined for square matrices. Received array with shape %s.", op,
                         mx_shape_text(text, a->t.shape, a->t.ndim));
  enum mx_dtype d = a->t.dtype;
  return mx_astype(b, a, d == MX_FLOAT64 || d == MX_COMPLEX64 ? d : MX_FLOAT32);
}
mx_array *mx_as_half_of(mx_build *b, mx_array *made, const mx_array *a) {
  bool half = a && (a->t.dtype == MX_FLOAT16 || a->t.dtype == MX_BFLOAT16);
  return made && half && made->t.dtype == MX_FLOAT32 ? mx_astype(b, made, a->t.dtype) : made;
}
mx_array *mx_adjoint(mx_build *b, mx_array *a) {
  if (!a) return NULL;
  a = mx_swapaxes(b, a, -1, -2);
  return a && mx_dtype_is_complex(a->t.dtype) ? mx_conjugate(b, a) : a;
}
mx_array *mx_hermitian_part(mx_build *b, mx_array *a) {
  if (!a) return NULL;
  return mx_multiply(b, mx_add(b, a, mx_adjoint(b, a)), mx_scalar(b, 0.5, a->t.dtype));
}
mx_array *mx_product(mx_build *b, mx_array *x, mx_array *y) { return x && y ? mx_matmul(b, x, y) : NULL; }
mx_array *mx_sum_of(mx_build *b, mx_array *x, mx_array *y) { return x && y ? mx_add(b, x, y) : x ? x : y; }
static mx_array *difference(mx_build *b, mx_array *x, mx_array *y) {
  return y ? mx_sum_of(b, x, mx_negative(b, y)) : x;
}
void mx_apply_linalg(mx_build *b, const struct mx_prim *prim, const char *op, int mode, mx_array *const *in, int nin, mx_array **out, int nout) {
  struct mx_linalg_params head = {mode, {0}};
  memcpy(head.op, op, strnlen(op, sizeof head.op - 1));
  mx_apply_many(b, prim, in, nin, &(struct mx_params){.head = &head, .head_size = sizeof head}, nout, out);
}
mx_array *mx_solve_kind(mx_build *b, const char *op, mx_array *x, mx_array *y, enum mx_matrix_kind kind) {
  mx_array *in[2] = {x, y}, *out;
  mx_apply_linalg(b, &mx_prim_solve, op, (int)kind, in, 2, &out, 1);
  return out;
}
/* x y⁻¹ for a triangular y: the adjoint of y⁻ᴴ xᴴ. */
static mx_array *right_divide(mx_build *b, const char *op, mx_array *x, mx_array *y, bool upper) {
  return mx_adjoint(b, mx_solve_kind(b, op, mx_adjoint(b, y), mx_adjoint(b, x), upper ? MX_MATRIX_LOWER : MX_MATRIX_UPPER));
}
mx_array *mx_half_diagonal(mx_build *b, mx_array *a, bool upper) {
  if (!a) return NULL;
  mx_array *half = mx_scalar(b, 0.5, a->t.dtype);
  mx_array *both = upper ? mx_add(b, mx_triu(b, a, 0), mx_triu(b, a, 1)) : mx_add(b, mx_tril(b, a, 0), mx_tril(b, a, -1));
  return mx_multiply(b, both, half);
}
mx_array *mx_imaginary_diagonal(mx_build *b, mx_array *a) {
  if (!a || !mx_dtype_is_complex(a->t.dtype)) return NULL;
  mx_array *only = mx_triu(b, mx_tril(b, a, 0), 0);
  return mx_multiply(b, mx_imag(b, only), mx_complex_scalar(b, 0, 1));
}
mx_array *mx_part(mx_build *b, mx_array *a, bool rows, int64_t from, int64_t to) {
  int64_t start[MX_MAX_NDIM], stop[MX_MAX_NDIM], step[MX_MAX_NDIM];
  if (!a) return NULL;
  for (int i = 0; i < a->t.ndim; i++) start[i] = 0, stop[i] = a->t.shape[i], step[i] = 1;
  int at = a->t.ndim - (rows ? 2 : 1);
  start[at] = from, stop[at] = to;
  return mx_slice(b, a, start, stop, step);
}
static mx_array *triangle_of(mx_build *b, mx_array *a, enum mx_matrix_kind kind) {
  return !a || kind == MX_MATRIX_GENERAL ? a : kind == MX_MATRIX_LOWER ? mx_tril(b, a, 0) : mx_triu(b, a, 0);
}
static enum mx_matrix_kind kind_of(const struct mx_call *c) { return (enum mx_matrix_kind)mx_linalg_head(c)->mode; }
static enum mx_matrix_kind other(enum mx_matrix_kind kind) {
  return kind == MX_MATRIX_GENERAL ? kind : kind == MX_MATRIX_LOWER ? MX_MATRIX_UPPER : MX_MATRIX_LOWER;
}

/* ---- inverse: C = A⁻¹, dC = -C dA C, Ā = -Cᴴ C̄ Cᴴ (Giles 2.2.3); of a triangle, both only in the triangle ---- */

static int infer_square(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, 1, false, true);
  if (!status) mx_matrix_spec(c, c->in[0]->t.dtype, mx_rows(c->in[0]), mx_cols(c->in[0]), out);
  return status;
}
static int infer_inverse(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, 1, true, true);
  if (!status) mx_matrix_spec(c, c->in[0]->t.dtype, mx_rows(c->in[0]), mx_cols(c->in[0]), out);
  return status;
}
static void inverse_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *ch = mx_adjoint(b, c->out[0]);
  if (wanted[0] && cot[0]) grads[0] = triangle_of(b, mx_negative(b, mx_product(b, mx_product(b, ch, cot[0]), ch)), kind_of(c));
}
static void inverse_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = mx_negative(b, mx_product(b, mx_product(b, c->out[0], triangle_of(b, tan[0], kind_of(c))), c->out[0]));
}
const struct mx_prim mx_prim_inverse = {.id = MX_PRIM_inverse, .name = "Inverse", .kind = MX_GENERAL, .infer = infer_inverse,
                                        .vjp = inverse_vjp, .jvp = inverse_jvp, .vmap = mx_matrix_vmap};

/* ---- solve: X = A⁻¹ B, dX = A⁻¹ (dB - dA X), B̄ = A⁻ᴴ X̄, Ā = -B̄ Xᴴ (Giles 2.3.1) ---- */

static int infer_solve(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, 2, true, true);
  if (!status) mx_matrix_spec(c, c->in[0]->t.dtype, mx_rows(c->in[1]), mx_cols(c->in[1]), out);
  return status;
}
static void solve_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  enum mx_matrix_kind kind = kind_of(c);
  if (!cot[0]) return;
  mx_array *g = mx_solve_kind(b, mx_linalg_head(c)->op, mx_adjoint(b, c->in[0]), cot[0], other(kind));
  if (wanted[0]) grads[0] = triangle_of(b, mx_negative(b, mx_product(b, g, mx_adjoint(b, c->out[0]))), kind);
  if (wanted[1]) grads[1] = g;
}
static void solve_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  enum mx_matrix_kind kind = kind_of(c);
  mx_array *moved = difference(b, tan[1], mx_product(b, triangle_of(b, tan[0], kind), c->out[0]));
  out_tan[0] = mx_solve_kind(b, mx_linalg_head(c)->op, c->in[0], moved, kind);
}
const struct mx_prim mx_prim_solve = {.id = MX_PRIM_solve, .name = "Solve", .kind = MX_GENERAL, .infer = infer_solve, .vjp = solve_vjp,
                                      .jvp = solve_jvp, .vmap = mx_matrix_vmap};

/* ---- Cholesky: A = L Lᴴ. With Φ = the lower triangle with half the diagonal: dL = L Φ(L⁻¹ dA L⁻ᴴ),
 * Ā = the Hermitian part of L⁻ᴴ Φ(Lᴴ L̄) L⁻¹ (Murray 2016, section 3.2). dA is Hermitian, as A is. ---- */

static void cholesky_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *l = c->out[0], *lh = mx_adjoint(b, l);
  if (!wanted[0] || !cot[0]) return;
  mx_array *phi = mx_product(b, lh, mx_tril(b, cot[0], 0));
  mx_array *s = mx_solve_kind(b, "cholesky", lh, mx_half_diagonal(b, phi, false), MX_MATRIX_UPPER);
  grads[0] = mx_hermitian_part(b, right_divide(b, "cholesky", s, l, false));
}
static void cholesky_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *l = c->out[0];
  if (!tan[0]) return;
  mx_array *left = mx_solve_kind(b, "cholesky", l, mx_hermitian_part(b, tan[0]), MX_MATRIX_LOWER);
  mx_array *both = mx_adjoint(b, mx_solve_kind(b, "cholesky", l, mx_adjoint(b, left), MX_MATRIX_LOWER));
  out_tan[0] = mx_product(b, l, mx_half_diagonal(b, both, false));
}
const struct mx_prim mx_prim_cholesky = {.id = MX_PRIM_cholesky, .name = "Cholesky", .kind = MX_GENERAL, .infer = infer_square,
                                         .vjp = cholesky_vjp, .jvp = cholesky_jvp, .vmap = mx_matrix_vmap};

/* ---- LU: X = L U is A with its rows in the order of the pivots, A = X[p, :]. With M = L⁻¹ dX U⁻¹ for a square X:
 * dL = L tril(M, -1), dU = triu(M) U, and backwards X̄ = L⁻ᴴ (tril(Lᴴ L̄, -1) + triu(Ū Uᴴ)) U⁻ᴴ.
 * Rows below the square, X₂ = L₂ U: dL₂ = (dX₂ - L₂ dU) U⁻¹; X̄₂ = L̄₂ U⁻ᴴ and Ū gets -L₂ᴴ X̄₂.
 * Columns beside it, X₂ = L U₂: dU₂ = L⁻¹ (dX₂ - dL U₂); X̄₂ = L⁻ᴴ Ū₂ and L̄ gets -X̄₂ U₂ᴴ. ---- */

static int infer_lu(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, 1, false, false);
  if (status) return status;
  int64_t m = mx_rows(c->in[0]), n = mx_cols(c->in[0]);
  if (c->nout != 3) return mx_fail(MX_EVALUE, "[linalg::lu] Has 3 outputs, not %d.", c->nout);
  mx_matrix_spec(c, c->in[0]->t.dtype, m, n, &out[0]);
  mx_matrix_spec(c, MX_UINT32, m < n ? m : n, -1, &out[1]);
  mx_matrix_spec(c, MX_UINT32, m, -1, &out[2]);
  return MX_OK;
}
/* Rows of a in the order that an array of positions (…, m) gives. */
static mx_array *rows_at(mx_build *b, mx_array *a, mx_array *at) {
  if (!a || !at) return NULL;
  return mx_take_along_axis(b, a, mx_broadcast_to(b, mx_expand_dims(b, at, (int[]){-1}, 1), a->t.shape, a->t.ndim), (int[]){-2});
}
struct lu {
  mx_array *l, *u, *below, *beside; /* the square factors, unit diagonal in l; the rest, NULL where there is none */
  int64_t m, n, k;
};
static mx_array *unit_lower(mx_build *b, mx_array *square) {
  return square ? mx_add(b, mx_tril(b, square, -1), mx_eye(b, mx_rows(square), mx_rows(square), 0, square->t.dtype)) : NULL;
}
static struct lu lu_of(mx_build *b, mx_array *both) {
  struct lu f = {.m = mx_rows(both), .n = mx_cols(both)};
  f.k = f.m < f.n ? f.m : f.n;
  mx_array *square = mx_part(b, mx_part(b, both, true, 0, f.k), false, 0, f.k);
  f.l = unit_lower(b, square), f.u = mx_triu(b, square, 0);
  if (f.m > f.k) f.below = mx_part(b, both, true, f.k, f.m);
  if (f.n > f.k) f.beside = mx_part(b, both, false, f.k, f.n);
  return f;
}
static mx_array *joined(mx_build *b, const struct lu *f, mx_array *square, mx_array *rest) {
  mx_array *parts[2] = {square, rest};
  return !square || !rest ? square : mx_concatenate(b, parts, 2, f->m > f->k ? -2 : -1);
}
static mx_array *rest_of(mx_build *b, const struct lu *f, mx_array *x) {
  return f->m > f->k ? mx_part(b, x, true, f->k, f->m) : f->n > f->k ? mx_part(b, x, false, f->k, f->n) : NULL;
}
static mx_array *square_of(mx_build *b, const struct lu *f, mx_array *x) {
  return mx_part(b, mx_part(b, x, true, 0, f->k), false, 0, f->k);
}
static void lu_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!wanted[0] || !cot[0]) return;
  struct lu f = lu_of(b, c->out[0]);
  mx_array *g = square_of(b, &f, cot[0]), *rest = rest_of(b, &f, cot[0]), *gl = mx_tril(b, g, -1), *gu = mx_triu(b, g, 0);
  if (f.below) {
    rest = right_divide(b, "lu", rest, mx_adjoint(b, f.u), false);
    gu = difference(b, gu, mx_product(b, mx_adjoint(b, f.below), rest));
  } else if (f.beside) {
    rest = mx_solve_kind(b, "lu", mx_adjoint(b, f.l), rest, MX_MATRIX_UPPER);
    gl = difference(b, gl, mx_product(b, rest, mx_adjoint(b, f.beside)));
  }
  mx_array *mid = mx_add(b, mx_tril(b, mx_product(b, mx_adjoint(b, f.l), gl), -1), mx_triu(b, mx_product(b, gu, mx_adjoint(b, f.u)), 0));
  mx_array *x = right_divide(b, "lu", mx_solve_kind(b, "lu", mx_adjoint(b, f.l), mid, MX_MATRIX_UPPER), mx_adjoint(b, f.u), false);
  grads[0] = rows_at(b, joined(b, &f, x, rest), c->out[2]);
}
static void lu_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (!tan[0]) return;
  struct lu f = lu_of(b, c->out[0]);
  mx_array *dx = rows_at(b, tan[0], mx_argsort(b, c->out[2], (int[]){-1})), *rest = rest_of(b, &f, dx);
  mx_array *m = right_divide(b, "lu", mx_solve_kind(b, "lu", f.l, square_of(b, &f, dx), MX_MATRIX_LOWER), f.u, true);
  mx_array *dl = mx_product(b, f.l, mx_tril(b, m, -1)), *du = mx_product(b, mx_triu(b, m, 0), f.u);
  if (f.below) rest = right_divide(b, "lu", difference(b, rest, mx_product(b, f.below, du)), f.u, true);
  else if (f.beside) rest = mx_solve_kind(b, "lu", f.l, difference(b, rest, mx_product(b, dl, f.beside)), MX_MATRIX_LOWER);
  out_tan[0] = joined(b, &f, mx_add(b, dl, du), rest);
}
const struct mx_prim mx_prim_lu = {.id = MX_PRIM_lu, .name = "LU", .kind = MX_GENERAL, .infer = infer_lu, .vjp = lu_vjp, .jvp = lu_jvp,
                                   .vmap = mx_matrix_vmap};

/* ---- determinants: d det A = tr(adj(A) dA) (Jacobi), for any rank ---- */

static int infer_det(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, 1, false, true);
  if (!status) mx_matrix_spec(c, c->in[0]->t.dtype, -1, -1, out);
  return status;
}
static mx_array *as_matrices(mx_build *b, mx_array *scalars) { return scalars ? mx_expand_dims(b, scalars, (int[]){-2, -1}, 2) : NULL; }
/* tr(x y) */
static mx_array *trace_of_product(mx_build *b, mx_array *x, mx_array *y) {
  return mx_sum(b, mx_multiply(b, mx_swapaxes(b, x, -1, -2), y), (int[]){-2, -1}, 2, false);
}
static void det_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_multiply(b, as_matrices(b, cot[0]), mx_adjoint(b, mx_apply1(b, &mx_prim_adjugate, c->in[0])));
}
static void det_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = trace_of_product(b, mx_apply1(b, &mx_prim_adjugate, c->in[0]), tan[0]);
}
const struct mx_prim mx_prim_det = {.id = MX_PRIM_det, .name = "Det", .kind = MX_GENERAL, .infer = infer_det, .vjp = det_vjp, .jvp = det_jvp,
                                    .vmap = mx_matrix_vmap};

/* adj(A) = det(A) A⁻¹ =: D, so d D = tr(A⁻¹ dA) D - A⁻¹ dA D, where A has an inverse;
 * backwards Ā = A⁻ᴴ tr(Dᴴ D̄) - A⁻ᴴ D̄ Dᴴ. */
static mx_array *inverse_of(mx_build *b, const char *op, mx_array *a, enum mx_matrix_kind kind) {
  mx_array *out;
  mx_apply_linalg(b, &mx_prim_inverse, op, (int)kind, &a, 1, &out, 1);
  return out;
}
static void adjugate_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!wanted[0] || !cot[0]) return;
  mx_array *ih = mx_adjoint(b, inverse_of(b, "det", c->in[0], MX_MATRIX_GENERAL)), *dh = mx_adjoint(b, c->out[0]);
  grads[0] = difference(b, mx_multiply(b, ih, as_matrices(b, trace_of_product(b, dh, cot[0]))), mx_product(b, mx_product(b, ih, cot[0]), dh));
}
static void adjugate_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (!tan[0]) return;
  mx_array *m = mx_product(b, inverse_of(b, "det", c->in[0], MX_MATRIX_GENERAL), tan[0]), *d = c->out[0];
  mx_array *t = mx_trace(b, m, 0, -2, -1, m ? m->t.dtype : MX_FLOAT32);
  out_tan[0] = difference(b, mx_multiply(b, d, as_matrices(b, t)), mx_product(b, m, d));
}
const struct mx_prim mx_prim_adjugate = {.id = MX_PRIM_adjugate, .name = "Adjugate", .kind = MX_GENERAL, .infer = infer_square,
                                         .vjp = adjugate_vjp, .jvp = adjugate_jvp, .vmap = mx_matrix_vmap};

/* With t = tr(A⁻¹ dA): d log|det A| = Re t, d sign = i sign Im t; backwards Ā = A⁻ᴴ (l̄ + i Im(conj(sign) s̄)). */
static int infer_slogdet(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, 1, false, true);
  if (status) return status;
  if (c->nout != 2) return mx_fail(MX_EVALUE, "[linalg::slogdet] Has 2 outputs, not %d.", c->nout);
  mx_matrix_spec(c, c->in[0]->t.dtype, -1, -1, &out[0]);
  mx_matrix_spec(c, mx_real_dtype(c->in[0]->t.dtype), -1, -1, &out[1]);
  return MX_OK;
}
static void slogdet_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  enum mx_dtype d = c->in[0]->t.dtype;
  if (!wanted[0]) return;
  mx_array *t = cot[1] ? mx_astype(b, cot[1], d) : NULL;
  if (d == MX_COMPLEX64 && cot[0])
    t = mx_sum_of(b, t, mx_multiply(b, mx_imag(b, mx_multiply(b, mx_conjugate(b, c->out[0]), cot[0])), mx_complex_scalar(b, 0, 1)));
  if (t) grads[0] = mx_multiply(b, mx_adjoint(b, inverse_of(b, "slogdet", c->in[0], MX_MATRIX_GENERAL)), as_matrices(b, t));
}
static void slogdet_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (!tan[0]) return;
  mx_array *t = trace_of_product(b, inverse_of(b, "slogdet", c->in[0], MX_MATRIX_GENERAL), tan[0]);
  out_tan[1] = t ? mx_astype(b, mx_real(b, t), c->out[1]->t.dtype) : NULL;
  if (c->in[0]->t.dtype == MX_COMPLEX64)
    out_tan[0] = mx_multiply(b, mx_multiply(b, c->out[0], mx_imag(b, t)), mx_complex_scalar(b, 0, 1));
}
const struct mx_prim mx_prim_slogdet = {.id = MX_PRIM_slogdet, .name = "SlogDet", .kind = MX_GENERAL, .infer = infer_slogdet,
                                        .vjp = slogdet_vjp, .jvp = slogdet_jvp, .vmap = mx_matrix_vmap};

/* ---- builders ---- */

static mx_array *inverse(mx_build *b, const char *op, mx_array *a, enum mx_matrix_kind kind) {
  return inverse_of(b, op, mx_as_matrix(b, op, a, true), kind);
}
mx_array *mx_inv_for(mx_build *b, const char *op, mx_array *a) { return mx_as_half_of(b, inverse(b, op, a, MX_MATRIX_GENERAL), a); }
mx_array *mx_linalg_inv(mx_build *b, mx_array *a) { return mx_inv_for(b, "inv", a); }
mx_array *mx_linalg_tri_inv(mx_build *b, mx_array *a, bool upper) {
  return mx_as_half_of(b, inverse(b, "tri_inv", a, upper ? MX_MATRIX_UPPER : MX_MATRIX_LOWER), a);
}
/* The upper triangle is the lower one of the adjoint, and R = Lᴴ. */
mx_array *mx_linalg_cholesky(mx_build *b, mx_array *a, bool upper) {
  mx_array *x = mx_as_matrix(b, "cholesky", a, true);
  x = x ? mx_apply1(b, &mx_prim_cholesky, upper ? mx_adjoint(b, x) : x) : NULL;
  return mx_as_half_of(b, upper ? mx_adjoint(b, x) : x, a);
}
/* (L Lᴴ)⁻¹ = L⁻ᴴ L⁻¹, (Rᴴ R)⁻¹ = R⁻¹ R⁻ᴴ */
mx_array *mx_linalg_cholesky_inv(mx_build *b, mx_array *a, bool upper) {
  mx_array *x = inverse(b, "cholesky_inv", a, upper ? MX_MATRIX_UPPER : MX_MATRIX_LOWER), *h = mx_adjoint(b, x);
  return mx_as_half_of(b, upper ? mx_product(b, x, h) : mx_product(b, h, x), a);
}

/* One matrix for a whole batch of right sides: they become columns of one system. */
static mx_array *solve_columns(mx_build *b, const char *op, mx_array *x, mx_array *y, enum mx_matrix_kind kind) {
  int64_t shape[MX_MAX_NDIM];
  int n = y->t.ndim;
  y = mx_moveaxis(b, y, -2, 0);
  if (!y) return NULL;
  memcpy(shape, y->t.shape, (size_t)n * sizeof *shape);
  y = mx_solve_kind(b, op, x, mx_flatten(b, y, 1, -1), kind);
  return mx_moveaxis(b, mx_reshape(b, y, shape, n), 0, -2);
}
static mx_array *solve(mx_build *b, mx_array *x, mx_array *y, enum mx_matrix_kind kind) {
  const char *full = kind == MX_MATRIX_GENERAL ? "linalg::solve" : "linalg::solve_triangular", *op = full + strlen("linalg::");
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  if (!x || !y) return mx_build_fail(b, MX_EVALUE, "[linalg::%s] An array is missing.", op);
  if (x->t.ndim >= 2 && mx_rows(x) != mx_cols(x))
    return mx_build_fail(b, MX_EVALUE, "[linalg::%s] First input must be a square matrix. Received array with shape %s.", op,
                         mx_shape_text(one, x->t.shape, x->t.ndim));
  if (y->t.ndim < 1)
    return mx_build_fail(b, MX_EVALUE, "[linalg::%s] Second input must have >= 1 dimensions. Received array with 0 dimensions.", op);
  enum mx_dtype d = mx_dtype_promote(x->t.dtype, y->t.dtype);
  mx_array *wide = mx_astype(b, y, d), *a = mx_as_matrix(b, op, mx_astype(b, x, d), true), *r = wide;
  if (!a || !r) return NULL;
  bool vector = y->t.ndim == 1;
  r = mx_astype(b, vector ? mx_expand_dims(b, r, (int[]){-1}, 1) : r, a->t.dtype);
  if (!r) return NULL;
  if (mx_cols(a) != mx_rows(r))
    return mx_build_fail(b, MX_EVALUE,
                         "[linalg::%s] Last dimension of first input with shape %s must match second to last dimension of second input with "
                         "shape %s.",
                         op, mx_shape_text(one, x->t.shape, x->t.ndim), mx_shape_text(two, y->t.shape, y->t.ndim));
  if (a->t.ndim == 2 && r->t.ndim > 2) return mx_as_half_of(b, solve_columns(b, op, a, r, kind), wide);
  int64_t batch[MX_MAX_NDIM];
  int n = 0;
  b->status = mx_broadcast_shapes(full, a->t.shape, a->t.ndim - 2, r->t.shape, r->t.ndim - 2, batch, &n);
  if (b->status) return NULL;
  batch[n] = mx_rows(a), batch[n + 1] = mx_cols(a);
  a = mx_broadcast_to(b, a, batch, n + 2);
  batch[n + 1] = mx_cols(r);
  r = mx_solve_kind(b, op, a, mx_broadcast_to(b, r, batch, n + 2), kind);
  return mx_as_half_of(b, vector ? mx_squeeze(b, r, (int[]){-1}, 1) : r, wide);
}
mx_array *mx_linalg_solve(mx_build *b, mx_array *x, mx_array *y) { return solve(b, x, y, MX_MATRIX_GENERAL); }
mx_array *mx_linalg_solve_triangular(mx_build *b, mx_array *x, mx_array *y, bool upper) {
  return solve(b, x, y, upper ? MX_MATRIX_UPPER : MX_MATRIX_LOWER);
}

static void factor(mx_build *b, const char *op, mx_array *a, mx_array *out[3]) {
  mx_array *x = mx_as_matrix(b, op, a, false);
  out[0] = out[1] = out[2] = NULL;
  if (x) mx_apply_many(b, &mx_prim_lu, &x, 1, NULL, 3, out);
}
void mx_linalg_lu_factor(mx_build *b, mx_array *a, mx_array *out[2]) {
  mx_array *all[3];
  factor(b, "lu_factor", a, all);
  out[0] = mx_as_half_of(b, all[0], a), out[1] = all[1];
}
void mx_linalg_lu(mx_build *b, mx_array *a, mx_array *out[3]) {
  mx_array *all[3];
  factor(b, "lu", a, all);
  out[0] = all[2], out[1] = out[2] = NULL;
  if (!all[0]) return;
  struct lu f = lu_of(b, all[0]);
  out[1] = mx_as_half_of(b, f.below ? joined(b, &f, f.l, f.below) : f.l, a);
  out[2] = mx_as_half_of(b, f.beside ? joined(b, &f, f.u, f.beside) : f.u, a);
}
mx_array *mx_linalg_det(mx_build *b, mx_array *a) {
  mx_array *x = mx_as_matrix(b, "det", a, true);
  return x ? mx_as_half_of(b, mx_apply1(b, &mx_prim_det, x), a) : NULL;
}
void mx_linalg_slogdet(mx_build *b, mx_array *a, mx_array *out[2]) {
  mx_array *x = mx_as_matrix(b, "slogdet", a, true);
  out[0] = out[1] = NULL;
  if (x) mx_apply_many(b, &mx_prim_slogdet, &x, 1, NULL, 2, out);
  for (int i = 0; i < 2; i++) out[i] = mx_as_half_of(b, out[i], a);
}

/* ---- public functions ---- */

MX_PUBLIC(linalg_inv, mx_linalg_inv(b, a.ctx), const mlx_array a)
MX_PUBLIC(linalg_tri_inv, mx_linalg_tri_inv(b, a.ctx, upper), const mlx_array a, bool upper)
MX_PUBLIC(linalg_cholesky, mx_linalg_cholesky(b, a.ctx, upper), const mlx_array a, bool upper)
MX_PUBLIC(linalg_cholesky_inv, mx_linalg_cholesky_inv(b, a.ctx, upper), const mlx_array a, bool upper)
MX_PUBLIC(linalg_solve, mx_linalg_solve(b, a.ctx, right.ctx), const mlx_array a, const mlx_array right)
MX_PUBLIC(linalg_solve_triangular, mx_linalg_solve_triangular(b, a.ctx, right.ctx, upper), const mlx_array a, const mlx_array right, bool upper)
MX_PUBLIC_MANY(linalg_lu, 3, mx_linalg_lu(b, a.ctx, out), const mlx_array a)
MX_PUBLIC(ravel_inv_for, mx_inv_for(b, op ? op : "inv", a.ctx), const mlx_array a, const char *op)
MX_PUBLIC(ravel_det, mx_linalg_det(b, a.ctx), const mlx_array a)
MX_PUBLIC_PAIR(linalg_lu_factor, mx_linalg_lu_factor(b, a.ctx, out), const mlx_array a)
MX_PUBLIC_PAIR(ravel_slogdet, mx_linalg_slogdet(b, a.ctx, out), const mlx_array a)
