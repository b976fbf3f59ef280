/* dlpack.c: the DLPack protocol, both ways, with the structures of its 1.x ABI (dmlc.github.io/dlpack) and those before it.
 * Invariant: an exported capsule pins the array; an imported one is kept until the array over it is gone. */
#include "ops_handlers.h"

enum { DL_CPU = 1, DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_COMPLEX = 5, DL_BOOL = 6 };
enum { DL_READ_ONLY = 1, DL_COPIED = 2 };

struct dl_tensor {
  void *data;
  struct { int32_t type, id; } device;
  int32_t ndim;
  struct { uint8_t code, bits; uint16_t lanes; } dtype;
  int64_t *shape, *strides; /* strides in elements; NULL: row-major */
  uint64_t byte_offset;
};
struct dl_managed {
  struct dl_tensor t;
  void *ctx;
  void (*deleter)(struct dl_managed *self);
};
struct dl_versioned {
  struct { uint32_t major, minor; } version;
  void *ctx;
  void (*deleter)(struct dl_versioned *self);
  uint64_t flags;
  struct dl_tensor t;
};

static const struct { uint8_t code, bits; } kinds[] = {
    [MLX_BOOL] = {DL_BOOL, 8}, [MLX_UINT8] = {DL_UINT, 8}, [MLX_UINT16] = {DL_UINT, 16}, [MLX_UINT32] = {DL_UINT, 32},
    [MLX_UINT64] = {DL_UINT, 64}, [MLX_INT8] = {DL_INT, 8}, [MLX_INT16] = {DL_INT, 16}, [MLX_INT32] = {DL_INT, 32},
    [MLX_INT64] = {DL_INT, 64}, [MLX_FLOAT16] = {DL_FLOAT, 16}, [MLX_FLOAT32] = {DL_FLOAT, 32}, [MLX_FLOAT64] = {DL_FLOAT, 64},
    [MLX_BFLOAT16] = {DL_BFLOAT, 16}, [MLX_COMPLEX64] = {DL_COMPLEX, 64}};

