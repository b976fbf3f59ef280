/* array.c: the array type: construction, operators, attributes, export. Its methods are rows in ops.c. */
#include "core.h"

#include <string.h>
#include <structmember.h>

static PyObject *array_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"val", "dtype", NULL};
  PyObject *val = NULL, *dt = NULL;
  mlx_dtype d;
  bool given;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:array", names, &val, &dt) || to_dtype(dt, &d, &given)) return NULL;
  mlx_array h = mlx_array_new();
  int64_t nothing = 0; /* without a value (a pickle's empty cell; array() itself is refused by init): no elements */
  if (!val && mlx_ravel_array_new_data(&h, &nothing, &nothing, 1, MLX_FLOAT32)) return raise_error();
  if (val && array_from(val, given ? &d : NULL, &h)) {
    mlx_array_free(h);
    return NULL;
  }
  Array *a = (Array *)type->tp_alloc(type, 0);
  if (a) a->h = h;
  else mlx_array_free(h);
  return (PyObject *)a;
}
static int array_initialize(PyObject *self, PyObject *args, PyObject *kwargs) {
  (void)self;
  if (PyTuple_GET_SIZE(args) || (kwargs && PyDict_GetItemString(kwargs, "val"))) return 0;
  PyErr_SetString(PyExc_TypeError, "array() misses argument 'val'");
  return -1;
}

static void array_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  if (((Array *)self)->weakrefs) PyObject_ClearWeakRefs(self);
  mlx_array_free(H(self));
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *array_repr(PyObject *self) {
  mlx_array h;
  mlx_string s = mlx_string_new();
  PyObject *r = NULL;
  if (!hold(self, &h)) r = mlx_array_tostring(&s, h) ? raise_error() : PyUnicode_FromString(mlx_string_data(s));
  mlx_string_free(s);
  mlx_array_free(h);
  return r;
}

/* Operators. Either side may be the foreign one; what is no array and no number is NotImplemented. */

