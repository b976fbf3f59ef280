/* create.c: arrays from nothing: constants, ranges, and matrices known by their indices.
 * Invariant: a constant array is a broadcast view of one scalar: it costs no memory until somebody needs a place to write. */
#include "ops/public.h"
#include "ops/rules.h"

#include <math.h>
#include <string.h>

mx_array *mx_full(mx_build *b, const int64_t *shape, int ndim, mx_array *value, enum mx_dtype dtype) {
  for (int i = 0; i < ndim; i++)
    if (shape[i] < 0) return mx_build_fail(b, MX_EVALUE, "[full] Negative dimensions not allowed.");
  return mx_broadcast_to(b, mx_astype(b, value, dtype), shape, ndim);
}
mx_array *mx_zeros(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype) {
  return mx_full(b, shape, ndim, mx_scalar(b, 0, dtype), dtype);
}
mx_array *mx_ones(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype) {
  return mx_full(b, shape, ndim, mx_scalar(b, 1, dtype), dtype);
}
mx_array *mx_zeros_like(mx_build *b, mx_array *a) { return a ? mx_zeros(b, a->t.shape, a->t.ndim, a->t.dtype) : NULL; }
mx_array *mx_ones_like(mx_build *b, mx_array *a) { return a ? mx_ones(b, a->t.shape, a->t.ndim, a->t.dtype) : NULL; }

/* arange */
static int infer_arange(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 0, 1, sizeof(struct mx_arange_params));
  if (status) return status;
  int64_t d = ((const struct mx_arange_params *)c->p.head)->dtype;
  if (d <= MX_BOOL || d >= MX_DTYPE_COUNT)
    return mx_fail(MX_EVALUE, "[arange] %s not supported for arange.", mx_dtype_name((enum mx_dtype)d));
  if (c->p.ints[0] < 0) return mx_fail(MX_EVALUE, "[arange] Cannot compute length.");
  *out = (struct mx_spec){.dtype = (enum mx_dtype)d, .ndim = 1, .shape = {c->p.ints[0]}};
  return MX_OK;
}
const struct mx_prim mx_prim_arange = {.id = MX_PRIM_arange, .name = "Arange", .kind = MX_GENERAL, .infer = infer_arange};

static mx_array *arange_apply(mx_build *b, double start, double step, int64_t size, enum mx_dtype dtype) {
  struct mx_arange_params head = {start, step, dtype};
  return mx_apply(b, &mx_prim_arange, NULL, 0, &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = &size, .nints = 1});
}
mx_array *mx_arange(mx_build *b, double start, double stop, double step, enum mx_dtype dtype) {
  if (isnan(start) || isnan(stop) || isnan(step) || isinf(start) || isinf(stop))
    return mx_build_fail(b, MX_EVALUE, "[arange] Cannot compute length.");
  if (step == 0) return mx_build_fail(b, MX_EVALUE, "[arange] step must be nonzero.");
  double size = isinf(step) ? (double)(step > 0 ? start < stop : start > stop) : ceil((stop - start) / step);
  if (size > 0x1p60) return mx_build_fail(b, MX_EVALUE, "[arange] Maximum size exceeded.");
  if (!mx_dtype_is_inexact(dtype)) start = trunc(start), step = isinf(step) ? 1 : trunc(step);
  bool fits = fabs(start) < 0x1p63 && (isinf(step) || fabs(step) < 0x1p63);
  if (!mx_dtype_is_inexact(dtype) && !fits) return mx_build_fail(b, MX_EVALUE, "[arange] Maximum size exceeded.");
  return arange_apply(b, start, isinf(step) ? 0 : step, size > 0 ? (int64_t)size : 0, dtype);
}

/* (1 - t) * start + t * stop with t = i / (num - 1): exact at both ends. Computed in float32, or float64 when that is asked for. */
mx_array *mx_linspace(mx_build *b, double start, double stop, int64_t num, enum mx_dtype dtype) {
  if (num < 0) return mx_build_fail(b, MX_EVALUE, "[linspace] number of samples, %lld, must be non-negative.", (long long)num);
  enum mx_dtype d = dtype == MX_FLOAT64 || num > 1 << 24 ? MX_FLOAT64 : MX_FLOAT32;
  if (num == 1) return mx_full(b, &num, 1, mx_scalar(b, start, d), dtype);
  mx_array *t = mx_divide(b, arange_apply(b, 0, 1, num, d), mx_scalar(b, (double)num - 1, d));
  mx_array *from = mx_multiply(b, mx_subtract(b, mx_scalar(b, 1, d), t), mx_scalar(b, start, d));
  return mx_astype(b, mx_add(b, from, mx_multiply(b, t, mx_scalar(b, stop, d))), dtype);
}

