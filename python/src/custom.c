/* custom.c: mx.custom_function: a Python function with vjp, jvp and vmap rules of its own.
 * Invariant: what a rule keeps of the call are trees without arrays (skeletons), so no array is held by its own graph. */
#include "ops_handlers.h"

typedef struct {
  PyObject_HEAD
  PyObject *function, *vjp, *jvp, *vmap; /* the rules may be NULL: then the function's own graph serves */
} Custom;

/* One call, shared by the closures of its rules. */
struct call {
  int refs;
  PyObject *function, *vjp, *jvp, *vmap;
  PyObject *args, *kwargs, *result; /* trees; kwargs may be NULL */
};

static void call_drop(void *payload) {
  struct call *c = payload;
  PyGILState_STATE g;
  if (!gil_take(&g)) return;
  if (--c->refs == 0) {
    Py_XDECREF(c->function);
    Py_XDECREF(c->vjp);
    Py_XDECREF(c->jvp);
    Py_XDECREF(c->vmap);
    Py_XDECREF(c->args);
    Py_XDECREF(c->kwargs);
    Py_XDECREF(c->result);
    PyMem_Free(c);
  }
  gil_give(g);
}
static int failed(void) { return mlx_ravel_error_set(MLX_RAVEL_CALLBACK, "A Python function raised an exception."); }

/* The tree with one constant in place of each array. */
static PyObject *skeleton(PyObject *tree) {
  mlx_vector_array found = mlx_vector_array_new(), same = mlx_vector_array_new();
  mlx_array zero = mlx_array_new_bool(false);
  size_t at = 0;
  int bad = tree_arrays(tree, found);
  for (size_t i = 0; !bad && i < mlx_vector_array_size(found); i++)
    if (mlx_vector_array_append_value(same, zero)) raise_error(), bad = -1;
  PyObject *r = bad ? NULL : tree_replace(tree, same, &at);
  mlx_array_free(zero);
  mlx_vector_array_free(found);
  mlx_vector_array_free(same);
  return r;
}

/* The positional arguments as a rule sees them (one is not in a tuple), and the keyword arguments. */
static PyObject *primals_of(const struct call *c, const mlx_vector_array v, PyObject **kwargs) {
  size_t at = 0;
  PyObject *args = tree_replace(c->args, v, &at);
  *kwargs = NULL;
  if (args && c->kwargs && !(*kwargs = tree_replace(c->kwargs, v, &at))) Py_CLEAR(args);
  if (!args || PyTuple_GET_SIZE(args) != 1) return args;
  PyObject *one = Py_NewRef(PyTuple_GET_ITEM(args, 0));
  Py_DECREF(args);
  return one;
}
static PyObject *result_of(const struct call *c, const mlx_vector_array v) {
  size_t at = 0;
  return tree_replace(c->result, v, &at);
}
/* Calls a rule with the positional trees x (stolen; a NULL among them fails) and keyword arguments (stolen too). */
static PyObject *call_rule(PyObject *rule, int n, PyObject **x, PyObject *kwargs) {
  PyObject *args = PyTuple_New(n), *r = NULL;
  bool bad = !args;
  for (int i = 0; i < n; i++) {
    bad |= !x[i];
    if (args) PyTuple_SET_ITEM(args, i, x[i]);
    else Py_XDECREF(x[i]);
  }
  if (!bad) r = PyObject_Call(rule, args, kwargs);
  Py_XDECREF(args);
  Py_XDECREF(kwargs);
  return r;
}

