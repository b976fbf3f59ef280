/* index.c: reading where index arrays say: gather, gather_axis, and take made of them.
 * Invariant: the index arrays of a node are int32, uint32 or int64, all alike; kernels check bounds and count negative
 * indices from the end. */
#include "ops/public.h"
#include "ops/rules.h"

#include "ops/index.h"

/* Indices as kernels want them. */
mx_array *mx_index_array(mx_build *b, const char *op, mx_array *index) {
  if (!index) return NULL;
  switch (index->t.dtype) {
  case MX_INT32: case MX_UINT32: case MX_INT64: return index;
  case MX_INT8: case MX_INT16: case MX_UINT8: case MX_UINT16: return mx_astype(b, index, MX_INT32);
  case MX_UINT64: return mx_astype(b, index, MX_INT64);
  case MX_BOOL: return mx_build_fail(b, MX_EVALUE, "[%s] Boolean indices not supported.", op);
  default:
    return mx_build_fail(b, MX_EVALUE, "[%s] Got indices with invalid dtype %s. Indices must be integral.", op,
                         mx_dtype_name(index->t.dtype));
  }
}
bool mx_index_arrays(mx_build *b, const char *op, mx_array *const *in, int n, mx_array **out) {
  bool mixed = false;
  mx_array *ready[MX_MAX_NDIM];
  if (n > MX_MAX_NDIM) mx_build_fail(b, MX_EVALUE, "[%s] %d index arrays are too many.", op, n);
  if (b->status) return false;
  for (int i = 0; i < n; i++) {
    if (!(ready[i] = mx_index_array(b, op, in[i]))) return false;
    mixed |= ready[i]->t.dtype != ready[0]->t.dtype;
  }
  for (int i = 0; i < n && mixed; i++) ready[i] = mx_astype(b, ready[i], MX_INT64);
  mx_broadcast_arrays(b, ready, n, out);
  return !b->status;
}
int mx_check_indices(const struct mx_call *c, const struct mx_tensor *const *index, int n) {
  for (int i = 0; i < n; i++) {
    enum mx_dtype d = index[i]->dtype;
    if (d != index[0]->dtype || (d != MX_INT32 && d != MX_UINT32 && d != MX_INT64))
      return mx_fail(MX_ETYPE, "[%s] Index arrays must be int32, uint32 or int64, all alike; one is %s.", mx_op_name(c), mx_dtype_name(d));
    if (!mx_same_shape(index[i], index[0]))
      return mx_fail(MX_EVALUE, "[%s] Index arrays must have the same shape.", mx_op_name(c));
  }
  return MX_OK;
}

