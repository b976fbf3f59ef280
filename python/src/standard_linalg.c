/* standard_linalg.c: what the linalg extension of the array API standard (2024.12) has beyond MLX's names.
 * Invariant: these compose operations that are there; derivatives follow from theirs. */
#include "ops_handlers.h"

#include <math.h>

static PyObject *do_diagonal(const struct function *f, PyObject **v) { /* x, offset, stream */
  struct linalg_frame o;
  int offset = 0;
  if ((v[1] && to_int(v[1], &offset)) || !linalg_open(&o, f, v[0], v[2], 2)) return NULL;
  return linalg_close(&o, mlx_diagonal(&o.out, o.a.h, offset, -2, -1, o.s));
}
static PyObject *do_trace(const struct function *f, PyObject **v) { /* x, offset, dtype, stream */
  struct linalg_frame o;
  int offset = 0;
  mlx_dtype d;
  bool has;
  if ((v[1] && to_int(v[1], &offset)) || to_dtype(v[2], &d, &has) || !linalg_open(&o, f, v[0], v[3], 2)) return NULL;
  return linalg_close(&o, mlx_trace(&o.out, o.a.h, offset, -2, -1, has ? d : mlx_array_dtype(o.a.h), o.s));
}
static PyObject *do_transposed(const struct function *f, PyObject **v) { /* x, stream */
  struct linalg_frame o;
  return linalg_open(&o, f, v[0], v[1], 2) ? linalg_close(&o, mlx_swapaxes(&o.out, o.a.h, -1, -2, o.s)) : NULL;
}
static PyObject *do_svdvals(const struct function *f, PyObject **v) { /* x, stream */
  struct linalg_frame o;
  return linalg_open(&o, f, v[0], v[1], 2) ? linalg_close(&o, mlx_ravel_svdvals_for(&o.out, o.a.h, f->name, o.s)) : NULL;
}

/* Singular values above rtol times the largest; rtol by default max(m, n) eps. */
static int count_above(mlx_array *out, const char *op, const mlx_array a, const mlx_array *rtol, mlx_stream s) {
  mlx_array values = mlx_array_new(), top = mlx_array_new(), tol = mlx_array_new();
  int last = -1, status = mlx_ravel_svdvals_for(&values, a, op, s) || (mlx_array_size(values) ? mlx_max_axes : mlx_sum_axes)(&top, values, &last, 1, true, s);
  const int64_t *shape = mlx_ravel_array_shape(a) + mlx_array_ndim(a) - 2;
  double eps = mlx_array_dtype(a) == MLX_FLOAT64 ? 0x1p-52 : 0x1p-23;
  if (!status && rtol) {
    status = mlx_expand_dims(&tol, *rtol, -1, s); /* rtol: one for each matrix of a stack, or one for all */
  } else if (!status) {
    status = mlx_ravel_scalar(&tol, MLX_RAVEL_FLOAT, 0, (double)(shape[0] > shape[1] ? shape[0] : shape[1]) * eps, 0, true, mlx_array_dtype(values));
  }
  status = status || mlx_multiply(&tol, tol, top, s) || mlx_greater(out, values, tol, s) || mlx_sum_axes(out, *out, &last, 1, false, s);
  mlx_array_free(values);
  mlx_array_free(top);
  mlx_array_free(tol);
  return status;
}
static PyObject *do_rank(const struct function *f, PyObject **v) { /* x, rtol, stream */
  struct linalg_frame o;
  struct arg rtol = {mlx_array_new(), mlx_array_new()};
  bool given = v[1] && v[1] != Py_None;
  if (given && take_arg(v[1], NULL, &rtol)) return NULL;
  PyObject *r = linalg_open(&o, f, v[0], v[2], 2) ? linalg_close(&o, count_above(&o.out, f->name, o.a.h, given ? &rtol.h : NULL, o.s)) : NULL;
  drop_arg(&rtol);
  return r;
}

