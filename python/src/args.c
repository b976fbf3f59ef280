/* args.c: module functions and array methods as rows of tables, called by vectorcall.
 * Invariant: the signature in the docstring is what the parser reads; there is no second list of parameters. */
#include "core.h"

#include <string.h>
#include <structmember.h>

/* A callable for one row; also a method descriptor, so that array.sum is the same kind of thing as mx.sum. */
typedef struct {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  const struct function *f;
  const char *qualifier;
  int n, positional_only, positional; /* parameters; how many by position alone; how many by position at all */
  int rest;                           /* index of *args, or -1 */
  int kwargs;                         /* index of **kwargs, or -1 */
  int stream;                         /* index of the parameter `stream`, or -1 */
  unsigned required;                  /* bit i: parameter i has no default */
  PyObject *names[MAX_PARAMS];
} Function;

/* Splits "(a: array, /, axis: int = None, *, stream: … = None) -> array" into parameters. */
static int read_signature(Function *fn) {
  const char *s = strchr(fn->f->signature, '(') + 1;
  int depth = 0;
  bool keyword_only = false;
  fn->rest = fn->kwargs = fn->stream = -1;
  while (*s && *s != ')') {
    const char *begin = s, *colon = NULL, *equals = NULL;
    for (; *s && !(depth == 0 && (*s == ',' || *s == ')')); s++) {
      if (*s == '[' || *s == '(') depth++;
      if (*s == ']' || *s == ')') depth--;
      if (*s == ':' && depth == 0 && !colon) colon = s;
      if (*s == '=' && depth == 0 && !equals) equals = s;
    }
    const char *end = colon ? colon : equals ? equals : s;
    while (end > begin && end[-1] == ' ') end--;
    if (end - begin == 1 && *begin == '/') {
      fn->positional_only = fn->n;
    } else if (end - begin == 1 && *begin == '*') {
      keyword_only = true;
    } else {
      int stars = 0;
      while (*begin == '*') stars++, begin++;
      if (stars == 1) fn->rest = fn->n, keyword_only = true;
      if (stars == 2) fn->kwargs = fn->n;
      if (end - begin == 6 && !strncmp(begin, "stream", 6)) fn->stream = fn->n;
      if (!stars && !equals) fn->required |= 1u << fn->n;
      if (!stars && !keyword_only) fn->positional = fn->n + 1;
      if (!(fn->names[fn->n] = PyUnicode_FromStringAndSize(begin, end - begin))) return -1;
      PyUnicode_InternInPlace(&fn->names[fn->n++]);
    }
    if (*s == ',') s++;
    while (*s == ' ') s++;
  }
  return 0;
}

static PyObject *too_many(const Function *fn, Py_ssize_t given) {
  PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments (%zd given); signature: %s%s", fn->f->name, fn->positional,
               given, fn->f->name, fn->f->signature);
  return NULL;
}

static int find_name(const Function *fn, PyObject *name) {
  for (int i = fn->positional_only; i < fn->n; i++)
    if (fn->names[i] == name) return i;
  for (int i = fn->positional_only; i < fn->n; i++)
    if (PyUnicode_Compare(fn->names[i], name) == 0) return i;
  return -1;
}

/* The array API standard's words for MLX's parameters. */
static int standard_word(const Function *fn, PyObject *name) {
  if (fn->stream >= 0 && !PyUnicode_CompareWithASCIIString(name, "device")) return fn->stream;
  if (fn->n > 1 && !PyUnicode_CompareWithASCIIString(name, "fill_value") && !PyUnicode_CompareWithASCIIString(fn->names[1], "vals")) return 1;
  return -1;
}

static int take_keywords(const Function *fn, PyObject *const *args, PyObject *kwnames, PyObject **v, PyObject **kwargs) {
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(kwnames); k++) {
    PyObject *name = PyTuple_GET_ITEM(kwnames, k);
    int i = find_name(fn, name);
    if (i < 0) i = standard_word(fn, name);
    if (i >= 0 && i != fn->rest && i != fn->kwargs) {
      if (v[i]) {
        PyErr_Format(PyExc_TypeError, "%s() got two values for argument '%U'", fn->f->name, name);
        return -1;
      }
      v[i] = args[k];
    } else if (fn->kwargs >= 0) {
      if (!*kwargs && !(*kwargs = PyDict_New())) return -1;
      if (PyDict_SetItem(*kwargs, name, args[k])) return -1;
      v[fn->kwargs] = *kwargs;
    } else {
      PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'; signature: %s%s", fn->f->name, name, fn->f->name,
                   fn->f->signature);
      return -1;
    }
  }
  return 0;
}