/* Appends what a rule gave for each array of `like`, in its order; None stands for zeros like those in `zeros` (NULL: for nothing). */
static const mlx_vector_array nothing = {NULL};
static int collect(PyObject *like, PyObject *given, const mlx_vector_array zeros, size_t *at, mlx_vector_array out, const char *what) {
  bool none = given == Py_None;
  if (Array_Check(like)) {
    mlx_array h = mlx_array_new();
    int status = 0;
    if (none && !zeros.ctx) return PyErr_Format(PyExc_ValueError, "[custom_function] The %s gave None where an array is wanted.", what), -1;
    if (none) status = mlx_vector_array_get(&h, zeros, *at) || mlx_zeros_like(&h, h, (mlx_stream){NULL});
    else if (Array_Check(given)) status = mlx_array_set(&h, H(given));
    else return PyErr_Format(PyExc_ValueError, "[custom_function] The %s gave %R where an array is wanted.", what, Py_TYPE(given)), -1;
    ++*at;
    status = status || mlx_vector_array_append_value(out, h);
    mlx_array_free(h);
    return status ? (raise_error(), -1) : 0;
  }
  if (!tree_is_container(like)) return 0;
  if (Py_EnterRecursiveCall(" in a tree of arrays")) return -1;
  int bad = 0;
  if (PyDict_Check(like)) {
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (!none && !PyDict_Check(given)) bad = -1;
    while (!bad && PyDict_Next(like, &pos, &key, &value)) {
      PyObject *x = none ? Py_None : PyDict_GetItemWithError(given, key);
      bad = PyErr_Occurred() ? -1 : collect(value, x ? x : Py_None, zeros, at, out, what);
    }
  } else {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(like);
    if (!none && (!(PyList_Check(given) || PyTuple_Check(given)) || PySequence_Fast_GET_SIZE(given) != n)) bad = -1;
    for (Py_ssize_t i = 0; !bad && i < n; i++)
      bad = collect(PySequence_Fast_GET_ITEM(like, i), none ? Py_None : PySequence_Fast_GET_ITEM(given, i), zeros, at, out, what);
  }
  Py_LeaveRecursiveCall();
  if (bad && !PyErr_Occurred())
    PyErr_Format(PyExc_ValueError, "[custom_function] The %s gave %R, which has not the form of the function's %R.", what, Py_TYPE(given),
                 Py_TYPE(like));
  return bad;
}

/* The closures */

static int run_function(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  struct call *c = payload;
  size_t at = 0;
  PyObject *args = tree_replace(c->args, in, &at), *kwargs = args && c->kwargs ? tree_replace(c->kwargs, in, &at) : NULL;
  PyObject *r = args && (kwargs || !c->kwargs) ? PyObject_Call(c->function, args, kwargs) : NULL;
  Py_XDECREF(args);
  Py_XDECREF(kwargs);
  if (r && !tree_arrays(r, *res)) Py_XSETREF(c->result, skeleton(r));
  Py_XDECREF(r);
  return PyErr_Occurred() ? failed() : 0;
}

static int run_vjp(mlx_vector_array *res, const mlx_vector_array primals, const mlx_vector_array cotangents, const mlx_vector_array outputs,
                   void *payload) {
  struct call *c = payload;
  PyObject *kwargs, *x[3] = {primals_of(c, primals, &kwargs), result_of(c, cotangents), result_of(c, outputs)};
  PyObject *g = call_rule(c->vjp, 3, x, kwargs);
  if (!g) return failed();
  size_t at = 0;
  Py_ssize_t n = PyTuple_GET_SIZE(c->args);
  bool tuple = PyTuple_Check(g) || PyList_Check(g), named = c->kwargs && tuple && PySequence_Fast_GET_SIZE(g) == n + 1 &&
                                                           PyDict_Check(PySequence_Fast_GET_ITEM(g, n));
  PyObject *first = named ? PySequence_GetSlice(g, 0, n) : Py_NewRef(g), *only = n == 1 ? PyTuple_GET_ITEM(c->args, 0) : NULL;
  bool wrapped = tuple && PySequence_Fast_GET_SIZE(first) == 1 && !(only && (PyTuple_Check(only) || PyList_Check(only)) && !named);
  int bad = n == 1 && !wrapped ? collect(only, first, primals, &at, *res, "vjp") : collect(c->args, first, primals, &at, *res, "vjp");
  if (!bad && c->kwargs) bad = collect(c->kwargs, named ? PySequence_Fast_GET_ITEM(g, n) : Py_None, primals, &at, *res, "vjp");
  Py_DECREF(first);
  Py_DECREF(g);
  return bad ? failed() : 0;
}

