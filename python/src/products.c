/* products.c: sums of products: einsum, Kronecker products, Hadamard transforms, products of chosen or masked matrices. */
#include "ops_handlers.h"

static bool given(PyObject *o) { return o && o != Py_None; }

/* The operands of einsum as a vector; numbers are 0-d arrays. */
static int take_operands(PyObject *tuple, mlx_vector_array v) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
    struct arg a;
    if (take_arg(PyTuple_GET_ITEM(tuple, i), NULL, &a)) return drop_arg(&a), -1;
    int status = mlx_vector_array_append_value(v, a.h);
    drop_arg(&a);
    if (status) return raise_error(), -1;
  }
  return 0;
}
static const char *take_subscripts(PyObject *o, const char *op) {
  if (PyUnicode_Check(o)) return PyUnicode_AsUTF8(o);
  PyErr_Format(PyExc_TypeError, "[%s] subscripts must be a string, not %.100s.", op, Py_TYPE(o)->tp_name);
  return NULL;
}
static PyObject *do_einsum(const struct function *f, PyObject **v) { /* subscripts, *operands: array, stream */
  mlx_stream s;
  int status;
  const char *subscripts = take_subscripts(v[0], f->name);
  if (!subscripts || to_stream(v[2], &s)) return NULL;
  mlx_vector_array operands = mlx_vector_array_new();
  mlx_array out = mlx_array_new();
  PyObject *r = take_operands(v[1], operands) ? NULL : RESULT(mlx_einsum(&out, subscripts, operands, s));
  mlx_vector_array_free(operands);
  return r;
}

static PyObject *step_tuple(const int *at, int n) {
  PyObject *step = PyTuple_New(n);
  for (int i = 0; step && i < n; i++) {
    PyObject *place = PyLong_FromLong(at[i]);
    if (!place) Py_CLEAR(step);
    else PyTuple_SET_ITEM(step, i, place);
  }
  return step;
}
static PyObject *do_einsum_path(const struct function *f, PyObject **v) { /* subscripts, *operands */
  const char *subscripts = take_subscripts(v[0], f->name);
  if (!subscripts) return NULL;
  mlx_vector_array operands = mlx_vector_array_new();
  mlx_string report = mlx_string_new();
  PyObject *list = NULL, *r = NULL;
  int *path = PyMem_New(int, 4 * (size_t)PyTuple_GET_SIZE(v[1]) + 4);
  if (!path) PyErr_NoMemory();
  if (!path || take_operands(v[1], operands)) goto done;
  if (mlx_ravel_einsum_path(path, &report, subscripts, operands)) {
    raise_error();
    goto done;
  }
  list = PyList_New(0);
  for (const int *at = path; list && *at; at += 1 + *at) {
    PyObject *step = step_tuple(at + 1, *at);
    if (!step || PyList_Append(list, step)) Py_CLEAR(list);
    Py_XDECREF(step);
  }
  if (list) r = Py_BuildValue("(Os)", list, mlx_string_data(report));
  Py_XDECREF(list);
done:
  PyMem_Free(path);
  mlx_string_free(report);
  mlx_vector_array_free(operands);
  return r;
}