/* gather: in = a, index arrays; ints = axes, slice sizes. */
static int infer_gather(const struct mx_call *c, struct mx_spec *out) {
  int n = c->nin - 1;
  if (n < 1 || n > MX_MAX_NDIM || c->p.nints != n + c->in[0]->t.ndim)
    return mx_fail(MX_EVALUE, "[gather] Needs as many axes as index arrays, and a slice size for each dimension.");
  const struct mx_tensor *a = &c->in[0]->t, *index[MX_MAX_NDIM];
  const int64_t *axes = c->p.ints, *size = axes + n;
  char text[MX_SHAPE_TEXT], shape[MX_SHAPE_TEXT];
  uint64_t seen = 0;
  for (int i = 0; i < n; i++) {
    index[i] = &c->in[1 + i]->t;
    if (axes[i] < 0 || axes[i] >= a->ndim || seen >> axes[i] & 1)
      return mx_fail(MX_EVALUE, "[gather] Invalid or repeated axis %lld for array with %d dimensions.", (long long)axes[i], a->ndim);
    seen |= 1ull << axes[i];
  }
  int status = mx_check_indices(c, index, n);
  if (status) return status;
  if (index[0]->ndim + a->ndim > MX_MAX_NDIM) return mx_fail(MX_EVALUE, "[gather] The result has more than %d dimensions.", MX_MAX_NDIM);
  out->dtype = a->dtype;
  out->ndim = index[0]->ndim + a->ndim;
  for (int i = 0; i < index[0]->ndim; i++) out->shape[i] = index[0]->shape[i];
  bool nothing = index[0]->size == 0;
  for (int i = 0; i < a->ndim; i++) {
    if (size[i] < 0 || (size[i] > a->shape[i] && !nothing))
      return mx_fail(MX_EVALUE, "[gather] Slice sizes %s exceed the array's shape %s.", mx_shape_text(text, size, a->ndim),
                     mx_shape_text(shape, a->shape, a->ndim));
    out->shape[index[0]->ndim + i] = size[i];
  }
  return MX_OK;
}
static mx_array *gather_apply(mx_build *b, mx_array *a, mx_array *const *index, int n, const int64_t *axes, const int64_t *size) {
  mx_array *in[MX_MAX_NDIM + 1] = {a};
  int64_t ints[2 * MX_MAX_NDIM];
  if (!a || n > MX_MAX_NDIM) return NULL;
  for (int i = 0; i < n; i++) in[1 + i] = index[i], ints[i] = axes[i];
  for (int i = 0; i < a->t.ndim; i++) ints[n + i] = size[i];
  return mx_apply(b, &mx_prim_gather, in, n + 1, &(struct mx_params){.ints = ints, .nints = n + a->t.ndim});
}
static void gather_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  int axes[MX_MAX_NDIM];
  for (int i = 0; i < c->nin - 1; i++) axes[i] = (int)c->p.ints[i];
  if (wanted[0] && cot[0])
    grads[0] = mx_scatter(b, mx_zeros_as(b, c->in[0]), c->in + 1, c->nin - 1, cot[0], axes, MX_UPDATE_SUM);
}
static void gather_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = gather_apply(b, tan[0], c->in + 1, c->nin - 1, c->p.ints, c->p.ints + (c->nin - 1));
}
int mx_batch_indices(mx_build *b, mx_array *const *index, const int *axis, int n, const int64_t *axes, int64_t size, mx_array **out,
                     int64_t *out_axes) {
  for (int i = 0; i < n; i++) {
    out[1 + i] = mx_batch_first(b, index[i], axis[i], size);
    out_axes[1 + i] = axes[i] + 1;
  }
  out_axes[0] = 0;
  out[0] = NULL;
  if (!out[1]) return n + 1;
  int64_t shape[MX_MAX_NDIM];
  for (int i = 0; i < out[1]->t.ndim; i++) shape[i] = i ? 1 : size;
  out[0] = mx_reshape(b, mx_arange(b, 0, (double)size, 1, out[1]->t.dtype), shape, out[1]->t.ndim);
  out[0] = mx_broadcast_to(b, out[0], out[1]->t.shape, out[1]->t.ndim);
  return n + 1;
}
static void gather_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int n = c->nin - 1, ndim = c->in[0]->t.ndim;
  int64_t size = mx_batch_size(in, axis, c->nin), axes[MX_MAX_NDIM + 1], slice[MX_MAX_NDIM + 1];
  const int64_t *sizes = c->p.ints + n;
  mx_array *index[MX_MAX_NDIM + 1];
  bool batched = false;
  for (int i = 0; i < n; i++) batched |= axis[1 + i] >= 0;
  if (n >= MX_MAX_NDIM) {
    mx_build_fail(b, MX_EVALUE, "[vmap] Too many dimensions.");
    return;
  }
  for (int i = 0; i < ndim; i++) slice[1 + i] = sizes[i];
  if (!batched) { /* each index takes a slice of the whole batch */
    slice[0] = size;
    for (int i = 0; i < n; i++) axes[i] = c->p.ints[i] + 1;
    out[0] = gather_apply(b, mx_batch_first(b, in[0], axis[0], size), in + 1, n, axes, slice);
    out_axis[0] = c->in[1]->t.ndim;
    return;
  }
  out_axis[0] = 0;
  if (axis[0] < 0) {
    for (int i = 0; i < n; i++) index[i] = mx_batch_first(b, in[1 + i], axis[1 + i], size);
    out[0] = gather_apply(b, in[0], index, n, c->p.ints, sizes);
    return;
  }
  slice[0] = 1;
  int all = mx_batch_indices(b, in + 1, axis + 1, n, c->p.ints, size, index, axes);
  mx_array *r = gather_apply(b, mx_batch_first(b, in[0], axis[0], size), index, all, axes, slice);
  out[0] = mx_squeeze(b, r, (int[]){c->in[1]->t.ndim + 1}, 1);
}
const struct mx_prim mx_prim_gather = {
    .id = MX_PRIM_gather, .name = "Gather", .kind = MX_GENERAL, .infer = infer_gather, .vjp = gather_vjp, .jvp = gather_jvp,
    .vmap = gather_vmap};