/* A converter's exception learns whose argument it was about. One with a traceback comes from the caller's Python code and stays. */
static void name_function(const Function *fn) {
  PyObject *type, *value, *trace, *text = NULL;
  PyErr_Fetch(&type, &value, &trace);
  bool ours = !trace && value && (type == PyExc_TypeError || type == PyExc_ValueError || type == PyExc_OverflowError);
  if (ours && !(text = PyObject_Str(value))) PyErr_Clear();
  const char *said = text ? PyUnicode_AsUTF8(text) : "[";
  if (!said) PyErr_Clear(), said = "[";
  if (*said == '[' || !strncmp(said, fn->f->name, strlen(fn->f->name))) {
    PyErr_Restore(type, value, trace);
  } else {
    PyObject *signature = PyUnicode_FromStringAndSize(fn->f->signature, (Py_ssize_t)strcspn(fn->f->signature, "\n"));
    if (!signature) PyErr_Clear();
    if (signature && type == PyExc_TypeError) PyErr_Format(type, "[%s] %U; signature: %s%U", fn->f->name, text, fn->f->name, signature);
    else PyErr_Format(type, "[%s] %U", fn->f->name, text);
    Py_XDECREF(signature);
    Py_DECREF(type);
    Py_DECREF(value);
  }
  Py_XDECREF(text);
}

static PyObject *function_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
  const Function *fn = (Function *)self;
  heed_signals(); /* some operations evaluate, with the GIL held */
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  PyObject *v[MAX_PARAMS] = {NULL}, *rest = NULL, *kwargs = NULL, *result = NULL;
  Py_ssize_t direct = n < fn->positional ? n : fn->positional;
  for (Py_ssize_t i = 0; i < direct; i++) v[i] = args[i];
  if (n > fn->positional && fn->rest < 0) return too_many(fn, n);
  if (fn->rest >= 0) {
    if (!(rest = PyTuple_New(n - direct))) return NULL;
    for (Py_ssize_t i = direct; i < n; i++) PyTuple_SET_ITEM(rest, i - direct, Py_NewRef(args[i]));
    v[fn->rest] = rest;
  }
  if (kwnames && take_keywords(fn, args + n, kwnames, v, &kwargs)) goto done;
  unsigned open = fn->required >> direct << direct; /* what position did not fill */
  for (int i = (int)direct; open >> i; i++)
    if (open >> i & 1 && !v[i]) {
      PyErr_Format(PyExc_TypeError, "%s() misses argument '%U'; signature: %s%s", fn->f->name, fn->names[i], fn->f->name,
                   fn->f->signature);
      goto done;
    }
  result = fn->f->call(fn->f, v);
  if (!result) name_function(fn);
done:
  Py_XDECREF(rest);
  Py_XDECREF(kwargs);
  return result;
}