static PyObject *do_hadamard(const struct function *f, PyObject **v) { /* a, scale, stream */
  (void)f;
  struct arg a;
  mlx_stream s;
  int status;
  double scale = 0;
  if (to_stream(v[2], &s) || (given(v[1]) && to_double(v[1], &scale, 1)) || take_arg(v[0], NULL, &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(mlx_hadamard_transform(&out, a.h, (mlx_optional_float){(float)scale, given(v[1])}, s));
  drop_arg(&a);
  return r;
}

/* Up to three arrays that may be None. 0, or -1 with an exception; drop them in any case. */
static int take_optional(PyObject **from, struct arg *to, int n) {
  for (int i = 0; i < n; i++) to[i].h = to[i].made = mlx_array_new();
  for (int i = 0; i < n; i++)
    if (given(from[i]) && take_arg(from[i], NULL, &to[i])) return -1;
  return 0;
}
static PyObject *do_block_masked(const struct function *f, PyObject **v) { /* a, b, block_size, mask_out, mask_lhs, mask_rhs, stream */
  (void)f;
  struct arg a, b, mask[3];
  mlx_stream s;
  int status, block = 64;
  if (to_stream(v[6], &s) || (v[2] && to_int(v[2], &block)) || take_arg(v[0], NULL, &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = NULL;
  if (!take_arg(v[1], NULL, &b)) {
    if (!take_optional(v + 3, mask, 3)) r = RESULT(mlx_block_masked_mm(&out, a.h, b.h, block, mask[0].h, mask[1].h, mask[2].h, s));
    for (int i = 0; i < 3; i++) drop_arg(&mask[i]);
    drop_arg(&b);
  }
  drop_arg(&a);
  return r;
}
static PyObject *do_gather_mm(const struct function *f, PyObject **v) { /* a, b, lhs_indices, rhs_indices, sorted_indices, stream */
  (void)f;
  struct arg a, b, index[2];
  mlx_stream s;
  int status;
  bool sorted;
  if (to_stream(v[5], &s) || to_bool(v[4], &sorted, false) || take_arg(v[0], NULL, &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = NULL;
  if (!take_arg(v[1], NULL, &b)) {
    if (!take_optional(v + 2, index, 2)) r = RESULT(mlx_gather_mm(&out, a.h, b.h, index[0].h, index[1].h, sorted, s));
    for (int i = 0; i < 2; i++) drop_arg(&index[i]);
    drop_arg(&b);
  }
  drop_arg(&a);
  return r;
}
static PyObject *do_segmented_mm(const struct function *f, PyObject **v) { /* a, b, segments, stream */
  (void)f;
  struct arg a[3] = {{mlx_array_new(), mlx_array_new()}, {mlx_array_new(), mlx_array_new()}, {mlx_array_new(), mlx_array_new()}};
  mlx_stream s;
  int status;
  if (to_stream(v[3], &s)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = NULL;
  if (!take_arg(v[0], NULL, &a[0]) && !take_arg(v[1], NULL, &a[1]) && !take_arg(v[2], NULL, &a[2]))
    r = RESULT(mlx_segmented_mm(&out, a[0].h, a[1].h, a[2].h, s));
  for (int i = 0; i < 3; i++) drop_arg(&a[i]);
  return r;
}

const struct function products_functions[] = {
    {"einsum", "(subscripts: str, *operands: array, stream: StreamOrDevice = None) -> array",
     "The Einstein sum of the operands.\n\n"
     "subscripts names each dimension of each operand by a letter, \"ij,jk->ik\". A letter that the part after \"->\" lacks is\n"
     "summed over, a letter that stands twice in one operand takes its diagonal, \"...\" stands for any further dimensions, which\n"
     "broadcast. Without \"->\" the result has the letters that stand once, in alphabetical order. Dimensions of size 1 broadcast.\n"
     "Any dtypes; the result has their promoted one (with one operand, that of sum). Operands are contracted pair by pair in\n"
     "the order that einsum_path tells, as products of matrices.\n"
     "Raises ValueError for subscripts that do not fit the operands, naming both.\n\n"
     ">>> a = mx.array([[1, 2], [3, 4]])\n"
     ">>> mx.einsum('ij,jk->ik', a, a)\n"
     "array([[7, 10],\n"
     "       [15, 22]], dtype=int32)\n"
     ">>> mx.einsum('ii', a)\n"
     "array(5, dtype=int32)",
     do_einsum, NULL, NULL},
    {"einsum_path", "(subscripts: str, *operands: array) -> tuple[list[Any], str]",
     "The order in which einsum contracts these operands, and a report of the work it saves.\n\n"
     "Returns a list of tuples and a text. Each tuple holds places in the list of operands: those leave the list, their\n"
     "contraction is appended. The order is found greedily, as numpy.einsum_path does: always the pair that leaves the fewest\n"
     "elements, then the one with the fewest operations; outer products last.\n"
     "Raises ValueError for subscripts that do not fit the operands.\n\n"
     ">>> a, b, c = mx.zeros((9, 2)), mx.zeros((2, 8)), mx.zeros((8, 1))\n"
     ">>> mx.einsum_path('ij,jk,kl->il', a, b, c)[0]\n"
     "[(1, 2), (0, 1)]",
     do_einsum_path, NULL, NULL},
    {"kron", "(a: array, b: array, *, stream: StreamOrDevice = None) -> array",
     "The Kronecker product: each element of a times the whole of b.\n\n"
     "With n dimensions on both sides (the shorter shape is filled with ones in front) the result has the shape\n"
     "(a.shape[0] * b.shape[0], …). Any dtypes; the result has their promoted one.\n"
     "Raises ValueError for more than 16 dimensions.\n\n"
     ">>> mx.kron(mx.array([1, 10]), mx.array([[1, 2], [3, 4]]))\n"
     "array([[1, 2, 10, 20],\n"
     "       [3, 4, 30, 40]], dtype=int32)",
     do_binary, F(mlx_kron), NULL},
    {"hadamard_transform", "(a: array, scale: float | None = None, stream: StreamOrDevice = None) -> array",
     "The Walsh-Hadamard transform along the last axis.\n\n"
     "y = scale * H a, H of size n = m*2^k with m in (1, 12, 20, 28): the matrix of m (Paley's of 12, block circulants of 20 and\n"
     "28) times k factors [[1, 1], [1, -1]] in Kronecker's sense. scale is 1/sqrt(n) by default, which makes H orthonormal.\n"
     "Floats and complex64; integers become float32, halves are transformed in float32 and rounded once.\n"
     "Raises ValueError for other sizes. Needs n log n additions (Fino and Algazi 1976).\n\n"
     ">>> mx.hadamard_transform(mx.array([1.0, 2.0, 3.0, 5.0]))\n"
     "array([5.5, -1.5, -2.5, 0.5], dtype=float32)",
     do_hadamard, NULL, NULL},
    {"block_masked_mm",
     "(a: array, b: array, /, block_size: int = 64, mask_out: array | None = None, mask_lhs: array | None = None, mask_rhs: array | None "
     "= None, *, stream: StreamOrDevice = None) -> array",
     "The product of two matrices (or batches of them) whose blocks are masked.\n\n"
     "Each mask has one value for a block of block_size x block_size (the last ones may be smaller): mask_lhs of a's blocks\n"
     "(…, M/block, K/block), mask_rhs of b's (…, K/block, N/block), mask_out of the result's. False puts zeros in place of the\n"
     "block, also of NaN; masks of other dtypes multiply it. Leading dimensions broadcast.\n"
     "Raises ValueError for shapes that do not fit and for a block_size below 1.\n\n"
     ">>> mx.block_masked_mm(mx.ones((2, 2)), mx.ones((2, 2)), 1, mask_out=mx.array([[True, False], [False, True]]))\n"
     "array([[2, 0],\n"
     "       [0, 2]], dtype=float32)",
     do_block_masked, NULL, NULL},
    {"gather_mm",
     "(a: array, b: array, /, lhs_indices: array | None = None, rhs_indices: array | None = None, *, sorted_indices: bool = False, stream: "
     "StreamOrDevice = None) -> array",
     "Products of matrices that indices choose, without copies of them.\n\n"
     "a has the shape (…, M, K), b (…, K, N); the indices are flat ones into the leading dimensions, and broadcast to each other;\n"
     "without indices all matrices in order are meant. The result has the indices' shape and then (M, N). Products with one\n"
     "matrix of b are computed together, whatever the order, so sorted_indices need not be given. Negative indices count from\n"
     "the end. Raises ValueError for shapes and dtypes that do not fit, IndexError (at evaluation) for an index out of bounds.\n\n"
     ">>> a, b = mx.array([[[1.0, 2.0]]]), mx.array([[[1.0], [1.0]], [[2.0], [0.0]]])\n"
     ">>> mx.gather_mm(a, b, rhs_indices=mx.array([1, 0]))\n"
     "array([[[2]],\n"
     "       [[3]]], dtype=float32)",
     do_gather_mm, NULL, NULL},
    {"segmented_mm", "(a: array, b: array, /, segments: array, *, stream: StreamOrDevice = None) -> array",
     "a[:, from:end] @ b[from:end] for each pair (from, end) of segments.\n\n"
     "a has the shape (M, K), b (K, N), segments (…, 2) of integers in [0, K]; the result (…, M, N). A segment whose end is not\n"
     "after its beginning gives zeros. Raises ValueError for shapes and dtypes that do not fit, IndexError (at evaluation) for\n"
     "a segment outside of K.\n\n"
     ">>> a, b = mx.array([[1.0, 2.0, 3.0]]), mx.ones((3, 1))\n"
     ">>> mx.segmented_mm(a, b, mx.array([[0, 2], [2, 3]]))\n"
     "array([[[3]],\n"
     "       [[3]]], dtype=float32)",
     do_segmented_mm, NULL, NULL},
    {0}};
