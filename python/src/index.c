/* index.c: x[…], x[…] = v, x.at[…].add(v).
 * Invariant: a key is first made one entry a dimension (slice, integer, index array, or new axis); slices, integers and new axes
 * are one view of the array, index arrays one gather from it or scatter into it. A mask that stands alone stays a mask, so that
 * assignments by it are lazy; among other keys it becomes the index arrays of its places, as in NumPy. */
#include "core.h"

#include <string.h>

static const mlx_stream none = {NULL};

enum entry_kind { ENTRY_SLICE, ENTRY_INT, ENTRY_NEW, ENTRY_ARRAY };
struct entry {
  enum entry_kind kind;
  bool fresh;                /* an array on an axis of size 1 that the key makes: a 0-d mask */
  int64_t start, stop, step; /* of a slice or an int (stop = start + 1), for mlx_ravel_slice */
  int64_t count;             /* how many elements that is */
  mlx_array index;           /* ENTRY_ARRAY: owned */
};
struct key {
  int n;
  struct entry e[2 * MAX_NDIM];
  int arrays, dots; /* how many index arrays; before which entry the ellipsis stood: even one of no dimension keeps arrays apart */
  mlx_array mask; /* owned: the whole key is this mask */
};
/* A part of the key as it was given. */
struct part {
  PyObject *o;
  mlx_array a; /* owned, where it is an array */
  bool array, mask;
};

static void key_free(struct key *k) {
  for (int i = 0; i < k->n; i++)
    if (k->e[i].kind == ENTRY_ARRAY) mlx_array_free(k->e[i].index);
  mlx_array_free(k->mask);
}

static bool is_index_array(PyObject *o) {
  if (PyLong_CheckExact(o) || PySlice_Check(o)) return false; /* first: to ask an object for an attribute it lacks takes a microsecond */
  return Array_Check(o) || PyBool_Check(o) || PyList_Check(o) || PyTuple_Check(o) ||
         (!is_scalar(o) && !PySlice_Check(o) && !PyIndex_Check(o) && is_array_like(o)) ||
         (PyIndex_Check(o) && has_special(o, "__array_interface__") && PyObject_HasAttrString(o, "__len__"));
}

static int out_of_bounds(int64_t i, int d, int64_t n) {
  PyErr_Format(PyExc_IndexError, "Index %lld is out of bounds for dimension %d of size %lld.", (long long)i, d, (long long)n);
  return -1;
}
/* Indices that Python gave are there to be looked at: checked at once. */
static int check_bounds(const mlx_array a, int d, int64_t n) {
  const void *data = mlx_ravel_array_data(a);
  size_t size = mlx_array_size(a);
  if (!data || !mlx_ravel_array_is_contiguous(a)) return 0;
#define BOUNDS(type)                                                                                          \
  for (size_t i = 0; i < size; i++) {                                                                         \
    int64_t v = (int64_t)((const type *)data)[i];                                                             \
    if (v < -n || v >= n) return out_of_bounds(v, d, n);                                                      \
  }                                                                                                           \
  return 0;
  switch (mlx_array_dtype(a)) {
  case MLX_INT8: BOUNDS(int8_t)
  case MLX_INT16: BOUNDS(int16_t)
  case MLX_INT32: BOUNDS(int32_t)
  case MLX_INT64: BOUNDS(int64_t)
  case MLX_UINT8: BOUNDS(uint8_t)
  case MLX_UINT16: BOUNDS(uint16_t)
  case MLX_UINT32: BOUNDS(uint32_t)
  case MLX_UINT64:
    for (size_t i = 0; i < size; i++)
      if (((const uint64_t *)data)[i] >= (uint64_t)n) {
        PyErr_Format(PyExc_IndexError, "Index %llu is out of bounds for dimension %d of size %lld.",
                     (unsigned long long)((const uint64_t *)data)[i], d, (long long)n);
        return -1;
      }
    return 0;
  default: return 0;
  }
#undef BOUNDS
}

