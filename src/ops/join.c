/* join.c: arrays put together and taken apart: concatenate, stack, split, pad, tile, repeat, roll, flip.
 * Invariant: parts of a node have one dtype and agree in all dimensions but the joined one. */
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

/* concatenate */
static int infer_concatenate(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin < 1) return mx_fail(MX_EVALUE, "[concatenate] No arrays provided for concatenation.");
  const struct mx_tensor *a = &c->in[0]->t;
  int axis;
  if (c->p.nints != 1) return mx_fail(MX_EVALUE, "[concatenate] Needs one axis.");
  int status = mx_axis("concatenate", c->p.ints[0], a->ndim, &axis);
  if (status) return status;
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = a->shape[i];
  for (int k = 1; k < c->nin; k++) {
    const struct mx_tensor *t = &c->in[k]->t;
    if (t->ndim != a->ndim)
      return mx_fail(MX_EVALUE,
                     "[concatenate] All the input arrays must have the same number of dimensions. However, got arrays with "
                     "dimensions %d and %d.", a->ndim, t->ndim);
    if (t->dtype != a->dtype)
      return mx_fail(MX_ETYPE, "[concatenate] The inputs have dtypes %s and %s.", mx_dtype_name(a->dtype), mx_dtype_name(t->dtype));
    for (int i = 0; i < a->ndim; i++) {
      char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
      if (i != axis && t->shape[i] != a->shape[i])
        return mx_fail(MX_EVALUE,
                       "[concatenate] All the input array dimensions must match exactly except for the concatenation axis. "
                       "However, the provided shapes are %s, %s, and the concatenation axis is %d.",
                       mx_shape_text(one, a->shape, a->ndim), mx_shape_text(two, t->shape, t->ndim), axis);
    }
    if (__builtin_add_overflow(out->shape[axis], t->shape[axis], &out->shape[axis]))
      return mx_fail(MX_EVALUE, "[concatenate] The result has too many elements.");
  }
  return MX_OK;
}
static mx_array *along(mx_build *b, mx_array *a, int axis, int64_t start, int64_t stop) {
  if (!a) return NULL;
  int64_t from[MX_MAX_NDIM], to[MX_MAX_NDIM], by[MX_MAX_NDIM];
  for (int i = 0; i < a->t.ndim; i++) from[i] = 0, to[i] = a->t.shape[i], by[i] = 1;
  from[axis] = start, to[axis] = stop;
  return mx_slice(b, a, from, to, by);
}
static void concatenate_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  int axis = (int)c->p.ints[0];
  int64_t at = 0;
  for (int i = 0; i < c->nin && cot[0]; i++) {
    int64_t next = at + c->in[i]->t.shape[axis];
    if (wanted[i]) grads[i] = along(b, cot[0], axis, at, next);
    at = next;
  }
}
/* The inputs of a rule with missing ones as zeros, in fresh memory; NULL when that is short. */
static mx_array **filled(mx_build *b, const struct mx_call *c, mx_array *const *tan) {
  mx_array **full = mx_malloc((size_t)c->nin * sizeof *full);
  if (!full && !b->status) b->status = MX_EMEMORY;
  for (int i = 0; full && i < c->nin; i++) full[i] = tan[i] ? tan[i] : mx_zeros_as(b, c->in[i]);
  return full;
}
static void concatenate_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array **full = filled(b, c, tan);
  if (full) out_tan[0] = mx_apply(b, c->prim, full, c->nin, &c->p);
  mx_free(full);
}
static void concatenate_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array **parts = mx_malloc((size_t)c->nin * sizeof *parts);
  if (!parts && !b->status) b->status = MX_EMEMORY;
  int64_t size = mx_batch_size(in, axis, c->nin);
  for (int i = 0; parts && i < c->nin; i++) parts[i] = mx_batch_first(b, in[i], axis[i], size);
  if (parts) out[0] = mx_concatenate(b, parts, c->nin, (int)c->p.ints[0] + 1);
  out_axis[0] = 0;
  mx_free(parts);
}
const struct mx_prim mx_prim_concatenate = {
    .id = MX_PRIM_concatenate, .name = "Concatenate", .kind = MX_GENERAL, .infer = infer_concatenate, .vjp = concatenate_vjp,
    .jvp = concatenate_jvp, .vmap = concatenate_vmap};

