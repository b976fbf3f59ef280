/* array.c: array handles: making, reading, exporting. */
#include "api/handle.h"
#include "core/half.h"
#include "eval/eval.h"
#include "graph/build.h"

#include <math.h>
#include <string.h>

size_t mlx_dtype_size(mlx_dtype dtype) { return mx_dtype_size((enum mx_dtype)dtype); }
mlx_array mlx_array_new(void) { return (mlx_array){NULL}; }
int mlx_array_free(mlx_array arr) {
  mx_unref(arr.ctx);
  return MX_OK;
}

/* A made array in a fresh handle; a failure has told the handler. */
static mlx_array made(mx_array *a) {
  if (!a) mx_boundary(mx_error_class());
  return (mlx_array){a};
}
static int set(mlx_array *arr, mx_array *a) {
  if (!a) return mx_boundary(mx_error_class());
  api_put(&arr->ctx, a);
  return MX_OK;
}

static mx_array *complex_scalar(float re, float im) {
  float v[2] = {re, im};
  return mx_array_scalar_bytes(v, MX_COMPLEX64);
}

mlx_array mlx_array_new_bool(bool val) { return made(mx_array_scalar_bytes(&(uint8_t){val}, MX_BOOL)); }
mlx_array mlx_array_new_int(int val) { return made(mx_array_scalar_bytes(&(int32_t){val}, MX_INT32)); }
mlx_array mlx_array_new_float32(float val) { return made(mx_array_scalar_bytes(&val, MX_FLOAT32)); }
mlx_array mlx_array_new_float(float val) { return mlx_array_new_float32(val); }
mlx_array mlx_array_new_float64(double val) { return made(mx_array_scalar_bytes(&val, MX_FLOAT64)); }
mlx_array mlx_array_new_double(double val) { return mlx_array_new_float64(val); }
mlx_array mlx_array_new_complex(float real_val, float imag_val) { return made(complex_scalar(real_val, imag_val)); }

static mx_array *from_data(const void *data, const int *shape, int dim, mlx_dtype dtype) {
  int64_t wide[MX_MAX_NDIM];
  if (dim < 0 || dim > MX_MAX_NDIM) {
    mx_fail(MX_EVALUE, "[array] An array has at most %d dimensions, not %d.", MX_MAX_NDIM, dim);
    return NULL;
  }
  for (int i = 0; i < dim; i++) wide[i] = shape[i];
  return mx_array_from_copy(data, wide, dim, (enum mx_dtype)dtype);
}

mlx_array mlx_array_new_data(const void *data, const int *shape, int dim, mlx_dtype dtype) {
  return made(from_data(data, shape, dim, dtype));
}

static mx_array *wrap(void *data, const int64_t *shape, const int64_t *strides, int ndim, mlx_dtype dtype, bool read_only,
                      void (*release)(void *), void *payload) {
  int64_t size;
  mx_buffer *buf;
  if (ndim < 0 || ndim > MX_MAX_NDIM) {
    mx_fail(MX_EVALUE, "[array] An array has at most %d dimensions, not %d.", MX_MAX_NDIM, ndim);
  } else if (!mx_shape_size("array", shape, ndim, (enum mx_dtype)dtype, &size)) {
    if (mx_buffer_wrap(&buf, data, (size_t)size * mlx_dtype_size(dtype), read_only, release, payload)) return NULL;
    return mx_array_leaf(shape, ndim, (enum mx_dtype)dtype, buf, data, strides);
  }
  if (release) release(payload);
  return NULL;
}

mlx_array mlx_array_new_data_managed_payload(void *data, const int *shape, int dim, mlx_dtype dtype, void *payload,
                                             void (*dtor)(void *)) {
  int64_t wide[MX_MAX_NDIM];
  for (int i = 0; i < dim && i < MX_MAX_NDIM; i++) wide[i] = shape[i];
  return made(wrap(data, wide, NULL, dim, dtype, false, dtor, payload));
}
mlx_array mlx_array_new_data_managed(void *data, const int *shape, int dim, mlx_dtype dtype, void (*dtor)(void *)) {
  return mlx_array_new_data_managed_payload(data, shape, dim, dtype, data, dtor);
}

