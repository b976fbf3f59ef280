/* fft.c: mlx.core.fft, and the windows of mlx.core. */
#include "ops_handlers.h"

#include <string.h>

static bool given(PyObject *o) { return o && o != Py_None; }

/* NULL and None: "backward". */
static int to_norm(const char *op, PyObject *o, mlx_fft_norm *norm) {
  static const char *const names[] = {"backward", "ortho", "forward"};
  *norm = MLX_FFT_NORM_BACKWARD;
  if (!given(o)) return 0;
  const char *text = PyUnicode_Check(o) ? PyUnicode_AsUTF8(o) : NULL;
  if (PyErr_Occurred()) return -1;
  for (int i = 0; i < 3 && text; i++)
    if (!strcmp(text, names[i])) return *norm = (mlx_fft_norm)i, 0;
  PyErr_Format(text ? PyExc_ValueError : PyExc_TypeError, "[%s] Invalid norm %R. Expected one of {'backward', 'ortho', 'forward'}.", op, o);
  return -1;
}

typedef int (*fft_op)(mlx_array *, const mlx_array, int, int, mlx_fft_norm, const mlx_stream);
typedef int (*fftn_op)(mlx_array *, const mlx_array, const int *, size_t, const int *, size_t, mlx_fft_norm, const mlx_stream);

static PyObject *do_fft(const struct function *f, PyObject **v) { /* a, n, axis, norm, stream; impl one, impl2 many */
  struct arg a;
  mlx_stream s;
  mlx_fft_norm norm;
  int n, axis = -1, status;
  if (to_stream(v[4], &s) || (given(v[1]) && to_int(v[1], &n)) || (v[2] && to_int(v[2], &axis)) || to_norm(f->name, v[3], &norm) ||
      take_arg(v[0], NULL, &a))
    return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = given(v[1]) ? RESULT(((fft_op)f->impl)(&out, a.h, n, axis, norm, s))
                            : RESULT(((fftn_op)f->impl2)(&out, a.h, NULL, 0, &axis, 1, norm, s));
  drop_arg(&a);
  return r;
}
/* A transform of what is Hermitian is a real one run backwards: of the conjugate, its factor on the other side. */
static PyObject *do_hermitian(const struct function *f, PyObject **v) { /* a, n, axis, norm, stream; impl2: of irfft, or NULL */
  struct arg a;
  mlx_stream s;
  mlx_fft_norm norm;
  int n = 0, axis = -1, status;
  if (to_stream(v[4], &s) || (given(v[1]) && to_int(v[1], &n)) || (v[2] && to_int(v[2], &axis)) || to_norm(f->name, v[3], &norm) ||
      take_arg(v[0], NULL, &a))
    return NULL;
  mlx_array out = mlx_array_new();
  norm = norm == MLX_FFT_NORM_BACKWARD ? MLX_FFT_NORM_FORWARD : norm == MLX_FFT_NORM_FORWARD ? MLX_FFT_NORM_BACKWARD : norm;
  fftn_op transform = (fftn_op)f->impl;
  const int *sizes = given(v[1]) ? &n : NULL;
  bool conjugate_first = f->impl2 != NULL;
  mlx_array x = mlx_array_new();
  status = conjugate_first ? mlx_conjugate(&x, a.h, s) || transform(&out, x, sizes, sizes != NULL, &axis, 1, norm, s)
                           : transform(&x, a.h, sizes, sizes != NULL, &axis, 1, norm, s) || mlx_conjugate(&out, x, s);
  PyObject *r = array_result(status, out);
  mlx_array_free(x);
  drop_arg(&a);
  return r;
}
/* a, s, axes, norm, stream; impl, and impl2 where the axes that are not given are the last two */
static PyObject *do_fftn(const struct function *f, PyObject **v) {
  struct arg a;
  mlx_stream s;
  mlx_fft_norm norm;
  int size[MAX_NDIM], axes[MAX_NDIM] = {-2, -1}, n, naxes = 2, status;
  if (to_stream(v[4], &s) || to_ints(v[1], size, &n) || ((v[2] || !f->impl2) && to_ints(v[2], axes, &naxes)) ||
      to_norm(f->name, v[3], &norm) || take_arg(v[0], NULL, &a))
    return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(((fftn_op)f->impl)(&out, a.h, n < 0 ? NULL : size, (size_t)(n < 0 ? 0 : n), naxes < 0 ? NULL : axes,
                                          (size_t)(naxes < 0 ? 0 : naxes), norm, s));
  drop_arg(&a);
  return r;
}
static PyObject *do_freq(const struct function *f, PyObject **v) { /* n, d, stream, dtype */
  mlx_stream s;
  int64_t n;
  int status;
  double d;
  mlx_dtype dtype = MLX_FLOAT32;
  mlx_array out = mlx_array_new();
  if (to_stream(v[2], &s) || to_int64(v[0], &n) || to_double(v[1], &d, 1) || to_dtype(v[3], &dtype, NULL)) return NULL;
  return RESULT(mlx_ravel_fftfreq(&out, *f->name == 'r', n, d, dtype, s));
}
typedef int (*shift_op)(mlx_array *, const mlx_array, const int *, size_t, const mlx_stream);
static PyObject *do_shift(const struct function *f, PyObject **v) { /* a, axes, stream */
  struct arg a;
  mlx_stream s;
  int axes[MAX_NDIM], n, status;
  if (to_stream(v[2], &s) || to_ints(v[1], axes, &n) || take_arg(v[0], NULL, &a)) return NULL;
  mlx_array out = mlx_array_new();
  PyObject *r = RESULT(((shift_op)f->impl)(&out, a.h, n < 0 ? NULL : axes, (size_t)(n < 0 ? 0 : n), s));
  drop_arg(&a);
  return r;
}

