/* slice.c: regions of arrays, read and written.
 * Invariant: in a node start, size and step are normalized: every element start + k * step with k < size is in bounds. */
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

/* Checks start, size, step of c against the shape of input 0. */
static int check_region(const struct mx_call *c, const struct mx_tensor *a) {
  const int64_t *start = c->p.ints, *size = start + a->ndim, *step = size + a->ndim;
  char text[MX_SHAPE_TEXT];
  for (int i = 0; i < a->ndim; i++) {
    int64_t span, last;
    if (size[i] == 0) continue;
    bool bad = size[i] < 0 || start[i] < 0 || start[i] >= a->shape[i] || __builtin_mul_overflow(size[i] - 1, step[i], &span) ||
               __builtin_add_overflow(start[i], span, &last) || last < 0 || last >= a->shape[i];
    if (bad)
      return mx_fail(MX_EVALUE, "[%s] The region leaves axis %d of an array of shape %s.", mx_op_name(c), i,
                     mx_shape_text(text, a->shape, a->ndim));
  }
  return MX_OK;
}
static int infer_slice(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin != 1 || c->p.nints != 3 * c->in[0]->t.ndim)
    return mx_fail(MX_EVALUE, "[slice] Needs one array, and start, size and step of each dimension.");
  const struct mx_tensor *a = &c->in[0]->t;
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = c->p.ints[a->ndim + i];
  return check_region(c, a);
}
static bool slice_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  const int64_t *start = c->p.ints, *step = start + 2 * in->ndim;
  int64_t offset = 0;
  for (int i = 0; i < in->ndim; i++) {
    out->strides[i] = in->strides[i] * step[i];
    offset += in->strides[i] * start[i];
  }
  out->data = out->size && in->data ? (char *)in->data + offset * (int64_t)mx_dtype_size(in->dtype) : in->data;
  return true;
}

static mx_array *slice_apply(mx_build *b, mx_array *a, const int64_t *region) {
  return a ? mx_apply_ints(b, &mx_prim_slice, a, region, 3 * a->t.ndim) : NULL;
}
static mx_array *update_apply(mx_build *b, mx_array *src, mx_array *update, const int64_t *region) {
  if (!src || !update) return NULL;
  mx_array *in[2] = {src, update};
  return mx_apply(b, &mx_prim_slice_update, in, 2, &(struct mx_params){.ints = region, .nints = 3 * src->t.ndim});
}
/* The region of a batch: all of dimension 0, then the given one. */
static void batched_region(const struct mx_call *c, int ndim, int64_t size, int64_t *region) {
  for (int part = 0; part < 3; part++) {
    region[part * (ndim + 1)] = part == 0 ? 0 : part == 1 ? size : 1;
    for (int i = 0; i < ndim; i++) region[part * (ndim + 1) + 1 + i] = c->p.ints[part * ndim + i];
  }
}

static void slice_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  const struct mx_tensor *a = &c->in[0]->t;
  if (wanted[0] && cot[0]) grads[0] = update_apply(b, mx_zeros(b, a->shape, a->ndim, cot[0]->t.dtype), cot[0], c->p.ints);
}
static void slice_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t region[3 * MX_MAX_NDIM];
  mx_array *a = mx_batch_first(b, in[0], axis[0], 1);
  if (!a) return;
  batched_region(c, a->t.ndim - 1, a->t.shape[0], region);
  out[0] = slice_apply(b, a, region);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_slice = {
    .id = MX_PRIM_slice, .name = "Slice", .kind = MX_VIEW, .linear = true, .infer = infer_slice, .vjp = slice_vjp,
    .vmap = slice_vmap, .view = slice_view};

