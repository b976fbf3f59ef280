/* conv.c: convolutions. */
#include "ops_handlers.h"

#include <string.h>

/* An integer for all dimensions, or one for each. */
static int take_each(const char *op, const char *what, PyObject *o, int ndim, int fallback, int v[3]) {
  int n = 1, got[MAX_NDIM] = {fallback};
  if (o && ndim == 1 && !PyIndex_Check(o)) n = 0; /* 1D takes a bare integer */
  else if (o && to_ints(o, got, &n)) return -1;
  if (n != 1 && n != ndim) n = 0;
  if (n == 1 && ndim > 1 && o && !PyIndex_Check(o)) n = 0;
  if (n == 0) {
    PyErr_Format(PyExc_TypeError, "[%s] %s must be an integer%s, not %R.", op, what, ndim == 1 ? "" : ndim == 2 ? " or 2 integers" : " or 3 integers", o);
    return -1;
  }
  for (int i = 0; i < ndim; i++) v[i] = got[n == 1 ? 0 : i];
  return 0;
}
struct operands {
  struct arg x, w;
  mlx_stream s;
};
static int take_operands(PyObject **v, PyObject *stream, struct operands *o) {
  if (to_stream(stream, &o->s) || take_arg(v[0], NULL, &o->x)) return -1;
  if (!take_arg(v[1], NULL, &o->w)) return 0;
  drop_arg(&o->x);
  return -1;
}
static PyObject *give(struct operands *o, int status, mlx_array out) {
  drop_arg(&o->x);
  drop_arg(&o->w);
  return array_result(status, out);
}

/* input, weight, stride, padding, dilation, groups, stream */
static PyObject *forward(const struct function *f, PyObject **v, int n) {
  int stride[3], padding[3], dilation[3], groups = 1;
  struct operands o;
  if (take_each(f->name, "stride", v[2], n, 1, stride) || take_each(f->name, "padding", v[3], n, 0, padding) ||
      take_each(f->name, "dilation", v[4], n, 1, dilation) || (v[5] && to_int(v[5], &groups)) || take_operands(v, v[6], &o))
    return NULL;
  mlx_array out = mlx_array_new();
  const int *s = stride, *p = padding, *d = dilation;
  int status = n == 1   ? mlx_conv1d(&out, o.x.h, o.w.h, s[0], p[0], d[0], groups, o.s)
               : n == 2 ? mlx_conv2d(&out, o.x.h, o.w.h, s[0], s[1], p[0], p[1], d[0], d[1], groups, o.s)
                        : mlx_conv3d(&out, o.x.h, o.w.h, s[0], s[1], s[2], p[0], p[1], p[2], d[0], d[1], d[2], groups, o.s);
  return give(&o, status, out);
}
static PyObject *do_conv1d(const struct function *f, PyObject **v) { return forward(f, v, 1); }
static PyObject *do_conv2d(const struct function *f, PyObject **v) { return forward(f, v, 2); }
static PyObject *do_conv3d(const struct function *f, PyObject **v) { return forward(f, v, 3); }

/* input, weight, stride, padding, dilation, output_padding, groups, stream */
static PyObject *transposed(const struct function *f, PyObject **v, int n) {
  int stride[3], padding[3], dilation[3], extra[3], groups = 1;
  struct operands o;
  if (take_each(f->name, "stride", v[2], n, 1, stride) || take_each(f->name, "padding", v[3], n, 0, padding) ||
      take_each(f->name, "dilation", v[4], n, 1, dilation) || take_each(f->name, "output_padding", v[5], n, 0, extra) ||
      (v[6] && to_int(v[6], &groups)) || take_operands(v, v[7], &o))
    return NULL;
  mlx_array out = mlx_array_new();
  const int *s = stride, *p = padding, *d = dilation, *e = extra;
  int status =
      n == 1   ? mlx_conv_transpose1d(&out, o.x.h, o.w.h, s[0], p[0], d[0], e[0], groups, o.s)
      : n == 2 ? mlx_conv_transpose2d(&out, o.x.h, o.w.h, s[0], s[1], p[0], p[1], d[0], d[1], e[0], e[1], groups, o.s)
               : mlx_conv_transpose3d(&out, o.x.h, o.w.h, s[0], s[1], s[2], p[0], p[1], p[2], d[0], d[1], d[2], e[0], e[1], e[2], groups, o.s);
  return give(&o, status, out);
}
static PyObject *do_conv_transpose1d(const struct function *f, PyObject **v) { return transposed(f, v, 1); }
static PyObject *do_conv_transpose2d(const struct function *f, PyObject **v) { return transposed(f, v, 2); }
static PyObject *do_conv_transpose3d(const struct function *f, PyObject **v) { return transposed(f, v, 3); }

