/* gather_mm.c: products of matrices that indices choose, and of segments of the inner dimension.
 * Invariant: a node sees one flat batch of matrices a side; what the caller's batch dimensions were is undone outside. */
#include "ops/index.h"
#include "ops/public.h"

#include <string.h>

static mx_array *adjoint(mx_build *b, mx_array *a) { return mx_conjugate(b, mx_swapaxes(b, a, -1, -2)); }

/* ---- gather_mm: out[t] = x[index_x[t]] y[index_y[t]] ---- */

static int infer_gather_mm(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 4, 0, 0);
  if (status) return status;
  const struct mx_tensor *x = &c->in[0]->t, *y = &c->in[1]->t, *index[2] = {&c->in[2]->t, &c->in[3]->t};
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  if (x->dtype != y->dtype || x->dtype == MX_BOOL)
    return mx_fail(MX_EVALUE, "[gather_mm] Cannot multiply matrices of dtypes %s and %s.", mx_dtype_name(x->dtype), mx_dtype_name(y->dtype));
  if (x->ndim != 3 || y->ndim != 3 || x->shape[2] != y->shape[1])
    return mx_fail(MX_EVALUE, "[gather_mm] Matrices of shapes %s and %s do not fit.", mx_shape_text(one, x->shape, x->ndim),
                   mx_shape_text(two, y->shape, y->ndim));
  if ((status = mx_check_indices(c, index, 2))) return status;
  if (index[0]->ndim + 2 > MX_MAX_NDIM) return mx_fail(MX_EVALUE, "[gather_mm] The result has more than %d dimensions.", MX_MAX_NDIM);
  out->dtype = x->dtype;
  out->ndim = index[0]->ndim + 2;
  for (int i = 0; i < index[0]->ndim; i++) out->shape[i] = index[0]->shape[i];
  out->shape[out->ndim - 2] = x->shape[1];
  out->shape[out->ndim - 1] = y->shape[2];
  return MX_OK;
}
static mx_array *gathered(mx_build *b, mx_array *x, mx_array *y, mx_array *index_x, mx_array *index_y) {
  mx_array *in[4] = {x, y, index_x, index_y};
  return mx_apply(b, &mx_prim_gather_mm, in, 4, NULL);
}
static mx_array *segmented(mx_build *b, mx_array *x, mx_array *y, mx_array *bounds) {
  mx_array *in[3] = {x, y, bounds};
  return mx_apply(b, &mx_prim_segmented_mm, in, 3, NULL);
}

static mx_array *flat_index(mx_build *b, mx_array *index, int64_t count) {
  index = mx_reshape(b, index, (int64_t[]){index->t.size}, 1);
  if (!index || index->t.dtype == MX_UINT32) return index;
  mx_array *zero = mx_scalar(b, 0, index->t.dtype), *size = mx_scalar(b, (double)count, index->t.dtype);
  return mx_where(b, mx_less(b, index, zero), mx_add(b, index, size), index);
}
/* The products with one matrix, summed into it: its rows put side by side, they are segments of one long product.
 *   grad[e] = sum over the t with by[t] = e of left[t] right[t], left (T, p, m), right (T, m, q). */