static int read_array(struct part *p, int64_t n, int d, struct entry *e) {
  mlx_dtype t = mlx_array_dtype(p->a);
  if (t >= MLX_FLOAT16 && mlx_array_size(p->a)) {
    PyErr_Format(PyExc_ValueError, "Cannot index an array with an array of dtype %R: indices are integers.", core.dtypes[t]);
    return -1;
  }
  if (!Array_Check(p->o) && check_bounds(p->a, d, n)) return -1;
  *e = (struct entry){.kind = ENTRY_ARRAY, .index = p->a};
  p->a = mlx_array_new();
  bool usable = t == MLX_INT32 || t == MLX_UINT32 || t == MLX_INT64;
  if (!usable && mlx_astype(&e->index, e->index, t == MLX_UINT64 ? MLX_INT64 : MLX_INT32, none)) return raise_error(), -1;
  return 0;
}
/* A mask among other keys: an index array for each of its dimensions. How many entries that makes, or -1. */
static int read_mask(const struct part *p, const int64_t *shape, int d, struct entry *e) {
  int m = (int)mlx_array_ndim(p->a);
  const int64_t *ms = mlx_ravel_array_shape(p->a);
  for (int i = 0; i < m; i++)
    if (ms[i] != shape[i]) {
      PyErr_Format(PyExc_IndexError, "The boolean index has size %lld along dimension %d of size %lld.", (long long)ms[i], d + i,
                   (long long)shape[i]);
      return -1;
    }
  mlx_vector_array at = mlx_vector_array_new();
  int status = mlx_ravel_nonzero(&at, p->a, none), count = m ? m : 1;
  if (status) raise_error();
  for (int i = 0; i < count && !status; i++) {
    e[i] = (struct entry){.kind = ENTRY_ARRAY, .index = mlx_array_new(), .fresh = m == 0};
    status = mlx_vector_array_get(&e[i].index, at, (size_t)i);
  }
  mlx_vector_array_free(at);
  return status ? -1 : count;
}

/* A slice or an integer, about dimension d of size n. */
static int read_plain(PyObject *o, int64_t n, int d, struct entry *e) {
  if (PySlice_Check(o)) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(o, &start, &stop, &step)) return -1;
    Py_ssize_t count = PySlice_AdjustIndices((Py_ssize_t)n, &start, &stop, step);
    if (count <= 1) step = 1; /* one element or none: any step, so one that cannot overflow */
    *e = (struct entry){.kind = ENTRY_SLICE, .start = count ? start : 0, .step = step, .count = count};
    e->stop = e->start + count * step;
    if (e->stop < 0) e->stop = -n - 1; /* below the first element, not counted from the end */
    return 0;
  }
  if (!PyIndex_Check(o)) {
    refuse(PyExc_ValueError, "Cannot index an array with %.200U.", o);
    return -1;
  }
  int64_t i;
  if (to_int64(o, &i)) return -1;
  if (i < -n || i >= n) return out_of_bounds(i, d, n);
  *e = (struct entry){.kind = ENTRY_INT, .start = i < 0 ? i + n : i, .step = 1, .count = 1};
  e->stop = e->start + 1;
  return 0;
}