/* An integer, one for each dimension, or a pair of such lists: before and after. */
static int take_padding(PyObject *o, int *lo, int *nlo, int *hi, int *nhi) {
  *nlo = *nhi = 0;
  if (!o) return 0;
  if (PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 2 && !PyIndex_Check(PyTuple_GET_ITEM(o, 0))) {
    return to_ints(PyTuple_GET_ITEM(o, 0), lo, nlo) || to_ints(PyTuple_GET_ITEM(o, 1), hi, nhi) ? -1 : 0;
  }
  if (to_ints(o, lo, nlo)) return -1;
  *nhi = *nlo;
  if (*nlo > 0) memcpy(hi, lo, (size_t)*nlo * sizeof *lo);
  return 0;
}
/* input, weight, stride, padding, kernel_dilation, input_dilation, groups, flip, stream */
static PyObject *do_conv_general(const struct function *f, PyObject **v) {
  (void)f;
  int list[5][MAX_NDIM], n[5] = {0}, groups = 1;
  bool flip;
  struct operands o;
  if ((v[2] && to_ints(v[2], list[0], &n[0])) || take_padding(v[3], list[1], &n[1], list[2], &n[2]) ||
      (v[4] && to_ints(v[4], list[3], &n[3])) || (v[5] && to_ints(v[5], list[4], &n[4])) || (v[6] && to_int(v[6], &groups)) ||
      to_bool(v[7], &flip, false) || take_operands(v, v[8], &o))
    return NULL;
  size_t count[5];
  for (int i = 0; i < 5; i++) count[i] = n[i] < 0 ? 0 : (size_t)n[i]; /* None: the default */
  mlx_array out = mlx_array_new();
  int status = mlx_conv_general(&out, o.x.h, o.w.h, list[0], count[0], list[1], count[1], list[2], count[2], list[3], count[3], list[4],
                                count[4], groups, flip, o.s);
  return give(&o, status, out);
}

/* The longer one is the input of a flipped convolution of one channel. */
static int convolve(mlx_array *out, mlx_array a, mlx_array v, bool full, bool same, mlx_stream s) {
  int n = (int)mlx_array_size(v), lo = full ? n - 1 : same ? n / 2 : 0, hi = full ? n - 1 : same ? (n - 1) / 2 : 0, ends[2] = {0, 2};
  mlx_array x = mlx_array_new(), w = mlx_array_new();
  int status = mlx_expand_dims_axes(&x, a, ends, 2, s);
  if (!status) status = mlx_expand_dims_axes(&w, v, ends, 2, s);
  if (!status) status = mlx_conv_general(out, x, w, NULL, 0, &lo, 1, &hi, 1, NULL, 0, NULL, 0, 1, true, s);
  if (!status) status = mlx_squeeze_axes(out, *out, ends, 2, s);
  mlx_array_free(x);
  mlx_array_free(w);
  return status;
}
static PyObject *do_convolve(const struct function *f, PyObject **v) { /* a, v, mode, stream */
  (void)f;
  struct operands o;
  const char *mode = v[2] ? PyUnicode_AsUTF8(v[2]) : "full";
  if (!mode || take_operands(v, v[3], &o)) return NULL;
  const char *wrong = NULL;
  bool full = !strcmp(mode, "full"), same = !strcmp(mode, "same");
  size_t na = mlx_array_size(o.x.h), nv = mlx_array_size(o.w.h);
  if (mlx_array_ndim(o.x.h) != 1 || mlx_array_ndim(o.w.h) != 1) wrong = "[convolve] Inputs must be 1D, not %zuD and %zuD.";
  if (wrong) {
    na = mlx_array_ndim(o.x.h), nv = mlx_array_ndim(o.w.h);
  } else if (na == 0 || nv == 0) {
    wrong = "[convolve] Inputs cannot be empty. Got %zu and %zu elements.";
  } else if (na > INT32_MAX && nv > INT32_MAX) {
    wrong = "[convolve] One of the inputs must have less than 2^31 elements. Got %zu and %zu.";
  } else if (!full && !same && strcmp(mode, "valid")) {
    PyErr_Format(PyExc_ValueError, "[convolve] Invalid mode '%s'. Expected 'full', 'same' or 'valid'.", mode);
  }
  if (wrong) PyErr_Format(PyExc_ValueError, wrong, na, nv);
  mlx_array out = mlx_array_new();
  if (PyErr_Occurred()) {
    drop_arg(&o.x);
    drop_arg(&o.w);
    return NULL;
  }
  bool swap = nv > na;
  return give(&o, convolve(&out, swap ? o.w.h : o.x.h, swap ? o.x.h : o.w.h, full, same, o.s), out);
}

