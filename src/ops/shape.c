/* shape.c: other shapes over the same data. All are views: strides where the layout allows it, a copy where it does not.
 * Invariant: a builder that would change nothing returns its input. */
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

static int infer_view_of(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, -1, c->prim->id == MX_PRIM_as_strided ? (int)sizeof(struct mx_strided_params) : 0);
  if (status) return status;
  if (c->p.nints > 2 * MX_MAX_NDIM)
    return mx_fail(MX_EVALUE, "[%s] An array has at most %d dimensions.", mx_op_name(c), MX_MAX_NDIM);
  return mx_infer_broadcast(c, out);
}
static mx_array *apply(mx_build *b, const struct mx_prim *prim, mx_array *a, const int64_t *ints, int n) {
  return mx_apply_ints(b, prim, a, ints, n);
}
static bool too_many(mx_build *b, const char *op, int ndim) {
  if (ndim <= MX_MAX_NDIM) return false;
  mx_build_fail(b, MX_EVALUE, "[%s] An array has at most %d dimensions, not %d.", op, MX_MAX_NDIM, ndim);
  return true;
}

/* The adjoint of what only moves values: the same values in the shape of the input. */
static void reshape_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_reshape(b, cot[0], c->in[0]->t.shape, c->in[0]->t.ndim);
}

/* identity, stop_gradient */
static bool same_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  if (in->ndim) memcpy(out->strides, in->strides, (size_t)in->ndim * sizeof *in->strides);
  out->data = in->data;
  return true;
}
static void identity_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0]) grads[0] = cot[0];
}
static void same_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  out[0] = mx_apply1(b, c->prim, in[0]);
  out_axis[0] = axis[0];
}
static void no_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {}
static void no_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {}

const struct mx_prim mx_prim_identity = {
    .id = MX_PRIM_identity, .name = "Identity", .kind = MX_VIEW, .linear = true, .infer = infer_view_of, .vjp = identity_vjp,
    .vmap = same_vmap, .view = same_view};
const struct mx_prim mx_prim_stop_gradient = {
    .id = MX_PRIM_stop_gradient, .name = "StopGradient", .kind = MX_VIEW, .infer = infer_view_of, .vjp = no_vjp, .jvp = no_jvp,
    .vmap = same_vmap, .view = same_view};

/* reshape */
static int infer_reshape(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_view_of(c, out);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t;
  char text[MX_SHAPE_TEXT];
  int64_t size;
  if (c->p.nints > MX_MAX_NDIM) return mx_fail(MX_EVALUE, "[reshape] An array has at most %d dimensions.", MX_MAX_NDIM);
  if ((status = mx_shape_size("reshape", c->p.ints, c->p.nints, a->dtype, &size))) return status;
  if (size != a->size)
    return mx_fail(MX_EVALUE, "[reshape] Cannot reshape array of size %lld into shape %s.", (long long)a->size,
                   mx_shape_text(text, c->p.ints, c->p.nints));
  out->ndim = c->p.nints;
  for (int i = 0; i < out->ndim; i++) out->shape[i] = c->p.ints[i];
  return MX_OK;
}

/* Runs of input dimensions that are evenly spaced in memory are split anew into output dimensions; where the borders of
 * runs and of output dimensions do not meet, the layout needs a copy. */
static bool reshape_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  out->data = in->data;
  if (in->size == 0 || in->size == 1) {
    mx_strides_contiguous(out->shape, out->ndim, out->strides);
    return true;
  }
  int o = out->ndim - 1;
  for (int i = in->ndim - 1; i >= 0;) {
    if (in->shape[i] == 1) {
      i--;
      continue;
    }
    int64_t run = in->shape[i], stride = in->strides[i];
    int first = i - 1;
    for (; first >= 0; first--) {
      if (in->shape[first] == 1) continue;
      if (in->strides[first] != stride * run) break;
      run *= in->shape[first];
    }
    while (run > 1) {
      if (o < 0 || run % out->shape[o]) return false;
      out->strides[o] = stride;
      stride *= out->shape[o];
      run /= out->shape[o--];
    }
    i = first;
  }
  for (; o >= 0; o--) out->strides[o] = 1; /* what is left has size 1 */
  return true;
}
static void reshape_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *a = mx_batch_first(b, in[0], axis[0], 1);
  int64_t shape[MX_MAX_NDIM + 1];
  if (!a || too_many(b, "vmap", c->p.nints + 1)) return;
  shape[0] = a->t.shape[0];
  for (int i = 0; i < c->p.nints; i++) shape[i + 1] = c->p.ints[i];
  out[0] = mx_reshape(b, a, shape, c->p.nints + 1);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_reshape = {
    .id = MX_PRIM_reshape, .name = "Reshape", .kind = MX_VIEW, .linear = true, .infer = infer_reshape, .vjp = reshape_vjp,
    .vmap = reshape_vmap, .view = reshape_view};

