/* convert.c: from Python's values to ours, and errors to exceptions. */
#include "core.h"

#include <string.h>

PyObject *raise_error(void) {
  static PyObject **const classes[] = {&PyExc_RuntimeError, &PyExc_RuntimeError, &PyExc_ValueError,  &PyExc_TypeError,
                                       &PyExc_IndexError,   &PyExc_MemoryError,  &PyExc_NotImplementedError, &PyExc_RuntimeError};
  if (!PyErr_Occurred()) PyErr_SetString(*classes[mlx_ravel_error_class()], mlx_ravel_error_text());
  return NULL;
}

/* Constants, and short lists of them: what prints at once and runs no foreign code. */
static bool is_plain(PyObject *o, int depth) {
  if (PyUnicode_CheckExact(o) || PyLong_CheckExact(o) || PyFloat_CheckExact(o) || PyBool_Check(o) || o == Py_None || PyType_Check(o)) return true;
  if (depth == 0 || !(PyTuple_CheckExact(o) || PyList_CheckExact(o)) || PySequence_Fast_GET_SIZE(o) > 16) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++)
    if (!is_plain(PySequence_Fast_GET_ITEM(o, i), depth - 1)) return false;
  return true;
}
PyObject *refuse(PyObject *error, const char *format, PyObject *o) {
  PyObject *text = PyObject_Repr(is_plain(o, 2) ? o : (PyObject *)Py_TYPE(o));
  if (!text) PyErr_Clear(); /* an integer of too many digits, a metaclass */
  if (text) PyErr_Format(error, format, text);
  else PyErr_SetString(error, "An argument is of a wrong kind, and cannot be shown.");
  Py_XDECREF(text);
  return NULL;
}

PyObject *array_take(mlx_array h) {
  Array *a = (Array *)core.Array->tp_alloc(core.Array, 0);
  if (a) a->h = h;
  else mlx_array_free(h);
  return (PyObject *)a;
}
PyObject *array_result(int status, mlx_array h) {
  if (!status) return array_take(h);
  mlx_array_free(h);
  return raise_error();
}

int to_int64(PyObject *o, int64_t *v) {
  PyObject *i = PyNumber_Index(o);
  if (!i) return -1;
  *v = PyLong_AsLongLong(i);
  Py_DECREF(i);
  return *v == -1 && PyErr_Occurred() ? -1 : 0;
}
int to_int(PyObject *o, int *v) {
  int64_t wide;
  if (to_int64(o, &wide)) return -1;
  if (wide < INT32_MIN || wide > INT32_MAX) {
    PyErr_Format(PyExc_ValueError, "The integer %lld does not fit 32 bits.", (long long)wide);
    return -1;
  }
  *v = (int)wide;
  return 0;
}
int to_bool(PyObject *o, bool *v, bool fallback) {
  *v = fallback;
  if (!o || o == Py_None) return 0;
  int t = PyObject_IsTrue(o);
  *v = t > 0;
  return t < 0 ? -1 : 0;
}
int to_double(PyObject *o, double *v, double fallback) {
  *v = fallback;
  if (!o || o == Py_None) return 0;
  *v = PyFloat_AsDouble(o);
  return *v == -1 && PyErr_Occurred() ? -1 : 0;
}