mx_array *mx_gather(mx_build *b, mx_array *a, mx_array *const *indices, int n, const int *axes, const int64_t *slice_sizes) {
  mx_array *index[MX_MAX_NDIM];
  int64_t at[MX_MAX_NDIM];
  if (n < 1) return mx_build_fail(b, MX_EVALUE, "[gather] Needs at least one index array.");
  if (!a || !mx_index_arrays(b, "gather", indices, n, index)) return NULL;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!mx_axis_of(b, "gather", axes[i], a->t.ndim, &axis)) return NULL;
    at[i] = axis;
  }
  return gather_apply(b, a, index, n, at, slice_sizes);
}

static mx_array *gather_axis_apply(mx_build *b, mx_array *a, mx_array *index, int64_t axis) {
  mx_array *in[2] = {a, index};
  return mx_apply(b, &mx_prim_gather_axis, in, 2, &(struct mx_params){.ints = &axis, .nints = 1});
}

/* gather along one axis, the result laid out with the dimensions of the indices where the axis was. */
mx_array *mx_take(mx_build *b, mx_array *a, mx_array *indices, const int *axis) {
  int at = 0;
  if (!a || !(indices = mx_index_array(b, "take", indices))) return NULL;
  if (!axis) a = mx_reshape(b, a, (int64_t[]){a->t.size}, 1);
  if (!a || !mx_axis_of(b, "take", axis ? *axis : 0, a->t.ndim, &at)) return NULL;
  if (a->t.shape[at] == 0 && indices->t.size)
    return mx_build_fail(b, MX_EVALUE, "[take] Cannot do a non-empty take from an empty axis.");
  if (indices->t.ndim == 1 && at > 0 && at == a->t.ndim - 1 && a->t.size) { /* every row by the same indices: laid out as the result is */
    int64_t shape[MX_MAX_NDIM];
    for (int i = 0; i < at; i++) shape[i] = a->t.shape[i];
    shape[at] = indices->t.size;
    return gather_axis_apply(b, a, mx_broadcast_to(b, indices, shape, at + 1), at);
  }
  int64_t slice[MX_MAX_NDIM] = {0}, axes[1] = {at};
  int order[MX_MAX_NDIM], k = indices->t.ndim, n = a->t.ndim;
  for (int i = 0; i < n; i++) slice[i] = i == at ? 1 : a->t.shape[i];
  if (k + n > MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[take] The result has more than %d dimensions.", MX_MAX_NDIM);
  mx_array *r = mx_squeeze(b, gather_apply(b, a, &indices, 1, axes, slice), (int[]){k + at}, 1);
  int to = 0;
  for (int i = 0; i < at; i++) order[to++] = k + i;
  for (int i = 0; i < k; i++) order[to++] = i;
  for (int i = at; i < n - 1; i++) order[to++] = k + i;
  return mx_transpose(b, r, order, to);
}

/* gather_axis: in = a, indices of as many dimensions, equal but along the axis. */
static int infer_gather_axis(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 2, 1, 0);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t, *index[1] = {&c->in[1]->t};
  if ((status = mx_check_axis_indices(c, a, index[0])) || (status = mx_check_indices(c, index, 1))) return status;
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = index[0]->shape[i];
  return MX_OK;
}
int mx_check_axis_indices(const struct mx_call *c, const struct mx_tensor *a, const struct mx_tensor *index) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  int axis;
  if (index->ndim != a->ndim)
    return mx_fail(MX_EVALUE, "[%s] Indices of dimension %d does not match array of dimension %d.", mx_op_name(c), index->ndim, a->ndim);
  int status = mx_axis(mx_op_name(c), c->p.ints[0], a->ndim, &axis);
  for (int i = 0; i < a->ndim && !status; i++)
    if (i != axis && index->shape[i] != a->shape[i])
      return mx_fail(MX_EVALUE, "[%s] Indices of shape %s do not match the array of shape %s along other axes than %d.", mx_op_name(c),
                     mx_shape_text(one, index->shape, a->ndim), mx_shape_text(two, a->shape, a->ndim), axis);
  return status;
}
static void gather_axis_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_scatter_add_axis(b, mx_zeros_as(b, c->in[0]), c->in[1], cot[0], (int)c->p.ints[0]);
}
static void gather_axis_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = gather_axis_apply(b, tan[0], c->in[1], c->p.ints[0]);
}
static void gather_axis_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t size = mx_batch_size(in, axis, 2);
  out[0] = gather_axis_apply(b, mx_batch_first(b, in[0], axis[0], size), mx_batch_first(b, in[1], axis[1], size), c->p.ints[0] + 1);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_gather_axis = {
    .id = MX_PRIM_gather_axis, .name = "GatherAxis", .kind = MX_GENERAL, .infer = infer_gather_axis, .vjp = gather_axis_vjp,
    .jvp = gather_axis_jvp, .vmap = gather_axis_vmap};