/* Out. One allocation holds either structure, the shape and the strides. */
struct exported {
  union { struct dl_managed plain; struct dl_versioned versioned; } m;
  void *pin;
  int64_t dims[2 * MAX_NDIM];
};
static void drop_plain(struct dl_managed *m) {
  struct exported *e = m->ctx;
  mlx_ravel_array_unpin(e->pin);
  PyMem_RawFree(e);
}
static void drop_versioned(struct dl_versioned *m) {
  struct exported *e = m->ctx;
  mlx_ravel_array_unpin(e->pin);
  PyMem_RawFree(e);
}
static void capsule_gone(PyObject *capsule) { /* a consumed capsule has another name, and its consumer calls the deleter */
  if (PyCapsule_IsValid(capsule, "dltensor")) drop_plain(PyCapsule_GetPointer(capsule, "dltensor"));
  if (PyCapsule_IsValid(capsule, "dltensor_versioned")) drop_versioned(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
}
/* Of memory that must not be written only the versioned form can say so. */
static void fill_tensor(struct dl_tensor *t, const mlx_array h, int64_t *dims) {
  int n = (int)mlx_array_ndim(h);
  mlx_dtype d = mlx_array_dtype(h);
  *t = (struct dl_tensor){.data = mlx_ravel_array_data(h), .device = {DL_CPU, 0}, .ndim = n, .dtype = {kinds[d].code, kinds[d].bits, 1},
                          .shape = dims, .strides = dims + n};
  for (int i = 0; i < n; i++) dims[i] = mlx_ravel_array_shape(h)[i], dims[n + i] = mlx_ravel_array_strides(h)[i];
}

/* A copy with memory of its own, row-major. */
static int copy_of(const mlx_array h, mlx_array *out) {
  mlx_array flat = mlx_array_new();
  int bad = mlx_contiguous(&flat, h, false, (mlx_stream){NULL}) ? (raise_error(), -1) : wait_for(flat);
  if (!bad && mlx_ravel_array_new_data(out, mlx_ravel_array_data(flat), mlx_ravel_array_shape(flat), (int)mlx_array_ndim(flat),
                                       mlx_array_dtype(flat)))
    raise_error(), bad = -1;
  mlx_array_free(flat);
  return bad;
}

static int check_device(PyObject *o) {
  int type, id;
  if (!o || o == Py_None) return 0;
  if (!PyTuple_Check(o) || !PyArg_ParseTuple(o, "ii", &type, &id)) {
    PyErr_Clear();
    refuse(PyExc_TypeError, "dl_device: expected a pair of integers, not %.200U", o);
    return -1;
  }
  if (type == DL_CPU) return 0;
  PyErr_Format(PyExc_BufferError, "[dlpack] The array is on the CPU, device (1, 0); it cannot be exported to device (%d, %d).", type, id);
  return -1;
}
static PyObject *do_dlpack(const struct function *f, PyObject **v) { /* self, stream, max_version, dl_device, copy */
  (void)f;
  int major = 0, minor = 0;
  bool copied = v[4] == Py_True;
  if (check_device(v[3])) return NULL;
  if (v[2] && v[2] != Py_None && (!PyTuple_Check(v[2]) || !PyArg_ParseTuple(v[2], "ii", &major, &minor))) {
    PyErr_Clear();
    return refuse(PyExc_TypeError, "max_version: expected a pair of integers, not %.200U", v[2]);
  }
  mlx_array h = mlx_array_new();
  struct exported *e = NULL;
  PyObject *capsule = NULL;
  if (!copied) mlx_array_free(h);
  if (copied ? copy_of(H(v[0]), &h) : hold_apart(v[0], &h)) goto done;
  if (!(e = PyMem_RawCalloc(1, sizeof *e))) {
    PyErr_NoMemory();
    goto done;
  }
  bool read_only = mlx_ravel_array_is_read_only(h);
  if (read_only && major < 1) {
    PyErr_SetString(PyExc_BufferError, "[dlpack] The array lies in read-only memory, which DLPack before 1.0 cannot say: ask with max_version or copy=True.");
    PyMem_RawFree(e);
    goto done;
  }
  if (mlx_ravel_array_pin(&e->pin, h)) {
    raise_error();
    PyMem_RawFree(e);
    goto done;
  }
  if (major >= 1) {
    e->m.versioned = (struct dl_versioned){.version = {1, 0}, .ctx = e, .deleter = drop_versioned, .flags = (copied ? DL_COPIED : 0) | (read_only ? DL_READ_ONLY : 0)};
    fill_tensor(&e->m.versioned.t, h, e->dims);
    capsule = PyCapsule_New(&e->m.versioned, "dltensor_versioned", capsule_gone);
  } else {
    e->m.plain = (struct dl_managed){.ctx = e, .deleter = drop_plain};
    fill_tensor(&e->m.plain.t, h, e->dims);
    capsule = PyCapsule_New(&e->m.plain, "dltensor", capsule_gone);
  }
  if (!capsule) drop_plain(&(struct dl_managed){.ctx = e});
done:
  mlx_array_free(h);
  return capsule;
}
static PyObject *do_device(const struct function *f, PyObject **v) { return (void)f, (void)v, Py_BuildValue("(ii)", DL_CPU, 0); }

/* In. */
static void release_plain(void *p) {
  struct dl_managed *m = p;
  if (!m->deleter) return;
  PyGILState_STATE g;
  if (!gil_take(&g)) return; /* the producer may be Python's */
  m->deleter(m);
  gil_give(g);
}
static void release_versioned(void *p) {
  struct dl_versioned *m = p;
  if (!m->deleter) return;
  PyGILState_STATE g;
  if (!gil_take(&g)) return;
  m->deleter(m);
  gil_give(g);
}
static int dtype_of(const struct dl_tensor *t, mlx_dtype *d) {
  for (int i = 0; i <= MLX_COMPLEX64 && t->dtype.lanes == 1; i++)
    if (kinds[i].code == t->dtype.code && kinds[i].bits == t->dtype.bits) {
      *d = (mlx_dtype)i;
      return 0;
    }
  PyErr_Format(PyExc_BufferError, "[from_dlpack] The producer's dtype (code %d, %d bits, %d lanes) has no equal here.", t->dtype.code,
               t->dtype.bits, t->dtype.lanes);
  return -1;
}
/* An array over the tensor, which is the producer's to write; release(p) when it is gone. The capsule must be marked used before. */
static int wrap(const struct dl_tensor *t, void (*release)(void *), void *p, mlx_array *h) {
  mlx_dtype d;
  int bad = dtype_of(t, &d);
  if (!bad && t->device.type != DL_CPU) {
    PyErr_Format(PyExc_BufferError, "[from_dlpack] The producer's memory is on device (%d, %d), not on the CPU.", t->device.type, t->device.id);
    bad = -1;
  }
  if (!bad && (t->ndim < 0 || t->ndim > MAX_NDIM)) {
    PyErr_Format(PyExc_BufferError, "[from_dlpack] Arrays have at most %d dimensions, not %d.", MAX_NDIM, t->ndim);
    bad = -1;
  }
  if (bad) return release(p), -1;
  if (!mlx_ravel_array_wrap(h, (char *)t->data + t->byte_offset, t->shape, t->strides, t->ndim, d, true, release, p)) return 0;
  raise_error();
  return -1;
}

/* The producer's capsule: newer producers are asked for the versioned form, older ones know no keywords. */
static PyObject *ask(PyObject *o) {
  PyObject *method = PyObject_GetAttrString(o, "__dlpack__"), *none = PyTuple_New(0), *kw = Py_BuildValue("{s(ii)}", "max_version", 1, 0);
  PyObject *capsule = method && none && kw ? PyObject_Call(method, none, kw) : NULL;
  if (!capsule && method && none && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    capsule = PyObject_Call(method, none, NULL);
  }
  Py_XDECREF(method);
  Py_XDECREF(none);
  Py_XDECREF(kw);
  return capsule;
}
/* An array over the producer's memory. */
static int alias(PyObject *o, mlx_array *h) {
  int type = DL_CPU, id = 0;
  PyObject *device = PyObject_CallMethod(o, "__dlpack_device__", NULL);
  bool known = device && PyTuple_Check(device) && PyTuple_GET_SIZE(device) == 2 && !to_int(PyTuple_GET_ITEM(device, 0), &type) &&
               !to_int(PyTuple_GET_ITEM(device, 1), &id);
  Py_XDECREF(device);
  if (!known) return PyErr_Occurred() ? -1 : (PyErr_SetString(PyExc_TypeError, "[from_dlpack] __dlpack_device__ gave no pair of integers."), -1);
  if (type != DL_CPU) {
    PyErr_Format(PyExc_BufferError, "[from_dlpack] The producer's memory is on device (%d, %d), not on the CPU.", type, id);
    return -1;
  }
  PyObject *capsule = ask(o);
  int bad = -1;
  if (!capsule) return -1;
  if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
    struct dl_versioned *m = PyCapsule_GetPointer(capsule, "dltensor_versioned");
    if (m->version.major > 1) PyErr_Format(PyExc_BufferError, "[from_dlpack] DLPack %d is not known here.", (int)m->version.major);
    else if (!PyCapsule_SetName(capsule, "used_dltensor_versioned")) bad = wrap(&m->t, release_versioned, m, h);
  } else if (PyCapsule_IsValid(capsule, "dltensor")) {
    struct dl_managed *m = PyCapsule_GetPointer(capsule, "dltensor");
    if (!PyCapsule_SetName(capsule, "used_dltensor")) bad = wrap(&m->t, release_plain, m, h);
  } else {
    PyErr_SetString(PyExc_TypeError, "[from_dlpack] __dlpack__ gave no unused DLPack capsule.");
  }
  Py_DECREF(capsule);
  return bad;
}

