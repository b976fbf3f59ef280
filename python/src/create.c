/* create.c: arrays from nothing, and random ones. */
#include "ops_handlers.h"

#include <math.h>
#include <string.h>

static bool given(PyObject *o) { return o && o != Py_None; }

PyObject *do_filled(const struct function *f, PyObject **v) { /* shape, dtype, stream; zeros or ones */
  int64_t shape[MAX_NDIM];
  int n, status;
  mlx_dtype d = MLX_FLOAT32;
  mlx_stream s;
  bool has;
  mlx_array one, out = mlx_array_new();
  if (to_stream(v[2], &s) || to_shape(v[0], shape, &n) || to_dtype(v[1], &d, &has)) return NULL;
  one = mlx_array_new_float(f->impl == F(mlx_ones) ? 1 : 0);
  PyObject *r = RESULT(mlx_ravel_full(&out, shape, n, one, d, s));
  mlx_array_free(one);
  return r;
}
static PyObject *do_full(const struct function *f, PyObject **v) { /* shape, vals, dtype, stream */
  (void)f;
  int64_t shape[MAX_NDIM];
  int n, status;
  mlx_dtype d;
  mlx_stream s;
  bool has;
  struct arg a;
  mlx_array out = mlx_array_new();
  if (to_stream(v[3], &s) || to_shape(v[0], shape, &n) || to_dtype(v[2], &d, &has) || take_arg(v[1], NULL, &a)) return NULL;
  PyObject *r = RESULT(mlx_ravel_full(&out, shape, n, a.h, has ? d : mlx_array_dtype(a.h), s));
  drop_arg(&a);
  return r;
}
/* a, [vals,] dtype, stream */
static PyObject *like(PyObject *a, PyObject *vals, PyObject *dtype, PyObject *stream) {
  struct arg x, y;
  mlx_dtype d;
  mlx_stream s;
  bool has;
  int status;
  mlx_array out = mlx_array_new();
  if (to_stream(stream, &s) || to_dtype(dtype, &d, &has) || take_arg(a, NULL, &x)) return NULL;
  PyObject *r = NULL;
  if (!take_arg(vals, NULL, &y)) {
    r = RESULT(mlx_ravel_full(&out, mlx_ravel_array_shape(x.h), (int)mlx_array_ndim(x.h), y.h, has ? d : mlx_array_dtype(x.h), s));
    drop_arg(&y);
  }
  drop_arg(&x);
  return r;
}
PyObject *do_filled_like(const struct function *f, PyObject **v) {
  PyObject *value = PyFloat_FromDouble(f->impl == F(mlx_ones_like)), *r = value ? like(v[0], value, v[1], v[2]) : NULL;
  Py_XDECREF(value);
  return r;
}
static PyObject *do_full_like(const struct function *f, PyObject **v) { return (void)f, like(v[0], v[1], v[2], v[3]); }
static PyObject *do_eye(const struct function *f, PyObject **v) { /* n, m, k, dtype, stream */
  (void)f;
  int n, m, k = 0, status;
  mlx_dtype d = MLX_FLOAT32;
  mlx_stream s;
  mlx_array out = mlx_array_new();
  if (to_stream(v[4], &s) || to_int(v[0], &n) || (given(v[1]) && to_int(v[1], &m)) || (v[2] && to_int(v[2], &k)) || to_dtype(v[3], &d, NULL))
    return NULL;
  if (!given(v[1])) m = n;
  return RESULT(((int (*)(mlx_array *, int, int, int, mlx_dtype, const mlx_stream))f->impl)(&out, n, m, k, d, s));
}
static PyObject *do_identity(const struct function *f, PyObject **v) { /* n, dtype, stream */
  (void)f;
  int n, status;
  mlx_dtype d = MLX_FLOAT32;
  mlx_stream s;
  mlx_array out = mlx_array_new();
  if (to_stream(v[2], &s) || to_int(v[0], &n) || to_dtype(v[1], &d, NULL)) return NULL;
  return RESULT(mlx_identity(&out, n, d, s));
}
static PyObject *do_arange(const struct function *f, PyObject **v) { /* *args, start, stop, step, dtype, stream */
  (void)f;
  PyObject *x[3] = {v[1], v[2], v[3]};
  Py_ssize_t n = PyTuple_GET_SIZE(v[0]);
  double d[3] = {0, 0, 1};
  mlx_dtype dtype;
  mlx_stream s;
  bool has, floats = false;
  int status;
  mlx_array out = mlx_array_new();
  if (n > 4 || (n && x[0])) return PyErr_Format(PyExc_TypeError, "arange() takes start, stop, step and dtype");
  PyObject *dt = n == 4 ? PyTuple_GET_ITEM(v[0], 3) : v[4];
  for (Py_ssize_t i = 0; i < n && i < 3; i++) {
    if (Py_TYPE(PyTuple_GET_ITEM(v[0], i)) == core.Dtype) {
      dt = PyTuple_GET_ITEM(v[0], i);
      n = i;
    } else x[i] = PyTuple_GET_ITEM(v[0], i);
  }
  if (!given(x[1])) x[1] = x[0], x[0] = NULL; /* arange(stop) */
  if (!given(x[1])) return PyErr_Format(PyExc_TypeError, "arange() misses argument 'stop'");
  for (int i = 0; i < 3; i++) {
    if (!given(x[i])) continue;
    floats |= !PyIndex_Check(x[i]);
    if (to_double(x[i], &d[i], d[i])) return NULL;
  }
  if (to_stream(v[5], &s) || to_dtype(dt, &dtype, &has)) return NULL;
  if (isnan(d[0]) || isnan(d[1]) || isnan(d[2])) return PyErr_Format(PyExc_ValueError, "[arange] Cannot compute length: a bound is NaN.");
  bool wide = fabs(d[0]) > INT32_MAX || fabs(d[1]) > INT32_MAX;
  return RESULT(mlx_arange(&out, d[0], d[1], d[2], has ? dtype : floats ? MLX_FLOAT32 : wide ? MLX_INT64 : MLX_INT32, s));
}
static PyObject *do_linspace(const struct function *f, PyObject **v) { /* start, stop, num, endpoint, dtype, stream */
  (void)f;
  double from, to;
  int n = 50, status;
  bool end;
  mlx_dtype d = MLX_FLOAT32;
  mlx_stream s;
  mlx_array out = mlx_array_new();
  if (to_stream(v[5], &s) || to_double(v[0], &from, 0) || to_double(v[1], &to, 0) || (given(v[2]) && to_int(v[2], &n)) ||
      to_bool(v[3], &end, true) || to_dtype(v[4], &d, NULL))
    return NULL;
  if (!end && n > 0) to = from + (to - from) * (n - 1) / n; /* the end point itself is left out */
  return RESULT(mlx_linspace(&out, from, to, n, d, s));
}
static PyObject *do_asarray(const struct function *f, PyObject **v) { /* a, dtype, copy, stream (a device, checked) */
  (void)f;
  mlx_dtype d;
  mlx_stream s;
  bool has;
  if (to_dtype(v[1], &d, &has) || to_stream(v[3], &s)) return NULL;
  bool same = Array_Check(v[0]) && (!has || d == mlx_array_dtype(H(v[0])));
  if (same && v[2] != Py_True) return Py_NewRef(v[0]);
  if (v[2] == Py_False) { /* a producer's memory can be used as it is; everything else has to be copied */
    mlx_array over = mlx_array_new();
    if (!same && !Array_Check(v[0]) && PyObject_HasAttrString(v[0], "__dlpack__")) {
      if (from_dlpack(v[0], false, &over)) return NULL;
      if (!has || mlx_array_dtype(over) == d) return array_take(over);
      mlx_array_free(over);
    }
    return PyErr_Format(PyExc_ValueError, "[asarray] %R with this dtype cannot become an array without a copy.", Py_TYPE(v[0]));
  }
  mlx_array h = mlx_array_new();
  if (array_from(v[0], has ? &d : NULL, &h)) return mlx_array_free(h), NULL;
  return array_take(h);
}