/* slice_update */
static int infer_slice_update(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin != 2 || c->p.nints != 3 * c->in[0]->t.ndim)
    return mx_fail(MX_EVALUE, "[slice_update] Needs two arrays, and start, size and step of each dimension.");
  const struct mx_tensor *a = &c->in[0]->t, *u = &c->in[1]->t;
  if (a->dtype != u->dtype)
    return mx_fail(MX_ETYPE, "[slice_update] The update is %s, the array %s.", mx_dtype_name(u->dtype), mx_dtype_name(a->dtype));
  bool fits = u->ndim == a->ndim;
  for (int i = 0; i < a->ndim && fits; i++) fits = u->shape[i] == c->p.ints[a->ndim + i];
  char want[MX_SHAPE_TEXT], got[MX_SHAPE_TEXT];
  if (!fits)
    return mx_fail(MX_EVALUE, "[slice_update] The update has shape %s, the region %s.", mx_shape_text(got, u->shape, u->ndim),
                   mx_shape_text(want, c->p.ints + a->ndim, a->ndim));
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = a->shape[i];
  return check_region(c, a);
}
static void slice_update_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!cot[0]) return;
  const struct mx_tensor *u = &c->in[1]->t;
  if (wanted[0]) grads[0] = update_apply(b, cot[0], mx_zeros(b, u->shape, u->ndim, cot[0]->t.dtype), c->p.ints);
  if (wanted[1]) grads[1] = slice_apply(b, cot[0], c->p.ints);
}
static void slice_update_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (!tan[0] && !tan[1]) return;
  out_tan[0] = update_apply(b, tan[0] ? tan[0] : mx_zeros_as(b, c->in[0]), tan[1] ? tan[1] : mx_zeros_as(b, c->in[1]), c->p.ints);
}
static void slice_update_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t region[3 * MX_MAX_NDIM], size = mx_batch_size(in, axis, 2);
  mx_array *a = mx_batch_first(b, in[0], axis[0], size), *u = mx_batch_first(b, in[1], axis[1], size);
  if (!a || !u) return;
  batched_region(c, a->t.ndim - 1, size, region);
  out[0] = update_apply(b, a, u, region);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_slice_update = {
    .id = MX_PRIM_slice_update, .name = "SliceUpdate", .kind = MX_GENERAL, .inplace = 1, .infer = infer_slice_update,
    .vjp = slice_update_vjp, .jvp = slice_update_jvp, .vmap = slice_update_vmap};

/* start, stop, step as Python's slices -> the region of a node. Gives whether it is the whole array in order. */
static bool normalize(mx_build *b, const char *op, const mx_array *a, const int64_t *start, const int64_t *stop, const int64_t *step,
                      int64_t *region) {
  bool whole = true;
  for (int i = 0; i < a->t.ndim; i++) {
    int64_t n = a->t.shape[i], from = start[i], to = stop[i], by = step[i], size = 0;
    if (by == 0) mx_build_fail(b, MX_EVALUE, "[%s] The step of axis %d is zero.", op, i);
    if (b->status) return false;
    from += from < 0 ? n : 0, to += to < 0 ? n : 0;
    int64_t low = by > 0 ? 0 : -1, high = by > 0 ? n : n - 1;
    from = from < low ? low : from > high ? high : from;
    to = to < low ? low : to > high ? high : to;
    if (by > 0 && to > from) size = (to - from - 1) / by + 1;
    if (by < 0 && to < from) size = by == INT64_MIN ? 1 : (from - to - 1) / -by + 1;
    if (size <= 1) by = 1; /* one element or none: any step, so one that cannot overflow */
    region[i] = size ? from : 0;
    region[a->t.ndim + i] = size;
    region[2 * a->t.ndim + i] = by;
    whole &= size == n && (by == 1 || n <= 1);
  }
  return whole;
}
mx_array *mx_slice(mx_build *b, mx_array *a, const int64_t *start, const int64_t *stop, const int64_t *step) {
  int64_t region[3 * MX_MAX_NDIM];
  if (!a || b->status) return NULL;
  return normalize(b, "slice", a, start, stop, step, region) ? a : slice_apply(b, a, region);
}
mx_array *mx_slice_update(mx_build *b, mx_array *src, mx_array *update, const int64_t *start, const int64_t *stop,
                          const int64_t *step, int mode) {
  int64_t region[3 * MX_MAX_NDIM];
  if (!src || !update || b->status) return NULL;
  bool whole = normalize(b, "slice_update", src, start, stop, step, region);
  const int64_t *size = region + src->t.ndim;
  /* Leading dimensions of size 1 that the region lacks are dropped, as in an assignment. */
  while (update && update->t.ndim > src->t.ndim && update->t.shape[0] == 1) update = mx_squeeze(b, update, (int[]){0}, 1);
  update = mx_broadcast_to(b, mx_astype(b, update, src->t.dtype), size, src->t.ndim);
  if (mode != MX_UPDATE_NONE) {
    mx_array *old = slice_apply(b, src, region);
    update = mode == MX_UPDATE_SUM    ? mx_add(b, old, update)
             : mode == MX_UPDATE_PROD ? mx_multiply(b, old, update)
             : mode == MX_UPDATE_MAX  ? mx_maximum(b, old, update)
                                      : mx_minimum(b, old, update);
  }
  return whole ? update : update_apply(b, src, update, region);
}

