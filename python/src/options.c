/* options.c: how arrays print, what their buffers weigh, and ArrayLike. */
#include "ops_handlers.h"

/* PrintOptions: a precision on its own. The one in force is the library's. */

typedef struct {
  PyObject_HEAD
  int precision, before; /* before: of a context, what it puts back */
} Options;

static PyTypeObject *context_type;

static PyObject *options_make(PyTypeObject *type, int precision) {
  Options *o = (Options *)type->tp_alloc(type, 0);
  if (o) o->precision = precision, o->before = -1;
  return (PyObject *)o;
}
static PyObject *options_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"precision", NULL};
  int precision = -1;
  return PyArg_ParseTupleAndKeywords(args, kwargs, "|i:PrintOptions", names, &precision) ? options_make(type, precision) : NULL;
}
static void options_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *options_repr(PyObject *self) { return PyUnicode_FromFormat("PrintOptions(precision=%d)", ((Options *)self)->precision); }
static PyObject *get_precision(PyObject *self, void *c) { return (void)c, PyLong_FromLong(((Options *)self)->precision); }
static int set_precision(PyObject *self, PyObject *value, void *c) {
  (void)c;
  if (value) return to_int(value, &((Options *)self)->precision);
  PyErr_SetString(PyExc_TypeError, "precision cannot be deleted");
  return -1;
}
static PyGetSetDef options_getset[] = {{"precision", get_precision, set_precision,
                                        "precision: int\n\nThe decimals of floating numbers; -1 for six significant digits.\n\n"
                                        ">>> mx.PrintOptions(3).precision\n3", NULL},
                                       {0}};

static PyObject *do_set(const struct function *f, PyObject **v) { /* precision */
  (void)f;
  int precision = -1;
  if (v[0] && to_int(v[0], &precision)) return NULL;
  CHECK(mlx_ravel_set_print_precision(precision));
  Py_RETURN_NONE;
}
static PyObject *do_get(const struct function *f, PyObject **v) {
  (void)f, (void)v;
  return options_make(core.PrintOptions, mlx_ravel_print_precision());
}
static PyObject *do_context(const struct function *f, PyObject **v) {
  (void)f;
  int precision = -1;
  if (v[0] && to_int(v[0], &precision)) return NULL;
  return options_make(context_type, precision);
}
static PyObject *do_enter(const struct function *f, PyObject **v) {
  (void)f;
  Options *o = (Options *)v[0];
  o->before = mlx_ravel_print_precision();
  CHECK(mlx_ravel_set_print_precision(o->precision));
  return Py_NewRef(v[0]);
}
static PyObject *do_exit(const struct function *f, PyObject **v) {
  (void)f;
  CHECK(mlx_ravel_set_print_precision(((Options *)v[0])->before));
  Py_RETURN_NONE;
}

/* get_array_buffer_size: each buffer once. */

static int add_buffers(PyObject *tree, PyObject *seen, size_t *total) {
  if (Array_Check(tree)) {
    const void *buffer;
    size_t bytes;
    if (mlx_ravel_array_buffer(&buffer, &bytes, H(tree))) return raise_error(), -1;
    PyObject *key = PyLong_FromVoidPtr((void *)(uintptr_t)buffer);
    int has = key ? PySet_Contains(seen, key) : -1;
    if (has == 0) *total += bytes, has = PySet_Add(seen, key);
    Py_XDECREF(key);
    return has < 0 ? -1 : 0;
  }
  if (!tree_is_container(tree)) return 0;
  if (Py_EnterRecursiveCall(" in a tree of arrays")) return -1;
  PyObject *parts = PyDict_Check(tree) ? PyDict_Values(tree) : PySequence_Fast(tree, "expected a sequence");
  int bad = parts ? 0 : -1;
  for (Py_ssize_t i = 0; !bad && i < PySequence_Fast_GET_SIZE(parts); i++) bad = add_buffers(PySequence_Fast_GET_ITEM(parts, i), seen, total);
  Py_XDECREF(parts);
  Py_LeaveRecursiveCall();
  return bad;
}
static PyObject *do_buffer_size(const struct function *f, PyObject **v) { /* *args */
  (void)f;
  size_t total = 0;
  PyObject *seen = PySet_New(NULL);
  int bad = seen ? add_buffers(v[0], seen, &total) : -1;
  Py_XDECREF(seen);
  return bad ? NULL : PyLong_FromSize_t(total);
}

/* ArrayLike: a name for whatever becomes an array. */

