/* types.c: dtypes and their categories, devices, streams, and what is asked of them. */
#include "core.h"

#include <float.h>
#include <string.h>

static PyTypeObject *make_type(PyObject *module, PyType_Spec *spec) {
  PyTypeObject *t = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
  if (t && PyModule_AddType(module, t)) Py_CLEAR(t);
  return t;
}
static void plain_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

/* Dtype */

static const char *const dtype_names[] = {"bool",  "uint8", "uint16",  "uint32",  "uint64",  "int8",     "int16",
                                          "int32", "int64", "float16", "float32", "float64", "bfloat16", "complex64"};
static PyObject *dtype_repr(PyObject *s) { return PyUnicode_FromFormat("mlx.core.%s", dtype_names[((Dtype *)s)->d]); }
static Py_hash_t dtype_hash(PyObject *s) { return 7919 + ((Dtype *)s)->d; }
static PyObject *same(PyObject *a, PyObject *b, int op, bool equal) {
  if (op != Py_EQ && op != Py_NE) Py_RETURN_NOTIMPLEMENTED;
  (void)a, (void)b;
  return PyBool_FromLong(equal == (op == Py_EQ));
}
static PyObject *dtype_compare(PyObject *a, PyObject *b, int op) {
  return same(a, b, op, Py_TYPE(b) == core.Dtype && ((Dtype *)a)->d == ((Dtype *)b)->d);
}
static PyObject *dtype_size(PyObject *s, void *c) { return (void)c, PyLong_FromSize_t(mlx_dtype_size(((Dtype *)s)->d)); }
static PyObject *dtype_reduce(PyObject *s, PyObject *unused) {
  (void)unused;
  PyObject *get = PyObject_GetAttrString(core.module, "_dtype_by_number");
  return get ? Py_BuildValue("(N(i))", get, (int)((Dtype *)s)->d) : NULL;
}
static PyObject *dtype_by_number(PyObject *m, PyObject *arg) {
  (void)m;
  int i;
  if (to_int(arg, &i)) return NULL;
  if (i < 0 || i > MLX_COMPLEX64) return PyErr_Format(PyExc_ValueError, "There is no dtype number %d.", i);
  return Py_NewRef(core.dtypes[i]);
}
static PyGetSetDef dtype_getset[] = {{"size", dtype_size, NULL, "size: int\n\nThe bytes of one element.\n\n>>> mx.float16.size\n2", NULL}, {0}};
static PyMethodDef dtype_methods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, NULL}, {0}};

/* Enumerations: DeviceType and DtypeCategory. */

static PyObject *enum_repr(PyObject *s) { return PyUnicode_FromString(((EnumValue *)s)->name); }
static PyObject *enum_name(PyObject *s, void *c) {
  (void)c;
  return PyUnicode_FromString(strchr(((EnumValue *)s)->name, '.') + 1);
}
static PyObject *enum_value(PyObject *s, void *c) { return (void)c, PyLong_FromLong(((EnumValue *)s)->value); }
static Py_hash_t enum_hash(PyObject *s) { return 104729 + ((EnumValue *)s)->value; }
static PyObject *enum_reduce(PyObject *s, PyObject *ignored) { /* the attribute of its type */
  (void)ignored;
  PyObject *builtins = PyImport_ImportModule("builtins"), *get = builtins ? PyObject_GetAttrString(builtins, "getattr") : NULL;
  PyObject *r = get ? Py_BuildValue("N(Os)", get, Py_TYPE(s), strchr(((EnumValue *)s)->name, '.') + 1) : NULL;
  Py_XDECREF(builtins);
  return r;
}
static PyMethodDef enum_methods[] = {{"__reduce__", enum_reduce, METH_NOARGS, NULL}, {0}};
static PyObject *device_compare(PyObject *a, PyObject *b, int op);
static PyGetSetDef enum_getset[] = {
    {"name", enum_name, NULL, "name: str\n\nIts name.\n\n>>> mx.cpu.name\n'cpu'", NULL},
    {"value", enum_value, NULL, "value: int\n\nIts number.\n\n>>> mx.cpu.value\n0", NULL},
    {0}};