/* All parts, arrays made; *used: of how many dimensions they speak. */
static int read_parts(PyObject *const *o, int n, struct part *p, int *used, int *dots) {
  *used = *dots = 0;
  for (int i = 0; i < n; i++) {
    p[i] = (struct part){.o = o[i], .a = mlx_array_new()};
    if (o[i] == Py_Ellipsis) {
      ++*dots;
    } else if (o[i] != Py_None) {
      p[i].array = is_index_array(o[i]);
      if (p[i].array && array_from(o[i], NULL, &p[i].a)) return -1;
      p[i].mask = p[i].array && mlx_array_dtype(p[i].a) == MLX_BOOL;
      *used += p[i].mask ? (int)mlx_array_ndim(p[i].a) : 1;
    }
  }
  return 0;
}
/* A mask with nothing behind it but what stands for whole dimensions. */
static bool mask_alone(const struct part *p, int n) {
  if (n < 1 || !p[0].mask) return false;
  for (int i = 1; i < n; i++) {
    if (p[i].o == Py_Ellipsis) continue;
    if (!PySlice_Check(p[i].o)) return false;
    const PySliceObject *s = (const PySliceObject *)p[i].o;
    if (s->start != Py_None || s->stop != Py_None || s->step != Py_None) return false;
  }
  return true;
}
static int fill_key(struct key *k, struct part *p, int n, const int64_t *shape, int ndim, int used) {
  int d = 0;
  bool filled = false;
  for (int i = 0; i <= n; i++) {
    if (i == n ? !filled : p[i].o == Py_Ellipsis) { /* all that no part speaks of */
      for (int j = 0; j < ndim - used; j++, d++) k->e[k->n++] = (struct entry){.kind = ENTRY_SLICE, .stop = shape[d], .step = 1, .count = shape[d]};
      filled = true;
    }
    if (i < n && p[i].o == Py_Ellipsis) k->dots = k->n;
    if (i == n || p[i].o == Py_Ellipsis) continue;
    struct entry *e = &k->e[k->n];
    int count = 1;
    if (p[i].o == Py_None) *e = (struct entry){.kind = ENTRY_NEW};
    else if (p[i].mask) count = read_mask(&p[i], shape + d, d, e);
    else if (p[i].array ? read_array(&p[i], shape[d], d, e) : read_plain(p[i].o, shape[d], d, e)) count = -1;
    if (count < 0) return -1;
    for (int j = 0; j < count; j++) {
      d += e[j].kind != ENTRY_NEW && !e[j].fresh;
      k->arrays += e[j].kind == ENTRY_ARRAY;
    }
    k->n += count;
  }
  return 0;
}
static int read_key(PyObject *o, const mlx_array h, struct key *k) {
  int ndim = (int)mlx_array_ndim(h), used, dots;
  const int64_t *shape = mlx_ravel_array_shape(h);
  PyObject *one[1] = {o}, *const *given = PyTuple_Check(o) ? ((PyTupleObject *)o)->ob_item : one;
  Py_ssize_t n = PyTuple_Check(o) ? PyTuple_GET_SIZE(o) : 1;
  struct part p[MAX_NDIM];
  k->n = k->arrays = 0;
  k->dots = -1;
  k->mask = mlx_array_new();
  if (n > MAX_NDIM) {
    PyErr_Format(PyExc_IndexError, "Too many indices (%zd).", n);
    return -1;
  }
  memset(p, 0, (size_t)n * sizeof *p);
  int bad = read_parts(given, (int)n, p, &used, &dots);
  if (!bad && dots > 1) PyErr_SetString(PyExc_ValueError, "An index may have only one ellipsis.");
  else if (!bad && used > ndim)
    PyErr_Format(PyExc_IndexError, "Too many indices (%d) for an array with %d dimensions.", used, ndim);
  if (!bad && (dots > 1 || used > ndim)) bad = -1;
  if (!bad && mask_alone(p, (int)n)) {
    k->mask = p[0].a;
    p[0].a = mlx_array_new();
  } else if (!bad) {
    bad = fill_key(k, p, (int)n, shape, ndim, used);
  }
  for (int i = 0; i < n; i++) mlx_array_free(p[i].a);
  if (bad) key_free(k);
  return bad;
}

/* The key's slices, integers and new axes: a view. Dimensions of index arrays stay whole. *whole: it is the array itself, but
 * for dimensions of size 1; region (4 x MAX_NDIM): start, stop, step and size
 * of each dimension. */
