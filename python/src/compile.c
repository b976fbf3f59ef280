/* compile.c: mx.compile over Python functions.
 * Invariant: captured state (the trees `inputs` and `outputs`) holds real arrays whenever no trace is running, also after an
 * exception in the traced function. */
#include "core.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  PyObject_HEAD
  PyObject *function, *inputs, *outputs; /* inputs, outputs: trees of state, or NULL */
  uint64_t id;
  bool shapeless;
  /* Results by cache key: what the function returned, with its arrays as leaves; (key bytes) -> tree. */
  PyObject *results;
} Compiled;

/* The call being compiled or replayed. */
struct run {
  Compiled *c;
  PyObject *args, *kwargs;
  PyObject *entry; /* of c->results: [number, tree of the last trace's result] */
  size_t nstate;   /* arrays of captured inputs, which come first */
};

/* What the trace depends on besides arrays: the trees' form and their other leaves. Hashed structure and values. */
static int add_constants(PyObject *t, PyObject *list) {
  if (Py_EnterRecursiveCall(" in the arguments of a compiled function")) return -1;
  int bad = 0;
  PyObject *mark = NULL;
  if (Array_Check(t)) {
    mark = PyUnicode_FromString("a");
  } else if (PyList_Check(t) || PyTuple_Check(t)) {
    mark = PyUnicode_FromFormat("%c%zd", PyList_Check(t) ? 'l' : 't', PySequence_Fast_GET_SIZE(t));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(t) && !bad; i++) bad = add_constants(PySequence_Fast_GET_ITEM(t, i), list);
  } else if (PyDict_Check(t)) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    mark = PyUnicode_FromFormat("d%zd", PyDict_GET_SIZE(t));
    while (!bad && PyDict_Next(t, &at, &key, &value)) bad = PyList_Append(list, key) || add_constants(value, list);
  } else {
    mark = PyTuple_Pack(2, (PyObject *)Py_TYPE(t), t); /* 1, 1.0 and True differ */
  }
  if (!bad) bad = mark ? PyList_Append(list, mark) : -1;
  Py_XDECREF(mark);
  Py_LeaveRecursiveCall();
  return bad;
}

/* The key of this call's constants: a tuple, looked up in c->results; its place there is what the library gets. */
static PyObject *constants_key(struct run *r) {
  PyObject *list = PyList_New(0), *key = NULL;
  if (list && !add_constants(r->args, list) && (!r->kwargs || !add_constants(r->kwargs, list)) &&
      (!r->c->inputs || !add_constants(r->c->inputs, list)))
    key = PyList_AsTuple(list);
  Py_XDECREF(list);
  if (key && PyObject_Hash(key) == -1) {
    Py_CLEAR(key);
    PyErr_Clear();
    PyErr_SetString(PyExc_ValueError, "[compile] Function arguments must be trees of arrays or hashable constants (int, float, str, None …).");
  }
  return key;
}

static int inputs_of(struct run *r, mlx_vector_array in) {
  if (r->c->inputs && tree_arrays(r->c->inputs, in)) return -1;
  r->nstate = mlx_vector_array_size(in);
  if (tree_arrays(r->args, in)) return -1;
  return r->kwargs ? tree_arrays(r->kwargs, in) : 0;
}

/* Containers of the state trees with copies of what they held. */
static int snapshot(PyObject *t, PyObject *list) {
  if (!t || Array_Check(t) || !tree_is_container(t)) return 0;
  if (!PyTuple_Check(t)) {
    PyObject *copy = PyDict_Check(t) ? PyDict_Copy(t) : PyList_GetSlice(t, 0, PyList_GET_SIZE(t)), *pair = copy ? PyTuple_Pack(2, t, copy) : NULL;
    int bad = pair ? PyList_Append(list, pair) : -1;
    Py_XDECREF(copy);
    Py_XDECREF(pair);
    if (bad) return -1;
  }
  if (PyDict_Check(t)) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(t, &at, &key, &value))
      if (snapshot(value, list)) return -1;
    return 0;
  }
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(t); i++)
    if (snapshot(PySequence_Fast_GET_ITEM(t, i), list)) return -1;
  return 0;
}
static void restore(PyObject *list) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
    PyObject *t = PyTuple_GET_ITEM(PyList_GET_ITEM(list, i), 0), *was = PyTuple_GET_ITEM(PyList_GET_ITEM(list, i), 1);
    if (PyDict_Check(t)) PyDict_Clear(t), PyDict_Update(t, was);
    else PyList_SetSlice(t, 0, PyList_GET_SIZE(t), was);
  }
  PyErr_Clear();
  PyErr_Restore(type, value, trace);
}