mx_array *mx_reshape(mx_build *b, mx_array *a, const int64_t *shape, int ndim) {
  if (!a || too_many(b, "reshape", ndim)) return NULL;
  int64_t full[MX_MAX_NDIM], known = 1;
  int infer = -1;
  bool same = ndim == a->t.ndim;
  for (int i = 0; i < ndim; i++) {
    full[i] = shape[i];
    if (shape[i] == -1) {
      if (infer >= 0) return mx_build_fail(b, MX_EVALUE, "[reshape] Reshape can only infer one dimension.");
      infer = i;
    } else if (__builtin_mul_overflow(known, shape[i], &known)) {
      return mx_build_fail(b, MX_EVALUE, "[reshape] The shape has too many elements.");
    }
  }
  if (infer >= 0) {
    if (known == 0) return mx_build_fail(b, MX_EVALUE, "[reshape] Cannot infer the shape of an empty array.");
    full[infer] = a->t.size / (known < 0 ? 1 : known);
  }
  for (int i = 0; i < ndim && same; i++) same = full[i] == a->t.shape[i];
  return same ? a : apply(b, &mx_prim_reshape, a, full, ndim);
}

mx_array *mx_flatten(mx_build *b, mx_array *a, int start_axis, int end_axis) {
  if (!a) return NULL;
  int n = a->t.ndim, from = start_axis < 0 ? start_axis + n : start_axis, to = end_axis < 0 ? end_axis + n : end_axis;
  if (n == 0) return mx_reshape(b, a, (int64_t[]){1}, 1);
  from = from < 0 ? 0 : from, to = to > n - 1 ? n - 1 : to;
  if (to < from) return mx_build_fail(b, MX_EVALUE, "[flatten] start_axis must be less than or equal to end_axis.");
  if (from >= n) return mx_build_fail(b, MX_EVALUE, "[flatten] Invalid start_axis %d for %d dimensions.", start_axis, n);
  int64_t shape[MX_MAX_NDIM], run = 1;
  int at = 0;
  for (int i = 0; i < n; i++) {
    if (i < from || i > to) shape[at++] = a->t.shape[i];
    else run = mx_times(run, a->t.shape[i]);
    if (i == to) shape[at++] = run;
  }
  return mx_reshape(b, a, shape, at);
}

mx_array *mx_unflatten(mx_build *b, mx_array *a, int axis, const int64_t *shape, int ndim) {
  if (!a) return NULL;
  if (ndim <= 0) return mx_build_fail(b, MX_EVALUE, "[unflatten] Shape to unflatten to cannot be empty.");
  if (!mx_axis_of(b, "unflatten", axis, a->t.ndim, &axis) || too_many(b, "unflatten", a->t.ndim - 1 + ndim)) return NULL;
  int64_t full[MX_MAX_NDIM], known = 1, size = a->t.shape[axis];
  int at = 0, infer = -1;
  char text[MX_SHAPE_TEXT];
  for (int i = 0; i < axis; i++) full[at++] = a->t.shape[i];
  for (int i = 0; i < ndim; i++, at++) {
    full[at] = shape[i];
    if (shape[i] == -1 && infer >= 0) return mx_build_fail(b, MX_EVALUE, "[unflatten] Can only infer one dimension.");
    if (shape[i] == -1) infer = at;
    else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known)) known = -1;
    if (known < 0) break;
  }
  if (infer >= 0 && known > 0) full[infer] = size / known, known *= size / known;
  if (known != size)
    return mx_build_fail(b, MX_EVALUE, "[unflatten] Cannot unflatten axis %d with size %lld into shape %s.", axis, (long long)size,
                         mx_shape_text(text, shape, ndim));
  for (int i = axis + 1; i < a->t.ndim; i++) full[at++] = a->t.shape[i];
  return mx_reshape(b, a, full, at);
}

