/* shape.c: operations on shapes: reshaping, joining, splitting, picking; the methods of arrays. */
#include "ops_handlers.h"

#include <string.h>

/* The frame of most calls: a from v[0], the stream from v[at]. */
#define BEGIN(at)                                                                                             \
  struct arg a;                                                                                               \
  mlx_stream s;                                                                                               \
  int status;                                                                                                 \
  mlx_array out = mlx_array_new();                                                                            \
  PyObject *r = NULL;                                                                                         \
  (void)f;                                                                                                    \
  if (to_stream(v[at], &s) || take_arg(v[0], NULL, &a)) return NULL
#define END                                                                                                   \
  drop_arg(&a);                                                                                               \
  return r

static bool given(PyObject *o) { return o && o != Py_None; }

/* A shape as one argument or as many: reshape(2, 3), reshape((2, 3)). */
static int rest_shape(PyObject *rest, int64_t *shape, int *n) {
  if (PyTuple_GET_SIZE(rest) == 1) return to_shape(PyTuple_GET_ITEM(rest, 0), shape, n);
  return to_shape(rest, shape, n);
}
/* The array API standard's copy is read and changes nothing: no array sees what happens to another. */
static PyObject *do_reshape(const struct function *f, PyObject **v) { /* a, shape[, copy of the function], stream */
  int64_t shape[MAX_NDIM];
  int n;
  BEGIN(is_method(f) ? 2 : 3);
  if (!(PyTuple_Check(v[1]) && is_method(f) ? rest_shape(v[1], shape, &n) : to_shape(v[1], shape, &n)))
    r = RESULT(mlx_ravel_reshape(&out, a.h, shape, n, s));
  END;
}
static PyObject *do_flatten(const struct function *f, PyObject **v) {
  int from = 0, to = -1;
  BEGIN(3);
  if (!(v[1] && to_int(v[1], &from)) && !(v[2] && to_int(v[2], &to))) r = RESULT(mlx_flatten(&out, a.h, from, to, s));
  END;
}
static PyObject *do_unflatten(const struct function *f, PyObject **v) {
  int axis, n, shape[MAX_NDIM];
  BEGIN(3);
  if (!to_int(v[1], &axis) && !to_ints(v[2], shape, &n)) r = RESULT(mlx_unflatten(&out, a.h, axis, shape, (size_t)n, s));
  END;
}
static PyObject *do_squeeze(const struct function *f, PyObject **v) {
  int axes[MAX_NDIM], n;
  BEGIN(2);
  if (!to_ints(v[1], axes, &n)) r = n < 0 ? RESULT(mlx_squeeze(&out, a.h, s)) : RESULT(mlx_squeeze_axes(&out, a.h, axes, (size_t)n, s));
  END;
}
static PyObject *do_expand_dims(const struct function *f, PyObject **v) {
  int axes[MAX_NDIM] = {0}, n = 1;
  BEGIN(2);
  if (!v[1] || !to_ints(v[1], axes, &n)) r = RESULT(mlx_expand_dims_axes(&out, a.h, axes, (size_t)(n < 0 ? 0 : n), s));
  END;
}
/* Reversed along the axes: a slice of step -1. */
static PyObject *do_flip(const struct function *f, PyObject **v) {
  int axes[MAX_NDIM], n;
  int64_t start[MAX_NDIM], stop[MAX_NDIM], step[MAX_NDIM];
  BEGIN(2);
  int ndim = (int)mlx_array_ndim(a.h);
  const int64_t *shape = mlx_ravel_array_shape(a.h);
  if (!to_ints(v[1], axes, &n)) {
    for (int i = 0; i < ndim; i++) start[i] = n < 0 ? shape[i] - 1 : 0, stop[i] = n < 0 ? -shape[i] - 1 : shape[i], step[i] = n < 0 ? -1 : 1;
    for (int k = 0; k < n; k++) {
      int d = axes[k] < 0 ? axes[k] + ndim : axes[k];
      if (d < 0 || d >= ndim) {
        PyErr_Format(PyExc_IndexError, "[flip] Axis %d is out of bounds for an array with %d dimensions.", axes[k], ndim);
        goto done;
      }
      start[d] = shape[d] - 1, stop[d] = -shape[d] - 1, step[d] = -1;
    }
    r = RESULT(mlx_ravel_slice(&out, a.h, start, stop, step, s));
  }
done:
  END;
}
/* moveaxis of several: the named ones stand at their destinations, the others in their order around them. */
static PyObject *move_axes(PyObject **v) {
  int from[MAX_NDIM], to[MAX_NDIM], n, m, perm[MAX_NDIM];
  bool moved[MAX_NDIM] = {false}, taken[MAX_NDIM] = {false};
  const struct function *f = NULL;
  BEGIN(3);
  int ndim = (int)mlx_array_ndim(a.h);
  if (to_ints(v[1], from, &n) || to_ints(v[2], to, &m)) goto done;
  if (n != m) PyErr_Format(PyExc_ValueError, "[moveaxis] %d axes cannot be moved to %d places.", n, m);
  for (int i = 0; i < n && n == m; i++) {
    int x = from[i] < 0 ? from[i] + ndim : from[i], y = to[i] < 0 ? to[i] + ndim : to[i];
    if (x < 0 || x >= ndim || y < 0 || y >= ndim)
      PyErr_Format(PyExc_IndexError, "[moveaxis] Axis %d is out of bounds for array with %d dimensions.", x < 0 || x >= ndim ? from[i] : to[i], ndim);
    else if (moved[x] || taken[y]) PyErr_SetString(PyExc_ValueError, "[moveaxis] Repeat axes not allowed.");
    if (PyErr_Occurred()) break;
    perm[y] = x, moved[x] = taken[y] = true;
  }
  if (PyErr_Occurred()) goto done;
  for (int y = 0, x = 0; y < ndim; y++) {
    if (taken[y]) continue;
    while (moved[x]) x++;
    perm[y] = x++;
  }
  r = RESULT(mlx_transpose_axes(&out, a.h, perm, (size_t)ndim, s));
done:
  END;
}
static PyObject *do_two_axes(const struct function *f, PyObject **v) {
  int x, y;
  if (f->impl == F(mlx_moveaxis) && !(PyIndex_Check(v[1]) && PyIndex_Check(v[2]))) return move_axes(v);
  BEGIN(3);
  if (!to_int(v[1], &x) && !to_int(v[2], &y))
    r = RESULT(((int (*)(mlx_array *, const mlx_array, int, int, const mlx_stream))f->impl)(&out, a.h, x, y, s));
  END;
}
static PyObject *do_transpose(const struct function *f, PyObject **v) {
  int axes[MAX_NDIM], n = -1;
  PyObject *given_axes = v[1];
  BEGIN(2);
  if (is_method(f)) /* the method takes them one by one, or as one sequence */
    given_axes = PyTuple_GET_SIZE(v[1]) == 0 ? NULL : PyTuple_GET_SIZE(v[1]) == 1 ? PyTuple_GET_ITEM(v[1], 0) : v[1];
  if (!to_ints(given_axes, axes, &n))
    r = n < 0 ? RESULT(mlx_transpose(&out, a.h, s)) : RESULT(mlx_transpose_axes(&out, a.h, axes, (size_t)n, s));
  END;
}
static PyObject *do_matrix_transpose(const struct function *f, PyObject **v) {
  BEGIN(1);
  if (mlx_array_ndim(a.h) < 2)
    PyErr_Format(PyExc_ValueError, "[matrix_transpose] The array must have at least 2 dimensions, not %zu.", mlx_array_ndim(a.h));
  else r = RESULT(mlx_swapaxes(&out, a.h, -1, -2, s));
  END;
}
static PyObject *do_broadcast_to(const struct function *f, PyObject **v) {
  int64_t shape[MAX_NDIM];
  int n;
  BEGIN(2);
  if (!to_shape(v[1], shape, &n)) r = RESULT(mlx_ravel_broadcast_to(&out, a.h, shape, n, s));
  END;
}

