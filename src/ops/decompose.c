/* decompose.c: QR, SVD, eigenvalues and the pseudo-inverse, with their rules.
 * Invariant: vectors are defined up to a phase; the rules take the derivative that turns none within what is free, so they are
 * right for every function that does not depend on the choice. Where values are equal, vectors have no derivative: a function
 * that uses it gets NaN; one that uses the values alone does not.
 * Sources: Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2012); Townsend, "Differentiating the
 * singular value decomposition" (2016); Giles (2008), section 3; Golub and Pereyra (1973) for the pseudo-inverse. */
#include "ops/linalg.h"
#include "ops/public.h"

#include "mlx/c/linalg.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static int parts_of(const struct mx_call *c) { return mx_linalg_head(c)->mode; }
static int infer_parts(const struct mx_call *c, bool square, int most, int nout) {
  int status = mx_infer_matrices(c, 1, true, square);
  if (status) return status;
  int parts = parts_of(c), want = parts == MX_PARTS_VALUES ? 1 : nout;
  if (parts < 0 || parts > most || c->nout != want)
    return mx_fail(MX_EVALUE, "[linalg::%s] The parameters do not fit the operation: parts %d with %d outputs.", mx_op_name(c), parts, c->nout);
  return MX_OK;
}

static mx_array *minus(mx_build *b, mx_array *x, mx_array *y) { return y ? mx_sum_of(b, x, mx_negative(b, y)) : x; }
static mx_array *times(mx_build *b, mx_array *x, mx_array *y) { return x && y ? mx_multiply(b, x, y) : NULL; }
/* A vector (…, n) as a row or a column beside matrices. */
static mx_array *row(mx_build *b, mx_array *v) { return v ? mx_expand_dims(b, v, (int[]){-2}, 1) : NULL; }
static mx_array *column(mx_build *b, mx_array *v) { return v ? mx_expand_dims(b, v, (int[]){-1}, 1) : NULL; }
static mx_array *diagonal(mx_build *b, mx_array *m) { return m ? mx_diagonal(b, m, 0, -2, -1) : NULL; }
/* x / by; where by is 0: 0 of 0, NaN of others. */
static mx_array *divided(mx_build *b, mx_array *x, mx_array *by) {
  if (!x || !by) return NULL;
  enum mx_dtype d = mx_dtype_promote(x->t.dtype, by->t.dtype);
  x = mx_astype(b, x, d), by = mx_astype(b, by, d);
  mx_array *zero = mx_scalar(b, 0, d), *none = mx_equal(b, by, zero);
  mx_array *undefined = mx_where(b, mx_equal(b, x, zero), zero, mx_scalar(b, NAN, d));
  return mx_where(b, none, undefined, mx_divide(b, x, mx_where(b, none, mx_scalar(b, 1, d), by)));
}
/* Square matrices with zeros on their diagonal, divided. */
static mx_array *off_diagonal_divided(mx_build *b, mx_array *x, mx_array *by) {
  if (!x) return NULL;
  mx_array *on = mx_eye(b, mx_rows(x), mx_cols(x), 0, MX_BOOL);
  return divided(b, mx_where(b, on, mx_scalar(b, 0, x->t.dtype), x), by);
}
/* The part of x outside the columns of q: (I - Q Qᴴ) x. */
static mx_array *outside(mx_build *b, mx_array *q, mx_array *x) {
  return x ? minus(b, x, mx_product(b, q, mx_product(b, mx_adjoint(b, q), x))) : NULL;
}

/* ---- QR: A = Q R, Q with orthonormal columns, the diagonal of R real. With M = Qᴴ dA R⁻¹ and
 * Ω = tril(M, -1) - its adjoint + i Im diag M: dQ = Q Ω + (I - Q Qᴴ) dA R⁻¹, dR = (M - Ω) R.
 * Backwards, with T = Qᴴ Q̄ - R̄ Rᴴ: Ā = (Q̄ - Q (triu(T, 1) + its adjoint + Re diag T)) R⁻ᴴ (Walter and Lehmann).
 * A wide A = [A₁ A₂] is Q [R₁ R₂] with R₂ = Qᴴ A₂: dR₂ = dQᴴ A₂ + Qᴴ dA₂; Ā₂ = Q R̄₂ and Q̄ gets A₂ R̄₂ᴴ. ---- */