typedef int (*stft_op)(mlx_array *, const mlx_array, const mlx_ravel_stft_options *, const mlx_stream);
static int to_length(PyObject *o, int64_t *v, int64_t fallback, const char *op, const char *name) {
  *v = fallback;
  if (!given(o)) return 0;
  if (to_int64(o, v)) return -1;
  if (*v >= 0) return 0; /* -1 would mean that it is not given */
  PyErr_Format(PyExc_ValueError, "[%s] %s must be positive, not %lld.", op, name, (long long)*v);
  return -1;
}
static int to_options(const char *op, PyObject *n_fft, int64_t n_fft_default, PyObject *hop, PyObject *win, PyObject *window, PyObject *center,
                      PyObject *norm, PyObject *onesided, mlx_ravel_stft_options *o, struct arg *w) {
  bool one = true;
  *w = (struct arg){mlx_array_new(), mlx_array_new()};
  if (to_length(n_fft, &o->n_fft, n_fft_default, op, "n_fft") || to_length(hop, &o->hop_length, -1, op, "hop_length") ||
      to_length(win, &o->win_length, -1, op, "win_length") || to_bool(center, &o->center, true) || to_norm(op, norm, &o->norm) ||
      (given(onesided) && to_bool(onesided, &one, true)) || (given(window) && take_arg(window, NULL, w)))
    return -1;
  o->window = w->h;
  o->onesided = given(onesided) ? one : -1;
  return 0;
}
static PyObject *with_options(stft_op op, PyObject *array, const mlx_ravel_stft_options *o, struct arg *w, mlx_stream s) {
  struct arg a;
  int status;
  mlx_array out = mlx_array_new();
  PyObject *r = NULL;
  if (!take_arg(array, NULL, &a)) {
    r = RESULT(op(&out, a.h, o, s));
    drop_arg(&a);
  }
  drop_arg(w);
  return r;
}
/* x, n_fft, hop_length, win_length, window, center, pad_mode, norm, onesided, stream */
static PyObject *do_stft(const struct function *f, PyObject **v) {
  mlx_ravel_stft_options o = {.length = -1};
  struct arg w;
  mlx_stream s;
  if (v[6] && !PyUnicode_Check(v[6])) return PyErr_Format(PyExc_TypeError, "[stft] pad_mode must be a string, not %R.", v[6]);
  if (v[6] && !(o.pad_mode = PyUnicode_AsUTF8(v[6]))) return NULL;
  if (to_stream(v[9], &s) || to_options("stft", v[1], 2048, v[2], v[3], v[4], v[5], v[7], v[8], &o, &w)) return NULL;
  return with_options((stft_op)f->impl, v[0], &o, &w, s);
}
/* stft_matrix, n_fft, hop_length, win_length, window, center, norm, onesided, length, stream */
static PyObject *do_istft(const struct function *f, PyObject **v) {
  mlx_ravel_stft_options o = {0};
  struct arg w;
  mlx_stream s;
  if (to_stream(v[9], &s) || to_length(v[8], &o.length, -1, "istft", "length") ||
      to_options("istft", v[1], -1, v[2], v[3], v[4], v[5], v[6], v[7], &o, &w))
    return NULL;
  return with_options((stft_op)f->impl, v[0], &o, &w, s);
}

typedef int (*window_op)(mlx_array *, int, const mlx_stream);
static PyObject *do_window(const struct function *f, PyObject **v) { /* M, stream */
  mlx_stream s;
  int m, status;
  mlx_array out = mlx_array_new();
  if (to_stream(v[1], &s) || to_int(v[0], &m)) return NULL;
  return RESULT(((window_op)f->impl)(&out, m, s));
}

const struct function fft_functions[] = {
#include "fft.def"
    {0}};
const struct function window_functions[] = {
#include "windows.def"
    {0}};
