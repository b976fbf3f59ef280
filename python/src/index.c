/* index.c: x[…], x[…] = v, x.at[…].add(v).
 * Invariant: every key is first made one entry per dimension (slice, index array, or new axis), then handled by one slice and one
 * gather; assignments beyond slices go through the positions that the same key picks from arange(size). */
#include "core.h"

#include <string.h>

static const mlx_stream none = {NULL};

enum entry_kind { ENTRY_SLICE, ENTRY_INT, ENTRY_NEW, ENTRY_ARRAY };
struct entry {
  enum entry_kind kind;
  int64_t start, stop, step; /* of a slice or an int (stop = start + 1), for mlx_ravel_slice */
  mlx_array index;           /* ENTRY_ARRAY: owned */
};
struct key {
  int n;
  struct entry e[2 * MAX_NDIM];
  bool arrays;
};

static void key_free(struct key *k) {
  for (int i = 0; i < k->n; i++)
    if (k->e[i].kind == ENTRY_ARRAY) mlx_array_free(k->e[i].index);
}

static bool is_index_array(PyObject *o) {
  return Array_Check(o) || PyList_Check(o) || (!is_scalar(o) && !PySlice_Check(o) && !PyIndex_Check(o) && is_array_like(o)) ||
         (PyIndex_Check(o) && PyObject_HasAttrString(o, "__array_interface__") && PyObject_HasAttrString(o, "__len__"));
}

/* One part of the key, about dimension d of size n. */
static int read_entry(PyObject *o, int64_t n, int d, struct entry *e) {
  if (PySlice_Check(o)) {
    Py_ssize_t start, stop, step;
    e->kind = ENTRY_SLICE;
    if (PySlice_Unpack(o, &start, &stop, &step)) return -1;
    Py_ssize_t count = PySlice_AdjustIndices((Py_ssize_t)n, &start, &stop, step);
    e->start = start, e->step = step, e->stop = start + count * step;
    if (e->stop < 0) e->stop = -n - 1; /* below the first element, not counted from the end */
    return 0;
  }
  if (is_index_array(o)) {
    e->kind = ENTRY_ARRAY;
    e->index = mlx_array_new();
    if (array_from(o, NULL, &e->index)) return -1;
    mlx_dtype t = mlx_array_dtype(e->index);
    if (t >= MLX_FLOAT16 && mlx_array_size(e->index)) {
      PyErr_Format(PyExc_ValueError, "Cannot index an array with an array of dtype %R: indices are integers.", core.dtypes[t]);
      return -1;
    }
    bool usable = t == MLX_INT32 || t == MLX_UINT32 || t == MLX_INT64;
    if (!usable && mlx_astype(&e->index, e->index, t == MLX_UINT64 ? MLX_INT64 : MLX_INT32, none)) return raise_error(), -1;
    return 0;
  }
  if (!PyIndex_Check(o)) {
    refuse(PyExc_ValueError, "Cannot index an array with %.200U.", o);
    return -1;
  }
  int64_t i;
  if (to_int64(o, &i)) return -1;
  if (i < -n || i >= n) {
    PyErr_Format(PyExc_IndexError, "Index %lld is out of bounds for dimension %d of size %lld.", (long long)i, d, (long long)n);
    return -1;
  }
  *e = (struct entry){.kind = ENTRY_INT, .start = i < 0 ? i + n : i, .step = 1};
  e->stop = e->start + 1;
  return 0;
}