static int apply_slices(const mlx_array h, const struct key *k, mlx_array *out, int64_t (*region)[MAX_NDIM], bool *whole) {
  int drop[MAX_NDIM], ndrop = 0, fresh[2 * MAX_NDIM], nfresh = 0, d = 0, place = 0;
  const int64_t *shape = mlx_ravel_array_shape(h);
  *whole = true;
  for (int i = 0; i < k->n; i++) {
    const struct entry *e = &k->e[i];
    if (e->kind == ENTRY_NEW || e->fresh) {
      fresh[nfresh++] = place++;
      continue;
    }
    bool array = e->kind == ENTRY_ARRAY;
    region[0][d] = array ? 0 : e->start, region[1][d] = array ? shape[d] : e->stop, region[2][d] = array ? 1 : e->step;
    region[3][d] = array ? shape[d] : e->count;
    *whole = *whole && region[0][d] == 0 && region[1][d] == shape[d] && region[2][d] == 1;
    if (e->kind == ENTRY_INT) drop[ndrop++] = d;
    else place++;
    d++;
  }
  int status = *whole ? mlx_array_set(out, h) : mlx_ravel_slice(out, h, region[0], region[1], region[2], none);
  if (!status && ndrop) status = mlx_squeeze_axes(out, *out, drop, (size_t)ndrop, none);
  if (!status && nfresh) status = mlx_expand_dims_axes(out, *out, fresh, (size_t)nfresh, none);
  return status;
}

/* The index arrays of a key, ready for a gather or scatter on the view of its slices. */
struct indices {
  mlx_vector_array at; /* of one dtype and shape */
  int n, rank, axes[MAX_NDIM]; /* how many; dimensions of each; where they index */
  int64_t shape[MAX_NDIM];
  int first; /* where their dimensions stand in the result, as in NumPy: in place of the indexed ones when these stand together */
  const mlx_array *one; /* the first, as the key has it */
  bool alike;           /* of one dtype in the key */
};
static void indices_free(struct indices *x) { mlx_vector_array_free(x->at); }
/* All but the arrays themselves and their shape. */
static struct indices place_indices(const struct key *k) {
  struct indices x;
  int first = -1, last = -1, count = 0, axis = 0, before = 0;
  x.n = 0;
  x.alike = true;
  x.one = NULL;
  for (int i = 0; i < k->n; i++) {
    const struct entry *e = &k->e[i];
    if (e->kind == ENTRY_ARRAY || e->kind == ENTRY_INT) {
      if (first < 0) first = i, before = axis;
      last = i;
      count++;
    }
    if (e->kind == ENTRY_ARRAY) {
      if (!x.one) x.one = &e->index;
      x.alike = x.alike && mlx_array_dtype(e->index) == mlx_array_dtype(*x.one);
      x.axes[x.n++] = axis;
    }
    axis += e->kind != ENTRY_INT;
  }
  bool apart = last - first + 1 != count || (k->dots > first && k->dots <= last);
  x.first = apart ? 0 : before;
  return x;
}
static int read_indices(const struct key *k, struct indices *x) {
  mlx_vector_array given = mlx_vector_array_new();
  int status = 0;
  x->at = (mlx_vector_array){NULL};
  for (int i = 0; i < k->n && !status; i++) {
    if (k->e[i].kind != ENTRY_ARRAY) continue;
    mlx_array a = mlx_array_new();
    status = (x->alike ? mlx_array_set(&a, k->e[i].index) : mlx_astype(&a, k->e[i].index, MLX_INT64, none)) ||
             mlx_vector_array_append_value(given, a);
    mlx_array_free(a);
  }
  if (x->n == 1) x->at = given, given.ctx = NULL;
  else if (!status) status = mlx_broadcast_arrays(&x->at, given, none);
  mlx_array a = mlx_array_new();
  if (!status) status = mlx_vector_array_get(&a, x->at, 0);
  if (!status) {
    x->rank = (int)mlx_array_ndim(a);
    for (int i = 0; i < x->rank; i++) x->shape[i] = mlx_ravel_array_shape(a)[i];
  }
  mlx_array_free(a);
  mlx_vector_array_free(given);
  return status;
}