/* a and indices made to agree along the other axes, by broadcasting either. */
bool mx_align_axis(mx_build *b, const char *op, mx_array **a, mx_array **index, int axis) {
  int64_t common[MX_MAX_NDIM], x[MX_MAX_NDIM], y[MX_MAX_NDIM];
  int n = (*a)->t.ndim, k;
  if ((*index)->t.ndim != n) {
    mx_build_fail(b, MX_EVALUE, "[%s] Indices of dimension %d does not match array of dimension %d.", op, (*index)->t.ndim, n);
    return false;
  }
  for (int i = 0; i < n; i++) {
    x[i] = i == axis ? 1 : (*a)->t.shape[i];
    y[i] = i == axis ? 1 : (*index)->t.shape[i];
  }
  if (!b->status) b->status = mx_broadcast_shapes(op, x, n, y, n, common, &k);
  if (b->status) return false;
  common[axis] = (*a)->t.shape[axis];
  mx_array *wide = mx_broadcast_to(b, *a, common, n);
  common[axis] = (*index)->t.shape[axis];
  *index = mx_broadcast_to(b, *index, common, n);
  *a = wide;
  return !b->status;
}
mx_array *mx_take_along_axis(mx_build *b, mx_array *a, mx_array *indices, const int *axis) {
  int at = 0;
  if (!a || !(indices = mx_index_array(b, "take_along_axis", indices))) return NULL;
  if (!axis) {
    a = mx_reshape(b, a, (int64_t[]){a->t.size}, 1);
    indices = mx_reshape(b, indices, (int64_t[]){indices->t.size}, 1);
  }
  if (!a || !indices || !mx_axis_of(b, "take_along_axis", axis ? *axis : 0, a->t.ndim, &at)) return NULL;
  return mx_align_axis(b, "take_along_axis", &a, &indices, at) ? gather_axis_apply(b, a, indices, at) : NULL;
}

/* Public functions */
static mx_array *gather_public(mx_build *b, mx_array *a, struct mx_public_list index, const int *axes, size_t naxes, const int64_t *size,
                               size_t nsize) {
  mx_array *r = NULL;
  if (a && ((size_t)index.n != naxes || nsize != (size_t)a->t.ndim))
    mx_build_fail(b, MX_EVALUE, "[gather] %d index arrays, %zu axes and %zu slice sizes for array with %d dimensions.", index.n, naxes, nsize,
                  a->t.ndim);
  else if (index.at) r = mx_gather(b, a, index.at, index.n, axes, size);
  return mx_public_done(&index, r);
}
MX_PUBLIC(gather, gather_public(b, a.ctx, mx_public_arrays(b, indices), axes, axes_num, MX_WIDE(slice_sizes), slice_sizes_num),
          const mlx_array a, const mlx_vector_array indices, const int *axes, size_t axes_num, const int *slice_sizes,
          size_t slice_sizes_num)
static mx_array *gather_one(mx_build *b, mx_array *a, mx_array *index, int axis, const int64_t *size, size_t nsize) {
  if (a && nsize != (size_t)a->t.ndim)
    return mx_build_fail(b, MX_EVALUE, "[gather] %zu slice sizes for array with %d dimensions.", nsize, a->t.ndim);
  return mx_gather(b, a, &index, 1, &axis, size);
}
MX_PUBLIC(gather_single, gather_one(b, a.ctx, indices.ctx, axis, MX_WIDE(slice_sizes), slice_sizes_num), const mlx_array a,
          const mlx_array indices, int axis, const int *slice_sizes, size_t slice_sizes_num)
MX_PUBLIC(take_axis, mx_take(b, a.ctx, indices.ctx, &axis), const mlx_array a, const mlx_array indices, int axis)
MX_PUBLIC(take, mx_take(b, a.ctx, indices.ctx, NULL), const mlx_array a, const mlx_array indices)
MX_PUBLIC(take_along_axis, mx_take_along_axis(b, a.ctx, indices.ctx, &axis), const mlx_array a, const mlx_array indices, int axis)
MX_PUBLIC(ravel_gather,
          gather_public(b, a.ctx, mx_public_arrays(b, indices), axes, naxes, slice_sizes, a.ctx ? (size_t)((mx_array *)a.ctx)->t.ndim : 0),
          const mlx_array a, const mlx_vector_array indices, const int *axes, size_t naxes, const int64_t *slice_sizes)
