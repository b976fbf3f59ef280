/* masked.c: reading and writing where a mask holds: the rows of a that the mask, of a's leading dimensions, names in row-major
 * order. Invariant: shapes never depend on the mask's values: the reader is told how many rows to give, and fills up with
 * zeros; too few is an error when the result is computed. */
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

/* The mask is bool and has the shape of a's leading dimensions. */
static int check_mask(const struct mx_call *c, const struct mx_tensor *a, const struct mx_tensor *mask) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  if (mask->dtype != MX_BOOL) return mx_fail(MX_ETYPE, "[%s] The mask must be bool, not %s.", mx_op_name(c), mx_dtype_name(mask->dtype));
  bool fits = mask->ndim <= a->ndim;
  for (int i = 0; i < mask->ndim && fits; i++) fits = mask->shape[i] == a->shape[i];
  if (fits) return MX_OK;
  return mx_fail(MX_EINDEX, "[%s] The mask has shape %s, which is not how the array's shape %s begins.", mx_op_name(c),
                 mx_shape_text(one, mask->shape, mask->ndim), mx_shape_text(two, a->shape, a->ndim));
}
static mx_array *gather_apply(mx_build *b, mx_array *a, mx_array *mask, int64_t rows) {
  mx_array *in[2] = {a, mask};
  return mx_apply(b, &mx_prim_masked_gather, in, 2, &(struct mx_params){.ints = &rows, .nints = 1});
}
static mx_array *scatter_apply(mx_build *b, mx_array *a, mx_array *mask, mx_array *rows) {
  return mx_apply3(b, &mx_prim_masked_scatter, a, mask, rows);
}

static int infer_masked_gather(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 2, 1, 0);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t, *mask = &c->in[1]->t;
  if ((status = check_mask(c, a, mask))) return status;
  int n = a->ndim - mask->ndim + 1;
  if (c->p.ints[0] < 0 || n > MX_MAX_NDIM) return mx_fail(MX_EVALUE, "[masked_gather] %lld rows of %d dimensions.", (long long)c->p.ints[0], n);
  out->dtype = a->dtype;
  out->ndim = n;
  out->shape[0] = c->p.ints[0];
  for (int i = 1; i < n; i++) out->shape[i] = a->shape[mask->ndim + i - 1];
  return MX_OK;
}
static int infer_masked_scatter(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 3, 0, 0);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t, *mask = &c->in[1]->t, *u = &c->in[2]->t;
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  if ((status = check_mask(c, a, mask))) return status;
  if (u->dtype != a->dtype)
    return mx_fail(MX_ETYPE, "[masked_scatter] The values are %s, the array %s.", mx_dtype_name(u->dtype), mx_dtype_name(a->dtype));
  bool fits = u->ndim == a->ndim - mask->ndim + 1;
  for (int i = 1; i < u->ndim && fits; i++) fits = u->shape[i] == a->shape[mask->ndim + i - 1];
  if (!fits)
    return mx_fail(MX_EVALUE, "[masked_scatter] Values of shape %s do not fit a mask with %d dimensions on an array of shape %s.",
                   mx_shape_text(one, u->shape, u->ndim), mask->ndim, mx_shape_text(two, a->shape, a->ndim));
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = a->shape[i];
  return MX_OK;
}

static void masked_gather_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = scatter_apply(b, mx_zeros_as(b, c->in[0]), c->in[1], cot[0]);
}
static void masked_gather_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = gather_apply(b, tan[0], c->in[1], c->p.ints[0]);
}
/* The mask in as many dimensions as a. */
static mx_array *widened(mx_build *b, mx_array *mask, int ndim) {
  int64_t shape[MX_MAX_NDIM];
  if (!mask) return NULL;
  for (int i = 0; i < ndim; i++) shape[i] = i < mask->t.ndim ? mask->t.shape[i] : 1;
  return mx_reshape(b, mask, shape, ndim);
}
static void masked_scatter_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *g = cot[0], *a = c->in[0];
  if (!g) return;
  if (wanted[0]) grads[0] = mx_where(b, widened(b, c->in[1], a->t.ndim), mx_scalar(b, 0, g->t.dtype), g);
  if (wanted[2]) grads[2] = gather_apply(b, g, c->in[1], c->in[2]->t.shape[0]);
}
static void masked_scatter_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (!tan[0] && !tan[2]) return;
  out_tan[0] = scatter_apply(b, tan[0] ? tan[0] : mx_zeros_as(b, c->in[0]), c->in[1], tan[2] ? tan[2] : mx_zeros_as(b, c->in[2]));
}