static int infer_qr(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, 1, false, false);
  if (status) return status;
  int64_t m = mx_rows(c->in[0]), n = mx_cols(c->in[0]), k = m < n ? m : n;
  if (c->nout != 2) return mx_fail(MX_EVALUE, "[linalg::qr] Has 2 outputs, not %d.", c->nout);
  mx_matrix_spec(c, c->in[0]->t.dtype, m, k, &out[0]);
  mx_matrix_spec(c, c->in[0]->t.dtype, k, n, &out[1]);
  return MX_OK;
}
/* x R⁻¹ and x R⁻ᴴ for an upper triangular R. */
static mx_array *over(mx_build *b, mx_array *x, mx_array *r) {
  return mx_adjoint(b, mx_solve_kind(b, "qr", mx_adjoint(b, r), mx_adjoint(b, x), MX_MATRIX_LOWER));
}
static mx_array *over_adjoint(mx_build *b, mx_array *x, mx_array *r) {
  return mx_adjoint(b, mx_solve_kind(b, "qr", r, mx_adjoint(b, x), MX_MATRIX_UPPER));
}
static void qr_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *q = c->out[0], *r = c->out[1], *gq = cot[0], *gr = cot[1], *beside = NULL;
  int64_t m = mx_rows(c->in[0]), n = mx_cols(c->in[0]);
  if (!wanted[0] || (!gq && !gr)) return;
  if (m < n) {
    mx_array *g2 = mx_part(b, gr, false, m, n);
    beside = gr ? mx_product(b, q, g2) : mx_zeros_as(b, mx_part(b, c->in[0], false, m, n));
    gq = mx_sum_of(b, gq, mx_product(b, mx_part(b, c->in[0], false, m, n), mx_adjoint(b, g2)));
    r = mx_part(b, r, false, 0, m), gr = mx_part(b, gr, false, 0, m);
  }
  mx_array *t = minus(b, mx_product(b, mx_adjoint(b, q), gq), gr ? mx_product(b, mx_triu(b, gr, 0), mx_adjoint(b, r)) : NULL);
  mx_array *strict = mx_triu(b, t, 1), *on = mx_triu(b, mx_tril(b, t, 0), 0);
  mx_array *sym = mx_add(b, mx_add(b, strict, mx_adjoint(b, strict)), minus(b, on, mx_imaginary_diagonal(b, t)));
  mx_array *g = over_adjoint(b, minus(b, gq, mx_product(b, q, sym)), r), *both[2] = {g, beside};
  grads[0] = beside ? mx_concatenate(b, both, 2, -1) : g;
}
static void qr_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *q = c->out[0], *r = c->out[1], *da = tan[0];
  int64_t m = mx_rows(c->in[0]), n = mx_cols(c->in[0]);
  if (!da) return;
  if (m < n) r = mx_part(b, r, false, 0, m), da = mx_part(b, da, false, 0, m);
  mx_array *x = over(b, da, r), *mid = mx_product(b, mx_adjoint(b, q), x), *low = mx_tril(b, mid, -1);
  mx_array *omega = mx_sum_of(b, minus(b, low, mx_adjoint(b, low)), mx_imaginary_diagonal(b, mid));
  out_tan[0] = mx_add(b, mx_product(b, q, omega), outside(b, q, x));
  out_tan[1] = mx_triu(b, mx_product(b, minus(b, mid, omega), r), 0);
  if (m < n) {
    mx_array *both[2] = {out_tan[1], mx_add(b, mx_product(b, mx_adjoint(b, out_tan[0]), mx_part(b, c->in[0], false, m, n)),
                                            mx_product(b, mx_adjoint(b, q), mx_part(b, tan[0], false, m, n)))};
    out_tan[1] = mx_concatenate(b, both, 2, -1);
  }
}
const struct mx_prim mx_prim_qr = {.id = MX_PRIM_qr, .name = "QR", .kind = MX_GENERAL, .infer = infer_qr, .vjp = qr_vjp, .jvp = qr_jvp,
                                   .vmap = mx_matrix_vmap};

/* ---- SVD: A = U S Vᴴ. With P = Uᴴ dA V, values s padded with zeros to U's and V's columns, F_ij = 1 / (s_j² - s_i²):
 * dS = Re diag P, dU = U (F ∘ (P Sᴴ + S Pᴴ) + i Im diag P / 2s), dV = V (F ∘ (Sᴴ P + Pᴴ S) - i Im diag P / 2s);
 * of thin ones also (I - U Uᴴ) dA V S⁻¹ and (I - V Vᴴ) dAᴴ U S⁻¹ (Townsend 2016, in complex form).
 * Backwards, with G = F ∘ Uᴴ Ū and K = F ∘ Vᴴ V̄:
 * Ā = U ((G + Gᴴ) S + S (K + Kᴴ) + S̄ + i Im diag(Uᴴ Ū - Vᴴ V̄) / 2s) Vᴴ, and of thin ones what lies outside. ---- */

