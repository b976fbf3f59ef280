/* norm.c: norms of vectors and matrices, and the cross product: reductions of elementwise work, which fuse.
 * Invariant: a norm is real; its derivative at 0 is 0. */
#include "ops/linalg.h"
#include "ops/public.h"

#include "mlx/c/linalg.h"

#include <math.h>
#include <string.h>

/* a as real or complex numbers to take sizes of: halves are summed in float32 and rounded once. */
static mx_array *wide(mx_build *b, mx_array *a) {
  enum mx_dtype d = a->t.dtype;
  return mx_astype(b, a, d == MX_FLOAT64 || d == MX_COMPLEX64 ? d : MX_FLOAT32);
}
/* sum^(1/ord); where the sum is 0 the derivative is 0. */
static mx_array *root(mx_build *b, mx_array *sum, double ord) {
  if (!sum) return NULL;
  mx_array *zero = mx_scalar(b, 0, sum->t.dtype), *none = mx_equal(b, sum, zero);
  mx_array *safe = mx_where(b, none, mx_scalar(b, 1, sum->t.dtype), sum);
  return mx_where(b, none, zero, mx_power(b, safe, mx_scalar(b, 1 / ord, sum->t.dtype)));
}
/* x^ord; a small whole ord by products, which cost a tenth of a power. */
static mx_array *powered(mx_build *b, mx_array *x, double ord) {
  if (ord < 1 || ord > 16 || ord != floor(ord)) return mx_power(b, x, mx_scalar(b, ord, x ? x->t.dtype : MX_FLOAT32));
  mx_array *y = NULL;
  for (int n = (int)ord; n; n >>= 1, x = n ? mx_square(b, x) : x)
    if (n & 1) y = y ? mx_multiply(b, y, x) : x;
  return y;
}
static mx_array *euclidean(mx_build *b, mx_array *x, const int *axes, int n, bool keepdims) {
  if (!x) return NULL;
  mx_array *squares = mx_dtype_is_complex(x->t.dtype) ? mx_add(b, mx_square(b, mx_real(b, x)), mx_square(b, mx_imag(b, x))) : mx_square(b, x);
  return mx_root(b, mx_sum(b, squares, axes, n, keepdims));
}
/* The largest of sizes, which are not below 0: of none it is 0, their sum. */
static mx_array *largest_size(mx_build *b, mx_array *x, const int *axes, int n, bool keepdims) {
  return x && x->t.size == 0 ? mx_sum(b, x, axes, n, keepdims) : mx_max(b, x, axes, n, keepdims);
}
/* (sum |x|^ord)^(1/ord), and its limits at 0 (the number of non-zeros), inf and -inf. */
static mx_array *vector_norm(mx_build *b, mx_array *x, double ord, const int *axes, int n, bool keepdims) {
  if (!x) return NULL;
  enum mx_dtype d = mx_real_dtype(x->t.dtype);
  if (ord == 2) return euclidean(b, x, axes, n, keepdims);
  if (ord == 0) return mx_sum(b, mx_astype(b, mx_not_equal(b, x, mx_scalar(b, 0, x->t.dtype)), d), axes, n, keepdims);
  mx_array *size = mx_abs(b, x);
  if (ord == 1) return mx_sum(b, size, axes, n, keepdims);
  if (isinf(ord)) return ord > 0 ? largest_size(b, size, axes, n, keepdims) : mx_min(b, size, axes, n, keepdims);
  mx_array *sum = mx_sum(b, powered(b, size, ord), axes, n, keepdims);
  return ord > 0 ? root(b, sum, ord) : mx_power(b, sum, mx_scalar(b, 1 / ord, d));
}

