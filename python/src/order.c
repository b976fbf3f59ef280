/* order.c: scans, masks, searches, and operations whose shape depends on data. */
#include "ops_handlers.h"

typedef int (*scan_op)(mlx_array *, const mlx_array, int, bool, bool, const mlx_stream);

/* a, axis, reverse, inclusive, [dtype,] stream. Without an axis: of the flattened array. */
static PyObject *scan(const struct function *f, PyObject **v, PyObject *dtype, PyObject *stream) {
  struct arg a;
  mlx_stream s;
  mlx_dtype d;
  int axis = 0, status = 0;
  bool reverse, inclusive, given, flat = !v[1] || v[1] == Py_None;
  if (to_stream(stream, &s) || (!flat && to_int(v[1], &axis)) || to_bool(v[2], &reverse, false) || to_bool(v[3], &inclusive, true) ||
      to_dtype(dtype, &d, &given) || take_arg(v[0], NULL, &a))
    return NULL;
  mlx_array out = mlx_array_new();
  status = flat ? mlx_reshape(&out, a.h, (int[]){-1}, 1, s) : mlx_array_set(&out, a.h);
  if (!status && given) status = mlx_astype(&out, out, d, s);
  if (!status) status = ((scan_op)f->impl)(&out, out, axis, reverse, inclusive, s);
  drop_arg(&a);
  return array_result(status, out);
}
static PyObject *do_scan(const struct function *f, PyObject **v) { return scan(f, v, NULL, v[4]); }
static PyObject *do_scan_dtype(const struct function *f, PyObject **v) { return scan(f, v, v[4], v[5]); }

static PyObject *do_masked_scatter(const struct function *f, PyObject **v) { /* a, mask, src, stream */
  (void)f;
  struct arg a, m, x;
  mlx_stream s;
  PyObject *r = NULL;
  int status;
  mlx_array out = mlx_array_new();
  if (to_stream(v[3], &s) || take_arg(v[0], NULL, &a)) return NULL;
  if (!take_arg(v[1], NULL, &m)) {
    if (!take_arg(v[2], v[0], &x)) {
      r = RESULT(mlx_masked_scatter(&out, a.h, m.h, x.h, s));
      drop_arg(&x);
    }
    drop_arg(&m);
  }
  drop_arg(&a);
  return r;
}

/* *a in the order of the positions `sorter`. */
static int sort_by(PyObject *sorter, struct arg *a, mlx_stream s) {
  struct arg at;
  if (!sorter || sorter == Py_None) return 0;
  if (take_arg(sorter, NULL, &at)) return -1;
  mlx_array out = mlx_array_new();
  int bad = -1;
  if (mlx_array_ndim(a->h) != 1 || mlx_array_ndim(at.h) != 1 || mlx_array_size(a->h) != mlx_array_size(at.h))
    PyErr_SetString(PyExc_ValueError, "[searchsorted] sorter must be 1-D and as long as the sorted sequence.");
  else if (mlx_take_axis(&out, a->h, at.h, 0, s)) raise_error();
  else bad = 0;
  drop_arg(&at);
  if (bad) return mlx_array_free(out), -1;
  drop_arg(a);
  a->h = a->made = out;
  return 0;
}
static PyObject *do_searchsorted(const struct function *f, PyObject **v) { /* sorted, values, side, sorter, stream */
  (void)f;
  struct arg a, x;
  mlx_stream s;
  PyObject *r = NULL;
  int status;
  mlx_array out = mlx_array_new();
  const char *side = v[2] ? PyUnicode_AsUTF8(v[2]) : "left";
  if (!side || to_stream(v[4], &s)) return NULL;
  if (strcmp(side, "left") && strcmp(side, "right"))
    return PyErr_Format(PyExc_ValueError, "[searchsorted] Invalid side '%s'. Expected 'left' or 'right'.", side);
  if (take_arg(v[0], NULL, &a)) return NULL;
  if (!sort_by(v[3], &a, s) && !take_arg(v[1], v[0], &x)) {
    r = RESULT(mlx_ravel_searchsorted(&out, a.h, x.h, *side == 'r', s));
    drop_arg(&x);
  }
  drop_arg(&a);
  return r;
}

