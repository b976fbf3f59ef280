/* cast.c: other dtypes for the same values (astype), other values for the same bytes (view), a place of their own (contiguous).
 * Invariant: a cast to the dtype an array has already makes no node. */
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

static enum mx_dtype target(const struct mx_call *c) {
  return (enum mx_dtype)((const struct mx_dtype_params *)c->p.head)->dtype;
}
static int infer_target(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, 0, sizeof(struct mx_dtype_params));
  if (status) return status;
  if ((unsigned)target(c) >= MX_DTYPE_COUNT) return mx_fail(MX_ETYPE, "[%s] No such dtype: %d.", mx_op_name(c), (int)target(c));
  const struct mx_tensor *a = &c->in[0]->t;
  out->dtype = target(c);
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = a->shape[i];
  return MX_OK;
}

static void astype_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_astype(b, cot[0], c->in[0]->t.dtype);
}

const struct mx_prim mx_prim_astype = {
    .id = MX_PRIM_astype, .name = "AsType", .kind = MX_ELEMENTWISE, .linear = true, .infer = infer_target, .vjp = astype_vjp};

mx_array *mx_astype(mx_build *b, mx_array *a, enum mx_dtype dtype) {
  if (a && a->t.dtype == dtype) return a;
  struct mx_dtype_params head = {dtype};
  return mx_apply(b, &mx_prim_astype, &a, 1, &(struct mx_params){.head = &head, .head_size = sizeof head});
}

/* view: the last dimension grows or shrinks with the item size. */
static int infer_view(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_target(c, out);
  if (status) return status;
  int64_t from = (int64_t)mx_dtype_size(c->in[0]->t.dtype), to = (int64_t)mx_dtype_size(out->dtype);
  if (from == to) return MX_OK;
  if (out->ndim == 0)
    return mx_fail(MX_EVALUE, "[view] Changing the type of a scalar is only allowed for types with the same size: %s to %s.",
                   mx_dtype_name(c->in[0]->t.dtype), mx_dtype_name(out->dtype));
  int64_t *last = &out->shape[out->ndim - 1], bytes;
  if (__builtin_mul_overflow(*last, from, &bytes)) return mx_fail(MX_EVALUE, "[view] The array is too large.");
  if (bytes % to) {
    char text[MX_SHAPE_TEXT];
    return mx_fail(MX_EVALUE,
                   "[view] When viewing as a larger dtype, the size in bytes of the last axis must be a multiple of the requested "
                   "type size: shape %s, %s to %s.",
                   mx_shape_text(text, c->in[0]->t.shape, out->ndim), mx_dtype_name(c->in[0]->t.dtype), mx_dtype_name(out->dtype));
  }
  *last = bytes / to;
  return MX_OK;
}

/* The last dimension must be a run without gaps where the item size changes; builders see to it. */
static bool view_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  int n = in->ndim;
  int64_t from = (int64_t)mx_dtype_size(in->dtype), to = (int64_t)mx_dtype_size(out->dtype);
  if (from != to && in->shape[n - 1] != 1 && in->strides[n - 1] != 1 && in->size > 0) return false;
  for (int i = 0; i < n; i++) {
    bool last = i == n - 1 && from != to;
    if (!last && in->shape[i] > 1 && in->strides[i] * from % to) return false;
    out->strides[i] = last ? 1 : in->strides[i] * from / to;
  }
  if (from < to && ((uintptr_t)in->data) % (uintptr_t)to) return false;
  out->data = in->data;
  return true;
}

static void view_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  out[0] = mx_view(b, mx_batch_first(b, in[0], axis[0], 1), target(c));
  out_axis[0] = 0;
}

const struct mx_prim mx_prim_view = {
    .id = MX_PRIM_view, .name = "View", .kind = MX_VIEW, .infer = infer_view, .vmap = view_vmap, .view = view_view};

mx_array *mx_view(mx_build *b, mx_array *a, enum mx_dtype dtype) {
  if (!a || a->t.dtype == dtype) return a;
  /* Bytes of neighbours are joined or split: they must be neighbours in memory too. */
  if (mx_dtype_size(a->t.dtype) != mx_dtype_size(dtype)) a = mx_contiguous(b, a);
  struct mx_dtype_params head = {dtype};
  return mx_apply(b, &mx_prim_view, &a, 1, &(struct mx_params){.head = &head, .head_size = sizeof head});
}

static int infer_contiguous(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, 0, 0);
  return status ? status : mx_infer_broadcast(c, out);
}
static void contiguous_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0]) grads[0] = cot[0];
}
static void contiguous_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out,
                            int *out_axis) {
  out[0] = mx_contiguous(b, mx_batch_first(b, in[0], axis[0], 1));
  out_axis[0] = 0;
}
static void contiguous_compose(mx_build *b, const struct mx_call *c, mx_array **out) { out[0] = mx_copy(b, c->in[0]); }

const struct mx_prim mx_prim_contiguous = {
    .id = MX_PRIM_contiguous, .name = "Contiguous", .kind = MX_GENERAL, .linear = true, .infer = infer_contiguous,
    .vjp = contiguous_vjp, .vmap = contiguous_vmap, .compose = contiguous_compose};

mx_array *mx_contiguous(mx_build *b, mx_array *a) { return mx_apply1(b, &mx_prim_contiguous, a); }

/* Public functions */
MX_PUBLIC(astype, mx_astype(b, a.ctx, mx_public_dtype(b, dtype)), const mlx_array a, mlx_dtype dtype)
MX_PUBLIC(view, mx_view(b, a.ctx, mx_public_dtype(b, dtype)), const mlx_array a, mlx_dtype dtype)
MX_PUBLIC(contiguous, mx_contiguous(b, a.ctx), const mlx_array a, bool allow_col_major)
