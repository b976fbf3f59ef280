/* transforms.c: evaluation, derivatives, vmap, compile over Python functions and trees.
 * Invariant: the GIL is held while a function is traced; a Python exception raised inside comes out unchanged. */
#include "core.h"

#include <string.h>

static bool given(PyObject *o) { return o && o != Py_None; }

static PyObject *evaluate(PyObject *trees, int (*eval)(const mlx_vector_array)) {
  mlx_vector_array v = mlx_vector_array_new();
  int status;
  if (tree_arrays(trees, v)) return mlx_vector_array_free(v), NULL;
  heed_signals();
  Py_BEGIN_ALLOW_THREADS;
  status = eval(v);
  Py_END_ALLOW_THREADS;
  mlx_vector_array_free(v);
  CHECK(status);
  Py_RETURN_NONE;
}
static PyObject *do_eval(const struct function *f, PyObject **v) {
  (void)f;
  PyObject *first = PyTuple_GET_SIZE(v[0]) == 1 ? PyTuple_GET_ITEM(v[0], 0) : NULL;
  if (!first || !Array_Check(first)) return evaluate(v[0], mlx_eval);
  if (wait_for(H(first))) return NULL; /* no list for a single array */
  Py_RETURN_NONE;
}
static PyObject *do_async_eval(const struct function *f, PyObject **v) { return (void)f, evaluate(v[0], mlx_async_eval); }

/* A call of a Python function with some arrays of its arguments replaced. */
struct call {
  PyObject *function, *args, *kwargs; /* borrowed; kwargs may be NULL */
  PyObject *result;                   /* what it returned, a reference */
  unsigned char *wanted;              /* per positional argument: is its tree replaced? NULL: all */
  PyObject *names;                    /* keyword arguments whose trees are replaced; NULL: all */
};

/* The arrays to replace, in order: wanted positional arguments, then wanted keyword arguments. */
static int call_inputs(const struct call *c, mlx_vector_array in) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(c->args); i++)
    if ((!c->wanted || c->wanted[i]) && tree_arrays(PyTuple_GET_ITEM(c->args, i), in)) return -1;
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (c->kwargs && PyDict_Next(c->kwargs, &at, &key, &value)) {
    int has = c->names ? PySequence_Contains(c->names, key) : 1;
    if (has < 0 || (has && tree_arrays(value, in))) return -1;
  }
  return 0;
}

/* Runs it on other arrays; outputs are the result's arrays. 0, or -1 with a Python exception. */
static int call_run(struct call *c, const mlx_vector_array in, mlx_vector_array *res) {
  size_t at = 0;
  Py_ssize_t n = PyTuple_GET_SIZE(c->args);
  PyObject *args = PyTuple_New(n), *kwargs = NULL, *r = NULL;
  for (Py_ssize_t i = 0; args && i < n; i++) {
    PyObject *x = PyTuple_GET_ITEM(c->args, i);
    x = !c->wanted || c->wanted[i] ? tree_replace(x, in, &at) : Py_NewRef(x);
    if (!x) Py_CLEAR(args);
    else PyTuple_SET_ITEM(args, i, x);
  }
  bool bad = !args;
  if (!bad && c->kwargs) {
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    bad = !(kwargs = PyDict_New());
    while (!bad && PyDict_Next(c->kwargs, &pos, &key, &value)) {
      int has = c->names ? PySequence_Contains(c->names, key) : 1;
      PyObject *x = has < 0 ? NULL : has ? tree_replace(value, in, &at) : Py_NewRef(value);
      bad = !x || PyDict_SetItem(kwargs, key, x);
      Py_XDECREF(x);
    }
  }
  if (!bad) r = PyObject_Call(c->function, args, kwargs);
  Py_XDECREF(args);
  Py_XDECREF(kwargs);
  if (!r) return -1;
  Py_XSETREF(c->result, r);
  return tree_arrays(r, *res);
}
static int call_closure(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  if (!call_run(payload, in, res)) return 0;
  return mlx_ravel_error_set(MLX_RAVEL_CALLBACK, "A Python function raised an exception.");
}

/* grad and value_and_grad: a callable that holds the function and what to differentiate by. */
typedef struct {
  PyObject_HEAD
  PyObject *function, *argnums, *argnames; /* argnums: a tuple of integers; argnames: a tuple of strings */
  bool with_value;
  PyObject *in_axes, *out_axes;            /* vmap */
  PyObject *dict;
  int kind;                                /* 0 grad, 1 vmap, 2 checkpoint */
} Transformed;