int from_dlpack(PyObject *o, bool copy, mlx_array *h) {
  mlx_array over = mlx_array_new();
  int bad = alias(o, &over);
  if (!bad && copy) bad = copy_of(over, h);
  else if (!bad) *h = over, over.ctx = NULL;
  mlx_array_free(over);
  return bad;
}
PyObject *do_from_dlpack(const struct function *f, PyObject **v) { /* x, copy, stream (a device, checked) */
  (void)f;
  mlx_stream s;
  if (to_stream(v[2], &s)) return NULL;
  mlx_array h = mlx_array_new();
  if (!PyObject_HasAttrString(v[0], "__dlpack__")) return PyErr_Format(PyExc_TypeError, "[from_dlpack] %R has no __dlpack__.", Py_TYPE(v[0]));
  if (from_dlpack(v[0], v[1] != Py_False, &h)) return mlx_array_free(h), NULL;
  return array_take(h);
}

const struct function dlpack_methods[] = {
    {"__dlpack__",
     "(self, *, stream: object | None = None, max_version: tuple[int, int] | None = None, dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> Any",
     "A DLPack capsule over the array's memory, which is pinned until the consumer lets go; with copy=True over a copy.\n\n"
     "max_version (1, 0) or more gives the versioned structure. The data is ready, so stream is of no matter. BufferError for a\n"
     "dl_device other than the CPU, (1, 0).\n\n"
     ">>> import numpy\n"
     ">>> numpy.from_dlpack(mx.array([1, 2]))\n"
     "array([1, 2], dtype=int32)",
     do_dlpack, NULL, NULL},
    {"__dlpack_device__", "(self) -> tuple[int, int]",
     "DLPack's number of the device: (1, 0), the CPU.\n\n"
     ">>> mx.array(1).__dlpack_device__()\n"
     "(1, 0)",
     do_device, NULL, NULL},
    {0}};