/* Slices that start where an array says: clamped so that they fit. ints of dynamic_slice = axes, then the size of the slice. */
static int check_start(const struct mx_call *c, const struct mx_tensor *a, const struct mx_tensor *start, int64_t naxes) {
  uint64_t seen = 0;
  if (mx_dtype_is_inexact(start->dtype) || start->dtype == MX_BOOL)
    return mx_fail(MX_EVALUE, "[%s] The start indices must be integers, not %s.", mx_op_name(c), mx_dtype_name(start->dtype));
  if (start->ndim > 1 || start->size != naxes)
    return mx_fail(MX_EVALUE, "[%s] Number of starting indices %lld does not match number of axes %lld.", mx_op_name(c),
                   (long long)start->size, (long long)naxes);
  for (int64_t i = 0; i < naxes; i++) {
    int64_t axis = c->p.ints[i];
    if (axis < 0 || axis >= a->ndim || seen >> axis & 1)
      return mx_fail(MX_EVALUE, "[%s] Invalid or repeated axis %lld for array with %d dimensions.", mx_op_name(c), (long long)axis, a->ndim);
    seen |= 1ull << axis;
  }
  return MX_OK;
}
static int infer_dynamic_slice(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin != 2 || c->p.nints < c->in[0]->t.ndim)
    return mx_fail(MX_EVALUE, "[slice] Needs an array, a start, axes and a size for each dimension.");
  const struct mx_tensor *a = &c->in[0]->t;
  const int64_t *size = c->p.ints + (c->p.nints - a->ndim);
  char text[MX_SHAPE_TEXT], shape[MX_SHAPE_TEXT];
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) {
    out->shape[i] = size[i];
    if (size[i] < 0 || size[i] > a->shape[i])
      return mx_fail(MX_EVALUE, "[slice] Invalid slice size %s for array with shape %s.", mx_shape_text(text, size, a->ndim),
                     mx_shape_text(shape, a->shape, a->ndim));
  }
  return check_start(c, a, &c->in[1]->t, c->p.nints - a->ndim);
}
static int infer_dynamic_slice_update(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin != 3) return mx_fail(MX_EVALUE, "[slice_update] Needs an array, an update and a start.");
  const struct mx_tensor *a = &c->in[0]->t, *u = &c->in[1]->t;
  char text[MX_SHAPE_TEXT], shape[MX_SHAPE_TEXT];
  if (u->dtype != a->dtype)
    return mx_fail(MX_ETYPE, "[slice_update] The update is %s, the array %s.", mx_dtype_name(u->dtype), mx_dtype_name(a->dtype));
  bool fits = u->ndim == a->ndim;
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) {
    out->shape[i] = a->shape[i];
    fits = fits && u->shape[i] <= a->shape[i];
  }
  if (!fits)
    return mx_fail(MX_EVALUE, "[slice_update] Invalid update shape %s for array with shape %s.", mx_shape_text(text, u->shape, u->ndim),
                   mx_shape_text(shape, a->shape, a->ndim));
  return check_start(c, a, &c->in[2]->t, c->p.nints);
}
static mx_array *dynamic_apply(mx_build *b, mx_array *a, mx_array *start, const int64_t *ints, int n) {
  mx_array *in[2] = {a, start};
  return mx_apply(b, &mx_prim_dynamic_slice, in, 2, &(struct mx_params){.ints = ints, .nints = n});
}
static mx_array *dynamic_update_apply(mx_build *b, mx_array *a, mx_array *u, mx_array *start, const int64_t *axes, int n) {
  mx_array *in[3] = {a, u, start};
  return mx_apply(b, &mx_prim_dynamic_slice_update, in, 3, &(struct mx_params){.ints = axes, .nints = n});
}