static int read_key(PyObject *o, const mlx_array h, struct key *k) {
  int ndim = (int)mlx_array_ndim(h);
  const int64_t *shape = mlx_ravel_array_shape(h);
  PyObject *one[1] = {o}, **parts = PyTuple_Check(o) ? ((PyTupleObject *)o)->ob_item : one;
  Py_ssize_t n = PyTuple_Check(o) ? PyTuple_GET_SIZE(o) : 1, used = 0, dots = 0;
  k->n = 0;
  k->arrays = false;
  for (Py_ssize_t i = 0; i < n; i++) {
    dots += parts[i] == Py_Ellipsis;
    used += parts[i] != Py_None && parts[i] != Py_Ellipsis;
  }
  if (dots > 1 || used > ndim || n > MAX_NDIM) {
    PyErr_Format(dots > 1 ? PyExc_ValueError : PyExc_IndexError,
                 dots > 1 ? "An index may have only one ellipsis." : "Too many indices (%zd) for an array with %d dimensions.", used, ndim);
    return -1;
  }
  int d = 0;
  for (Py_ssize_t i = 0; i <= n; i++) {
    if (i == n || parts[i] == Py_Ellipsis) { /* all that no part speaks of */
      int fill = i == n && dots ? 0 : ndim - (int)used;
      for (int j = 0; j < fill; j++, d++) k->e[k->n++] = (struct entry){.kind = ENTRY_SLICE, .stop = shape[d], .step = 1};
      if (i == n) break;
      dots = 1;
      continue;
    }
    struct entry *e = &k->e[k->n];
    *e = (struct entry){.kind = ENTRY_NEW};
    if (parts[i] != Py_None && read_entry(parts[i], shape[d], d, e)) {
      if (e->kind == ENTRY_ARRAY) mlx_array_free(e->index);
      key_free(k);
      return -1;
    }
    d += parts[i] != Py_None;
    k->arrays |= e->kind == ENTRY_ARRAY;
    k->n++;
  }
  return 0;
}

/* The key's slices and new axes; with arrays in the key, the dimensions of ints and arrays stay whole. */
static int apply_slices(const mlx_array h, const struct key *k, mlx_array *out) {
  int64_t start[MAX_NDIM], stop[MAX_NDIM], step[MAX_NDIM];
  int drop[MAX_NDIM], ndrop = 0, fresh[2 * MAX_NDIM], nfresh = 0, d = 0, place = 0;
  bool any = false;
  const int64_t *shape = mlx_ravel_array_shape(h);
  for (int i = 0; i < k->n; i++) {
    const struct entry *e = &k->e[i];
    if (e->kind == ENTRY_NEW) {
      fresh[nfresh++] = place++;
      continue;
    }
    bool whole = e->kind == ENTRY_ARRAY || (k->arrays && e->kind == ENTRY_INT);
    start[d] = whole ? 0 : e->start, stop[d] = whole ? shape[d] : e->stop, step[d] = whole ? 1 : e->step;
    any |= start[d] != 0 || stop[d] != shape[d] || step[d] != 1;
    if (!whole && e->kind == ENTRY_INT) drop[ndrop++] = d;
    else place++;
    d++;
  }
  int status = any ? mlx_ravel_slice(out, h, start, stop, step, none) : mlx_array_set(out, h);
  if (!status && ndrop) status = mlx_squeeze_axes(out, *out, drop, (size_t)ndrop, none);
  if (!status && nfresh) status = mlx_expand_dims_axes(out, *out, fresh, (size_t)nfresh, none);
  return status;
}

/* Gathers along the dimensions of ints and arrays; NumPy's place for the index dimensions. */
static int apply_arrays(const struct key *k, mlx_array *out) {
  mlx_vector_array raw = mlx_vector_array_new(), indices = mlx_vector_array_new();
  int axes[MAX_NDIM], n = 0, first = -1, last = -1, count = 0, status = 0;
  int64_t sizes[MAX_NDIM];
  const int64_t *shape = mlx_ravel_array_shape(*out);
  int ndim = (int)mlx_array_ndim(*out);
  mlx_dtype common = MLX_INT32;
  for (int i = 0; i < k->n && !status; i++) {
    const struct entry *e = &k->e[i];
    sizes[i] = shape[i];
    if (e->kind != ENTRY_ARRAY && e->kind != ENTRY_INT) continue;
    sizes[i] = 1;
    axes[n++] = i;
    if (first < 0) first = i;
    count += 1;
    last = i;
    mlx_array index = mlx_array_new();
    if (e->kind == ENTRY_ARRAY) status = mlx_array_set(&index, e->index);
    else status = mlx_ravel_array_new_data(&index, &e->start, NULL, 0, MLX_INT64);
    if (!status) common = mlx_array_dtype(index) == common ? common : MLX_INT64;
    if (!status) status = mlx_vector_array_append_value(raw, index);
    mlx_array_free(index);
  }
  mlx_vector_array cast = mlx_vector_array_new();
  for (int i = 0; i < n && !status; i++) {
    mlx_array x = mlx_array_new();
    status = mlx_vector_array_get(&x, raw, (size_t)i) || mlx_astype(&x, x, common, none) || mlx_vector_array_append_value(cast, x);
    mlx_array_free(x);
  }
  if (!status) status = mlx_broadcast_arrays(&indices, cast, none);
  int rank = 0;
  if (!status) {
    mlx_array x = mlx_array_new();
    mlx_vector_array_get(&x, indices, 0);
    rank = (int)mlx_array_ndim(x);
    mlx_array_free(x);
    status = mlx_ravel_gather(out, *out, indices, axes, (size_t)n, sizes, none);
  }
  for (int i = 0; i < n; i++) axes[i] += rank;
  if (!status) status = mlx_squeeze_axes(out, *out, axes, (size_t)n, none);
  bool together = last - first + 1 == count;
  if (!status && together && first > 0 && rank > 0) { /* the index dimensions stand where the first indexed one was */
    int perm[MAX_NDIM], total = rank + ndim - n;
    for (int i = 0; i < total; i++) perm[i] = i < first ? rank + i : i < first + rank ? i - first : i;
    status = mlx_transpose_axes(out, *out, perm, (size_t)total, none);
  }
  mlx_vector_array_free(raw);
  mlx_vector_array_free(cast);
  mlx_vector_array_free(indices);
  return status;
}

