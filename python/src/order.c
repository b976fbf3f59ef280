/* order.c: scans. */
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
    {0}};

#define METHOD(op)                                                                                            \
  {#op, "(self, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: Stream | ThreadLocalStream | " \
        "Device | DeviceType | None = None) -> array",                                                        \
   "As the function of this name.", do_scan, F(mlx_##op), NULL}
const struct function order_methods[] = {METHOD(cumsum), METHOD(cumprod), METHOD(cummax), METHOD(cummin), METHOD(logcumsumexp), {0}};