static int transformed_traverse(PyObject *self, visitproc visit, void *arg) {
  Transformed *t = (Transformed *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(t->function);
  Py_VISIT(t->in_axes);
  Py_VISIT(t->out_axes);
  Py_VISIT(t->dict);
  return 0;
}
static int transformed_clear(PyObject *self) {
  Transformed *t = (Transformed *)self;
  Py_CLEAR(t->function);
  Py_CLEAR(t->argnums);
  Py_CLEAR(t->argnames);
  Py_CLEAR(t->in_axes);
  Py_CLEAR(t->out_axes);
  Py_CLEAR(t->dict);
  return 0;
}
static void transformed_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  transformed_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

/* Which arguments are wanted, as bytes; checks that they exist. Caller frees. */
static unsigned char *mark_wanted(const Transformed *t, PyObject *args) {
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  unsigned char *wanted = PyMem_Calloc((size_t)n + 1, 1);
  if (!wanted) return PyErr_NoMemory(), NULL;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(t->argnums); i++) {
    int64_t k;
    if (to_int64(PyTuple_GET_ITEM(t->argnums, i), &k)) break;
    if (k < 0) k += n;
    if (k < 0 || k >= n) {
      PyErr_Format(PyExc_ValueError, "[grad] Can't compute the gradient of argument index %lld because the function is called with %zd "
                                     "positional arguments.",
                   (long long)k, n);
      break;
    }
    if (wanted[k]++) {
      PyErr_Format(PyExc_ValueError, "[grad] Duplicate argument index %lld is not allowed.", (long long)k);
      break;
    }
  }
  if (!PyErr_Occurred()) return wanted;
  PyMem_Free(wanted);
  return NULL;
}

/* The gradients in the form of what was differentiated: argument trees (one alone, None for none, else a tuple in the arguments'
 * order, whatever that of argnums), and a dict for keyword arguments. */
static PyObject *shape_grads(const Transformed *t, const struct call *c, const mlx_vector_array grads) {
  size_t at = 0;
  Py_ssize_t n = PyTuple_GET_SIZE(t->argnums), total = PyTuple_GET_SIZE(c->args), k = 0;
  PyObject *positional = n ? PyTuple_New(n) : Py_NewRef(Py_None), *named = NULL;
  for (Py_ssize_t i = 0; positional && i < total; i++) {
    if (!c->wanted[i]) continue;
    PyObject *g = tree_replace(PyTuple_GET_ITEM(c->args, i), grads, &at);
    if (g) PyTuple_SET_ITEM(positional, k++, g);
    else Py_CLEAR(positional);
  }
  if (positional && n == 1) Py_SETREF(positional, Py_NewRef(PyTuple_GET_ITEM(positional, 0)));
  if (!positional || !PyTuple_GET_SIZE(t->argnames)) return positional;
  named = PyDict_New();
  PyObject *key, *value;
  Py_ssize_t pos = 0;
  while (named && c->kwargs && PyDict_Next(c->kwargs, &pos, &key, &value)) {
    if (PySequence_Contains(t->argnames, key) != 1) continue;
    PyObject *g = tree_replace(value, grads, &at);
    if (!g || PyDict_SetItem(named, key, g)) Py_CLEAR(named);
    Py_XDECREF(g);
  }
  if (!named) return Py_DECREF(positional), NULL;
  return Py_BuildValue("(NN)", positional, named);
}