static int infer_svd(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_parts(c, false, MX_PARTS_THIN, 3);
  if (status) return status;
  enum mx_dtype d = c->in[0]->t.dtype;
  int64_t m = mx_rows(c->in[0]), n = mx_cols(c->in[0]), k = m < n ? m : n;
  bool thin = parts_of(c) == MX_PARTS_THIN, values = parts_of(c) == MX_PARTS_VALUES;
  mx_matrix_spec(c, mx_real_dtype(d), k, -1, &out[values ? 0 : 1]);
  if (values) return MX_OK;
  mx_matrix_spec(c, d, m, thin ? k : m, &out[0]);
  mx_matrix_spec(c, d, thin ? k : n, n, &out[2]);
  return MX_OK;
}
/* A vector with zeros behind it, up to n. */
static mx_array *padded(mx_build *b, mx_array *v, int64_t n) {
  int64_t none = 0, more = v ? n - v->t.shape[v->t.ndim - 1] : 0;
  return !v || !more ? v : mx_pad(b, v, (int[]){-1}, 1, &none, &more, mx_scalar(b, 0, v->t.dtype), MX_PAD_CONSTANT);
}
/* F ∘ x, F_ij = 1 / (s_j² - s_i²), as a product that keeps small differences; s has k values and then zeros of padding, whose
 * vectors are free among themselves: 0. */
