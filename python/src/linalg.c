/* linalg.c: mlx.core.linalg. Invariant: OpenBLAS is opened when a result is computed, never by an import or by building graph;
 * before the first graph is built the library hears where Python's packages lie. */
#include "ops_handlers.h"

#include <string.h>

/* The folders of sys.path that hold the package scipy_openblas32, told to the library once. */
int name_library_folders(void) {
  static bool told;
  if (told) return 0;
  PyObject *path = PySys_GetObject("path");
  for (Py_ssize_t i = PyList_Check(path) ? PyList_GET_SIZE(path) : 0; i-- > 0;) {
    PyObject *folder = PyList_GET_ITEM(path, i);
    const char *text = PyUnicode_Check(folder) ? PyUnicode_AsUTF8(folder) : NULL;
    if (!text) PyErr_Clear();
    else if (*text && mlx_ravel_add_library_folder(text)) return raise_error(), -1;
  }
  told = true;
  return 0;
}
static int begin(PyObject *a, PyObject *stream, struct arg *x, mlx_stream *s) {
  return name_library_folders() || to_stream(stream, s) || take_arg(a, NULL, x) ? -1 : 0;
}
static PyObject *pair(int status, mlx_array first, mlx_array second) {
  PyObject *x = array_result(status, first), *y = NULL, *r = NULL;
  if (!x) mlx_array_free(second);
  else if ((y = array_take(second))) r = PyTuple_Pack(2, x, y);
  Py_XDECREF(x);
  Py_XDECREF(y);
  return r;
}

