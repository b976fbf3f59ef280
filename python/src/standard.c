/* standard.c: what the Python array API standard (2024.12) has beyond MLX's names and parameters.
 * Invariant: these compose operations that are there; derivatives follow from theirs. */
#include "ops_handlers.h"

#include <math.h>

static bool given(PyObject *o) { return o && o != Py_None; }

/* Numbers by their bits */

/* The integer dtype whose bits a floating dtype is read as. */
static mlx_dtype bits_of(mlx_dtype d) {
  return mlx_dtype_size(d) == 2 ? MLX_INT16 : mlx_dtype_size(d) == 4 ? MLX_INT32 : MLX_INT64;
}
static bool is_floating(mlx_dtype d) { return d >= MLX_FLOAT16 && d != MLX_COMPLEX64; }
static int integer(mlx_array *out, int64_t v, mlx_dtype d) { return mlx_ravel_scalar(out, MLX_RAVEL_INT, v, 0, 0, true, d); }

/* True where the sign bit is set; of integers where they are negative. */
static int sign_bit(mlx_array *out, const mlx_array a, mlx_stream s) {
  mlx_dtype d = mlx_array_dtype(a);
  mlx_array bits = mlx_array_new(), zero = mlx_array_new();
  int status = is_floating(d) ? mlx_view(&bits, a, bits_of(d), s) : mlx_array_set(&bits, a);
  status = status || mlx_zeros_like(&zero, bits, s) || mlx_less(out, bits, zero, s);
  mlx_array_free(bits);
  mlx_array_free(zero);
  return status;
}
static PyObject *do_signbit(const struct function *f, PyObject **v) { /* a, stream */
  struct arg a;
  mlx_stream s;
  int status;
  mlx_array out = mlx_array_new();
  if (to_stream(v[1], &s) || take_arg(v[0], NULL, &a)) return NULL;
  PyObject *r = NULL;
  if (mlx_array_dtype(a.h) == MLX_COMPLEX64) PyErr_Format(PyExc_ValueError, "[%s] Complex numbers have no sign.", f->name);
  else r = RESULT(sign_bit(&out, a.h, s));
  drop_arg(&a);
  return r;
}

/* Two operands in their promoted floating dtype (integers: float32), broadcast. */
static int take_floats(const struct function *f, PyObject **v, mlx_array *x, mlx_array *y, mlx_stream *s) {
  struct arg a, b;
  mlx_vector_array both = mlx_vector_array_new(), wide = mlx_vector_array_new();
  if (to_stream(v[2], s) || take_arg(v[0], v[1], &a)) return -1;
  if (take_arg(v[1], v[0], &b)) return drop_arg(&a), -1;
  mlx_dtype d = mlx_ravel_promote(mlx_array_dtype(a.h), mlx_array_dtype(b.h));
  int bad = 0;
  if (d == MLX_COMPLEX64) PyErr_Format(PyExc_ValueError, "[%s] Only real numbers are possible, not complex64.", f->name), bad = -1;
  if (d < MLX_FLOAT16) d = MLX_FLOAT32;
  if (!bad && (mlx_astype(x, a.h, d, *s) || mlx_astype(y, b.h, d, *s) || mlx_vector_array_append_value(both, *x) ||
               mlx_vector_array_append_value(both, *y) || mlx_broadcast_arrays(&wide, both, *s) || mlx_vector_array_get(x, wide, 0) ||
               mlx_vector_array_get(y, wide, 1)))
    raise_error(), bad = -1;
  drop_arg(&a);
  drop_arg(&b);
  mlx_vector_array_free(both);
  mlx_vector_array_free(wide);
  return bad;
}
static PyObject *with_floats(const struct function *f, PyObject **v,
                             int (*compute)(mlx_array *out, const mlx_array x, const mlx_array y, mlx_stream s)) {
  mlx_array x = mlx_array_new(), y = mlx_array_new(), out = mlx_array_new();
  mlx_stream s;
  int status;
  PyObject *r = take_floats(f, v, &x, &y, &s) ? NULL : RESULT(compute(&out, x, y, s));
  mlx_array_free(x);
  mlx_array_free(y);
  return r;
}

/* The magnitude of x with the sign of y: x, or -x where the sign bits differ. */
static int copy_sign(mlx_array *out, const mlx_array x, const mlx_array y, mlx_stream s) {
  mlx_array sx = mlx_array_new(), sy = mlx_array_new(), other = mlx_array_new();
  int status = sign_bit(&sx, x, s) || sign_bit(&sy, y, s) || mlx_not_equal(&sx, sx, sy, s) || mlx_negative(&other, x, s) ||
               mlx_where(out, sx, other, x, s);
  mlx_array_free(sx);
  mlx_array_free(sy);
  mlx_array_free(other);
  return status;
}
static PyObject *do_copysign(const struct function *f, PyObject **v) { return with_floats(f, v, copy_sign); }

