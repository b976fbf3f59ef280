/* products.c: Kronecker products and Hadamard transforms.
 * Invariant: a Hadamard node transforms the last axis, whose size infer has checked. */
#include "ops/public.h"
#include "ops/rules.h"

#include <math.h>

/* kron(x, y)[i * rows(y) + k, …] = x[i, …] y[k, …]: x with a dimension of 1 after each of its own, y with one before. */
mx_array *mx_kron(mx_build *b, mx_array *x, mx_array *y) {
  if (!x || !y) return NULL;
  int n = x->t.ndim > y->t.ndim ? x->t.ndim : y->t.ndim;
  if (2 * n > MX_MAX_NDIM)
    return mx_build_fail(b, MX_EVALUE, "[kron] At most %d dimensions, but a has %d and b has %d.", MX_MAX_NDIM / 2, x->t.ndim, y->t.ndim);
  int64_t xs[MX_MAX_NDIM], ys[MX_MAX_NDIM], shape[MX_MAX_NDIM];
  for (int i = 0; i < n; i++) {
    int at_x = i - n + x->t.ndim, at_y = i - n + y->t.ndim;
    xs[2 * i] = at_x < 0 ? 1 : x->t.shape[at_x], xs[2 * i + 1] = 1;
    ys[2 * i] = 1, ys[2 * i + 1] = at_y < 0 ? 1 : y->t.shape[at_y];
    shape[i] = mx_times(xs[2 * i], ys[2 * i + 1]);
  }
  mx_array *r = mx_multiply(b, mx_reshape(b, x, xs, 2 * n), mx_reshape(b, y, ys, 2 * n));
  return mx_reshape(b, r, shape, n);
}

/* hadamard: y = scale x H, H = H_m ⊗ H_2 ⊗ … ⊗ H_2 */
static const struct mx_hadamard_params *hadamard_of(const struct mx_call *c) { return c->p.head; }
static bool has_hadamard_matrix(int64_t n) {
  if (n < 1) return false;
  while (n % 8 == 0) n /= 2;
  return n == 1 || n == 2 || n == 4 || n == 12 || n == 20 || n == 28;
}
static int infer_hadamard(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, 0, sizeof(struct mx_hadamard_params));
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t;
  char text[MX_SHAPE_TEXT];
  if (!mx_dtype_is_inexact(a->dtype)) return mx_fail(MX_EVALUE, "[hadamard_transform] Not supported for %s.", mx_dtype_name(a->dtype));
  if (a->ndim < 1 || !has_hadamard_matrix(a->shape[a->ndim - 1]))
    return mx_fail(MX_EVALUE, "[hadamard_transform] Only supports n = m*2^k where m in (1, 12, 20, 28) along the last axis, not shape %s.",
                   mx_shape_text(text, a->shape, a->ndim));
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = a->shape[i];
  return MX_OK;
}
static mx_array *hadamard(mx_build *b, mx_array *a, double scale, bool transposed) {
  struct mx_hadamard_params head = {scale, transposed};
  return mx_apply(b, &mx_prim_hadamard, &a, 1, &(struct mx_params){.head = &head, .head_size = sizeof head});
}
static void hadamard_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = hadamard(b, cot[0], hadamard_of(c)->scale, !hadamard_of(c)->transposed);
}
static void hadamard_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  out[0] = hadamard(b, mx_batch_first(b, in[0], axis[0], 1), hadamard_of(c)->scale, hadamard_of(c)->transposed);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_hadamard = {
    .id = MX_PRIM_hadamard, .name = "Hadamard", .kind = MX_GENERAL, .linear = true, .infer = infer_hadamard, .vjp = hadamard_vjp,
    .vmap = hadamard_vmap};

mx_array *mx_hadamard_transform(mx_build *b, mx_array *a, const double *scale) {
  a = mx_as_inexact(b, a);
  if (!a || (a->t.ndim == 0 && !scale)) return a;
  if (a->t.ndim == 0) return mx_multiply(b, a, mx_scalar(b, *scale, a->t.dtype));
  int64_t n = a->t.shape[a->t.ndim - 1];
  return hadamard(b, a, scale ? *scale : 1 / sqrt((double)n), false);
}

/* Public functions */
MX_PUBLIC(kron, mx_kron(b, x.ctx, y.ctx), const mlx_array x, const mlx_array y)
static mx_array *hadamard_public(mx_build *b, mx_array *a, mlx_optional_float scale) {
  double by = (double)scale.value;
  return mx_hadamard_transform(b, a, scale.has_value ? &by : NULL);
}
MX_PUBLIC(hadamard_transform, hadamard_public(b, a.ctx, scale), const mlx_array a, mlx_optional_float scale)