/* The trace: state and arguments replaced by placeholders, the function run, its results and the new state collected. */
static int trace(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  struct run *r = payload;
  Compiled *c = r->c;
  size_t at = 0;
  PyObject *saved = PyList_New(0), *args = NULL, *kwargs = NULL, *result = NULL;
  bool bad = !saved || snapshot(c->inputs, saved) || snapshot(c->outputs, saved);
  if (!bad && c->inputs) bad = tree_fill(c->inputs, in, &at);
  if (!bad) bad = !(args = tree_replace(r->args, in, &at));
  if (!bad && r->kwargs) bad = !(kwargs = tree_replace(r->kwargs, in, &at));
  if (!bad) bad = !(result = PyObject_Call(c->function, args, kwargs));
  if (!bad) bad = tree_arrays(result, *res) || (c->outputs && tree_arrays(c->outputs, *res));
  if (saved && (bad || !c->outputs)) restore(saved);
  else if (saved && c->inputs) {
    /* What is in inputs but not in outputs gets its own arrays back; outputs are filled with results by the caller. */
    PyObject *outputs_now = PyList_New(0);
    if (outputs_now && !snapshot(c->outputs, outputs_now)) {
      restore(saved);
      restore(outputs_now);
    }
    Py_XDECREF(outputs_now);
  }
  Py_XDECREF(saved);
  Py_XDECREF(args);
  Py_XDECREF(kwargs);
  /* At once: whoever finds the trace in the library's cache needs its tree. */
  if (!bad) bad = PyList_SetItem(r->entry, 1, Py_NewRef(result));
  Py_XDECREF(result);
  return bad ? mlx_ravel_error_set(MLX_RAVEL_CALLBACK, "A Python function raised an exception.") : 0;
}

/* The state trees' arrays, as a vector to put back if evaluation of the call fails to be set up. */
static PyObject *compiled_call(PyObject *self, PyObject *args, PyObject *kwargs) {
  struct run r = {(Compiled *)self, args, kwargs && PyDict_GET_SIZE(kwargs) ? kwargs : NULL, NULL, 0};
  Compiled *c = r.c;
  PyObject *key = constants_key(&r), *entry = NULL, *result = NULL;
  if (!key) return NULL;
  mlx_vector_array in = mlx_vector_array_new(), out = mlx_vector_array_new();
  mlx_closure cls = mlx_closure_new_func_payload(trace, &r, NULL);
  /* Each distinct key has a number, the one constant of the library's cache; beside it the tree of the last trace's result. */
  entry = PyDict_GetItemWithError(c->results, key);
  if (!entry && !PyErr_Occurred()) {
    PyObject *fresh = Py_BuildValue("[nO]", PyDict_GET_SIZE(c->results), Py_None);
    if (fresh && !PyDict_SetItem(c->results, key, fresh)) entry = fresh;
    Py_XDECREF(fresh);
  }
  r.entry = Py_XNewRef(entry);
  if (entry && !inputs_of(&r, in)) {
    uint64_t number = PyLong_AsUnsignedLongLong(PyList_GET_ITEM(entry, 0));
    if (mlx_ravel_compile_call(&out, cls, c->id, &number, 1, c->shapeless, in)) {
      raise_error();
    } else {
      size_t at = 0;
      result = tree_replace(PyList_GET_ITEM(entry, 1), out, &at);
      if (result && c->outputs && tree_fill(c->outputs, out, &at)) Py_CLEAR(result);
    }
  }
  Py_XDECREF(entry);
  Py_DECREF(key);
  mlx_closure_free(cls);
  mlx_vector_array_free(in);
  mlx_vector_array_free(out);
  return result;
}

