/* scatter.c: writing where index arrays say.
 * Invariant: updates have the array's dtype and exactly the shape that the indices and one slice give. */
#include "ops/index.h"
#include "ops/public.h"

static enum mx_update_mode mode_of(const struct mx_call *c) {
  return (enum mx_update_mode)((const struct mx_mode_params *)c->p.head)->mode;
}
static int check_mode(const struct mx_call *c, const struct mx_tensor *a, const struct mx_tensor *updates) {
  if (c->p.head_size != sizeof(struct mx_mode_params) || (unsigned)mode_of(c) > MX_UPDATE_MIN)
    return mx_fail(MX_EVALUE, "[%s] No such mode.", mx_op_name(c));
  if (updates->dtype != a->dtype)
    return mx_fail(MX_ETYPE, "[%s] The updates are %s, the array %s.", mx_op_name(c), mx_dtype_name(updates->dtype), mx_dtype_name(a->dtype));
  return MX_OK;
}
static void keep_shape(const struct mx_tensor *a, struct mx_spec *out) {
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = a->shape[i];
}

/* scatter: in = a, index arrays, updates; ints = axes. */
static int infer_scatter(const struct mx_call *c, struct mx_spec *out) {
  int n = c->nin - 2;
  if (n < 1 || n > MX_MAX_NDIM || c->p.nints != n) return mx_fail(MX_EVALUE, "[scatter] Needs as many axes as index arrays.");
  const struct mx_tensor *a = &c->in[0]->t, *u = &c->in[n + 1]->t, *index[MX_MAX_NDIM];
  char got[MX_SHAPE_TEXT], shape[MX_SHAPE_TEXT];
  uint64_t seen = 0;
  for (int i = 0; i < n; i++) {
    int64_t axis = c->p.ints[i];
    index[i] = &c->in[1 + i]->t;
    if (axis < 0 || axis >= a->ndim || seen >> axis & 1)
      return mx_fail(MX_EVALUE, "[scatter] Invalid or repeated axis %lld for array with %d dimensions.", (long long)axis, a->ndim);
    seen |= 1ull << axis;
  }
  int status = check_mode(c, a, u);
  if (status || (status = mx_check_indices(c, index, n))) return status;
  int k = index[0]->ndim;
  bool fits = u->ndim == k + a->ndim;
  for (int i = 0; i < u->ndim && fits; i++)
    fits = i < k ? u->shape[i] == index[0]->shape[i] : u->shape[i] <= a->shape[i - k] || u->size == 0;
  if (!fits)
    return mx_fail(MX_EVALUE, "[scatter] Updates of shape %s do not fit %d-dimensional indices into an array of shape %s.",
                   mx_shape_text(got, u->shape, u->ndim), k, mx_shape_text(shape, a->shape, a->ndim));
  keep_shape(a, out);
  return MX_OK;
}
static mx_array *scatter_apply(mx_build *b, mx_array *a, mx_array *const *index, int n, mx_array *updates, const int64_t *axes, int mode) {
  mx_array *in[MX_MAX_NDIM + 2] = {a};
  if (n > MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[scatter] %d index arrays are too many.", n);
  for (int i = 0; i < n; i++) in[1 + i] = index[i];
  in[n + 1] = updates;
  struct mx_mode_params head = {mode};
  return mx_apply(b, &mx_prim_scatter, in, n + 2, &(struct mx_params){.ints = axes, .nints = n, .head = &head, .head_size = sizeof head});
}

/* A call of scatter or scatter_axis taken apart, so that both share their derivatives. */
struct scattered {
  mx_array *a, *u, *out;
  mx_array *const *index;
  int n;
};
static struct scattered parts_of(const struct mx_call *c) {
  return (struct scattered){c->in[0], c->in[c->nin - 1], c->out ? c->out[0] : NULL, c->in + 1, c->nin - 2};
}
static mx_array *put(mx_build *b, const struct mx_call *c, mx_array *a, mx_array *u, int mode) {
  struct mx_mode_params head = {mode};
  mx_array *in[MX_MAX_NDIM + 2] = {a};
  for (int i = 1; i < c->nin - 1; i++) in[i] = c->in[i];
  in[c->nin - 1] = u;
  return mx_apply(b, c->prim, in, c->nin, &(struct mx_params){.ints = c->p.ints, .nints = c->p.nints, .head = &head, .head_size = sizeof head});
}
/* What stands in `from` where the updates went. */
static mx_array *get(mx_build *b, const struct mx_call *c, mx_array *from) {
  struct scattered s = parts_of(c);
  int axes[MX_MAX_NDIM], axis = (int)c->p.ints[0];
  if (c->prim == &mx_prim_scatter_axis) return mx_take_along_axis(b, from, s.index[0], &axis);
  for (int i = 0; i < s.n; i++) axes[i] = (int)c->p.ints[i];
  return mx_gather(b, from, s.index, s.n, axes, s.u->t.shape + s.index[0]->t.ndim);
}
/* d out / d update of a product: the rest of it. out/update, but where the update is 0, the old value: exact where indices
 * do not repeat. */
static mx_array *rest_of_product(mx_build *b, const struct mx_call *c) {
  struct scattered s = parts_of(c);
  mx_array *zero = mx_scalar(b, 0, s.u->t.dtype);
  mx_array *is_zero = mx_equal(b, s.u, zero);
  mx_array *by = mx_where(b, is_zero, mx_scalar(b, 1, s.u->t.dtype), s.u);
  return mx_where(b, is_zero, get(b, c, s.a), mx_divide(b, get(b, c, s.out), by));
}
static void scatter_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  struct scattered s = parts_of(c);
  mx_array *g = cot[0], **ga = &grads[0], **gu = &grads[c->nin - 1];
  bool want_a = wanted[0], want_u = wanted[c->nin - 1];
  if (!g) return;
  mx_array *zero = mx_scalar(b, 0, g->t.dtype);
  switch (mode_of(c)) {
  case MX_UPDATE_NONE:
    if (want_a) *ga = put(b, c, g, mx_zeros_as(b, s.u), MX_UPDATE_NONE);
    if (want_u) *gu = get(b, c, g);
    break;
  case MX_UPDATE_SUM:
    if (want_a) *ga = g;
    if (want_u) *gu = get(b, c, g);
    break;
  case MX_UPDATE_PROD:
    if (want_a) *ga = mx_multiply(b, g, mx_conjugate(b, put(b, c, mx_ones_like(b, s.a), s.u, MX_UPDATE_PROD)));
    if (want_u) *gu = mx_multiply(b, get(b, c, g), mx_conjugate(b, rest_of_product(b, c)));
    break;
  case MX_UPDATE_MAX:
  case MX_UPDATE_MIN: /* who equals the result has made it */
    if (want_a) *ga = mx_where(b, mx_equal(b, s.a, s.out), g, zero);
    if (want_u) *gu = mx_where(b, mx_equal(b, s.u, get(b, c, s.out)), get(b, c, g), zero);
    break;
  }
}
static void scatter_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  struct scattered s = parts_of(c);
  if (!tan[0] && !tan[c->nin - 1]) return;
  mx_array *ta = tan[0] ? tan[0] : mx_zeros_as(b, s.a), *tu = tan[c->nin - 1] ? tan[c->nin - 1] : mx_zeros_as(b, s.u);
  mx_array *zero = mx_scalar(b, 0, s.a->t.dtype);
  switch (mode_of(c)) {
  case MX_UPDATE_NONE:
  case MX_UPDATE_SUM:
    out_tan[0] = put(b, c, ta, tu, mode_of(c));
    break;
  case MX_UPDATE_PROD:
    ta = mx_multiply(b, ta, put(b, c, mx_ones_like(b, s.a), s.u, MX_UPDATE_PROD));
    out_tan[0] = put(b, c, ta, mx_multiply(b, tu, rest_of_product(b, c)), MX_UPDATE_SUM);
    break;
  case MX_UPDATE_MAX:
  case MX_UPDATE_MIN:
    ta = mx_where(b, mx_equal(b, s.a, s.out), ta, zero);
    tu = mx_where(b, mx_equal(b, s.u, get(b, c, s.out)), tu, zero);
    out_tan[0] = put(b, c, ta, tu, MX_UPDATE_SUM);
    break;
  }
}
static void scatter_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int n = c->nin - 2, k = c->in[1]->t.ndim;
  int64_t size = mx_batch_size(in, axis, c->nin), axes[MX_MAX_NDIM + 1];
  mx_array *a = mx_batch_first(b, in[0], axis[0], size), *u = mx_batch_first(b, in[n + 1], axis[n + 1], size), *index[MX_MAX_NDIM + 1];
  bool batched = false;
  for (int i = 0; i < n; i++) batched |= axis[1 + i] >= 0;
  out_axis[0] = 0;
  if (n >= MX_MAX_NDIM) {
    mx_build_fail(b, MX_EVALUE, "[vmap] Too many dimensions.");
  } else if (!batched) { /* each index writes a slice of the whole batch */
    for (int i = 0; i < n; i++) axes[i] = c->p.ints[i] + 1;
    out[0] = scatter_apply(b, a, in + 1, n, mx_moveaxis(b, u, 0, k), axes, mode_of(c));
  } else {
    int all = mx_batch_indices(b, in + 1, axis + 1, n, c->p.ints, size, index, axes);
    out[0] = scatter_apply(b, a, index, all, mx_expand_dims(b, u, (int[]){k + 1}, 1), axes, mode_of(c));
  }
}
const struct mx_prim mx_prim_scatter = {
    .id = MX_PRIM_scatter, .name = "Scatter", .kind = MX_GENERAL, .inplace = 1, .infer = infer_scatter, .vjp = scatter_vjp,
    .jvp = scatter_jvp, .vmap = scatter_vmap};