static mx_array *over_gaps(mx_build *b, mx_array *x, mx_array *s, int64_t k) {
  if (!x || !s) return NULL;
  mx_array *gaps = mx_multiply(b, mx_subtract(b, row(b, s), column(b, s)), mx_add(b, row(b, s), column(b, s)));
  int64_t n = mx_cols(x);
  if (n > k) { /* indices from k on, both */
    mx_array *free = mx_greater_equal(b, mx_arange(b, 0, (double)n, 1, MX_INT32), mx_scalar(b, (double)k, MX_INT32));
    x = mx_where(b, mx_logical_and(b, row(b, free), column(b, free)), mx_scalar(b, 0, x->t.dtype), x);
  }
  return off_diagonal_divided(b, x, gaps);
}
/* A vector as the diagonal of a matrix of m rows and n columns. */
static mx_array *embedded(mx_build *b, mx_array *v, int64_t m, int64_t n) {
  if (!v) return NULL;
  int64_t k = v->t.shape[v->t.ndim - 1], none[2] = {0}, more[2] = {m - k, n - k};
  mx_array *square = mx_where(b, mx_eye(b, k, k, 0, MX_BOOL), row(b, v), mx_scalar(b, 0, v->t.dtype));
  return more[0] || more[1] ? mx_pad(b, square, (int[]){-2, -1}, 2, none, more, mx_scalar(b, 0, v->t.dtype), MX_PAD_CONSTANT) : square;
}
struct svd {
  mx_array *u, *s, *v, *su, *sv; /* su, sv: the values padded to the columns of u and v */
  int64_t m, n, k, p, q;         /* u is m × p, v n × q */
  bool thin;
};
static struct svd svd_of(mx_build *b, mx_array *const *out, bool thin) {
  struct svd f = {.u = out[0], .s = out[1], .v = mx_adjoint(b, out[2]), .thin = thin};
  f.m = mx_rows(f.u), f.p = mx_cols(f.u), f.q = mx_rows(out[2]), f.n = mx_cols(out[2]);
  f.k = f.m < f.n ? f.m : f.n;
  f.su = padded(b, f.s, f.p), f.sv = padded(b, f.s, f.q);
  return f;
}
/* i Im diag(x) / 2s for the first k diagonal elements, as a vector; NULL for real ones. */
static mx_array *phases(mx_build *b, const struct svd *f, mx_array *x) {
  if (!x || !mx_dtype_is_complex(x->t.dtype)) return NULL;
  mx_array *im = mx_imag(b, mx_part(b, diagonal(b, x), false, 0, f->k));
  im = divided(b, im, mx_multiply(b, f->s, mx_scalar(b, 2, f->s->t.dtype)));
  return mx_multiply(b, im, mx_complex_scalar(b, 0, 1));
}
/* G + Gᴴ of G = F ∘ x: F is antisymmetric, so it is F ∘ (x - xᴴ). */
static mx_array *skew_over_gaps(mx_build *b, mx_array *x, mx_array *s, int64_t k) {
  return x ? over_gaps(b, minus(b, x, mx_adjoint(b, x)), s, k) : NULL;
}
static mx_array *vectors_back(mx_build *b, const struct svd *f, mx_array *gu, mx_array *gv, mx_array *gs) {
  mx_array *uu = mx_product(b, mx_adjoint(b, f->u), gu), *vv = mx_product(b, mx_adjoint(b, f->v), gv);
  mx_array *g = skew_over_gaps(b, uu, f->su, f->k), *k = skew_over_gaps(b, vv, f->sv, f->k), *p = gs ? embedded(b, gs, f->p, f->q) : NULL;
  /* times S from the right: columns of the square part scaled, cut or padded to q columns; from the left likewise */
  if (g) {
    mx_array *x = mx_part(b, mx_multiply(b, g, row(b, f->su)), false, 0, f->k);
    int64_t none = 0, more = f->q - f->k;
    p = mx_sum_of(b, p, more ? mx_pad(b, x, (int[]){-1}, 1, &none, &more, mx_scalar(b, 0, x ? x->t.dtype : MX_FLOAT32), MX_PAD_CONSTANT) : x);
  }
  if (k) {
    mx_array *x = mx_part(b, mx_multiply(b, column(b, f->sv), k), true, 0, f->k);
    int64_t none = 0, more = f->p - f->k;
    p = mx_sum_of(b, p, more ? mx_pad(b, x, (int[]){-2}, 1, &none, &more, mx_scalar(b, 0, x ? x->t.dtype : MX_FLOAT32), MX_PAD_CONSTANT) : x);
  }
  mx_array *turn = minus(b, phases(b, f, uu), phases(b, f, vv));
  return mx_sum_of(b, p, embedded(b, turn, f->p, f->q));
}
static void svd_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  bool values = parts_of(c) == MX_PARTS_VALUES;
  mx_array *out[3] = {c->out[0], NULL, NULL}, *gs = cot[values ? 0 : 1];
  if (!wanted[0]) return;
  if (values) {
    if (!gs) return;
    mx_apply_linalg(b, &mx_prim_svd, mx_linalg_head(c)->op, MX_PARTS_THIN, c->in, 1, out, 3);
    if (out[0]) grads[0] = mx_product(b, mx_multiply(b, out[0], row(b, mx_astype(b, gs, out[0]->t.dtype))), out[2]);
    return;
  }
  struct svd f = svd_of(b, c->out, parts_of(c) == MX_PARTS_THIN);
  mx_array *gu = cot[0], *gv = cot[2] ? mx_adjoint(b, cot[2]) : NULL;
  mx_array *p = vectors_back(b, &f, gu, gv, gs ? mx_astype(b, gs, f.u->t.dtype) : NULL), *vh = c->out[2], *s = row(b, f.s);
  mx_array *g = p ? mx_product(b, mx_product(b, f.u, p), vh) : NULL;
  if (f.thin && gu && f.m > f.k) g = mx_sum_of(b, g, mx_product(b, divided(b, outside(b, f.u, gu), s), vh));
  if (f.thin && gv && f.n > f.k) g = mx_sum_of(b, g, mx_product(b, f.u, mx_adjoint(b, divided(b, outside(b, f.v, gv), s))));
  grads[0] = g;
}
static void svd_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  bool values = parts_of(c) == MX_PARTS_VALUES;
  mx_array *made[3], *const *out = c->out;
  if (!tan[0]) return;
  if (values) {
    mx_apply_linalg(b, &mx_prim_svd, mx_linalg_head(c)->op, MX_PARTS_THIN, c->in, 1, made, 3);
    if (!made[0]) return;
    out = made;
  }
  struct svd f = svd_of(b, out, values || parts_of(c) == MX_PARTS_THIN);
  mx_array *p = mx_product(b, mx_adjoint(b, f.u), mx_product(b, tan[0], f.v));
  out_tan[values ? 0 : 1] = p ? mx_real(b, mx_part(b, diagonal(b, p), false, 0, f.k)) : NULL;
  if (values) return;
  /* P Sᴴ is p × p: the first k columns of P scaled, zeros behind; Sᴴ P is q × q likewise. */
  mx_array *zero = mx_scalar(b, 0, f.u->t.dtype), *s = row(b, f.s);
  int64_t none = 0, more_p = f.p - f.k, more_q = f.q - f.k;
  mx_array *ps = mx_multiply(b, mx_part(b, p, false, 0, f.k), row(b, f.s)), *sp = mx_multiply(b, column(b, f.s), mx_part(b, p, true, 0, f.k));
  if (more_p) ps = mx_pad(b, ps, (int[]){-1}, 1, &none, &more_p, zero, MX_PAD_CONSTANT);
  if (more_q) sp = mx_pad(b, sp, (int[]){-2}, 1, &none, &more_q, zero, MX_PAD_CONSTANT);
  mx_array *turn = phases(b, &f, p);
  mx_array *wu = mx_sum_of(b, over_gaps(b, mx_add(b, ps, mx_adjoint(b, ps)), f.su, f.k), embedded(b, turn, f.p, f.p));
  mx_array *wv = minus(b, over_gaps(b, mx_add(b, sp, mx_adjoint(b, sp)), f.sv, f.k), embedded(b, turn, f.q, f.q));
  mx_array *du = mx_product(b, f.u, wu), *dv = mx_product(b, f.v, wv);
  if (f.thin && f.m > f.k) du = mx_sum_of(b, du, divided(b, outside(b, f.u, mx_product(b, tan[0], f.v)), s));
  if (f.thin && f.n > f.k) dv = mx_sum_of(b, dv, divided(b, outside(b, f.v, mx_product(b, mx_adjoint(b, tan[0]), f.u)), s));
  out_tan[0] = du, out_tan[2] = mx_adjoint(b, dv);
}
const struct mx_prim mx_prim_svd = {.id = MX_PRIM_svd, .name = "SVD", .kind = MX_GENERAL, .infer = infer_svd, .vjp = svd_vjp, .jvp = svd_jvp,
                                    .vmap = mx_matrix_vmap};