/* The chosen of several results, in order: one alone, or a tuple. */
static PyObject *chosen(mlx_vector_array all, unsigned which, bool tuple) {
  mlx_vector_array some = mlx_vector_array_new();
  int status = 0, n = 0;
  for (unsigned i = 0; i < 4 && !status; i++) {
    if (!(which >> i & 1)) continue;
    mlx_array a = mlx_array_new();
    status = mlx_vector_array_get(&a, all, i) || mlx_vector_array_append_value(some, a);
    mlx_array_free(a);
    n++;
  }
  mlx_vector_array_free(all);
  if (status) return mlx_vector_array_free(some), raise_error();
  PyObject *r = vector_tuple(some, false), *one = NULL;
  if (!r || n > 1 || tuple) return r;
  one = Py_NewRef(PyTuple_GET_ITEM(r, 0));
  Py_DECREF(r);
  return one;
}
static PyObject *do_unique(const struct function *f, PyObject **v) { /* a, size, index, inverse, counts, fill, stream */
  (void)f;
  struct arg a, fill = {mlx_array_new(), mlx_array_new()};
  mlx_stream s;
  int64_t size;
  bool index, inverse, counts;
  if (to_stream(v[6], &s) || to_int64(v[1], &size) || to_bool(v[2], &index, false) || to_bool(v[3], &inverse, false) ||
      to_bool(v[4], &counts, false) || take_arg(v[0], NULL, &a))
    return NULL;
  PyObject *r = NULL;
  if (!v[5] || v[5] == Py_None || !take_arg(v[5], v[0], &fill)) {
    mlx_vector_array all = mlx_vector_array_new();
    int status = mlx_ravel_unique(&all, a.h, size, fill.h, s);
    r = status ? (mlx_vector_array_free(all), raise_error()) : chosen(all, 1u | index << 1 | inverse << 2 | counts << 3, false);
  }
  drop_arg(&fill);
  drop_arg(&a);
  return r;
}

typedef int (*many_op)(mlx_vector_array *, const mlx_array, const mlx_stream);
static PyObject *from_data(PyObject **v, many_op op, unsigned which, bool tuple) {
  struct arg a;
  mlx_stream s;
  if (to_stream(v[1], &s) || take_arg(v[0], NULL, &a)) return NULL;
  mlx_vector_array all = mlx_vector_array_new();
  int status = op(&all, a.h, s);
  drop_arg(&a);
  if (status) return mlx_vector_array_free(all), raise_error();
  return which ? chosen(all, which, tuple) : vector_tuple(all, false);
}
static PyObject *do_nonzero(const struct function *f, PyObject **v) {
  (void)f;
  if (Array_Check(v[0]) && mlx_array_ndim(H(v[0])) == 0)
    return PyErr_Format(PyExc_ValueError, "[nonzero] The array must have at least 1 dimension, not 0.");
  return from_data(v, mlx_ravel_nonzero, 0, true);
}

static PyObject *do_unique_all(const struct function *f, PyObject **v) {
  return (void)f, named_tuple(from_data(v, mlx_ravel_unique_all, 15, true), "_unique_all", "values indices inverse_indices counts");
}
static PyObject *do_unique_counts(const struct function *f, PyObject **v) {
  return (void)f, named_tuple(from_data(v, mlx_ravel_unique_all, 9, true), "_unique_counts", "values counts");
}
static PyObject *do_unique_inverse(const struct function *f, PyObject **v) {
  return (void)f, named_tuple(from_data(v, mlx_ravel_unique_all, 5, true), "_unique_inverse", "values inverse_indices");
}
static PyObject *do_unique_values(const struct function *f, PyObject **v) { return (void)f, from_data(v, mlx_ravel_unique_all, 1, false); }

#define SCAN_ARGS "(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, "
#define SCAN_SIGNATURE SCAN_ARGS "stream: StreamOrDevice = None) -> array"
#define SCAN_SIGNATURE_DTYPE SCAN_ARGS "dtype: Dtype | None = None, stream: StreamOrDevice = None) -> array"
#define SCAN_COMMON                                                                                           \
  "axis None scans the flattened array, so the result is 1-d; else the result has a's shape. reverse scans from the end. With\n" \
  "inclusive=False element i leaves out a[i], and the first is "