/* Reads from the view of the slices. */
static int apply_arrays(const struct key *k, mlx_array *out) {
  struct indices x = place_indices(k);
  if (x.n == 1 && x.axes[0] == x.first) return mlx_take_axis(out, *out, *x.one, x.axes[0], none); /* its dimensions in the axis's place */
  int64_t sizes[2 * MAX_NDIM];
  int status = read_indices(k, &x), ndim = (int)mlx_array_ndim(*out), perm[2 * MAX_NDIM], axes[MAX_NDIM];
  for (int i = 0; i < ndim; i++) sizes[i] = mlx_ravel_array_shape(*out)[i];
  for (int i = 0; i < x.n; i++) sizes[x.axes[i]] = 1, axes[i] = x.axes[i] + x.rank;
  if (!status) status = mlx_ravel_gather(out, *out, x.at, x.axes, (size_t)x.n, sizes, none);
  if (!status) status = mlx_squeeze_axes(out, *out, axes, (size_t)x.n, none);
  if (!status && x.first > 0 && x.rank > 0) {
    int total = x.rank + ndim - x.n;
    for (int i = 0; i < total; i++) perm[i] = i < x.first ? x.rank + i : i < x.first + x.rank ? i - x.first : i;
    status = mlx_transpose_axes(out, *out, perm, (size_t)total, none);
  }
  indices_free(&x);
  return status;
}

static PyObject *getitem(const mlx_array h, PyObject *key) {
  mlx_array out = mlx_array_new();
  int64_t region[4][MAX_NDIM];
  struct key k;
  bool whole;
  if (read_key(key, h, &k)) return NULL;
  int status = k.mask.ctx ? mlx_ravel_masked_select(&out, h, k.mask, none) : apply_slices(h, &k, &out, region, &whole);
  if (!status && k.arrays) status = apply_arrays(&k, &out);
  key_free(&k);
  return array_result(status, out);
}
/* On a handle of its own: reading the key may run Python code that rebinds the Array. */
PyObject *array_getitem(PyObject *self, PyObject *key) {
  heed_signals();
  mlx_array h = mlx_array_new();
  PyObject *r = mlx_array_set(&h, H(self)) ? raise_error() : getitem(h, key);
  mlx_array_free(h);
  return r;
}

/* Updates. mode as in mlx_ravel_slice_update: 0 set, 1 add, 2 multiply, 3 maximum, 4 minimum. */
typedef int (*binary)(mlx_array *, const mlx_array, const mlx_array, const mlx_stream);
static const binary folds[] = {NULL, mlx_add, mlx_multiply, mlx_maximum, mlx_minimum};

/* Leading dimensions of size 1 beyond n are dropped, as in NumPy's assignments. */
static int drop_leading(mlx_array *v, int n) {
  int status = 0;
  while (!status && (int)mlx_array_ndim(*v) > n && mlx_ravel_array_shape(*v)[0] == 1) status = mlx_squeeze_axis(v, *v, 0, none);
  return status;
}

