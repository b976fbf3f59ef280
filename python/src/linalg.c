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
bool linalg_open(struct linalg_frame *o, const struct function *f, PyObject *a, PyObject *stream, int rank) {
  if (name_library_folders() || to_stream(stream, &o->s) || take_arg(a, NULL, &o->a)) return false;
  o->out = o->second = mlx_array_new();
  if ((int)mlx_array_ndim(o->a.h) >= rank) return true;
  PyErr_Format(PyExc_ValueError, "[linalg.%s] The array must have at least %d dimensions, not %zu.", f->name, rank, mlx_array_ndim(o->a.h));
  drop_arg(&o->a);
  return false;
}
PyObject *linalg_close(struct linalg_frame *o, int status) {
  drop_arg(&o->a);
  return array_result(status, o->out);
}
static PyObject *close_pair(struct linalg_frame *o, int status) {
  PyObject *x = linalg_close(o, status), *y = NULL, *r = NULL;
  if (!x) mlx_array_free(o->second);
  else if ((y = array_take(o->second))) r = PyTuple_Pack(2, x, y);
  Py_XDECREF(x);
  Py_XDECREF(y);
  return r;
}
static PyObject *close_many(struct linalg_frame *o, int status, mlx_vector_array all) {
  drop_arg(&o->a);
  if (!status) return vector_tuple(all, false);
  mlx_vector_array_free(all);
  return raise_error();
}

