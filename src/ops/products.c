/* products.c: Kronecker products, Hadamard transforms, products of matrices whose blocks are masked.
 * Invariant: a Hadamard node transforms the last axis, whose size infer has checked; the others are written in terms of others. */
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

/* block_masked_mm */
static int64_t blocks_of(int64_t n, int64_t block) { return n / block + (n % block != 0); }

/* a with its blocks multiplied by what the mask says of them; a bool mask puts zeros, also in place of NaN. */
static mx_array *mask_blocks(mx_build *b, mx_array *a, mx_array *mask, int64_t block, const char *which) {
  char have[MX_SHAPE_TEXT], want[MX_SHAPE_TEXT];
  if (!a || !mask) return a;
  int n = a->t.ndim, wide = 0;
  int64_t shape[MX_MAX_NDIM] = {0}, all[MX_MAX_NDIM], rows = a->t.shape[n - 2], columns = a->t.shape[n - 1];
  for (int i = 0; i < n; i++) shape[i] = i < n - 2 ? a->t.shape[i] : blocks_of(a->t.shape[i], block);
  int status = mx_broadcast_shapes("block_masked_mm", shape, n, mask->t.shape, mask->t.ndim, all, &wide);
  bool fits = !status && wide == n;
  for (int i = 0; fits && i < n; i++) fits = all[i] == shape[i];
  if (!fits || n + 2 > MX_MAX_NDIM)
    return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] %s has shape %s, which does not broadcast to the blocks' shape %s.", which,
                         mx_shape_text(have, mask->t.shape, mask->t.ndim), mx_shape_text(want, shape, n));
  if (mask->t.dtype != MX_BOOL) mask = mx_astype(b, mask, a->t.dtype);
  mask = mx_broadcast_to(b, mask, shape, n);
  bool whole = rows % block == 0 && columns % block == 0;
  mx_array *x = a;
  if (whole) { /* each block beside its one value, without a mask of every element */
    int64_t cut[MX_MAX_NDIM];
    for (int i = 0; i < n - 2; i++) cut[i] = shape[i];
    cut[n - 2] = rows / block, cut[n - 1] = block, cut[n] = columns / block, cut[n + 1] = block;
    x = mx_reshape(b, a, cut, n + 2);
    mask = mx_expand_dims(b, mask, (int[]){n - 1, n + 1}, 2);
  } else {
    int64_t from[MX_MAX_NDIM] = {0}, step[MX_MAX_NDIM];
    for (int i = 0; i < n; i++) step[i] = 1;
    for (int i = n - 2; i < n; i++) mask = mx_repeat(b, mask, block, &i);
    mask = mx_slice(b, mask, from, a->t.shape, step);
  }
  if (!mask) return NULL;
  x = mask->t.dtype == MX_BOOL ? mx_where(b, mask, x, mx_scalar(b, 0, a->t.dtype)) : mx_multiply(b, x, mask);
  return whole ? mx_reshape(b, x, a->t.shape, n) : x;
}

mx_array *mx_block_masked_mm(mx_build *b, mx_array *x, mx_array *y, int64_t block, mx_array *mask_out, mx_array *mask_x, mx_array *mask_y) {
  if (!x || !y) return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] An array is missing.");
  if (block < 1) return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] block_size must be positive, not %lld.", (long long)block);
  if (x->t.ndim == 0 || y->t.ndim == 0)
    return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] Got 0 dimension input. Inputs must have at least one dimension.");
  bool vector_x = x->t.ndim == 1, vector_y = y->t.ndim == 1;
  if (vector_x) x = mx_expand_dims(b, x, (int[]){0}, 1);
  if (vector_y) y = mx_expand_dims(b, y, (int[]){1}, 1);
  if (!mx_promote2(b, &x, &y)) return NULL;
  mx_array *r = mx_matmul(b, mask_blocks(b, x, mask_x, block, "mask_lhs"), mask_blocks(b, y, mask_y, block, "mask_rhs"));
  r = mask_blocks(b, r, mask_out, block, "mask_out");
  if (vector_y) r = mx_squeeze(b, r, (int[]){-1}, 1);
  return vector_x ? mx_squeeze(b, r, (int[]){vector_y ? -1 : -2}, 1) : r;
}

/* Public functions */
MX_PUBLIC(kron, mx_kron(b, x.ctx, y.ctx), const mlx_array x, const mlx_array y)
static mx_array *hadamard_public(mx_build *b, mx_array *a, mlx_optional_float scale) {
  double by = (double)scale.value;
  return mx_hadamard_transform(b, a, scale.has_value ? &by : NULL);
}
MX_PUBLIC(hadamard_transform, hadamard_public(b, a.ctx, scale), const mlx_array a, mlx_optional_float scale)
MX_PUBLIC(block_masked_mm, mx_block_masked_mm(b, x.ctx, y.ctx, block_size, mask_out.ctx, mask_lhs.ctx, mask_rhs.ctx), const mlx_array x,
          const mlx_array y, int block_size, const mlx_array mask_out, const mlx_array mask_lhs, const mlx_array mask_rhs)