static mx_array *summed_by_index(mx_build *b, mx_array *left, mx_array *right, mx_array *by, int64_t count) {
  by = flat_index(b, by, count);
  if (!left || !right || !by) return NULL;
  int first = 0;
  int64_t total = by->t.size, m = right->t.shape[1];
  enum mx_dtype d = by->t.dtype;
  mx_array *order = mx_argsort(b, by, &first), *at = mx_arange(b, 0, (double)total, 1, d);
  mx_array *sorted = mx_take(b, by, order, &first);
  mx_array *one = mx_scalar(b, 1, d), *end = mx_scalar(b, (double)total, d), *zero = mx_scalar(b, 0, d);
  /* Where the run of each index begins and ends; of one that does not occur: T and 0, which is an empty segment. */
  at = mx_expand_dims(b, at, (int[]){1}, 1);
  mx_array *from = mx_scatter(b, mx_full(b, &count, 1, end, d), &sorted, 1, at, (int[]){0}, MX_UPDATE_MIN);
  mx_array *to = mx_scatter(b, mx_full(b, &count, 1, zero, d), &sorted, 1, mx_add(b, at, one), (int[]){0}, MX_UPDATE_MAX);
  mx_array *bounds[2] = {from, to};
  mx_array *segments = mx_multiply(b, mx_stack(b, bounds, 2, 1), mx_scalar(b, (double)m, d));
  left = mx_moveaxis(b, mx_take(b, left, order, &first), 1, 0);
  right = mx_take(b, right, order, &first);
  if (!left || !right) return NULL;
  left = mx_reshape(b, left, (int64_t[]){1, left->t.shape[0], mx_times(total, m)}, 3);
  right = mx_reshape(b, right, (int64_t[]){1, mx_times(total, m), right->t.shape[2]}, 3);
  return mx_squeeze(b, segmented(b, left, right, mx_expand_dims(b, segments, &first, 1)), &first, 1);
}
static void gather_mm_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *x = c->in[0], *y = c->in[1];
  int first = 0;
  if (!cot[0] || !(wanted[0] || wanted[1])) return;
  mx_array *index_x = mx_reshape(b, c->in[2], (int64_t[]){c->in[2]->t.size}, 1), *index_y = mx_reshape(b, c->in[3], (int64_t[]){c->in[3]->t.size}, 1);
  if (!index_x || !index_y) return;
  int64_t total = index_x->t.size;
  mx_array *g = mx_reshape(b, cot[0], (int64_t[]){total, x->t.shape[1], y->t.shape[2]}, 3);
  if (wanted[0]) {
    mx_array *each = gathered(b, g, adjoint(b, y), mx_arange(b, 0, (double)total, 1, index_y->t.dtype), index_y);
    each = mx_expand_dims(b, each, (int[]){1}, 1);
    grads[0] = mx_scatter(b, mx_zeros_as(b, x), &index_x, 1, each, &first, MX_UPDATE_SUM);
  }
  if (wanted[1]) {
    mx_array *rows = mx_take(b, x, index_x, &first);
    grads[1] = summed_by_index(b, adjoint(b, rows), g, index_y, y->t.shape[0]);
  }
}
static void gather_mm_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *dx = tan[0] ? gathered(b, tan[0], c->in[1], c->in[2], c->in[3]) : NULL;
  mx_array *dy = tan[1] ? gathered(b, c->in[0], tan[1], c->in[2], c->in[3]) : NULL;
  out_tan[0] = dx && dy ? mx_add(b, dx, dy) : dx ? dx : dy;
}
/* Matrices of the whole batch in one row, and the indices of example k moved on by k times their number. */
static void batch_side(mx_build *b, mx_array **m, mx_array **index, int axis, int64_t size) {
  int64_t shape[MX_MAX_NDIM];
  if (axis < 0 || !*m || !*index) return;
  mx_array *all = mx_batch_first(b, *m, axis, size);
  if (!all) return;
  int64_t count = all->t.shape[1];
  *m = mx_reshape(b, all, (int64_t[]){mx_times(size, count), all->t.shape[2], all->t.shape[3]}, 3);
  enum mx_dtype d = (*index)->t.dtype;
  mx_array *zero = mx_scalar(b, 0, d), *step = mx_scalar(b, (double)count, d);
  if (d != MX_UINT32) *index = mx_where(b, mx_less(b, *index, zero), mx_add(b, *index, step), *index);
  for (int i = 0; *index && i < (*index)->t.ndim; i++) shape[i] = i ? 1 : size;
  if (*index) *index = mx_add(b, *index, mx_reshape(b, mx_multiply(b, mx_arange(b, 0, (double)size, 1, d), step), shape, (*index)->t.ndim));
}
static void gather_mm_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t size = mx_batch_size(in, axis, 4);
  mx_array *x = in[0], *y = in[1], *index_x = mx_batch_first(b, in[2], axis[2], size), *index_y = mx_batch_first(b, in[3], axis[3], size);
  batch_side(b, &x, &index_x, axis[0], size);
  batch_side(b, &y, &index_y, axis[1], size);
  out[0] = gathered(b, x, y, index_x, index_y);
  out_axis[0] = 0;
}
static void gather_mm_compose(mx_build *b, const struct mx_call *c, mx_array **out) {
  int first = 0;
  out[0] = mx_matmul(b, mx_take(b, c->in[0], c->in[2], &first), mx_take(b, c->in[1], c->in[3], &first));
}
const struct mx_prim mx_prim_gather_mm = {
    .id = MX_PRIM_gather_mm, .name = "GatherMM", .kind = MX_GENERAL, .infer = infer_gather_mm, .vjp = gather_mm_vjp,
    .jvp = gather_mm_jvp, .vmap = gather_mm_vmap, .compose = gather_mm_compose};