/* ---- Eigh: A = V diag(w) Vᴴ. With M = Vᴴ dA V and F_ij = 1 / (w_j - w_i): dw = Re diag M, dV = V (F ∘ M);
 * backwards Ā = V (F ∘ Vᴴ V̄ + diag w̄) Vᴴ. dA is Hermitian, as A is: both take the Hermitian part (Giles 3.1). ---- */

static int infer_eigen(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_parts(c, true, MX_PARTS_FULL, 2);
  if (status) return status;
  bool any = c->prim->id == MX_PRIM_eig;
  enum mx_dtype d = c->in[0]->t.dtype;
  int64_t n = mx_rows(c->in[0]);
  mx_matrix_spec(c, any ? MX_COMPLEX64 : mx_real_dtype(d), n, -1, &out[0]);
  if (c->nout == 2) mx_matrix_spec(c, any ? MX_COMPLEX64 : d, n, n, &out[1]);
  return MX_OK;
}
/* F ∘ x, F_ij = 1 / (w_j - w_i). */
static mx_array *over_eigen_gaps(mx_build *b, mx_array *x, mx_array *w) {
  return w ? off_diagonal_divided(b, x, mx_subtract(b, row(b, w), column(b, w))) : NULL;
}
/* Both outputs of a call that may have had the values alone. */
static void both_of(mx_build *b, const struct mx_call *c, mx_array *out[2]) {
  out[0] = c->out[0], out[1] = c->nout == 2 ? c->out[1] : NULL;
  if (c->nout == 1) mx_apply_linalg(b, c->prim, mx_linalg_head(c)->op, MX_PARTS_FULL, c->in, 1, out, 2);
}
static void eigh_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *out[2], *gv = c->nout == 2 ? cot[1] : NULL;
  if (!wanted[0] || (!cot[0] && !gv)) return;
  both_of(b, c, out);
  if (!out[1]) return;
  mx_array *v = out[1], *vh = mx_adjoint(b, v), *g = NULL;
  if (cot[0]) g = mx_product(b, mx_multiply(b, v, row(b, mx_astype(b, cot[0], v->t.dtype))), vh);
  if (gv) g = mx_sum_of(b, g, mx_product(b, mx_product(b, v, over_eigen_gaps(b, mx_product(b, vh, gv), out[0])), vh));
  grads[0] = mx_hermitian_part(b, g);
}
static void eigh_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *out[2];
  if (!tan[0]) return;
  both_of(b, c, out);
  if (!out[1]) return;
  mx_array *m = mx_product(b, mx_adjoint(b, out[1]), mx_product(b, mx_hermitian_part(b, tan[0]), out[1]));
  out_tan[0] = mx_real(b, diagonal(b, m));
  if (c->nout == 2) out_tan[1] = mx_product(b, out[1], over_eigen_gaps(b, m, out[0]));
}
const struct mx_prim mx_prim_eigh = {.id = MX_PRIM_eigh, .name = "Eigh", .kind = MX_GENERAL, .infer = infer_eigen, .vjp = eigh_vjp,
                                     .jvp = eigh_jvp, .vmap = mx_matrix_vmap};