/* Boolean masks: their shape decides the result's, so they are computed here and now. */

static bool is_mask(PyObject *o, mlx_array *mask) {
  *mask = mlx_array_new();
  if (PyTuple_Check(o) || PySlice_Check(o) || o == Py_None || o == Py_Ellipsis || is_scalar(o)) return false;
  if (!is_index_array(o)) return false;
  if (array_from(o, NULL, mask)) {
    PyErr_Clear(); /* the ordinary reading of the key says what is wrong */
    return false;
  }
  if (mlx_array_dtype(*mask) == MLX_BOOL) return true;
  mlx_array_free(*mask);
  *mask = mlx_array_new();
  return false;
}

/* The places where the mask holds, as one int64 array; h reshaped so that they index its first dimension. */
static int mask_rows(const mlx_array h, const mlx_array mask, mlx_array *rows, mlx_array *flat) {
  int m = (int)mlx_array_ndim(mask), n = (int)mlx_array_ndim(h);
  const int64_t *ms = mlx_ravel_array_shape(mask), *hs = mlx_ravel_array_shape(h);
  bool fits = m <= n;
  for (int i = 0; i < m && fits; i++) fits = ms[i] == hs[i];
  if (!fits) {
    PyErr_SetString(PyExc_IndexError, "The shape of the boolean index does not match the array's leading dimensions.");
    return -1;
  }
  mlx_array whole = mlx_array_new();
  int status = mlx_contiguous(&whole, mask, false, none) ? (raise_error(), -1) : wait_for(whole);
  size_t size = mlx_array_size(mask);
  int64_t *at = status ? NULL : PyMem_Malloc((size + 1) * sizeof *at), count = 0;
  const uint8_t *data = status ? NULL : mlx_ravel_array_data(whole);
  for (size_t i = 0; at && i < size; i++)
    if (data[i]) at[count++] = (int64_t)i;
  int64_t shape[MAX_NDIM] = {(int64_t)size};
  for (int i = m; i < n; i++) shape[1 + i - m] = hs[i];
  if (!at && !status) PyErr_NoMemory();
  if (!at || mlx_ravel_array_new_data(rows, at, &count, 1, MLX_INT64) || mlx_ravel_reshape(flat, h, shape, 1 + n - m, none)) {
    status = -1;
    if (at) raise_error();
  }
  PyMem_Free(at);
  mlx_array_free(whole);
  return status;
}

static PyObject *getitem(const mlx_array h, PyObject *key) {
  mlx_array out = mlx_array_new(), mask;
  if (is_mask(key, &mask)) {
    mlx_array rows = mlx_array_new();
    int bad = mask_rows(h, mask, &rows, &out);
    int status = bad ? 0 : mlx_take_axis(&out, out, rows, 0, none);
    mlx_array_free(rows);
    mlx_array_free(mask);
    if (bad) return mlx_array_free(out), NULL;
    return array_result(status, out);
  }
  struct key k;
  if (read_key(key, h, &k)) return NULL;
  int status = apply_slices(h, &k, &out);
  if (!status && k.arrays) status = apply_arrays(&k, &out);
  key_free(&k);
  return array_result(status, out);
}
/* On a handle of its own: reading the key may run Python code that rebinds the Array. */
PyObject *array_getitem(PyObject *self, PyObject *key) {
  mlx_array h = mlx_array_new();
  PyObject *r = mlx_array_set(&h, H(self)) ? raise_error() : getitem(h, key);
  mlx_array_free(h);
  return r;
}

