/* array.c: the array type: construction, operators, attributes, export. Its methods are rows in ops.c. */
#include "core.h"

#include <string.h>
#include <structmember.h>

static PyObject *array_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"val", "dtype", NULL};
  PyObject *val, *dt = NULL;
  mlx_dtype d;
  bool given;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:array", names, &val, &dt) || to_dtype(dt, &d, &given)) return NULL;
  mlx_array h = mlx_array_new();
  if (array_from(val, given ? &d : NULL, &h)) {
    mlx_array_free(h);
    return NULL;
  }
  Array *a = (Array *)type->tp_alloc(type, 0);
  if (a) a->h = h;
  else mlx_array_free(h);
  return (PyObject *)a;
}

static void array_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  if (((Array *)self)->weakrefs) PyObject_ClearWeakRefs(self);
  mlx_array_free(H(self));
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *array_repr(PyObject *self) {
  if (wait_for(H(self))) return NULL;
  mlx_string s = mlx_string_new();
  PyObject *r = mlx_array_tostring(&s, H(self)) ? raise_error() : PyUnicode_FromString(mlx_string_data(s));
  mlx_string_free(s);
  return r;
}

/* Operators. Either side may be the foreign one; what is no array and no number is NotImplemented. */

PyObject *array_binary(PyObject *a, PyObject *b, int (*f)(mlx_array *, const mlx_array, const mlx_array, const mlx_stream), PyObject *stream) {
  mlx_array x, y, made_x = mlx_array_new(), made_y = mlx_array_new(), out = mlx_array_new();
  mlx_stream s;
  int status = to_stream(stream, &s) || to_array_beside(a, b, &x, &made_x) || to_array_beside(b, a, &y, &made_y) ? -1 : 0;
  PyObject *r = status ? NULL : array_result(f(&out, x, y, s), out);
  mlx_array_free(made_x);
  mlx_array_free(made_y);
  return r;
}
static PyObject *operate(PyObject *a, PyObject *b, int (*f)(mlx_array *, const mlx_array, const mlx_array, const mlx_stream)) {
  if (!Array_Check(a) || !Array_Check(b)) {
    PyObject *other = Array_Check(a) ? b : a;
    if (!is_scalar(other) && !is_array_like(other)) Py_RETURN_NOTIMPLEMENTED;
  }
  return array_binary(a, b, f, NULL);
}
/* In place: the cell gets the result; everybody who has the object sees it. */
static PyObject *operate_in_place(PyObject *a, PyObject *b, int (*f)(mlx_array *, const mlx_array, const mlx_array, const mlx_stream)) {
  PyObject *r = operate(a, b, f);
  if (!r || r == Py_NotImplemented) return r;
  mlx_array h = H(a);
  H(a) = H(r);
  H(r) = h;
  Py_DECREF(r);
  return Py_NewRef(a);
}
#define BINARY(name, f)                                                                                       \
  static PyObject *nb_##name(PyObject *a, PyObject *b) { return operate(a, b, f); }                            \
  static PyObject *nb_inplace_##name(PyObject *a, PyObject *b) { return operate_in_place(a, b, f); }
BINARY(add, mlx_add)
BINARY(subtract, mlx_subtract)
BINARY(multiply, mlx_multiply)
BINARY(true_divide, mlx_divide)
BINARY(floor_divide, mlx_floor_divide)
BINARY(remainder, mlx_remainder)
BINARY(matrix_multiply, mlx_matmul)
BINARY(and, mlx_bitwise_and)
BINARY(or, mlx_bitwise_or)
BINARY(xor, mlx_bitwise_xor)
BINARY(lshift, mlx_left_shift)
BINARY(rshift, mlx_right_shift)
static PyObject *nb_power(PyObject *a, PyObject *b, PyObject *mod) {
  (void)mod;
  return operate(a, b, mlx_power);
}
static PyObject *nb_inplace_power(PyObject *a, PyObject *b, PyObject *mod) {
  (void)mod;
  return operate_in_place(a, b, mlx_power);
}

static PyObject *unary(PyObject *a, int (*f)(mlx_array *, const mlx_array, const mlx_stream)) {
  mlx_array out = mlx_array_new();
  int status = f(&out, H(a), (mlx_stream){NULL});
  return array_result(status, out);
}
static PyObject *nb_negative(PyObject *a) { return unary(a, mlx_negative); }
static PyObject *nb_absolute(PyObject *a) { return unary(a, mlx_abs); }
static PyObject *nb_invert(PyObject *a) { return unary(a, mlx_bitwise_invert); }
static PyObject *nb_positive(PyObject *a) { return Py_NewRef(a); }