const struct function order_functions[] = {
    {"cumsum", SCAN_SIGNATURE_DTYPE,
     "The running sum along an axis: element i is the sum of a[0], ..., a[i].\n\n"
     SCAN_COMMON "0. Integers keep their dtype and wrap, bool counts as int32;\n"
     "halves are added in float32 and rounded once. dtype: what a is cast to first. A wrong axis is an IndexError.\n\n"
     ">>> mx.cumsum(mx.array([1, 2, 3]))\narray([1, 3, 6], dtype=int32)\n"
     ">>> mx.cumsum(mx.array([[1, 2], [3, 4]]), axis=1, reverse=True, inclusive=False)\n"
     "array([[2, 0],\n       [4, 0]], dtype=int32)",
     do_scan_dtype, F(mlx_cumsum), NULL},
    {"cumprod", SCAN_SIGNATURE_DTYPE,
     "The running product along an axis: element i is the product of a[0], ..., a[i].\n\n"
     SCAN_COMMON "1. Integers keep their dtype and wrap. dtype: what a is\ncast to first. A wrong axis is an IndexError.\n\n"
     ">>> mx.cumprod(mx.array([1, 2, 3, 4]))\narray([1, 2, 6, 24], dtype=int32)",
     do_scan_dtype, F(mlx_cumprod), NULL},
    {"cummax", SCAN_SIGNATURE,
     "The running maximum along an axis: element i is the largest of a[0], ..., a[i], NaN from the first NaN on.\n\n"
     SCAN_COMMON "the least value of the dtype (-inf for floats).\nA wrong axis is an IndexError.\n\n"
     ">>> mx.cummax(mx.array([1, 3, 2, 5]))\narray([1, 3, 3, 5], dtype=int32)",
     do_scan, F(mlx_cummax), NULL},
    {"cummin", SCAN_SIGNATURE,
     "The running minimum along an axis: element i is the least of a[0], ..., a[i], NaN from the first NaN on.\n\n"
     SCAN_COMMON "the largest value of the dtype (inf for floats).\nA wrong axis is an IndexError.\n\n"
     ">>> mx.cummin(mx.array([3, 1, 2]))\narray([3, 1, 1], dtype=int32)",
     do_scan, F(mlx_cummin), NULL},
    {"logcumsumexp", SCAN_SIGNATURE,
     "The running log(sum(exp(a))) along an axis, without overflow: floats; integers become float32.\n\n"
     SCAN_COMMON "-inf. A wrong axis is an IndexError.\n\n"
     ">>> mx.logcumsumexp(mx.array([1000.0, 1000.0]))\narray([1000, 1000.69], dtype=float32)",
     do_scan, F(mlx_logcumsumexp), NULL},
    {"masked_scatter", "(a: array, mask: array, src: array, *, stream: StreamOrDevice = None) -> array",
     "a with the elements of src, in row-major order, where the mask holds.\n\n"
     "mask: bool, broadcasts to a. src: any shape, cast to a's dtype; elements beyond what the mask names are left. TypeError for\n"
     "another mask; ValueError for too few elements, when the result is evaluated. Nothing is evaluated here, so it works inside\n"
     "compile and vmap.\n\n"
     ">>> mx.masked_scatter(mx.zeros(4), mx.array([False, True, False, True]), mx.array([5, 6]))\n"
     "array([0, 5, 0, 6], dtype=float32)",
     do_masked_scatter, NULL, NULL},
    {"searchsorted", "(sorted_sequence: array, values: array, /, side: str = 'left', *, sorter: array | None = None, stream: StreamOrDevice = None) "
                     "-> array\n"
                     "(sorted_sequence: array, values: array, /, side: str = 'left', *, stream: StreamOrDevice = None) -> array\n"
                     "(sorted_sequence: array, values: array, /, side: str = 'left', *, sorter: array | None, stream: StreamOrDevice = None) "
                     "-> array",
     "Where values would be put into a sorted sequence so that it stays sorted.\n\n"
     "sorted_sequence: 1-D, ascending, NaN last. values: any shape, promoted with it. side 'left': how many elements are less than a\n"
     "value; 'right': how many are not greater. sorter: positions that sort the sequence, as argsort gives them, where it is not\n"
     "sorted itself. uint32, of the values' shape. ValueError for another side or rank.\n\n"
     ">>> mx.searchsorted(mx.array([1, 2, 2, 4]), mx.array([0, 2, 3, 5]))\n"
     "array([0, 1, 3, 4], dtype=uint32)\n"
     ">>> mx.searchsorted(mx.array([1, 2, 2, 4]), mx.array([0, 2, 3, 5]), side='right')\n"
     "array([0, 3, 3, 4], dtype=uint32)",
     do_searchsorted, NULL, NULL},
    {"unique", "(a: array, /, size: int, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, "
               "fill_value: scalar | array | None = None, *, stream: StreamOrDevice = None) -> array | tuple[array, ...]",
     "The distinct elements of the flattened array in ascending order, `size` of them, so that nothing is evaluated.\n\n"
     "With fewer than size distinct elements the rest is fill_value (None: the least element) with count 0; with more the least\n"
     "`size` are given, and inverse points at the last of them for the others. return_index: where each first stands, uint32;\n"
     "return_inverse: each element's place among the distinct ones, uint32 of a's shape; return_counts: int32. These follow the\n"
     "values in a tuple. NaNs are distinct. ValueError for a negative size, and for an empty array without a fill_value.\n"
     "`unique_values` and its kin find out the size themselves.\n\n"
     ">>> mx.unique(mx.array([2, 1, 2, 3, 1]), 3)\n"
     "array([1, 2, 3], dtype=int32)\n"
     ">>> values, counts = mx.unique(mx.array([2, 1, 2, 3, 1]), 4, return_counts=True, fill_value=0)\n"
     ">>> values, counts\n"
     "(array([1, 2, 3, 0], dtype=int32), array([2, 2, 1, 0], dtype=int32))",
     do_unique, NULL, NULL},
    {"nonzero", "(a: array, /, *, stream: StreamOrDevice = None) -> tuple[array, ...]",
     "Where a is not zero: a tuple of int64 index arrays, one for each dimension, in row-major order.\n\n"
     "The shape depends on the values, so a is evaluated; inside compile and vmap, where there are none, it is a ValueError, as is\n"
     "an array of no dimensions.\n\n"
     ">>> mx.nonzero(mx.array([[0, 5], [7, 0]]))\n"
     "(array([0, 1], dtype=int64), array([1, 0], dtype=int64))",
     do_nonzero, NULL, NULL},
    {"unique_all", "(x: array, /, *, stream: StreamOrDevice = None) -> _unique_all",
     "The distinct elements of the flattened array, ascending, with where each first stands, each element's place among them (of x's\n"
     "shape) and how often each occurs, as int64.\n\n"
     "The shape depends on the values, so x is evaluated; inside compile and vmap, where there are none, it is a ValueError. NaNs\n"
     "are distinct.\n\n"
     "The result is a named tuple: values, indices, inverse_indices, counts.\n\n"
     ">>> mx.unique_all(mx.array([3, 1, 3])).counts\n"
     "array([1, 2], dtype=int64)",
     do_unique_all, NULL, NULL},
    {"unique_counts", "(x: array, /, *, stream: StreamOrDevice = None) -> _unique_counts",
     "The distinct elements of the flattened array, ascending, and how often each occurs (int64). As unique_all.\n\n"
     ">>> values, counts = mx.unique_counts(mx.array([3, 1, 3]))\n"
     ">>> values, counts\n"
     "(array([1, 3], dtype=int32), array([1, 2], dtype=int64))",
     do_unique_counts, NULL, NULL},
    {"unique_inverse", "(x: array, /, *, stream: StreamOrDevice = None) -> _unique_inverse",
     "The distinct elements of the flattened array, ascending, and each element's place among them (int64, of x's shape). As\n"
     "unique_all.\n\n"
     ">>> mx.unique_inverse(mx.array([3, 1, 3])).inverse_indices\n"
     "array([1, 0, 1], dtype=int64)",
     do_unique_inverse, NULL, NULL},
    {"unique_values", "(x: array, /, *, stream: StreamOrDevice = None) -> array",
     "The distinct elements of the flattened array, ascending. As unique_all.\n\n"
     ">>> mx.unique_values(mx.array([3, 1, 3]))\n"
     "array([1, 3], dtype=int32)",
     do_unique_values, NULL, NULL},
    {0}};

#define METHOD(op, word, example, result)                                                                     \
  {#op, "(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | " \
        "Device | DeviceType | None = None) -> array",                                                        \
   "mx." #op " of this array: the running " word " along an axis.\n\nSee mx." #op " for dtypes and errors.\n\n"  \
   ">>> mx.array(" example ")." #op "()\narray(" result ")", do_scan, F(mlx_##op), NULL}
const struct function order_methods[] = {
    METHOD(cumsum, "sum", "[1, 2, 3]", "[1, 3, 6], dtype=int32"), METHOD(cumprod, "product", "[1, 2, 3]", "[1, 2, 6], dtype=int32"),
    METHOD(cummax, "maximum", "[1, 3, 2]", "[1, 3, 3], dtype=int32"), METHOD(cummin, "minimum", "[3, 1, 2]", "[3, 1, 1], dtype=int32"),
    METHOD(logcumsumexp, "log(sum(exp))", "[0.0, 0.0]", "[0, 0.693147], dtype=float32"), {0}};