PyObject *settled(PyObject *o, const char *what) {
  if (PySequence_Check(o) || Py_TYPE(o)->tp_iter) return PySequence_Tuple(o);
  return PyErr_Format(PyExc_TypeError, "expected %s, not %R", what, Py_TYPE(o));
}
int to_shape(PyObject *o, int64_t *v, int *n) {
  *n = 0;
  if (PyIndex_Check(o) && !PyList_Check(o) && !PyTuple_Check(o) && !(Array_Check(o) && mlx_array_ndim(H(o)))) {
    *n = 1;
    return to_int64(o, v);
  }
  PyObject *seq = settled(o, "an integer or a sequence of integers");
  if (!seq) return -1;
  Py_ssize_t len = PyTuple_GET_SIZE(seq);
  int status = 0;
  if (len > MAX_NDIM) {
    PyErr_Format(PyExc_ValueError, "At most %d integers are possible here, not %zd.", MAX_NDIM, len);
    status = -1;
  }
  for (Py_ssize_t i = 0; i < len && !status; i++) status = to_int64(PyTuple_GET_ITEM(seq, i), &v[i]);
  *n = (int)len;
  Py_DECREF(seq);
  return status;
}
int to_ints(PyObject *o, int *v, int *n) {
  *n = -1;
  if (!o || o == Py_None) return 0;
  int64_t wide[MAX_NDIM];
  if (to_shape(o, wide, n)) return -1;
  for (int i = 0; i < *n; i++) {
    if (wide[i] < INT32_MIN || wide[i] > INT32_MAX) {
      PyErr_Format(PyExc_ValueError, "The integer %lld does not fit 32 bits.", (long long)wide[i]);
      return -1;
    }
    v[i] = (int)wide[i];
  }
  return 0;
}

int to_dtype(PyObject *o, mlx_dtype *d, bool *given) {
  bool has = o && o != Py_None;
  if (given) *given = has;
  if (!has) return 0;
  if (Py_TYPE(o) == core.Dtype) {
    *d = ((Dtype *)o)->d;
    return 0;
  }
  if (o == (PyObject *)&PyBool_Type) *d = MLX_BOOL;
  else if (o == (PyObject *)&PyLong_Type) *d = MLX_INT32;
  else if (o == (PyObject *)&PyFloat_Type) *d = MLX_FLOAT32;
  else if (o == (PyObject *)&PyComplex_Type) *d = MLX_COMPLEX64;
  else {
    refuse(PyExc_TypeError, "expected a Dtype, not %.200U", o);
    return -1;
  }
  return 0;
}

int to_stream(PyObject *o, mlx_stream *s) {
  s->ctx = NULL;
  if (!o || o == Py_None) return 0;
  if (Py_TYPE(o) == core.Stream || Py_TYPE(o) == core.ThreadLocalStream) {
    *s = ((Stream *)o)->s;
    return 0;
  }
  mlx_device d = {NULL};
  if (Py_TYPE(o) == core.Device) d = mlx_device_new_type(((Device *)o)->type, ((Device *)o)->index);
  else if (Py_TYPE(o) == core.DeviceType) d = mlx_device_new_type((mlx_device_type)((EnumValue *)o)->value, 0);
  if (!d.ctx) {
    refuse(PyExc_TypeError, "expected a Stream, a Device or a DeviceType, not %.200U", o);
    return -1;
  }
  if (mlx_get_default_stream(s, d)) {
    raise_error();
    return -1;
  }
  return 0;
}

/* A NumPy scalar: of a type below numpy.generic, looked up once NumPy is there. */
static bool is_numpy_scalar(PyObject *o) {
  static PyObject *generic;
  if (!generic) {
    PyObject *numpy = PyDict_GetItemString(PyImport_GetModuleDict(), "numpy");
    generic = numpy ? PyObject_GetAttrString(numpy, "generic") : NULL;
    PyErr_Clear();
  }
  return generic && PyType_Check(generic) && PyObject_TypeCheck(o, (PyTypeObject *)generic);
}

bool is_scalar(PyObject *o) { return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o) || PyComplex_CheckExact(o); }

/* Asked of the type first: NumPy's getter of __array_interface__ builds a dict, and some versions lose memory by it. */
bool has_special(PyObject *o, const char *name) {
  return PyObject_HasAttrString((PyObject *)Py_TYPE(o), name) || PyObject_HasAttrString(o, name);
}
bool is_array_like(PyObject *o) {
  if (o == Py_None || PyUnicode_Check(o)) return false;
  return Array_Check(o) || is_scalar(o) || PyObject_CheckBuffer(o) || has_special(o, "__mlx_array__") ||
         has_special(o, "__array_interface__") || has_special(o, "__dlpack__");
}

