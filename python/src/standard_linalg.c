/* standard_linalg.c: what the linalg extension of the array API standard (2024.12) has beyond MLX's names.
 * Invariant: these compose operations that are there; derivatives follow from theirs. */
#include "ops_handlers.h"

#include <math.h>

/* The frame: a from v[0], the stream from v[at], a matrix or a stack of them where `rank` is 2. */
static int begin(const struct function *f, PyObject **v, int at, int rank, struct arg *a, mlx_stream *s) {
  if (to_stream(v[at], s) || name_library_folders() || take_arg(v[0], NULL, a)) return -1;
  if ((int)mlx_array_ndim(a->h) >= rank) return 0;
  PyErr_Format(PyExc_ValueError, "[linalg.%s] The array must have at least %d dimensions, not %zu.", f->name, rank, mlx_array_ndim(a->h));
  drop_arg(a);
  return -1;
}

static PyObject *do_diagonal(const struct function *f, PyObject **v) { /* x, offset, stream */
  struct arg a;
  mlx_stream s;
  int offset = 0, status;
  mlx_array out = mlx_array_new();
  if ((v[1] && to_int(v[1], &offset)) || begin(f, v, 2, 2, &a, &s)) return NULL;
  PyObject *r = RESULT(mlx_diagonal(&out, a.h, offset, -2, -1, s));
  drop_arg(&a);
  return r;
}
static PyObject *do_trace(const struct function *f, PyObject **v) { /* x, offset, dtype, stream */
  struct arg a;
  mlx_stream s;
  int offset = 0, status;
  mlx_dtype d;
  bool has;
  mlx_array out = mlx_array_new();
  if ((v[1] && to_int(v[1], &offset)) || to_dtype(v[2], &d, &has) || begin(f, v, 3, 2, &a, &s)) return NULL;
  PyObject *r = RESULT(mlx_trace(&out, a.h, offset, -2, -1, has ? d : mlx_array_dtype(a.h), s));
  drop_arg(&a);
  return r;
}
static PyObject *do_transposed(const struct function *f, PyObject **v) { /* x, stream */
  struct arg a;
  mlx_stream s;
  int status;
  mlx_array out = mlx_array_new();
  if (begin(f, v, 1, 2, &a, &s)) return NULL;
  PyObject *r = RESULT(mlx_swapaxes(&out, a.h, -1, -2, s));
  drop_arg(&a);
  return r;
}

static int singular_values(mlx_array *out, const mlx_array a, mlx_stream s) {
  mlx_vector_array parts = mlx_vector_array_new();
  int status = mlx_linalg_svd(&parts, a, false, s) || mlx_vector_array_get(out, parts, 0);
  mlx_vector_array_free(parts);
  return status;
}
static PyObject *do_svdvals(const struct function *f, PyObject **v) { /* x, stream */
  struct arg a;
  mlx_stream s;
  int status;
  mlx_array out = mlx_array_new();
  if (begin(f, v, 1, 2, &a, &s)) return NULL;
  PyObject *r = RESULT(singular_values(&out, a.h, s));
  drop_arg(&a);
  return r;
}

/* Singular values above rtol times the largest; rtol by default max(m, n) eps. */
static PyObject *do_rank(const struct function *f, PyObject **v) { /* x, rtol, stream */
  struct arg a, rtol = {mlx_array_new(), mlx_array_new()};
  mlx_stream s;
  int status, last = -1;
  mlx_array out = mlx_array_new(), top = mlx_array_new(), tol = mlx_array_new(), fine = mlx_array_new();
  bool given = v[1] && v[1] != Py_None;
  if (begin(f, v, 2, 2, &a, &s)) return NULL;
  PyObject *r = NULL;
  if (!(given && take_arg(v[1], NULL, &rtol))) {
    const int64_t *shape = mlx_ravel_array_shape(a.h) + mlx_array_ndim(a.h) - 2;
    mlx_dtype d = mlx_array_dtype(a.h);
    double eps = d == MLX_FLOAT64 ? 0x1p-52 : 0x1p-23;
    status = singular_values(&out, a.h, s) || mlx_max_axes(&top, out, &last, 1, true, s);
    if (!status && given) {
      status = mlx_expand_dims(&tol, rtol.h, -1, s); /* rtol: one for each matrix of a stack, or one for all */
    } else if (!status) {
      status = mlx_ravel_scalar(&tol, MLX_RAVEL_FLOAT, 0, (double)(shape[0] > shape[1] ? shape[0] : shape[1]) * eps, 0, true, mlx_array_dtype(out));
    }
    status = status || mlx_multiply(&tol, tol, top, s) || mlx_greater(&fine, out, tol, s);
    r = RESULT(status || mlx_sum_axes(&out, fine, &last, 1, false, s));
  }
  drop_arg(&a);
  drop_arg(&rtol);
  mlx_array_free(top);
  mlx_array_free(tol);
  mlx_array_free(fine);
  return r;
}

