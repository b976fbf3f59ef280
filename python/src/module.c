/* module.c: the module mlx.core: its parts, constants, and its refusal to stand beside another mlx. */
#include "core.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#ifndef RAVEL_VERSION
#define RAVEL_VERSION "0.1.0"
#endif

struct state core;

static void ignore_error(const char *text, void *data) {
  (void)text, (void)data; /* errors become exceptions where the call returns */
}

/* The version of a "mlx-<version>.dist-info" among these names, into text; false when there is none. */
static bool find_rival(PyObject *names, char text[64]) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
    const char *name = PyUnicode_AsUTF8(PyList_GET_ITEM(names, i)), *end = name ? strstr(name, ".dist-info") : NULL;
    if (!end || strncmp(name, "mlx-", 4) || name[4] < '0' || name[4] > '9') continue;
    snprintf(text, 64, "%.*s", (int)(end - name - 4), name + 4);
    return true;
  }
  return false;
}

/* Two libraries under one import name would take each other's files: said here rather than found out later. The folders of
 * sys.path are listed by hand: importlib.metadata would cost more than the rest of the import. */
static int refuse_rival(void) {
  PyObject *os = PyImport_ImportModule("os"), *path = PySys_GetObject("path");
  char version[64] = "";
  for (Py_ssize_t i = 0; os && path && PyList_Check(path) && i < PyList_GET_SIZE(path) && !*version; i++) {
    PyObject *names = PyObject_CallMethod(os, "listdir", "O", PyList_GET_ITEM(path, i));
    if (names && PyList_Check(names)) find_rival(names, version);
    Py_XDECREF(names);
    PyErr_Clear();
  }
  Py_XDECREF(os);
  if (!*version) return 0;
  PyErr_Format(PyExc_ImportError,
               "The distribution 'mlx' (%s) is installed beside 'ravel-mlx': both provide mlx.core. Uninstall one of them "
               "(pip uninstall mlx).",
               version);
  return -1;
}

static int add_submodule(PyObject *module, const char *name, const struct function *table) {
  char full[64];
  snprintf(full, sizeof full, "mlx.core.%s", name);
  PyObject *m = PyModule_New(full);
  int bad = !m || functions_add(m, table, full) || PyModule_AddObjectRef(module, name, m) ||
            PyDict_SetItemString(PyImport_GetModuleDict(), full, m);
  Py_XDECREF(m);
  return bad ? -1 : 0;
}

static int add_to_submodule(PyObject *module, const char *name, const struct function *table) {
  PyObject *m = PyObject_GetAttrString(module, name);
  int bad = m ? functions_add(m, table, "mlx.core.linalg") : -1;
  Py_XDECREF(m);
  return bad;
}

static int exec(PyObject *module) {
  if (refuse_rival()) return -1;
  core.module = module;
  mlx_set_error_handler(ignore_error, NULL, NULL);
  if (gil_init() || args_init(module) || types_init(module) || array_init(module) || at_init(module) || transforms_init(module) ||
      options_init(module) || custom_init(module) || standard_init(module))
    return -1;
  const struct function *tables[] = {
      conv_functions,
      create_functions,
      device_functions,
      dtype_functions,
      io_functions,
      ops_functions,
      order_functions,
      products_functions,
      shape_functions,
      transform_functions,
      window_functions,
  };
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    if (functions_add(module, tables[i], "mlx.core")) return -1;
  if (random_init(module) || add_submodule(module, "fft", fft_functions) || add_submodule(module, "metal", metal_functions) ||
      add_submodule(module, "cuda", cuda_functions) || add_submodule(module, "distributed", distributed_functions) ||
      add_submodule(module, "linalg", linalg_functions) || add_to_submodule(module, "linalg", standard_linalg_functions))
    return -1;
  const struct { const char *name; double value; } constants[] = {
      {"e", M_E}, {"euler_gamma", 0.57721566490153286}, {"inf", INFINITY}, {"nan", NAN}, {"pi", M_PI}};
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
    PyObject *x = PyFloat_FromDouble(constants[i].value);
    int bad = !x || PyModule_AddObjectRef(module, constants[i].name, x);
    Py_XDECREF(x);
    if (bad) return -1;
  }
  mlx_string version = mlx_string_new();
  mlx_version(&version);
  int bad = PyModule_AddObjectRef(module, "newaxis", Py_None) ||
            PyModule_AddStringConstant(module, "__version__", mlx_string_data(version)) ||
            PyModule_AddStringConstant(module, "__ravel_version__", RAVEL_VERSION);
  mlx_string_free(version);
  return bad ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, exec},
#if PY_VERSION_HEX >= 0x030c0000
                                   {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
                                   {0, NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = "mlx.core", .m_doc = "Lazy, differentiable arrays: MLX's interface, by Ravel.",
                                 .m_slots = slots};
PyMODINIT_FUNC PyInit_core(void);
PyMODINIT_FUNC PyInit_core(void) { return PyModuleDef_Init(&def); }