static int scalar(PyObject *o, bool has_other, mlx_dtype other, mlx_array *h) {
  int64_t i = 0;
  double re = 0, im = 0;
  mlx_ravel_scalar_kind kind;
  if (PyBool_Check(o)) {
    kind = MLX_RAVEL_BOOL;
    i = o == Py_True;
  } else if (PyLong_Check(o)) {
    int overflow;
    kind = MLX_RAVEL_INT;
    i = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow && has_other && other >= MLX_FLOAT16) { /* beside floats a large integer is a number like any other */
      kind = MLX_RAVEL_FLOAT;
      if (to_double(o, &re, 0)) return -1;
    } else if (overflow > 0 && (!has_other || other == MLX_UINT64)) {
      uint64_t u = PyLong_AsUnsignedLongLong(o);
      if (PyErr_Occurred()) return PyErr_Clear(), refuse(PyExc_ValueError, "The integer %.200U does not fit 64 bits.", o), -1;
      if (mlx_ravel_array_new_data(h, &u, NULL, 0, MLX_UINT64)) goto fail;
      return 0;
    } else if (overflow) {
      refuse(PyExc_ValueError, "The integer %.200U does not fit the dtype.", o);
      return -1;
    }
  } else if (PyFloat_Check(o)) {
    kind = MLX_RAVEL_FLOAT;
    re = PyFloat_AS_DOUBLE(o);
  } else {
    kind = MLX_RAVEL_COMPLEX;
    re = PyComplex_RealAsDouble(o);
    im = PyComplex_ImagAsDouble(o);
  }
  if (!mlx_ravel_scalar(h, kind, i, re, im, has_other, other)) return 0;
fail:
  raise_error();
  return -1;
}

/* A handle of our own, of an Array too: what is converted after it may run Python code that rebinds the Array. */
int to_array(PyObject *o, mlx_array *h, mlx_array *made) {
  if (array_from(o, NULL, made)) {
    mlx_array_free(*made);
    *made = mlx_array_new();
    return -1;
  }
  *h = *made;
  return 0;
}
int to_array_beside(PyObject *o, PyObject *other, mlx_array *h, mlx_array *made) {
  if (Array_Check(o)) return to_array(o, h, made);
  bool has = Array_Check(other);
  if (!is_scalar(o)) {
    if (!has || !is_numpy_scalar(o)) return to_array(o, h, made);
    /* beside an array NumPy's scalars are as weak as Python's numbers, which most of them turn into */
    PyObject *number = PyObject_CallMethod(o, "item", NULL);
    if (!number) return -1;
    int status = is_scalar(number) ? to_array_beside(number, other, h, made) : to_array(o, h, made);
    Py_DECREF(number);
    return status;
  }
  if (scalar(o, has, has ? mlx_array_dtype(H(other)) : MLX_BOOL, made)) return -1;
  *h = *made;
  return 0;
}

PyObject *shape_tuple(const mlx_array h) {
  int n = (int)mlx_array_ndim(h);
  const int64_t *shape = mlx_ravel_array_shape(h);
  PyObject *t = PyTuple_New(n);
  for (int i = 0; t && i < n; i++) {
    PyObject *d = PyLong_FromLongLong(shape[i]);
    if (!d) Py_CLEAR(t);
    else PyTuple_SET_ITEM(t, i, d);
  }
  return t;
}

static int poll_signals(void *ctx) {
  (void)ctx;
  if (PyGILState_Check()) { /* who waits with the GIL lets others have it: one of them may compute what is waited for */
    Py_BEGIN_ALLOW_THREADS;
    Py_END_ALLOW_THREADS;
    return PyErr_CheckSignals();
  }
  PyGILState_STATE g;
  if (!gil_take(&g)) return 0;
  int status = PyErr_CheckSignals();
  gil_give(g);
  return status;
}

void heed_signals(void) { mlx_ravel_set_poll(poll_signals, NULL); }

static void *release_gil(void) {
  heed_signals();
  return PyEval_SaveThread();
}
static void take_gil(void *thread) { PyEval_RestoreThread(thread); }

int wait_for(mlx_array h) {
  if (mlx_ravel_array_is_evaluated(h)) return 0;
  if (mlx_ravel_array_eval_under(h, release_gil, take_gil)) return raise_error(), -1;
  return 0;
}