/* Matrices in one row, and an index for each: the one given, or its place. */
static mx_array *matrices(mx_build *b, mx_array *a, mx_array **index, const char *which) {
  int n = a->t.ndim;
  int64_t count = 1;
  for (int i = 0; i < n - 2; i++) count = mx_times(count, a->t.shape[i]);
  if (!*index) *index = mx_reshape(b, mx_arange(b, 0, (double)count, 1, count < 1ll << 32 ? MX_UINT32 : MX_INT64), a->t.shape, n - 2);
  else if (!mx_dtype_is_integer((*index)->t.dtype))
    return mx_build_fail(b, MX_EVALUE, "[gather_mm] Got indices with invalid dtype. Indices must be integral, but %s is %s.", which,
                         mx_dtype_name((*index)->t.dtype));
  return mx_reshape(b, a, (int64_t[]){count, a->t.shape[n - 2], a->t.shape[n - 1]}, 3);
}
mx_array *mx_gather_mm(mx_build *b, mx_array *x, mx_array *y, mx_array *index_x, mx_array *index_y) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  if (!x || !y) return mx_build_fail(b, MX_EVALUE, "[gather_mm] An array is missing.");
  if (!index_x && !index_y) return mx_matmul(b, x, y);
  if (x->t.ndim == 0 || y->t.ndim == 0)
    return mx_build_fail(b, MX_EVALUE, "[gather_mm] Got 0 dimension input. Inputs must have at least one dimension.");
  bool vector_x = x->t.ndim == 1, vector_y = y->t.ndim == 1;
  if (x->t.shape[x->t.ndim - 1] != y->t.shape[vector_y ? 0 : y->t.ndim - 2])
    return mx_build_fail(b, MX_EVALUE,
                         "[gather_mm] Last dimension of first input with shape %s must match second to last dimension of second input with shape %s.",
                         mx_shape_text(one, x->t.shape, x->t.ndim), mx_shape_text(two, y->t.shape, y->t.ndim));
  if (vector_x) x = mx_expand_dims(b, x, (int[]){0}, 1);
  if (vector_y) y = mx_expand_dims(b, y, (int[]){1}, 1);
  if (!mx_promote2(b, &x, &y)) return NULL;
  x = matrices(b, x, &index_x, "lhs_indices");
  y = matrices(b, y, &index_y, "rhs_indices");
  mx_array *index[2] = {index_x, index_y};
  if (!x || !y || !mx_index_arrays(b, "gather_mm", index, 2, index)) return NULL;
  mx_array *r = gathered(b, x, y, index[0], index[1]);
  if (vector_y) r = mx_squeeze(b, r, (int[]){-1}, 1);
  return vector_x ? mx_squeeze(b, r, (int[]){vector_y ? -1 : -2}, 1) : r;
}

/* ---- segmented_mm: out[t, s] = x[t][:, from:end] y[t][from:end, :] ---- */

static int infer_segmented_mm(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 3, 0, 0);
  if (status) return status;
  const struct mx_tensor *x = &c->in[0]->t, *y = &c->in[1]->t, *s = &c->in[2]->t;
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT], three[MX_SHAPE_TEXT];
  if (x->dtype != y->dtype || x->dtype == MX_BOOL)
    return mx_fail(MX_EVALUE, "[segmented_mm] Cannot multiply matrices of dtypes %s and %s.", mx_dtype_name(x->dtype), mx_dtype_name(y->dtype));
  bool fits = x->ndim == 3 && y->ndim == 3 && s->ndim == 3 && x->shape[2] == y->shape[1] && x->shape[0] == y->shape[0] &&
              x->shape[0] == s->shape[0] && s->shape[2] == 2;
  if (!fits)
    return mx_fail(MX_EVALUE, "[segmented_mm] Matrices of shapes %s and %s and segments of shape %s do not fit.",
                   mx_shape_text(one, x->shape, x->ndim), mx_shape_text(two, y->shape, y->ndim), mx_shape_text(three, s->shape, s->ndim));
  if ((status = mx_check_indices(c, &s, 1))) return status;
  out->dtype = x->dtype;
  out->ndim = 4;
  out->shape[0] = x->shape[0], out->shape[1] = s->shape[1], out->shape[2] = x->shape[1], out->shape[3] = y->shape[2];
  return MX_OK;
}
/* (t, s, k): is term k in segment s? */
static mx_array *members(mx_build *b, mx_array *bounds, int64_t k) {
  int64_t t = bounds->t.shape[0], s = bounds->t.shape[1];
  mx_array *at = mx_reshape(b, mx_arange(b, 0, (double)k, 1, bounds->t.dtype), (int64_t[]){1, 1, k}, 3);
  mx_array *from = mx_slice(b, bounds, (int64_t[]){0, 0, 0}, (int64_t[]){t, s, 1}, (int64_t[]){1, 1, 1});
  mx_array *end = mx_slice(b, bounds, (int64_t[]){0, 0, 1}, (int64_t[]){t, s, 2}, (int64_t[]){1, 1, 1});
  return mx_logical_and(b, mx_greater_equal(b, at, from), mx_less(b, at, end));
}
/* Each term k gets what the segments that hold it give: x's column k the sum of g[s] yᴴ, y's row k that of xᴴ g[s]. */
static void segmented_mm_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *x = c->in[0], *y = c->in[1];
  int over = 1;
  if (!cot[0] || !(wanted[0] || wanted[1])) return;
  mx_array *in = members(b, c->in[2], x->t.shape[2]), *zero = mx_scalar(b, 0, x->t.dtype);
  if (wanted[0]) {
    mx_array *each = mx_matmul(b, cot[0], mx_expand_dims(b, adjoint(b, y), &over, 1));
    grads[0] = mx_sum(b, mx_where(b, mx_expand_dims(b, in, (int[]){2}, 1), each, zero), &over, 1, false);
  }
  if (wanted[1]) {
    mx_array *each = mx_matmul(b, mx_expand_dims(b, adjoint(b, x), &over, 1), cot[0]);
    grads[1] = mx_sum(b, mx_where(b, mx_expand_dims(b, in, (int[]){3}, 1), each, zero), &over, 1, false);
  }
}
static void segmented_mm_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *dx = tan[0] ? segmented(b, tan[0], c->in[1], c->in[2]) : NULL, *dy = tan[1] ? segmented(b, c->in[0], tan[1], c->in[2]) : NULL;
  out_tan[0] = dx && dy ? mx_add(b, dx, dy) : dx ? dx : dy;
}
static void segmented_mm_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t size = mx_batch_size(in, axis, 3), t = c->in[0]->t.shape[0];
  mx_array *flat[3];
  out_axis[0] = 0;
  for (int i = 0; i < 3; i++) {
    mx_array *a = mx_batch_first(b, in[i], axis[i], size);
    if (!a) return;
    flat[i] = mx_reshape(b, a, (int64_t[]){mx_times(size, t), a->t.shape[2], a->t.shape[3]}, 3);
  }
  mx_array *r = segmented(b, flat[0], flat[1], flat[2]);
  if (r) out[0] = mx_reshape(b, r, (int64_t[]){size, t, r->t.shape[1], r->t.shape[2], r->t.shape[3]}, 5);
}
const struct mx_prim mx_prim_segmented_mm = {
    .id = MX_PRIM_segmented_mm, .name = "SegmentedMM", .kind = MX_GENERAL, .infer = infer_segmented_mm, .vjp = segmented_mm_vjp,
    .jvp = segmented_mm_jvp, .vmap = segmented_mm_vmap};