static PyObject *grad_call(Transformed *t, PyObject *args, PyObject *kwargs) {
  struct call c = {t->function, args, kwargs, NULL, NULL, t->argnames};
  if (!(c.wanted = mark_wanted(t, args))) return NULL;
  PyObject *name;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(t->argnames); i++) {
    name = PyTuple_GET_ITEM(t->argnames, i);
    if (kwargs && PyDict_Contains(kwargs, name) == 1) continue;
    PyMem_Free(c.wanted);
    return PyErr_Format(PyExc_ValueError, "[grad] Can't compute the gradient of keyword argument '%U' because it was not given.", name);
  }
  mlx_vector_array in = mlx_vector_array_new(), values = mlx_vector_array_new(), grads = mlx_vector_array_new();
  mlx_closure cls = mlx_closure_new_func_payload(call_closure, &c, NULL);
  mlx_closure_value_and_grad vg = {NULL};
  PyObject *result = NULL, *value = NULL, *g = NULL;
  int *nums = NULL;
  size_t at = 0;
  if (!call_inputs(&c, in)) {
    size_t n = mlx_vector_array_size(in);
    nums = PyMem_Malloc((n + 1) * sizeof *nums);
    for (size_t i = 0; nums && i < n; i++) nums[i] = (int)i;
    if (!nums) PyErr_NoMemory();
    else if (mlx_value_and_grad(&vg, cls, nums, n) || mlx_closure_value_and_grad_apply(&values, &grads, vg, in)) raise_error();
    else if (!Array_Check(c.result) && !(t->with_value && PyTuple_Check(c.result) && PyTuple_GET_SIZE(c.result) &&
                                         Array_Check(PyTuple_GET_ITEM(c.result, 0))))
      PyErr_Format(PyExc_ValueError, t->with_value ? "[value_and_grad] The function must return a scalar array, or a tuple with one as its first element, not %.100s."
                                                   : "[grad] The function must return a scalar array, not %.100s.", Py_TYPE(c.result)->tp_name);
    else if ((g = shape_grads(t, &c, grads)) && t->with_value) value = tree_replace(c.result, values, &at);
  }
  if (g) result = !t->with_value ? Py_NewRef(g) : value ? PyTuple_Pack(2, value, g) : NULL;
  Py_XDECREF(value);
  Py_XDECREF(g);
  Py_XDECREF(c.result);
  PyMem_Free(c.wanted);
  PyMem_Free(nums);
  mlx_closure_value_and_grad_free(vg);
  mlx_closure_free(cls);
  mlx_vector_array_free(in);
  mlx_vector_array_free(values);
  mlx_vector_array_free(grads);
  return result;
}

/* vmap. Axes are given as a prefix of the tree: one for a whole subtree, or one for each part. */
static int read_axes(PyObject *tree, PyObject *axes, int *out, size_t *n, size_t cap, PyObject *ranks) {
  if (Array_Check(tree)) {
    if (*n == cap) return PyErr_SetString(PyExc_ValueError, "[vmap] Too many arrays."), -1;
    int a = -1;
    if (axes != Py_None) {
      if (!PyLong_Check(axes)) return refuse(PyExc_ValueError, "[vmap] Axes are integers or None, not %.200U.", axes), -1;
      if (to_int(axes, &a)) return -1;
      int ndim = (int)mlx_array_ndim(H(tree)) + (ranks == Py_True);
      if (a < -ndim || a >= ndim) return PyErr_Format(PyExc_IndexError, "[vmap] Axis %d is out of bounds for an array with %d dimensions.", a, ndim), -1;
      if (a < 0) a += ndim;
    }
    out[(*n)++] = a;
    return 0;
  }
  if (!tree_is_container(tree)) return 0;
  bool whole = axes == Py_None || PyLong_Check(axes);
  if (PyDict_Check(tree)) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(tree, &at, &key, &value)) {
      PyObject *x = whole ? axes : PyDict_Check(axes) ? PyDict_GetItemWithError(axes, key) : NULL;
      if (!x) return PyErr_Occurred() ? -1 : (refuse(PyExc_ValueError, "[vmap] There is no axis for key %.200U.", key), -1);
      if (read_axes(value, x, out, n, cap, ranks)) return -1;
    }
    return 0;
  }
  Py_ssize_t len = PySequence_Fast_GET_SIZE(tree);
  if (!whole && (!(PyList_Check(axes) || PyTuple_Check(axes)) || PySequence_Fast_GET_SIZE(axes) != len))
    return refuse(PyExc_ValueError, "[vmap] The axes %.200U do not match the sequence of arrays that they belong to.", axes), -1;
  for (Py_ssize_t i = 0; i < len; i++)
    if (read_axes(PySequence_Fast_GET_ITEM(tree, i), whole ? axes : PySequence_Fast_GET_ITEM(axes, i), out, n, cap, ranks)) return -1;
  return 0;
}

static PyObject *vmap_call(Transformed *t, PyObject *args, PyObject *kwargs) {
  if (kwargs && PyDict_GET_SIZE(kwargs)) return PyErr_Format(PyExc_ValueError, "[vmap] A mapped function takes positional arguments only.");
  struct call c = {t->function, args, NULL, NULL, NULL, NULL};
  mlx_vector_array in = mlx_vector_array_new(), s_in = mlx_vector_array_new(), s_out = mlx_vector_array_new(), out = mlx_vector_array_new();
  mlx_closure cls = mlx_closure_new_func_payload(call_closure, &c, NULL);
  int *axes = NULL;
  size_t n = 0, m = 0, at = 0;
  PyObject *r = NULL;
  if (!call_inputs(&c, in)) {
    size_t cap = mlx_vector_array_size(in);
    axes = PyMem_Malloc((cap + 4096) * sizeof *axes);
    /* A single argument's axes may be given without the enclosing tuple. */
    PyObject *in_axes = t->in_axes;
    if (!axes) PyErr_NoMemory();
    else if (read_axes(args, in_axes, axes, &n, cap, NULL)) ;
    else if (mlx_detail_vmap_trace(&s_in, &s_out, cls, in, axes, n)) raise_error();
    else if (read_axes(c.result, t->out_axes, axes + n, &m, 4096, Py_True)) ;
    else if (mlx_detail_vmap_replace(&out, in, s_in, s_out, axes, n, axes + n, m)) raise_error();
    else r = tree_replace(c.result, out, &at);
  }
  PyMem_Free(axes);
  Py_XDECREF(c.result);
  mlx_closure_free(cls);
  mlx_vector_array_free(in);
  mlx_vector_array_free(s_in);
  mlx_vector_array_free(s_out);
  mlx_vector_array_free(out);
  return r;
}