int hold(PyObject *self, mlx_array *h) {
  *h = mlx_array_new();
  if (mlx_array_set(h, H(self))) return raise_error(), -1;
  return wait_for(*h);
}

int hold_apart(PyObject *self, mlx_array *h) {
  if (hold(self, h)) return -1;
  bool repeats = false;
  for (size_t d = 0; d < mlx_array_ndim(*h); d++)
    repeats |= mlx_ravel_array_strides(*h)[d] == 0 && mlx_ravel_array_shape(*h)[d] > 1;
  if (!repeats || mlx_array_size(*h) == 0) return 0;
  void *seen = h->ctx;
  if (mlx_contiguous(h, *h, false, (mlx_stream){NULL})) return raise_error(), -1;
  if (wait_for(*h)) return -1;
  if (H(self).ctx == seen && mlx_array_set(&H(self), *h)) return raise_error(), -1;
  return 0;
}

/* Construction. A nested list is measured first, then written. */

struct nest {
  int ndim;
  int64_t shape[MAX_NDIM];
  int rank; /* 0 bool, 1 int, 2 float, 3 complex */
  bool wide, unsigned_wide; /* an integer beyond int32; beyond int64 */
  bool arrays;
};

static bool is_number(PyObject *o) { return PyBool_Check(o) || PyLong_Check(o) || PyFloat_Check(o) || PyComplex_Check(o); }

/* Where an array is met, `arrays` is set: then the parts are stacked, and stacking checks the form. */
static int measure(PyObject *o, struct nest *s, int depth) {
  if (PyList_Check(o) || PyTuple_Check(o)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    if (depth == MAX_NDIM) {
      PyErr_Format(PyExc_ValueError, "A list is nested more than %d deep.", MAX_NDIM);
      return -1;
    }
    if (depth >= s->ndim) s->shape[s->ndim++] = n;
    if (s->shape[depth] != n && !s->arrays) {
      PyErr_SetString(PyExc_ValueError, "Initialization encountered a ragged list: its parts differ in length.");
      return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
      PyObject *x = PySequence_Fast_GET_ITEM(o, i);
      bool list = PyList_Check(x) || PyTuple_Check(x);
      if (!list && depth + 1 < s->ndim && is_number(x) && !s->arrays) {
        PyErr_SetString(PyExc_ValueError, "Initialization encountered a ragged list: numbers beside lists.");
        return -1;
      }
      if (list && i > 0 && depth + 1 >= s->ndim && !s->arrays) {
        PyErr_SetString(PyExc_ValueError, "Initialization encountered a ragged list: lists beside numbers.");
        return -1;
      }
      if (measure(x, s, depth + 1)) return -1;
    }
    return 0;
  }
  int rank;
  if (PyBool_Check(o)) rank = 0;
  else if (PyLong_Check(o)) {
    int overflow;
    int64_t v = PyLong_AsLongLongAndOverflow(o, &overflow);
    s->wide |= overflow || v > INT32_MAX || v < INT32_MIN;
    s->unsigned_wide |= overflow > 0;
    rank = 1;
  } else if (PyFloat_Check(o)) rank = 2;
  else if (PyComplex_Check(o)) rank = 3;
  else {
    s->arrays = true;
    return 0;
  }
  if (rank > s->rank) s->rank = rank;
  return 0;
}

/* Of an int or a float, without asking a subclass's methods: they could change the list that is being read. */
static double plain_double(PyObject *o) { return PyFloat_Check(o) ? PyFloat_AS_DOUBLE(o) : PyLong_AsDouble(o); }

static int fill(PyObject *o, const struct nest *s, char **at) {
  if (PyList_Check(o) || PyTuple_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++)
      if (fill(PySequence_Fast_GET_ITEM(o, i), s, at)) return -1;
    return 0;
  }
  if (s->rank <= 1 && s->unsigned_wide) {
    uint64_t v = PyLong_AsUnsignedLongLong(o);
    memcpy(*at, &v, 8);
  } else if (s->rank <= 1) {
    int64_t v = PyLong_AsLongLong(o);
    memcpy(*at, &v, 8);
  } else if (s->rank == 2) {
    double v = plain_double(o);
    memcpy(*at, &v, 8);
  } else {
    float v[2] = {0};
    if (PyComplex_Check(o)) v[0] = (float)PyComplex_RealAsDouble(o), v[1] = (float)PyComplex_ImagAsDouble(o);
    else v[0] = (float)plain_double(o);
    memcpy(*at, v, 8);
  }
  *at += 8;
  return PyErr_Occurred() ? -1 : 0;
}