static PyObject *array_compare(PyObject *a, PyObject *b, int op) {
  static int (*const f[])(mlx_array *, const mlx_array, const mlx_array, const mlx_stream) = {mlx_less,      mlx_less_equal, mlx_equal,
                                                                                              mlx_not_equal, mlx_greater,    mlx_greater_equal};
  if (!is_array_like(b)) {
    if (op == Py_EQ) Py_RETURN_FALSE;
    if (op == Py_NE) Py_RETURN_TRUE;
    Py_RETURN_NOTIMPLEMENTED;
  }
  return array_binary(a, b, f[op], NULL);
}

/* Values */

PyObject *item_object(mlx_dtype d, const void *p) {
  uint16_t h;
  switch (d) {
  case MLX_BOOL: return PyBool_FromLong(*(const uint8_t *)p);
  case MLX_UINT8: return PyLong_FromLong(*(const uint8_t *)p);
  case MLX_UINT16: return PyLong_FromLong(*(const uint16_t *)p);
  case MLX_UINT32: return PyLong_FromUnsignedLong(*(const uint32_t *)p);
  case MLX_UINT64: return PyLong_FromUnsignedLongLong(*(const uint64_t *)p);
  case MLX_INT8: return PyLong_FromLong(*(const int8_t *)p);
  case MLX_INT16: return PyLong_FromLong(*(const int16_t *)p);
  case MLX_INT32: return PyLong_FromLong(*(const int32_t *)p);
  case MLX_INT64: return PyLong_FromLongLong(*(const int64_t *)p);
  case MLX_FLOAT32: return PyFloat_FromDouble((double)*(const float *)p);
  case MLX_FLOAT64: return PyFloat_FromDouble(*(const double *)p);
  case MLX_COMPLEX64: return PyComplex_FromDoubles((double)((const float *)p)[0], (double)((const float *)p)[1]);
  case MLX_BFLOAT16: {
    uint32_t u;
    float f;
    memcpy(&h, p, 2);
    u = (uint32_t)h << 16;
    memcpy(&f, &u, 4);
    return PyFloat_FromDouble((double)f);
  }
  default: return PyFloat_FromDouble(PyFloat_Unpack2(p, 1));
  }
}

static PyObject *item(PyObject *self) {
  if (mlx_array_size(H(self)) != 1) {
    PyErr_Format(PyExc_ValueError, "[convert] Only length-1 arrays can be converted to Python scalars; this one has %zu elements.",
                 mlx_array_size(H(self)));
    return NULL;
  }
  if (wait_for(H(self))) return NULL;
  return item_object(mlx_array_dtype(H(self)), mlx_ravel_array_data(H(self)));
}
static PyObject *nb_through(PyObject *self, PyObject *(*f)(PyObject *)) {
  PyObject *v = item(self), *r = v ? f(v) : NULL;
  Py_XDECREF(v);
  return r;
}
static PyObject *nb_int(PyObject *self) { return nb_through(self, PyNumber_Long); }
static PyObject *nb_float(PyObject *self) { return nb_through(self, PyNumber_Float); }
static PyObject *nb_index(PyObject *self) {
  mlx_dtype d = mlx_array_dtype(H(self));
  if (d == MLX_BOOL || d >= MLX_FLOAT16) {
    PyErr_SetString(PyExc_TypeError, "only integer arrays of one element can be used as an index");
    return NULL;
  }
  return item(self);
}
static int nb_bool(PyObject *self) {
  PyObject *v = item(self);
  int t = v ? PyObject_IsTrue(v) : -1;
  Py_XDECREF(v);
  return t;
}
static Py_ssize_t array_length(PyObject *self) {
  if (mlx_array_ndim(H(self)) == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-dimensional array");
    return -1;
  }
  return (Py_ssize_t)mlx_ravel_array_shape(H(self))[0];
}

static PyObject *list_of(mlx_dtype d, const char *p, int ndim, const int64_t *shape, const int64_t *strides) {
  if (ndim == 0) return item_object(d, p);
  PyObject *l = PyList_New((Py_ssize_t)shape[0]);
  for (int64_t i = 0; l && i < shape[0]; i++) {
    PyObject *x = list_of(d, p + i * strides[0] * (int64_t)mlx_dtype_size(d), ndim - 1, shape + 1, strides + 1);
    if (!x) Py_CLEAR(l);
    else PyList_SET_ITEM(l, (Py_ssize_t)i, x);
  }
  return l;
}
static PyObject *tolist(PyObject *self) {
  if (wait_for(H(self))) return NULL;
  mlx_array h = H(self);
  return list_of(mlx_array_dtype(h), mlx_ravel_array_data(h), (int)mlx_array_ndim(h), mlx_ravel_array_shape(h), mlx_ravel_array_strides(h));
}