int mlx_array_set(mlx_array *arr, const mlx_array src) {
  api_put(&arr->ctx, mx_ref(src.ctx));
  return MX_OK;
}
int mlx_array_set_bool(mlx_array *arr, bool val) { return set(arr, mx_array_scalar_bytes(&(uint8_t){val}, MX_BOOL)); }
int mlx_array_set_int(mlx_array *arr, int val) { return set(arr, mx_array_scalar_bytes(&(int32_t){val}, MX_INT32)); }
int mlx_array_set_float32(mlx_array *arr, float val) { return set(arr, mx_array_scalar_bytes(&val, MX_FLOAT32)); }
int mlx_array_set_float(mlx_array *arr, float val) { return mlx_array_set_float32(arr, val); }
int mlx_array_set_float64(mlx_array *arr, double val) { return set(arr, mx_array_scalar_bytes(&val, MX_FLOAT64)); }
int mlx_array_set_double(mlx_array *arr, double val) { return mlx_array_set_float64(arr, val); }
int mlx_array_set_complex(mlx_array *arr, float re, float im) { return set(arr, complex_scalar(re, im)); }
int mlx_array_set_data(mlx_array *arr, const void *data, const int *shape, int dim, mlx_dtype dtype) {
  return set(arr, from_data(data, shape, dim, dtype));
}

static const struct mx_tensor *tensor(const mlx_array arr) {
  mx_array *a = api_array(arr, "array");
  if (!a) mx_boundary(MX_EVALUE);
  return a ? &a->t : NULL;
}

size_t mlx_array_size(const mlx_array arr) { return tensor(arr) ? (size_t)tensor(arr)->size : 0; }
size_t mlx_array_ndim(const mlx_array arr) { return tensor(arr) ? (size_t)tensor(arr)->ndim : 0; }
mlx_dtype mlx_array_dtype(const mlx_array arr) { return tensor(arr) ? (mlx_dtype)tensor(arr)->dtype : MLX_BOOL; }
size_t mlx_array_itemsize(const mlx_array arr) { return tensor(arr) ? mx_dtype_size(tensor(arr)->dtype) : 0; }
size_t mlx_array_nbytes(const mlx_array arr) { return mlx_array_size(arr) * mlx_array_itemsize(arr); }

/* mlx-c promises ints. They are written once beside the 64-bit ones, in memory of this thread's that the next call reuses. */
const int *mlx_array_shape(const mlx_array arr) {
  static _Thread_local int shape[16][MX_MAX_NDIM];
  static _Thread_local unsigned next;
  const struct mx_tensor *t = tensor(arr);
  if (!t) return NULL;
  int *s = shape[next++ % 16];
  for (int i = 0; i < t->ndim; i++) {
    if (t->shape[i] > INT32_MAX) {
      mx_boundary(mx_fail(MX_EVALUE, "[shape] Dimension %d (%lld) does not fit an int.", i, (long long)t->shape[i]));
      return NULL;
    }
    s[i] = (int)t->shape[i];
  }
  return s;
}

int mlx_array_dim(const mlx_array arr, int dim) {
  const struct mx_tensor *t = tensor(arr);
  int axis;
  if (!t || mx_boundary(mx_axis("dim", dim, t->ndim, &axis))) return 0;
  return (int)t->shape[axis];
}

int mlx_array_eval(mlx_array arr) {
  mx_array *a = api_array(arr, "eval");
  return mx_boundary(a ? mx_eval_one(a) : MX_EVALUE);
}
int mlx_ravel_array_eval_under(const mlx_array arr, void *(*release)(void), void (*take)(void *held)) {
  mx_array *a = mx_ref(api_array(arr, "eval")); /* under another lock the caller's handle may be replaced */
  struct mx_outer_lock lock = {release, take};
  int status = a ? mx_eval_under(&a, 1, release && take ? &lock : NULL) : MX_EVALUE;
  mx_unref(a);
  return mx_boundary(status);
}

const size_t *mlx_array_strides(const mlx_array arr) {
  if (!arr.ctx || mlx_array_eval(arr)) return NULL;
  return (const size_t *)((mx_array *)arr.ctx)->t.strides;
}

/* One element as the widest of its kind. */
struct item {
  double re, im;
  int64_t i;
  uint64_t u;
  bool is_int;
};