static int add_enum(PyObject *module, PyTypeObject *type, const char *full_name, int value, PyObject **keep) {
  EnumValue *e = (EnumValue *)type->tp_alloc(type, 0);
  if (!e) return -1;
  e->value = value;
  e->name = full_name;
  const char *name = strchr(full_name, '.') + 1;
  int status = PyObject_SetAttrString((PyObject *)type, name, (PyObject *)e) || PyModule_AddObjectRef(module, name, (PyObject *)e) ? -1 : 0;
  if (keep) *keep = Py_NewRef(e);
  Py_DECREF(e);
  return status;
}

/* A category is the set of dtypes it holds, as bits. */
enum { C_COMPLEX = 1 << MLX_COMPLEX64, C_FLOATING = 1 << MLX_FLOAT16 | 1 << MLX_FLOAT32 | 1 << MLX_FLOAT64 | 1 << MLX_BFLOAT16,
       C_SIGNED = 1 << MLX_INT8 | 1 << MLX_INT16 | 1 << MLX_INT32 | 1 << MLX_INT64,
       C_UNSIGNED = 1 << MLX_UINT8 | 1 << MLX_UINT16 | 1 << MLX_UINT32 | 1 << MLX_UINT64,
       C_INTEGER = C_SIGNED | C_UNSIGNED, C_INEXACT = C_COMPLEX | C_FLOATING, C_NUMBER = C_INTEGER | C_INEXACT,
       C_GENERIC = C_NUMBER | 1 << MLX_BOOL };

/* Devices */

static PyObject *device_object(mlx_device_type type, int index) {
  Device *d = (Device *)core.Device->tp_alloc(core.Device, 0);
  if (d) d->type = type, d->index = index;
  return (PyObject *)d;
}
static int to_device(PyObject *o, mlx_device *d) {
  if (Py_TYPE(o) == core.Device) *d = mlx_device_new_type(((Device *)o)->type, ((Device *)o)->index);
  else if (Py_TYPE(o) == core.DeviceType) *d = mlx_device_new_type((mlx_device_type)((EnumValue *)o)->value, 0);
  else {
    refuse(PyExc_TypeError, "expected a Device or a DeviceType, not %.200U", o);
    return -1;
  }
  return 0;
}
static PyObject *device_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"type", "index", NULL};
  PyObject *t;
  int index = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|i:Device", names, core.DeviceType, &t, &index)) return NULL;
  Device *d = (Device *)type->tp_alloc(type, 0);
  if (d) d->type = (mlx_device_type)((EnumValue *)t)->value, d->index = index;
  return (PyObject *)d;
}
static PyObject *device_repr(PyObject *s) {
  Device *d = (Device *)s;
  return PyUnicode_FromFormat("Device(%s, %d)", d->type == MLX_GPU ? "gpu" : "cpu", d->index);
}
static PyObject *device_type(PyObject *s, void *c) { return (void)c, Py_NewRef(core.device_types[((Device *)s)->type]); }
static Py_hash_t device_hash(PyObject *s) { return 31 + (Py_hash_t)((Device *)s)->type + 2 * (Py_hash_t)((Device *)s)->index; }
/* A device equals its type when it is the first of it, as in MLX. */
static PyObject *device_compare(PyObject *a, PyObject *b, int op) {
  bool known = (Py_TYPE(b) == core.Device || Py_TYPE(b) == core.DeviceType);
  mlx_device x, y;
  if (!known || to_device(a, &x) || to_device(b, &y)) return PyErr_Clear(), same(a, b, op, false);
  return same(a, b, op, mlx_device_equal(x, y));
}
static PyGetSetDef device_getset[] = {
    {"type", device_type, NULL, "type: DeviceType\n\nThe type of the device.\n\n>>> mx.Device(mx.cpu).type\nDeviceType.cpu", NULL}, {0}};

/* Streams */