/* Export: the buffer protocol over the array's own memory, pinned meanwhile. */

struct exported {
  void *pin;
  char format[3];
  Py_ssize_t shape[MAX_NDIM], strides[MAX_NDIM];
};
static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
  static const char formats[][3] = {"?", "B", "H", "I", "Q", "b", "h", "i", "q", "e", "f", "d", "", "Zf"};
  view->obj = NULL;
  mlx_array h = H(self);
  mlx_dtype d = mlx_array_dtype(h);
  if (d == MLX_BFLOAT16) {
    PyErr_SetString(PyExc_BufferError, "bfloat16 has no buffer format: convert with astype(mx.float32) first");
    return -1;
  }
  if (wait_for(h)) return -1;
  bool contiguous = mlx_ravel_array_is_contiguous(h);
  bool strided = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
  if (!contiguous && (!strided || flags & (PyBUF_C_CONTIGUOUS | PyBUF_ANY_CONTIGUOUS) & ~PyBUF_STRIDES)) {
    PyErr_SetString(PyExc_BufferError, "the array is not contiguous");
    return -1;
  }
  struct exported *e = PyMem_Malloc(sizeof *e);
  if (!e || mlx_ravel_array_pin(&e->pin, h)) {
    if (!e) PyErr_NoMemory();
    else raise_error();
    PyMem_Free(e);
    return -1;
  }
  memcpy(e->format, formats[d], 3);
  int n = (int)mlx_array_ndim(h);
  for (int i = 0; i < n; i++) {
    e->shape[i] = (Py_ssize_t)mlx_ravel_array_shape(h)[i];
    e->strides[i] = (Py_ssize_t)(mlx_ravel_array_strides(h)[i] * (int64_t)mlx_dtype_size(d));
  }
  *view = (Py_buffer){.buf = mlx_ravel_array_data(h), .obj = Py_NewRef(self), .len = (Py_ssize_t)mlx_array_nbytes(h),
                      .itemsize = (Py_ssize_t)mlx_dtype_size(d), .readonly = 0, .ndim = n, .internal = e,
                      .format = flags & PyBUF_FORMAT ? e->format : NULL, .shape = flags & PyBUF_ND ? e->shape : NULL,
                      .strides = strided ? e->strides : NULL};
  return 0;
}
static void release_buffer(PyObject *self, Py_buffer *view) {
  (void)self;
  struct exported *e = view->internal;
  mlx_ravel_array_unpin(e->pin);
  PyMem_Free(e);
}

/* NumPy asks here when it needs more than the buffer: another dtype, or bfloat16 (as float32, as MLX does not offer it). */
static PyObject *array_to_numpy(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"dtype", "copy", NULL};
  PyObject *dt = Py_None, *copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:__array__", names, &dt, &copy)) return NULL;
  PyObject *numpy = PyImport_ImportModule("numpy"), *view = NULL, *r = NULL;
  if (!numpy) return NULL;
  if (mlx_array_dtype(H(self)) == MLX_BFLOAT16) {
    mlx_array wide = mlx_array_new();
    int status = mlx_astype(&wide, H(self), MLX_FLOAT32, (mlx_stream){NULL});
    PyObject *x = array_result(status, wide);
    view = x ? PyMemoryView_FromObject(x) : NULL;
    Py_XDECREF(x);
  } else {
    view = PyMemoryView_FromObject(self);
  }
  if (view) r = PyObject_CallMethod(numpy, copy == Py_False ? "asarray" : "array", "OO", view, dt);
  Py_XDECREF(view);
  Py_DECREF(numpy);
  return r;
}