/* expand_dims, squeeze */
static bool ascending(const int64_t *axes, int n, int ndim) {
  for (int i = 0; i < n; i++)
    if (axes[i] < 0 || axes[i] >= ndim || (i && axes[i] <= axes[i - 1])) return false;
  return true;
}
static int infer_expand_dims(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_view_of(c, out);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t;
  if (a->ndim + c->p.nints > MX_MAX_NDIM || !ascending(c->p.ints, c->p.nints, a->ndim + c->p.nints))
    return mx_fail(MX_EVALUE, "[expand_dims] Axes must be ascending and within %d dimensions.", MX_MAX_NDIM);
  out->ndim = a->ndim + c->p.nints;
  for (int i = 0, k = 0, from = 0; i < out->ndim; i++) {
    bool added = k < c->p.nints && c->p.ints[k] == i;
    out->shape[i] = added ? 1 : a->shape[from++];
    k += added;
  }
  return MX_OK;
}
static bool expand_dims_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  for (int i = 0, k = 0, from = 0; i < out->ndim; i++) {
    bool added = k < c->p.nints && c->p.ints[k] == i;
    out->strides[i] = added ? 1 : in->strides[from++];
    k += added;
  }
  out->data = in->data;
  return true;
}
static int infer_squeeze(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_view_of(c, out);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t;
  if (!ascending(c->p.ints, c->p.nints, a->ndim))
    return mx_fail(MX_EVALUE, "[squeeze] Axes must be ascending and within %d dimensions.", a->ndim);
  out->ndim = 0;
  for (int i = 0, k = 0; i < a->ndim; i++) {
    bool gone = k < c->p.nints && c->p.ints[k] == i;
    if (gone && a->shape[i] != 1)
      return mx_fail(MX_EVALUE, "[squeeze] Cannot squeeze axis %d with size %lld which is not equal to 1.", i, (long long)a->shape[i]);
    if (!gone) out->shape[out->ndim++] = a->shape[i];
    k += gone;
  }
  return MX_OK;
}
static bool squeeze_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  for (int i = 0, k = 0, to = 0; i < in->ndim; i++) {
    bool gone = k < c->p.nints && c->p.ints[k] == i;
    if (!gone) out->strides[to++] = in->strides[i];
    k += gone;
  }
  out->data = in->data;
  return true;
}
static void shifted_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t axes[MX_MAX_NDIM];
  for (int i = 0; i < c->p.nints; i++) axes[i] = c->p.ints[i] + 1;
  out[0] = apply(b, c->prim, mx_batch_first(b, in[0], axis[0], 1), axes, c->p.nints);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_expand_dims = {
    .id = MX_PRIM_expand_dims, .name = "ExpandDims", .kind = MX_VIEW, .linear = true, .infer = infer_expand_dims,
    .vjp = reshape_vjp, .vmap = shifted_vmap, .view = expand_dims_view};
const struct mx_prim mx_prim_squeeze = {
    .id = MX_PRIM_squeeze, .name = "Squeeze", .kind = MX_VIEW, .linear = true, .infer = infer_squeeze, .vjp = reshape_vjp,
    .vmap = shifted_vmap, .view = squeeze_view};

mx_array *mx_expand_dims(mx_build *b, mx_array *a, const int *axes, int n) {
  if (!a || n == 0) return a;
  bool chosen[MX_MAX_NDIM] = {false};
  int64_t sorted[MX_MAX_NDIM];
  int ndim = a->t.ndim + n, k = 0;
  if (too_many(b, "expand_dims", ndim)) return NULL;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!mx_axis_of(b, "expand_dims", axes[i], ndim, &axis)) return NULL;
    if (chosen[axis]) return mx_build_fail(b, MX_EVALUE, "[expand_dims] Received duplicate axes.");
    chosen[axis] = true;
  }
  for (int i = 0; i < ndim; i++)
    if (chosen[i]) sorted[k++] = i;
  return apply(b, &mx_prim_expand_dims, a, sorted, n);
}