static PyObject *stream_object(PyTypeObject *type, mlx_stream h) {
  Stream *s = (Stream *)type->tp_alloc(type, 0);
  if (s) s->s = h;
  return (PyObject *)s;
}
static PyObject *stream_repr(PyObject *self) {
  mlx_string s = mlx_string_new();
  PyObject *r = mlx_stream_tostring(&s, ((Stream *)self)->s) ? raise_error() : PyUnicode_FromString(mlx_string_data(s));
  mlx_string_free(s);
  return r;
}
static PyObject *stream_device(PyObject *self, void *c) {
  (void)c;
  mlx_device d;
  mlx_device_type t;
  int index;
  CHECK(mlx_stream_get_device(&d, ((Stream *)self)->s));
  mlx_device_get_type(&t, d);
  mlx_device_get_index(&index, d);
  return device_object(t, index);
}
static PyObject *stream_compare(PyObject *a, PyObject *b, int op) {
  return same(a, b, op, Py_TYPE(b) == Py_TYPE(a) && mlx_stream_equal(((Stream *)a)->s, ((Stream *)b)->s));
}
static Py_hash_t stream_hash(PyObject *s) { return (Py_hash_t)((uintptr_t)((Stream *)s)->s.ctx >> 4); }
static PyGetSetDef stream_getset[] = {
    {"device", stream_device, NULL, "device: Device\n\nThe device it runs on.\n\n>>> mx.default_stream(mx.cpu).device\nDevice(cpu, 0)", NULL},
    {0}};

/* with mx.stream(s): … */
typedef struct {
  PyObject_HEAD
  mlx_stream to, was;
  mlx_device device_was;
} Context;
static PyObject *context_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"s", NULL};
  PyObject *s;
  mlx_stream h;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:StreamContext", names, &s) || to_stream(s, &h)) return NULL;
  Context *c = (Context *)type->tp_alloc(type, 0);
  if (c) c->to = h;
  return (PyObject *)c;
}
static PyObject *context_enter(PyObject *self, PyObject *unused) {
  (void)unused;
  Context *c = (Context *)self;
  mlx_device d;
  CHECK(mlx_get_default_device(&c->device_was));
  CHECK(mlx_stream_get_device(&d, c->to));
  CHECK(mlx_get_default_stream(&c->was, d));
  CHECK(mlx_set_default_device(d));
  CHECK(mlx_set_default_stream(c->to));
  Py_RETURN_NONE;
}
static PyObject *context_exit(PyObject *self, PyObject *args) {
  (void)args;
  Context *c = (Context *)self;
  CHECK(mlx_set_default_stream(c->was));
  CHECK(mlx_set_default_device(c->device_was));
  Py_RETURN_NONE;
}
static PyMethodDef context_methods[] = {{"__enter__", context_enter, METH_NOARGS, NULL}, {"__exit__", context_exit, METH_VARARGS, NULL}, {0}};