static int read_item(const mlx_array arr, struct item *v) {
  mx_array *a = api_array(arr, "item");
  int status = a ? mx_eval_one(a) : MX_EVALUE;
  if (!status && a->t.size != 1) {
    char shape[MX_SHAPE_TEXT];
    status = mx_fail(MX_EVALUE, "[item] Only arrays of size 1 have an item; this one has shape %s.",
                     mx_shape_text(shape, a->t.shape, a->t.ndim));
  }
  if (status) return mx_boundary(status);
  const void *p = a->t.data;
  *v = (struct item){.is_int = !mx_dtype_is_inexact(a->t.dtype)};
  switch (a->t.dtype) {
  case MX_BOOL: v->i = *(const uint8_t *)p != 0; break;
  case MX_UINT8: v->i = *(const uint8_t *)p; break;
  case MX_UINT16: v->i = *(const uint16_t *)p; break;
  case MX_UINT32: v->i = *(const uint32_t *)p; break;
  case MX_UINT64: v->i = (int64_t)(*(const uint64_t *)p); break;
  case MX_INT8: v->i = *(const int8_t *)p; break;
  case MX_INT16: v->i = *(const int16_t *)p; break;
  case MX_INT32: v->i = *(const int32_t *)p; break;
  case MX_INT64: v->i = *(const int64_t *)p; break;
  case MX_FLOAT16: v->re = mx_f16_to_float(*(const uint16_t *)p); break;
  case MX_BFLOAT16: v->re = mx_bf16_to_float(*(const uint16_t *)p); break;
  case MX_FLOAT32: v->re = *(const float *)p; break;
  case MX_FLOAT64: v->re = *(const double *)p; break;
  default: v->re = ((const float *)p)[0], v->im = ((const float *)p)[1]; break;
  }
  v->u = (uint64_t)v->i;
  if (v->is_int) v->re = a->t.dtype == MX_UINT64 ? (double)v->u : (double)v->i;
  else v->i = v->re != v->re ? 0 : v->re >= 0x1p63 ? INT64_MAX : v->re < -0x1p63 ? INT64_MIN : (int64_t)v->re;
  if (!v->is_int) v->u = (uint64_t)v->i;
  return MX_OK;
}

#define ITEM(name, type, expr)                                                                                \
  int mlx_array_item_##name(type *res, const mlx_array arr) {                                                 \
    struct item v = {0, 0, 0, 0, false};                                                                                           \
    int status = read_item(arr, &v);                                                                          \
    if (!status) *res = expr;                                                                                 \
    return status;                                                                                            \
  }
ITEM(bool, bool, v.re != 0 || v.im != 0)
ITEM(uint8, uint8_t, (uint8_t)v.i)
ITEM(uint16, uint16_t, (uint16_t)v.i)
ITEM(uint32, uint32_t, (uint32_t)v.i)
ITEM(uint64, uint64_t, v.u)
ITEM(int8, int8_t, (int8_t)v.i)
ITEM(int16, int16_t, (int16_t)v.i)
ITEM(int32, int32_t, (int32_t)v.i)
ITEM(int64, int64_t, v.i)
ITEM(float32, float, (float)v.re)
ITEM(float64, double, v.re)
ITEM(complex64, mlx_complex64_t, ((mlx_complex64_t){(float)v.re, (float)v.im}))
ITEM(float16, float16_t, mx_float_to_f16((float)v.re))
ITEM(bfloat16, bfloat16_t, mx_float_to_bf16((float)v.re))

void *mlx_ravel_array_data(const mlx_array arr) {
  mx_array *a = arr.ctx;
  return a && mx_is_done(a) ? a->t.data : NULL;
}
#define DATA(name, type)                                                                                      \
  const type *mlx_array_data_##name(const mlx_array arr) { return mlx_ravel_array_data(arr); }
DATA(bool, bool)
DATA(uint8, uint8_t)
DATA(uint16, uint16_t)
DATA(uint32, uint32_t)
DATA(uint64, uint64_t)
DATA(int8, int8_t)
DATA(int16, int16_t)
DATA(int32, int32_t)
DATA(int64, int64_t)
DATA(float32, float)
DATA(float64, double)
DATA(complex64, mlx_complex64_t)
DATA(float16, float16_t)
DATA(bfloat16, bfloat16_t)

/* ravel.h */