mx_array *mx_squeeze(mx_build *b, mx_array *a, const int *axes, int n) {
  struct mx_axes ax;
  if (!mx_axes_of(b, "squeeze", a, axes, n, &ax)) return NULL;
  if (!axes) {
    ax.n = 0;
    for (int i = 0; i < a->t.ndim; i++)
      if (a->t.shape[i] == 1) ax.at[ax.n++] = i;
  }
  return ax.n ? apply(b, &mx_prim_squeeze, a, ax.at, ax.n) : a;
}

/* transpose */
static int infer_transpose(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_view_of(c, out);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t;
  uint64_t seen = 0;
  if (c->p.nints != a->ndim)
    return mx_fail(MX_EVALUE, "[transpose] Received %d axes for array with %d dimensions.", c->p.nints, a->ndim);
  for (int i = 0; i < a->ndim; i++) {
    int64_t from = c->p.ints[i];
    if (from < 0 || from >= a->ndim) return mx_fail(MX_EINDEX, "[transpose] Invalid axis (%lld) for array with %d dimensions.", (long long)from, a->ndim);
    if (seen >> from & 1) return mx_fail(MX_EVALUE, "[transpose] Repeat axes not allowed.");
    seen |= 1ull << from;
    out->shape[i] = a->shape[from];
  }
  return MX_OK;
}
static bool transpose_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  for (int i = 0; i < in->ndim; i++) out->strides[i] = in->strides[c->p.ints[i]];
  out->data = in->data;
  return true;
}
static void transpose_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  int64_t inverse[MX_MAX_NDIM];
  for (int i = 0; i < c->p.nints; i++) inverse[c->p.ints[i]] = i;
  if (wanted[0] && cot[0]) grads[0] = apply(b, &mx_prim_transpose, cot[0], inverse, c->p.nints);
}
/* No move of the batch dimension: the permutation goes around it. */
static void transpose_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t order[MX_MAX_NDIM + 1];
  order[0] = axis[0];
  for (int i = 0; i < c->p.nints; i++) order[i + 1] = c->p.ints[i] + (c->p.ints[i] >= axis[0]);
  out[0] = apply(b, &mx_prim_transpose, in[0], order, c->p.nints + 1);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_transpose = {
    .id = MX_PRIM_transpose, .name = "Transpose", .kind = MX_VIEW, .linear = true, .infer = infer_transpose,
    .vjp = transpose_vjp, .vmap = transpose_vmap, .view = transpose_view};

mx_array *mx_transpose(mx_build *b, mx_array *a, const int *axes, int n) {
  if (!a) return NULL;
  int64_t order[MX_MAX_NDIM];
  bool same = true;
  if (axes && n != a->t.ndim)
    return mx_build_fail(b, MX_EVALUE, "[transpose] Received %d axes for array with %d dimensions.", n, a->t.ndim);
  for (int i = 0; i < a->t.ndim; i++) {
    int axis = a->t.ndim - 1 - i;
    if (axes && !mx_axis_of(b, "transpose", axes[i], a->t.ndim, &axis)) return NULL;
    order[i] = axis;
    same &= axis == i;
  }
  return same ? a : apply(b, &mx_prim_transpose, a, order, a->t.ndim);
}
mx_array *mx_swapaxes(mx_build *b, mx_array *a, int axis1, int axis2) {
  int order[MX_MAX_NDIM];
  if (!a || !mx_axis_of(b, "swapaxes", axis1, a->t.ndim, &axis1) || !mx_axis_of(b, "swapaxes", axis2, a->t.ndim, &axis2)) return NULL;
  for (int i = 0; i < a->t.ndim; i++) order[i] = i == axis1 ? axis2 : i == axis2 ? axis1 : i;
  return mx_transpose(b, a, order, a->t.ndim);
}
mx_array *mx_moveaxis(mx_build *b, mx_array *a, int source, int destination) {
  int order[MX_MAX_NDIM];
  if (!a || !mx_axis_of(b, "moveaxis", source, a->t.ndim, &source) ||
      !mx_axis_of(b, "moveaxis", destination, a->t.ndim, &destination))
    return NULL;
  for (int i = 0, from = 0; i < a->t.ndim; i++) {
    if (i == destination) {
      order[i] = source;
      continue;
    }
    if (from == source) from++;
    order[i] = from++;
  }
  return mx_transpose(b, a, order, a->t.ndim);
}

