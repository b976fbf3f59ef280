/* ops.c: operations on elements and reductions, and the calls of the regular kinds. */
#include "ops_handlers.h"

#include <math.h>


PyObject *do_unary(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  int status;
  if (to_stream(v[1], &s) || take_last(v[0], &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(((unary_op)f->impl)(&out, a.h, s));
  drop_arg(&a);
  return r;
}

PyObject *do_binary(const struct function *f, PyObject **v) {
  return array_binary(v[0], v[1], (binary_op)f->impl, v[2]);
}

PyObject *do_reduce(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  int axes[MAX_NDIM], n, status;
  bool keep;
  if (to_stream(v[3], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || take_last(v[0], &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = n < 0 ? RESULT(((reduce_op)f->impl)(&out, a.h, keep, s))
                      : RESULT(((reduce_axes_op)f->impl2)(&out, a.h, axes, (size_t)n, keep, s));
  drop_arg(&a);
  return r;
}

/* count_nonzero and median take axes with an empty list for "all". */
typedef int (*axes_only_op)(mlx_array *, const mlx_array, const int *, size_t, bool, const mlx_stream);
static PyObject *do_median(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  int axes[MAX_NDIM], n, status;
  bool keep;
  if (to_stream(v[3], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || take_last(v[0], &a)) return NULL;
  if (n < 0)
    for (n = 0; n < (int)mlx_array_ndim(a.h); n++) axes[n] = n;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(((axes_only_op)f->impl)(&out, a.h, axes, (size_t)n, keep, s));
  drop_arg(&a);
  return r;
}

PyObject *do_var(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  int axes[MAX_NDIM], n, status, ddof = 0;
  bool keep;
  PyObject *dof = v[4] && v[4] != Py_None ? v[4] : v[3]; /* correction, the array API standard's name of it, may be a whole float */
  PyObject *whole = dof && PyFloat_Check(dof) && PyFloat_AS_DOUBLE(dof) == floor(PyFloat_AS_DOUBLE(dof)) ? PyNumber_Long(dof) : NULL;
  if (whole) dof = whole;
  int bad = dof ? to_int(dof, &ddof) : 0;
  Py_XDECREF(whole);
  if (bad || to_stream(v[5], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || take_last(v[0], &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = n < 0 ? RESULT(((var_op)f->impl)(&out, a.h, keep, ddof, s))
                      : RESULT(((var_axes_op)f->impl2)(&out, a.h, axes, (size_t)n, keep, ddof, s));
  drop_arg(&a);
  return r;
}

PyObject *do_argreduce(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  int axis, status;
  bool keep, one = v[1] && v[1] != Py_None;
  if (to_stream(v[3], &s) || (one && to_int(v[1], &axis)) || to_bool(v[2], &keep, false) || take_last(v[0], &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = one ? RESULT(((reduce_axis_op)f->impl2)(&out, a.h, axis, keep, s)) : RESULT(((reduce_op)f->impl)(&out, a.h, keep, s));
  drop_arg(&a);
  return r;
}

PyObject *do_axis(const struct function *f, PyObject **v) { /* sort, argsort: the default is the last axis, None flattens */
  struct arg a;
  mlx_stream s;
  int axis = -1, status;
  bool flat = v[1] == Py_None;
  if (to_stream(v[2], &s) || (v[1] && !flat && to_int(v[1], &axis)) || take_last(v[0], &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = flat ? RESULT(((unary_op)f->impl)(&out, a.h, s)) : RESULT(((axis_op)f->impl2)(&out, a.h, axis, s));
  drop_arg(&a);
  return r;
}

typedef int (*kth_op)(mlx_array *, const mlx_array, int, const mlx_stream);
typedef int (*kth_axis_op)(mlx_array *, const mlx_array, int, int, const mlx_stream);
static PyObject *do_kth(const struct function *f, PyObject **v) { /* a, kth, axis, stream */
  struct arg a;
  mlx_stream s;
  int k, axis = -1, status;
  bool flat = v[2] == Py_None;
  if (to_stream(v[3], &s) || to_int(v[1], &k) || (v[2] && !flat && to_int(v[2], &axis)) || take_last(v[0], &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = flat ? RESULT(((kth_op)f->impl)(&out, a.h, k, s)) : RESULT(((kth_axis_op)f->impl2)(&out, a.h, k, axis, s));
  drop_arg(&a);
  return r;
}

PyObject *vector_tuple(mlx_vector_array v, bool list) {
  Py_ssize_t n = (Py_ssize_t)mlx_vector_array_size(v);
  PyObject *r = list ? PyList_New(n) : PyTuple_New(n);
  for (Py_ssize_t i = 0; r && i < n; i++) {
    mlx_array h = mlx_array_new();
    mlx_vector_array_get(&h, v, (size_t)i);
    PyObject *a = array_take(h);
    if (!a) Py_CLEAR(r);
    else if (list) PyList_SET_ITEM(r, i, a);
    else PyTuple_SET_ITEM(r, i, a);
  }
  mlx_vector_array_free(v);
  return r;
}

static PyObject *do_divmod(const struct function *f, PyObject **v) {
  (void)f;
  struct arg a, b;
  mlx_stream s;
  if (to_stream(v[2], &s) || take_arg(v[0], v[1], &a)) return NULL;
  if (take_arg(v[1], v[0], &b)) {
    drop_arg(&a);
    return NULL;
  }
  mlx_vector_array out = mlx_vector_array_new();
  int status = mlx_divmod(&out, a.h, b.h, s);
  drop_arg(&a);
  drop_arg(&b);
  if (status) return mlx_vector_array_free(out), raise_error();
  return vector_tuple(out, false);
}

static PyObject *do_where(const struct function *f, PyObject **v) {
  (void)f;
  struct arg c, x, y;
  mlx_stream s;
  int status;
  PyObject *r = NULL;
  mlx_array out = mlx_array_new();
  if (to_stream(v[3], &s) || take_arg(v[0], NULL, &c)) return NULL;
  if (!take_arg(v[1], v[2], &x)) {
    if (!take_arg(v[2], v[1], &y)) {
      r = RESULT(mlx_where(&out, c.h, x.h, y.h, s));
      drop_arg(&y);
    }
    drop_arg(&x);
  }
  drop_arg(&c);
  return r;
}

static PyObject *do_clip(const struct function *f, PyObject **v) { /* a, a_min, a_max, min, max, stream */
  (void)f;
  struct arg a, lo = {mlx_array_new(), mlx_array_new()}, hi = lo;
  mlx_stream s;
  int status;
  mlx_array out = mlx_array_new();
  PyObject *min = v[1] && v[1] != Py_None ? v[1] : v[3], *max = v[2] && v[2] != Py_None ? v[2] : v[4];
  bool low = min && min != Py_None, high = max && max != Py_None;
  if (to_stream(v[5], &s) || take_arg(v[0], NULL, &a)) return NULL;
  bool bad = (low && take_arg(min, v[0], &lo)) || (high && take_arg(max, v[0], &hi));
  PyObject *r = bad ? NULL : RESULT(low || high ? mlx_clip(&out, a.h, lo.h, hi.h, s) : mlx_array_set(&out, a.h));
  drop_arg(&a);
  drop_arg(&lo);
  drop_arg(&hi);
  return r;
}

static PyObject *do_nan_to_num(const struct function *f, PyObject **v) {
  (void)f;
  struct arg a;
  mlx_stream s;
  int status;
  double nan, hi, lo;
  mlx_array out = mlx_array_new();
  if (to_stream(v[4], &s) || to_double(v[1], &nan, 0) || to_double(v[2], &hi, 0) || to_double(v[3], &lo, 0) || take_last(v[0], &a))
    return NULL;
  mlx_optional_float phi = {(float)hi, v[2] && v[2] != Py_None}, plo = {(float)lo, v[3] && v[3] != Py_None};
  PyObject *r = RESULT(mlx_nan_to_num(&out, a.h, (float)nan, phi, plo, s));
  drop_arg(&a);
  return r;
}

PyObject *do_round(const struct function *f, PyObject **v) {
  (void)f;
  struct arg a;
  mlx_stream s;
  int status, decimals = 0;
  mlx_array out = mlx_array_new();
  if (to_stream(v[2], &s) || (v[1] && to_int(v[1], &decimals)) || take_last(v[0], &a)) return NULL;
  PyObject *r = RESULT(mlx_round(&out, a.h, decimals, s));
  drop_arg(&a);
  return r;
}

typedef int (*close_op)(mlx_array *, const mlx_array, const mlx_array, double, double, bool, const mlx_stream);
static PyObject *do_close(const struct function *f, PyObject **v) { /* a, b, rtol, atol, equal_nan, stream */
  struct arg a, b;
  mlx_stream s;
  int status;
  double rtol, atol;
  bool nan;
  mlx_array out = mlx_array_new();
  if (to_stream(v[5], &s) || to_double(v[2], &rtol, 1e-5) || to_double(v[3], &atol, 1e-8) || to_bool(v[4], &nan, false)) return NULL;
  if (take_arg(v[0], v[1], &a)) return NULL;
  PyObject *r = NULL;
  if (!take_arg(v[1], v[0], &b)) {
    r = RESULT(((close_op)f->impl)(&out, a.h, b.h, rtol, atol, nan, s));
    drop_arg(&b);
  }
  drop_arg(&a);
  return r;
}
static PyObject *do_array_equal(const struct function *f, PyObject **v) {
  (void)f;
  struct arg a, b;
  mlx_stream s;
  int status;
  bool nan;
  mlx_array out = mlx_array_new();
  if (to_stream(v[3], &s) || to_bool(v[2], &nan, false) || take_arg(v[0], v[1], &a)) return NULL;
  PyObject *r = NULL;
  if (!take_arg(v[1], v[0], &b)) {
    r = RESULT(mlx_array_equal(&out, a.h, b.h, nan, s));
    drop_arg(&b);
  }
  drop_arg(&a);
  return r;
}

static PyObject *do_softmax(const struct function *f, PyObject **v) { /* a, axis, precise, stream */
  (void)f;
  struct arg a;
  mlx_stream s;
  int axes[MAX_NDIM], n, status;
  bool precise;
  mlx_array out = mlx_array_new();
  if (to_stream(v[3], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &precise, false) || take_last(v[0], &a)) return NULL;
  PyObject *r = n < 0 ? RESULT(mlx_softmax(&out, a.h, precise, s)) : RESULT(mlx_softmax_axes(&out, a.h, axes, (size_t)n, precise, s));
  drop_arg(&a);
  return r;
}

PyObject *do_astype(const struct function *f, PyObject **v) { /* a, dtype, stream */
  struct arg a;
  mlx_stream s;
  mlx_dtype d;
  int status;
  mlx_array out = mlx_array_new();
  if (to_stream(v[2], &s) || to_dtype(v[1], &d, NULL) || take_last(v[0], &a)) return NULL;
  PyObject *r = RESULT(((int (*)(mlx_array *, const mlx_array, mlx_dtype, const mlx_stream))f->impl)(&out, a.h, d, s));
  drop_arg(&a);
  return r;
}

static PyObject *do_astype_copy(const struct function *f, PyObject **v) { /* a, dtype, copy, stream */
  bool copy;
  mlx_dtype d;
  if (to_bool(v[2], &copy, true) || to_dtype(v[1], &d, NULL)) return NULL;
  if (!copy && Array_Check(v[0]) && mlx_array_dtype(H(v[0])) == d) return Py_NewRef(v[0]);
  PyObject *plain[3] = {v[0], v[1], v[3]};
  return do_astype(f, plain);
}

static PyObject *do_minmax(const struct function *f, PyObject **v) {
  struct function lo = *f, hi = *f;
  lo.impl = F(mlx_min), lo.impl2 = F(mlx_min_axes), hi.impl = F(mlx_max), hi.impl2 = F(mlx_max_axes);
  PyObject *a = do_reduce(&lo, v), *b = a ? do_reduce(&hi, v) : NULL;
  return a && b ? Py_BuildValue("(NN)", a, b) : (Py_XDECREF(a), NULL);
}

static PyObject *do_count_nonzero(const struct function *f, PyObject **v) {
  struct function sum = *f;
  sum.impl = F(mlx_sum), sum.impl2 = F(mlx_sum_axes);
  if (Array_Check(v[0]) && mlx_array_dtype(H(v[0])) == MLX_BOOL) return do_reduce(&sum, v);
  struct arg a;
  mlx_stream s;
  mlx_array truth = mlx_array_new();
  if (to_stream(v[3], &s) || take_arg(v[0], NULL, &a)) return NULL;
  int status = mlx_astype(&truth, a.h, MLX_BOOL, s);
  drop_arg(&a);
  PyObject *t = array_result(status, truth), *args[4] = {t, v[1], v[2], v[3]};
  PyObject *r = t ? do_reduce(&sum, args) : NULL;
  Py_XDECREF(t);
  return r;
}

static PyObject *do_positive(const struct function *f, PyObject **v) {
  (void)f;
  struct arg a;
  mlx_stream s;
  if (to_stream(v[1], &s) || take_arg(v[0], NULL, &a)) return NULL;
  mlx_array out = mlx_array_new();
  int status = mlx_array_set(&out, a.h);
  drop_arg(&a);
  return array_result(status, out);
}

/* Rows: name, signature, description, call, C functions. */
const struct function ops_functions[] = {
#include "ops.def"
    {0}};