mx_array *mx_concatenate(mx_build *b, mx_array *const *in, int n, int axis) {
  if (n < 1) return mx_build_fail(b, MX_EVALUE, "[concatenate] No arrays provided for concatenation.");
  if (!in[0] || !mx_axis_of(b, "concatenate", axis, in[0]->t.ndim, &axis)) return NULL;
  enum mx_dtype d = in[0]->t.dtype;
  for (int i = 1; i < n; i++) {
    if (!in[i]) return NULL;
    d = mx_dtype_promote(d, in[i]->t.dtype);
  }
  if (n == 1) return in[0];
  mx_array *few[8], **parts = n <= MX_COUNT(few) ? few : mx_malloc((size_t)n * sizeof *parts);
  if (!parts) {
    if (!b->status) b->status = MX_EMEMORY;
    return NULL;
  }
  for (int i = 0; i < n; i++) parts[i] = mx_astype(b, in[i], d);
  int64_t ints[1] = {axis};
  mx_array *r = mx_apply(b, &mx_prim_concatenate, parts, n, &(struct mx_params){.ints = ints, .nints = 1});
  if (parts != few) mx_free(parts);
  return r;
}
mx_array *mx_stack(mx_build *b, mx_array *const *in, int n, int axis) {
  if (n < 1) return mx_build_fail(b, MX_EVALUE, "[stack] No arrays provided for stacking.");
  if (!in[0] || !mx_axis_of(b, "stack", axis, in[0]->t.ndim + 1, &axis)) return NULL;
  for (int i = 1; i < n; i++)
    if (in[i] && !mx_same_shape(&in[0]->t, &in[i]->t)) return mx_build_fail(b, MX_EVALUE, "[stack] All arrays must have the same shape.");
  mx_array **parts = mx_malloc((size_t)n * sizeof *parts);
  if (!parts) {
    if (!b->status) b->status = MX_EMEMORY;
    return NULL;
  }
  for (int i = 0; i < n; i++) parts[i] = mx_expand_dims(b, in[i], &axis, 1);
  mx_array *r = mx_concatenate(b, parts, n, axis);
  mx_free(parts);
  return r;
}

void mx_split_at(mx_build *b, mx_array *a, const int64_t *indices, int n, int axis, mx_array **out) {
  for (int i = 0; i <= n; i++) out[i] = NULL;
  if (!a || !mx_axis_of(b, "split", axis, a->t.ndim, &axis)) return;
  for (int i = 0; i <= n; i++)
    out[i] = along(b, a, axis, i ? indices[i - 1] : 0, i < n ? indices[i] : a->t.shape[axis]);
}
void mx_split(mx_build *b, mx_array *a, int num, int axis, mx_array **out) {
  char text[MX_SHAPE_TEXT];
  for (int i = 0; i < num; i++) out[i] = NULL;
  if (!a || !mx_axis_of(b, "split", axis, a->t.ndim, &axis)) return;
  if (num <= 0) {
    mx_build_fail(b, MX_EVALUE, "[split] num_splits must be positive and non-zero but got %d.", num);
  } else if (a->t.shape[axis] % num) {
    mx_build_fail(b, MX_EVALUE, "[split] Array split does not result in sub arrays with equal size: attempting %d splits along axis %d for shape %s.",
                  num, axis, mx_shape_text(text, a->t.shape, a->t.ndim));
  } else {
    int64_t each = a->t.shape[axis] / num;
    for (int i = 0; i < num; i++) out[i] = along(b, a, axis, i * each, (i + 1) * each);
  }
}