/* sqrt(x^2 + y^2), in a wider dtype where there is one; float64 scaled by the larger magnitude m: m sqrt(1 + (n/m)^2).
 * Infinite where either is (C17 F.10.4.3), also beside NaN. */
static int hypotenuse(mlx_array *out, const mlx_array x, const mlx_array y, mlx_stream s) {
  mlx_dtype d = mlx_array_dtype(x), wide = mlx_dtype_size(d) == 2 ? MLX_FLOAT32 : MLX_FLOAT64;
  mlx_array a = mlx_array_new(), b = mlx_array_new(), m = mlx_array_new(), t = mlx_array_new(), inf = mlx_array_new();
  int status = mlx_astype(&a, x, wide, s) || mlx_astype(&b, y, wide, s);
  if (!status && d != MLX_FLOAT64) {
    status = mlx_square(&a, a, s) || mlx_square(&b, b, s) || mlx_add(&a, a, b, s) || mlx_sqrt(&a, a, s);
  } else if (!status) {
    status = mlx_abs(&a, a, s) || mlx_abs(&b, b, s) || mlx_maximum(&m, a, b, s) || mlx_minimum(&b, a, b, s) || mlx_ones_like(&t, m, s) ||
             mlx_zeros_like(&a, m, s) || mlx_equal(&inf, m, a, s) || mlx_where(&a, inf, t, m, s) || mlx_divide(&b, b, a, s) ||
             mlx_square(&b, b, s) || mlx_add(&b, b, t, s) || mlx_sqrt(&b, b, s) || mlx_multiply(&a, m, b, s);
  }
  mlx_array_free(m);
  m = mlx_array_new_float(INFINITY);
  status = status || mlx_astype(&a, a, d, s) || mlx_isinf(&t, x, s) || mlx_isinf(&b, y, s) || mlx_logical_or(&t, t, b, s) ||
           mlx_astype(&m, m, d, s) || mlx_where(out, t, m, a, s);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(m);
  mlx_array_free(t);
  mlx_array_free(inf);
  return status;
}
static PyObject *do_hypot(const struct function *f, PyObject **v) { return with_floats(f, v, hypotenuse); }

/* The neighbour of x towards y. Floating numbers of one sign are ordered as their bits: up (away from 0) is +1, down is -1;
 * from 0 it is the smallest number with the sign of y. NaN where either is, y where they are equal. */
static int next_after(mlx_array *out, const mlx_array x, const mlx_array y, mlx_stream s) {
  mlx_dtype d = mlx_array_dtype(x), bits = bits_of(d);
  mlx_array u = mlx_array_new(), one = mlx_array_new(), up = mlx_array_new(), t = mlx_array_new(), low = mlx_array_new(), zero = mlx_array_new();
  int status = mlx_view(&u, x, bits, s) || integer(&one, 1, bits) || sign_bit(&t, x, s) || mlx_less(&up, x, y, s) ||
               mlx_not_equal(&up, up, t, s) || mlx_add(&low, u, one, s) || mlx_subtract(&u, u, one, s) || mlx_where(&u, up, low, u, s) ||
               mlx_view(out, u, d, s);
  /* at zero: bits 1, with the sign of y */
  status = status || mlx_ones_like(&u, u, s) || mlx_view(&low, u, d, s) || copy_sign(&low, low, y, s) || mlx_zeros_like(&zero, x, s) ||
           mlx_equal(&t, x, zero, s) || mlx_where(out, t, low, *out, s) || mlx_equal(&t, x, y, s) || mlx_where(out, t, y, *out, s) ||
           mlx_add(&low, x, y, s) || mlx_isnan(&t, x, s) || mlx_isnan(&up, y, s) || mlx_logical_or(&t, t, up, s) ||
           mlx_where(out, t, low, *out, s);
  mlx_array_free(u);
  mlx_array_free(one);
  mlx_array_free(up);
  mlx_array_free(t);
  mlx_array_free(low);
  mlx_array_free(zero);
  return status;
}
static PyObject *do_nextafter(const struct function *f, PyObject **v) { return with_floats(f, v, next_after); }

/* Sorting either way. Descending order is ascending order of the flipped array, flipped: equal ones keep their order. */