int mlx_ravel_array_new_data(mlx_array *res, const void *data, const int64_t *shape, int ndim, mlx_dtype dtype) {
  if (ndim < 0 || ndim > MX_MAX_NDIM)
    return mx_boundary(mx_fail(MX_EVALUE, "[array] An array has at most %d dimensions, not %d.", MX_MAX_NDIM, ndim));
  return set(res, mx_array_from_copy(data, shape, ndim, (enum mx_dtype)dtype));
}
const int64_t *mlx_ravel_array_shape(const mlx_array arr) { return tensor(arr) ? tensor(arr)->shape : NULL; }
const int64_t *mlx_ravel_array_strides(const mlx_array arr) {
  mx_array *a = arr.ctx;
  return a && mx_is_done(a) ? a->t.strides : NULL;
}
bool mlx_ravel_array_is_evaluated(const mlx_array arr) { return arr.ctx && mx_is_done(arr.ctx); }
bool mlx_ravel_array_is_contiguous(const mlx_array arr) {
  return mlx_ravel_array_is_evaluated(arr) && mx_tensor_is_contiguous(&((mx_array *)arr.ctx)->t);
}
int mlx_ravel_array_wrap(mlx_array *res, void *data, const int64_t *shape, const int64_t *strides, int ndim, mlx_dtype dtype,
                         bool read_only, void (*release)(void *payload), void *payload) {
  return set(res, wrap(data, shape, strides, ndim, dtype, read_only, release, payload));
}

bool mlx_ravel_array_is_read_only(const mlx_array arr) {
  const mx_array *a = arr.ctx;
  return mlx_ravel_array_is_evaluated(arr) && a->t.buf && a->t.buf->read_only;
}
int mlx_ravel_array_buffer(const void **buffer, size_t *bytes, const mlx_array arr) {
  const mx_array *a = arr.ctx;
  if (!mlx_ravel_array_is_evaluated(arr))
    return mx_boundary(mx_fail(MX_EVALUE, "[get_array_buffer_size] Arrays must be evaluated before their buffers are asked for."));
  *buffer = a->t.buf ? (const void *)a->t.buf : a->t.data; /* a scalar lies in its node */
  *bytes = a->t.buf ? a->t.buf->size : (size_t)a->t.size * mx_dtype_size(a->t.dtype);
  return MX_OK;
}

/* A pin is a reference of the array and one of its buffer: two holders, so nothing writes over the data. */
int mlx_ravel_array_pin(void **pin, const mlx_array arr) {
  int status = mlx_array_eval(arr);
  if (status) return status;
  mx_array *a = mx_ref(arr.ctx);
  mx_buffer_ref(a->t.buf);
  *pin = a;
  return MX_OK;
}
void mlx_ravel_array_unpin(void *pin) {
  mx_array *a = pin;
  if (!a) return;
  mx_buffer_unref(a->t.buf);
  mx_unref(a);
}

mlx_dtype mlx_ravel_promote(mlx_dtype a, mlx_dtype b) {
  return (mlx_dtype)mx_dtype_promote((enum mx_dtype)a, (enum mx_dtype)b);
}

static bool int_fits(int64_t v, enum mx_dtype d) {
  if (mx_dtype_is_inexact(d) || d == MX_INT64) return true;
  if (d == MX_BOOL) return v == 0 || v == 1;
  int bits = (int)(8 * mx_dtype_size(d));
  if (d == MX_UINT64) return v >= 0;
  int64_t top = mx_dtype_is_unsigned(d) ? ((int64_t)1 << bits) - 1 : ((int64_t)1 << (bits - 1)) - 1;
  return v <= top && v >= (mx_dtype_is_unsigned(d) ? 0 : -top - 1);
}

static mx_array *int_scalar(int64_t v, enum mx_dtype d) {
  return mx_dtype_is_integer(d) ? mx_array_scalar_bytes(&v, d) : mx_array_scalar((double)v, d);
}

int mlx_ravel_scalar(mlx_array *res, mlx_ravel_scalar_kind kind, int64_t integer, double re, double im, bool has_other, mlx_dtype other) {
  enum mx_dtype d = (enum mx_dtype)other;
  bool floats = has_other && mx_dtype_is_inexact(d);
  if (kind == MLX_RAVEL_COMPLEX) return set(res, complex_scalar((float)re, (float)im));
  if (kind == MLX_RAVEL_FLOAT) return set(res, mx_array_scalar(re, floats ? d : MX_FLOAT32));
  if (kind == MLX_RAVEL_BOOL) return set(res, int_scalar(integer != 0, has_other ? d : MX_BOOL));
  if (!has_other) d = int_fits(integer, MX_INT32) ? MX_INT32 : MX_INT64;
  else if (d == MX_BOOL) d = MX_INT32;
  if (!int_fits(integer, d))
    return mx_boundary(mx_fail(MX_EVALUE, "[array] The integer %lld does not fit %s.", (long long)integer, mx_dtype_name(d)));
  return set(res, int_scalar(integer, d));
}