/* pad: ints = low[n] high[n]; inputs a and the 0-d value. */
static int infer_pad(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin != 2 || c->p.nints != 2 * c->in[0]->t.ndim || c->in[1]->t.ndim != 0 || c->in[1]->t.dtype != c->in[0]->t.dtype)
    return mx_fail(MX_EVALUE, "[pad] Needs an array, a scalar of its dtype, and two sizes for each dimension.");
  const struct mx_tensor *a = &c->in[0]->t;
  const int64_t *low = c->p.ints, *high = low + a->ndim;
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) {
    if (low[i] < 0 || high[i] < 0)
      return mx_fail(MX_EVALUE, "[pad] Invalid %s padding size (%lld) passed to pad for axis %d. Padding sizes must be non-negative.",
                     low[i] < 0 ? "low" : "high", (long long)(low[i] < 0 ? low[i] : high[i]), i);
    if (__builtin_add_overflow(a->shape[i], low[i], &out->shape[i]) || __builtin_add_overflow(out->shape[i], high[i], &out->shape[i]))
      return mx_fail(MX_EVALUE, "[pad] The result has too many elements.");
  }
  return MX_OK;
}
static mx_array *inner_part(mx_build *b, const struct mx_call *c, mx_array *a) {
  int64_t stop[MX_MAX_NDIM], step[MX_MAX_NDIM];
  const struct mx_tensor *in = &c->in[0]->t;
  for (int i = 0; i < in->ndim; i++) stop[i] = c->p.ints[i] + in->shape[i], step[i] = 1;
  return mx_slice(b, a, c->p.ints, stop, step);
}
static void pad_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!cot[0]) return;
  mx_array *inner = inner_part(b, c, cot[0]);
  if (wanted[0]) grads[0] = inner;
  if (wanted[1]) grads[1] = mx_subtract(b, mx_sum(b, cot[0], NULL, 0, false), mx_sum(b, inner, NULL, 0, false));
}
static void pad_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *in[2] = {tan[0] ? tan[0] : mx_zeros_as(b, c->in[0]), tan[1] ? tan[1] : mx_zeros_as(b, c->in[1])};
  if (tan[0] || tan[1]) out_tan[0] = mx_apply(b, c->prim, in, 2, &c->p);
}
/* With a value for each of the batch: pad with anything, then choose by a padded mask. */
static void pad_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int n = c->in[0]->t.ndim;
  int64_t size = mx_batch_size(in, axis, 2), ints[2 * MX_MAX_NDIM + 2], ones[MX_MAX_NDIM + 1];
  mx_array *a = mx_batch_first(b, in[0], axis[0], size);
  ints[0] = ints[n + 1] = 0;
  for (int i = 0; i < n; i++) ints[1 + i] = c->p.ints[i], ints[n + 2 + i] = c->p.ints[n + i];
  struct mx_params p = {.ints = ints, .nints = 2 * n + 2};
  out_axis[0] = 0;
  if (axis[1] < 0) {
    out[0] = mx_apply(b, c->prim, (mx_array *[]){a, in[1]}, 2, &p);
    return;
  }
  ones[0] = size;
  for (int i = 0; i < n; i++) ones[1 + i] = 1;
  mx_array *inside = mx_broadcast_to(b, mx_scalar(b, 1, MX_BOOL), c->in[0]->t.shape, n);
  inside = mx_apply(b, c->prim, (mx_array *[]){inside, mx_scalar(b, 0, MX_BOOL)}, 2, &c->p);
  mx_array *padded = mx_apply(b, c->prim, (mx_array *[]){a, mx_scalar(b, 0, c->in[0]->t.dtype)}, 2, &p);
  out[0] = mx_where(b, inside, padded, mx_reshape(b, in[1], ones, n + 1));
}
const struct mx_prim mx_prim_pad = {
    .id = MX_PRIM_pad, .name = "Pad", .kind = MX_GENERAL, .infer = infer_pad, .vjp = pad_vjp, .jvp = pad_jvp, .vmap = pad_vmap};