static int cast_in_place(mlx_array *h, mlx_dtype d) {
  if (mlx_array_dtype(*h) == d) return 0;
  if (!mlx_astype(h, *h, d, (mlx_stream){NULL})) return 0;
  raise_error();
  return -1;
}

/* Lists that hold arrays: each level is stacked. */
static int stack_list(PyObject *o, mlx_array *h) {
  mlx_vector_array parts = mlx_vector_array_new();
  int status = 0;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o) && !status; i++) {
    mlx_array part, made = mlx_array_new();
    PyObject *x = Py_NewRef(PySequence_Fast_GET_ITEM(o, i)); /* its conversion may take it out of the list */
    status = to_array(x, &part, &made);
    Py_DECREF(x);
    if (!status && mlx_vector_array_append_value(parts, part)) status = -1, raise_error();
    mlx_array_free(made);
  }
  if (!status && mlx_stack(h, parts, (mlx_stream){NULL})) status = -1, raise_error();
  mlx_vector_array_free(parts);
  return status;
}

/* The usual dtypes of numbers are written in place of the wide ones, so that a short list needs no operation. */
static mlx_dtype narrow_numbers(char *data, int64_t n, mlx_dtype have, mlx_dtype want) {
  bool floats = have == MLX_FLOAT64 && want == MLX_FLOAT32, ints = have == MLX_INT64 && want == MLX_INT32;
  if (!floats && !ints) return have;
  for (int64_t i = 0; i < n; i++) {
    int64_t wide;
    double real;
    memcpy(&wide, data + 8 * i, 8);
    memcpy(&real, data + 8 * i, 8);
    if (floats) memcpy(data + 4 * i, &(float){(float)real}, 4);
    else memcpy(data + 4 * i, &(int32_t){(int32_t)wide}, 4);
  }
  return want;
}

static int from_list(PyObject *o, const mlx_dtype *dtype, mlx_array *h) {
  struct nest s = {0};
  if (measure(o, &s, 0)) return -1;
  if (s.arrays) return stack_list(o, h) || (dtype && cast_in_place(h, *dtype)) ? -1 : 0;
  int64_t n = 1;
  for (int i = 0; i < s.ndim; i++) n *= s.shape[i];
  char *data = PyMem_Malloc((size_t)n * 8 + 8), *at = data;
  if (!data) {
    PyErr_NoMemory();
    return -1;
  }
  static const mlx_dtype natural[] = {MLX_INT64, MLX_INT64, MLX_FLOAT64, MLX_COMPLEX64};
  int status = fill(o, &s, &at);
  mlx_dtype have = s.unsigned_wide && s.rank <= 1 ? MLX_UINT64 : natural[s.rank];
  static const mlx_dtype usual[] = {MLX_BOOL, MLX_INT32, MLX_FLOAT32, MLX_COMPLEX64};
  mlx_dtype want = dtype ? *dtype : s.rank == 1 && s.wide ? have : usual[s.rank];
  if (!status && !(s.rank == 1 && s.wide)) have = narrow_numbers(data, n, have, want);
  if (!status && mlx_ravel_array_new_data(h, data, s.shape, s.ndim, have)) status = -1, raise_error();
  PyMem_Free(data);
  if (status) return -1;
  if (n == 0 && !dtype) return cast_in_place(h, MLX_FLOAT32);
  if (cast_in_place(h, want)) return -1;
  return wait_for(*h);
}