/* Updates. mode as in mlx_ravel_slice_update: 0 set, 1 add, 2 multiply, 3 maximum, 4 minimum. */

static int update_slice(const mlx_array h, const struct key *k, const mlx_array value, int mode, mlx_array *out) {
  int64_t start[MAX_NDIM], stop[MAX_NDIM], step[MAX_NDIM], region[MAX_NDIM], seen[2 * MAX_NDIM];
  int d = 0, nseen = 0;
  for (int i = 0; i < k->n; i++) {
    const struct entry *e = &k->e[i];
    if (e->kind == ENTRY_NEW) {
      seen[nseen++] = 1;
      continue;
    }
    start[d] = e->start, stop[d] = e->stop, step[d] = e->step;
    int64_t low = e->stop < -1 ? -1 : e->stop, count = (low - e->start) / e->step;
    region[d] = e->kind == ENTRY_INT ? 1 : count;
    if (e->kind == ENTRY_SLICE) seen[nseen++] = region[d];
    d++;
  }
  mlx_array v = mlx_array_new();
  int status = mlx_array_set(&v, value);
  while (!status && (int)mlx_array_ndim(v) > nseen && mlx_ravel_array_shape(v)[0] == 1) status = mlx_squeeze_axis(&v, v, 0, none);
  if (!status) status = mlx_ravel_broadcast_to(&v, v, seen, nseen, none);
  if (!status) status = mlx_ravel_reshape(&v, v, region, d, none);
  if (!status) status = mlx_ravel_slice_update(out, h, v, start, stop, step, mode, none);
  mlx_array_free(v);
  return status;
}

/* Any key: where it points, found by indexing arange(size); then one scatter on the flattened array. */
static int update_places(const mlx_array h, PyObject *key, const mlx_array value, int mode, mlx_array *out) {
  static int (*const scatter[])(mlx_array *, const mlx_array, const mlx_array, const mlx_array, int, const mlx_stream) = {
      mlx_scatter_single, mlx_scatter_add_single, mlx_scatter_prod_single, mlx_scatter_max_single, mlx_scatter_min_single};
  int64_t size = (int64_t)mlx_array_size(h), flat = -1, column[2] = {-1, 1};
  mlx_array places = mlx_array_new(), v = mlx_array_new(), f = mlx_array_new();
  int bad = 0, status = mlx_arange(&places, 0, (double)size, 1, size > INT32_MAX ? MLX_INT64 : MLX_INT32, none) ||
                        mlx_ravel_reshape(&places, places, mlx_ravel_array_shape(h), (int)mlx_array_ndim(h), none);
  PyObject *grid = array_result(status, places), *at = grid ? array_getitem(grid, key) : NULL;
  if (at) {
    mlx_array idx = H(at);
    status = mlx_ravel_broadcast_to(&v, value, mlx_ravel_array_shape(idx), (int)mlx_array_ndim(idx), none) ||
             mlx_ravel_reshape(&v, v, column, 2, none) || mlx_ravel_reshape(&H(at), idx, &flat, 1, none) ||
             mlx_ravel_reshape(&f, h, &flat, 1, none) || scatter[mode](&f, f, H(at), v, 0, none) ||
             mlx_ravel_reshape(out, f, mlx_ravel_array_shape(h), (int)mlx_array_ndim(h), none);
    if (status) raise_error();
    bad = status ? -1 : 0;
  } else {
    bad = -1;
  }
  Py_XDECREF(at);
  Py_XDECREF(grid);
  mlx_array_free(v);
  mlx_array_free(f);
  return bad;
}