/* Which element of n stands at position k - low of a line that goes on by repetition of the edge or by reflection. */
static int64_t mirrored(int64_t k, int64_t n, enum mx_pad_mode mode) {
  if (mode == MX_PAD_EDGE) return k < 0 ? 0 : k >= n ? n - 1 : k;
  int64_t period = mode == MX_PAD_REFLECT ? 2 * (n - 1) : 2 * n;
  if (period == 0) return 0;
  k = (k % period + period) % period;
  return k < n ? k : mode == MX_PAD_REFLECT ? period - k : period - 1 - k;
}
/* count elements of one axis from `start` on, step 1 or -1; step 0: one of them, again and again. */
static mx_array *run_of(mx_build *b, mx_array *a, int axis, int64_t start, int64_t count, int64_t step) {
  int64_t from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], by[MX_MAX_NDIM], shape[MX_MAX_NDIM];
  for (int d = 0; d < a->t.ndim; d++) to[d] = shape[d] = a->t.shape[d], by[d] = 1;
  int64_t stop = step ? start + count * step : start + 1;
  from[axis] = start, to[axis] = stop < 0 ? -a->t.shape[axis] - 1 : stop, by[axis] = step ? step : 1, shape[axis] = count;
  a = mx_slice(b, a, from, to, by);
  return step ? a : mx_broadcast_to(b, a, shape, a ? a->t.ndim : 0);
}
/* What stands before and after the elements of an axis, where it is no longer than they are: other layouts of them. */
static mx_array *pad_by_slices(mx_build *b, mx_array *a, int axis, int64_t low, int64_t high, enum mx_pad_mode mode) {
  int64_t n = a->t.shape[axis], skip = mode == MX_PAD_REFLECT;
  mx_array *parts[3];
  int count = 0;
  if (low) parts[count++] = mode == MX_PAD_EDGE ? run_of(b, a, axis, 0, low, 0) : run_of(b, a, axis, low - 1 + skip, low, -1);
  parts[count++] = a;
  if (high) parts[count++] = mode == MX_PAD_EDGE ? run_of(b, a, axis, n - 1, high, 0) : run_of(b, a, axis, n - 1 - skip, high, -1);
  return mx_concatenate(b, parts, count, axis);
}
static mx_array *pad_by_index(mx_build *b, mx_array *a, int axis, int64_t low, int64_t high, enum mx_pad_mode mode) {
  if (!a || b->status || (!low && !high)) return a;
  int64_t n = a->t.shape[axis], size;
  if (n == 0) return mx_build_fail(b, MX_EVALUE, "[pad] Cannot pad the empty axis %d from its edges.", axis);
  if (__builtin_add_overflow(n, low, &size) || __builtin_add_overflow(size, high, &size) || size > INT64_MAX / 8)
    return mx_build_fail(b, MX_EVALUE, "[pad] The result has too many elements.");
  int64_t most = mode == MX_PAD_REFLECT ? n - 1 : n;
  if (mode == MX_PAD_EDGE || (low <= most && high <= most)) return pad_by_slices(b, a, axis, low, high, mode);
  mx_buffer *buf;
  if ((b->status = mx_buffer_new(&buf, (size_t)size * sizeof(int64_t), MX_MEMORY_HOST))) return NULL;
  for (int64_t i = 0; i < size; i++) ((int64_t *)buf->host)[i] = mirrored(i - low, n, mode);
  mx_array *index = mx_build_own(b, mx_array_leaf(&size, 1, MX_INT64, buf, buf->host, NULL));
  return mx_take(b, a, index, &axis);
}
static mx_array *pad_constant(mx_build *b, mx_array *a, mx_array *value, const int64_t *ints) {
  int n = a->t.ndim;
  value = mx_astype(b, value, a->t.dtype);
  if (!value) return NULL;
  mx_array *in[2] = {a, value};
  if (value->t.ndim == 0) return mx_apply(b, &mx_prim_pad, in, 2, &(struct mx_params){.ints = ints, .nints = 2 * n});
  int64_t shape[MX_MAX_NDIM], stop[MX_MAX_NDIM], step[MX_MAX_NDIM];
  for (int i = 0; i < n; i++) {
    stop[i] = ints[i] + a->t.shape[i], step[i] = 1;
    shape[i] = stop[i] + ints[n + i];
  }
  return mx_slice_update(b, mx_full(b, shape, n, value, a->t.dtype), a, ints, stop, step, MX_UPDATE_NONE);
}
mx_array *mx_pad(mx_build *b, mx_array *a, const int *axes, int n, const int64_t *low, const int64_t *high, mx_array *value,
                 enum mx_pad_mode mode) {
  int64_t ints[2 * MX_MAX_NDIM] = {0};
  bool any = false;
  if (!a || b->status) return NULL;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!mx_axis_of(b, "pad", axes[i], a->t.ndim, &axis)) return NULL;
    if (low[i] < 0 || high[i] < 0)
      return mx_build_fail(b, MX_EVALUE, "[pad] Invalid %s padding size (%lld) passed to pad for axis %d. Padding sizes must be non-negative.",
                           low[i] < 0 ? "low" : "high", (long long)(low[i] < 0 ? low[i] : high[i]), axes[i]);
    ints[axis] = low[i], ints[a->t.ndim + axis] = high[i];
    any |= low[i] || high[i];
  }
  if (!any) return a;
  if (mode == MX_PAD_CONSTANT) return pad_constant(b, a, value, ints);
  int ndim = a->t.ndim;
  for (int i = 0; i < ndim; i++) a = pad_by_index(b, a, i, ints[i], ints[ndim + i], mode);
  return a;
}