/* Squares are taken as often as n has bits; of negative n the inverse first. */
static PyObject *do_power(const struct function *f, PyObject **v) { /* x, n, stream */
  struct arg a;
  mlx_stream s;
  int64_t n;
  if (to_int64(v[1], &n) || begin(f, v, 2, 2, &a, &s)) return NULL;
  int ndim = (int)mlx_array_ndim(a.h);
  const int64_t *shape = mlx_ravel_array_shape(a.h);
  mlx_array out = mlx_array_new(), square = mlx_array_new();
  PyObject *r = NULL;
  if (shape[ndim - 1] != shape[ndim - 2] || shape[ndim - 1] > INT32_MAX) {
    PyErr_Format(PyExc_ValueError, "[linalg.matrix_power] The matrices must be square, not %lld by %lld.", (long long)shape[ndim - 2],
                 (long long)shape[ndim - 1]);
  } else {
    int status = mlx_identity(&out, (int)shape[ndim - 1], mlx_array_dtype(a.h), s) || mlx_ravel_broadcast_to(&out, out, shape, ndim, s) ||
                 (n < 0 ? mlx_linalg_inv(&square, a.h, s) : mlx_array_set(&square, a.h));
    for (uint64_t k = n < 0 ? 0 - (uint64_t)n : (uint64_t)n; k && !status; k >>= 1) {
      if (k & 1) status = mlx_matmul(&out, out, square, s);
      if (k > 1) status = status || mlx_matmul(&square, square, square, s);
    }
    r = array_result(status, out);
    out.ctx = NULL;
  }
  mlx_array_free(out);
  mlx_array_free(square);
  drop_arg(&a);
  return r;
}

static PyObject *do_matrix_norm(const struct function *f, PyObject **v) { /* x, keepdims, ord, stream */
  struct arg a;
  mlx_stream s;
  int axes[2] = {-2, -1}, status;
  bool keep;
  double ord = 0;
  mlx_array out = mlx_array_new();
  const char *name = !v[2] ? "fro" : PyUnicode_Check(v[2]) ? PyUnicode_AsUTF8(v[2]) : NULL;
  if (PyErr_Occurred() || (!name && to_double(v[2], &ord, 0)) || to_bool(v[1], &keep, false) || begin(f, v, 3, 2, &a, &s)) return NULL;
  PyObject *r = name ? RESULT(mlx_linalg_norm_matrix(&out, a.h, name, axes, 2, keep, s)) : RESULT(mlx_linalg_norm(&out, a.h, ord, axes, 2, keep, s));
  drop_arg(&a);
  return r;
}

/* sum(|x|^p)^(1/p) over any axes; its limits max |x| and min |x|; for p = 0 the number of elements that are not zero. */
static int power_norm(mlx_array *out, const mlx_array a, double p, const int *axes, size_t n, bool keep, mlx_stream s) {
  mlx_array x = mlx_array_new(), e = mlx_array_new();
  int status = mlx_abs(&x, a, s);
  if (!status && mlx_array_dtype(x) < MLX_FLOAT16) status = mlx_astype(&x, x, MLX_FLOAT32, s);
  mlx_dtype d = status ? MLX_FLOAT32 : mlx_array_dtype(x);
  if (status) {
  } else if (isinf(p)) {
    status = p > 0 ? mlx_max_axes(out, x, axes, n, keep, s) : mlx_min_axes(out, x, axes, n, keep, s);
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
  struct arg a;
  mlx_stream s;
  int axes[MAX_NDIM], n, status;
  bool keep;
  double ord;
  mlx_array out = mlx_array_new();
  if (to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || to_double(v[3], &ord, 2) || begin(f, v, 4, 0, &a, &s)) return NULL;
  if (n < 0)
    for (n = 0; n < (int)mlx_array_ndim(a.h); n++) axes[n] = n;
  PyObject *r = RESULT(power_norm(&out, a.h, ord, axes, (size_t)n, keep, s));
  drop_arg(&a);
  return r;
}

const struct function standard_linalg_functions[] = {
#include "standard_linalg.def"
    {0}};