static PyObject *do_one(const struct function *f, PyObject **v) { /* a, stream */
  struct linalg_frame o;
  return linalg_open(&o, f, v[0], v[1], 0) ? linalg_close(&o, ((unary_op)f->impl)(&o.out, o.a.h, o.s)) : NULL;
}
typedef int (*pair_op)(mlx_array *, mlx_array *, const mlx_array, const mlx_stream);
static PyObject *do_pair(const struct function *f, PyObject **v) { /* a, stream */
  struct linalg_frame o;
  return linalg_open(&o, f, v[0], v[1], 0) ? close_pair(&o, ((pair_op)f->impl)(&o.out, &o.second, o.a.h, o.s)) : NULL;
}
static PyObject *do_qr(const struct function *f, PyObject **v) { /* a, mode, stream */
  if (v[1] && (!PyUnicode_Check(v[1]) || (PyUnicode_CompareWithASCIIString(v[1], "reduced") && PyUnicode_CompareWithASCIIString(v[1], "complete"))))
    return PyErr_Format(PyExc_ValueError, "[linalg::qr] mode must be 'reduced' or 'complete', not %R.", v[1]);
  struct function g = *f;
  if (v[1] && !PyUnicode_CompareWithASCIIString(v[1], "complete")) g.impl = F(mlx_ravel_qr_complete);
  return named_tuple(do_pair(&g, (PyObject *[]){v[0], v[2]}), "_qr", "Q R");
}
static PyObject *do_slogdet(const struct function *f, PyObject **v) { return named_tuple(do_pair(f, v), "_slogdet", "sign logabsdet"); }
static PyObject *do_pinv(const struct function *f, PyObject **v) { /* a, rtol, stream */
  struct linalg_frame o;
  struct arg rtol = {mlx_array_new(), mlx_array_new()};
  if (v[1] && v[1] != Py_None && take_arg(v[1], v[0], &rtol)) return NULL;
  PyObject *r = linalg_open(&o, f, v[0], v[2], 0) ? linalg_close(&o, mlx_ravel_pinv(&o.out, o.a.h, rtol.h, o.s)) : NULL;
  drop_arg(&rtol);
  return r;
}
typedef int (*triangle_op)(mlx_array *, const mlx_array, bool, const mlx_stream);
static PyObject *do_triangle(const struct function *f, PyObject **v) { /* a, upper, stream */
  struct linalg_frame o;
  bool upper;
  if (to_bool(v[1], &upper, false) || !linalg_open(&o, f, v[0], v[2], 0)) return NULL;
  return linalg_close(&o, ((triangle_op)f->impl)(&o.out, o.a.h, upper, o.s));
}
/* "L" where it is not given; NULL with an exception. */
static const char *to_uplo(PyObject *o, const char *op) {
  if (!o) return "L";
  if (PyUnicode_Check(o)) return PyUnicode_AsUTF8(o);
  PyErr_Format(PyExc_TypeError, "[linalg::%s] UPLO must be a string, not %.100s.", op, Py_TYPE(o)->tp_name);
  return NULL;
}
static PyObject *do_eigvalsh(const struct function *f, PyObject **v) { /* a, UPLO, stream */
  struct linalg_frame o;
  const char *uplo = to_uplo(v[1], f->name);
  return uplo && linalg_open(&o, f, v[0], v[2], 0) ? linalg_close(&o, mlx_linalg_eigvalsh(&o.out, o.a.h, uplo, o.s)) : NULL;
}
static PyObject *do_eigh(const struct function *f, PyObject **v) { /* a, UPLO, stream */
  struct linalg_frame o;
  const char *uplo = to_uplo(v[1], f->name);
  if (!uplo || !linalg_open(&o, f, v[0], v[2], 0)) return NULL;
  return named_tuple(close_pair(&o, mlx_linalg_eigh(&o.out, &o.second, o.a.h, uplo, o.s)), "_eigh", "eigenvalues eigenvectors");
}
static PyObject *do_svd(const struct function *f, PyObject **v) { /* a, compute_uv, full_matrices, stream */
  struct linalg_frame o;
  bool vectors, full;
  if (to_bool(v[1], &vectors, true) || to_bool(v[2], &full, true) || !linalg_open(&o, f, v[0], v[3], 0)) return NULL;
  if (!vectors) return linalg_close(&o, mlx_ravel_svdvals_for(&o.out, o.a.h, f->name, o.s));
  mlx_vector_array all = mlx_vector_array_new();
  int status = full ? mlx_linalg_svd(&all, o.a.h, true, o.s) : mlx_ravel_svd_thin(&all, o.a.h, o.s);
  return named_tuple(close_many(&o, status, all), "_svd", "U S Vh");
}
static PyObject *do_lu(const struct function *f, PyObject **v) { /* a, stream */
  struct linalg_frame o;
  if (!linalg_open(&o, f, v[0], v[1], 0)) return NULL;
  mlx_vector_array all = mlx_vector_array_new();
  return close_many(&o, mlx_linalg_lu(&all, o.a.h, o.s), all);
}
static PyObject *do_solve(const struct function *f, PyObject **v) { /* a, b, stream */
  (void)f;
  return name_library_folders() ? NULL : array_binary(v[0], v[1], mlx_linalg_solve, v[2]);
}
/* The frame's array and one beside it. */
static bool open_two(struct linalg_frame *o, const struct function *f, PyObject **v, PyObject *stream, struct arg *b) {
  if (!linalg_open(o, f, v[0], stream, 0)) return false;
  if (!take_arg(v[1], v[0], b)) return true;
  drop_arg(&o->a);
  return false;
}
static PyObject *do_solve_triangular(const struct function *f, PyObject **v) { /* a, b, upper, stream */
  struct linalg_frame o;
  struct arg b;
  bool upper;
  if (to_bool(v[2], &upper, false) || !open_two(&o, f, v, v[3], &b)) return NULL;
  int status = mlx_linalg_solve_triangular(&o.out, o.a.h, b.h, upper, o.s);
  drop_arg(&b);
  return linalg_close(&o, status);
}
static PyObject *do_cross(const struct function *f, PyObject **v) { /* a, b, axis, stream */
  struct linalg_frame o;
  struct arg b;
  int axis = -1;
  if ((v[2] && to_int(v[2], &axis)) || !open_two(&o, f, v, v[3], &b)) return NULL;
  int status = mlx_linalg_cross(&o.out, o.a.h, b.h, axis, o.s);
  drop_arg(&b);
  return linalg_close(&o, status);
}
static PyObject *do_norm(const struct function *f, PyObject **v) { /* a, ord, axis, keepdims, stream */
  struct linalg_frame o;
  int axes[MAX_NDIM], n;
  bool keep;
  double ord = 2;
  const char *name = NULL;
  bool given = v[1] && v[1] != Py_None;
  if (given && PyUnicode_Check(v[1])) {
    if (!(name = PyUnicode_AsUTF8(v[1]))) return NULL;
  } else if (given && to_double(v[1], &ord, ord)) {
    return NULL;
  }
  if (to_ints(v[2], axes, &n) || to_bool(v[3], &keep, false) || !linalg_open(&o, f, v[0], v[4], 0)) return NULL;
  const int *at = n < 0 ? NULL : axes;
  size_t count = n < 0 ? 0 : (size_t)n;
  return linalg_close(&o, name    ? mlx_linalg_norm_matrix(&o.out, o.a.h, name, at, count, keep, o.s)
                          : given ? mlx_linalg_norm(&o.out, o.a.h, ord, at, count, keep, o.s)
                                  : mlx_linalg_norm_l2(&o.out, o.a.h, at, count, keep, o.s));
}

const struct function linalg_functions[] = {
#include "linalg.def"
    {0}};