mx_array *mx_tile(mx_build *b, mx_array *a, const int64_t *reps, int n) {
  if (!a) return NULL;
  int ndim = n > a->t.ndim ? n : a->t.ndim, added[MX_MAX_NDIM], nadded = 0;
  if (ndim > MX_MAX_NDIM / 2) return mx_build_fail(b, MX_EVALUE, "[tile] Takes up to %d dimensions, not %d.", MX_MAX_NDIM / 2, ndim);
  int64_t wide[2 * MX_MAX_NDIM], shape[MX_MAX_NDIM];
  for (int i = 0; i < ndim; i++) {
    int64_t rep = i < ndim - n ? 1 : reps[i - (ndim - n)], size = i < ndim - a->t.ndim ? 1 : a->t.shape[i - (ndim - a->t.ndim)];
    if (rep < 0) return mx_build_fail(b, MX_EVALUE, "[tile] Negative repetitions not allowed.");
    wide[2 * i] = rep, wide[2 * i + 1] = size;
    if (__builtin_mul_overflow(rep, size, &shape[i])) return mx_build_fail(b, MX_EVALUE, "[tile] The result has too many elements.");
    added[nadded++] = 2 * i;
    if (i < ndim - a->t.ndim) added[nadded++] = 2 * i + 1;
  }
  a = mx_expand_dims(b, a, added, nadded);
  return mx_reshape(b, mx_broadcast_to(b, a, wide, 2 * ndim), shape, ndim);
}