/* The arrays of a sequence, as a vector. */
static int take_vector(PyObject *seq, mlx_vector_array *vec) {
  PyObject *fast = settled(seq, "a list of arrays");
  if (!fast) return -1;
  *vec = mlx_vector_array_new();
  int bad = 0;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fast) && !bad; i++) {
    struct arg a;
    bad = take_arg(PyTuple_GET_ITEM(fast, i), NULL, &a);
    if (!bad && mlx_vector_array_append_value(*vec, a.h)) bad = -1, raise_error();
    drop_arg(&a);
  }
  Py_DECREF(fast);
  if (bad) mlx_vector_array_free(*vec);
  return bad;
}
static PyObject *do_join(const struct function *f, PyObject **v) { /* arrays, axis, stream; impl axis, impl2 flattened */
  mlx_vector_array vec;
  mlx_stream s;
  int axis = 0, status;
  mlx_array out = mlx_array_new();
  bool flat = v[1] == Py_None;
  if (to_stream(v[2], &s) || (v[1] && !flat && to_int(v[1], &axis)) || take_vector(v[0], &vec)) return NULL;
  PyObject *r = flat ? RESULT(((int (*)(mlx_array *, const mlx_vector_array, const mlx_stream))f->impl2)(&out, vec, s))
                     : RESULT(((int (*)(mlx_array *, const mlx_vector_array, int, const mlx_stream))f->impl)(&out, vec, axis, s));
  mlx_vector_array_free(vec);
  return r;
}
static PyObject *do_broadcast_arrays(const struct function *f, PyObject **v) {
  (void)f;
  mlx_vector_array vec, out = mlx_vector_array_new();
  mlx_stream s;
  if (to_stream(v[1], &s) || take_vector(v[0], &vec)) return NULL;
  int status = mlx_broadcast_arrays(&out, vec, s);
  mlx_vector_array_free(vec);
  return status ? (mlx_vector_array_free(out), raise_error()) : vector_tuple(out, false);
}
static PyObject *do_meshgrid(const struct function *f, PyObject **v) {
  (void)f;
  mlx_vector_array vec, out = mlx_vector_array_new();
  mlx_stream s;
  bool sparse;
  const char *indexing = given(v[2]) ? PyUnicode_AsUTF8(v[2]) : "xy";
  if (!indexing || to_stream(v[3], &s) || to_bool(v[1], &sparse, false) || take_vector(v[0], &vec)) return NULL;
  int status = mlx_meshgrid(&out, vec, sparse, indexing, s);
  mlx_vector_array_free(vec);
  return status ? (mlx_vector_array_free(out), raise_error()) : vector_tuple(out, false);
}
static PyObject *do_split(const struct function *f, PyObject **v) { /* a, sections, axis, stream */
  (void)f;
  struct arg a;
  mlx_stream s;
  int axis = 0, at[1024], n = 0;
  mlx_vector_array out = mlx_vector_array_new();
  if (to_stream(v[3], &s) || (v[2] && to_int(v[2], &axis)) || take_arg(v[0], NULL, &a)) return NULL;
  bool one = PyIndex_Check(v[1]);
  int bad = one ? to_int(v[1], &n) : 0;
  PyObject *seq = one ? NULL : settled(v[1], "an integer or a sequence of integers");
  if (!one && (!seq || PyTuple_GET_SIZE(seq) > 1024)) bad = -1;
  for (Py_ssize_t i = 0; !one && !bad && i < PyTuple_GET_SIZE(seq); i++) bad = to_int(PyTuple_GET_ITEM(seq, i), &at[n++]);
  if (seq && PyTuple_GET_SIZE(seq) > 1024) PyErr_SetString(PyExc_ValueError, "[split] At most 1024 indices are possible.");
  Py_XDECREF(seq);
  int status = bad ? 0 : one ? mlx_split(&out, a.h, n, axis, s) : mlx_split_sections(&out, a.h, at, (size_t)n, axis, s);
  drop_arg(&a);
  if (bad || status) return mlx_vector_array_free(out), bad ? NULL : raise_error();
  return vector_tuple(out, true);
}
static PyObject *do_unstack(const struct function *f, PyObject **v) { /* x, axis, stream */
  int axis = 0;
  BEGIN(2);
  mlx_vector_array parts = mlx_vector_array_new(), flat = mlx_vector_array_new();
  int ndim = (int)mlx_array_ndim(a.h);
  if (v[1] && to_int(v[1], &axis)) goto done;
  if (axis < -ndim || axis >= ndim) {
    PyErr_Format(PyExc_IndexError, "[unstack] Axis %d is out of bounds for an array with %d dimensions.", axis, ndim);
    goto done;
  }
  if (axis < 0) axis += ndim;
  int n = (int)mlx_ravel_array_shape(a.h)[axis];
  status = n ? mlx_split(&parts, a.h, n, axis, s) : 0;
  for (int i = 0; i < n && !status; i++) {
    status = mlx_vector_array_get(&out, parts, (size_t)i) || mlx_squeeze_axis(&out, out, axis, s) || mlx_vector_array_append_value(flat, out);
  }
  if (status) raise_error();
  else r = vector_tuple(flat, false), flat.ctx = NULL;
done:
  mlx_array_free(out);
  mlx_vector_array_free(parts);
  mlx_vector_array_free(flat);
  END;
}
static PyObject *do_repeat(const struct function *f, PyObject **v) {
  int repeats, axis = 0;
  BEGIN(3);
  if (given(v[2]) && to_int(v[2], &axis)) {
  } else if (Array_Check(v[1]) ? mlx_array_ndim(H(v[1])) > 0 : PySequence_Check(v[1])) { /* one number an element */
    struct arg each;
    if (!take_arg(v[1], NULL, &each)) {
      r = RESULT(mlx_ravel_repeat_each(&out, a.h, each.h, (mlx_optional_int){axis, given(v[2])}, s));
      drop_arg(&each);
    }
  } else if (!to_int(v[1], &repeats))
    r = given(v[2]) ? RESULT(mlx_repeat_axis(&out, a.h, repeats, axis, s)) : RESULT(mlx_repeat(&out, a.h, repeats, s));
  END;
}
static PyObject *do_tile(const struct function *f, PyObject **v) {
  int reps[MAX_NDIM], n;
  BEGIN(2);
  if (!to_ints(v[1], reps, &n)) r = RESULT(mlx_tile(&out, a.h, reps, (size_t)(n < 0 ? 0 : n), s));
  END;
}
static PyObject *do_roll(const struct function *f, PyObject **v) {
  int shift[MAX_NDIM], ns, axes[MAX_NDIM], n;
  BEGIN(3);
  if (!to_ints(v[1], shift, &ns) && !to_ints(v[2], axes, &n))
    r = n < 0 ? RESULT(mlx_roll(&out, a.h, shift, (size_t)ns, s)) : RESULT(mlx_roll_axes(&out, a.h, shift, (size_t)ns, axes, (size_t)n, s));
  END;
}
/* pad_width: n; (n,); (low, high); [(low, high), …] */
static int take_pads(PyObject *o, int ndim, int *low, int *high) {
  if (PyIndex_Check(o)) {
    int w;
    if (to_int(o, &w)) return -1;
    for (int i = 0; i < ndim; i++) low[i] = high[i] = w;
    return 0;
  }
  PyObject *seq = settled(o, "an integer or a sequence as pad_width");
  if (!seq) return -1;
  Py_ssize_t n = PyTuple_GET_SIZE(seq);
  int bad = 0, pair[MAX_NDIM], m;
  bool flat = n && PyIndex_Check(PyTuple_GET_ITEM(seq, 0));
  if (flat) {
    bad = to_ints(seq, pair, &m) || m > 2;
    for (int i = 0; i < ndim && !bad; i++) low[i] = pair[0], high[i] = pair[m - 1];
  } else {
    bad = n != ndim && n != 1;
    for (int i = 0; i < ndim && !bad; i++) {
      bad = to_ints(PyTuple_GET_ITEM(seq, n == 1 ? 0 : i), pair, &m) || m < 1 || m > 2;
      if (!bad) low[i] = pair[0], high[i] = pair[m - 1];
    }
  }
  Py_DECREF(seq);
  if (bad && !PyErr_Occurred()) refuse(PyExc_ValueError, "[pad] Invalid pad_width %.200U: it takes an integer, a pair, or a pair for each dimension.", o);
  return bad ? -1 : 0;
}
static PyObject *do_pad(const struct function *f, PyObject **v) { /* a, pad_width, mode, constant_values, stream */
  int axes[MAX_NDIM], low[MAX_NDIM], high[MAX_NDIM];
  struct arg value = {mlx_array_new(), mlx_array_new()};
  BEGIN(4);
  const char *mode = given(v[2]) ? PyUnicode_AsUTF8(v[2]) : "constant";
  int n = (int)mlx_array_ndim(a.h);
  for (int i = 0; i < n; i++) axes[i] = i;
  PyObject *zero = v[3] ? Py_NewRef(v[3]) : PyLong_FromLong(0);
  PyObject *self = array_result(mlx_array_set(&out, a.h), out); /* for the weak dtype of the value */
  out = mlx_array_new();
  if (mode && zero && self && !take_pads(v[1], n, low, high) && !take_arg(zero, self, &value))
    r = RESULT(mlx_pad(&out, a.h, axes, (size_t)n, low, (size_t)n, high, (size_t)n, value.h, mode, s));
  Py_XDECREF(zero);
  Py_XDECREF(self);
  drop_arg(&value);
  END;
}
static PyObject *do_as_strided(const struct function *f, PyObject **v) { /* a, shape, strides, offset, stream */
  int shape[MAX_NDIM], n;
  int64_t strides[MAX_NDIM], offset = 0;
  BEGIN(4);
  int bad = to_ints(v[1], shape, &n), m = -1;
  if (!bad && n < 0) {
    n = (int)mlx_array_ndim(a.h);
    for (int i = 0; i < n; i++) shape[i] = (int)mlx_ravel_array_shape(a.h)[i];
  }
  if (!bad && given(v[2])) bad = to_shape(v[2], strides, &m);
  for (int i = n - 1, step = 1; i >= 0 && m < 0 && !bad; step *= shape[i--]) strides[i] = step;
  if (!bad && v[3]) bad = to_int64(v[3], &offset);
  if (!bad) r = RESULT(mlx_as_strided(&out, a.h, shape, (size_t)n, strides, (size_t)(m < 0 ? n : m), (size_t)offset, s));
  END;
}
static PyObject *do_take(const struct function *f, PyObject **v) { /* a, indices, axis, stream */
  int axis = 0;
  struct arg i;
  BEGIN(3);
  if (!(given(v[2]) && to_int(v[2], &axis)) && !take_arg(v[1], NULL, &i)) {
    r = given(v[2]) ? RESULT(mlx_take_axis(&out, a.h, i.h, axis, s)) : RESULT(mlx_take(&out, a.h, i.h, s));
    drop_arg(&i);
  }
  END;
}
static PyObject *do_take_along(const struct function *f, PyObject **v) { /* a, indices, axis, stream */
  int axis = -1;
  struct arg i;
  mlx_array flat = mlx_array_new();
  BEGIN(3);
  bool none = v[2] == Py_None;
  if (!(v[2] && !none && to_int(v[2], &axis)) && !take_arg(v[1], NULL, &i)) {
    status = none ? mlx_flatten(&flat, a.h, 0, -1, s) : 0;
    r = status ? raise_error() : RESULT(mlx_take_along_axis(&out, none ? flat : a.h, i.h, none ? 0 : axis, s));
    drop_arg(&i);
  }
  mlx_array_free(flat);
  END;
}
static PyObject *do_put_along(const struct function *f, PyObject **v) { /* a, indices, values, axis, stream */
  int axis = 0;
  struct arg i, x;
  mlx_array flat = mlx_array_new();
  BEGIN(4);
  bool none = !given(v[3]);
  if (!none && to_int(v[3], &axis)) goto done;
  if (take_arg(v[1], NULL, &i)) goto done;
  if (!take_arg(v[2], v[0], &x)) {
    status = none ? mlx_flatten(&flat, a.h, 0, -1, s) : 0;
    r = status ? raise_error() : RESULT(mlx_put_along_axis(&out, none ? flat : a.h, i.h, x.h, axis, s));
    if (r && none) {
      mlx_array back = mlx_array_new();
      int bad = mlx_ravel_reshape(&back, H(r), mlx_ravel_array_shape(a.h), (int)mlx_array_ndim(a.h), s);
      Py_DECREF(r);
      r = array_result(bad, back);
    }
    drop_arg(&x);
  }
  drop_arg(&i);
done:
  mlx_array_free(flat);
  END;
}
PyObject *do_tensordot(const struct function *f, PyObject **v) { /* a, b, axes, stream */
  int x[MAX_NDIM], y[MAX_NDIM], nx, ny, axis = 2;
  struct arg b;
  BEGIN(3);
  if (take_arg(v[1], NULL, &b)) goto done;
  if (!v[2] || PyIndex_Check(v[2])) {
    if (!(v[2] && to_int(v[2], &axis))) r = RESULT(mlx_tensordot_axis(&out, a.h, b.h, axis, s));
  } else {
    PyObject *p = PySequence_Size(v[2]) == 2 ? PySequence_GetItem(v[2], 0) : NULL, *q = p ? PySequence_GetItem(v[2], 1) : NULL;
    if (!p && !PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "[tensordot] axes must be an integer or a pair of sequences.");
    if (p && q && !to_ints(p, x, &nx) && !to_ints(q, y, &ny)) r = RESULT(mlx_tensordot(&out, a.h, b.h, x, (size_t)nx, y, (size_t)ny, s));
    Py_XDECREF(p);
    Py_XDECREF(q);
  }
  drop_arg(&b);
done:
  END;
}
static PyObject *do_addmm(const struct function *f, PyObject **v) { /* c, a, b, alpha, beta, stream */
  struct arg x, y;
  double alpha, beta;
  BEGIN(5);
  if (to_double(v[3], &alpha, 1) || to_double(v[4], &beta, 1) || take_arg(v[1], NULL, &x)) goto done;
  if (!take_arg(v[2], NULL, &y)) {
    r = RESULT(mlx_addmm(&out, a.h, x.h, y.h, (float)alpha, (float)beta, s));
    drop_arg(&y);
  }
  drop_arg(&x);
done:
  END;
}
static PyObject *do_diag(const struct function *f, PyObject **v) { /* a, k, stream */
  int k = 0;
  BEGIN(2);
  if (!(v[1] && to_int(v[1], &k)))
    r = RESULT(((int (*)(mlx_array *, const mlx_array, int, const mlx_stream))f->impl)(&out, a.h, k, s));
  END;
}
static PyObject *do_diagonal(const struct function *f, PyObject **v) { /* a, offset, axis1, axis2, stream */
  int k[3] = {0, 0, 1}, bad = 0;
  BEGIN(4);
  for (int i = 0; i < 3 && !bad; i++) bad = v[1 + i] && to_int(v[1 + i], &k[i]);
  if (!bad) r = RESULT(mlx_diagonal(&out, a.h, k[0], k[1], k[2], s));
  END;
}
static PyObject *do_trace(const struct function *f, PyObject **v) { /* a, offset, axis1, axis2, dtype, stream */
  int k[3] = {0, 0, 1}, bad = 0;
  mlx_dtype d;
  bool has;
  BEGIN(5);
  for (int i = 0; i < 3 && !bad; i++) bad = v[1 + i] && to_int(v[1 + i], &k[i]);
  if (!bad && !to_dtype(v[4], &d, &has)) r = RESULT(mlx_trace(&out, a.h, k[0], k[1], k[2], has ? d : mlx_array_dtype(a.h), s));
  END;
}
static PyObject *do_atleast(const struct function *f, PyObject **v) { /* *arys, stream */
  mlx_stream s;
  int status;
  if (to_stream(v[1], &s)) return NULL;
  Py_ssize_t n = PyTuple_GET_SIZE(v[0]);
  PyObject *list = PyList_New(n);
  for (Py_ssize_t i = 0; list && i < n; i++) {
    struct arg a;
    mlx_array out = mlx_array_new();
    PyObject *r = take_arg(PyTuple_GET_ITEM(v[0], i), NULL, &a) ? NULL : RESULT(((unary_op)f->impl)(&out, a.h, s));
    drop_arg(&a);
    if (!r) Py_CLEAR(list);
    else PyList_SET_ITEM(list, i, r);
  }
  if (!list || n != 1) return list;
  PyObject *one = Py_NewRef(PyList_GET_ITEM(list, 0));
  Py_DECREF(list);
  return one;
}
static PyObject *do_contiguous(const struct function *f, PyObject **v) { /* a, allow_col_major, stream */
  bool col;
  BEGIN(2);
  if (!to_bool(v[1], &col, false)) r = RESULT(mlx_contiguous(&out, a.h, col, s));
  END;
}
static PyObject *do_slice(const struct function *f, PyObject **v) { /* a, start, axes, size, stream */
  int axes[MAX_NDIM], n, size[MAX_NDIM], m;
  struct arg start;
  BEGIN(4);
  if (take_arg(v[1], NULL, &start)) goto done;
  if (!to_ints(v[2], axes, &n) && !to_ints(v[3], size, &m))
    r = RESULT(mlx_slice_dynamic(&out, a.h, start.h, axes, (size_t)n, size, (size_t)m, s));
  drop_arg(&start);
done:
  END;
}
static PyObject *do_slice_update(const struct function *f, PyObject **v) { /* a, update, start, axes, stream */
  int axes[MAX_NDIM], n;
  struct arg start, update;
  BEGIN(4);
  if (take_arg(v[1], v[0], &update)) goto done;
  if (!take_arg(v[2], NULL, &start)) {
    if (!to_ints(v[3], axes, &n)) r = RESULT(mlx_slice_update_dynamic(&out, a.h, update.h, start.h, axes, (size_t)n, s));
    drop_arg(&start);
  }
  drop_arg(&update);
done:
  END;
}
static PyObject *do_depends(const struct function *f, PyObject **v) {
  (void)f;
  mlx_vector_array in, deps, out = mlx_vector_array_new();
  bool one = Array_Check(v[0]);
  PyObject *a = one ? PyTuple_Pack(1, v[0]) : Py_NewRef(v[0]), *b = Array_Check(v[1]) ? PyTuple_Pack(1, v[1]) : Py_NewRef(v[1]), *r = NULL;
  if (a && b && !take_vector(a, &in)) {
    if (!take_vector(b, &deps)) {
      if (mlx_depends(&out, in, deps)) raise_error(), mlx_vector_array_free(out);
      else r = vector_tuple(out, true);
      mlx_vector_array_free(deps);
    }
    mlx_vector_array_free(in);
  }
  Py_XDECREF(a);
  Py_XDECREF(b);
  if (r && one) {
    PyObject *first = Py_NewRef(PyList_GET_ITEM(r, 0));
    Py_DECREF(r);
    return first;
  }
  return r;
}
static PyObject *do_broadcast_shapes(const struct function *f, PyObject **v) {
  (void)f;
  int64_t shape[MAX_NDIM], other[MAX_NDIM];
  int n = 0, m;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(v[0]); i++) {
    if (to_shape(PyTuple_GET_ITEM(v[0], i), other, &m)) return NULL;
    for (int d = 1; d <= (n > m ? n : m); d++) {
      int64_t x = d <= n ? shape[n - d] : 1, y = d <= m ? other[m - d] : 1;
      if (x != y && x != 1 && y != 1) return refuse(PyExc_ValueError, "[broadcast_shapes] Shapes %.200U cannot be broadcast.", v[0]);
      if (d <= m) other[m - d] = x == 1 ? y : x;
      if (d <= n) shape[n - d] = x == 1 ? y : x;
    }
    if (m > n) memcpy(shape, other, sizeof shape), n = m;
  }
  PyObject *t = PyTuple_New(n);
  for (int i = 0; t && i < n; i++) PyTuple_SET_ITEM(t, i, PyLong_FromLongLong(shape[i]));
  return t;
}
PyObject *do_vecdot(const struct function *f, PyObject **v) { /* a, b, axis, stream: sum(conj(a) * b) */
  int axis = -1;
  struct arg b;
  mlx_array x = mlx_array_new();
  BEGIN(3);
  if ((v[2] && to_int(v[2], &axis)) || take_arg(v[1], NULL, &b)) goto done;
  int na = (int)mlx_array_ndim(a.h), nb = (int)mlx_array_ndim(b.h), at_a = axis < 0 ? axis + na : axis, at_b = axis < 0 ? axis + nb : axis;
  bool has = at_a >= 0 && at_a < na && at_b >= 0 && at_b < nb;
  if (has && mlx_ravel_array_shape(a.h)[at_a] != mlx_ravel_array_shape(b.h)[at_b]) {
    PyErr_SetString(PyExc_ValueError, "[vecdot] a and b must have the same size along axis.");
    drop_arg(&b);
    goto done;
  }
  status = mlx_conjugate(&x, a.h, s) || mlx_multiply(&x, x, b.h, s);
  r = status ? raise_error() : RESULT(mlx_sum_axis(&out, x, axis, false, s));
  drop_arg(&b);
done:
  mlx_array_free(x);
  END;
}
static PyObject *difference(const struct function *f, PyObject **v) { /* a, n, axis, stream: a[1:] - a[:-1], n times */
  int times = 1, axis = -1;
  int64_t start[MAX_NDIM] = {0}, stop[MAX_NDIM], step[MAX_NDIM];
  BEGIN(3);
  int ndim = (int)mlx_array_ndim(a.h);
  mlx_array lo = mlx_array_new(), hi = mlx_array_new();
  status = mlx_array_set(&out, a.h);
  if ((v[1] && to_int(v[1], &times)) || (v[2] && to_int(v[2], &axis))) goto done;
  if (axis < -ndim || axis >= ndim || times < 0) {
    if (times < 0) PyErr_Format(PyExc_ValueError, "[diff] n must not be negative, but is %d.", times);
    else PyErr_Format(PyExc_IndexError, "[diff] Axis %d is out of bounds for an array with %d dimensions.", axis, ndim);
    goto done;
  }
  if (axis < 0) axis += ndim;
  for (int k = 0; k < times && !status && mlx_ravel_array_shape(out)[axis] > 0; k++) {
    for (int i = 0; i < ndim; i++) start[i] = 0, stop[i] = mlx_ravel_array_shape(out)[i], step[i] = 1;
    stop[axis]--;
    status = mlx_ravel_slice(&lo, out, start, stop, step, s);
    start[axis] = 1, stop[axis]++;
    status = status || mlx_ravel_slice(&hi, out, start, stop, step, s) ||
             (mlx_array_dtype(out) == MLX_BOOL ? mlx_not_equal(&out, hi, lo, s) : mlx_subtract(&out, hi, lo, s));
  }
  r = array_result(status, out);
  out = mlx_array_new();
done:
  mlx_array_free(lo);
  mlx_array_free(hi);
  if (!r) mlx_array_free(out);
  END;
}

static PyObject *do_diff(const struct function *f, PyObject **v) { /* a, n, axis, prepend, append, stream */
  PyObject *plain[4] = {v[0], v[1], v[2], v[5]}, *joined = NULL;
  if (given(v[3]) || given(v[4])) {
    mlx_vector_array parts;
    mlx_stream s;
    int axis = -1;
    PyObject *list = PyList_New(0);
    bool bad = !list || (given(v[3]) && PyList_Append(list, v[3])) || PyList_Append(list, v[0]) || (given(v[4]) && PyList_Append(list, v[4])) ||
               to_stream(v[5], &s) || (v[2] && to_int(v[2], &axis)) || take_vector(list, &parts);
    Py_XDECREF(list);
    if (bad) return NULL;
    mlx_array out = mlx_array_new();
    int status = mlx_concatenate_axis(&out, parts, axis, s);
    mlx_vector_array_free(parts);
    if (!(plain[0] = joined = array_result(status, out))) return NULL;
  }
  PyObject *r = difference(f, plain);
  Py_XDECREF(joined);
  return r;
}

const struct function shape_functions[] = {
#include "shape.def"
    {0}};

const struct function array_methods[] = {
#include "methods.def"
    {0}};