/* Column minus row index of an (n, m) matrix, compared with k. */
static mx_array *index_mask(mx_build *b, const struct mx_prim *compare, int64_t n, int64_t m, int64_t k) {
  int64_t far = 1ll << 30;
  enum mx_dtype d = n < far && m < far ? MX_INT32 : MX_INT64;
  k = k > m ? m : k < -n ? -n : k; /* beyond the corners nothing changes */
  mx_array *row = mx_expand_dims(b, arange_apply(b, (double)k, 1, n, d), (int[]){1}, 1);
  return mx_apply2(b, compare, arange_apply(b, 0, 1, m, d), row);
}
static bool matrix_size(mx_build *b, const char *op, int64_t n, int64_t m) {
  if (n >= 0 && m >= 0) return true;
  mx_build_fail(b, MX_EVALUE, "[%s] N and M must be positive integers.", op);
  return false;
}
/* Zeros with v (a vector, or one value for all) on the k-th diagonal: laid out flat that is every (m + 1)-th element. */
static mx_array *on_diagonal(mx_build *b, const char *op, int64_t n, int64_t m, int64_t k, mx_array *v, enum mx_dtype dtype) {
  int64_t size, step = m + 1;
  if (!b->status && mx_shape_size(op, (int64_t[]){n, m}, 2, dtype, &size)) b->status = mx_error_class();
  if (b->status) return NULL;
  mx_array *flat = mx_full(b, &size, 1, mx_scalar(b, 0, dtype), dtype);
  if (k > -n && k < m) {
    int64_t rows = k < 0 ? n + k : n, columns = k < 0 ? m : m - k, count = rows < columns ? rows : columns;
    int64_t start = k < 0 ? -k * m : k, stop = start + (count - 1) * step + 1;
    if (count > 0) flat = mx_slice_update(b, flat, mx_broadcast_to(b, v, &count, 1), &start, &stop, &step, MX_UPDATE_NONE);
  }
  return mx_reshape(b, flat, (int64_t[]){n, m}, 2);
}
mx_array *mx_eye(mx_build *b, int64_t n, int64_t m, int64_t k, enum mx_dtype dtype) {
  return matrix_size(b, "eye", n, m) ? on_diagonal(b, "eye", n, m, k, mx_scalar(b, 1, dtype), dtype) : NULL;
}
mx_array *mx_tri(mx_build *b, int64_t n, int64_t m, int64_t k, enum mx_dtype dtype) {
  return matrix_size(b, "tri", n, m) ? mx_astype(b, index_mask(b, &mx_prim_less_equal, n, m, k), dtype) : NULL;
}
static mx_array *triangle(mx_build *b, const char *op, mx_array *a, const struct mx_prim *compare, int64_t k) {
  if (!a) return NULL;
  if (a->t.ndim < 2) return mx_build_fail(b, MX_EVALUE, "[%s] array must be at least 2-D.", op);
  mx_array *keep = index_mask(b, compare, a->t.shape[a->t.ndim - 2], a->t.shape[a->t.ndim - 1], k);
  return mx_where(b, keep, a, mx_scalar(b, 0, a->t.dtype));
}
mx_array *mx_tril(mx_build *b, mx_array *a, int64_t k) { return triangle(b, "tril", a, &mx_prim_less_equal, k); }
mx_array *mx_triu(mx_build *b, mx_array *a, int64_t k) { return triangle(b, "triu", a, &mx_prim_greater_equal, k); }

/* A vector on the k-th diagonal of a square matrix; of a matrix, its k-th diagonal. */
mx_array *mx_diag(mx_build *b, mx_array *a, int64_t k) {
  if (!a) return NULL;
  if (a->t.ndim == 2) return mx_diagonal(b, a, k, 0, 1);
  if (a->t.ndim != 1) return mx_build_fail(b, MX_EVALUE, "[diag] array must be 1-D or 2-D, got array with %d dimensions.", a->t.ndim);
  if (k < -(1ll << 40) || k > 1ll << 40) return mx_build_fail(b, MX_EVALUE, "[diag] k = %lld is too far from the diagonal.", (long long)k);
  int64_t n = a->t.size + (k < 0 ? -k : k);
  return on_diagonal(b, "diag", n, n, k, a, a->t.dtype);
}