/* finfo, iinfo */
typedef struct {
  PyObject_HEAD
  mlx_dtype d;
} Info;
static PyObject *info_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *o;
  mlx_dtype d;
  if (kwargs && PyDict_GET_SIZE(kwargs)) return PyErr_Format(PyExc_TypeError, "%s takes one positional argument", type->tp_name);
  if (!PyArg_ParseTuple(args, "O", &o)) return NULL;
  if (Array_Check(o)) d = mlx_array_dtype(H(o));
  else if (to_dtype(o, &d, NULL)) return NULL;
  bool floats = type == core.finfo;
  if (floats ? d < MLX_FLOAT16 : (d == MLX_BOOL || d >= MLX_FLOAT16))
    return PyErr_Format(PyExc_ValueError, "[%s] %s is not %s.", floats ? "finfo" : "iinfo", dtype_names[d],
                        floats ? "a floating point dtype" : "an integer dtype");
  Info *i = (Info *)type->tp_alloc(type, 0);
  if (i) i->d = d == MLX_COMPLEX64 ? MLX_FLOAT32 : d;
  return (PyObject *)i;
}
static double finfo_of(mlx_dtype d, int what) { /* 0 max, 1 eps, 2 smallest normal */
  static const double v[4][3] = {{65504, 0x1p-10, 0x1p-14}, {FLT_MAX, FLT_EPSILON, FLT_MIN}, {DBL_MAX, DBL_EPSILON, DBL_MIN},
                                 {0x1.fep127, 0x1p-7, FLT_MIN}};
  return v[d == MLX_FLOAT16 ? 0 : d == MLX_FLOAT32 ? 1 : d == MLX_FLOAT64 ? 2 : 3][what];
}
static PyObject *info_max(PyObject *s, void *c) {
  (void)c;
  mlx_dtype d = ((Info *)s)->d;
  if (Py_TYPE(s) == core.finfo) return PyFloat_FromDouble(finfo_of(d, 0));
  int bits = (int)(8 * mlx_dtype_size(d));
  return PyLong_FromUnsignedLongLong(UINT64_MAX >> (64 - bits + (d >= MLX_INT8)));
}
static PyObject *info_min(PyObject *s, void *c) {
  (void)c;
  mlx_dtype d = ((Info *)s)->d;
  if (Py_TYPE(s) == core.finfo) return PyFloat_FromDouble(-finfo_of(d, 0));
  return PyLong_FromLongLong(d < MLX_INT8 ? 0 : -(int64_t)(UINT64_MAX >> (64 - 8 * mlx_dtype_size(d) + 1)) - 1);
}
static PyObject *info_eps(PyObject *s, void *c) { return (void)c, PyFloat_FromDouble(finfo_of(((Info *)s)->d, 1)); }
static PyObject *info_tiny(PyObject *s, void *c) { return (void)c, PyFloat_FromDouble(finfo_of(((Info *)s)->d, 2)); }
static PyObject *info_bits(PyObject *s, void *c) { return (void)c, PyLong_FromSize_t(8 * mlx_dtype_size(((Info *)s)->d)); }
static PyObject *info_dtype(PyObject *s, void *c) { return (void)c, Py_NewRef(core.dtypes[((Info *)s)->d]); }
static PyObject *info_repr(PyObject *s) {
  if (Py_TYPE(s) == core.finfo) {
    char text[96];
    double max = finfo_of(((Info *)s)->d, 0);
    snprintf(text, sizeof text, "finfo(min=%g, max=%g, dtype=%s)", -max, max, dtype_names[((Info *)s)->d]);
    return PyUnicode_FromString(text);
  }
  PyObject *lo = info_min(s, NULL), *hi = info_max(s, NULL);
  PyObject *r = lo && hi ? PyUnicode_FromFormat("iinfo(min=%R, max=%R, dtype=%s)", lo, hi, dtype_names[((Info *)s)->d])
                         : NULL;
  Py_XDECREF(lo);
  Py_XDECREF(hi);
  return r;
}
static PyGetSetDef finfo_getset[] = {
    {"min", info_min, NULL, "min: float\n\nThe lowest finite number.\n\n>>> mx.finfo(mx.float16).min\n-65504.0", NULL},
    {"max", info_max, NULL, "max: float\n\nThe largest finite number.\n\n>>> mx.finfo(mx.float16).max\n65504.0", NULL},
    {"eps", info_eps, NULL, "eps: float\n\nThe distance from 1 to the next number.\n\n>>> mx.finfo(mx.bfloat16).eps\n0.0078125", NULL},
    {"smallest_normal", info_tiny, NULL,
     "smallest_normal: float\n\nThe smallest positive number of full precision.\n\n>>> mx.finfo(mx.float32).smallest_normal\n1.1754943508222875e-38", NULL},
    {"bits", info_bits, NULL, "bits: int\n\nThe bits of one number.\n\n>>> mx.finfo(mx.float16).bits\n16", NULL},
    {"dtype", info_dtype, NULL, "dtype: Dtype\n\nThe dtype; of complex64 that of its parts.\n\n>>> mx.finfo(mx.complex64).dtype\nmlx.core.float32", NULL},
    {0}};