#define ARGS "(input: array, weight: array, /, "
#define END "groups: int = 1, *, stream: StreamOrDevice = None) -> array"
#define PAIR(name, value) name ": int | tuple[int, int] = " value ", "
#define TRIPLE(name, value) name ": int | tuple[int, int, int] = " value ", "
#define COMMON                                                                                                \
  "Dtypes: floats, complex64 and integers, promoted; float16 and bfloat16 are added in float32 and rounded once, integers wrap;\n" \
  "bool is a ValueError. Weights are not flipped, and padding adds nothing, not even NaN for an infinite weight. A shape, group\n" \
  "count or parameter that does not fit is a ValueError.\n\n"
#define FORWARD(shape_in, shape_w)                                                                            \
  "input: " shape_in "; weight: " shape_w ". Along each\n"                                                    \
  "dimension the result has (L + 2 * padding - dilation * (K - 1) - 1) // stride + 1 places.\n" COMMON
#define TRANSPOSED(shape_in, shape_w)                                                                         \
  "input: " shape_in "; weight: " shape_w ". Along\n"                                                         \
  "each dimension the result has (L - 1) * stride - 2 * padding + dilation * (K - 1) + 1 + output_padding places.\n" COMMON

const struct function conv_functions[] = {
    {"conv1d", ARGS "stride: int = 1, padding: int = 0, dilation: int = 1, " END,
     "1D convolution over an input with several channels: out[n, i, o] is the sum over k and c of\n"
     "input[n, i * stride + k * dilation - padding, c] * weight[o, k, c].\n\n"
     FORWARD("(N, L, C)", "(O, K, C // groups)")
     ">>> x = mx.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)\n>>> w = mx.array([1.0, 0.5]).reshape(1, 2, 1)\n"
     ">>> mx.conv1d(x, w).tolist()\n[[[2.0], [3.5], [5.0]]]\n>>> mx.conv1d(x, w, stride=2, padding=1).shape\n(1, 3, 1)",
     do_conv1d, NULL, NULL},
    {"conv2d", ARGS PAIR("stride", "1") PAIR("padding", "0") PAIR("dilation", "1") END,
     "2D convolution over an input with several channels.\n\n"
     FORWARD("(N, H, W, C)", "(O, KH, KW, C // groups)")
     ">>> x = mx.arange(9).reshape(1, 3, 3, 1).astype(mx.float32)\n"
     ">>> mx.conv2d(x, mx.ones((1, 2, 2, 1))).reshape(2, 2)\narray([[8, 12],\n       [20, 24]], dtype=float32)",
     do_conv2d, NULL, NULL},
    {"conv3d", ARGS TRIPLE("stride", "1") TRIPLE("padding", "0") TRIPLE("dilation", "1") END,
     "3D convolution over an input with several channels.\n\n"
     FORWARD("(N, D, H, W, C)", "(O, KD, KH, KW, C // groups)")
     ">>> mx.conv3d(mx.ones((1, 4, 4, 4, 2)), mx.ones((3, 2, 2, 2, 2)), stride=2).shape\n(1, 2, 2, 2, 3)",
     do_conv3d, NULL, NULL},
    {"conv_transpose1d", ARGS "stride: int = 1, padding: int = 0, dilation: int = 1, output_padding: int = 0, " END,
     "1D transposed convolution: each input place adds its value times the weight to the places that conv1d would read it from.\n\n"
     TRANSPOSED("(N, L, C)", "(O, K, C // groups)")
     ">>> x = mx.array([1.0, 2.0]).reshape(1, 2, 1)\n>>> w = mx.array([1.0, 10.0, 100.0]).reshape(1, 3, 1)\n"
     ">>> mx.conv_transpose1d(x, w, stride=2).reshape(-1)\narray([1, 10, 102, 20, 200], dtype=float32)",
     do_conv_transpose1d, NULL, NULL},
    {"conv_transpose2d", ARGS PAIR("stride", "1") PAIR("padding", "0") PAIR("dilation", "1") PAIR("output_padding", "0") END,
     "2D transposed convolution over an input with several channels.\n\n"
     TRANSPOSED("(N, H, W, C)", "(O, KH, KW, C // groups)")
     ">>> mx.conv_transpose2d(mx.ones((1, 3, 3, 2)), mx.ones((4, 2, 2, 2)), stride=2).shape\n(1, 6, 6, 4)",
     do_conv_transpose2d, NULL, NULL},
    {"conv_transpose3d", ARGS TRIPLE("stride", "1") TRIPLE("padding", "0") TRIPLE("dilation", "1") TRIPLE("output_padding", "0") END,
     "3D transposed convolution over an input with several channels.\n\n"
     TRANSPOSED("(N, D, H, W, C)", "(O, KD, KH, KW, C // groups)")
     ">>> mx.conv_transpose3d(mx.ones((1, 2, 2, 2, 1)), mx.ones((1, 2, 2, 2, 1)), stride=2).shape\n(1, 4, 4, 4, 1)",
     do_conv_transpose3d, NULL, NULL},
    {"conv_general",
     ARGS "stride: int | Sequence[int] = 1, padding: int | Sequence[int] | tuple[Sequence[int], Sequence[int]] = 0, "
          "kernel_dilation: int | Sequence[int] = 1, input_dilation: int | Sequence[int] = 1, groups: int = 1, flip: bool = False, *, "
          "stream: StreamOrDevice = None) -> array",
     "Convolution of one, two or three dimensions with every parameter there is.\n\n"
     "input: (N, ..., C); weight: (O, ..., C // groups). padding: an integer, one for each dimension, or a pair of lists, before\n"
     "and after; negative padding cuts off. input_dilation - 1 zeros are thought between neighbours of the input, kernel_dilation - 1\n"
     "between those of the weight; flip reverses the weight along its dimensions.\n" COMMON
     ">>> x = mx.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)\n>>> w = mx.array([1.0, 10.0]).reshape(1, 2, 1)\n"
     ">>> mx.conv_general(x, w, padding=([1], [0]), flip=True).reshape(-1)\narray([1, 12, 23], dtype=float32)",
     do_conv_general, NULL, NULL},
    {"convolve", "(a: array, v: array, /, mode: str = 'full', *, stream: StreamOrDevice = None) -> array",
     "The discrete convolution of two 1D arrays, as NumPy's: the sum over i of a[i] * v[n - i].\n\n"
     "mode: 'full' has len(a) + len(v) - 1 places, 'same' the middle max(len(a), len(v)) of them, 'valid' those where both overlap\n"
     "wholly. The dtype is the promoted one. Inputs that are empty or not 1D, and another mode, are a ValueError.\n\n"
     ">>> mx.convolve(mx.array([1.0, 2.0, 3.0]), mx.array([0.0, 1.0, 0.5]))\narray([0, 1, 2.5, 4, 1.5], dtype=float32)\n"
     ">>> mx.convolve(mx.array([1.0, 2.0, 3.0]), mx.array([0.0, 1.0, 0.5]), 'same')\narray([1, 2.5, 4], dtype=float32)",
     do_convolve, NULL, NULL},
    {0}};