typedef struct {
  PyObject_HEAD
  PyObject *value;
} Like;
static PyObject *like_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *value;
  if ((kwargs && PyDict_GET_SIZE(kwargs)) || !PyArg_ParseTuple(args, "O:ArrayLike", &value))
    return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "ArrayLike() takes one positional argument");
  Like *l = (Like *)type->tp_alloc(type, 0);
  if (l) l->value = Py_NewRef(value);
  return (PyObject *)l;
}
static int like_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(((Like *)self)->value);
  return 0;
}
static int like_clear(PyObject *self) {
  Py_CLEAR(((Like *)self)->value);
  return 0;
}
static void like_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  like_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *do_like(const struct function *f, PyObject **v) {
  (void)f;
  mlx_array h = mlx_array_new();
  if (array_from(((Like *)v[0])->value, NULL, &h)) return mlx_array_free(h), NULL;
  return array_take(h);
}

static const struct function option_functions[] = {
    {"set_printoptions", "(precision: int = -1) -> None",
     "Sets how arrays print: with so many decimals, or (-1) with six significant digits.\n\n"
     ">>> mx.set_printoptions(precision=2)\n"
     ">>> mx.array(mx.pi)\n"
     "array(3.14, dtype=float32)\n"
     ">>> mx.set_printoptions()",
     do_set, NULL, NULL},
    {"get_printoptions", "() -> PrintOptions",
     "A copy of the options by which arrays print.\n\n"
     ">>> mx.get_printoptions().precision\n"
     "-1",
     do_get, NULL, NULL},
    {"printoptions", "(precision: int = -1) -> _PrintOptionsContext",
     "A context in which arrays print with these options.\n\n"
     ">>> with mx.printoptions(precision=1):\n"
     "...     mx.array(mx.pi)\n"
     "array(3.1, dtype=float32)",
     do_context, NULL, NULL},
    {"get_array_buffer_size", "(*args: Any) -> int",
     "The bytes of the buffers behind the arrays of these trees; what arrays share counts once.\n\n"
     "ValueError for an array that has not been evaluated.\n\n"
     ">>> x = mx.array([1, 2, 3, 4])\n"
     ">>> mx.get_array_buffer_size(x, {'again': x}) >= x.nbytes\n"
     "True",
     do_buffer_size, NULL, NULL},
    {0}};
static const struct function context_methods[] = {
    {"__enter__", "(self) -> _PrintOptionsContext", "Puts the options in force.", do_enter, NULL, NULL},
    {"__exit__", "(self, exc_type: object | None = None, exc_value: object | None = None, traceback: object | None = None) -> None",
     "Puts back those before.", do_exit, NULL, NULL},
    {0}};
static const struct function like_methods[] = {
    {"__mlx_array__", "(self) -> array", "The array that the object becomes.", do_like, NULL, NULL}, {0}};

int options_init(PyObject *module) {
  static PyType_Slot slots[] = {{Py_tp_new, options_new}, {Py_tp_dealloc, options_dealloc}, {Py_tp_repr, options_repr},
                                {Py_tp_getset, options_getset},
                                {Py_tp_doc, "PrintOptions(precision: int = -1)\n\nHow arrays print: the decimals of floating numbers, or (-1) six "
                                            "significant digits.\n\n>>> mx.PrintOptions(precision=3)\nPrintOptions(precision=3)"},
                                {0}};
  static PyType_Slot context_slots[] = {{Py_tp_dealloc, options_dealloc}, {0}};
  static PyType_Slot like_slots[] = {{Py_tp_new, like_new}, {Py_tp_dealloc, like_dealloc}, {Py_tp_traverse, like_traverse},
                                     {Py_tp_clear, like_clear},
                                     {Py_tp_doc, "ArrayLike(arg: object, /)\n\nAn object that operations take as an array, with __mlx_array__.\n\n"
                                                 ">>> mx.array(mx.ArrayLike([1, 2]))\narray([1, 2], dtype=int32)"},
                                     {0}};
  static PyType_Spec spec = {"mlx.core.PrintOptions", sizeof(Options), 0, Py_TPFLAGS_DEFAULT, slots};
  static PyType_Spec context_spec = {"mlx.core._PrintOptionsContext", sizeof(Options), 0,
                                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, context_slots};
  static PyType_Spec like_spec = {"mlx.core.ArrayLike", sizeof(Like), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, like_slots};
  if (!(core.PrintOptions = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL)) ||
      !(context_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &context_spec, NULL)) ||
      !(core.ArrayLike = (PyTypeObject *)PyType_FromModuleAndSpec(module, &like_spec, NULL)))
    return -1;
  return functions_add((PyObject *)context_type, context_methods, "_PrintOptionsContext") ||
                 functions_add((PyObject *)core.ArrayLike, like_methods, "ArrayLike") || PyModule_AddType(module, core.PrintOptions) ||
                 PyModule_AddType(module, context_type) || PyModule_AddType(module, core.ArrayLike) ||
                 functions_add(module, option_functions, "mlx.core")
             ? -1
             : 0;
}