/* Tangents that were not given are zeros. */
static int full_tangents(mlx_vector_array full, const mlx_vector_array primals, const mlx_vector_array given, const int *argnums, size_t n) {
  size_t k = 0;
  int status = 0;
  for (size_t i = 0; i < mlx_vector_array_size(primals) && !status; i++) {
    mlx_array h = mlx_array_new();
    if (k < n && argnums[k] == (int)i) status = mlx_vector_array_get(&h, given, k++);
    else status = mlx_vector_array_get(&h, primals, i) || mlx_zeros_like(&h, h, (mlx_stream){NULL});
    status = status || mlx_vector_array_append_value(full, h);
    mlx_array_free(h);
  }
  return status;
}
static int run_jvp(mlx_vector_array *res, const mlx_vector_array primals, const mlx_vector_array tangents, const int *argnums, size_t n,
                   void *payload) {
  struct call *c = payload;
  mlx_vector_array full = mlx_vector_array_new();
  int status = full_tangents(full, primals, tangents, argnums, n);
  size_t at = 0;
  if (!status) {
    PyObject *kwargs, *ignored, *x[2] = {primals_of(c, primals, &kwargs), primals_of(c, full, &ignored)};
    Py_XDECREF(ignored);
    PyObject *t = call_rule(c->jvp, 2, x, kwargs);
    if (!t || collect(c->result, t, nothing, &at, *res, "jvp")) status = failed();
    Py_XDECREF(t);
  }
  mlx_vector_array_free(full);
  return status;
}

