/* export.c: arrays as buffers, NumPy arrays, bytes and pickles.
 * Invariant: what is exported shares the array's memory, which is pinned until the consumer lets go. */
#include "ops_handlers.h"

struct exported {
  void *pin;
  char format[3];
  Py_ssize_t shape[MAX_NDIM], strides[MAX_NDIM];
};
static int fill_view(PyObject *self, mlx_array h, struct exported *e, Py_buffer *view, int flags) {
  static const char formats[][3] = {"?", "B", "H", "I", "Q", "b", "h", "i", "q", "e", "f", "d", "", "Zf"};
  mlx_dtype d = mlx_array_dtype(h);
  if (d == MLX_BFLOAT16 && flags & PyBUF_FORMAT) {
    PyErr_SetString(PyExc_BufferError, "bfloat16 has no buffer format: use numpy.asarray (with ml_dtypes), view(mx.uint16) or astype(mx.float32)");
    return -1;
  }
  bool contiguous = mlx_ravel_array_is_contiguous(h);
  bool strided = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
  if (!contiguous && (!strided || flags & (PyBUF_C_CONTIGUOUS | PyBUF_ANY_CONTIGUOUS) & ~PyBUF_STRIDES)) {
    PyErr_SetString(PyExc_BufferError, "the array is not contiguous");
    return -1;
  }
  bool read_only = mlx_ravel_array_is_read_only(h);
  if (read_only && flags & PyBUF_WRITABLE) {
    PyErr_SetString(PyExc_BufferError, "the array lies in read-only memory of others");
    return -1;
  }
  if (mlx_ravel_array_pin(&e->pin, h)) {
    raise_error();
    return -1;
  }
  memcpy(e->format, formats[d], 3);
  int n = (int)mlx_array_ndim(h);
  for (int i = 0; i < n; i++) {
    e->shape[i] = (Py_ssize_t)mlx_ravel_array_shape(h)[i];
    e->strides[i] = (Py_ssize_t)(mlx_ravel_array_strides(h)[i] * (int64_t)mlx_dtype_size(d));
  }
  *view = (Py_buffer){.buf = mlx_ravel_array_data(h), .obj = Py_NewRef(self), .len = (Py_ssize_t)mlx_array_nbytes(h),
                      .itemsize = (Py_ssize_t)mlx_dtype_size(d), .readonly = read_only, .ndim = n, .internal = e,
                      .format = flags & PyBUF_FORMAT ? e->format : NULL, .shape = flags & PyBUF_ND ? e->shape : NULL,
                      .strides = strided ? e->strides : NULL};
  return 0;
}
/* The array whose export a signal's handler stopped last: NumPy drops the exception and asks for __array__ next, which raises it. */
static _Thread_local PyObject *stopped;
int array_get_buffer(PyObject *self, Py_buffer *view, int flags) {
  view->obj = NULL;
  stopped = NULL;
  struct exported *e = PyMem_Malloc(sizeof *e);
  if (!e) {
    PyErr_NoMemory();
    return -1;
  }
  mlx_array h;
  int status = hold_apart(self, &h) ? -1 : fill_view(self, h, e, view, flags);
  mlx_array_free(h);
  if (status) PyMem_Free(e);
  if (status && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) stopped = self;
  return status;
}
void array_release_buffer(PyObject *self, Py_buffer *view) {
  (void)self;
  struct exported *e = view->internal;
  mlx_ravel_array_unpin(e->pin);
  PyMem_Free(e);
}