static void dynamic_slice_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  int naxes = c->p.nints - c->in[0]->t.ndim;
  if (wanted[0] && cot[0]) grads[0] = dynamic_update_apply(b, mx_zeros_as(b, c->in[0]), cot[0], c->in[1], c->p.ints, naxes);
}
static void dynamic_slice_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = dynamic_apply(b, tan[0], c->in[1], c->p.ints, c->p.nints);
}
static void dynamic_slice_update_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!cot[0]) return;
  const struct mx_tensor *u = &c->in[1]->t;
  if (wanted[0]) grads[0] = dynamic_update_apply(b, cot[0], mx_zeros_as(b, c->in[1]), c->in[2], c->p.ints, c->p.nints);
  int64_t ints[2 * MX_MAX_NDIM];
  for (int i = 0; i < c->p.nints; i++) ints[i] = c->p.ints[i];
  for (int i = 0; i < u->ndim; i++) ints[c->p.nints + i] = u->shape[i];
  if (wanted[1]) grads[1] = dynamic_apply(b, cot[0], c->in[2], ints, c->p.nints + u->ndim);
}
static void dynamic_slice_update_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (!tan[0] && !tan[1]) return;
  out_tan[0] = dynamic_update_apply(b, tan[0] ? tan[0] : mx_zeros_as(b, c->in[0]), tan[1] ? tan[1] : mx_zeros_as(b, c->in[1]),
                                    c->in[2], c->p.ints, c->p.nints);
}

/* A start for each of the batch: what gather and scatter do, once the starts are clamped and the batch has an index of its own.
 * index[0] counts the batch, index[1 + i] is the start along axes[i]; all of shape (size). */