mx_array *mx_repeat(mx_build *b, mx_array *a, int64_t repeats, const int *axis) {
  if (repeats < 0) return mx_build_fail(b, MX_EVALUE, "[repeat] Number of repeats cannot be negative.");
  int at = 0;
  if (!axis) a = mx_reshape(b, a, (int64_t[]){-1}, 1);
  if (!a || !mx_axis_of(b, "repeat", axis ? *axis : 0, a->t.ndim, &at)) return NULL;
  if (repeats == 1) return a;
  int64_t wide[MX_MAX_NDIM + 1], shape[MX_MAX_NDIM];
  int n = a->t.ndim, added = at + 1;
  for (int i = 0; i < n; i++) shape[i] = wide[i + (i > at)] = a->t.shape[i];
  wide[at + 1] = repeats;
  if (__builtin_mul_overflow(shape[at], repeats, &shape[at])) return mx_build_fail(b, MX_EVALUE, "[repeat] The result has too many elements.");
  return mx_reshape(b, mx_broadcast_to(b, mx_expand_dims(b, a, &added, 1), wide, n + 1), shape, n);
}

static mx_array *roll_axis(mx_build *b, mx_array *a, int64_t shift, int axis) {
  if (!a || !mx_axis_of(b, "roll", axis, a->t.ndim, &axis)) return NULL;
  int64_t n = a->t.shape[axis];
  shift = n ? (shift % n + n) % n : 0;
  if (!shift) return a;
  return mx_concatenate(b, (mx_array *[]){along(b, a, axis, n - shift, n), along(b, a, axis, 0, n - shift)}, 2, axis);
}
/* One shift serves all axes; of several shifts or axes the surplus is ignored, as in MLX. */
mx_array *mx_roll(mx_build *b, mx_array *a, const int64_t *shift, int nshift, const int *axes, int naxes) {
  if (!a) return NULL;
  if (!axes) {
    int64_t total = 0;
    for (int i = 0; i < nshift; i++) total += a->t.size ? shift[i] % a->t.size : 0;
    return mx_reshape(b, roll_axis(b, mx_reshape(b, a, (int64_t[]){a->t.size}, 1), total, 0), a->t.shape, a->t.ndim);
  }
  if (nshift == 1) {
    for (int i = 0; i < naxes; i++) a = roll_axis(b, a, shift[0], axes[i]);
    return a;
  }
  for (int i = 0; i < naxes && i < nshift; i++) a = roll_axis(b, a, shift[i], axes[i]);
  return a;
}

mx_array *mx_flip(mx_build *b, mx_array *a, const int *axes, int n) {
  struct mx_axes ax;
  if (!mx_axes_of(b, "flip", a, axes, n, &ax)) return NULL;
  int64_t from[MX_MAX_NDIM], to[MX_MAX_NDIM], by[MX_MAX_NDIM];
  for (int i = 0; i < a->t.ndim; i++) from[i] = 0, to[i] = a->t.shape[i], by[i] = 1;
  for (int i = 0; i < ax.n; i++) {
    int64_t size = a->t.shape[ax.at[i]];
    from[ax.at[i]] = size - 1, to[ax.at[i]] = -size - 1, by[ax.at[i]] = -1;
  }
  return a->t.size ? mx_slice(b, a, from, to, by) : a;
}

/* depends: outputs are the first inputs; the others must only have been computed before. */
static int infer_depends(const struct mx_call *c, struct mx_spec *out) {
  if (c->nout < 1 || c->nout > c->nin) return mx_fail(MX_EVALUE, "[depends] %d outputs of %d inputs.", c->nout, c->nin);
  for (int i = 0; i < c->nout; i++) {
    const struct mx_tensor *t = &c->in[i]->t;
    out[i].dtype = t->dtype;
    out[i].ndim = t->ndim;
    for (int k = 0; k < t->ndim; k++) out[i].shape[k] = t->shape[k];
  }
  return MX_OK;
}
static void depends_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  for (int i = 0; i < c->nout; i++)
    if (wanted[i]) grads[i] = cot[i];
}
static void depends_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  for (int i = 0; i < c->nout; i++) out_tan[i] = tan[i];
}
static void depends_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array **moved = mx_malloc((size_t)c->nin * sizeof *moved);
  int64_t size = mx_batch_size(in, axis, c->nin);
  if (!moved && !b->status) b->status = MX_EMEMORY;
  for (int i = 0; moved && i < c->nin; i++) moved[i] = i < c->nout ? mx_batch_first(b, in[i], axis[i], size) : in[i];
  if (moved) mx_apply_many(b, c->prim, moved, c->nin, NULL, c->nout, out);
  for (int i = 0; i < c->nout; i++) out_axis[i] = 0;
  mx_free(moved);
}
const struct mx_prim mx_prim_depends = {
    .id = MX_PRIM_depends, .name = "Depends", .kind = MX_GENERAL, .infer = infer_depends, .vjp = depends_vjp,
    .jvp = depends_jvp, .vmap = depends_vmap};