static PyGetSetDef iinfo_getset[] = {
    {"min", info_min, NULL, "min: int\n\nThe least integer.\n\n>>> mx.iinfo(mx.int8).min\n-128", NULL},
    {"max", info_max, NULL, "max: int\n\nThe largest integer.\n\n>>> mx.iinfo(mx.int8).max\n127", NULL},
    {"bits", info_bits, NULL, "bits: int\n\nThe bits of one integer.\n\n>>> mx.iinfo(mx.int8).bits\n8", NULL},
    {"dtype", info_dtype, NULL, "dtype: Dtype\n\nThe dtype.\n\n>>> mx.iinfo(mx.int8).dtype\nmlx.core.int8", NULL},
    {0}};

/* Functions of devices, streams, memory */

PyObject *default_device(void) {
  mlx_device d;
  mlx_device_type t;
  int index;
  CHECK(mlx_get_default_device(&d));
  mlx_device_get_type(&t, d);
  mlx_device_get_index(&index, d);
  return device_object(t, index);
}
static PyObject *device_default(const struct function *f, PyObject **v) { return (void)f, (void)v, default_device(); }
static PyObject *device_set(const struct function *f, PyObject **v) {
  (void)f;
  mlx_device d;
  if (to_device(v[0], &d)) return NULL;
  CHECK(mlx_set_default_device(d));
  Py_RETURN_NONE;
}
static PyObject *device_available(const struct function *f, PyObject **v) {
  (void)f;
  mlx_device d;
  bool yes;
  if (to_device(v[0], &d)) return NULL;
  CHECK(mlx_device_is_available(&yes, d));
  return PyBool_FromLong(yes);
}
static PyObject *device_number(const struct function *f, PyObject **v) {
  (void)f;
  int n;
  if (Py_TYPE(v[0]) != core.DeviceType) return refuse(PyExc_TypeError, "expected a DeviceType, not %.200U", v[0]);
  CHECK(mlx_device_count(&n, (mlx_device_type)((EnumValue *)v[0])->value));
  return PyLong_FromLong(n);
}
static PyObject *device_facts(const struct function *f, PyObject **v) {
  (void)f;
  mlx_device d;
  mlx_device_info info = mlx_device_info_new();
  mlx_vector_string keys = mlx_vector_string_new();
  if (!v[0] || v[0] == Py_None) mlx_get_default_device(&d);
  else if (to_device(v[0], &d)) return NULL;
  CHECK(mlx_device_info_get(&info, d));
  PyObject *r = PyDict_New();
  mlx_device_info_get_keys(&keys, info);
  for (size_t i = 0; r && i < mlx_vector_string_size(keys); i++) {
    char *key;
    bool text;
    const char *s;
    size_t n;
    mlx_vector_string_get(&key, keys, i);
    mlx_device_info_is_string(&text, info, key);
    PyObject *x = text ? (mlx_device_info_get_string(&s, info, key), PyUnicode_FromString(s))
                       : (mlx_device_info_get_size(&n, info, key), PyLong_FromSize_t(n));
    if (!x || PyDict_SetItemString(r, key, x)) Py_CLEAR(r);
    Py_XDECREF(x);
  }
  mlx_vector_string_free(keys);
  return r;
}
static PyObject *stream_default(const struct function *f, PyObject **v) {
  (void)f;
  mlx_device d;
  mlx_stream s;
  if (to_device(v[0], &d)) return NULL;
  CHECK(mlx_get_default_stream(&s, d));
  return stream_object(core.Stream, s);
}
static PyObject *stream_set(const struct function *f, PyObject **v) {
  (void)f;
  if (Py_TYPE(v[0]) != core.Stream) return refuse(PyExc_TypeError, "expected a Stream, not %.200U", v[0]);
  CHECK(mlx_set_default_stream(((Stream *)v[0])->s));
  Py_RETURN_NONE;
}
static PyObject *new_stream(PyTypeObject *type, PyObject *o) {
  mlx_device d;
  if (to_device(o, &d)) return NULL;
  mlx_stream s = mlx_stream_new_device(d);
  return s.ctx ? stream_object(type, s) : raise_error();
}
static PyObject *stream_make(const struct function *f, PyObject **v) { return (void)f, new_stream(core.Stream, v[0]); }
static PyObject *stream_make_local(const struct function *f, PyObject **v) { return (void)f, new_stream(core.ThreadLocalStream, v[0]); }
static PyObject *stream_context(const struct function *f, PyObject **v) {
  (void)f;
  return PyObject_CallOneArg((PyObject *)core.StreamContext, v[0]);
}
static PyObject *synchronize(const struct function *f, PyObject **v) {
  (void)f;
  mlx_stream s;
  int status;
  if (to_stream(v[0], &s)) return NULL;
  Py_BEGIN_ALLOW_THREADS;
  status = mlx_synchronize(s);
  Py_END_ALLOW_THREADS;
  CHECK(status);
  Py_RETURN_NONE;
}
static PyObject *clear_streams(const struct function *f, PyObject **v) {
  (void)f, (void)v; /* streams are records that live as long as the process: there is nothing to give back */
  Py_RETURN_NONE;
}
PyObject *memory_get(const struct function *f, PyObject **v) {
  (void)v;
  size_t n;
  CHECK(((int (*)(size_t *))f->impl)(&n));
  return PyLong_FromSize_t(n);
}
PyObject *memory_do(const struct function *f, PyObject **v) {
  (void)v;
  CHECK(((int (*)(void))f->impl)());
  Py_RETURN_NONE;
}
PyObject *memory_set(const struct function *f, PyObject **v) {
  size_t n, limit = PyLong_AsSize_t(v[0]);
  if (PyErr_Occurred()) return NULL;
  CHECK(((int (*)(size_t *, size_t))f->impl)(&n, limit));
  return PyLong_FromSize_t(n);
}
#define F(f) ((void (*)(void))(f))
const struct function device_functions[] = {
#include "devices.def"
    {0}};