/* ---- Eig: A V = V diag(w), columns of length 1. With M = V⁻¹ dA V and F as above: dw = diag M, Z = F ∘ M,
 * dV = V Z - V diag(Re diag(Vᴴ V Z)): the length stays 1. Backwards, with r = Re diag(Vᴴ V̄):
 * Z̄ = Vᴴ V̄ - Vᴴ V diag(r), M̄ = conj(F) ∘ Z̄ + diag w̄, Ā = V⁻ᴴ M̄ Vᴴ, its real part for a real A. ---- */

static mx_array *diagonal_matrix(mx_build *b, mx_array *v) {
  return v ? embedded(b, v, v->t.shape[v->t.ndim - 1], v->t.shape[v->t.ndim - 1]) : NULL;
}
static void eig_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *out[2], *gv = c->nout == 2 ? cot[1] : NULL;
  enum mx_dtype d = c->in[0]->t.dtype;
  if (!wanted[0] || (!cot[0] && !gv)) return;
  both_of(b, c, out);
  if (!out[1]) return;
  mx_array *v = out[1], *vh = mx_adjoint(b, v), *m = diagonal_matrix(b, cot[0]);
  if (gv) {
    mx_array *x = mx_product(b, vh, gv), *r = mx_astype(b, mx_real(b, diagonal(b, x)), MX_COMPLEX64);
    mx_array *z = minus(b, x, mx_multiply(b, mx_product(b, vh, v), row(b, r)));
    m = mx_sum_of(b, m, over_eigen_gaps(b, z, mx_conjugate(b, out[0])));
  }
  mx_array *g = mx_product(b, mx_solve_kind(b, mx_linalg_head(c)->op, vh, m, MX_MATRIX_GENERAL), vh);
  grads[0] = g && d != MX_COMPLEX64 ? mx_astype(b, mx_real(b, g), d) : g;
}
static void eig_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *out[2];
  if (!tan[0]) return;
  both_of(b, c, out);
  if (!out[1]) return;
  mx_array *v = out[1], *m = mx_solve_kind(b, mx_linalg_head(c)->op, v, mx_product(b, mx_astype(b, tan[0], MX_COMPLEX64), v), MX_MATRIX_GENERAL);
  out_tan[0] = diagonal(b, m);
  if (c->nout == 1) return;
  mx_array *dv = mx_product(b, v, over_eigen_gaps(b, m, out[0]));
  mx_array *r = mx_astype(b, mx_real(b, mx_sum(b, mx_multiply(b, mx_conjugate(b, v), dv), (int[]){-2}, 1, false)), MX_COMPLEX64);
  out_tan[1] = minus(b, dv, times(b, v, row(b, r)));
}
const struct mx_prim mx_prim_eig = {.id = MX_PRIM_eig, .name = "Eig", .kind = MX_GENERAL, .infer = infer_eigen, .vjp = eig_vjp, .jvp = eig_jvp,
                                    .vmap = mx_matrix_vmap};

/* ---- the pseudo-inverse P of A, where the rank does not change (Golub and Pereyra 1973):
 * dP = -P dA P + P Pᴴ dAᴴ (I - A P) + (I - P A) dAᴴ Pᴴ P;
 * backwards Ā = -Pᴴ P̄ Pᴴ + (I - A P) P̄ᴴ P Pᴴ + Pᴴ P P̄ᴴ (I - P A). ---- */