PyObject *array_binary(PyObject *a, PyObject *b, int (*f)(mlx_array *, const mlx_array, const mlx_array, const mlx_stream), PyObject *stream) {
  mlx_array x, y, made_x = mlx_array_new(), made_y = mlx_array_new(), out = mlx_array_new();
  mlx_stream s;
  if (to_stream(stream, &s)) return NULL;
  if (Array_Check(a) && Array_Check(b)) return array_result(f(&out, H(a), H(b), s), out); /* no Python code runs meanwhile */
  int status = to_array_beside(a, b, &x, &made_x) || to_array_beside(b, a, &y, &made_y) ? -1 : 0;
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
BINARY(floor_divide, mlx_floor_divide)
BINARY(remainder, mlx_remainder)
BINARY(matrix_multiply, mlx_matmul)
BINARY(and, mlx_bitwise_and)
BINARY(or, mlx_bitwise_or)
BINARY(xor, mlx_bitwise_xor)
BINARY(lshift, mlx_left_shift)
BINARY(rshift, mlx_right_shift)
static PyObject *nb_true_divide(PyObject *a, PyObject *b) { return operate(a, b, mlx_divide); }
static PyObject *nb_inplace_true_divide(PyObject *a, PyObject *b) {
  if (mlx_array_dtype(H(a)) >= MLX_FLOAT16) return operate_in_place(a, b, mlx_divide);
  PyErr_SetString(PyExc_ValueError, "[divide] In place division cannot make integers or bools floating; write a = a / b.");
  return NULL;
}
static PyObject *nb_power(PyObject *a, PyObject *b, PyObject *mod) {
  if (mod != Py_None) Py_RETURN_NOTIMPLEMENTED; /* no result for want of one beats one without the modulus */
  return operate(a, b, mlx_power);
}
static PyObject *nb_inplace_power(PyObject *a, PyObject *b, PyObject *mod) {
  if (mod != Py_None) Py_RETURN_NOTIMPLEMENTED;
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

struct complex64 {
  float re, im;
};
static double bfloat16_value(uint16_t x) {
  uint32_t u = (uint32_t)x << 16;
  float f;
  memcpy(&f, &u, sizeof f);
  return (double)f;
}
/* n elements that stand `step` bytes apart. -1: one could not be made; those before it stay. */
static int item_objects(mlx_dtype d, const char *p, int64_t step, int64_t n, PyObject **to) {
#define EACH(T, object)                                                                                       \
  for (int64_t i = 0; i < n; i++) {                                                                           \
    T x;                                                                                                      \
    memcpy(&x, p + i * step, sizeof x);                                                                       \
    if (!(to[i] = (object))) return -1;                                                                       \
  }                                                                                                           \
  return 0;
  switch (d) {
  case MLX_BOOL: EACH(uint8_t, PyBool_FromLong(x))
  case MLX_UINT8: EACH(uint8_t, PyLong_FromLong(x))
  case MLX_UINT16: EACH(uint16_t, PyLong_FromLong(x))
  case MLX_UINT32: EACH(uint32_t, PyLong_FromUnsignedLong(x))
  case MLX_UINT64: EACH(uint64_t, PyLong_FromUnsignedLongLong(x))
  case MLX_INT8: EACH(int8_t, PyLong_FromLong(x))
  case MLX_INT16: EACH(int16_t, PyLong_FromLong(x))
  case MLX_INT32: EACH(int32_t, PyLong_FromLong(x))
  case MLX_INT64: EACH(int64_t, PyLong_FromLongLong(x))
  case MLX_FLOAT32: EACH(float, PyFloat_FromDouble((double)x))
  case MLX_FLOAT64: EACH(double, PyFloat_FromDouble(x))
  case MLX_COMPLEX64: EACH(struct complex64, PyComplex_FromDoubles((double)x.re, (double)x.im))
  case MLX_BFLOAT16: EACH(uint16_t, PyFloat_FromDouble(bfloat16_value(x)))
  default: EACH(uint16_t, PyFloat_FromDouble(PyFloat_Unpack2((const char *)&x, PY_LITTLE_ENDIAN)))
  }
#undef EACH
}
PyObject *item_object(mlx_dtype d, const void *p) {
  PyObject *x = NULL;
  return item_objects(d, p, 0, 1, &x) ? NULL : x;
}

static PyObject *item(PyObject *self) {
  if (mlx_array_size(H(self)) != 1) {
    PyErr_Format(PyExc_ValueError, "[convert] Only length-1 arrays can be converted to Python scalars; this one has %zu elements.",
                 mlx_array_size(H(self)));
    return NULL;
  }
  mlx_array h;
  PyObject *r = hold(self, &h) ? NULL : item_object(mlx_array_dtype(h), mlx_ravel_array_data(h));
  mlx_array_free(h);
  return r;
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
  if (d == MLX_BOOL || d >= MLX_FLOAT16 || mlx_array_ndim(H(self))) {
    PyErr_SetString(PyExc_TypeError, "Only a 0-d integer array can be used as an index.");
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
  int64_t step = strides[0] * (int64_t)mlx_dtype_size(d), n = shape[0];
  PyObject *l = PyList_New((Py_ssize_t)n);
  if (l && ndim == 1 && item_objects(d, p, step, n, ((PyListObject *)l)->ob_item)) Py_CLEAR(l);
  for (int64_t i = 0; l && ndim > 1 && i < n; i++) {
    PyObject *x = list_of(d, p + i * step, ndim - 1, shape + 1, strides + 1);
    if (!x) Py_CLEAR(l);
    else PyList_SET_ITEM(l, (Py_ssize_t)i, x);
  }
  return l;
}
static PyObject *tolist(PyObject *self) {
  mlx_array h;
  PyObject *r = NULL;
  if (!hold(self, &h))
    r = list_of(mlx_array_dtype(h), mlx_ravel_array_data(h), (int)mlx_array_ndim(h), mlx_ravel_array_shape(h), mlx_ravel_array_strides(h));
  mlx_array_free(h);
  return r;
}

/* Methods that are no operations */

static PyObject *do_item(const struct function *f, PyObject **v) { return (void)f, item(v[0]); }
static PyObject *do_tolist(const struct function *f, PyObject **v) { return (void)f, tolist(v[0]); }
static PyObject *do_copy(const struct function *f, PyObject **v) {
  (void)f;
  mlx_array h = mlx_array_new();
  int status = mlx_array_set(&h, H(v[0])); /* nodes never change: another cell on the same one is a copy */
  return array_result(status, h);
}
static PyObject *do_format(const struct function *f, PyObject **v) {
  (void)f;
  if (!PyUnicode_Check(v[1])) return PyErr_Format(PyExc_TypeError, "__format__() takes a string, not %R", Py_TYPE(v[1]));
  bool one = mlx_array_ndim(H(v[0])) == 0;
  if (!one && PyUnicode_GET_LENGTH(v[1]))
    return PyErr_Format(PyExc_TypeError, "Only a 0-d array takes a format; \"%U\" was given for one with %zu dimensions.", v[1],
                        mlx_array_ndim(H(v[0])));
  PyObject *value = one ? item(v[0]) : PyObject_Str(v[0]), *r = value ? PyObject_Format(value, v[1]) : NULL;
  Py_XDECREF(value);
  return r;
}
static PyObject *do_complex(const struct function *f, PyObject **v) {
  (void)f;
  PyObject *value = item(v[0]);
  if (!value) return NULL;
  Py_complex c = PyComplex_AsCComplex(value);
  Py_DECREF(value);
  return PyErr_Occurred() ? NULL : PyComplex_FromCComplex(c);
}
static PyObject *do_namespace(const struct function *f, PyObject **v) { /* self, api_version */
  (void)f;
  static const char *const versions[] = {"2021.12", "2022.12", "2023.12", "2024.12"};
  if (!v[1] || v[1] == Py_None) return Py_NewRef(core.module);
  const char *wanted = PyUnicode_Check(v[1]) ? PyUnicode_AsUTF8(v[1]) : NULL;
  for (size_t i = 0; wanted && i < sizeof versions / sizeof *versions; i++)
    if (!strcmp(wanted, versions[i])) return Py_NewRef(core.module);
  return PyErr_Occurred() ? NULL : refuse(PyExc_ValueError, "The array API standard is followed up to 2024.12, not %.200U.", v[1]);
}
/* The device an array may be moved to: memory is unified, so any device that is there has it already. */
static PyObject *do_to_device(const struct function *f, PyObject **v) { /* self, device, stream */
  (void)f;
  mlx_stream s;
  if (to_stream(v[1], &s)) return NULL;
  return Py_NewRef(v[0]);
}

static const struct function plain_methods[] = {
#include "array.def"
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
static PyObject *get_device(PyObject *s, void *c) { return (void)s, (void)c, default_device(); }
static PyObject *get_mT(PyObject *s, void *c) {
  (void)c;
  mlx_array out = mlx_array_new();
  if (mlx_array_ndim(H(s)) < 2)
    return PyErr_Format(PyExc_ValueError, "[matrix_transpose] The array must have at least 2 dimensions, not %zu.", mlx_array_ndim(H(s)));
  int status = mlx_swapaxes(&out, H(s), -1, -2, (mlx_stream){NULL});
  return array_result(status, out);
}
static PyObject *get_at(PyObject *s, void *c) {
  (void)c;
  return at_make(s, NULL);
}
static PyGetSetDef getset[] = {
    {"size", get_size, NULL,
     "size: int\n\nThe number of elements.\n\n"
     ">>> mx.zeros((2, 3)).size\n"
     "6", NULL},
    {"ndim", get_ndim, NULL,
     "ndim: int\n\nThe number of dimensions.\n\n"
     ">>> mx.zeros((2, 3)).ndim\n"
     "2", NULL},
    {"itemsize", get_itemsize, NULL,
     "itemsize: int\n\nThe bytes of one element.\n\n"
     ">>> mx.array([1, 2]).itemsize\n"
     "4", NULL},
    {"nbytes", get_nbytes, NULL,
     "nbytes: int\n\nThe bytes of all elements.\n\n"
     ">>> mx.array([1, 2]).nbytes\n"
     "8", NULL},
    {"shape", get_shape, NULL,
     "shape: tuple[int, ...]\n\nThe size of each dimension.\n\n"
     ">>> mx.zeros((2, 3)).shape\n"
     "(2, 3)", NULL},
    {"dtype", get_dtype, NULL,
     "dtype: Dtype\n\nThe dtype of the elements.\n\n"
     ">>> mx.array([1, 2]).dtype\n"
     "mlx.core.int32", NULL},
    {"device", get_device, NULL,
     "device: Device\n\nThe default device: an array has none of its own, an operation has.\n\n"
     ">>> mx.array([1, 2]).device\n"
     "Device(cpu, 0)", NULL},
    {"T", get_T, NULL,
     "T: array\n\nThe array with its dimensions in reverse order.\n\n"
     ">>> mx.array([[1, 2], [3, 4]]).T\n"
     "array([[1, 3],\n"
     "       [2, 4]], dtype=int32)", NULL},
    {"mT", get_mT, NULL,
     "mT: array\n\nThe array with its last two dimensions exchanged. ValueError for fewer than two.\n\n"
     ">>> mx.zeros((2, 3, 4)).mT.shape\n"
     "(2, 4, 3)", NULL},
    {"real", get_real, NULL,
     "real: array\n\nThe real part of each element.\n\n"
     ">>> mx.array([1 + 2j]).real\n"
     "array([1], dtype=float32)", NULL},
    {"imag", get_imag, NULL,
     "imag: array\n\nThe imaginary part of each element; 0 for real ones.\n\n"
     ">>> mx.array([1 + 2j]).imag\n"
     "array([2], dtype=float32)", NULL},
    {"at", get_at, NULL,
     "at: ArrayAt\n\nUpdates that add up at repeated indices: x.at[indices].add(values) and its kin give a new array.\n\n"
     ">>> mx.zeros(3).at[mx.array([0, 0, 2])].add(1)\n"
     "array([2, 0, 1], dtype=float32)", NULL},
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

int array_init(PyObject *module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, array_new}, {Py_tp_init, array_initialize}, {Py_tp_dealloc, array_dealloc}, {Py_tp_repr, array_repr}, {Py_tp_hash, array_hash},
      {Py_tp_richcompare, array_compare}, {Py_tp_iter, array_iter}, {Py_tp_getset, getset},
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
      {Py_mp_subscript, array_getitem}, {Py_mp_ass_subscript, array_setitem}, {Py_bf_getbuffer, array_get_buffer},
      {Py_bf_releasebuffer, array_release_buffer},
      {Py_tp_doc, "array(val: scalar | list[Any] | tuple[Any, ...] | DLPackCompatible | array, dtype: Dtype | None = None)\n\n"
                  "An N-dimensional array of one dtype, computed when its values are asked for.\n\n"
                  "val: a number, nested lists or tuples of numbers and arrays, a NumPy array, or any object with a buffer or DLPack; always\n"
                  "a copy. Without a dtype numbers are bool, int32 (int64 where they do not fit), float32 or complex64, and float64 of others\n"
                  "becomes float32. ValueError for ragged lists and for a number that does not fit the dtype, TypeError for other objects.\n\n"
                  ">>> mx.array([[1, 2], [3, 4]])\n"
                  "array([[1, 2],\n"
                  "       [3, 4]], dtype=int32)\n"
                  ">>> mx.array([1, 2], dtype=mx.float16)\n"
                  "array([1, 2], dtype=float16)"},
      {0}};
  static PyType_Spec spec = {"mlx.core.array", sizeof(Array), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  static PyType_Slot it_slots[] = {{Py_tp_doc, "An iterator over the first dimension of an array.\n\n>>> [x.item() for x in mx.array([1, 2])]\n[1, 2]"},
                                   {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, iterator_next}, {Py_tp_dealloc, iterator_dealloc}, {0}};
  static PyType_Spec it_spec = {"mlx.core.ArrayIterator", sizeof(Iterator), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, it_slots};
  if (!(core.Array = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL))) return -1;
  if (!(core.ArrayIterator = (PyTypeObject *)PyType_FromModuleAndSpec(module, &it_spec, NULL))) return -1;
  PyObject *priority = PyFloat_FromDouble(1000); /* NumPy leaves mixed operators to us; its functions convert */
  int status = priority ? PyObject_SetAttrString((PyObject *)core.Array, "__array_priority__", priority) : -1;
  Py_XDECREF(priority);
  const struct function *tables[] = {plain_methods, array_methods, order_methods, export_methods, dlpack_methods};
  for (size_t i = 0; i < sizeof tables / sizeof *tables && !status; i++) status = functions_add((PyObject *)core.Array, tables[i], "array");
  return status || PyModule_AddType(module, core.Array) || PyModule_AddType(module, core.ArrayIterator) ? -1 : 0;
}