static PyObject *array_reduce(PyObject *self, PyObject *unused) {
  (void)unused;
  PyObject *args = PyTuple_New(0), *state = NULL, *r = NULL;
  mlx_array flat = mlx_array_new();
  if (args && !mlx_contiguous(&flat, H(self), false, (mlx_stream){NULL}) && !wait_for(flat)) {
    PyObject *bytes = PyBytes_FromStringAndSize(mlx_ravel_array_data(flat), (Py_ssize_t)mlx_array_nbytes(flat)), *shape = shape_tuple(flat);
    state = bytes && shape ? Py_BuildValue("(iNN)", (int)mlx_array_dtype(flat), shape, bytes) : NULL;
    PyObject *make = state ? PyObject_GetAttrString(core.module, "_array_from_state") : NULL;
    r = make ? Py_BuildValue("(NN)", make, state) : NULL;
  } else if (!PyErr_Occurred()) {
    raise_error();
  }
  mlx_array_free(flat);
  Py_XDECREF(args);
  return r;
}
static PyObject *array_from_state(PyObject *module, PyObject *args) {
  (void)module;
  int d, n;
  PyObject *shape;
  const char *data;
  Py_ssize_t len;
  int64_t dims[MAX_NDIM], size = 1;
  if (!PyArg_ParseTuple(args, "iOy#", &d, &shape, &data, &len) || to_shape(shape, dims, &n)) return NULL;
  for (int i = 0; i < n; i++) size *= dims[i];
  if (d < 0 || d > MLX_COMPLEX64 || size * (int64_t)mlx_dtype_size((mlx_dtype)d) != len) {
    PyErr_SetString(PyExc_ValueError, "The pickled array is damaged.");
    return NULL;
  }
  mlx_array h = mlx_array_new();
  int status = mlx_ravel_array_new_data(&h, data, dims, n, (mlx_dtype)d);
  return array_result(status, h);
}
static PyObject *array_copy(PyObject *self, PyObject *memo) {
  (void)memo;
  mlx_array h = mlx_array_new();
  int status = mlx_array_set(&h, H(self)); /* nodes never change: another cell on the same one is a copy */
  return array_result(status, h);
}
static PyObject *array_format(PyObject *self, PyObject *spec) {
  PyObject *v = mlx_array_ndim(H(self)) == 0 ? item(self) : PyObject_Str(self), *r = v ? PyObject_Format(v, spec) : NULL;
  Py_XDECREF(v);
  return r;
}
static PyObject *array_item(PyObject *self, PyObject *unused) {
  (void)unused;
  return item(self);
}
static PyObject *array_tolist(PyObject *self, PyObject *unused) {
  (void)unused;
  return tolist(self);
}
static PyObject *array_complex(PyObject *self, PyObject *unused) {
  (void)unused;
  PyObject *v = item(self);
  if (!v) return NULL;
  Py_complex c = PyComplex_AsCComplex(v);
  Py_DECREF(v);
  return PyErr_Occurred() ? NULL : PyComplex_FromCComplex(c);
}
static PyObject *array_namespace(PyObject *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"api_version", NULL};
  PyObject *version = Py_None;
  (void)self;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:__array_namespace__", names, &version)) return NULL;
  return Py_NewRef(core.module);
}

/* DLPack by way of NumPy's implementation of it over our buffer: no copy, pinned until the consumer is done. */
static PyObject *array_dlpack(PyObject *self, PyObject *args, PyObject *kwargs) {
  (void)args;
  PyObject *view = PyMemoryView_FromObject(self), *numpy = view ? PyImport_ImportModule("numpy") : NULL;
  PyObject *a = numpy ? PyObject_CallMethod(numpy, "asarray", "O", view) : NULL, *f = a ? PyObject_GetAttrString(a, "__dlpack__") : NULL;
  PyObject *none = PyTuple_New(0), *kw = PyDict_New(), *r = NULL;
  PyObject *stream = kwargs ? PyDict_GetItemString(kwargs, "stream") : NULL;
  if (f && none && kw && (!stream || !PyDict_SetItemString(kw, "stream", stream))) r = PyObject_Call(f, none, kw);
  Py_XDECREF(none);
  Py_XDECREF(kw);
  Py_XDECREF(f);
  Py_XDECREF(a);
  Py_XDECREF(numpy);
  Py_XDECREF(view);
  return r;
}
static PyObject *array_dlpack_device(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  return Py_BuildValue("(ii)", 1, 0);
}