const struct function create_functions[] = {
#include "create.def"
    {0}};

/* Random. The implicit key is the one array in mx.random.state: a draw without a key splits it, keeps the first half and
 * uses the second. */

static int next_key(PyObject *o, mlx_array *key, mlx_array *made) {
  if (given(o)) {
    if (!Array_Check(o)) return refuse(PyExc_TypeError, "expected a key array, not %.200U", o), -1;
    mlx_array_set(made, H(o));
    *key = *made;
    return 0;
  }
  PyObject *state = PyList_GetItem(core.random_state, 0);
  if (!state) return -1;
  if (!Array_Check(state)) return refuse(PyExc_TypeError, "mx.random.state does not hold a key array but %.200U", state), -1;
  mlx_array kept = mlx_array_new();
  if (mlx_random_split(&kept, made, H(state), (mlx_stream){NULL})) {
    mlx_array_free(kept);
    return raise_error(), -1;
  }
  PyObject *fresh = array_take(kept);
  if (!fresh || PyList_SetItem(core.random_state, 0, fresh)) return -1;
  *key = *made;
  return 0;
}
static int random_shape(PyObject *o, int *shape, int *n) {
  *n = 0;
  return given(o) ? to_ints(o, shape, n) : 0;
}
/* The frame of a draw: shape, dtype, key, stream at these places. */
#define DRAW(shape_at, dtype_at, key_at, stream_at)                                                           \
  int shape[MAX_NDIM], n = 0, status;                                                                         \
  mlx_dtype d = MLX_FLOAT32;                                                                                  \
  mlx_array key, made = mlx_array_new(), out = mlx_array_new();                                               \
  mlx_stream s;                                                                                               \
  PyObject *r = NULL;                                                                                         \
  (void)f;                                                                                                    \
  if (to_stream(v[stream_at], &s) || random_shape(v[shape_at], shape, &n) || (dtype_at >= 0 && to_dtype(v[dtype_at < 0 ? 0 : dtype_at], &d, NULL)) || \
      next_key(v[key_at], &key, &made))                                                                       \
    return mlx_array_free(made), NULL