static int flip(mlx_array *out, const mlx_array a, int axis, mlx_stream s) {
  int64_t start[MAX_NDIM], stop[MAX_NDIM], step[MAX_NDIM];
  int ndim = (int)mlx_array_ndim(a);
  const int64_t *shape = mlx_ravel_array_shape(a);
  for (int i = 0; i < ndim; i++) start[i] = 0, stop[i] = shape[i], step[i] = 1;
  start[axis] = shape[axis] - 1, stop[axis] = -shape[axis] - 1, step[axis] = -1;
  return mlx_ravel_slice(out, a, start, stop, step, s);
}
PyObject *do_sort(const struct function *f, PyObject **v) { /* a, axis, descending, stable, stream; impl flattened, impl2 axis */
  PyObject *plain[3] = {v[0], v[1], v[4]};
  bool descending;
  if (to_bool(v[2], &descending, false)) return NULL;
  if (!descending) return do_axis(f, plain);
  struct arg a;
  mlx_stream s;
  int axis = -1, status = 0;
  mlx_array out = mlx_array_new(), x = mlx_array_new(), last = mlx_array_new();
  if (to_stream(v[4], &s) || (v[1] && v[1] != Py_None && to_int(v[1], &axis)) || take_arg(v[0], NULL, &a)) return NULL;
  status = v[1] == Py_None ? mlx_flatten(&x, a.h, 0, -1, s) : mlx_array_set(&x, a.h);
  int ndim = (int)mlx_array_ndim(x), k = axis < 0 ? axis + ndim : axis;
  PyObject *r = NULL;
  bool indices = f->impl2 == F(mlx_argsort_axis);
  if (status) raise_error();
  else if (k < 0 || k >= ndim) PyErr_Format(PyExc_IndexError, "[%s] Axis %d is out of bounds for array with %d dimensions.", f->name, axis, ndim);
  else {
    status = flip(&x, x, k, s) || ((axis_op)f->impl2)(&x, x, k, s) || flip(&x, x, k, s);
    if (indices && !status)
      status = integer(&last, mlx_ravel_array_shape(x)[k] - 1, mlx_array_dtype(x)) || mlx_subtract(&x, last, x, s);
    r = RESULT(status || mlx_array_set(&out, x));
  }
  drop_arg(&a);
  mlx_array_free(x);
  mlx_array_free(last);
  return r;
}

/* sum and prod in a dtype. */
PyObject *do_total(const struct function *f, PyObject **v) { /* a, axis, keepdims, dtype, stream */
  mlx_dtype d;
  bool has;
  if (to_dtype(v[3], &d, &has)) return NULL;
  PyObject *cast = NULL, *args[4] = {v[0], v[1], v[2], v[4]};
  if (has) {
    mlx_array h = mlx_array_new(), made = mlx_array_new(), out = mlx_array_new();
    mlx_stream s;
    if (to_stream(v[4], &s) || to_array(v[0], &h, &made)) return NULL;
    int status = mlx_astype(&out, h, d, s);
    mlx_array_free(made);
    if (!(args[0] = cast = array_result(status, out))) return NULL;
  }
  PyObject *r = do_reduce(f, args);
  Py_XDECREF(cast);
  if (!r || !has || mlx_array_dtype(H(r)) == d) return r;
  mlx_array out = mlx_array_new();
  int status = mlx_astype(&out, H(r), d, (mlx_stream){NULL}); /* small integers are summed as int32 */
  Py_DECREF(r);
  return array_result(status, out);
}

/* x, axis, dtype, include_initial, stream; impl: the scan; impl2: what the first element starts from. */
static PyObject *do_cumulative(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  mlx_dtype d;
  int axis = 0, status = 0;
  bool has, initial;
  mlx_array out = mlx_array_new(), x = mlx_array_new(), first = mlx_array_new();
  if (to_stream(v[4], &s) || to_dtype(v[2], &d, &has) || to_bool(v[3], &initial, false) || (given(v[1]) && to_int(v[1], &axis)) ||
      take_arg(v[0], NULL, &a))
    return NULL;
  PyObject *r = NULL;
  int ndim = (int)mlx_array_ndim(a.h), k = axis < 0 ? axis + ndim : axis;
  if (ndim == 0 || (ndim > 1 && !given(v[1]))) {
    PyErr_Format(PyExc_ValueError, "[%s] An array with %d dimensions needs %s.", f->name, ndim, ndim ? "an axis" : "to have one at least");
  } else if (k < 0 || k >= ndim) {
    PyErr_Format(PyExc_IndexError, "[%s] Axis %d is out of bounds for array with %d dimensions.", f->name, axis, ndim);
  } else {
    if (!has) d = mlx_array_dtype(a.h) < MLX_FLOAT16 && mlx_dtype_size(mlx_array_dtype(a.h)) < 4 ? MLX_INT32 : mlx_array_dtype(a.h);
    status = mlx_astype(&x, a.h, d, s) ||
             ((int (*)(mlx_array *, const mlx_array, int, bool, bool, const mlx_stream))f->impl)(&out, x, k, false, true, s);
    if (!status && initial) {
      int64_t shape[MAX_NDIM];
      mlx_vector_array parts = mlx_vector_array_new();
      for (int i = 0; i < ndim; i++) shape[i] = i == k ? 1 : mlx_ravel_array_shape(x)[i];
      mlx_array_free(first);
      first = mlx_array_new_int(f->impl2 == F(mlx_ones));
      status = mlx_ravel_full(&first, shape, ndim, first, d, s) || mlx_vector_array_append_value(parts, first) ||
               mlx_vector_array_append_value(parts, out) || mlx_concatenate_axis(&out, parts, k, s);
      mlx_vector_array_free(parts);
    }
    r = array_result(status, out);
    out.ctx = NULL;
  }
  drop_arg(&a);
  mlx_array_free(x);
  mlx_array_free(first);
  mlx_array_free(out);
  return r;
}