static int infer_pinv(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_matrices(c, c->nin == 2 ? 2 : 1, false, false);
  if (!status) mx_matrix_spec(c, c->in[0]->t.dtype, mx_cols(c->in[0]), mx_rows(c->in[0]), out);
  return status;
}
/* x (I - y z) and (I - y z) x */
static mx_array *less_right(mx_build *b, mx_array *x, mx_array *y, mx_array *z) { return minus(b, x, mx_product(b, mx_product(b, x, y), z)); }
static mx_array *less_left(mx_build *b, mx_array *y, mx_array *z, mx_array *x) { return minus(b, x, mx_product(b, y, mx_product(b, z, x))); }
static void pinv_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *a = c->in[0], *p = c->out[0], *ph = mx_adjoint(b, p), *g = cot[0], *gh = mx_adjoint(b, g);
  if (!wanted[0] || !g) return;
  mx_array *first = mx_negative(b, mx_product(b, mx_product(b, ph, g), ph));
  mx_array *second = less_left(b, a, p, mx_product(b, mx_product(b, gh, p), ph));
  mx_array *third = less_right(b, mx_product(b, ph, mx_product(b, p, gh)), p, a);
  grads[0] = mx_add(b, first, mx_add(b, second, third));
}
static void pinv_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *a = c->in[0], *p = c->out[0], *ph = mx_adjoint(b, p), *da = tan[0], *dah = mx_adjoint(b, da);
  if (!da) return;
  mx_array *first = mx_negative(b, mx_product(b, mx_product(b, p, da), p));
  mx_array *second = less_right(b, mx_product(b, p, mx_product(b, ph, dah)), a, p);
  mx_array *third = less_left(b, p, a, mx_product(b, mx_product(b, dah, ph), p));
  out_tan[0] = mx_add(b, first, mx_add(b, second, third));
}
const struct mx_prim mx_prim_pinv = {.id = MX_PRIM_pinv, .name = "PseudoInverse", .kind = MX_GENERAL, .infer = infer_pinv, .vjp = pinv_vjp,
                                     .jvp = pinv_jvp, .vmap = mx_matrix_vmap};

/* ---- builders ---- */

static void halves(mx_build *b, mx_array **out, int n, const mx_array *a) {
  for (int i = 0; i < n; i++) out[i] = mx_as_half_of(b, out[i], a);
}
void mx_linalg_qr(mx_build *b, mx_array *a, mx_array *out[2]) {
  mx_array *x = mx_as_matrix(b, "qr", a, false);
  out[0] = out[1] = NULL;
  if (x) mx_apply_many(b, &mx_prim_qr, &x, 1, NULL, 2, out);
  halves(b, out, 2, a);
}
mx_array *mx_svdvals_for(mx_build *b, const char *op, mx_array *a) {
  mx_array *x = mx_as_matrix(b, op, a, false), *s;
  mx_apply_linalg(b, &mx_prim_svd, op, MX_PARTS_VALUES, &x, 1, &s, 1);
  return mx_as_half_of(b, s, a);
}
void mx_linalg_svd(mx_build *b, mx_array *a, bool thin, mx_array *out[3]) {
  mx_array *x = mx_as_matrix(b, "svd", a, false);
  mx_apply_linalg(b, &mx_prim_svd, "svd", thin ? MX_PARTS_THIN : MX_PARTS_FULL, &x, 1, out, 3);
  halves(b, out, 3, a);
}
/* The upper triangle is the lower one of the adjoint, which is the same Hermitian matrix. */
static void hermitian(mx_build *b, const char *op, mx_array *a, const char *uplo, mx_array **out, int nout) {
  char which = uplo && uplo[0] && !uplo[1] ? (char)toupper((unsigned char)uplo[0]) : 0;
  if (which != 'L' && which != 'U') mx_build_fail(b, MX_EVALUE, "[linalg::%s] UPLO must be 'L' or 'U', not '%.20s'.", op, uplo ? uplo : "");
  mx_array *x = b->status ? NULL : mx_as_matrix(b, op, a, true);
  if (which == 'U') x = mx_adjoint(b, x);
  mx_apply_linalg(b, &mx_prim_eigh, op, nout == 1 ? MX_PARTS_VALUES : MX_PARTS_FULL, &x, 1, out, nout);
  halves(b, out, nout, a);
}
mx_array *mx_linalg_eigvalsh(mx_build *b, mx_array *a, const char *uplo) {
  mx_array *w;
  hermitian(b, "eigvalsh", a, uplo, &w, 1);
  return w;
}
void mx_eigh_for(mx_build *b, const char *op, mx_array *a, const char *uplo, mx_array *out[2]) { hermitian(b, op, a, uplo, out, 2); }
void mx_linalg_eigh(mx_build *b, mx_array *a, const char *uplo, mx_array *out[2]) { hermitian(b, "eigh", a, uplo, out, 2); }
mx_array *mx_linalg_eigvals(mx_build *b, mx_array *a) {
  mx_array *x = mx_as_matrix(b, "eigvals", a, true), *w;
  mx_apply_linalg(b, &mx_prim_eig, "eigvals", MX_PARTS_VALUES, &x, 1, &w, 1);
  return w;
}
void mx_linalg_eig(mx_build *b, mx_array *a, mx_array *out[2]) {
  mx_array *x = mx_as_matrix(b, "eig", a, true);
  mx_apply_linalg(b, &mx_prim_eig, "eig", MX_PARTS_FULL, &x, 1, out, 2);
}
/* rtol for each matrix of x, as the kernel reads it: (…, m, 1). */
static mx_array *tolerances(mx_build *b, mx_array *rtol, mx_array *x) {
  int ndim = x->t.ndim, own = rtol->t.ndim;
  int64_t shape[MX_MAX_NDIM];
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  bool fits = own <= ndim - 2 && !mx_dtype_is_complex(rtol->t.dtype);
  for (int d = 0; fits && d < own; d++) fits = rtol->t.shape[d] == 1 || rtol->t.shape[d] == x->t.shape[ndim - 2 - own + d];
  if (!fits)
    return mx_build_fail(b, MX_EVALUE, "[linalg::pinv] rtol of shape %s and type %s does not fit the matrices of shape %s.",
                         mx_shape_text(one, rtol->t.shape, own), mx_dtype_name(rtol->t.dtype), mx_shape_text(two, x->t.shape, ndim));
  memcpy(shape, x->t.shape, (size_t)ndim * sizeof *shape);
  shape[ndim - 1] = 1;
  return mx_broadcast_to(b, mx_astype(b, mx_expand_dims(b, rtol, (int[]){-2, -1}, 2), x->t.dtype), shape, ndim);
}
mx_array *mx_linalg_pinv(mx_build *b, mx_array *a, mx_array *rtol) {
  mx_array *x[2] = {mx_as_matrix(b, "pinv", a, false)}, *out = NULL;
  if (!x[0]) return NULL;
  if (rtol) x[1] = tolerances(b, rtol, x[0]);
  mx_apply_many(b, &mx_prim_pinv, x, rtol ? 2 : 1, NULL, 1, &out);
  return mx_as_half_of(b, out, a);
}