/* The two axes last, for singular values. */
static mx_array *planes(mx_build *b, mx_array *x, int rows, int cols) {
  int order[MX_MAX_NDIM], at = 0;
  for (int i = 0; i < x->t.ndim; i++)
    if (i != rows && i != cols) order[at++] = i;
  order[at++] = rows, order[at++] = cols;
  return mx_transpose(b, x, order, at);
}
enum spectral { LARGEST, SMALLEST, NUCLEAR };
static mx_array *spectral_norm(mx_build *b, mx_array *x, enum spectral which, const int axes[2], bool keepdims) {
  static const int last[1] = {-1};
  mx_array *s = mx_svdvals_for(b, "norm", planes(b, x, axes[0], axes[1]));
  s = which == NUCLEAR ? mx_sum(b, s, last, 1, false) : which == LARGEST ? largest_size(b, s, last, 1, false) : mx_min(b, s, last, 1, false);
  if (!keepdims || !s) return s;
  bool swap = axes[0] > axes[1];
  return mx_expand_dims(b, s, (int[]){axes[swap], axes[!swap]}, 2);
}
/* The largest (or smallest) sum of sizes along one of the axes. */
static mx_array *sums_norm(mx_build *b, mx_array *x, int along, int over, bool largest, const int axes[2], bool keepdims) {
  mx_array *sums = mx_sum(b, mx_abs(b, x), &along, 1, true);
  mx_array *y = largest ? largest_size(b, sums, &over, 1, true) : mx_min(b, sums, &over, 1, true);
  return keepdims || !y ? y : mx_squeeze(b, y, axes, 2);
}
static mx_array *matrix_norm(mx_build *b, mx_array *x, double ord, const int axes[2], bool keepdims) {
  int r = axes[0], c = axes[1];
  if (!x) return NULL;
  if (fabs(ord) == 1) return sums_norm(b, x, r, c, ord > 0, axes, keepdims);
  if (isinf(ord)) return sums_norm(b, x, c, r, ord > 0, axes, keepdims);
  if (fabs(ord) == 2) return spectral_norm(b, x, ord > 0 ? LARGEST : SMALLEST, axes, keepdims);
  return mx_build_fail(b, MX_EVALUE, "[linalg::norm] Invalid ord %g for matrix norm.", ord);
}

/* Axes as the caller gave them, in their order, non-negative and different; all of them for NULL. False after an error. */
static bool axes_of(mx_build *b, const mx_array *a, const int *axes, int n, int out[2], int *nout) {
  if (!a) mx_build_fail(b, MX_EVALUE, "[linalg::norm] An array is missing.");
  if (!a || b->status) return false;
  *nout = axes ? n : a->t.ndim;
  for (int i = 0; i < *nout && i < 2; i++)
    if (!mx_axis_of(b, "linalg::norm", axes ? axes[i] : i, a->t.ndim, &out[i])) return false;
  if (*nout == 2 && out[0] == out[1]) mx_build_fail(b, MX_EVALUE, "[linalg::norm] Duplicate axes: axis %d is given twice.", out[0]);
  return !b->status;
}
static mx_array *rounded(mx_build *b, mx_array *made, const mx_array *a) { return mx_as_half_of(b, made, a); }

mx_array *mx_linalg_norm_l2(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims) {
  int at[2], count;
  if (!axes_of(b, a, axes, n, at, &count)) return NULL;
  if (axes && count > 2) return mx_build_fail(b, MX_EVALUE, "[linalg::norm] Received too many axes for norm: %d.", count);
  return rounded(b, euclidean(b, wide(b, a), axes ? at : NULL, count, keepdims), a);
}
mx_array *mx_linalg_norm(mx_build *b, mx_array *a, double ord, const int *axes, int n, bool keepdims) {
  int at[2], count;
  if (!axes_of(b, a, axes, n, at, &count)) return NULL;
  if (count < 1 || count > 2)
    return mx_build_fail(b, MX_EVALUE, "[linalg::norm] A norm with ord takes one or two axes, not %d.", count);
  mx_array *x = wide(b, a);
  return rounded(b, count == 1 ? vector_norm(b, x, ord, at, 1, keepdims) : matrix_norm(b, x, ord, at, keepdims), a);
}
mx_array *mx_linalg_norm_matrix(mx_build *b, mx_array *a, const char *ord, const int *axes, int n, bool keepdims) {
  int at[2], count;
  const char *name = ord ? ord : "";
  if (!axes_of(b, a, axes, n, at, &count)) return NULL;
  if (count != 2)
    return mx_build_fail(b, MX_EVALUE, "[linalg::norm] Norm '%.20s' only supported for matrices, but received %d axis/axes.", name, count);
  mx_array *x = wide(b, a);
  if (!strcmp(name, "f") || !strcmp(name, "fro")) return rounded(b, euclidean(b, x, at, 2, keepdims), a);
  if (!strcmp(name, "nuc")) return x ? rounded(b, spectral_norm(b, x, NUCLEAR, at, keepdims), a) : NULL;
  return mx_build_fail(b, MX_EVALUE, "[linalg::norm] Invalid ord value '%.20s' for matrix norm.", name);
}