/* diagonal: in = a matrix per position of the leading dimensions; ints = row and column where it begins, size. */
static int infer_diagonal(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, 3, 0), n = c->in[0]->t.ndim;
  if (status) return status;
  const int64_t *shape = c->in[0]->t.shape, row = c->p.ints[0], column = c->p.ints[1], size = c->p.ints[2];
  if (n < 2 || row < 0 || column < 0 || size < 0 || row > shape[n - 2] - size || column > shape[n - 1] - size)
    return mx_fail(MX_EVALUE, "[diagonal] %lld elements from row %lld and column %lld on leave the matrix.", (long long)size, (long long)row,
                   (long long)column);
  out->dtype = c->in[0]->t.dtype;
  out->ndim = n - 1;
  for (int i = 0; i < n - 2; i++) out->shape[i] = shape[i];
  out->shape[n - 2] = size;
  return MX_OK;
}
static bool diagonal_view(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out) {
  int n = in->ndim;
  int64_t down = in->strides[n - 2], across = in->strides[n - 1];
  for (int i = 0; i < n - 2; i++) out->strides[i] = in->strides[i];
  out->strides[n - 2] = down + across;
  out->data = (char *)in->data + (c->p.ints[0] * down + c->p.ints[1] * across) * (int64_t)mx_dtype_size(in->dtype);
  return true;
}
/* The cotangents stand in their rows, in the one column of each that the diagonal crosses. */
static void diagonal_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!wanted[0] || !cot[0]) return;
  const struct mx_tensor *a = &c->in[0]->t;
  int axis = a->ndim - 2;
  int64_t rows = a->shape[axis], row = c->p.ints[0], after = rows - row - c->p.ints[2];
  mx_array *zero = mx_scalar(b, 0, cot[0]->t.dtype), *g = mx_pad(b, cot[0], &axis, 1, &row, &after, zero, MX_PAD_CONSTANT);
  mx_array *on = index_mask(b, &mx_prim_equal, rows, a->shape[axis + 1], c->p.ints[1] - row);
  grads[0] = mx_where(b, on, mx_expand_dims(b, g, (int[]){axis + 1}, 1), zero);
}
static void diagonal_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  out[0] = mx_apply_ints(b, &mx_prim_diagonal, mx_batch_first(b, in[0], axis[0], 1), c->p.ints, 3);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_diagonal = {
    .id = MX_PRIM_diagonal, .name = "Diagonal", .kind = MX_VIEW, .linear = true, .infer = infer_diagonal, .vjp = diagonal_vjp,
    .vmap = diagonal_vmap, .view = diagonal_view};

mx_array *mx_diagonal(mx_build *b, mx_array *a, int64_t offset, int axis1, int axis2) {
  if (!a) return NULL;
  int n = a->t.ndim, order[MX_MAX_NDIM], at = 0;
  if (n < 2) return mx_build_fail(b, MX_EVALUE, "[diagonal] Array must have at least two dimensions, but got %d dimensions.", n);
  if (!mx_axis_of(b, "diagonal", axis1, n, &axis1) || !mx_axis_of(b, "diagonal", axis2, n, &axis2)) return NULL;
  if (axis1 == axis2) return mx_build_fail(b, MX_EVALUE, "[diagonal] axis1 and axis2 cannot be the same axis.");
  for (int i = 0; i < n; i++)
    if (i != axis1 && i != axis2) order[at++] = i;
  order[at++] = axis1, order[at] = axis2;
  int64_t rows = a->t.shape[axis1], columns = a->t.shape[axis2], row = 0, column = 0;
  if (offset < 0) row = offset < -rows ? rows : -offset;
  else column = offset > columns ? columns : offset;
  int64_t size = rows - row < columns - column ? rows - row : columns - column;
  return mx_apply_ints(b, &mx_prim_diagonal, mx_transpose(b, a, order, n), (int64_t[]){row, column, size}, 3);
}

mx_array *mx_trace(mx_build *b, mx_array *a, int64_t offset, int axis1, int axis2, enum mx_dtype dtype) {
  if (a && a->t.ndim < 2)
    return mx_build_fail(b, MX_EVALUE, "[trace] Array must have at least two dimensions, but got %d dimensions.", a->t.ndim);
  return mx_sum(b, mx_astype(b, mx_diagonal(b, a, offset, axis1, axis2), dtype), (int[]){-1}, 1, false);
}