/* Functions of dtypes */

static int category_bits(PyObject *o, int *bits) {
  mlx_dtype d;
  if (Py_TYPE(o) == core.DtypeCategory) *bits = ((EnumValue *)o)->value;
  else if (to_dtype(o, &d, NULL)) return -1;
  else *bits = 1 << d;
  return 0;
}
static PyObject *is_subdtype(const struct function *f, PyObject **v) {
  (void)f;
  int a, b;
  if (category_bits(v[0], &a) || category_bits(v[1], &b)) return NULL;
  return PyBool_FromLong((a & b) == a);
}
static PyObject *result_type(const struct function *f, PyObject **v) {
  (void)f;
  mlx_dtype r = MLX_BOOL;
  Py_ssize_t n = PyTuple_GET_SIZE(v[0]);
  if (!n) return PyErr_Format(PyExc_ValueError, "[result_type] At least one array or dtype is needed.");
  PyObject *weak[2] = {NULL, NULL};
  bool any = false;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject *o = PyTuple_GET_ITEM(v[0], i);
    mlx_dtype d;
    if (is_scalar(o)) {
      weak[PyFloat_Check(o) || PyComplex_Check(o)] = o;
      continue;
    }
    if (Array_Check(o)) d = mlx_array_dtype(H(o));
    else if (to_dtype(o, &d, NULL)) return NULL;
    r = any ? mlx_ravel_promote(r, d) : d;
    any = true;
  }
  for (int k = 0; k < 2; k++) {
    if (!weak[k]) continue;
    mlx_dtype w = PyBool_Check(weak[k]) ? MLX_BOOL : PyLong_Check(weak[k]) ? MLX_INT32 : PyFloat_Check(weak[k]) ? MLX_FLOAT32 : MLX_COMPLEX64;
    bool keeps = any && (k == 0 ? r != MLX_BOOL || w == MLX_BOOL : r >= MLX_FLOAT16 && w != MLX_COMPLEX64);
    if (!keeps) r = any ? mlx_ravel_promote(r, w) : w;
    any = true;
  }
  return Py_NewRef(core.dtypes[r]);
}
static PyObject *can_cast(const struct function *f, PyObject **v) {
  (void)f;
  mlx_dtype from, to;
  if (Array_Check(v[0])) from = mlx_array_dtype(H(v[0]));
  else if (to_dtype(v[0], &from, NULL)) return NULL;
  if (to_dtype(v[1], &to, NULL)) return NULL;
  return PyBool_FromLong(mlx_ravel_promote(from, to) == to);
}
static PyObject *is_dtype(const struct function *f, PyObject **v) {
  mlx_dtype d;
  if (to_dtype(v[0], &d, NULL)) return NULL;
  if (PyTuple_Check(v[1])) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(v[1]); i++) {
      PyObject *one[2] = {v[0], PyTuple_GET_ITEM(v[1], i)}, *r = is_dtype(f, one);
      if (!r || r == Py_True) return r;
      Py_DECREF(r);
    }
    Py_RETURN_FALSE;
  }
  if (!PyUnicode_Check(v[1])) {
    mlx_dtype other;
    if (to_dtype(v[1], &other, NULL)) return NULL;
    return PyBool_FromLong(d == other);
  }
  static const struct { const char *kind; int bits; } kinds[] = {{"bool", 1}, {"signed integer", C_SIGNED}, {"unsigned integer", C_UNSIGNED},
      {"integral", C_INTEGER}, {"real floating", C_FLOATING}, {"complex floating", C_COMPLEX}, {"numeric", C_NUMBER}};
  const char *kind = PyUnicode_AsUTF8(v[1]);
  for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kind, kinds[i].kind)) return PyBool_FromLong(kinds[i].bits >> d & 1);
  return refuse(PyExc_ValueError, "[isdtype] There is no kind %.200U.", v[1]);
}
const struct function dtype_functions[] = {
#include "dtypes.def"
    {0}};