/* checkpoint: the closure outlives the call (the backward pass runs it again), so it owns what it needs. */
static void call_drop(void *payload) {
  struct call *c = payload;
  PyGILState_STATE g;
  if (!gil_take(&g)) return;
  Py_XDECREF(c->function);
  Py_XDECREF(c->args);
  Py_XDECREF(c->kwargs);
  Py_XDECREF(c->result);
  gil_give(g);
  PyMem_Free(c);
}
static PyObject *checkpoint_call(Transformed *t, PyObject *args, PyObject *kwargs) {
  struct call *c = PyMem_Calloc(1, sizeof *c);
  if (!c) return PyErr_NoMemory();
  *c = (struct call){Py_NewRef(t->function), Py_NewRef(args), Py_XNewRef(kwargs), NULL, NULL, NULL};
  mlx_vector_array in = mlx_vector_array_new(), out = mlx_vector_array_new();
  mlx_closure cls = mlx_closure_new_func_payload(call_closure, c, call_drop), point = mlx_closure_new();
  PyObject *r = NULL;
  size_t at = 0;
  if (!call_inputs(c, in)) {
    if (mlx_checkpoint(&point, cls) || mlx_closure_apply(&out, point, in)) raise_error();
    else r = tree_replace(c->result, out, &at);
  }
  mlx_closure_free(point);
  mlx_closure_free(cls);
  mlx_vector_array_free(in);
  mlx_vector_array_free(out);
  return r;
}

static PyObject *transformed_call(PyObject *self, PyObject *args, PyObject *kwargs) {
  Transformed *t = (Transformed *)self;
  return t->kind == 0 ? grad_call(t, args, kwargs) : t->kind == 1 ? vmap_call(t, args, kwargs) : checkpoint_call(t, args, kwargs);
}
static PyObject *bind(PyObject *self, PyObject *obj, PyObject *type) {
  (void)type;
  return obj && obj != Py_None ? PyMethod_New(self, obj) : Py_NewRef(self);
}

static Transformed *transformed_new(PyObject *f, int kind) {
  if (!PyCallable_Check(f)) return refuse(PyExc_TypeError, "expected a callable, not %.200U", f), NULL;
  Transformed *t = (Transformed *)core.Transformed->tp_alloc(core.Transformed, 0);
  if (!t) return NULL;
  t->function = Py_NewRef(f);
  t->kind = kind;
  return t;
}
/* An integer or string, or a sequence of them, as a tuple. */
static PyObject *as_tuple(PyObject *o) { return PyLong_Check(o) || PyUnicode_Check(o) ? PyTuple_Pack(1, o) : PySequence_Tuple(o); }
static PyObject *make_grad(PyObject **v, bool with_value) {
  Transformed *t = transformed_new(v[0], 0);
  if (!t) return NULL;
  t->with_value = with_value;
  t->argnames = v[2] ? as_tuple(v[2]) : PyTuple_New(0);
  if (t->argnames && given(v[1])) t->argnums = as_tuple(v[1]);
  else if (t->argnames && PyTuple_GET_SIZE(t->argnames)) t->argnums = PyTuple_New(0);
  else if (t->argnames) {
    PyObject *zero = PyLong_FromLong(0);
    t->argnums = zero ? PyTuple_Pack(1, zero) : NULL;
    Py_XDECREF(zero);
  }
  if (t->argnums && !PyTuple_GET_SIZE(t->argnums) && !PyTuple_GET_SIZE(t->argnames))
    PyErr_SetString(PyExc_ValueError, "[grad] argnums and argnames name no argument.");
  if (PyErr_Occurred()) Py_CLEAR(t);
  for (Py_ssize_t i = 0; t && i < PyTuple_GET_SIZE(t->argnums); i++)
    if (!PyLong_Check(PyTuple_GET_ITEM(t->argnums, i))) {
      refuse(PyExc_TypeError, "argnums: expected integers, not %.200U", PyTuple_GET_ITEM(t->argnums, i));
      Py_CLEAR(t);
    }
  for (Py_ssize_t i = 0; t && i < PyTuple_GET_SIZE(t->argnames); i++)
    if (!PyUnicode_Check(PyTuple_GET_ITEM(t->argnames, i))) {
      refuse(PyExc_TypeError, "argnames: expected strings, not %.200U", PyTuple_GET_ITEM(t->argnames, i));
      Py_CLEAR(t);
    }
  return (PyObject *)t;
}
static PyObject *do_grad(const struct function *f, PyObject **v) { return (void)f, make_grad(v, false); }
static PyObject *do_value_and_grad(const struct function *f, PyObject **v) { return (void)f, make_grad(v, true); }
static PyObject *do_vmap(const struct function *f, PyObject **v) {
  (void)f;
  Transformed *t = transformed_new(v[0], 1);
  if (!t) return NULL;
  t->in_axes = v[1] ? Py_NewRef(v[1]) : PyLong_FromLong(0);
  t->out_axes = v[2] ? Py_NewRef(v[2]) : PyLong_FromLong(0);
  return (PyObject *)t;
}
static PyObject *do_checkpoint(const struct function *f, PyObject **v) { return (void)f, (PyObject *)transformed_new(v[0], 2); }

