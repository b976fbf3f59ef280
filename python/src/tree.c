/* tree.c: nested lists, tuples and dicts with arrays at the leaves.
 * Invariant: every function here walks a tree in the same order: sequences by index, dicts by insertion. */
#include "core.h"

bool tree_is_container(PyObject *o) { return PyList_Check(o) || PyTuple_Check(o) || PyDict_Check(o); }

int tree_arrays(PyObject *t, mlx_vector_array v) {
  if (Array_Check(t)) {
    if (!mlx_vector_array_append_value(v, H(t))) return 0;
    raise_error();
    return -1;
  }
  if (!tree_is_container(t)) return 0;
  if (Py_EnterRecursiveCall(" in a tree of arrays")) return -1;
  int bad = 0;
  if (PyList_Check(t) || PyTuple_Check(t)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(t) && !bad; i++) {
      PyObject *x = PySequence_Fast_GET_ITEM(t, i);
      if (Array_Check(x) || tree_is_container(x)) bad = tree_arrays(x, v);
    }
  } else {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (!bad && PyDict_Next(t, &at, &key, &value)) bad = tree_arrays(value, v);
  }
  Py_LeaveRecursiveCall();
  return bad;
}

static PyObject *next_array(mlx_vector_array v, size_t *at) {
  mlx_array h = mlx_array_new();
  int status = mlx_vector_array_get(&h, v, (*at)++);
  return array_result(status, h);
}

PyObject *tree_replace(PyObject *t, mlx_vector_array v, size_t *at) {
  if (Array_Check(t)) return next_array(v, at);
  if (!tree_is_container(t)) return Py_NewRef(t);
  if (Py_EnterRecursiveCall(" in a tree of arrays")) return NULL;
  PyObject *r = NULL;
  if (PyDict_Check(t)) {
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    r = PyDict_New();
    while (r && PyDict_Next(t, &pos, &key, &value)) {
      PyObject *x = tree_replace(value, v, at);
      if (!x || PyDict_SetItem(r, key, x)) Py_CLEAR(r);
      Py_XDECREF(x);
    }
  } else {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(t);
    PyObject *list = PyList_New(n);
    for (Py_ssize_t i = 0; list && i < n; i++) {
      PyObject *x = tree_replace(PySequence_Fast_GET_ITEM(t, i), v, at);
      if (!x) Py_CLEAR(list);
      else PyList_SET_ITEM(list, i, x);
    }
    if (list && PyTuple_CheckExact(t)) r = PyList_AsTuple(list), Py_DECREF(list);
    else if (list && PyTuple_Check(t)) r = PyObject_CallMethod((PyObject *)Py_TYPE(t), "_make", "N", list); /* a named tuple */
    else r = list;
  }
  Py_LeaveRecursiveCall();
  return r;
}

int tree_fill(PyObject *t, mlx_vector_array v, size_t *at) {
  if (Py_EnterRecursiveCall(" in a tree of arrays")) return -1;
  int bad = 0;
  if (PyDict_Check(t)) {
    PyObject *keys = PyDict_Keys(t);
    bad = keys ? 0 : -1;
    for (Py_ssize_t i = 0; !bad && i < PyList_GET_SIZE(keys); i++) {
      PyObject *key = PyList_GET_ITEM(keys, i), *value = PyDict_GetItemWithError(t, key);
      if (!value) bad = -1;
      else if (Array_Check(value)) {
        PyObject *x = next_array(v, at);
        bad = x ? PyDict_SetItem(t, key, x) : -1;
        Py_XDECREF(x);
      } else if (tree_is_container(value)) bad = tree_fill(value, v, at);
    }
    Py_XDECREF(keys);
  } else if (PyList_Check(t) || PyTuple_Check(t)) {
    for (Py_ssize_t i = 0; !bad && i < PySequence_Fast_GET_SIZE(t); i++) {
      PyObject *value = PySequence_Fast_GET_ITEM(t, i);
      if (Array_Check(value)) {
        PyObject *x = next_array(v, at);
        if (!x) bad = -1;
        else if (PyList_Check(t)) bad = PyList_SetItem(t, i, x);
        else { /* a tuple keeps its objects: the cell gets the new array */
          mlx_array_set(&H(value), H(x));
          Py_DECREF(x);
        }
      } else if (tree_is_container(value)) bad = tree_fill(value, v, at);
    }
  }
  Py_LeaveRecursiveCall();
  return bad;
}