/* ---- cross: (x₁y₂ - x₂y₁, x₂y₀ - x₀y₂, x₀y₁ - x₁y₀); a missing third component is 0 ---- */

static mx_array *component(mx_build *b, mx_array *a, int64_t i) { return mx_squeeze(b, mx_part(b, a, false, i, i + 1), (int[]){-1}, 1); }
static mx_array *crossed(mx_build *b, mx_array *const x[3], mx_array *const y[3], int i, int k) {
  mx_array *left = x[i] && y[k] ? mx_multiply(b, x[i], y[k]) : NULL, *right = x[k] && y[i] ? mx_multiply(b, x[k], y[i]) : NULL;
  return left && right ? mx_subtract(b, left, right) : left ? left : right ? mx_negative(b, right) : NULL;
}
mx_array *mx_linalg_cross(mx_build *b, mx_array *x, mx_array *y, int axis) {
  mx_array *in[2], *part[2][3] = {{NULL}};
  if (!mx_promote2(b, &x, &y)) return NULL;
  if (x->t.dtype == MX_BOOL) x = mx_astype(b, x, MX_INT32), y = mx_astype(b, y, MX_INT32);
  in[0] = x, in[1] = y;
  for (int k = 0; k < 2; k++) {
    int at;
    if (!in[k] || !mx_axis_of(b, "linalg::cross", axis, in[k]->t.ndim, &at)) return NULL;
    int64_t n = in[k]->t.shape[at];
    if (n != 2 && n != 3) return mx_build_fail(b, MX_EVALUE, "[linalg::cross] The specified axis must have size 2 or 3, not %lld.", (long long)n);
    mx_array *moved = mx_moveaxis(b, in[k], at, -1);
    for (int i = 0; i < n; i++) part[k][i] = component(b, moved, i);
  }
  mx_array *out[3], *same[3];
  for (int i = 0; i < 3; i++) out[i] = crossed(b, part[0], part[1], (i + 1) % 3, (i + 2) % 3);
  /* Of vectors with two components each the first two are 0. */
  for (int i = 0; i < 2; i++)
    if (!out[i]) out[i] = out[2] ? mx_zeros_as(b, out[2]) : NULL;
  mx_broadcast_arrays(b, out, 3, same);
  mx_array *r = mx_stack(b, same, 3, -1);
  return r ? mx_moveaxis(b, r, -1, axis < 0 ? axis : axis + r->t.ndim - (x->t.ndim > y->t.ndim ? x->t.ndim : y->t.ndim)) : NULL;
}

/* ---- public functions ---- */

#define AXES const int *axis, size_t axis_num, bool keepdims
MX_PUBLIC(linalg_norm, mx_linalg_norm(b, a.ctx, ord, axis, (int)axis_num, keepdims), const mlx_array a, double ord, AXES)
MX_PUBLIC(linalg_norm_matrix, mx_linalg_norm_matrix(b, a.ctx, ord, axis, (int)axis_num, keepdims), const mlx_array a, const char *ord, AXES)
MX_PUBLIC(linalg_norm_l2, mx_linalg_norm_l2(b, a.ctx, axis, (int)axis_num, keepdims), const mlx_array a, AXES)
MX_PUBLIC(linalg_cross, mx_linalg_cross(b, a.ctx, y.ctx, axis), const mlx_array a, const mlx_array y, int axis)