static int compiled_traverse(PyObject *self, visitproc visit, void *arg) {
  Compiled *c = (Compiled *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(c->function);
  Py_VISIT(c->inputs);
  Py_VISIT(c->outputs);
  Py_VISIT(c->results);
  return 0;
}
static int compiled_clear(PyObject *self) {
  Compiled *c = (Compiled *)self;
  Py_CLEAR(c->function);
  Py_CLEAR(c->inputs);
  Py_CLEAR(c->outputs);
  Py_CLEAR(c->results);
  return 0;
}
static void compiled_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  mlx_detail_compile_erase((uintptr_t)((Compiled *)self)->id);
  compiled_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *compiled_get(PyObject *self, PyObject *obj, PyObject *type) {
  (void)type;
  return obj && obj != Py_None ? PyMethod_New(self, obj) : Py_NewRef(self);
}
/* __name__, __doc__ and the like are the function's. */
static PyObject *compiled_getattro(PyObject *self, PyObject *name) {
  PyObject *r = PyObject_GenericGetAttr(self, name);
  if (r || !PyErr_ExceptionMatches(PyExc_AttributeError)) return r;
  PyErr_Clear();
  return PyObject_GetAttr(((Compiled *)self)->function, name);
}

PyObject *compiled_new(const struct function *f, PyObject **v);
PyObject *compiled_new(const struct function *f, PyObject **v) {
  (void)f;
  bool shapeless;
  if (!PyCallable_Check(v[0])) return refuse(PyExc_TypeError, "expected a callable, not %.200U", v[0]);
  if (to_bool(v[3], &shapeless, false)) return NULL;
  Compiled *c = (Compiled *)core.Compiled->tp_alloc(core.Compiled, 0);
  if (!c) return NULL;
  c->function = Py_NewRef(v[0]);
  c->inputs = v[1] && v[1] != Py_None ? Py_NewRef(v[1]) : NULL;
  c->outputs = v[2] && v[2] != Py_None ? Py_NewRef(v[2]) : NULL;
  c->shapeless = shapeless;
  c->id = mlx_ravel_compile_id();
  if (!(c->results = PyDict_New())) Py_CLEAR(c);
  return (PyObject *)c;
}

PyObject *export_to_dot(const struct function *f, PyObject **v);
PyObject *export_to_dot(const struct function *f, PyObject **v) {
  (void)f;
  mlx_vector_array outs = mlx_vector_array_new();
  mlx_node_namer namer = mlx_node_namer_new();
  PyObject *key, *value, *r = NULL;
  Py_ssize_t at = 0;
  char *text = NULL;
  size_t size = 0;
  bool bad = tree_arrays(v[1], outs);
  while (!bad && v[2] && PyDict_Next(v[2], &at, &key, &value))
    if (Array_Check(value)) bad = mlx_node_namer_set_name(namer, H(value), PyUnicode_AsUTF8(key)) || mlx_vector_array_append_value(outs, H(value));
  FILE *os = bad ? NULL : open_memstream(&text, &size);
  int status = os ? mlx_export_to_dot(os, namer, outs) : 0;
  if (os) fclose(os);
  if (status) raise_error();
  else if (os && PyObject_HasAttrString(v[0], "write")) r = PyObject_CallMethod(v[0], "write", "s#", text, (Py_ssize_t)size);
  else if (os) {
    PyObject *io = PyImport_ImportModule("io"), *file = io ? PyObject_CallMethod(io, "open", "Os", v[0], "w") : NULL;
    PyObject *done = file ? PyObject_CallMethod(file, "write", "s#", text, (Py_ssize_t)size) : NULL;
    r = file ? PyObject_CallMethod(file, "close", NULL) : NULL;
    if (!done) Py_CLEAR(r);
    Py_XDECREF(done);
    Py_XDECREF(file);
    Py_XDECREF(io);
  }
  free(text);
  mlx_node_namer_free(namer);
  mlx_vector_array_free(outs);
  Py_XDECREF(r);
  if (!r) return NULL;
  Py_RETURN_NONE;
}

int compiled_init(PyObject *module);
int compiled_init(PyObject *module) {
  static PyType_Slot slots[] = {{Py_tp_call, compiled_call}, {Py_tp_traverse, compiled_traverse}, {Py_tp_clear, compiled_clear},
                                {Py_tp_dealloc, compiled_dealloc}, {Py_tp_descr_get, compiled_get}, {Py_tp_getattro, compiled_getattro}, {0}};
  static PyType_Spec spec = {"mlx.core.compiled", sizeof(Compiled), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  core.Compiled = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
  return core.Compiled ? 0 : -1;
}