mx_array *mx_scatter(mx_build *b, mx_array *a, mx_array *const *indices, int n, mx_array *updates, const int *axes, int mode) {
  mx_array *index[MX_MAX_NDIM];
  int64_t at[MX_MAX_NDIM], shape[MX_MAX_NDIM];
  if (!a || !updates || n < 1) return n < 1 ? mx_build_fail(b, MX_EVALUE, "[scatter] Needs at least one index array.") : NULL;
  if (!mx_index_arrays(b, "scatter", indices, n, index)) return NULL;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!mx_axis_of(b, "scatter", axes[i], a->t.ndim, &axis)) return NULL;
    at[i] = axis;
  }
  /* Updates may lack what the indices have: they broadcast over it. */
  const struct mx_tensor *u = &updates->t;
  int k = index[0]->t.ndim, lead = u->ndim - a->t.ndim, ndim;
  if (lead < 0)
    return mx_build_fail(b, MX_EVALUE, "[scatter] Updates with %d dimensions for an array with %d.", u->ndim, a->t.ndim);
  if (k + a->t.ndim > MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[scatter] Too many dimensions.");
  if (!b->status) b->status = mx_broadcast_shapes("scatter", u->shape, lead, index[0]->t.shape, k, shape, &ndim);
  if (b->status) return NULL;
  for (int i = 0; i < a->t.ndim; i++) shape[ndim + i] = u->shape[lead + i];
  updates = mx_broadcast_to(b, mx_astype(b, updates, a->t.dtype), shape, ndim + a->t.ndim);
  return scatter_apply(b, a, index, n, updates, at, mode);
}