#define DRAWN                                                                                                 \
  mlx_array_free(made);                                                                                       \
  return r

static int take_seed(PyObject *o, uint64_t *seed) {
  PyObject *index = PyNumber_Index(o); /* NumPy's integers too */
  *seed = index ? PyLong_AsUnsignedLongLong(index) : 0;
  Py_XDECREF(index);
  if (!PyErr_Occurred()) return 0;
  if (PyErr_ExceptionMatches(PyExc_OverflowError)) PyErr_Format(PyExc_ValueError, "A seed is an integer in [0, 2**64), not %R.", o);
  return -1;
}
static PyObject *do_seed(const struct function *f, PyObject **v) {
  (void)f;
  uint64_t seed;
  if (take_seed(v[0], &seed)) return NULL;
  mlx_array h = mlx_array_new();
  int status = mlx_random_key(&h, seed);
  PyObject *key = array_result(status, h);
  if (!key || PyList_SetItem(core.random_state, 0, key)) return NULL;
  Py_RETURN_NONE;
}
static PyObject *do_key(const struct function *f, PyObject **v) {
  (void)f;
  uint64_t seed;
  if (take_seed(v[0], &seed)) return NULL;
  mlx_array h = mlx_array_new();
  int status = mlx_random_key(&h, seed);
  return array_result(status, h);
}
static PyObject *do_key_split(const struct function *f, PyObject **v) { /* key, num, stream */
  (void)f;
  int n = 2, status;
  mlx_stream s;
  struct arg a;
  mlx_array out = mlx_array_new();
  if (to_stream(v[2], &s) || (v[1] && to_int(v[1], &n)) || take_arg(v[0], NULL, &a)) return NULL;
  PyObject *r = RESULT(mlx_random_split_num(&out, a.h, n, s));
  drop_arg(&a);
  return r;
}
/* Two bounds (with defaults) that may be numbers or arrays; they are not weak: floats are float32. */
static int take_bounds(PyObject *lo, PyObject *hi, double lo_default, double hi_default, struct arg *a, struct arg *b) {
  a->made = b->made = mlx_array_new();
  if (given(lo) ? take_arg(lo, NULL, a) : (a->h = a->made = mlx_array_new_float((float)lo_default), 0)) return -1;
  if (given(hi) ? take_arg(hi, NULL, b) : (b->h = b->made = mlx_array_new_float((float)hi_default), 0)) return drop_arg(a), -1;
  return 0;
}
/* The shape of a draw with parameters, where none is given: what they broadcast to. Where they do not, the library says so. */
static void shape_of_bounds(PyObject *o, const struct arg *a, const struct arg *b, int *shape, int *n) {
  if (given(o)) return;
  int na = a->h.ctx ? (int)mlx_array_ndim(a->h) : 0, nb = b->h.ctx ? (int)mlx_array_ndim(b->h) : 0;
  *n = na > nb ? na : nb;
  for (int i = 0; i < *n; i++) {
    int64_t p = i < *n - na ? 1 : mlx_ravel_array_shape(a->h)[i - *n + na], q = i < *n - nb ? 1 : mlx_ravel_array_shape(b->h)[i - *n + nb];
    shape[i] = (int)(p == 1 ? q : p);
  }
}
static PyObject *do_uniform(const struct function *f, PyObject **v) { /* low, high, shape, dtype, key, stream */
  struct arg lo, hi;
  DRAW(2, 3, 4, 5);
  if (!take_bounds(v[0], v[1], 0, 1, &lo, &hi)) {
    shape_of_bounds(v[2], &lo, &hi, shape, &n);
    r = RESULT(mlx_random_uniform(&out, lo.h, hi.h, shape, (size_t)n, d, key, s));
    drop_arg(&lo);
    drop_arg(&hi);
  }
  DRAWN;
}
static PyObject *do_truncated(const struct function *f, PyObject **v) { /* lower, upper, shape, dtype, key, stream */
  struct arg lo, hi;
  DRAW(2, 3, 4, 5);
  if (!take_bounds(v[0], v[1], 0, 1, &lo, &hi)) {
    shape_of_bounds(v[2], &lo, &hi, shape, &n);
    r = RESULT(mlx_random_truncated_normal(&out, lo.h, hi.h, shape, (size_t)n, d, key, s));
    drop_arg(&lo);
    drop_arg(&hi);
  }
  DRAWN;
}
static PyObject *do_randint(const struct function *f, PyObject **v) { /* low, high, shape, dtype, key, stream */
  struct arg lo, hi;
  PyObject *int32 = core.dtypes[MLX_INT32], *args[6] = {v[0], v[1], v[2], given(v[3]) ? v[3] : int32, v[4], v[5]};
  v = args;
  DRAW(2, 3, 4, 5);
  if (!take_bounds(v[0], v[1], 0, 1, &lo, &hi)) {
    shape_of_bounds(v[2], &lo, &hi, shape, &n);
    r = RESULT(mlx_random_randint(&out, lo.h, hi.h, shape, (size_t)n, d, key, s));
    drop_arg(&lo);
    drop_arg(&hi);
  }
  DRAWN;
}
static PyObject *do_normal(const struct function *f, PyObject **v) { /* shape, dtype, loc, scale, key, stream */
  struct arg loc = {mlx_array_new(), mlx_array_new()}, scale = loc;
  DRAW(0, 1, 4, 5);
  if (!(given(v[2]) && take_arg(v[2], NULL, &loc)) && !(given(v[3]) && take_arg(v[3], NULL, &scale))) {
    shape_of_bounds(v[0], &loc, &scale, shape, &n);
    r = RESULT(mlx_random_normal_broadcast(&out, shape, (size_t)n, d, loc.h, scale.h, key, s));
  }
  drop_arg(&loc);
  drop_arg(&scale);
  DRAWN;
}
static PyObject *do_multivariate_normal(const struct function *f, PyObject **v) { /* mean, cov, shape, dtype, key, stream */
  struct arg mean = {mlx_array_new(), mlx_array_new()}, cov = mean;
  if (name_library_folders()) return NULL;
  DRAW(2, 3, 4, 5);
  if (!take_arg(v[0], NULL, &mean) && !take_arg(v[1], NULL, &cov))
    r = RESULT(mlx_random_multivariate_normal(&out, mean.h, cov.h, shape, (size_t)n, d, key, s));
  drop_arg(&mean);
  drop_arg(&cov);
  DRAWN;
}
static PyObject *do_bernoulli(const struct function *f, PyObject **v) { /* p, shape, key, stream */
  struct arg p = {mlx_array_new(), mlx_array_new()};
  DRAW(1, -1, 2, 3);
  if (given(v[0]) ? !take_arg(v[0], NULL, &p) : (p.h = p.made = mlx_array_new_float(0.5f), true)) {
    if (!given(v[1])) {
      n = (int)mlx_array_ndim(p.h);
      for (int i = 0; i < n; i++) shape[i] = (int)mlx_ravel_array_shape(p.h)[i];
    }
    r = RESULT(mlx_random_bernoulli(&out, p.h, shape, (size_t)n, key, s));
  }
  drop_arg(&p);
  DRAWN;
}
static PyObject *do_gumbel(const struct function *f, PyObject **v) { /* shape, dtype, key, stream */
  DRAW(0, 1, 2, 3);
  r = RESULT(mlx_random_gumbel(&out, shape, (size_t)n, d, key, s));
  DRAWN;
}
static PyObject *do_laplace(const struct function *f, PyObject **v) { /* shape, dtype, loc, scale, key, stream */
  double loc, scale;
  DRAW(0, 1, 4, 5);
  if (!to_double(v[2], &loc, 0) && !to_double(v[3], &scale, 1))
    r = RESULT(mlx_random_laplace(&out, shape, (size_t)n, d, (float)loc, (float)scale, key, s));
  DRAWN;
}
static PyObject *do_categorical(const struct function *f, PyObject **v) { /* logits, axis, shape, num_samples, key, stream */
  struct arg a = {mlx_array_new(), mlx_array_new()};
  int axis = -1, samples;
  DRAW(2, -1, 4, 5);
  if (given(v[2]) && given(v[3])) PyErr_SetString(PyExc_ValueError, "[categorical] At most one of shape and num_samples can be given.");
  else if (!(v[1] && to_int(v[1], &axis)) && !(given(v[3]) && to_int(v[3], &samples)) && !take_arg(v[0], NULL, &a))
    r = given(v[2])   ? RESULT(mlx_random_categorical_shape(&out, a.h, axis, shape, (size_t)n, key, s))
        : given(v[3]) ? RESULT(mlx_random_categorical_num_samples(&out, a.h, axis, samples, key, s))
                      : RESULT(mlx_random_categorical(&out, a.h, axis, key, s));
  drop_arg(&a);
  DRAWN;
}
static PyObject *do_permutation(const struct function *f, PyObject **v) { /* x, axis, key, stream */
  struct arg a = {mlx_array_new(), mlx_array_new()};
  int axis = 0, count;
  PyObject *none = NULL, *args[5] = {v[0], v[1], v[2], v[3], none};
  v = args;
  DRAW(4, -1, 2, 3);
  if (PyLong_Check(v[0])) {
    if (!to_int(v[0], &count)) r = RESULT(mlx_random_permutation_arange(&out, count, key, s));
  } else if (!(v[1] && to_int(v[1], &axis)) && !take_arg(v[0], NULL, &a)) {
    r = RESULT(mlx_random_permutation(&out, a.h, axis, key, s));
  }
  drop_arg(&a);
  DRAWN;
}