/* broadcast */
static int infer_broadcast(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_view_of(c, out);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t;
  char from[MX_SHAPE_TEXT], to[MX_SHAPE_TEXT];
  int n = c->p.nints;
  bool fits = n >= a->ndim && n <= MX_MAX_NDIM;
  for (int i = 0; i < n && fits; i++) {
    if (c->p.ints[i] < 0) return mx_fail(MX_EVALUE, "[broadcast_to] Negative dimensions not allowed.");
    int k = i - (n - a->ndim);
    fits = k < 0 || a->shape[k] == 1 || a->shape[k] == c->p.ints[i];
    out->shape[i] = c->p.ints[i];
  }
  if (!fits)
    return mx_fail(MX_EVALUE, "[broadcast_to] Cannot broadcast array of shape %s into shape %s.", mx_shape_text(from, a->shape, a->ndim),
                   mx_shape_text(to, c->p.ints, n));
  out->ndim = n;
  return MX_OK;
}
static bool broadcast_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  int extra = out->ndim - in->ndim;
  for (int i = 0; i < out->ndim; i++) {
    int k = i - extra;
    out->strides[i] = k < 0 || (in->shape[k] == 1 && out->shape[i] != 1) ? 0 : in->strides[k];
  }
  out->data = in->data;
  return true;
}
static void broadcast_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_sum_to(b, cot[0], c->in[0]->t.shape, c->in[0]->t.ndim);
}
static void broadcast_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *a = mx_batch_first(b, in[0], axis[0], 1);
  if (!a || too_many(b, "vmap", c->p.nints + 1)) return;
  int added[MX_MAX_NDIM], n = c->p.nints - c->in[0]->t.ndim;
  int64_t shape[MX_MAX_NDIM];
  for (int i = 0; i < n; i++) added[i] = i + 1;
  shape[0] = a->t.shape[0];
  for (int i = 0; i < c->p.nints; i++) shape[i + 1] = c->p.ints[i];
  out[0] = mx_broadcast_to(b, mx_expand_dims(b, a, added, n), shape, c->p.nints + 1);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_broadcast = {
    .id = MX_PRIM_broadcast, .name = "Broadcast", .kind = MX_VIEW, .linear = true, .infer = infer_broadcast,
    .vjp = broadcast_vjp, .vmap = broadcast_vmap, .view = broadcast_view};

mx_array *mx_broadcast_to(mx_build *b, mx_array *a, const int64_t *shape, int ndim) {
  if (!a || too_many(b, "broadcast_to", ndim)) return NULL;
  bool same = ndim == a->t.ndim;
  for (int i = 0; i < ndim && same; i++) same = shape[i] == a->t.shape[i];
  return same ? a : apply(b, &mx_prim_broadcast, a, shape, ndim);
}
void mx_broadcast_arrays(mx_build *b, mx_array *const *in, int n, mx_array **out) {
  int64_t shape[MX_MAX_NDIM], wide[MX_MAX_NDIM];
  int ndim = 0;
  for (int i = 0; i < n; i++) out[i] = NULL;
  for (int i = 0; i < n && !b->status; i++) {
    if (!in[i]) mx_build_fail(b, MX_EVALUE, "[broadcast_arrays] Array %d is missing.", i);
    else b->status = mx_broadcast_shapes("broadcast_arrays", shape, ndim, in[i]->t.shape, in[i]->t.ndim, wide, &ndim);
    memcpy(shape, wide, sizeof shape);
  }
  for (int i = 0; i < n && !b->status; i++) out[i] = mx_broadcast_to(b, in[i], shape, ndim);
}