/* scatter_axis: in = a, indices, updates of their shape. */
static int infer_scatter_axis(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 3, 1, sizeof(struct mx_mode_params));
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t, *index[1] = {&c->in[1]->t}, *u = &c->in[2]->t;
  char got[MX_SHAPE_TEXT], want[MX_SHAPE_TEXT];
  if ((status = check_mode(c, a, u)) || (status = mx_check_axis_indices(c, a, index[0])) || (status = mx_check_indices(c, index, 1)))
    return status;
  if (mode_of(c) > MX_UPDATE_SUM) return mx_fail(MX_EVALUE, "[scatter_axis] No such mode.");
  if (!mx_same_shape(index[0], u))
    return mx_fail(MX_EVALUE, "[scatter_axis] Updates of shape %s do not match indices of shape %s.", mx_shape_text(got, u->shape, u->ndim),
                   mx_shape_text(want, index[0]->shape, index[0]->ndim));
  keep_shape(a, out);
  return MX_OK;
}
static mx_array *scatter_axis_apply(mx_build *b, mx_array *a, mx_array *index, mx_array *u, int64_t axis, int mode) {
  struct mx_mode_params head = {mode};
  mx_array *in[3] = {a, index, u};
  return mx_apply(b, &mx_prim_scatter_axis, in, 3, &(struct mx_params){.ints = &axis, .nints = 1, .head = &head, .head_size = sizeof head});
}
static void scatter_axis_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t size = mx_batch_size(in, axis, 3);
  mx_array *moved[3];
  for (int i = 0; i < 3; i++) moved[i] = mx_batch_first(b, in[i], axis[i], size);
  out[0] = scatter_axis_apply(b, moved[0], moved[1], moved[2], c->p.ints[0] + 1, mode_of(c));
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_scatter_axis = {
    .id = MX_PRIM_scatter_axis, .name = "ScatterAxis", .kind = MX_GENERAL, .inplace = 1, .infer = infer_scatter_axis,
    .vjp = scatter_vjp, .jvp = scatter_jvp, .vmap = scatter_axis_vmap};