void mx_depends(mx_build *b, mx_array *const *in, int n, mx_array *const *deps, int ndeps, mx_array **out) {
  mx_array **all = mx_malloc(((size_t)n + (size_t)ndeps) * sizeof *all);
  for (int i = 0; i < n; i++) out[i] = NULL;
  if (!all) {
    if (!b->status) b->status = MX_EMEMORY;
    return;
  }
  for (int i = 0; i < n; i++) all[i] = in[i];
  for (int i = 0; i < ndeps; i++) all[n + i] = deps[i];
  mx_apply_many(b, &mx_prim_depends, all, n + ndeps, NULL, n, out);
  mx_free(all);
}

/* Public functions */
static mx_array *join_public(mx_build *b, struct mx_public_list parts, int axis, mx_array *(*join)(mx_build *, mx_array *const *, int, int)) {
  return mx_public_done(&parts, parts.at ? join(b, parts.at, parts.n, axis) : NULL);
}
MX_PUBLIC(concatenate_axis, join_public(b, mx_public_arrays(b, arrays), axis, mx_concatenate), const mlx_vector_array arrays, int axis)
static mx_array *concatenate_flat(mx_build *b, mx_array *const *in, int n, int axis) {
  mx_array **flat = mx_malloc((size_t)(n + 1) * sizeof *flat);
  if (!flat && !b->status) b->status = MX_EMEMORY;
  for (int i = 0; flat && i < n; i++) flat[i] = mx_reshape(b, in[i], (int64_t[]){-1}, 1);
  mx_array *r = flat ? mx_concatenate(b, flat, n, axis) : NULL;
  mx_free(flat);
  return r;
}
MX_PUBLIC(concatenate, join_public(b, mx_public_arrays(b, arrays), 0, concatenate_flat), const mlx_vector_array arrays)
MX_PUBLIC(stack_axis, join_public(b, mx_public_arrays(b, arrays), axis, mx_stack), const mlx_vector_array arrays, int axis)
MX_PUBLIC(stack, join_public(b, mx_public_arrays(b, arrays), 0, mx_stack), const mlx_vector_array arrays)

static void check_splits(mx_build *b, int num) {
  if (num <= 0) mx_build_fail(b, MX_EVALUE, "[split] num_splits must be positive and non-zero but got %d.", num);
}
int mlx_split(mlx_vector_array *res, const mlx_array a, int num_splits, int axis, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_build_begin(b, s.ctx);
  check_splits(b, num_splits);
  mx_array **out = mx_public_room(b, num_splits);
  if (out) mx_split(b, a.ctx, num_splits, axis, out);
  return mx_public_return(b, out, num_splits, res);
}
int mlx_split_sections(mlx_vector_array *res, const mlx_array a, const int *indices, size_t indices_num, int axis, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_build_begin(b, s.ctx);
  mx_array **out = mx_public_room(b, (int64_t)indices_num + 1);
  int64_t *at = out ? mx_malloc((indices_num + 1) * sizeof *at) : NULL;
  if (out && !at && !b->status) b->status = MX_EMEMORY;
  for (size_t i = 0; at && i < indices_num; i++) at[i] = indices[i];
  if (at) mx_split_at(b, a.ctx, at, (int)indices_num, axis, out);
  mx_free(at);
  return mx_public_return(b, out, (int64_t)indices_num + 1, res);
}