/* NumPy's array over the same memory. bfloat16 goes as its bits and is named by ml_dtypes. */
static PyObject *numpy_view(PyObject *self, PyObject *numpy) {
  bool brain = mlx_array_dtype(H(self)) == MLX_BFLOAT16;
  mlx_array bits = mlx_array_new(), h;
  if (hold_apart(self, &h)) {
    mlx_array_free(h);
    return NULL;
  }
  PyObject *source = !brain ? Py_NewRef(self)
                            : array_result(mlx_view(&bits, h, MLX_UINT16, (mlx_stream){NULL}) ? raise_error(), 1 : 0, bits);
  mlx_array_free(h);
  PyObject *view = source ? PyMemoryView_FromObject(source) : NULL, *a = view ? PyObject_CallMethod(numpy, "asarray", "O", view) : NULL;
  Py_XDECREF(source);
  Py_XDECREF(view);
  if (!a || !brain) return a;
  PyObject *ml = PyImport_ImportModule("ml_dtypes"), *type = ml ? PyObject_GetAttrString(ml, "bfloat16") : NULL;
  if (!ml && PyErr_ExceptionMatches(PyExc_ImportError))
    PyErr_SetString(PyExc_TypeError, "NumPy has no bfloat16: install ml_dtypes, or convert with astype(mx.float32) first");
  PyObject *r = type ? PyObject_CallMethod(a, "view", "O", type) : NULL;
  Py_XDECREF(type);
  Py_XDECREF(ml);
  Py_DECREF(a);
  return r;
}
/* What NumPy calls when it asks for more than the buffer. copy: True a copy in any case, False never, None where it must be. */
static PyObject *do_numpy(const struct function *f, PyObject **v) { /* self, dtype, copy */
  (void)f;
  if (stopped == v[0]) {
    stopped = NULL;
    return PyErr_SetNone(PyExc_KeyboardInterrupt), NULL;
  }
  PyObject *numpy = PyImport_ImportModule("numpy"), *r = numpy ? numpy_view(v[0], numpy) : NULL, *wanted = NULL;
  if (r && v[1] && v[1] != Py_None && (wanted = PyObject_CallMethod(numpy, "dtype", "O", v[1]))) {
    PyObject *have = PyObject_GetAttrString(r, "dtype");
    int same = have ? PyObject_RichCompareBool(have, wanted, Py_EQ) : -1;
    Py_XDECREF(have);
    if (same == 0 && v[2] == Py_False) PyErr_SetString(PyExc_ValueError, "Unable to avoid a copy while converting an array to another dtype.");
    if (same == 0 && !PyErr_Occurred()) Py_SETREF(r, PyObject_CallMethod(r, "astype", "O", wanted));
    else if (same == 1 && v[2] == Py_True) Py_SETREF(r, PyObject_CallMethod(r, "copy", NULL));
  } else if (r && v[2] == Py_True) {
    Py_SETREF(r, PyObject_CallMethod(r, "copy", NULL));
  }
  Py_XDECREF(wanted);
  Py_XDECREF(numpy);
  if (PyErr_Occurred()) Py_CLEAR(r);
  return r;
}

/* The elements in row-major order. */
static PyObject *bytes_of(PyObject *self) {
  mlx_array flat = mlx_array_new();
  PyObject *r = NULL;
  if (mlx_contiguous(&flat, H(self), false, (mlx_stream){NULL})) raise_error();
  else if (!wait_for(flat)) r = PyBytes_FromStringAndSize(mlx_ravel_array_data(flat), (Py_ssize_t)mlx_array_nbytes(flat));
  mlx_array_free(flat);
  return r;
}
static PyObject *do_bytes(const struct function *f, PyObject **v) { return (void)f, bytes_of(v[0]); }