static PyObject *do_one(const struct function *f, PyObject **v) { /* a, stream */
  struct arg a;
  mlx_stream s;
  int status;
  if (begin(v[0], v[1], &a, &s)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(((unary_op)f->impl)(&out, a.h, s));
  drop_arg(&a);
  return r;
}
typedef int (*pair_op)(mlx_array *, mlx_array *, const mlx_array, const mlx_stream);
static PyObject *do_pair(const struct function *f, PyObject **v) { /* a, stream */
  struct arg a;
  mlx_stream s;
  if (begin(v[0], v[1], &a, &s)) return NULL;
  mlx_array out[2] = {mlx_array_new(), mlx_array_new()};
  int status = ((pair_op)f->impl)(&out[0], &out[1], a.h, s);
  drop_arg(&a);
  return pair(status, out[0], out[1]);
}
static PyObject *do_qr(const struct function *f, PyObject **v) { /* a, mode, stream */
  if (v[1] && (!PyUnicode_Check(v[1]) || (PyUnicode_CompareWithASCIIString(v[1], "reduced") && PyUnicode_CompareWithASCIIString(v[1], "complete"))))
    return PyErr_Format(PyExc_ValueError, "[linalg::qr] mode must be 'reduced' or 'complete', not %R.", v[1]);
  struct function g = *f;
  if (v[1] && !PyUnicode_CompareWithASCIIString(v[1], "complete")) g.impl = F(mlx_ravel_qr_complete);
  return do_pair(&g, (PyObject *[]){v[0], v[2]});
}
typedef int (*triangle_op)(mlx_array *, const mlx_array, bool, const mlx_stream);
static PyObject *do_triangle(const struct function *f, PyObject **v) { /* a, upper, stream */
  struct arg a;
  mlx_stream s;
  bool upper;
  int status;
  if (to_bool(v[1], &upper, false) || begin(v[0], v[2], &a, &s)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(((triangle_op)f->impl)(&out, a.h, upper, s));
  drop_arg(&a);
  return r;
}
/* "L" where it is not given; NULL with an exception. */
static const char *to_uplo(PyObject *o, const char *op) {
  if (!o) return "L";
  if (PyUnicode_Check(o)) return PyUnicode_AsUTF8(o);
  PyErr_Format(PyExc_TypeError, "[linalg::%s] UPLO must be a string, not %.100s.", op, Py_TYPE(o)->tp_name);
  return NULL;
}
static PyObject *do_eigvalsh(const struct function *f, PyObject **v) { /* a, UPLO, stream */
  struct arg a;
  mlx_stream s;
  int status;
  const char *uplo = to_uplo(v[1], f->name);
  if (!uplo || begin(v[0], v[2], &a, &s)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(mlx_linalg_eigvalsh(&out, a.h, uplo, s));
  drop_arg(&a);
  return r;
}
static PyObject *do_eigh(const struct function *f, PyObject **v) { /* a, UPLO, stream */
  struct arg a;
  mlx_stream s;
  const char *uplo = to_uplo(v[1], f->name);
  if (!uplo || begin(v[0], v[2], &a, &s)) return NULL;
  mlx_array out[2] = {mlx_array_new(), mlx_array_new()};
  int status = mlx_linalg_eigh(&out[0], &out[1], a.h, uplo, s);
  drop_arg(&a);
  return pair(status, out[0], out[1]);
}
static PyObject *do_svd(const struct function *f, PyObject **v) { /* a, compute_uv, full_matrices, stream */
  (void)f;
  struct arg a;
  mlx_stream s;
  bool vectors, full;
  if (to_bool(v[1], &vectors, true) || to_bool(v[2], &full, true) || begin(v[0], v[3], &a, &s)) return NULL;
  mlx_vector_array out = mlx_vector_array_new();
  int status = vectors && !full ? mlx_ravel_svd_thin(&out, a.h, s) : mlx_linalg_svd(&out, a.h, vectors, s);
  drop_arg(&a);
  if (status) return mlx_vector_array_free(out), raise_error();
  PyObject *all = vector_tuple(out, false), *r = all;
  if (all && !vectors) {
    r = Py_NewRef(PyTuple_GET_ITEM(all, 0));
    Py_DECREF(all);
  }
  return r;
}
static PyObject *do_lu(const struct function *f, PyObject **v) { /* a, stream */
  (void)f;
  struct arg a;
  mlx_stream s;
  if (begin(v[0], v[1], &a, &s)) return NULL;
  mlx_vector_array out = mlx_vector_array_new();
  int status = mlx_linalg_lu(&out, a.h, s);
  drop_arg(&a);
  if (status) return mlx_vector_array_free(out), raise_error();
  return vector_tuple(out, false);
}
static PyObject *do_solve(const struct function *f, PyObject **v) { /* a, b, stream */
  (void)f;
  if (name_library_folders()) return NULL;
  return array_binary(v[0], v[1], mlx_linalg_solve, v[2]);
}
static PyObject *do_solve_triangular(const struct function *f, PyObject **v) { /* a, b, upper, stream */
  (void)f;
  struct arg a, b;
  mlx_stream s;
  bool upper;
  int status;
  if (to_bool(v[2], &upper, false) || begin(v[0], v[3], &a, &s)) return NULL;
  PyObject *r = NULL;
  if (!take_arg(v[1], v[0], &b)) {
    mlx_array out = mlx_array_new();
    r = RESULT(mlx_linalg_solve_triangular(&out, a.h, b.h, upper, s));
    drop_arg(&b);
  }
  drop_arg(&a);
  return r;
}
static PyObject *do_cross(const struct function *f, PyObject **v) { /* a, b, axis, stream */
  (void)f;
  struct arg a, b;
  mlx_stream s;
  int axis = -1, status;
  if ((v[2] && to_int(v[2], &axis)) || to_stream(v[3], &s) || take_arg(v[0], NULL, &a)) return NULL;
  PyObject *r = NULL;
  if (!take_arg(v[1], v[0], &b)) {
    mlx_array out = mlx_array_new();
    r = RESULT(mlx_linalg_cross(&out, a.h, b.h, axis, s));
    drop_arg(&b);
  }
  drop_arg(&a);
  return r;
}
static PyObject *do_norm(const struct function *f, PyObject **v) { /* a, ord, axis, keepdims, stream */
  (void)f;
  struct arg a;
  mlx_stream s;
  int axes[MAX_NDIM], n, status;
  bool keep;
  double ord = 2;
  const char *name = NULL;
  bool given = v[1] && v[1] != Py_None;
  if (given && PyUnicode_Check(v[1])) {
    if (!(name = PyUnicode_AsUTF8(v[1]))) return NULL;
  } else if (given && to_double(v[1], &ord, ord)) {
    return NULL;
  }
  if (to_ints(v[2], axes, &n) || to_bool(v[3], &keep, false) || begin(v[0], v[4], &a, &s)) return NULL;
  const int *at = n < 0 ? NULL : axes;
  size_t count = n < 0 ? 0 : (size_t)n;
  mlx_array out = mlx_array_new();
  PyObject *r = name    ? RESULT(mlx_linalg_norm_matrix(&out, a.h, name, at, count, keep, s))
                : given ? RESULT(mlx_linalg_norm(&out, a.h, ord, at, count, keep, s))
                        : RESULT(mlx_linalg_norm_l2(&out, a.h, at, count, keep, s));
  drop_arg(&a);
  return r;
}

const struct function linalg_functions[] = {
#include "linalg.def"
    {0}};
