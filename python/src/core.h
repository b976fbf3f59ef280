/* core.h: mlx.core, the CPython extension, inside.
 * Invariant: the GIL is held wherever graph is built; it is dropped only while results are computed, and then what is waited for is
 * held by a handle of this module's own, or by the library. */
#ifndef RAVEL_PYTHON_CORE_H
#define RAVEL_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <mlx/c/mlx.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAX_NDIM = 32, MAX_PARAMS = 16 };

/* The array object is a cell: in-place operators put another graph node into it. */
typedef struct {
  PyObject_HEAD
  mlx_array h;
  PyObject *weakrefs;
} Array;
typedef struct {
  PyObject_HEAD
  mlx_dtype d;
} Dtype;
typedef struct {
  PyObject_HEAD
  int index;
  mlx_device_type type;
} Device;
typedef struct {
  PyObject_HEAD
  mlx_stream s;
} Stream;
typedef struct {
  PyObject_HEAD
  int value;
  const char *name;
} EnumValue; /* DeviceType.cpu, DtypeCategory.floating … */

/* All state of the module. One interpreter: the module says so. */
struct state {
  PyTypeObject *Array, *Dtype, *Device, *DeviceType, *DtypeCategory, *Stream, *ThreadLocalStream, *StreamContext, *Function, *ArrayAt,
      *ArrayIterator, *ArrayLike, *finfo, *iinfo, *CustomFunction, *Compiled, *Transformed, *PrintOptions;
  PyObject *dtypes[14], *device_types[2], *module, *random_state;
};
extern struct state core;

/* A class that derives from ours is made at run time: numbers, None and strings need no look at their bases. */
#define Array_Check(o)                                                                                        \
  (Py_TYPE(o) == core.Array || (PyType_HasFeature(Py_TYPE(o), Py_TPFLAGS_HEAPTYPE) && PyType_IsSubtype(Py_TYPE(o), core.Array)))
#define H(o) (((Array *)(o))->h)

/* A new Array that takes the handle; NULL (handle freed) when memory is short. */
PyObject *array_take(mlx_array h);
/* The tuple t (a reference that is taken, may be NULL) with named fields; the type is made at its first use and kept by the module. */
PyObject *named_tuple(PyObject *t, const char *name, const char *fields);
/* status 0: array_take(h); else the Python exception of this thread's error, and h is freed. */
PyObject *array_result(int status, mlx_array h);
/* Sets the Python exception for the library's error, keeping one that a callback raised; always NULL. */
PyObject *raise_error(void);
/* Sets an exception about a value, shown where the format has "%.200U"; always NULL. */
PyObject *refuse(PyObject *error, const char *format, PyObject *o);
#define CHECK(call)                                                                                           \
  do {                                                                                                        \
    if (call) return raise_error();                                                                           \
  } while (0)

/* args.c: functions by table. The signature is both the docstring's first line and what the parser reads. */
struct function {
  const char *name;
  const char *signature; /* "(a: array, /, *, stream: … = None) -> array" */
  const char *doc;
  PyObject *(*call)(const struct function *f, PyObject **v); /* v[i]: argument i, borrowed; NULL where the default holds */
  void (*impl)(void);    /* what call is about: a C function of one of the regular types */
  void (*impl2)(void);
};
PyObject *function_new(const struct function *f, const char *qualifier);
int functions_add(PyObject *where, const struct function *table, const char *qualifier); /* up to a row without name */
extern struct function_table { const struct function *at; const char *module; } const function_tables[];
int args_init(PyObject *module);