/* The array after the update, in *out; the value in the array's dtype. */
static int update(PyObject *self, PyObject *key, PyObject *value, int mode, mlx_array *out) {
  mlx_array h = mlx_array_new(), v, made = mlx_array_new(), mask, cast = mlx_array_new();
  if (to_array_beside(value, self, &v, &made)) return -1;
  mlx_array_set(&h, H(self));
  int bad = 0, status = mlx_astype(&cast, v, mlx_array_dtype(h), none);
  struct key k;
  bool masked = is_mask(key, &mask);
  if (status) {
    raise_error();
    bad = -1;
  } else if (masked && mode == 0 && mlx_array_size(cast) == 1) { /* one value: no need to know where */
    int64_t wide[MAX_NDIM];
    int m = (int)mlx_array_ndim(mask), n = (int)mlx_array_ndim(h);
    for (int i = 0; i < n; i++) wide[i] = i < m ? mlx_ravel_array_shape(mask)[i] : 1;
    status = m > n ? mlx_ravel_error_set(MLX_RAVEL_INDEX, "The boolean index has more dimensions than the array.")
                   : mlx_ravel_reshape(&mask, mask, wide, n, none) || mlx_ravel_reshape(&cast, cast, NULL, 0, none) ||
                         mlx_where(out, mask, cast, h, none);
    if (!status && mlx_array_size(*out) != mlx_array_size(h))
      status = mlx_ravel_error_set(MLX_RAVEL_INDEX, "The shape of the boolean index does not match the array's leading dimensions.");
    if (status) raise_error();
    bad = status ? -1 : 0;
  } else if (masked) {
    bad = update_places(h, key, cast, mode, out);
  } else if (!(bad = read_key(key, h, &k))) {
    bool arrays = k.arrays;
    status = arrays ? 0 : update_slice(h, &k, cast, mode, out);
    key_free(&k);
    if (status) raise_error();
    bad = status ? -1 : arrays ? update_places(h, key, cast, mode, out) : 0;
  }
  mlx_array_free(mask);
  mlx_array_free(cast);
  mlx_array_free(made);
  mlx_array_free(h);
  return bad;
}

int array_setitem(PyObject *self, PyObject *key, PyObject *value) {
  if (!value) {
    PyErr_SetString(PyExc_TypeError, "Elements of an array cannot be deleted.");
    return -1;
  }
  mlx_array out = mlx_array_new();
  if (update(self, key, value, 0, &out)) {
    mlx_array_free(out);
    return -1;
  }
  mlx_array old = H(self);
  H(self) = out;
  mlx_array_free(old);
  return 0;
}

/* x.at[key].add(v) */

typedef struct {
  PyObject_HEAD
  PyObject *array, *key;
} At;