static int update_slice(const mlx_array h, const struct key *k, const mlx_array value, int mode, mlx_array *out) {
  int64_t start[MAX_NDIM], stop[MAX_NDIM], step[MAX_NDIM], region[MAX_NDIM], seen[2 * MAX_NDIM];
  int d = 0, nseen = 0;
  bool whole = true; /* no dimension is dropped or made */
  for (int i = 0; i < k->n; i++) {
    const struct entry *e = &k->e[i];
    whole = whole && e->kind == ENTRY_SLICE;
    if (e->kind == ENTRY_NEW) {
      seen[nseen++] = 1;
      continue;
    }
    start[d] = e->start, stop[d] = e->stop, step[d] = e->step;
    region[d] = e->count;
    if (e->kind == ENTRY_SLICE) seen[nseen++] = region[d];
    d++;
  }
  if (whole) return mlx_ravel_slice_update(out, h, value, start, stop, step, mode, none); /* which broadcasts */
  mlx_array v = mlx_array_new();
  int status = mlx_array_set(&v, value) || drop_leading(&v, nseen);
  if (!status) status = mlx_ravel_broadcast_to(&v, v, seen, nseen, none);
  if (!status) status = mlx_ravel_reshape(&v, v, region, d, none);
  if (!status) status = mlx_ravel_slice_update(out, h, v, start, stop, step, mode, none);
  mlx_array_free(v);
  return status;
}

/* By one mask: a choice where the value has no dimension of its own for the chosen, else its rows in order. Nothing is evaluated. */
static int update_masked(const mlx_array h, const mlx_array mask, const mlx_array value, int mode, mlx_array *out) {
  int m = (int)mlx_array_ndim(mask), n = (int)mlx_array_ndim(h), rest = n - m;
  int64_t wide[MAX_NDIM], rows[MAX_NDIM + 1];
  const int64_t *shape = mlx_ravel_array_shape(h);
  for (int i = 0; i < n; i++) wide[i] = i < m ? mlx_ravel_array_shape(mask)[i] : 1;
  for (int i = 0; i < m; i++)
    if (wide[i] != shape[i])
      return mlx_ravel_error_set(MLX_RAVEL_INDEX, "The shape of the boolean index does not match the array's leading dimensions.");
  mlx_array v = mlx_array_new(), named = mlx_array_new(), spread = mlx_array_new();
  int status = mlx_array_set(&v, value) || drop_leading(&v, rest + 1) || mlx_ravel_reshape(&named, mask, wide, n, none);
  if (!status && (int)mlx_array_ndim(v) == rest + 1) status = drop_leading(&v, rest);
  if (!status && (int)mlx_array_ndim(v) <= rest) {
    status = mlx_ravel_broadcast_to(&spread, v, shape + m, rest, none);
  } else if (!status) {
    rows[0] = mlx_ravel_array_shape(v)[0];
    for (int i = 0; i < rest; i++) rows[1 + i] = shape[m + i];
    status = mlx_ravel_broadcast_to(&v, v, rows, rest + 1, none) ||
             mlx_ravel_masked_scatter_rows(mode ? &spread : out, h, mask, v, none);
    if (!mode) goto done;
  }
  if (!status && mode) status = folds[mode](&spread, h, spread, none);
  if (!status) status = mlx_where(out, named, spread, h, none);
done:
  mlx_array_free(v);
  mlx_array_free(named);
  mlx_array_free(spread);
  return status;
}

/* The value laid out as a scatter wants it: dimensions of the indices, then one slice of the view. */
static int as_updates(const struct indices *x, const mlx_array view, const mlx_array value, mlx_array *v) {
  int ndim = (int)mlx_array_ndim(view), total = 0, nkept = 0, a = 0, perm[2 * MAX_NDIM];
  const int64_t *shape = mlx_ravel_array_shape(view);
  int64_t seen[2 * MAX_NDIM], want[2 * MAX_NDIM], kept[2 * MAX_NDIM];
  for (int i = 0; i < x->rank; i++) want[i] = x->shape[i];
  for (int i = 0; i < ndim; i++) {
    bool indexed = a < x->n && x->axes[a] == i;
    want[x->rank + i] = indexed ? 1 : shape[i];
    if (indexed) a++;
    else kept[nkept++] = shape[i];
  }
  for (int i = 0; i < x->first; i++) seen[total++] = kept[i];
  for (int i = 0; i < x->rank; i++) seen[total++] = x->shape[i];
  for (int i = x->first; i < nkept; i++) seen[total++] = kept[i];
  int status = mlx_array_set(v, value) || drop_leading(v, total) || mlx_ravel_broadcast_to(v, *v, seen, total, none);
  if (!status && x->first > 0 && x->rank > 0) {
    for (int i = 0; i < total; i++) perm[i] = i < x->rank ? x->first + i : i < x->rank + x->first ? i - x->rank : i;
    status = mlx_transpose_axes(v, *v, perm, (size_t)total, none);
  }
  return status ? status : mlx_ravel_reshape(v, *v, want, x->rank + ndim, none);
}