mx_array *mx_segmented_mm(mx_build *b, mx_array *x, mx_array *y, mx_array *segments) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  int first = 0;
  if (!x || !y || !segments) return mx_build_fail(b, MX_EVALUE, "[segmented_mm] An array is missing.");
  const struct mx_tensor *s = &segments->t;
  if (x->t.ndim != 2 || y->t.ndim != 2 || x->t.shape[1] != y->t.shape[0])
    return mx_build_fail(b, MX_EVALUE, "[segmented_mm] Takes an (M, K) and a (K, N) matrix, not shapes %s and %s.",
                         mx_shape_text(one, x->t.shape, x->t.ndim), mx_shape_text(two, y->t.shape, y->t.ndim));
  if (!mx_dtype_is_integer(s->dtype))
    return mx_build_fail(b, MX_EVALUE, "[segmented_mm] Got segments with invalid dtype %s. Segments must be integral.", mx_dtype_name(s->dtype));
  if (s->ndim < 1 || s->shape[s->ndim - 1] != 2)
    return mx_build_fail(b, MX_EVALUE, "[segmented_mm] The segments should have shape (..., 2) but %s was provided.", mx_shape_text(one, s->shape, s->ndim));
  if (!mx_promote2(b, &x, &y) || !(segments = mx_index_array(b, "segmented_mm", segments))) return NULL;
  int64_t shape[MX_MAX_NDIM];
  int n = s->ndim - 1;
  if (n + 2 > MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[segmented_mm] The result has more than %d dimensions.", MX_MAX_NDIM);
  memcpy(shape, s->shape, (size_t)n * sizeof *shape);
  shape[n] = x->t.shape[0], shape[n + 1] = y->t.shape[1];
  mx_array *bounds = mx_reshape(b, segments, (int64_t[]){1, s->size / 2, 2}, 3);
  return mx_reshape(b, segmented(b, mx_expand_dims(b, x, &first, 1), mx_expand_dims(b, y, &first, 1), bounds), shape, n + 2);
}

/* Public functions */
MX_PUBLIC(gather_mm, mx_gather_mm(b, x.ctx, y.ctx, lhs_indices.ctx, rhs_indices.ctx), const mlx_array x, const mlx_array y,
          const mlx_array lhs_indices, const mlx_array rhs_indices, bool sorted_indices)
MX_PUBLIC(segmented_mm, mx_segmented_mm(b, x.ctx, y.ctx, segments.ctx), const mlx_array x, const mlx_array y, const mlx_array segments)