/* A tree like `like` with the axes, None for arrays without one, in place of its arrays. */
static PyObject *axes_tree(PyObject *like, const int *axes, size_t *at) {
  if (Array_Check(like)) {
    int a = axes[(*at)++];
    return a < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(a);
  }
  if (!tree_is_container(like)) return Py_NewRef(Py_None);
  if (Py_EnterRecursiveCall(" in a tree of arrays")) return NULL;
  PyObject *r = NULL;
  if (PyDict_Check(like)) {
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    r = PyDict_New();
    while (r && PyDict_Next(like, &pos, &key, &value)) {
      PyObject *x = axes_tree(value, axes, at);
      if (!x || PyDict_SetItem(r, key, x)) Py_CLEAR(r);
      Py_XDECREF(x);
    }
  } else {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(like);
    r = PyList_New(n);
    for (Py_ssize_t i = 0; r && i < n; i++) {
      PyObject *x = axes_tree(PySequence_Fast_GET_ITEM(like, i), axes, at);
      if (!x) Py_CLEAR(r);
      else PyList_SET_ITEM(r, i, x);
    }
    if (r && PyTuple_Check(like)) Py_SETREF(r, PyList_AsTuple(r));
  }
  Py_LeaveRecursiveCall();
  return r;
}
/* The axes of a rule's results, one for the whole or a tree like the results; None is -1. */
static int read_axes(PyObject *like, PyObject *axes, mlx_vector_int out) {
  bool whole = axes == Py_None || PyLong_Check(axes);
  if (Array_Check(like)) {
    int a = -1;
    if (!whole) return refuse(PyExc_ValueError, "[custom_function] The axes of vmap are integers or None, not %.200U.", axes), -1;
    if (axes != Py_None && to_int(axes, &a)) return -1;
    if (axes != Py_None && a < 0)
      return PyErr_Format(PyExc_ValueError, "[custom_function] The axes that a vmap rule gives count from the front; %d does not.", a), -1;
    return mlx_vector_int_append_value(out, a) ? (raise_error(), -1) : 0;
  }
  if (!tree_is_container(like)) return 0;
  PyObject *parts = PyDict_Check(like) ? PyDict_Keys(like) : Py_NewRef(like);
  Py_ssize_t n = parts ? PySequence_Fast_GET_SIZE(parts) : -1;
  bool fits = whole || (PyDict_Check(like) ? PyDict_Check(axes) : (PyTuple_Check(axes) || PyList_Check(axes)) && PySequence_Fast_GET_SIZE(axes) == n);
  if (n >= 0 && !fits) refuse(PyExc_ValueError, "[custom_function] The axes %.200U do not match the results of vmap.", axes);
  int bad = n < 0 || !fits ? -1 : 0;
  for (Py_ssize_t i = 0; !bad && i < n; i++) {
    PyObject *part = PySequence_Fast_GET_ITEM(parts, i), *x = axes;
    if (PyDict_Check(like) && !whole && !(x = PyDict_GetItemWithError(axes, part))) x = Py_None;
    else if (!PyDict_Check(like) && !whole) x = PySequence_Fast_GET_ITEM(axes, i);
    bad = read_axes(PyDict_Check(like) ? PyDict_GetItem(like, part) : part, x, out);
  }
  Py_XDECREF(parts);
  return bad;
}
static int run_vmap(mlx_vector_array *res, mlx_vector_int *res_axes, const mlx_vector_array in, const int *axes, size_t n, void *payload) {
  struct call *c = payload;
  (void)n;
  size_t at = 0;
  PyObject *kwargs, *inputs = primals_of(c, in, &kwargs), *trees = axes_tree(c->args, axes, &at);
  if (trees && PyTuple_GET_SIZE(c->args) == 1) Py_SETREF(trees, Py_NewRef(PyTuple_GET_ITEM(trees, 0)));
  PyObject *x[2] = {inputs, trees}, *r = call_rule(c->vmap, 2, x, kwargs);
  int bad = r ? 0 : -1;
  if (!bad && (!PyTuple_Check(r) || PyTuple_GET_SIZE(r) != 2)) {
    PyErr_SetString(PyExc_ValueError, "[custom_function] A vmap rule gives the pair of outputs and their axes.");
    bad = -1;
  }
  at = 0;
  if (!bad) bad = collect(c->result, PyTuple_GET_ITEM(r, 0), nothing, &at, *res, "vmap") || read_axes(c->result, PyTuple_GET_ITEM(r, 1), *res_axes);
  Py_XDECREF(r);
  return bad ? failed() : 0;
}

/* The object */

