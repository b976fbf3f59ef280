/* rules.c: checks and inference shared by the families. */
#include "ops/rules.h"

#include "core/half.h"

#include <string.h>

const char *mx_op_name(const struct mx_call *c) { return mx_prim_op(c->prim); }

int mx_infer_inputs(const struct mx_call *c, int nin, int nints, int head_size) {
  if (c->nin != nin)
    return mx_fail(MX_EVALUE, "[%s] Takes %d inputs, not %d.", mx_op_name(c), nin, c->nin);
  if ((nints >= 0 && c->p.nints != nints) || c->p.head_size != head_size || c->nout != 1)
    return mx_fail(MX_EVALUE, "[%s] The parameters do not fit the operation: %d integers, %d bytes, %d outputs.", mx_op_name(c),
                   c->p.nints, c->p.head_size, c->nout);
  return MX_OK;
}

/* Each elementwise primitive has one arity; the number of its row group says which. */
static int arity(enum mx_prim_id id) { return id <= MX_PRIM_copy ? 1 : id <= MX_PRIM_right_shift ? 2 : 3; }

static int infer_alike(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, arity(c->prim->id), 0, 0);
  if (status) return status;
  for (int i = 1; i < c->nin; i++)
    if (c->in[i]->t.dtype != c->in[0]->t.dtype)
      return mx_fail(MX_ETYPE, "[%s] The inputs have dtypes %s and %s, which must be alike.", mx_op_name(c),
                     mx_dtype_name(c->in[0]->t.dtype), mx_dtype_name(c->in[i]->t.dtype));
  return mx_infer_broadcast(c, out);
}

static int refuse(const struct mx_call *c) {
  return mx_fail(MX_EVALUE, "[%s] Not supported for %s.", mx_op_name(c), mx_dtype_name(c->in[0]->t.dtype));
}

int mx_infer_any(const struct mx_call *c, struct mx_spec *out) { return infer_alike(c, out); }

int mx_infer_real(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_alike(c, out);
  return status ? status : mx_dtype_is_complex(out->dtype) ? refuse(c) : MX_OK;
}
int mx_infer_numeric(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_alike(c, out);
  return status ? status : out->dtype == MX_BOOL ? refuse(c) : MX_OK;
}
int mx_infer_inexact(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_alike(c, out);
  return status ? status : !mx_dtype_is_inexact(out->dtype) ? refuse(c) : MX_OK;
}
int mx_infer_floating(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_alike(c, out);
  return status ? status : !mx_dtype_is_floating(out->dtype) ? refuse(c) : MX_OK;
}
int mx_infer_compare(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_alike(c, out);
  out->dtype = MX_BOOL;
  return status;
}
int mx_infer_integral(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_alike(c, out);
  return status ? status : mx_dtype_is_inexact(out->dtype) ? refuse(c) : MX_OK;
}

mx_array *mx_as_inexact(mx_build *b, mx_array *a) {
  return a ? mx_astype(b, a, mx_dtype_to_inexact(a->t.dtype)) : mx_build_fail(b, MX_EVALUE, "An array is missing.");
}

bool mx_promote2(mx_build *b, mx_array **x, mx_array **y) {
  if (*x && *y) {
    enum mx_dtype d = mx_dtype_promote((*x)->t.dtype, (*y)->t.dtype);
    *x = mx_astype(b, *x, d);
    *y = mx_astype(b, *y, d);
  } else {
    mx_build_fail(b, MX_EVALUE, "An array is missing.");
  }
  if (*x && *y && !b->status) return true;
  *x = *y = NULL;
  return false;
}

bool mx_is_number(const mx_array *a, double *value) {
  if (a->node->prim || a->node->flags || !mx_is_done(a) || a->t.ndim) return false;
  switch (a->t.dtype) {
  case MX_INT32: *value = *(const int32_t *)a->t.data; return true;
  case MX_FLOAT16: *value = (double)mx_f16_to_float(*(const uint16_t *)a->t.data); return true;
  case MX_BFLOAT16: *value = (double)mx_bf16_to_float(*(const uint16_t *)a->t.data); return true;
  case MX_FLOAT32: *value = (double)*(const float *)a->t.data; return true;
  case MX_FLOAT64: *value = *(const double *)a->t.data; return true;
  default: return false;
  }
}

mx_array *mx_complex_scalar(mx_build *b, float re, float im) {
  float parts[2] = {re, im};
  return b->status ? NULL : mx_build_own(b, mx_array_scalar_bytes(parts, MX_COMPLEX64));
}

bool mx_axis_of(mx_build *b, const char *op, int64_t axis, int ndim, int *out) {
  if (!b->status) b->status = mx_axis(op, axis, ndim, out);
  return !b->status;
}

bool mx_axes_of(mx_build *b, const char *op, const mx_array *a, const int *axes, int n, struct mx_axes *out) {
  if (!a || b->status) {
    mx_build_fail(b, MX_EVALUE, "[%s] The input is missing.", op);
    return false;
  }
  bool chosen[MX_MAX_NDIM] = {false};
  for (int i = 0; i < a->t.ndim && !axes; i++) chosen[i] = true;
  for (int i = 0; i < n && axes; i++) {
    int axis;
    if (!mx_axis_of(b, op, axes[i], a->t.ndim, &axis)) return false;
    if (chosen[axis]) {
      mx_build_fail(b, MX_EVALUE, "[%s] Duplicate axes detected: axis %d is given twice.", op, axis);
      return false;
    }
    chosen[axis] = true;
  }
  out->n = 0;
  for (int i = 0; i < a->t.ndim; i++)
    if (chosen[i]) out->at[out->n++] = i;
  return true;
}

mx_array *mx_batch_first(mx_build *b, mx_array *a, int axis, int64_t size) {
  if (!a || b->status) return NULL;
  if (axis >= 0) return mx_moveaxis(b, a, axis, 0);
  int64_t shape[MX_MAX_NDIM];
  if (a->t.ndim == MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[vmap] Too many dimensions.");
  shape[0] = size;
  if (a->t.ndim) memcpy(shape + 1, a->t.shape, (size_t)a->t.ndim * sizeof *shape);
  return mx_broadcast_to(b, a, shape, a->t.ndim + 1);
}

int64_t mx_batch_size(mx_array *const *in, const int *axis, int n) {
  for (int i = 0; i < n; i++)
    if (axis[i] >= 0 && in[i]) return in[i]->t.shape[axis[i]];
  return 1;
}

mx_array *mx_zeros_as(mx_build *b, const mx_array *a) {
  return a ? mx_zeros(b, a->t.shape, a->t.ndim, a->t.dtype) : NULL;
}