/* as_strided: any strides over the elements of a in row-major order. */
static int64_t strided_offset(const struct mx_call *c) { return ((const struct mx_strided_params *)c->p.head)->offset; }
static int infer_as_strided(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_view_of(c, out);
  if (status) return status;
  int n = c->p.nints / 2;
  int64_t low = strided_offset(c), high = low, size = 1;
  char text[MX_SHAPE_TEXT];
  if (c->p.nints % 2) return mx_fail(MX_EVALUE, "[as_strided] The shape and the strides must have the same number of entries.");
  if ((status = mx_shape_size("as_strided", c->p.ints, n, out->dtype, &size))) return status;
  bool wrong = false;
  for (int i = 0; i < n; i++) {
    int64_t reach, stride = c->p.ints[n + i];
    out->shape[i] = c->p.ints[i];
    wrong |= size > 0 && __builtin_mul_overflow(out->shape[i] - 1, stride, &reach);
    if (size > 0 && !wrong) wrong = __builtin_add_overflow(stride < 0 ? low : high, reach, stride < 0 ? &low : &high);
  }
  if (size > 0 && (wrong || low < 0 || high >= c->in[0]->t.size))
    return mx_fail(MX_EVALUE, "[as_strided] Shape %s with these strides and offset %lld reaches outside the %lld elements of the array.",
                   mx_shape_text(text, out->shape, n), (long long)strided_offset(c), (long long)c->in[0]->t.size);
  out->ndim = n;
  return MX_OK;
}
static bool as_strided_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  if (!mx_tensor_is_contiguous(in)) return false;
  for (int i = 0; i < out->ndim; i++) out->strides[i] = c->p.ints[out->ndim + i];
  out->data = out->size ? (char *)in->data + strided_offset(c) * (int64_t)mx_dtype_size(in->dtype) : in->data;
  return true;
}
static mx_array *strided_apply(mx_build *b, mx_array *a, const int64_t *ints, int nints, int64_t offset) {
  struct mx_strided_params head = {offset};
  /* Contiguous costs nothing where the layout is right already. */
  a = mx_contiguous(b, a);
  return mx_apply(b, &mx_prim_as_strided, &a, 1, &(struct mx_params){.ints = ints, .nints = nints, .head = &head, .head_size = sizeof head});
}
/* Elements may be seen several times: their cotangents add up, at the positions that the same view of 0, 1, 2 … names. */
static void as_strided_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!wanted[0] || !cot[0]) return;
  const struct mx_tensor *a = &c->in[0]->t;
  mx_array *at = mx_arange(b, 0, (double)a->size, 1, MX_INT64);
  at = mx_reshape(b, strided_apply(b, at, c->p.ints, c->p.nints, strided_offset(c)), (int64_t[]){cot[0]->t.size}, 1);
  mx_array *flat = mx_zeros(b, (int64_t[]){a->size}, 1, cot[0]->t.dtype);
  flat = mx_scatter_add_axis(b, flat, at, mx_reshape(b, cot[0], (int64_t[]){cot[0]->t.size}, 1), 0);
  grads[0] = mx_reshape(b, flat, a->shape, a->ndim);
}
static void as_strided_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = strided_apply(b, tan[0], c->p.ints, c->p.nints, strided_offset(c));
}
static void as_strided_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *a = mx_batch_first(b, in[0], axis[0], 1);
  int n = c->p.nints / 2;
  int64_t ints[2 * MX_MAX_NDIM + 2];
  if (!a || too_many(b, "vmap", n + 1)) return;
  ints[0] = a->t.shape[0];
  ints[n + 1] = c->in[0]->t.size;
  for (int i = 0; i < n; i++) ints[i + 1] = c->p.ints[i], ints[n + 2 + i] = c->p.ints[n + i];
  out[0] = strided_apply(b, a, ints, 2 * n + 2, strided_offset(c));
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_as_strided = {
    .id = MX_PRIM_as_strided, .name = "AsStrided", .kind = MX_VIEW, .infer = infer_as_strided, .vjp = as_strided_vjp,
    .jvp = as_strided_jvp, .vmap = as_strided_vmap, .view = as_strided_view};

mx_array *mx_as_strided(mx_build *b, mx_array *a, const int64_t *shape, const int64_t *strides, int ndim, int64_t offset) {
  if (!a || too_many(b, "as_strided", ndim)) return NULL;
  int64_t ints[2 * MX_MAX_NDIM];
  for (int i = 0; i < ndim; i++) ints[i] = shape[i], ints[ndim + i] = strides[i];
  return strided_apply(b, a, ints, 2 * ndim, offset);
}

/* 1-d: (n); 2-d: (1,n); 3-d: (1,n,1) and (m,n,1), as NumPy does. */
mx_array *mx_atleast_nd(mx_build *b, mx_array *a, int n) {
  if (!a || a->t.ndim >= n) return a;
  int have = a->t.ndim;
  if (have == 0) return mx_expand_dims(b, a, (int[]){0, 1, 2}, n);
  if (n == 2) return mx_expand_dims(b, a, (int[]){0}, 1);
  return mx_expand_dims(b, a, have == 1 ? (int[]){0, 2} : (int[]){2}, 3 - have);
}