static PyObject *custom_call(PyObject *self, PyObject *args, PyObject *kwargs) {
  Custom *u = (Custom *)self;
  if (!u->vjp && !u->jvp && !u->vmap) return PyObject_Call(u->function, args, kwargs);
  struct call *c = PyMem_Calloc(1, sizeof *c);
  if (!c) return PyErr_NoMemory();
  *c = (struct call){1, Py_NewRef(u->function), Py_XNewRef(u->vjp), Py_XNewRef(u->jvp), Py_XNewRef(u->vmap), skeleton(args),
                     kwargs && PyDict_GET_SIZE(kwargs) ? skeleton(kwargs) : NULL, NULL};
  mlx_vector_array in = mlx_vector_array_new(), out = mlx_vector_array_new();
  mlx_closure fun = {NULL}, own = {NULL};
  mlx_closure_custom vjp = {NULL};
  mlx_closure_custom_jvp jvp = {NULL};
  mlx_closure_custom_vmap vmap = {NULL};
  PyObject *r = NULL;
  if (!PyErr_Occurred() && !tree_arrays(args, in) && !(c->kwargs && tree_arrays(kwargs, in))) {
    fun = mlx_closure_new_func_payload(run_function, c, call_drop);
    c->refs++;
    if (c->vjp) c->refs++, vjp = mlx_closure_custom_new_func_payload(run_vjp, c, call_drop);
    if (c->jvp) c->refs++, jvp = mlx_closure_custom_jvp_new_func_payload(run_jvp, c, call_drop);
    if (c->vmap) c->refs++, vmap = mlx_closure_custom_vmap_new_func_payload(run_vmap, c, call_drop);
    if (mlx_custom_function(&own, fun, vjp, jvp, vmap) || mlx_closure_apply(&out, own, in)) raise_error();
    else r = result_of(c, out);
  }
  mlx_closure_free(own);
  mlx_closure_free(fun);
  mlx_closure_custom_free(vjp);
  mlx_closure_custom_jvp_free(jvp);
  mlx_closure_custom_vmap_free(vmap);
  mlx_vector_array_free(in);
  mlx_vector_array_free(out);
  call_drop(c);
  return r;
}
static PyObject *custom_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"f", NULL};
  PyObject *f;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:custom_function", names, &f)) return NULL;
  if (!PyCallable_Check(f)) return refuse(PyExc_TypeError, "expected a callable, not %.200U", f);
  Custom *u = (Custom *)type->tp_alloc(type, 0);
  if (u) u->function = Py_NewRef(f);
  return (PyObject *)u;
}
static PyObject *set_rule(PyObject **v, PyObject **rule) {
  if (!PyCallable_Check(v[1])) return refuse(PyExc_TypeError, "expected a callable, not %.200U", v[1]);
  Py_XSETREF(*rule, Py_NewRef(v[1]));
  return Py_NewRef(v[0]);
}
static PyObject *do_vjp(const struct function *f, PyObject **v) { return (void)f, set_rule(v, &((Custom *)v[0])->vjp); }
static PyObject *do_jvp(const struct function *f, PyObject **v) { return (void)f, set_rule(v, &((Custom *)v[0])->jvp); }
static PyObject *do_vmap(const struct function *f, PyObject **v) { return (void)f, set_rule(v, &((Custom *)v[0])->vmap); }

static int custom_traverse(PyObject *self, visitproc visit, void *arg) {
  Custom *u = (Custom *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(u->function);
  Py_VISIT(u->vjp);
  Py_VISIT(u->jvp);
  Py_VISIT(u->vmap);
  return 0;
}
static int custom_clear(PyObject *self) {
  Custom *u = (Custom *)self;
  Py_CLEAR(u->function);
  Py_CLEAR(u->vjp);
  Py_CLEAR(u->jvp);
  Py_CLEAR(u->vmap);
  return 0;
}
static void custom_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  custom_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *custom_get(PyObject *self, PyObject *obj, PyObject *type) {
  (void)type;
  return obj && obj != Py_None ? PyMethod_New(self, obj) : Py_NewRef(self);
}

static const struct function custom_methods[] = {
#include "custom.def"
    {0}};

int custom_init(PyObject *module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, custom_new}, {Py_tp_call, custom_call}, {Py_tp_traverse, custom_traverse}, {Py_tp_clear, custom_clear},
      {Py_tp_dealloc, custom_dealloc}, {Py_tp_descr_get, custom_get},
      {Py_tp_doc, "custom_function(f: Callable[..., Any])\n\n"
                  "A function of arrays (and trees of them) whose derivatives and batching may be given by rules of one's own.\n\n"
                  "The methods vjp, jvp and vmap set the rules and can be used as decorators; without one the function's own graph serves.\n\n"
                  ">>> @mx.custom_function\n... def clipped(x):\n...     return mx.minimum(x, 1.0)\n"
                  ">>> @clipped.vjp\n... def through(primals, cotangents, outputs):\n...     return cotangents\n"
                  ">>> mx.grad(clipped)(mx.array(5.0))\narray(1, dtype=float32)"},
      {0}};
  static PyType_Spec spec = {"mlx.core.custom_function", sizeof(Custom), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  core.CustomFunction = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
  return !core.CustomFunction || functions_add((PyObject *)core.CustomFunction, custom_methods, "custom_function") ||
                 PyModule_AddType(module, core.CustomFunction)
             ? -1
             : 0;
}