#define SLOTS(name, ...) static PyType_Slot name##_slots[] = {__VA_ARGS__, {Py_tp_dealloc, plain_dealloc}, {0}};
#define SPEC(name, text, type, flags)                                                                         \
  static PyType_Spec name##_spec = {"mlx.core." text, sizeof(type), 0, Py_TPFLAGS_DEFAULT | (flags), name##_slots};
SLOTS(dtype, {Py_tp_doc, "The type of an array's elements: mx.float32, mx.int64 and so on.\n\n>>> mx.float32\nmlx.core.float32"}, {Py_tp_repr, dtype_repr}, {Py_tp_hash, dtype_hash}, {Py_tp_richcompare, dtype_compare}, {Py_tp_getset, dtype_getset},
      {Py_tp_methods, dtype_methods})
SPEC(dtype, "Dtype", Dtype, Py_TPFLAGS_DISALLOW_INSTANTIATION)
SLOTS(category, {Py_tp_doc, "A set of dtypes, as mx.issubdtype takes them: mx.floating, mx.integer and so on.\n\n>>> mx.issubdtype(mx.int8, mx.integer)\nTrue"},
      {Py_tp_repr, enum_repr}, {Py_tp_methods, enum_methods}, {Py_tp_getset, enum_getset})
SPEC(category, "DtypeCategory", EnumValue, Py_TPFLAGS_DISALLOW_INSTANTIATION)
SLOTS(dtypekind, {Py_tp_doc, "The kind of a device: mx.cpu or mx.gpu.\n\n>>> mx.cpu\nDeviceType.cpu"}, {Py_tp_repr, enum_repr}, {Py_tp_methods, enum_methods}, {Py_tp_getset, enum_getset}, {Py_tp_hash, enum_hash}, {Py_tp_richcompare, device_compare})
SPEC(dtypekind, "DeviceType", EnumValue, Py_TPFLAGS_DISALLOW_INSTANTIATION)
SLOTS(device, {Py_tp_new, device_new},
      {Py_tp_doc, "Device(type: DeviceType, index: int = 0)\n\nA device that runs operations: mx.cpu, or one of a type and index.\n\n"
                  ">>> mx.Device(mx.cpu)\nDevice(cpu, 0)"}, {Py_tp_repr, device_repr}, {Py_tp_hash, device_hash}, {Py_tp_richcompare, device_compare},
      {Py_tp_getset, device_getset})