static PyMethodDef methods[] = {
    {"item", array_item, METH_NOARGS, "item(self) -> scalar\n\nThe value of an array of size 1 as a Python number. Evaluates it."},
    {"tolist", array_tolist, METH_NOARGS, "tolist(self) -> list_or_scalar\n\nThe values as nested lists. Evaluates the array."},
    {"__copy__", array_copy, METH_NOARGS, "__copy__(self) -> array"},
    {"__deepcopy__", array_copy, METH_O, "__deepcopy__(self, memo: dict) -> array"},
    {"__reduce__", array_reduce, METH_NOARGS, "__reduce__(self) -> tuple"},
    {"__format__", array_format, METH_O, "__format__(self, spec: str) -> str"},
    {"__complex__", array_complex, METH_NOARGS, "__complex__(self) -> complex"},
    {"__array__", (PyCFunction)(void (*)(void))array_to_numpy, METH_VARARGS | METH_KEYWORDS,
     "__array__(self, dtype: object | None = None, copy: object | None = None) -> NDArray"},
    {"__array_namespace__", (PyCFunction)(void (*)(void))array_namespace, METH_VARARGS | METH_KEYWORDS,
     "__array_namespace__(self, api_version: str | None = None) -> types.ModuleType"},
    {"__dlpack__", (PyCFunction)(void (*)(void))array_dlpack, METH_VARARGS | METH_KEYWORDS,
     "__dlpack__(self, *, stream: object | None = None, max_version: object | None = None, dl_device: tuple[int, int] | None = None, "
     "copy: bool | None = None) -> NDArray"},
    {"__dlpack_device__", array_dlpack_device, METH_NOARGS, "__dlpack_device__(self) -> tuple"},
    {0}};

static PyObject *get_size(PyObject *s, void *c) { return (void)c, PyLong_FromSize_t(mlx_array_size(H(s))); }
static PyObject *get_ndim(PyObject *s, void *c) { return (void)c, PyLong_FromSize_t(mlx_array_ndim(H(s))); }
static PyObject *get_itemsize(PyObject *s, void *c) { return (void)c, PyLong_FromSize_t(mlx_array_itemsize(H(s))); }
static PyObject *get_nbytes(PyObject *s, void *c) { return (void)c, PyLong_FromSize_t(mlx_array_nbytes(H(s))); }
static PyObject *get_shape(PyObject *s, void *c) { return (void)c, shape_tuple(H(s)); }
static PyObject *get_dtype(PyObject *s, void *c) { return (void)c, Py_NewRef(core.dtypes[mlx_array_dtype(H(s))]); }
static PyObject *get_T(PyObject *s, void *c) { return (void)c, unary(s, mlx_transpose); }
static PyObject *get_real(PyObject *s, void *c) { return (void)c, unary(s, mlx_real); }
static PyObject *get_imag(PyObject *s, void *c) { return (void)c, unary(s, mlx_imag); }
static PyObject *get_mT(PyObject *s, void *c) {
  (void)c;
  mlx_array out = mlx_array_new();
  int status = mlx_swapaxes(&out, H(s), -1, -2, (mlx_stream){NULL});
  return array_result(status, out);
}
static PyObject *get_at(PyObject *s, void *c) {
  (void)c;
  return PyObject_CallOneArg((PyObject *)core.ArrayAt, s);
}
static PyGetSetDef getset[] = {{"size", get_size, NULL, "Number of elements.", NULL},
                               {"ndim", get_ndim, NULL, "Number of dimensions.", NULL},
                               {"itemsize", get_itemsize, NULL, "Bytes of one element.", NULL},
                               {"nbytes", get_nbytes, NULL, "Bytes of all elements.", NULL},
                               {"shape", get_shape, NULL, "The size of each dimension, a tuple.", NULL},
                               {"dtype", get_dtype, NULL, "The Dtype.", NULL},
                               {"T", get_T, NULL, "The transpose: all dimensions reversed.", NULL},
                               {"mT", get_mT, NULL, "The last two dimensions exchanged.", NULL},
                               {"real", get_real, NULL, "The real part.", NULL},
                               {"imag", get_imag, NULL, "The imaginary part.", NULL},
                               {"at", get_at, NULL, "x.at[index].add(value) and its kin: updates that add up at repeated indices.", NULL},
                               {0}};
static PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(Array, weakrefs), READONLY, NULL}, {0}};

/* Iteration over the first dimension. */
typedef struct {
  PyObject_HEAD
  PyObject *array;
  Py_ssize_t at;
} Iterator;
static PyObject *array_iter(PyObject *self) {
  if (array_length(self) < 0) return NULL;
  Iterator *it = (Iterator *)core.ArrayIterator->tp_alloc(core.ArrayIterator, 0);
  if (it) it->array = Py_NewRef(self);
  return (PyObject *)it;
}
static PyObject *iterator_next(PyObject *self) {
  Iterator *it = (Iterator *)self;
  if (it->at >= array_length(it->array)) return NULL;
  PyObject *i = PyLong_FromSsize_t(it->at++), *r = i ? array_getitem(it->array, i) : NULL;
  Py_XDECREF(i);
  return r;
}
static void iterator_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  Py_XDECREF(((Iterator *)self)->array);
  type->tp_free(self);
  Py_DECREF(type);
}
static Py_hash_t array_hash(PyObject *self) { return (Py_hash_t)((uintptr_t)self >> 4); }