/* vjp and jvp on lists of arrays. */
static PyObject *products(PyObject **v, int (*f)(mlx_vector_array *, mlx_vector_array *, const mlx_closure, const mlx_vector_array,
                                                const mlx_vector_array)) {
  PyObject *primals = PySequence_Tuple(v[1]), *result = NULL;
  if (!primals) return NULL;
  struct call c = {v[0], primals, NULL, NULL, NULL, NULL};
  mlx_vector_array in = mlx_vector_array_new(), with = mlx_vector_array_new(), a = mlx_vector_array_new(), b = mlx_vector_array_new();
  mlx_closure cls = mlx_closure_new_func_payload(call_closure, &c, NULL);
  if (!call_inputs(&c, in) && !tree_arrays(v[2], with)) {
    if (f(&a, &b, cls, in, with)) raise_error();
    else {
      mlx_vector_array both[2] = {a, b};
      PyObject *lists[2] = {NULL, NULL};
      for (int k = 0; k < 2; k++) {
        size_t n = mlx_vector_array_size(both[k]);
        lists[k] = PyList_New((Py_ssize_t)n);
        for (size_t i = 0; lists[k] && i < n; i++) {
          mlx_array h = mlx_array_new();
          mlx_vector_array_get(&h, both[k], i);
          PyList_SET_ITEM(lists[k], (Py_ssize_t)i, array_take(h));
        }
      }
      if (lists[0] && lists[1]) result = PyTuple_Pack(2, lists[0], lists[1]);
      Py_XDECREF(lists[0]);
      Py_XDECREF(lists[1]);
    }
  }
  Py_XDECREF(c.result);
  Py_DECREF(primals);
  mlx_closure_free(cls);
  mlx_vector_array_free(in);
  mlx_vector_array_free(with);
  mlx_vector_array_free(a);
  mlx_vector_array_free(b);
  return result;
}
static PyObject *do_vjp(const struct function *f, PyObject **v) { return (void)f, products(v, mlx_vjp); }
static PyObject *do_jvp(const struct function *f, PyObject **v) { return (void)f, products(v, mlx_jvp); }

static PyObject *do_compile_switch(const struct function *f, PyObject **v) {
  (void)v;
  CHECK(((int (*)(void))f->impl)());
  Py_RETURN_NONE;
}
PyObject *compiled_new(const struct function *f, PyObject **v);
PyObject *export_to_dot(const struct function *f, PyObject **v);

const struct function transform_functions[] = {
#include "transforms.def"
    {0}};

int compiled_init(PyObject *module);

int transforms_init(PyObject *module) {
  static PyType_Slot slots[] = {{Py_tp_call, transformed_call}, {Py_tp_traverse, transformed_traverse}, {Py_tp_clear, transformed_clear},
                                {Py_tp_dealloc, transformed_dealloc}, {Py_tp_descr_get, bind}, {0}};
  static PyType_Spec spec = {"mlx.core.transformed", sizeof(Transformed), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  core.Transformed = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
  return core.Transformed ? compiled_init(module) : -1;
}