/* convert.c: from Python's values. All return 0, or -1 with an exception. */
int to_stream(PyObject *o, mlx_stream *s);    /* NULL and None: the default */
int to_dtype(PyObject *o, mlx_dtype *d, bool *given); /* NULL and None: not given */
int to_int64(PyObject *o, int64_t *v);
int to_int(PyObject *o, int *v);
int to_bool(PyObject *o, bool *v, bool fallback); /* NULL: the fallback */
int to_double(PyObject *o, double *v, double fallback);
/* None or NULL: *n = -1; an integer: one; a sequence of integers. */
int to_ints(PyObject *o, int *v, int *n);
/* A sequence as a tuple: a list could change while its elements are converted by methods of theirs. TypeError: "expected what". */
PyObject *settled(PyObject *o, const char *what);
int to_shape(PyObject *o, int64_t *v, int *n);
/* An array for any value: *h borrows what *made receives, which the caller frees. */
int to_array(PyObject *o, mlx_array *h, mlx_array *made);
/* Beside another operand: Python numbers are weak and take its dtype. */
int to_array_beside(PyObject *o, PyObject *other, mlx_array *h, mlx_array *made);
bool is_scalar(PyObject *o);
bool has_special(PyObject *o, const char *name); /* an attribute like __dlpack__ */
bool is_array_like(PyObject *o); /* something to_array takes, by its look */
/* mx.array(o, dtype). */
int array_from(PyObject *o, const mlx_dtype *dtype, mlx_array *h);
PyObject *shape_tuple(const mlx_array h);
int gil_init(void);
/* The GIL from any thread. False when Python ends: what needs it is then left undone. */
bool gil_take(PyGILState_STATE *g);
void gil_give(PyGILState_STATE g);
void heed_signals(void); /* lets Python's signal handlers run, and stop it, while this thread waits in the library without the GIL */
int wait_for(mlx_array h); /* evaluates, without the GIL where that is not brief; 0, or -1 with an exception */
/* A handle of the caller's own on an Array's node, evaluated: while we wait without the GIL, another thread may rebind the Array.
 * The caller frees it, also after -1. */
int hold(PyObject *self, mlx_array *h);
/* The same for who may write to its memory: a broadcast gets a place for each element first, and the Array is that from then on. */
int hold_apart(PyObject *self, mlx_array *h);
PyObject *item_object(mlx_dtype d, const void *p);

/* index.c */
PyObject *at_make(PyObject *array, PyObject *key); /* x.at[key]; x.at where key is NULL */
PyObject *array_getitem(PyObject *self, PyObject *key);
int array_setitem(PyObject *self, PyObject *key, PyObject *value);
PyObject *array_at_update(PyObject *array, PyObject *key, PyObject *value, const char *how);

/* export.c, dlpack.c */
int array_get_buffer(PyObject *self, Py_buffer *view, int flags);
void array_release_buffer(PyObject *self, Py_buffer *view);
/* An array of a DLPack producer: a copy, or over its memory. 0, or -1 with an exception. */
int from_dlpack(PyObject *o, bool copy, mlx_array *h);
PyObject *do_from_dlpack(const struct function *f, PyObject **v);

/* array.c, types.c, transforms.c, random.c, io.c, ops.c */
int array_init(PyObject *module);
int types_init(PyObject *module);
PyObject *default_device(void);
int at_init(PyObject *module);
int transforms_init(PyObject *module);
int random_init(PyObject *module);
int options_init(PyObject *module);
int custom_init(PyObject *module);
int standard_init(PyObject *module);
PyObject *array_binary(PyObject *a, PyObject *b, int (*f)(mlx_array *, const mlx_array, const mlx_array, const mlx_stream), PyObject *stream);
/* Tables of rows, one a line. */
extern const struct function array_methods[];
extern const struct function conv_functions[];
extern const struct function create_functions[];
extern const struct function cuda_functions[];
extern const struct function device_functions[];
extern const struct function distributed_functions[];
extern const struct function dlpack_methods[];
extern const struct function dtype_functions[];
extern const struct function export_methods[];
extern const struct function fft_functions[];
extern const struct function io_functions[];
extern const struct function linalg_functions[];
extern const struct function standard_linalg_functions[];
extern const struct function metal_functions[];
extern const struct function ops_functions[];
extern const struct function order_functions[];
extern const struct function order_methods[];
extern const struct function products_functions[];
extern const struct function random_functions[];
extern const struct function shape_functions[];
extern const struct function transform_functions[];
extern const struct function window_functions[];
PyObject *memory_get(const struct function *f, PyObject **v); /* impl: int (*)(size_t *) */
PyObject *memory_set(const struct function *f, PyObject **v); /* impl: int (*)(size_t *, size_t) */
PyObject *memory_do(const struct function *f, PyObject **v);  /* impl: int (*)(void) */
int name_library_folders(void); /* linalg.c: before graph is built that needs OpenBLAS; 0, or -1 with an exception */

/* tree.c: nested lists, tuples and dicts (and their subclasses) with arrays at the leaves, in one fixed order. */
int tree_arrays(PyObject *tree, mlx_vector_array v);           /* appends the arrays' handles */
PyObject *tree_replace(PyObject *tree, mlx_vector_array v, size_t *at); /* a copy with the arrays replaced in order */
int tree_fill(PyObject *tree, mlx_vector_array v, size_t *at); /* the same, in place */
bool tree_is_container(PyObject *o);

#endif