static PyMethodDef module_functions[] = {{"_array_from_state", array_from_state, METH_VARARGS, NULL}, {0}};

int array_init(PyObject *module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, array_new}, {Py_tp_dealloc, array_dealloc}, {Py_tp_repr, array_repr}, {Py_tp_hash, array_hash},
      {Py_tp_richcompare, array_compare}, {Py_tp_iter, array_iter}, {Py_tp_methods, methods}, {Py_tp_getset, getset},
      {Py_tp_members, members}, {Py_nb_add, nb_add}, {Py_nb_subtract, nb_subtract}, {Py_nb_multiply, nb_multiply},
      {Py_nb_true_divide, nb_true_divide}, {Py_nb_floor_divide, nb_floor_divide}, {Py_nb_remainder, nb_remainder},
      {Py_nb_power, nb_power}, {Py_nb_matrix_multiply, nb_matrix_multiply}, {Py_nb_and, nb_and}, {Py_nb_or, nb_or}, {Py_nb_xor, nb_xor},
      {Py_nb_lshift, nb_lshift}, {Py_nb_rshift, nb_rshift}, {Py_nb_inplace_add, nb_inplace_add},
      {Py_nb_inplace_subtract, nb_inplace_subtract}, {Py_nb_inplace_multiply, nb_inplace_multiply},
      {Py_nb_inplace_true_divide, nb_inplace_true_divide}, {Py_nb_inplace_floor_divide, nb_inplace_floor_divide},
      {Py_nb_inplace_remainder, nb_inplace_remainder}, {Py_nb_inplace_power, nb_inplace_power},
      {Py_nb_inplace_matrix_multiply, nb_inplace_matrix_multiply}, {Py_nb_inplace_and, nb_inplace_and}, {Py_nb_inplace_or, nb_inplace_or},
      {Py_nb_inplace_xor, nb_inplace_xor}, {Py_nb_inplace_lshift, nb_inplace_lshift}, {Py_nb_inplace_rshift, nb_inplace_rshift},
      {Py_nb_negative, nb_negative}, {Py_nb_absolute, nb_absolute}, {Py_nb_invert, nb_invert}, {Py_nb_positive, nb_positive},
      {Py_nb_int, nb_int}, {Py_nb_float, nb_float}, {Py_nb_index, nb_index}, {Py_nb_bool, nb_bool}, {Py_mp_length, array_length},
      {Py_mp_subscript, array_getitem}, {Py_mp_ass_subscript, array_setitem}, {Py_bf_getbuffer, get_buffer},
      {Py_bf_releasebuffer, release_buffer},
      {Py_tp_doc, "array(val: scalar | list | tuple | DLPackCompatible | array, dtype: Dtype | None = None)\n\nAn N-dimensional array of "
                  "one dtype, computed lazily."},
      {0}};
  static PyType_Spec spec = {"mlx.core.array", sizeof(Array), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  static PyType_Slot it_slots[] = {{Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, iterator_next}, {Py_tp_dealloc, iterator_dealloc}, {0}};
  static PyType_Spec it_spec = {"mlx.core.ArrayIterator", sizeof(Iterator), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, it_slots};
  if (!(core.Array = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL))) return -1;
  if (!(core.ArrayIterator = (PyTypeObject *)PyType_FromModuleAndSpec(module, &it_spec, NULL))) return -1;
  PyObject *priority = PyFloat_FromDouble(1000); /* NumPy leaves mixed operators to us */
  int status = priority ? PyObject_SetAttrString((PyObject *)core.Array, "__array_priority__", priority) : -1;
  Py_XDECREF(priority);
  if (status || functions_add((PyObject *)core.Array, array_methods, "mlx.core.array") ||
      functions_add((PyObject *)core.Array, order_methods, "mlx.core.array")) return -1;
  if (PyObject_SetAttrString((PyObject *)core.Array, "__array_ufunc__", Py_None)) return -1;
  return PyModule_AddFunctions(module, module_functions) || PyModule_AddType(module, core.Array) ||
                 PyModule_AddType(module, core.ArrayIterator)
             ? -1
             : 0;
}