/* Public functions */
#define SHAPE const int *shape, size_t shape_num
MX_PUBLIC(reshape, mx_reshape(b, a.ctx, MX_WIDE(shape), (int)shape_num), const mlx_array a, SHAPE)
MX_PUBLIC(flatten, mx_flatten(b, a.ctx, start_axis, end_axis), const mlx_array a, int start_axis, int end_axis)
MX_PUBLIC(unflatten, mx_unflatten(b, a.ctx, axis, MX_WIDE(shape), (int)shape_num), const mlx_array a, int axis, SHAPE)
MX_PUBLIC(expand_dims_axes, mx_expand_dims(b, a.ctx, axes, (int)axes_num), const mlx_array a, const int *axes, size_t axes_num)
MX_PUBLIC(expand_dims, mx_expand_dims(b, a.ctx, &axis, 1), const mlx_array a, int axis)
MX_PUBLIC(squeeze_axes, mx_squeeze(b, a.ctx, mx_public_axes(axes), (int)axes_num), const mlx_array a, const int *axes, size_t axes_num)
MX_PUBLIC(squeeze_axis, mx_squeeze(b, a.ctx, &axis, 1), const mlx_array a, int axis)
MX_PUBLIC(squeeze, mx_squeeze(b, a.ctx, NULL, 0), const mlx_array a)
MX_PUBLIC(transpose_axes, mx_transpose(b, a.ctx, mx_public_axes(axes), (int)axes_num), const mlx_array a, const int *axes, size_t axes_num)
MX_PUBLIC(transpose, mx_transpose(b, a.ctx, NULL, 0), const mlx_array a)
MX_PUBLIC(swapaxes, mx_swapaxes(b, a.ctx, axis1, axis2), const mlx_array a, int axis1, int axis2)
MX_PUBLIC(moveaxis, mx_moveaxis(b, a.ctx, source, destination), const mlx_array a, int source, int destination)
MX_PUBLIC(broadcast_to, mx_broadcast_to(b, a.ctx, MX_WIDE(shape), (int)shape_num), const mlx_array a, SHAPE)
MX_PUBLIC(atleast_1d, mx_atleast_nd(b, a.ctx, 1), const mlx_array a)
MX_PUBLIC(atleast_2d, mx_atleast_nd(b, a.ctx, 2), const mlx_array a)
MX_PUBLIC(atleast_3d, mx_atleast_nd(b, a.ctx, 3), const mlx_array a)

static mx_array *as_strided_public(mx_build *b, mx_array *a, const int64_t *shape, size_t nshape, const int64_t *strides, size_t nstrides,
                                   size_t offset) {
  if (nshape != nstrides || offset > INT64_MAX)
    return mx_build_fail(b, MX_EVALUE, "[as_strided] The shape and the strides must have the same number of entries: %zu and %zu.", nshape,
                         nstrides);
  return mx_as_strided(b, a, shape, strides, (int)nshape, (int64_t)offset);
}
MX_PUBLIC(as_strided, as_strided_public(b, a.ctx, MX_WIDE(shape), shape_num, strides, strides_num, offset), const mlx_array a, SHAPE,
          const int64_t *strides, size_t strides_num, size_t offset)

int mlx_broadcast_arrays(mlx_vector_array *res, const mlx_vector_array inputs, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_build_begin(b, s.ctx);
  struct mx_public_list in = mx_public_arrays(b, inputs);
  mx_array **out = mx_public_room(b, in.n);
  if (out) mx_broadcast_arrays(b, in.at, in.n, out);
  mx_public_done(&in, NULL);
  return mx_public_return(b, out, in.n, res);
}
#define SHAPE64 const int64_t *shape, int ndim
MX_PUBLIC(ravel_reshape, mx_reshape(b, a.ctx, shape, ndim), const mlx_array a, SHAPE64)
MX_PUBLIC(ravel_broadcast_to, mx_broadcast_to(b, a.ctx, shape, ndim), const mlx_array a, SHAPE64)