enum mx_pad_mode mx_public_pad_mode(mx_build *b, const char *op, const char *mode) {
  static const char *const names[] = {"constant", "edge", "reflect", "symmetric"};
  for (int i = 0; mode && i < MX_COUNT(names); i++)
    if (!strcmp(mode, names[i])) return (enum mx_pad_mode)i;
  mx_build_fail(b, MX_EVALUE, "[%s] Invalid padding mode (%s) passed to pad.", op, mode ? mode : "NULL");
  return MX_PAD_CONSTANT;
}
static mx_array *pad_public(mx_build *b, mx_array *a, const int *axes, size_t n, const int64_t *low, size_t nlow, const int64_t *high,
                            size_t nhigh, mx_array *value, const char *mode) {
  if (n != nlow || n != nhigh)
    return mx_build_fail(b, MX_EVALUE, "[pad] Invalid number of padding sizes passed to pad with axes of size %zu.", n);
  return mx_pad(b, a, axes, (int)n, low, high, value, mx_public_pad_mode(b, "pad", mode));
}
MX_PUBLIC(pad,
          pad_public(b, a.ctx, axes, axes_num, MX_WIDE(low_pad_size), low_pad_size_num, MX_WIDE(high_pad_size), high_pad_size_num,
                     pad_value.ctx, mode),
          const mlx_array a, const int *axes, size_t axes_num, const int *low_pad_size, size_t low_pad_size_num, const int *high_pad_size,
          size_t high_pad_size_num, const mlx_array pad_value, const char *mode)

static mx_array *pad_all(mx_build *b, mx_array *a, int width, mx_array *value, const char *mode) {
  int axes[MX_MAX_NDIM];
  int64_t size[MX_MAX_NDIM];
  if (!a) return NULL;
  for (int i = 0; i < a->t.ndim; i++) axes[i] = i, size[i] = width;
  return mx_pad(b, a, axes, a->t.ndim, size, size, value, mx_public_pad_mode(b, "pad", mode));
}
MX_PUBLIC(pad_symmetric, pad_all(b, a.ctx, pad_width, pad_value.ctx, mode), const mlx_array a, int pad_width, const mlx_array pad_value,
          const char *mode)
MX_PUBLIC(tile, mx_tile(b, arr.ctx, MX_WIDE(reps), (int)reps_num), const mlx_array arr, const int *reps, size_t reps_num)
MX_PUBLIC(repeat_axis, mx_repeat(b, arr.ctx, repeats, &axis), const mlx_array arr, int repeats, int axis)
MX_PUBLIC(repeat, mx_repeat(b, arr.ctx, repeats, NULL), const mlx_array arr, int repeats)
#define SHIFT const int *shift, size_t shift_num
MX_PUBLIC(roll_axis, mx_roll(b, a.ctx, MX_WIDE(shift), (int)shift_num, &axis, 1), const mlx_array a, SHIFT, int axis)
MX_PUBLIC(roll_axes, mx_roll(b, a.ctx, MX_WIDE(shift), (int)shift_num, mx_public_axes(axes), (int)axes_num), const mlx_array a, SHIFT,
          const int *axes, size_t axes_num)
MX_PUBLIC(roll, mx_roll(b, a.ctx, MX_WIDE(shift), (int)shift_num, NULL, 0), const mlx_array a, SHIFT)

int mlx_depends(mlx_vector_array *res, const mlx_vector_array inputs, const mlx_vector_array dependencies) {
  mx_build build, *b = &build;
  mx_build_begin(b, NULL);
  struct mx_public_list in = mx_public_arrays(b, inputs), deps = mx_public_arrays(b, dependencies);
  mx_array **out = mx_public_room(b, in.n);
  if (out) mx_depends(b, in.at, in.n, deps.at, deps.n, out);
  mx_public_done(&in, NULL);
  mx_public_done(&deps, NULL);
  return mx_public_return(b, out, in.n, res);
}