/* Pickles: (bytes, dtype's number, shape). MLX's own, of a buffer and the number, are read too. */
static PyObject *do_getstate(const struct function *f, PyObject **v) {
  (void)f;
  PyObject *bytes = bytes_of(v[0]), *shape = bytes ? shape_tuple(H(v[0])) : NULL;
  return shape ? Py_BuildValue("(NiN)", bytes, (int)mlx_array_dtype(H(v[0])), shape) : (Py_XDECREF(bytes), NULL);
}
static int from_state(PyObject *state, mlx_array *h) {
  Py_buffer b;
  int d, n = 0;
  PyObject *data, *shape = NULL;
  int64_t dims[MAX_NDIM], size = 1;
  if (!PyArg_ParseTuple(state, "Oi|O:__setstate__", &data, &d, &shape)) return -1;
  if ((shape && to_shape(shape, dims, &n)) || PyObject_GetBuffer(data, &b, PyBUF_CONTIG_RO)) return -1;
  if (!shape && b.ndim <= MAX_NDIM)
    for (n = 0; n < b.ndim; n++) dims[n] = b.shape[n];
  bool good = d >= 0 && d <= MLX_COMPLEX64;
  for (int i = 0; i < n && good; i++) good = dims[i] >= 0 && !__builtin_mul_overflow(size, dims[i], &size);
  good = good && !__builtin_mul_overflow(size, (int64_t)mlx_dtype_size((mlx_dtype)d), &size) && size == b.len;
  if (!good) PyErr_SetString(PyExc_ValueError, "The pickled array is damaged.");
  else if (mlx_ravel_array_new_data(h, b.buf, dims, n, (mlx_dtype)d)) raise_error(), good = false;
  PyBuffer_Release(&b);
  return good ? 0 : -1;
}
static PyObject *do_setstate(const struct function *f, PyObject **v) {
  (void)f;
  mlx_array h = mlx_array_new();
  if (!PyTuple_Check(v[1])) return PyErr_Format(PyExc_TypeError, "__setstate__ takes a tuple, not %R", Py_TYPE(v[1]));
  if (from_state(v[1], &h)) return NULL;
  mlx_array old = H(v[0]);
  H(v[0]) = h;
  mlx_array_free(old);
  Py_RETURN_NONE;
}
/* reversed(): of the array itself Python would not know that it is a sequence. */
static PyObject *do_reversed(const struct function *f, PyObject **v) {
  (void)f;
  PyObject *minus = PyLong_FromLong(-1), *all = minus && PyObject_Size(v[0]) >= 0 ? PySlice_New(NULL, NULL, minus) : NULL;
  PyObject *turned = all ? PyObject_GetItem(v[0], all) : NULL, *r = turned ? PyObject_GetIter(turned) : NULL;
  Py_XDECREF(minus);
  Py_XDECREF(all);
  Py_XDECREF(turned);
  return r;
}
/* copyreg.__newobj__(type): an empty cell, which __setstate__ fills. */
static PyObject *do_pickle(const struct function *f, PyObject **v) {
  PyObject *copyreg = PyImport_ImportModule("copyreg"), *make = copyreg ? PyObject_GetAttrString(copyreg, "__newobj__") : NULL;
  PyObject *state = make ? do_getstate(f, v) : NULL, *r = state ? Py_BuildValue("(N(O)N)", make, Py_TYPE(v[0]), state) : NULL;
  if (make && !r) Py_DECREF(make);
  Py_XDECREF(copyreg);
  return r;
}

const struct function export_methods[] = {
    {"__array__", "(self, dtype: object | None = None, copy: bool | None = None) -> NDArray[Any]",
     "A NumPy array over the same memory, or a copy where dtype or copy ask for one.\n\n"
     "bfloat16 becomes ml_dtypes.bfloat16, a TypeError where that package is missing. ValueError where copy=False and the dtype\n"
     "differs.\n\n"
     ">>> mx.array([1, 2]).__array__()\n"
     "array([1, 2], dtype=int32)",
     do_numpy, NULL, NULL},
    {"__bytes__", "(self) -> bytes",
     "The bytes of the elements in row-major order.\n\n"
     ">>> bytes(mx.array([1, 2], dtype=mx.uint8))\n"
     "b'\\x01\\x02'",
     do_bytes, NULL, NULL},
    {"__getstate__", "(self) -> tuple[Any, ...]",
     "What a pickle holds: bytes, the dtype's number, the shape.\n\n"
     ">>> mx.array([7], dtype=mx.uint8).__getstate__()\n"
     "(b'\\x07', 1, (1,))",
     do_getstate, NULL, NULL},
    {"__setstate__", "(self, arg: tuple[Any, ...], /) -> None",
     "Makes this the array that a pickle held. ValueError where the parts do not fit together.\n\n"
     ">>> x = mx.array(0)\n"
     ">>> x.__setstate__((b'\\x07', 1, (1,)))\n"
     ">>> x\n"
     "array([7], dtype=uint8)",
     do_setstate, NULL, NULL},
    {"__reversed__", "(self) -> ArrayIterator",
     "An iterator over the first dimension from its end. TypeError for a 0-d array.\n\n"
     ">>> [x.item() for x in reversed(mx.array([1, 2, 3]))]\n"
     "[3, 2, 1]",
     do_reversed, NULL, NULL},
    {"__reduce__", "(self) -> tuple[Any, ...]",
     "How pickle and copy make the array again.\n\n"
     ">>> import pickle\n"
     ">>> pickle.loads(pickle.dumps(mx.array([1, 2])))\n"
     "array([1, 2], dtype=int32)",
     do_pickle, NULL, NULL},
    {0}};