static int batched_starts(mx_build *b, const struct mx_call *c, mx_array *start, int start_axis, int64_t size, const int64_t *slice,
                          int naxes, mx_array **index, int *axes) {
  const struct mx_tensor *a = &c->in[0]->t;
  start = mx_astype(b, mx_batch_first(b, start, start_axis, size), MX_INT64);
  start = mx_reshape(b, start, (int64_t[]){size, naxes}, 2);
  index[0] = mx_arange(b, 0, (double)size, 1, MX_INT64);
  axes[0] = 0;
  for (int i = 0; i < naxes; i++) {
    int64_t axis = c->p.ints[i];
    mx_array *s = mx_slice(b, start, (int64_t[]){0, i}, (int64_t[]){size, i + 1}, (int64_t[]){1, 1});
    s = mx_maximum(b, mx_reshape(b, s, &size, 1), mx_scalar(b, 0, MX_INT64));
    index[1 + i] = mx_minimum(b, s, mx_scalar(b, (double)(a->shape[axis] - slice[axis]), MX_INT64));
    axes[1 + i] = (int)axis + 1;
  }
  return naxes + 1;
}
static void dynamic_slice_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int ndim = c->in[0]->t.ndim, naxes = c->p.nints - ndim;
  int64_t size = mx_batch_size(in, axis, 2), ints[2 * MX_MAX_NDIM + 1];
  mx_array *a = mx_batch_first(b, in[0], axis[0], size);
  out_axis[0] = 0;
  if (axis[1] < 0) {
    for (int i = 0; i < naxes; i++) ints[i] = c->p.ints[i] + 1;
    ints[naxes] = size;
    for (int i = 0; i < ndim; i++) ints[naxes + 1 + i] = c->p.ints[naxes + i];
    out[0] = dynamic_apply(b, a, in[1], ints, c->p.nints + 1);
    return;
  }
  mx_array *index[MX_MAX_NDIM + 1];
  int axes[MX_MAX_NDIM + 1];
  int n = batched_starts(b, c, in[1], axis[1], size, c->p.ints + naxes, naxes, index, axes);
  ints[0] = 1;
  for (int i = 0; i < ndim; i++) ints[1 + i] = c->p.ints[naxes + i];
  out[0] = mx_squeeze(b, mx_gather(b, a, index, n, axes, ints), (int[]){1}, 1);
}
static void dynamic_slice_update_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out,
                                      int *out_axis) {
  int64_t size = mx_batch_size(in, axis, 3), moved[MX_MAX_NDIM];
  mx_array *a = mx_batch_first(b, in[0], axis[0], size), *u = mx_batch_first(b, in[1], axis[1], size);
  out_axis[0] = 0;
  if (axis[2] < 0) {
    for (int i = 0; i < c->p.nints; i++) moved[i] = c->p.ints[i] + 1;
    out[0] = dynamic_update_apply(b, a, u, in[2], moved, c->p.nints);
    return;
  }
  mx_array *index[MX_MAX_NDIM + 1];
  int axes[MX_MAX_NDIM + 1];
  int n = batched_starts(b, c, in[2], axis[2], size, c->in[1]->t.shape, c->p.nints, index, axes);
  out[0] = mx_scatter(b, a, index, n, mx_expand_dims(b, u, (int[]){1}, 1), axes, MX_UPDATE_NONE);
}
const struct mx_prim mx_prim_dynamic_slice = {
    .id = MX_PRIM_dynamic_slice, .name = "DynamicSlice", .kind = MX_GENERAL, .infer = infer_dynamic_slice,
    .vjp = dynamic_slice_vjp, .jvp = dynamic_slice_jvp, .vmap = dynamic_slice_vmap};
const struct mx_prim mx_prim_dynamic_slice_update = {
    .id = MX_PRIM_dynamic_slice_update, .name = "DynamicSliceUpdate", .kind = MX_GENERAL, .inplace = 1,
    .infer = infer_dynamic_slice_update, .vjp = dynamic_slice_update_vjp, .jvp = dynamic_slice_update_jvp,
    .vmap = dynamic_slice_update_vmap};

static bool dynamic_axes(mx_build *b, const char *op, const mx_array *a, const int *axes, int n, int64_t *out) {
  for (int i = 0; i < n; i++) {
    int axis;
    if (!mx_axis_of(b, op, axes[i], a->t.ndim, &axis)) return false;
    out[i] = axis;
  }
  return true;
}
mx_array *mx_dynamic_slice(mx_build *b, mx_array *a, mx_array *start, const int *axes, int n, const int64_t *size) {
  int64_t ints[2 * MX_MAX_NDIM];
  if (!a || !start) return NULL;
  if (n > a->t.ndim) return mx_build_fail(b, MX_EVALUE, "[slice] %d axes for array with %d dimensions.", n, a->t.ndim);
  if (!dynamic_axes(b, "slice", a, axes, n, ints)) return NULL;
  for (int i = 0; i < a->t.ndim; i++) ints[n + i] = size[i];
  return dynamic_apply(b, a, start, ints, n + a->t.ndim);
}
mx_array *mx_dynamic_slice_update(mx_build *b, mx_array *src, mx_array *update, mx_array *start, const int *axes, int n) {
  int64_t ints[MX_MAX_NDIM], shape[MX_MAX_NDIM];
  if (!src || !update || !start) return NULL;
  if (n > src->t.ndim) return mx_build_fail(b, MX_EVALUE, "[slice_update] %d axes for array with %d dimensions.", n, src->t.ndim);
  if (!dynamic_axes(b, "slice_update", src, axes, n, ints)) return NULL;
  int extra = src->t.ndim - update->t.ndim;
  if (extra > 0) { /* dimensions the update lacks have size 1 */
    for (int i = 0; i < src->t.ndim; i++) shape[i] = i < extra ? 1 : update->t.shape[i - extra];
    update = mx_reshape(b, update, shape, src->t.ndim);
  }
  return dynamic_update_apply(b, src, mx_astype(b, update, src->t.dtype), start, ints, n);
}