/* Squares are taken as often as n has bits; of negative n the inverse first. */
static int matrix_power(mlx_array *out, const char *op, const mlx_array a, int64_t n, mlx_stream s) {
  int ndim = (int)mlx_array_ndim(a);
  const int64_t *shape = mlx_ravel_array_shape(a);
  mlx_array square = mlx_array_new();
  int status = mlx_identity(out, (int)shape[ndim - 1], mlx_array_dtype(a), s) || mlx_ravel_broadcast_to(out, *out, shape, ndim, s) ||
               (n < 0 ? mlx_ravel_inv_for(&square, a, op, s) : mlx_array_set(&square, a));
  for (uint64_t k = n < 0 ? 0 - (uint64_t)n : (uint64_t)n; k && !status; k >>= 1) {
    if (k & 1) status = mlx_matmul(out, *out, square, s);
    if (k > 1) status = status || mlx_matmul(&square, square, square, s);
  }
  mlx_array_free(square);
  return status;
}
static PyObject *do_power(const struct function *f, PyObject **v) { /* x, n, stream */
  struct linalg_frame o;
  int64_t n;
  if (to_int64(v[1], &n) || !linalg_open(&o, f, v[0], v[2], 2)) return NULL;
  const int64_t *shape = mlx_ravel_array_shape(o.a.h) + mlx_array_ndim(o.a.h) - 2;
  if (shape[0] == shape[1] && shape[1] <= INT32_MAX) return linalg_close(&o, matrix_power(&o.out, f->name, o.a.h, n, o.s));
  PyErr_Format(PyExc_ValueError, "[linalg.matrix_power] The matrices must be square, not %lld by %lld.", (long long)shape[0], (long long)shape[1]);
  drop_arg(&o.a);
  return NULL;
}

static PyObject *do_matrix_norm(const struct function *f, PyObject **v) { /* x, keepdims, ord, stream */
  struct linalg_frame o;
  int axes[2] = {-2, -1};
  bool keep;
  double ord = 0;
  const char *name = !v[2] ? "fro" : PyUnicode_Check(v[2]) ? PyUnicode_AsUTF8(v[2]) : NULL;
  if (PyErr_Occurred() || (!name && to_double(v[2], &ord, 0)) || to_bool(v[1], &keep, false) || !linalg_open(&o, f, v[0], v[3], 2)) return NULL;
  return linalg_close(&o, name ? mlx_linalg_norm_matrix(&o.out, o.a.h, name, axes, 2, keep, o.s)
                               : mlx_linalg_norm(&o.out, o.a.h, ord, axes, 2, keep, o.s));
}

/* sum(|x|^p)^(1/p) over any axes; its limits max |x| and min |x|; for p = 0 the number of elements that are not zero. */
static int power_norm(mlx_array *out, const mlx_array a, double p, const int *axes, size_t n, bool keep, mlx_stream s) {
  mlx_array x = mlx_array_new(), e = mlx_array_new();
  int status = mlx_abs(&x, a, s);
  if (!status && mlx_array_dtype(x) < MLX_FLOAT16) status = mlx_astype(&x, x, MLX_FLOAT32, s);
  mlx_dtype d = status ? MLX_FLOAT32 : mlx_array_dtype(x);
  if (status) {
  } else if (isinf(p)) {
    status = p > 0 && mlx_array_size(x) == 0 ? mlx_sum_axes(out, x, axes, n, keep, s) : p > 0 ? mlx_max_axes(out, x, axes, n, keep, s) : mlx_min_axes(out, x, axes, n, keep, s);
  } else if (p == 0) {
    status = mlx_astype(&e, x, MLX_BOOL, s) || mlx_sum_axes(&e, e, axes, n, keep, s) || mlx_astype(out, e, d, s);
  } else if (p == 1) {
    status = mlx_sum_axes(out, x, axes, n, keep, s);
  } else if (p == 2) {
    status = mlx_square(&x, x, s) || mlx_sum_axes(&x, x, axes, n, keep, s) || mlx_sqrt(out, x, s);
  } else {
    status = mlx_ravel_scalar(&e, MLX_RAVEL_FLOAT, 0, p, 0, true, d) || mlx_power(&x, x, e, s) || mlx_sum_axes(&x, x, axes, n, keep, s) ||
             mlx_ravel_scalar(&e, MLX_RAVEL_FLOAT, 0, 1 / p, 0, true, d) || mlx_power(out, x, e, s);
  }
  mlx_array_free(x);
  mlx_array_free(e);
  return status;
}
static PyObject *do_vector_norm(const struct function *f, PyObject **v) { /* x, axis, keepdims, ord, stream */
  struct linalg_frame o;
  int axes[MAX_NDIM], n;
  bool keep;
  double ord;
  if (to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || to_double(v[3], &ord, 2) || !linalg_open(&o, f, v[0], v[4], 0)) return NULL;
  if (n < 0)
    for (n = 0; n < (int)mlx_array_ndim(o.a.h); n++) axes[n] = n;
  return linalg_close(&o, power_norm(&o.out, o.a.h, ord, axes, (size_t)n, keep, o.s));
}

const struct function standard_linalg_functions[] = {
#include "standard_linalg.def"
    {0}};