/* mx.random.state: served by name, as in MLX. */
static PyObject *do_attribute(const struct function *f, PyObject **v) {
  (void)f;
  if (PyUnicode_Check(v[0]) && !PyUnicode_CompareWithASCIIString(v[0], "state")) return Py_NewRef(core.random_state);
  return refuse(PyExc_AttributeError, "module 'mlx.core.random' has no attribute %.200U", v[0]);
}

int random_init(PyObject *module) {
  PyObject *m = PyModule_New("mlx.core.random"), *modules = PyImport_GetModuleDict();
  mlx_array key = mlx_array_new();
  if (!m || functions_add(m, random_functions, "mlx.core.random")) return -1;
  int64_t words[2];
  PyObject *os = PyImport_ImportModule("time"), *now = os ? PyObject_CallMethod(os, "time_ns", NULL) : NULL;
  words[0] = now ? (int64_t)PyLong_AsUnsignedLongLongMask(now) : 0;
  Py_XDECREF(now);
  Py_XDECREF(os);
  int status = mlx_random_key(&key, (uint64_t)words[0]);
  PyObject *k = array_result(status, key);
  core.random_state = PyList_New(1);
  if (!k || !core.random_state) return -1;
  PyList_SET_ITEM(core.random_state, 0, k);
  if (PyModule_AddObjectRef(module, "random", m) ||
      PyDict_SetItemString(modules, "mlx.core.random", m))
    return -1;
  Py_DECREF(m);
  return 0;
}

const struct function random_functions[] = {
#include "random.def"
    {0}};