/* Public functions */
#define REGION                                                                 \
  const int *start, size_t start_num, const int *stop, size_t stop_num, const int *strides, size_t strides_num
static bool region_fits(mx_build *b, const char *op, const mx_array *a, size_t start, size_t stop, size_t step) {
  size_t n = a ? (size_t)a->t.ndim : 0;
  if (a && (start != n || stop != n || step != n))
    mx_build_fail(b, MX_EVALUE, "[%s] Invalid number of indices or strides for array with dimension %zu.", op, n);
  return !b->status;
}
MX_PUBLIC(slice,
          region_fits(b, "slice", a.ctx, start_num, stop_num, strides_num)
              ? mx_slice(b, a.ctx, MX_WIDE(start), MX_WIDE(stop), MX_WIDE(strides)) : NULL,
          const mlx_array a, REGION)
#define UPDATE(op, mode)                                                       \
  MX_PUBLIC(op,                                                                \
            region_fits(b, #op, src.ctx, start_num, stop_num, strides_num)     \
                ? mx_slice_update(b, src.ctx, update.ctx, MX_WIDE(start), MX_WIDE(stop), MX_WIDE(strides), mode) : NULL, \
            const mlx_array src, const mlx_array update, REGION)
UPDATE(slice_update, MX_UPDATE_NONE)
UPDATE(slice_update_add, MX_UPDATE_SUM)
UPDATE(slice_update_prod, MX_UPDATE_PROD)
UPDATE(slice_update_max, MX_UPDATE_MAX)
UPDATE(slice_update_min, MX_UPDATE_MIN)

static mx_array *dynamic_public(mx_build *b, mx_array *a, mx_array *start, const int *axes, size_t naxes, const int64_t *size, size_t nsize) {
  if (a && nsize != (size_t)a->t.ndim)
    return mx_build_fail(b, MX_EVALUE, "[slice] %zu slice sizes for array with %d dimensions.", nsize, a->t.ndim);
  return mx_dynamic_slice(b, a, start, axes, (int)naxes, size);
}
MX_PUBLIC(slice_dynamic, dynamic_public(b, a.ctx, start.ctx, axes, axes_num, MX_WIDE(slice_size), slice_size_num), const mlx_array a,
          const mlx_array start, const int *axes, size_t axes_num, const int *slice_size, size_t slice_size_num)
MX_PUBLIC(slice_update_dynamic, mx_dynamic_slice_update(b, src.ctx, update.ctx, start.ctx, axes, (int)axes_num), const mlx_array src,
          const mlx_array update, const mlx_array start, const int *axes, size_t axes_num)
MX_PUBLIC(ravel_slice, mx_slice(b, a.ctx, start, stop, step), const mlx_array a, const int64_t *start, const int64_t *stop,
          const int64_t *step)
static mx_array *update_public(mx_build *b, mx_array *src, mx_array *update, const int64_t *start, const int64_t *stop,
                               const int64_t *step, int mode) {
  if ((unsigned)mode > MX_UPDATE_MIN) return mx_build_fail(b, MX_EVALUE, "[slice_update] There is no mode %d.", mode);
  return mx_slice_update(b, src, update, start, stop, step, mode);
}
MX_PUBLIC(ravel_slice_update, update_public(b, src.ctx, update.ctx, start, stop, step, mode), const mlx_array src, const mlx_array update,
          const int64_t *start, const int64_t *stop, const int64_t *step, int mode)
