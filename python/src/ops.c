/* ops.c: operations on elements and reductions, and the calls of the regular kinds. */
#include "ops_handlers.h"

#include <math.h>


PyObject *do_unary(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  int status;
  if (to_stream(v[1], &s) || take_arg(v[0], NULL, &a)) return NULL;
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
  if (to_stream(v[3], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || take_arg(v[0], NULL, &a)) return NULL;
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
  if (to_stream(v[3], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || take_arg(v[0], NULL, &a)) return NULL;
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
  bool keep, method = f->doc[0] == 'M'; /* the method has `correction` before the stream */
  PyObject *dof = method && v[4] && v[4] != Py_None ? v[4] : v[3];
  if (to_stream(v[method ? 5 : 4], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &keep, false) || (dof && to_int(dof, &ddof)) ||
      take_arg(v[0], NULL, &a))
    return NULL;
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
  if (to_stream(v[3], &s) || (one && to_int(v[1], &axis)) || to_bool(v[2], &keep, false) || take_arg(v[0], NULL, &a)) return NULL;
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
  if (to_stream(v[2], &s) || (v[1] && !flat && to_int(v[1], &axis)) || take_arg(v[0], NULL, &a)) return NULL;
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
  if (to_stream(v[3], &s) || to_int(v[1], &k) || (v[2] && !flat && to_int(v[2], &axis)) || take_arg(v[0], NULL, &a)) return NULL;
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

static PyObject *do_clip(const struct function *f, PyObject **v) {
  (void)f;
  struct arg a, lo = {mlx_array_new(), mlx_array_new()}, hi = lo;
  mlx_stream s;
  int status;
  mlx_array out = mlx_array_new();
  if (to_stream(v[3], &s) || take_arg(v[0], NULL, &a)) return NULL;
  bool bad = (v[1] && v[1] != Py_None && take_arg(v[1], v[0], &lo)) || (v[2] && v[2] != Py_None && take_arg(v[2], v[0], &hi));
  PyObject *r = bad ? NULL : RESULT(mlx_clip(&out, a.h, lo.h, hi.h, s));
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
  if (to_stream(v[4], &s) || to_double(v[1], &nan, 0) || to_double(v[2], &hi, 0) || to_double(v[3], &lo, 0) || take_arg(v[0], NULL, &a))
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
  if (to_stream(v[2], &s) || (v[1] && to_int(v[1], &decimals)) || take_arg(v[0], NULL, &a)) return NULL;
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
  if (to_stream(v[3], &s) || to_ints(v[1], axes, &n) || to_bool(v[2], &precise, false) || take_arg(v[0], NULL, &a)) return NULL;
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
  if (to_stream(v[2], &s) || to_dtype(v[1], &d, NULL) || take_arg(v[0], NULL, &a)) return NULL;
  PyObject *r = RESULT(((int (*)(mlx_array *, const mlx_array, mlx_dtype, const mlx_stream))f->impl)(&out, a.h, d, s));
  drop_arg(&a);
  return r;
}

static PyObject *do_not_xor(const struct function *f, PyObject **v) { /* logical_xor: truth values that differ */
  (void)f;
  struct arg a, b;
  mlx_stream s;
  int status;
  mlx_array x = mlx_array_new(), out = mlx_array_new();
  if (to_stream(v[2], &s) || take_arg(v[0], v[1], &a)) return NULL;
  PyObject *r = NULL;
  if (!take_arg(v[1], v[0], &b)) {
    status = mlx_astype(&x, a.h, MLX_BOOL, s) || mlx_astype(&out, b.h, MLX_BOOL, s);
    r = status ? raise_error() : RESULT(mlx_not_equal(&out, x, out, s));
    drop_arg(&b);
  }
  drop_arg(&a);
  mlx_array_free(x);
  return r;
}

static PyObject *do_trunc(const struct function *f, PyObject **v) { /* towards zero: the floor of the magnitude, with the sign */
  (void)f;
  struct arg a;
  mlx_stream s;
  int status;
  mlx_array up = mlx_array_new(), neg = mlx_array_new(), zero = mlx_array_new(), out = mlx_array_new();
  if (to_stream(v[1], &s) || take_arg(v[0], NULL, &a)) return NULL;
  status = mlx_ceil(&up, a.h, s) || mlx_floor(&out, a.h, s) || mlx_zeros_like(&zero, a.h, s) || mlx_less(&neg, a.h, zero, s);
  PyObject *r = status ? raise_error() : RESULT(mlx_where(&out, neg, up, out, s));
  drop_arg(&a);
  mlx_array_free(up);
  mlx_array_free(neg);
  mlx_array_free(zero);
  return r;
}

static PyObject *do_minmax(const struct function *f, PyObject **v) {
  struct function lo = *f, hi = *f;
  lo.impl = F(mlx_min), lo.impl2 = F(mlx_min_axes), hi.impl = F(mlx_max), hi.impl2 = F(mlx_max_axes);
  PyObject *a = do_reduce(&lo, v), *b = a ? do_reduce(&hi, v) : NULL;
  return a && b ? Py_BuildValue("(NN)", a, b) : (Py_XDECREF(a), NULL);
}

static PyObject *do_count_nonzero(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  mlx_array truth = mlx_array_new();
  if (to_stream(v[3], &s) || take_arg(v[0], NULL, &a)) return NULL;
  int status = mlx_astype(&truth, a.h, MLX_BOOL, s);
  drop_arg(&a);
  PyObject *t = array_result(status, truth), *args[4] = {t, v[1], v[2], v[3]};
  struct function sum = *f;
  sum.impl = F(mlx_sum), sum.impl2 = F(mlx_sum_axes);
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
    {"abs", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The absolute value; of complex numbers the magnitude, as float32. The same shape.",
     do_unary, F(mlx_abs), NULL},
    {"sign", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "-1, 0 or 1; x/|x| of complex numbers. The same shape.",
     do_unary, F(mlx_sign), NULL},
    {"negative", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "-a. The same shape.",
     do_unary, F(mlx_negative), NULL},
    {"square", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "a * a. The same shape.",
     do_unary, F(mlx_square), NULL},
    {"sqrt", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The square root. The same shape.",
     do_unary, F(mlx_sqrt), NULL},
    {"rsqrt", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "1 / sqrt(a). The same shape.",
     do_unary, F(mlx_rsqrt), NULL},
    {"reciprocal", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "1 / a. The same shape.",
     do_unary, F(mlx_reciprocal), NULL},
    {"logical_not", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "Truth, inverted: bool. The same shape.",
     do_unary, F(mlx_logical_not), NULL},
    {"exp", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "e to the power of a. Integers become float32 where the result is not an integer. Any shape; the same shape out.",
     do_unary, F(mlx_exp), NULL},
    {"expm1", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "exp(a) - 1, accurate near 0. The same shape.",
     do_unary, F(mlx_expm1), NULL},
    {"erf", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to a. The same shape.",
     do_unary, F(mlx_erf), NULL},
    {"erfinv", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The inverse of erf. The same shape.",
     do_unary, F(mlx_erfinv), NULL},
    {"sin", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The sin of each element. Integers become float32 where the result is not an integer. Any shape; the same shape out.",
     do_unary, F(mlx_sin), NULL},
    {"cos", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The cos of each element. Integers become float32 where the result is not an integer. Any shape; the same shape out.",
     do_unary, F(mlx_cos), NULL},
    {"tan", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The tan of each element. The same shape.",
     do_unary, F(mlx_tan), NULL},
    {"arcsin", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The arcsin of each element. The same shape.",
     do_unary, F(mlx_arcsin), NULL},
    {"arccos", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The arccos of each element. The same shape.",
     do_unary, F(mlx_arccos), NULL},
    {"arctan", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The arctan of each element. The same shape.",
     do_unary, F(mlx_arctan), NULL},
    {"sinh", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The sinh of each element. The same shape.",
     do_unary, F(mlx_sinh), NULL},
    {"cosh", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The cosh of each element. The same shape.",
     do_unary, F(mlx_cosh), NULL},
    {"tanh", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The tanh of each element. The same shape.",
     do_unary, F(mlx_tanh), NULL},
    {"arcsinh", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The arcsinh of each element. The same shape.",
     do_unary, F(mlx_arcsinh), NULL},
    {"arccosh", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The arccosh of each element. The same shape.",
     do_unary, F(mlx_arccosh), NULL},
    {"arctanh", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The arctanh of each element. The same shape.",
     do_unary, F(mlx_arctanh), NULL},
    {"degrees", "(a: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "Radians as degrees. The same shape.",
     do_unary, F(mlx_degrees), NULL},
    {"radians", "(a: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "Degrees as radians. The same shape.",
     do_unary, F(mlx_radians), NULL},
    {"log", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The log of each element. Integers become float32 where the result is not an integer. Any shape; the same shape out.",
     do_unary, F(mlx_log), NULL},
    {"log2", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The log2 of each element. The same shape.",
     do_unary, F(mlx_log2), NULL},
    {"log10", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The log10 of each element. The same shape.",
     do_unary, F(mlx_log10), NULL},
    {"log1p", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "log(1 + a), accurate near 0. The same shape.",
     do_unary, F(mlx_log1p), NULL},
    {"stop_gradient", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "a, as a constant for derivatives. The same shape.",
     do_unary, F(mlx_stop_gradient), NULL},
    {"sigmoid", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "1 / (1 + exp(-a)). The same shape.",
     do_unary, F(mlx_sigmoid), NULL},
    {"floor", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The largest integer not above a. The same shape.",
     do_unary, F(mlx_floor), NULL},
    {"ceil", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The smallest integer not below a. The same shape.",
     do_unary, F(mlx_ceil), NULL},
    {"isnan", "(a: array, stream: StreamOrDevice = None) -> array",
     "The isnan of each element. The same shape.",
     do_unary, F(mlx_isnan), NULL},
    {"isinf", "(a: array, stream: StreamOrDevice = None) -> array",
     "The isinf of each element. The same shape.",
     do_unary, F(mlx_isinf), NULL},
    {"isfinite", "(a: array, stream: StreamOrDevice = None) -> array",
     "The isfinite of each element. The same shape.",
     do_unary, F(mlx_isfinite), NULL},
    {"isposinf", "(a: array, stream: StreamOrDevice = None) -> array",
     "The isposinf of each element. The same shape.",
     do_unary, F(mlx_isposinf), NULL},
    {"isneginf", "(a: array, stream: StreamOrDevice = None) -> array",
     "The isneginf of each element. The same shape.",
     do_unary, F(mlx_isneginf), NULL},
    {"conj", "(a: array, *, stream: StreamOrDevice = None) -> array",
     "The complex conjugate. The same shape.",
     do_unary, F(mlx_conjugate), NULL},
    {"conjugate", "(a: array, *, stream: StreamOrDevice = None) -> array",
     "The complex conjugate. The same shape.",
     do_unary, F(mlx_conjugate), NULL},
    {"real", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The real part. The same shape.",
     do_unary, F(mlx_real), NULL},
    {"imag", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "The imaginary part. The same shape.",
     do_unary, F(mlx_imag), NULL},
    {"bitwise_invert", "(a: scalar | array, stream: StreamOrDevice = None) -> array",
     "~a. The same shape.",
     do_unary, F(mlx_bitwise_invert), NULL},
    {"trunc", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "Each element rounded towards zero. The same shape.",
     do_trunc, NULL, NULL},
    {"positive", "(a: array, /, *, stream: StreamOrDevice = None) -> array",
     "a itself.",
     do_positive, NULL, NULL},
    {"round", "(a: array, /, decimals: int = 0, stream: StreamOrDevice = None) -> array",
     "Rounded to `decimals` places, halves to even. The same shape and dtype.",
     do_round, NULL, NULL},
    {"add", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a + b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_add), NULL},
    {"subtract", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a - b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_subtract), NULL},
    {"multiply", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a * b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_multiply), NULL},
    {"divide", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a / b, in floating point. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_divide), NULL},
    {"floor_divide", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a / b rounded down. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_floor_divide), NULL},
    {"remainder", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "What is left of a / b rounded down; the sign is that of b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_remainder), NULL},
    {"equal", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a == b, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_equal), NULL},
    {"not_equal", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a != b, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_not_equal), NULL},
    {"less", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a < b, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_less), NULL},
    {"less_equal", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a <= b, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_less_equal), NULL},
    {"greater", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a > b, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_greater), NULL},
    {"greater_equal", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a >= b, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_greater_equal), NULL},
    {"matmul", "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
     "The matrix product. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_matmul), NULL},
    {"logical_and", "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
     "Truth of both, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_logical_and), NULL},
    {"logical_or", "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
     "Truth of either, bool. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_logical_or), NULL},
    {"logaddexp", "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "log(exp(a) + exp(b)) without overflow. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_logaddexp), NULL},
    {"arctan2", "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "The angle of the point (b, a), in radians. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_arctan2), NULL},
    {"power", "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "a to the power of b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_power), NULL},
    {"minimum", "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "The smaller; NaN where either is. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_minimum), NULL},
    {"maximum", "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "The larger; NaN where either is. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_maximum), NULL},
    {"bitwise_and", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a & b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_bitwise_and), NULL},
    {"bitwise_or", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a | b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_bitwise_or), NULL},
    {"bitwise_xor", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a ^ b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_bitwise_xor), NULL},
    {"left_shift", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a << b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_left_shift), NULL},
    {"right_shift", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "a >> b. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_right_shift), NULL},
    {"inner", "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
     "The inner product over the last dimensions. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_inner), NULL},
    {"outer", "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
     "The outer product of the flattened arrays. Inputs broadcast; the dtype is their promoted one.",
     do_binary, F(mlx_outer), NULL},
    {"logical_xor", "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "Truth of exactly one, bool. Inputs broadcast.",
     do_not_xor, NULL, NULL},
    {"divmod", "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array",
     "The pair (a // b, a % b).",
     do_divmod, NULL, NULL},
    {"where", "(condition: scalar | array, x: scalar | array, y: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
     "x where the condition holds, else y. All three broadcast.",
     do_where, NULL, NULL},
    {"clip", "(a: array, /, a_min: scalar | array | None, a_max: scalar | array | None, *, stream: StreamOrDevice = None) -> array",
     "a limited to [a_min, a_max]; either may be None.",
     do_clip, NULL, NULL},
    {"nan_to_num", "(a: scalar | array, nan: float = 0, posinf: float | None = None, neginf: float | None = None, *, stream: StreamOrDevice = None) -> array",
     "NaN and infinities replaced by numbers (infinities by the largest finite ones by default).",
     do_nan_to_num, NULL, NULL},
    {"isclose", "(a: array, b: array, /, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False, stream: StreamOrDevice = None) -> array",
     "|a - b| <= atol + rtol * |b| for each element, bool. Equal infinities are close.",
     do_close, F(mlx_isclose), NULL},
    {"allclose", "(a: array, b: array, /, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False, stream: StreamOrDevice = None) -> array",
     "Are all elements close? A bool array of no dimensions.",
     do_close, F(mlx_allclose), NULL},
    {"array_equal", "(a: scalar | array, b: scalar | array, equal_nan: bool = False, stream: StreamOrDevice = None) -> array",
     "Same shape and same values? A bool array of no dimensions.",
     do_array_equal, NULL, NULL},
    {"sum", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The sum over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_sum), F(mlx_sum_axes)},
    {"prod", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The product over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_prod), F(mlx_prod_axes)},
    {"min", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The least value over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_min), F(mlx_min_axes)},
    {"max", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The largest value over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_max), F(mlx_max_axes)},
    {"mean", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The mean over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_mean), F(mlx_mean_axes)},
    {"all", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "Do all hold? bool, over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_all), F(mlx_all_axes)},
    {"any", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "Does any hold? bool, over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_any), F(mlx_any_axes)},
    {"logsumexp", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "log(sum(exp(a))) over the axes (None: all of them). keepdims leaves them with size 1.",
     do_reduce, F(mlx_logsumexp), F(mlx_logsumexp_axes)},
    {"minmax", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> tuple[array, array]",
     "The pair (min, max) over the axes.",
     do_minmax, NULL, NULL},
    {"count_nonzero", "(a: array, /, *, axis: None | int | Sequence[int] = None, keepdims: bool = False, stream: StreamOrDevice = None) -> array",
     "How many elements are not 0, over the axes.",
     do_count_nonzero, NULL, NULL},
    {"median", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The median over the axes.",
     do_median, F(mlx_median), NULL},
    {"var", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, ddof: int = 0, *, stream: StreamOrDevice = None) -> array",
     "The variance over the axes, with divisor N - ddof.",
     do_var, F(mlx_var), F(mlx_var_axes)},
    {"std", "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, ddof: int = 0, *, stream: StreamOrDevice = None) -> array",
     "The standard deviation over the axes, with divisor N - ddof.",
     do_var, F(mlx_std), F(mlx_std_axes)},
    {"argmin", "(a: array, /, axis: None | int = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The index of the first least value along the axis (None: of the flattened array), uint32.",
     do_argreduce, F(mlx_argmin), F(mlx_argmin_axis)},
    {"argmax", "(a: array, /, axis: None | int = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
     "The index of the first largest value along the axis (None: of the flattened array), uint32.",
     do_argreduce, F(mlx_argmax), F(mlx_argmax_axis)},
    {"sort", "(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
     "Sorted along the axis (None: flattened), ascending, NaN last.",
     do_axis, F(mlx_sort), F(mlx_sort_axis)},
    {"argsort", "(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
     "The indices that sort along the axis (None: flattened), ascending, NaN last.",
     do_axis, F(mlx_argsort), F(mlx_argsort_axis)},
    {"partition", "(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
     "The kth element in its sorted place, smaller ones before it, larger after.",
     do_kth, F(mlx_partition), F(mlx_partition_axis)},
    {"argpartition", "(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
     "The kth element in its sorted place, smaller ones before it, larger after.",
     do_kth, F(mlx_argpartition), F(mlx_argpartition_axis)},
    {"topk", "(a: array, /, k: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
     "The k largest values along the axis.",
     do_kth, F(mlx_topk), F(mlx_topk_axis)},
    {"softmax", "(a: array, /, axis: None | int | Sequence[int] = None, *, precise: bool = False, stream: StreamOrDevice = None) -> array",
     "exp(a) / sum(exp(a)) over the axes (None: all).",
     do_softmax, NULL, NULL},
    {"astype", "(a: array, dtype: Dtype, /, *, stream: StreamOrDevice = None) -> array",
     "The same values in another dtype.",
     do_astype, F(mlx_astype), NULL},
    {"view", "(a: scalar | array, dtype: Dtype, stream: StreamOrDevice = None) -> array",
     "The same bytes as another dtype.",
     do_astype, F(mlx_view), NULL},
    {0}};