/* __array_namespace_info__() */

static PyObject *do_capabilities(const struct function *f, PyObject **v) {
  (void)f, (void)v;
  return Py_BuildValue("{s:O,s:O,s:i}", "boolean indexing", Py_True, "data-dependent shapes", Py_True, "max dimensions", MAX_NDIM);
}
static PyObject *do_default_device(const struct function *f, PyObject **v) { return (void)f, (void)v, default_device(); }
static PyObject *do_devices(const struct function *f, PyObject **v) {
  (void)f, (void)v;
  PyObject *d = default_device();
  return d ? Py_BuildValue("(N)", d) : NULL;
}
static PyObject *do_default_dtypes(const struct function *f, PyObject **v) { /* self, device */
  (void)f, (void)v;
  return Py_BuildValue("{s:O,s:O,s:O,s:O}", "real floating", core.dtypes[MLX_FLOAT32], "complex floating", core.dtypes[MLX_COMPLEX64],
                       "integral", core.dtypes[MLX_INT32], "indexing", core.dtypes[MLX_INT32]);
}
static PyObject *do_dtypes(const struct function *f, PyObject **v) { /* self, device, kind */
  (void)f;
  static const struct { const char *name; mlx_dtype d; } names[] = {
      {"bool", MLX_BOOL},     {"int8", MLX_INT8},     {"int16", MLX_INT16},     {"int32", MLX_INT32},     {"int64", MLX_INT64},
      {"uint8", MLX_UINT8},   {"uint16", MLX_UINT16}, {"uint32", MLX_UINT32},   {"uint64", MLX_UINT64},   {"float32", MLX_FLOAT32},
      {"float64", MLX_FLOAT64}, {"complex64", MLX_COMPLEX64}};
  PyObject *r = PyDict_New(), *question = PyObject_GetAttrString(core.module, "isdtype");
  for (size_t i = 0; r && question && i < sizeof names / sizeof *names; i++) {
    PyObject *d = core.dtypes[names[i].d], *yes = given(v[2]) ? PyObject_CallFunctionObjArgs(question, d, v[2], NULL) : Py_NewRef(Py_True);
    if (!yes || (yes == Py_True && PyDict_SetItemString(r, names[i].name, d))) Py_CLEAR(r);
    Py_XDECREF(yes);
  }
  if (!question) Py_CLEAR(r);
  Py_XDECREF(question);
  return r;
}
static PyTypeObject *info_type;
static void info_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *do_info(const struct function *f, PyObject **v) {
  (void)f, (void)v;
  return info_type->tp_alloc(info_type, 0);
}

#include "standard.def"

int standard_init(PyObject *module) {
  static PyType_Slot slots[] = {{Py_tp_dealloc, info_dealloc},
                                {Py_tp_doc, "What the array API standard asks about a namespace: its dtypes, devices and capabilities."}, {0}};
  static PyType_Spec spec = {"mlx.core._NamespaceInfo", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  if (!(info_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL))) return -1;
  return functions_add((PyObject *)info_type, info_methods, "_NamespaceInfo") || PyModule_AddType(module, info_type) ||
                 functions_add(module, standard_functions, "mlx.core") ||
                 PyModule_AddObjectRef(module, "bool", core.dtypes[MLX_BOOL]) ||
                 PyModule_AddStringConstant(module, "__array_api_version__", "2024.12")
             ? -1
             : 0;
}