/* The dtype of a buffer format; -1 where there is none. *narrow: the dtype it becomes by default. */
static int format_dtype(const char *f, Py_ssize_t size, mlx_dtype *narrow) {
  if (*f == '@' || *f == '=' || *f == '<') f++;
  int d = -1;
  switch (*f) {
  case '?': d = MLX_BOOL; break;
  case 'b': case 'h': case 'i': case 'l': case 'q': case 'n':
    d = size == 1 ? MLX_INT8 : size == 2 ? MLX_INT16 : size == 4 ? MLX_INT32 : MLX_INT64;
    break;
  case 'c': case 'B': case 'H': case 'I': case 'L': case 'Q': case 'N':
    d = size == 1 ? MLX_UINT8 : size == 2 ? MLX_UINT16 : size == 4 ? MLX_UINT32 : MLX_UINT64;
    break;
  case 'e': d = MLX_FLOAT16; break;
  case 'f': d = MLX_FLOAT32; break;
  case 'd': d = MLX_FLOAT64; break;
  case 'Z': d = f[1] == 'f' ? MLX_COMPLEX64 : -1; break;
  }
  *narrow = d == MLX_FLOAT64 ? MLX_FLOAT32 : (mlx_dtype)d;
  return d;
}

static void copy_strided(char *dst, const char *src, const Py_buffer *b, int dim) {
  Py_ssize_t n = b->shape[dim], inner = b->itemsize;
  for (int d = dim + 1; d < b->ndim; d++) inner *= b->shape[d];
  if (dim == b->ndim - 1 && b->strides[dim] == b->itemsize) {
    memcpy(dst, src, (size_t)(n * b->itemsize));
    return;
  }
  for (Py_ssize_t i = 0; i < n; i++, dst += inner, src += b->strides[dim]) {
    if (dim == b->ndim - 1) memcpy(dst, src, (size_t)b->itemsize);
    else copy_strided(dst, src, b, dim + 1);
  }
}

/* 1: this buffer cannot be read but perhaps NumPy can (asked for by `quietly`). */
static int from_buffer(PyObject *o, const mlx_dtype *dtype, mlx_array *h, bool bfloat, bool quietly) {
  Py_buffer b;
  if (PyObject_GetBuffer(o, &b, PyBUF_STRIDES | PyBUF_FORMAT)) return quietly ? (PyErr_Clear(), 1) : -1;
  mlx_dtype narrow;
  int have = format_dtype(b.format ? b.format : "B", b.itemsize, &narrow), status = 0;
  if (bfloat) have = MLX_BFLOAT16, narrow = MLX_BFLOAT16;
  if (have < 0 && quietly) {
    PyBuffer_Release(&b);
    return 1;
  }
  if (have < 0 || b.ndim > MAX_NDIM) {
    PyErr_Format(PyExc_ValueError, "An array cannot be made of a buffer with format \"%s\" and %d dimensions.", b.format ? b.format : "B",
                 b.ndim);
    status = -1;
  } else {
    int64_t shape[MAX_NDIM];
    for (int i = 0; i < b.ndim; i++) shape[i] = b.shape[i];
    bool whole = PyBuffer_IsContiguous(&b, 'C');
    char *copy = whole ? NULL : PyMem_Malloc((size_t)b.len + 1);
    if (copy && b.len) copy_strided(copy, b.buf, &b, 0);
    if (!whole && !copy) status = -1, PyErr_NoMemory();
    else if (mlx_ravel_array_new_data(h, whole ? b.buf : copy, shape, b.ndim, (mlx_dtype)have)) status = -1, raise_error();
    PyMem_Free(copy);
  }
  PyBuffer_Release(&b);
  if (!status && (dtype || narrow != (mlx_dtype)have)) status = cast_in_place(h, dtype ? *dtype : narrow);
  return status ? status : wait_for(*h);
}