static PyObject *at_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *a;
  if (kwargs && PyDict_GET_SIZE(kwargs)) return PyErr_Format(PyExc_TypeError, "ArrayAt takes no keyword arguments");
  if (!PyArg_ParseTuple(args, "O!:ArrayAt", core.Array, &a)) return NULL;
  At *at = (At *)type->tp_alloc(type, 0);
  if (at) at->array = Py_NewRef(a);
  return (PyObject *)at;
}
static void at_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  Py_XDECREF(((At *)self)->array);
  Py_XDECREF(((At *)self)->key);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *at_getitem(PyObject *self, PyObject *key) {
  PyObject *r = PyObject_CallOneArg((PyObject *)core.ArrayAt, ((At *)self)->array);
  if (r) ((At *)r)->key = Py_NewRef(key);
  return r;
}
static PyObject *at_update(PyObject *self, PyObject *value, int mode, int (*before)(mlx_array *, const mlx_array, const mlx_stream)) {
  At *at = (At *)self;
  if (!at->key) return PyErr_Format(PyExc_ValueError, "Indices are missing: write x.at[indices].add(values).");
  mlx_array out = mlx_array_new(), v, made = mlx_array_new(), changed = mlx_array_new();
  PyObject *r = NULL, *value_array = NULL;
  if (!to_array_beside(value, at->array, &v, &made)) {
    int status = before ? before(&changed, v, none) : mlx_array_set(&changed, v);
    value_array = array_result(status, changed);
    if (value_array && !update(at->array, at->key, value_array, mode, &out)) r = array_take(out), out.ctx = NULL;
  }
  Py_XDECREF(value_array);
  mlx_array_free(made);
  if (!r) mlx_array_free(out);
  return r;
}
static PyObject *at_add(const struct function *f, PyObject **v) { return (void)f, at_update(v[0], v[1], 1, NULL); }
static PyObject *at_subtract(const struct function *f, PyObject **v) { return (void)f, at_update(v[0], v[1], 1, mlx_negative); }
static PyObject *at_multiply(const struct function *f, PyObject **v) { return (void)f, at_update(v[0], v[1], 2, NULL); }
static PyObject *at_divide(const struct function *f, PyObject **v) { return (void)f, at_update(v[0], v[1], 2, mlx_reciprocal); }
static PyObject *at_maximum(const struct function *f, PyObject **v) { return (void)f, at_update(v[0], v[1], 3, NULL); }
static PyObject *at_minimum(const struct function *f, PyObject **v) { return (void)f, at_update(v[0], v[1], 4, NULL); }
static const struct function at_methods[] = {
    {"add", "(self, value: scalar | array) -> array",
     "A new array with the values added at the indices, each time an index occurs.\n\n"
     "The value broadcasts to the indices' shape; IndexError for indices out of bounds.\n\n"
     ">>> mx.zeros(3).at[mx.array([0, 0, 2])].add(1)\n"
     "array([2, 0, 1], dtype=float32)",
     at_add, NULL, NULL},
    {"subtract", "(self, value: scalar | array) -> array",
     "A new array with the values subtracted at the indices, each time an index occurs.\n\n"
     "The value broadcasts to the indices' shape; IndexError for indices out of bounds.\n\n"
     ">>> mx.zeros(3).at[mx.array([0, 0, 2])].subtract(1)\n"
     "array([-2, 0, -1], dtype=float32)",
     at_subtract, NULL, NULL},
    {"multiply", "(self, value: scalar | array) -> array",
     "A new array with the elements at the indices multiplied by the values, each time an index occurs.\n\n"
     "The value broadcasts to the indices' shape; IndexError for indices out of bounds.\n\n"
     ">>> mx.ones(3).at[mx.array([0, 0, 2])].multiply(3)\n"
     "array([9, 1, 3], dtype=float32)",
     at_multiply, NULL, NULL},
    {"divide", "(self, value: scalar | array) -> array",
     "A new array with the elements at the indices divided by the values, each time an index occurs.\n\n"
     "The value broadcasts to the indices' shape; IndexError for indices out of bounds.\n\n"
     ">>> mx.ones(3).at[mx.array([0, 0, 2])].divide(2)\n"
     "array([0.25, 1, 0.5], dtype=float32)",
     at_divide, NULL, NULL},
    {"maximum", "(self, value: scalar | array) -> array",
     "A new array with the larger of the elements at the indices and the values.\n\n"
     "The value broadcasts to the indices' shape; IndexError for indices out of bounds.\n\n"
     ">>> mx.zeros(3).at[mx.array([0, 2])].maximum(mx.array([5.0, -5.0]))\n"
     "array([5, 0, 0], dtype=float32)",
     at_maximum, NULL, NULL},
    {"minimum", "(self, value: scalar | array) -> array",
     "A new array with the smaller of the elements at the indices and the values.\n\n"
     "The value broadcasts to the indices' shape; IndexError for indices out of bounds.\n\n"
     ">>> mx.zeros(3).at[mx.array([0, 2])].minimum(mx.array([5.0, -5.0]))\n"
     "array([0, 0, -5], dtype=float32)",
     at_minimum, NULL, NULL},
    {0}};

int at_init(PyObject *module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, at_new}, {Py_tp_dealloc, at_dealloc}, {Py_mp_subscript, at_getitem},
      {Py_tp_doc, "ArrayAt(x: array, /)\n\nWhat array.at gives: x.at[indices] takes an update that adds up at repeated indices.\n\n"
                  ">>> mx.ArrayAt(mx.zeros(2))[0].add(1)\narray([1, 0], dtype=float32)"},
      {0}};
  static PyType_Spec spec = {"mlx.core.ArrayAt", sizeof(At), 0, Py_TPFLAGS_DEFAULT, slots};
  core.ArrayAt = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
  return core.ArrayAt && !functions_add((PyObject *)core.ArrayAt, at_methods, "ArrayAt") ? PyModule_AddType(module, core.ArrayAt) : -1;
}