/* By index arrays: a scatter into the view of the slices, and that put back where the view is not the whole array. */
static int update_arrays(const mlx_array h, const struct key *k, const mlx_array value, int mode, mlx_array *out) {
  static int (*const scatter[])(mlx_array *, const mlx_array, const mlx_vector_array, const mlx_array, const int *, size_t, const mlx_stream) = {
      mlx_scatter, mlx_scatter_add, mlx_scatter_prod, mlx_scatter_max, mlx_scatter_min};
  int64_t region[4][MAX_NDIM];
  int ndim = (int)mlx_array_ndim(h);
  bool whole;
  struct indices x = place_indices(k);
  mlx_array view = mlx_array_new(), v = mlx_array_new();
  int status = read_indices(k, &x) || apply_slices(h, k, &view, region, &whole) || as_updates(&x, view, value, &v) ||
               scatter[mode](&view, view, x.at, v, x.axes, (size_t)x.n, none);
  if (!status && whole) {
    status = mlx_ravel_reshape(out, view, mlx_ravel_array_shape(h), ndim, none);
  } else if (!status) {
    status = mlx_ravel_reshape(&view, view, region[3], ndim, none) ||
             mlx_ravel_slice_update(out, h, view, region[0], region[1], region[2], 0, none);
  }
  indices_free(&x);
  mlx_array_free(view);
  mlx_array_free(v);
  return status;
}

/* The array after the update, in *out; the value in the array's dtype. */
static int update(PyObject *self, PyObject *key, PyObject *value, int mode, mlx_array *out) {
  mlx_array h = mlx_array_new(), v, made = mlx_array_new(), cast = mlx_array_new();
  struct key k;
  if (to_array_beside(value, self, &v, &made)) return -1;
  mlx_dtype dtype = mlx_array_dtype(H(self));
  int status = mlx_array_set(&h, H(self)), bad = -1;
  if (!status) status = mlx_array_dtype(v) == dtype ? mlx_array_set(&cast, v) : mlx_astype(&cast, v, dtype, none);
  if (status) {
    raise_error();
  } else if (!(bad = read_key(key, h, &k))) {
    status = k.mask.ctx ? update_masked(h, k.mask, cast, mode, out)
             : k.arrays ? update_arrays(h, &k, cast, mode, out)
                        : update_slice(h, &k, cast, mode, out);
    key_free(&k);
    if (status) raise_error();
    bad = status ? -1 : 0;
  }
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

PyObject *at_make(PyObject *array, PyObject *key) {
  At *at = (At *)core.ArrayAt->tp_alloc(core.ArrayAt, 0);
  if (!at) return NULL;
  at->array = Py_NewRef(array);
  at->key = Py_XNewRef(key);
  return (PyObject *)at;
}
static PyObject *at_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *a;
  if (kwargs && PyDict_GET_SIZE(kwargs)) return PyErr_Format(PyExc_TypeError, "ArrayAt takes no keyword arguments");
  if (!PyArg_ParseTuple(args, "O!:ArrayAt", core.Array, &a)) return NULL;
  (void)type; /* it has no heirs */
  return at_make(a, NULL);
}
static void at_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  Py_XDECREF(((At *)self)->array);
  Py_XDECREF(((At *)self)->key);
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject *at_getitem(PyObject *self, PyObject *key) { return at_make(((At *)self)->array, key); }
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