/* Indices and values broadcast to each other and, along the other axes, to the array. */
static mx_array *put_axis(mx_build *b, const char *op, mx_array *a, mx_array *index, mx_array *values, int axis, int mode) {
  int64_t shape[MX_MAX_NDIM];
  if (!a || !values || !(index = mx_index_array(b, op, index)) || !mx_axis_of(b, op, axis, a->t.ndim, &axis)) return NULL;
  if (index->t.ndim != a->t.ndim)
    return mx_build_fail(b, MX_EVALUE, "[%s] Indices of dimension %d does not match array of dimension %d.", op, index->t.ndim, a->t.ndim);
  for (int i = 0; i < a->t.ndim; i++) shape[i] = i == axis ? index->t.shape[i] : a->t.shape[i];
  index = mx_broadcast_to(b, index, shape, a->t.ndim);
  values = mx_broadcast_to(b, mx_astype(b, values, a->t.dtype), shape, a->t.ndim);
  return scatter_axis_apply(b, a, index, values, axis, mode);
}
mx_array *mx_put_along_axis(mx_build *b, mx_array *a, mx_array *indices, mx_array *values, const int *axis) {
  if (!a || !indices) return NULL;
  if (axis) return put_axis(b, "put_along_axis", a, indices, values, *axis, MX_UPDATE_NONE);
  mx_array *flat = mx_reshape(b, a, (int64_t[]){a->t.size}, 1), *at = mx_reshape(b, indices, (int64_t[]){indices->t.size}, 1);
  if (values && values->t.ndim > 1) values = mx_reshape(b, values, (int64_t[]){values->t.size}, 1);
  return mx_reshape(b, put_axis(b, "put_along_axis", flat, at, values, 0, MX_UPDATE_NONE), a->t.shape, a->t.ndim);
}
mx_array *mx_scatter_add_axis(mx_build *b, mx_array *a, mx_array *indices, mx_array *values, int axis) {
  return put_axis(b, "scatter_add_axis", a, indices, values, axis, MX_UPDATE_SUM);
}

/* Public functions */
static mx_array *scatter_public(mx_build *b, mx_array *a, struct mx_public_list index, mx_array *updates, const int *axes, size_t naxes, int mode) {
  mx_array *r = NULL;
  if ((size_t)index.n != naxes) mx_build_fail(b, MX_EVALUE, "[scatter] %d index arrays but %zu axes.", index.n, naxes);
  else if (index.at) r = mx_scatter(b, a, index.at, index.n, updates, axes, mode);
  return mx_public_done(&index, r);
}
#define SCATTER(op, mode)                                                      \
  MX_PUBLIC(op, scatter_public(b, a.ctx, mx_public_arrays(b, indices), updates.ctx, axes, axes_num, mode), const mlx_array a, \
            const mlx_vector_array indices, const mlx_array updates, const int *axes, size_t axes_num) \
  MX_PUBLIC(op##_single, mx_scatter(b, a.ctx, (mx_array *[]){indices.ctx}, 1, updates.ctx, &axis, mode), const mlx_array a, \
            const mlx_array indices, const mlx_array updates, int axis)
SCATTER(scatter, MX_UPDATE_NONE)
SCATTER(scatter_add, MX_UPDATE_SUM)
SCATTER(scatter_prod, MX_UPDATE_PROD)
SCATTER(scatter_max, MX_UPDATE_MAX)
SCATTER(scatter_min, MX_UPDATE_MIN)
MX_PUBLIC(put_along_axis, mx_put_along_axis(b, a.ctx, indices.ctx, values.ctx, &axis), const mlx_array a, const mlx_array indices,
          const mlx_array values, int axis)
MX_PUBLIC(scatter_add_axis, mx_scatter_add_axis(b, a.ctx, indices.ctx, values.ctx, axis), const mlx_array a, const mlx_array indices,
          const mlx_array values, int axis)