static PyObject *function_get(PyObject *self, PyObject *obj, PyObject *type) {
  (void)type;
  if (!obj || obj == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, obj);
}
static void function_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  for (int i = 0; i < MAX_PARAMS; i++) Py_XDECREF(((Function *)self)->names[i]);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *function_repr(PyObject *self) {
  return PyUnicode_FromFormat("<function %s.%s>", ((Function *)self)->qualifier, ((Function *)self)->f->name);
}
static PyObject *get_qualname(PyObject *self, void *c) {
  (void)c;
  const Function *fn = (Function *)self;
  return strchr(fn->qualifier, '.') ? PyUnicode_FromString(fn->f->name) : PyUnicode_FromFormat("%s.%s", fn->qualifier, fn->f->name);
}
static PyObject *get_name(PyObject *self, void *c) {
  (void)c;
  return PyUnicode_FromString(((Function *)self)->f->name);
}
static PyObject *get_module(PyObject *self, void *c) {
  (void)self, (void)c;
  return PyUnicode_FromString("mlx.core");
}
/* The signatures a row shows: those after the first line, if there are any: the parser's own form takes several. */
static const char *shown(const struct function *f) {
  const char *more = strchr(f->signature, '\n');
  return more ? more + 1 : f->signature;
}
static PyObject *get_doc(PyObject *self, void *c) {
  (void)c;
  const struct function *f = ((Function *)self)->f;
  PyObject *text = PyUnicode_FromString("");
  for (const char *at = shown(f); text && at;) {
    const char *end = strchr(at, '\n');
    PyObject *line = PyUnicode_FromStringAndSize(at, end ? end - at : (Py_ssize_t)strlen(at));
    PyUnicode_AppendAndDel(&text, line ? PyUnicode_FromFormat("%s%U\n", f->name, line) : NULL);
    Py_XDECREF(line);
    at = end ? end + 1 : NULL;
  }
  if (text) PyUnicode_AppendAndDel(&text, PyUnicode_FromFormat("\n%s", f->doc ? f->doc : ""));
  return text;
}
/* inspect.signature: that of a Python function with the same parameters. Annotations stay text; defaults are looked up in the module. */
static PyObject *get_signature(PyObject *self, void *c) {
  (void)c;
  const struct function *f = ((Function *)self)->f;
  const char *end = strchr(f->signature, '\n');
  PyObject *head = PyUnicode_FromStringAndSize(f->signature, end ? end - f->signature : (Py_ssize_t)strlen(f->signature));
  PyObject *source = head ? PyUnicode_FromFormat("from __future__ import annotations\ndef f%U: pass\n", head) : NULL;
  PyObject *scope = PyDict_Copy(PyModule_GetDict(core.module)), *ran = NULL, *inspect = NULL, *r = NULL;
  if (source && scope) ran = PyRun_String(PyUnicode_AsUTF8(source), Py_file_input, scope, scope);
  if (ran && (inspect = PyImport_ImportModule("inspect")))
    r = PyObject_CallMethod(inspect, "signature", "O", PyDict_GetItemString(scope, "f"));
  Py_XDECREF(head);
  Py_XDECREF(source);
  Py_XDECREF(scope);
  Py_XDECREF(ran);
  Py_XDECREF(inspect);
  return r;
}
static PyGetSetDef function_getset[] = {{"__name__", get_name, NULL, NULL, NULL}, {"__qualname__", get_qualname, NULL, NULL, NULL},
                                        {"__module__", get_module, NULL, NULL, NULL}, {"__doc__", get_doc, NULL, NULL, NULL},
                                        {"__signature__", get_signature, NULL, NULL, NULL}, {0}};
static PyMemberDef function_members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(Function, vectorcall), READONLY, NULL}, {0}};

PyObject *function_new(const struct function *f, const char *qualifier) {
  Function *fn = (Function *)core.Function->tp_alloc(core.Function, 0);
  if (!fn) return NULL;
  fn->vectorcall = function_call;
  fn->f = f;
  fn->qualifier = qualifier;
  if (read_signature(fn)) {
    Py_DECREF(fn);
    return NULL;
  }
  return (PyObject *)fn;
}

int functions_add(PyObject *where, const struct function *table, const char *qualifier) {
  for (; table->name; table++) {
    PyObject *f = function_new(table, qualifier);
    if (!f) return -1;
    int status = PyObject_SetAttrString(where, table->name, f);
    Py_DECREF(f);
    if (status) return -1;
  }
  return 0;
}

int args_init(PyObject *module) {
  static PyType_Slot slots[] = {{Py_tp_call, PyVectorcall_Call}, {Py_tp_descr_get, function_get}, {Py_tp_dealloc, function_dealloc},
                                {Py_tp_repr, function_repr},     {Py_tp_getset, function_getset}, {Py_tp_members, function_members}, {0}};
  static PyType_Spec spec = {"mlx.core.function", sizeof(Function), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  core.Function = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
  return core.Function ? 0 : -1;
}