/* Objects that NumPy understands but the buffer protocol does not carry: bfloat16 of ml_dtypes, complex128, NumPy scalars. */
static int from_foreign(PyObject *o, const mlx_dtype *dtype, mlx_array *h) {
  PyObject *numpy = NULL, *a = NULL;
  int status = -1;
  if (has_special(o, "__mlx_array__")) {
    PyObject *x = PyObject_CallMethod(o, "__mlx_array__", NULL);
    if (x && Array_Check(x)) status = mlx_array_set(h, H(x)) || (dtype && cast_in_place(h, *dtype)) ? -1 : 0;
    else if (x) PyErr_SetString(PyExc_TypeError, "__mlx_array__ did not return an array");
    Py_XDECREF(x);
    return status;
  }
  if (!(numpy = PyImport_ImportModule("numpy"))) return -1;
  a = PyObject_CallMethod(numpy, "asarray", "O", o);
  PyObject *dt = a ? PyObject_GetAttrString(a, "dtype") : NULL, *name = dt ? PyObject_GetAttrString(dt, "name") : NULL;
  const char *text = name ? PyUnicode_AsUTF8(name) : NULL;
  PyObject *b = NULL;
  bool bfloat = text && !strcmp(text, "bfloat16");
  if (text && bfloat) b = PyObject_CallMethod(a, "view", "s", "uint16");
  else if (text && !strcmp(text, "complex128")) b = PyObject_CallMethod(a, "astype", "s", "complex64");
  else if (text && !strcmp(text, "object")) PyErr_Format(PyExc_ValueError, "An array cannot be made of %R", Py_TYPE(o));
  else if (text) b = Py_NewRef(a);
  if (b) status = from_buffer(b, dtype, h, bfloat, false);
  Py_XDECREF(b);
  Py_XDECREF(name);
  Py_XDECREF(dt);
  Py_XDECREF(a);
  Py_DECREF(numpy);
  return status;
}

int array_from(PyObject *o, const mlx_dtype *dtype, mlx_array *h) {
  if (Array_Check(o)) {
    if (mlx_array_set(h, H(o))) return -1;
    return dtype ? cast_in_place(h, *dtype) : 0;
  }
  if (is_scalar(o)) {
    if (!dtype) return scalar(o, false, MLX_BOOL, h);
    if (PyLong_Check(o) && !PyBool_Check(o) && *dtype != MLX_BOOL) return scalar(o, true, *dtype, h);
    if (PyFloat_Check(o) && *dtype >= MLX_FLOAT16) return scalar(o, true, *dtype, h);
    return scalar(o, false, MLX_BOOL, h) ? -1 : cast_in_place(h, *dtype);
  }
  if (PyList_Check(o) || PyTuple_Check(o)) return from_list(o, dtype, h);
  if (PyObject_CheckBuffer(o)) {
    int status = from_buffer(o, dtype, h, false, true);
    if (status <= 0) return status;
  }
  if (has_special(o, "__array_interface__") || has_special(o, "__mlx_array__")) return from_foreign(o, dtype, h);
  if (PyObject_CheckBuffer(o)) return from_buffer(o, dtype, h, false, false);
  if (has_special(o, "__dlpack__")) {
    if (from_dlpack(o, true, h)) return -1;
    bool wide = mlx_array_dtype(*h) == MLX_FLOAT64;
    return dtype ? cast_in_place(h, *dtype) : wide ? cast_in_place(h, MLX_FLOAT32) : 0;
  }
  if (has_special(o, "__array__")) return from_foreign(o, dtype, h);
  PyErr_Format(PyExc_TypeError, "An array cannot be made of %R", Py_TYPE(o));
  return -1;
}

static int set_module(PyObject *type) {
  PyObject *name = PyUnicode_FromString("mlx.core");
  int bad = name ? PyObject_SetAttrString(type, "__module__", name) : -1;
  Py_XDECREF(name);
  return bad;
}
PyObject *named_tuple(PyObject *t, const char *name, const char *fields) {
  PyObject *dict = PyModule_GetDict(core.module), *type = t ? PyDict_GetItemString(dict, name) : NULL, *made = NULL;
  if (t && !type) {
    PyObject *collections = PyImport_ImportModule("collections");
    type = made = collections ? PyObject_CallMethod(collections, "namedtuple", "ss", name, fields) : NULL;
    if (made && (set_module(made) || PyDict_SetItemString(dict, name, made)))
      type = NULL;
    Py_XDECREF(collections);
  }
  PyObject *r = type ? PyObject_Call(type, t, NULL) : NULL;
  Py_XDECREF(made);
  Py_XDECREF(t);
  return r;
}