/* ---- public functions ---- */

MX_PUBLIC_PAIR(linalg_qr, mx_linalg_qr(b, a.ctx, out), const mlx_array a)
MX_PUBLIC_PAIR(linalg_eig, mx_linalg_eig(b, a.ctx, out), const mlx_array a)
MX_PUBLIC_PAIR(linalg_eigh, mx_linalg_eigh(b, a.ctx, UPLO, out), const mlx_array a, const char *UPLO)
MX_PUBLIC(linalg_eigvals, mx_linalg_eigvals(b, a.ctx), const mlx_array a)
MX_PUBLIC(linalg_eigvalsh, mx_linalg_eigvalsh(b, a.ctx, UPLO), const mlx_array a, const char *UPLO)
MX_PUBLIC(linalg_pinv, mx_linalg_pinv(b, a.ctx, NULL), const mlx_array a)
MX_PUBLIC(ravel_pinv, mx_linalg_pinv(b, a.ctx, rtol.ctx), const mlx_array a, const mlx_array rtol)
static void svd_outputs(mx_build *b, mx_array *a, bool compute_uv, mx_array **out) {
  if (compute_uv) mx_linalg_svd(b, a, false, out);
  else out[0] = mx_svdvals_for(b, "svd", a);
}
MX_PUBLIC(ravel_svdvals_for, mx_svdvals_for(b, op ? op : "svdvals", a.ctx), const mlx_array a, const char *op)
MX_PUBLIC_MANY(ravel_svd_thin, 3, mx_linalg_svd(b, a.ctx, true, out), const mlx_array a)
/* Reflections that find nothing left to do are identities: zeros beside a tall matrix give the columns that Q lacks. */
static void qr_complete(mx_build *b, mx_array *a, mx_array *out[2]) {
  out[0] = out[1] = NULL;
  if (!a || a->t.ndim < 2 || mx_rows(a) <= mx_cols(a)) {
    mx_linalg_qr(b, a, out);
    return;
  }
  int last = -1;
  int64_t n = mx_cols(a), missing = mx_rows(a) - n, from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], step[MX_MAX_NDIM];
  a = mx_as_inexact(b, a);
  if (!a) return;
  mx_linalg_qr(b, mx_pad(b, a, &last, 1, (int64_t[]){0}, &missing, mx_scalar(b, 0, a->t.dtype), MX_PAD_CONSTANT), out);
  for (int i = 0; i < a->t.ndim; i++) to[i] = a->t.shape[i], step[i] = 1;
  out[1] = mx_slice(b, out[1], from, to, step);
}
MX_PUBLIC_PAIR(ravel_qr_complete, qr_complete(b, a.ctx, out), const mlx_array a)
MX_PUBLIC_MANY(linalg_svd, compute_uv ? 3 : 1, svd_outputs(b, a.ctx, compute_uv, out), const mlx_array a, bool compute_uv)