/* A mask for each of the batch: each place's number among those that its mask names, (size, places); where it names none, `none`. */
static mx_array *places(mx_build *b, mx_array *mask, int64_t size, mx_array *none) {
  mask = mask ? mx_reshape(b, mask, (int64_t[]){size, size ? mask->t.size / size : 0}, 2) : NULL;
  mx_array *count = mx_cumsum(b, mx_astype(b, mask, MX_INT64), (int[]){1}, false, false);
  return mx_where(b, mask, count, none);
}
/* rows, (size, places, 1): as wide as a row. */
static mx_array *across(mx_build *b, mx_array *rows, int64_t width) {
  if (!rows) return NULL;
  return mx_broadcast_to(b, mx_expand_dims(b, rows, (int[]){2}, 1), (int64_t[]){rows->t.shape[0], rows->t.shape[1], width}, 3);
}
static int64_t width_of(const struct mx_call *c) {
  int64_t width = 1;
  for (int i = c->in[1]->t.ndim; i < c->in[0]->t.ndim; i++) width = mx_times(width, c->in[0]->t.shape[i]);
  return width;
}
static void masked_gather_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int m = c->in[1]->t.ndim;
  int64_t size = mx_batch_size(in, axis, 2), n = c->p.ints[0], width = width_of(c), count = c->in[1]->t.size, shape[MX_MAX_NDIM];
  if (axis[1] < 0) { /* one mask: the batch is part of each row */
    out[0] = gather_apply(b, mx_moveaxis(b, in[0], axis[0], m), in[1], n);
    out_axis[0] = 1;
    return;
  }
  mx_array *a = mx_reshape(b, mx_batch_first(b, in[0], axis[0], size), (int64_t[]){size, count, width}, 3);
  mx_array *at = places(b, mx_batch_first(b, in[1], axis[1], size), size, mx_scalar(b, (double)n, MX_INT64));
  mx_array *room = mx_zeros(b, (int64_t[]){size, n + 1, width}, 3, c->in[0]->t.dtype); /* the last place for what no mask names */
  mx_array *r = mx_put_along_axis(b, room, across(b, at, width), a, (int[]){1});
  r = mx_slice(b, r, (int64_t[]){0, 0, 0}, (int64_t[]){size, n, width}, (int64_t[]){1, 1, 1});
  shape[0] = size, shape[1] = n;
  for (int i = m; i < c->in[0]->t.ndim; i++) shape[2 + i - m] = c->in[0]->t.shape[i];
  out[0] = mx_reshape(b, r, shape, 2 + c->in[0]->t.ndim - m);
  out_axis[0] = 0;
}
static void masked_scatter_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int m = c->in[1]->t.ndim;
  int64_t size = mx_batch_size(in, axis, 3), n = c->in[2]->t.shape[0], width = width_of(c);
  mx_array *a = mx_batch_first(b, in[0], axis[0], size), *u = mx_batch_first(b, in[2], axis[2], size);
  if (axis[1] < 0) {
    out[0] = scatter_apply(b, mx_moveaxis(b, a, 0, m), in[1], mx_moveaxis(b, u, 0, 1));
    out_axis[0] = m;
    return;
  }
  out_axis[0] = 0;
  mx_array *mask = mx_batch_first(b, in[1], axis[1], size);
  if (!a || !mask || !u) return;
  int one = 1;
  int64_t zero = 0, shape[MX_MAX_NDIM];
  u = mx_reshape(b, u, (int64_t[]){size, n, width}, 3);
  if (n == 0) u = mx_pad(b, u, &one, 1, &zero, (int64_t[]){1}, mx_scalar(b, 0, c->in[2]->t.dtype), MX_PAD_CONSTANT);
  mx_array *at = places(b, mask, size, mx_scalar(b, 0, MX_INT64));
  if (n == 0) at = mx_add(b, at, mx_reshape(b, mx_astype(b, mask, MX_INT64), at ? at->t.shape : NULL, 2)); /* then any is one too many */
  mx_array *rows = mx_reshape(b, mx_take_along_axis(b, u, across(b, at, width), &one), a->t.shape, a->t.ndim);
  for (int i = 0; i < a->t.ndim; i++) shape[i] = i < mask->t.ndim ? mask->t.shape[i] : 1;
  out[0] = mx_where(b, mx_reshape(b, mask, shape, a->t.ndim), rows, a);
}
const struct mx_prim mx_prim_masked_gather = {
    .id = MX_PRIM_masked_gather, .name = "MaskedGather", .kind = MX_GENERAL, .infer = infer_masked_gather, .vjp = masked_gather_vjp,
    .jvp = masked_gather_jvp, .vmap = masked_gather_vmap};
const struct mx_prim mx_prim_masked_scatter = {
    .id = MX_PRIM_masked_scatter, .name = "MaskedScatter", .kind = MX_GENERAL, .inplace = 1, .infer = infer_masked_scatter,
    .vjp = masked_scatter_vjp, .jvp = masked_scatter_jvp, .vmap = masked_scatter_vmap};

mx_array *mx_masked_gather(mx_build *b, mx_array *a, mx_array *mask, int64_t rows) { return a && mask ? gather_apply(b, a, mask, rows) : NULL; }
/* src is read in row-major order; what of it the mask does not use is left. The mask broadcasts to a. */
mx_array *mx_masked_scatter(mx_build *b, mx_array *a, mx_array *mask, mx_array *src) {
  if (!a || !mask || !src) return NULL;
  if (mask->t.dtype != MX_BOOL)
    return mx_build_fail(b, MX_ETYPE, "[masked_scatter] The mask must be bool, not %s.", mx_dtype_name(mask->t.dtype));
  mask = mx_broadcast_to(b, mask, a->t.shape, a->t.ndim);
  src = mx_reshape(b, mx_astype(b, src, a->t.dtype), (int64_t[]){src->t.size}, 1);
  return scatter_apply(b, a, mask, src);
}
mx_array *mx_masked_scatter_rows(mx_build *b, mx_array *a, mx_array *mask, mx_array *rows) {
  return a && mask && rows ? scatter_apply(b, a, mask, mx_astype(b, rows, a->t.dtype)) : NULL;
}

/* Public functions */
MX_PUBLIC(masked_scatter, mx_masked_scatter(b, a.ctx, mask.ctx, src.ctx), const mlx_array a, const mlx_array mask, const mlx_array src)
MX_PUBLIC(ravel_masked_scatter_rows, mx_masked_scatter_rows(b, a.ctx, mask.ctx, rows.ctx), const mlx_array a, const mlx_array mask,
          const mlx_array rows)