SPEC(device, "Device", Device, 0)
SLOTS(stream, {Py_tp_doc, "An order of work on a device. Work on different streams may run at the same time.\n\n>>> mx.default_stream(mx.cpu)\nStream(Device(cpu, 0), 0)"},
      {Py_tp_repr, stream_repr}, {Py_tp_hash, stream_hash}, {Py_tp_richcompare, stream_compare}, {Py_tp_getset, stream_getset})
SPEC(stream, "Stream", Stream, Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec local_spec = {"mlx.core.ThreadLocalStream", sizeof(Stream), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, stream_slots};
SLOTS(context, {Py_tp_new, context_new},
      {Py_tp_doc, "StreamContext(s: Stream | ThreadLocalStream | Device | DeviceType)\n\nMakes s the default inside a with block.\n\n"
                  ">>> with mx.StreamContext(mx.cpu):\n...     mx.array(1) + 1\narray(2, dtype=int32)"}, {Py_tp_methods, context_methods})
SPEC(context, "StreamContext", Context, 0)
SLOTS(finfo, {Py_tp_new, info_new},
      {Py_tp_doc, "finfo(arg: Dtype, /)\n\nThe limits of a floating dtype: min, max, eps, smallest_normal, bits.\n\n"
                  "ValueError for other dtypes.\n\n>>> mx.finfo(mx.float16).max\n65504.0"}, {Py_tp_getset, finfo_getset}, {Py_tp_repr, info_repr})
SPEC(finfo, "finfo", Info, 0)
SLOTS(iinfo, {Py_tp_new, info_new},
      {Py_tp_doc, "iinfo(arg: Dtype, /)\n\nThe limits of an integer dtype: min, max, bits.\n\n"
                  "ValueError for other dtypes.\n\n>>> mx.iinfo(mx.int8).max\n127"}, {Py_tp_getset, iinfo_getset}, {Py_tp_repr, info_repr})
SPEC(iinfo, "iinfo", Info, 0)

int types_init(PyObject *module) {
  static PyMethodDef functions[] = {{"_dtype_by_number", dtype_by_number, METH_O, NULL}, {0}};
  if (PyModule_AddFunctions(module, functions) || !(core.Dtype = make_type(module, &dtype_spec)) ||
      !(core.DtypeCategory = make_type(module, &category_spec)) || !(core.DeviceType = make_type(module, &dtypekind_spec)) ||
      !(core.Device = make_type(module, &device_spec)) || !(core.Stream = make_type(module, &stream_spec)) ||
      !(core.ThreadLocalStream = make_type(module, &local_spec)) || !(core.StreamContext = make_type(module, &context_spec)) ||
      !(core.finfo = make_type(module, &finfo_spec)) || !(core.iinfo = make_type(module, &iinfo_spec)))
    return -1;
  for (int i = 0; i <= MLX_COMPLEX64; i++) {
    Dtype *d = (Dtype *)core.Dtype->tp_alloc(core.Dtype, 0);
    if (!d) return -1;
    d->d = (mlx_dtype)i;
    core.dtypes[i] = (PyObject *)d;
    if (PyModule_AddObjectRef(module, i ? dtype_names[i] : "bool_", (PyObject *)d)) return -1;
  }
  static const struct { const char *name; int bits; } categories[] = {
      {"DtypeCategory.complexfloating", C_COMPLEX}, {"DtypeCategory.floating", C_FLOATING}, {"DtypeCategory.inexact", C_INEXACT},
      {"DtypeCategory.signedinteger", C_SIGNED}, {"DtypeCategory.unsignedinteger", C_UNSIGNED}, {"DtypeCategory.integer", C_INTEGER},
      {"DtypeCategory.number", C_NUMBER}, {"DtypeCategory.generic", C_GENERIC}};
  for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
    if (add_enum(module, core.DtypeCategory, categories[i].name, categories[i].bits, NULL)) return -1;
  return add_enum(module, core.DeviceType, "DeviceType.cpu", MLX_CPU, &core.device_types[0]) ||
                 add_enum(module, core.DeviceType, "DeviceType.gpu", MLX_GPU, &core.device_types[1])
             ? -1
             : 0;
}