void mx_meshgrid(mx_build *b, mx_array *const *in, int n, bool sparse, bool ij, mx_array **out) {
  for (int i = 0; i < n; i++) out[i] = NULL;
  if (n > MX_MAX_NDIM) mx_build_fail(b, MX_EVALUE, "[meshgrid] Takes up to %d arrays, not %d.", MX_MAX_NDIM, n);
  if (b->status) return;
  mx_array *grid[MX_MAX_NDIM];
  for (int i = 0; i < n; i++) {
    int64_t shape[MX_MAX_NDIM];
    for (int k = 0; k < n; k++) shape[k] = 1;
    shape[!ij && n > 1 && i < 2 ? 1 - i : i] = in[i] ? in[i]->t.size : 0;
    grid[i] = mx_reshape(b, in[i], shape, n);
  }
  if (sparse) {
    for (int i = 0; i < n; i++) out[i] = grid[i];
  } else {
    mx_broadcast_arrays(b, grid, n, out);
  }
}

/* Public functions */
#define SHAPE const int *shape, size_t shape_num
MX_PUBLIC(full, mx_full(b, MX_WIDE(shape), (int)shape_num, vals.ctx, mx_public_dtype(b, dtype)), SHAPE, const mlx_array vals, mlx_dtype dtype)
MX_PUBLIC(zeros, mx_zeros(b, MX_WIDE(shape), (int)shape_num, mx_public_dtype(b, dtype)), SHAPE, mlx_dtype dtype)
MX_PUBLIC(ones, mx_ones(b, MX_WIDE(shape), (int)shape_num, mx_public_dtype(b, dtype)), SHAPE, mlx_dtype dtype)
static mx_array *full_like(mx_build *b, mx_array *a, mx_array *value, enum mx_dtype dtype) {
  return a ? mx_full(b, a->t.shape, a->t.ndim, value, dtype) : NULL;
}
MX_PUBLIC(full_like, full_like(b, a.ctx, vals.ctx, mx_public_dtype(b, dtype)), const mlx_array a, const mlx_array vals, mlx_dtype dtype)
MX_PUBLIC_UNARY(zeros_like) MX_PUBLIC_UNARY(ones_like)
MX_PUBLIC(arange, mx_arange(b, start, stop, step, mx_public_dtype(b, dtype)), double start, double stop, double step, mlx_dtype dtype)
MX_PUBLIC(linspace, mx_linspace(b, start, stop, num, mx_public_dtype(b, dtype)), double start, double stop, int num, mlx_dtype dtype)
MX_PUBLIC(eye, mx_eye(b, n, m, k, mx_public_dtype(b, dtype)), int n, int m, int k, mlx_dtype dtype)
MX_PUBLIC(identity, mx_eye(b, n, n, 0, mx_public_dtype(b, dtype)), int n, mlx_dtype dtype)
MX_PUBLIC(tri, mx_tri(b, n, m, k, mx_public_dtype(b, type)), int n, int m, int k, mlx_dtype type)
MX_PUBLIC(tril, mx_tril(b, x.ctx, k), const mlx_array x, int k)
MX_PUBLIC(triu, mx_triu(b, x.ctx, k), const mlx_array x, int k)
MX_PUBLIC(diag, mx_diag(b, a.ctx, k), const mlx_array a, int k)
MX_PUBLIC(diagonal, mx_diagonal(b, a.ctx, offset, axis1, axis2), const mlx_array a, int offset, int axis1, int axis2)
MX_PUBLIC(trace, mx_trace(b, a.ctx, offset, axis1, axis2, mx_public_dtype(b, dtype)), const mlx_array a, int offset, int axis1, int axis2,
          mlx_dtype dtype)

int mlx_meshgrid(mlx_vector_array *res, const mlx_vector_array arrays, bool sparse, const char *indexing, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_build_begin(b, s.ctx);
  bool ij = indexing && !strcmp(indexing, "ij");
  if (!indexing || (!ij && strcmp(indexing, "xy")))
    mx_build_fail(b, MX_EVALUE, "[meshgrid] Invalid indexing value. Valid values are 'xy' and 'ij'.");
  struct mx_public_list in = mx_public_arrays(b, arrays);
  mx_array **out = mx_public_room(b, in.n);
  if (out) mx_meshgrid(b, in.at, in.n, sparse, ij, out);
  mx_public_done(&in, NULL);
  return mx_public_return(b, out, in.n, res);
}
MX_PUBLIC(ravel_full, mx_full(b, shape, ndim, vals.ctx, mx_public_dtype(b, dtype)), const int64_t *shape, int ndim, const mlx_array vals,
          mlx_dtype dtype)
