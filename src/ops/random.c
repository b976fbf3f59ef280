/* random.c: random numbers from splittable keys: Threefry-2x32 counters, no hidden state but the one implicit sequence.
 * Invariant: the same key, shape and dtype give the same numbers on every machine, with any number of threads. */
#include "ops/random.h"
#include "ops/public.h"

#include "core/thread.h"
#include "ops/linalg.h"
#include "ops/rules.h"

#include "mlx/c/random.h"

#include <math.h>
#include <string.h>
#include <time.h>

static int check_keys(const struct mx_tensor *key) {
  char text[MX_SHAPE_TEXT];
  if (key->dtype != MX_UINT32) return mx_fail(MX_EVALUE, "[bits] Expected key type uint32 but received %s.", mx_dtype_name(key->dtype));
  if (key->ndim < 1 || key->shape[key->ndim - 1] != 2)
    return mx_fail(MX_EVALUE, "[bits] Expected key shape (2,) but received %s.", mx_shape_text(text, key->shape, key->ndim));
  return MX_OK;
}

/* random_bits: in = keys (…, 2); ints = the shape that one key draws. */
static int infer_random_bits(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, -1, sizeof(struct mx_bits_params));
  if (status) return status;
  const struct mx_tensor *key = &c->in[0]->t;
  const struct mx_bits_params *p = c->p.head;
  int32_t width = p->width;
  if ((width != 1 && width != 2 && width != 4) || (p->unit && width != 4)) return mx_fail(MX_EVALUE, "[bits] Bit width must be in {1, 2, 4} but got %d.", width);
  if ((status = check_keys(key))) return status;
  out->dtype = p->unit ? MX_FLOAT32 : width == 1 ? MX_UINT8 : width == 2 ? MX_UINT16 : MX_UINT32;
  out->ndim = key->ndim - 1 + c->p.nints;
  if (out->ndim > MX_MAX_NDIM) return mx_fail(MX_EVALUE, "[bits] An array has at most %d dimensions.", MX_MAX_NDIM);
  for (int i = 0; i < key->ndim - 1; i++) out->shape[i] = key->shape[i];
  for (int i = 0; i < c->p.nints; i++) {
    if (c->p.ints[i] < 0) return mx_fail(MX_EVALUE, "[bits] Negative dimensions not allowed.");
    out->shape[key->ndim - 1 + i] = c->p.ints[i];
  }
  return MX_OK;
}
static void random_bits_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *keys = mx_batch_first(b, in[0], axis[0], 1);
  out[0] = mx_apply(b, c->prim, &keys, 1, &c->p);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_random_bits = {
    .id = MX_PRIM_random_bits, .name = "RandomBits", .kind = MX_GENERAL, .infer = infer_random_bits, .vmap = random_bits_vmap};

/* split_key: in = keys (…, 2); out = for each the two rows of what it draws as (2, 2). */
static int infer_split_key(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin != 1 || c->nout != 2 || c->p.nints || c->p.head_size)
    return mx_fail(MX_EVALUE, "[split] Takes 1 input and has 2 outputs, not %d and %d, and no parameters.", c->nin, c->nout);
  const struct mx_tensor *key = &c->in[0]->t;
  int status = check_keys(key);
  for (int k = 0; k < 2 && !status; k++) {
    out[k].dtype = MX_UINT32;
    out[k].ndim = key->ndim;
    memcpy(out[k].shape, key->shape, (size_t)key->ndim * sizeof *key->shape);
  }
  return status;
}
static void split_key_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *keys = mx_batch_first(b, in[0], axis[0], 1);
  mx_apply_many(b, c->prim, &keys, 1, &c->p, 2, out);
  out_axis[0] = out_axis[1] = 0;
}
const struct mx_prim mx_prim_split_key = {
    .id = MX_PRIM_split_key, .name = "SplitKey", .kind = MX_GENERAL, .infer = infer_split_key, .vmap = split_key_vmap};
/* One key; the error is mx_random_bits's. */
static void split_in_two(mx_build *b, mx_array *key, mx_array *two[2]) {
  char text[MX_SHAPE_TEXT];
  two[0] = two[1] = NULL;
  if (!key) mx_build_fail(b, MX_EVALUE, "[split] A key is missing.");
  else if (key->t.ndim != 1)
    mx_build_fail(b, MX_EVALUE, "[bits] Expected key shape (2,) but received %s.", mx_shape_text(text, key->t.shape, key->t.ndim));
  else mx_apply_many(b, &mx_prim_split_key, &key, 1, NULL, 2, two);
}

/* The implicit sequence: one for the process. Each draw splits the state: the first half stays, the second is the key. */
static mx_mutex state_lock = MX_MUTEX_INIT;
static mx_array *state;

static mx_array *key_leaf(uint64_t seed) {
  uint32_t words[2] = {(uint32_t)(seed >> 32), (uint32_t)seed};
  int64_t shape[1] = {2};
  return mx_array_from_copy(words, shape, 1, MX_UINT32);
}
static void replace_state(mx_array *take) {
  mx_lock(&state_lock);
  mx_array *old = state;
  state = take;
  mx_unlock(&state_lock);
  mx_unref(old);
}
static uint64_t clock_seed(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}
int mx_random_seed(uint64_t seed) {
  mx_array *key = key_leaf(seed);
  if (!key) return mx_error_class();
  replace_state(key);
  return MX_OK;
}
mx_array *mx_random_state(void) {
  mx_lock(&state_lock);
  if (!state) state = key_leaf(clock_seed());
  mx_array *now = mx_ref(state);
  mx_unlock(&state_lock);
  return now;
}
int mx_random_set_state(mx_array *key) {
  char text[MX_SHAPE_TEXT];
  if (key->t.dtype != MX_UINT32 || key->t.ndim != 1 || key->t.shape[0] != 2)
    return mx_fail(MX_EVALUE, "[random] The state is a uint32 array of shape (2,), not %s %s.", mx_dtype_name(key->t.dtype),
                   mx_shape_text(text, key->t.shape, key->t.ndim));
  replace_state(mx_ref(key));
  return MX_OK;
}
/* Under the lock from reading to writing: two threads never draw the same key. */
static mx_array *next_key(mx_build *b) {
  if (b->status) return NULL;
  mx_array *old = NULL, *two[2];
  mx_lock(&state_lock);
  if (!state) state = key_leaf(clock_seed());
  split_in_two(b, state, two);
  if (two[0] && two[1]) {
    old = state;
    state = mx_ref(two[0]);
  }
  mx_unlock(&state_lock);
  mx_unref(old);
  return two[1];
}

mx_array *mx_random_key(mx_build *b, uint64_t seed) { return b->status ? NULL : mx_build_own(b, key_leaf(seed)); }

static mx_array *draw(mx_build *b, const int64_t *shape, int ndim, int width, bool unit, mx_array *key) {
  char text[MX_SHAPE_TEXT];
  if (!key && !(key = next_key(b))) return NULL;
  if (key->t.ndim != 1)
    return mx_build_fail(b, MX_EVALUE, "[bits] Expected key shape (2,) but received %s.", mx_shape_text(text, key->t.shape, key->t.ndim));
  struct mx_bits_params head = {width, unit};
  return mx_apply(b, &mx_prim_random_bits, &key, 1,
                  &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = shape, .nints = ndim});
}
mx_array *mx_random_bits(mx_build *b, const int64_t *shape, int ndim, int width, mx_array *key) {
  return draw(b, shape, ndim, width, false, key);
}
mx_array *mx_random_split(mx_build *b, mx_array *key, int64_t num) {
  if (!key) return mx_build_fail(b, MX_EVALUE, "[split] A key is missing.");
  return mx_random_bits(b, (int64_t[]){num, 2}, 2, 4, key);
}

/* The largest number below 1 in a dtype. */
static double below_one(enum mx_dtype d) {
  return d == MX_FLOAT16 ? 1 - 0x1p-11 : d == MX_BFLOAT16 ? 1 - 0x1p-8 : d == MX_FLOAT64 ? 1 - 0x1p-53 : 1 - 0x1p-24;
}
/* Uniform in [0, 1): 32 random bits over 2^32, rounded to the dtype and kept below 1. */
static mx_array *uniform01(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype d, mx_array *key) {
  if (d == MX_FLOAT64) return mx_multiply(b, mx_astype(b, mx_random_bits(b, shape, ndim, 4, key), d), mx_scalar(b, 0x1p-32, d));
  mx_array *u = draw(b, shape, ndim, 4, true, key);
  return d == MX_FLOAT32 ? u : mx_minimum(b, mx_astype(b, u, d), mx_scalar(b, below_one(d), d));
}
/* The shapes of parameters must broadcast to the drawn shape. */
static bool fits(mx_build *b, const char *op, const int64_t *shape, int ndim, const mx_array *p) {
  int64_t wide[MX_MAX_NDIM];
  int n = 0;
  char want[MX_SHAPE_TEXT], got[MX_SHAPE_TEXT];
  if (!p || b->status) return !b->status;
  if ((b->status = mx_broadcast_shapes(op, shape, ndim, p->t.shape, p->t.ndim, wide, &n))) return false;
  bool same = n == ndim;
  for (int i = 0; i < n && same; i++) same = wide[i] == shape[i];
  if (same) return true;
  mx_build_fail(b, MX_EVALUE, "[%s] Cannot generate random values of shape %s from broadcasted shape %s.", op,
                mx_shape_text(want, shape, ndim), mx_shape_text(got, wide, n));
  return false;
}

/* A number in a dtype; itself, where it is one. */
static mx_array *number_in(mx_build *b, mx_array *a, double value, enum mx_dtype d) {
  return a->t.dtype == d ? a : mx_scalar(b, value, d);
}
/* (to - from) u + from; the difference of bounds of u's dtype rounds from double as it does in that. */
static mx_array *spread(mx_build *b, mx_array *u, double from, double to) {
  if (!u || (from == 0 && to == 1)) return u;
  return mx_add(b, mx_multiply(b, mx_scalar(b, to - from, u->t.dtype), u), mx_scalar(b, from, u->t.dtype));
}
mx_array *mx_random_uniform(mx_build *b, mx_array *low, mx_array *high, const int64_t *shape, int ndim, enum mx_dtype dtype,
                            mx_array *key) {
  if (!mx_dtype_is_floating(dtype))
    return mx_build_fail(b, MX_EVALUE, "[uniform] Can only generate uniform numbers with real floating point type, not %s.",
                         mx_dtype_name(dtype));
  double from, to;
  bool numbers = low && high && mx_is_number(low, &from) && mx_is_number(high, &to);
  low = numbers ? number_in(b, low, from, dtype) : mx_astype(b, low, dtype);
  high = numbers ? number_in(b, high, to, dtype) : mx_astype(b, high, dtype);
  if (!low || !high || !fits(b, "uniform", shape, ndim, low) || !fits(b, "uniform", shape, ndim, high)) return NULL;
  mx_array *u = uniform01(b, shape, ndim, dtype, key);
  if (numbers && mx_is_number(low, &from) && mx_is_number(high, &to)) return spread(b, u, from, to);
  return mx_add(b, mx_multiply(b, mx_subtract(b, high, low), u), low);
}
/* Uniform in (-1, 1) and float32 at least: what the quantile functions below take. */
static mx_array *uniform_open(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype d, mx_array *key) {
  if (d != MX_FLOAT64) d = MX_FLOAT32;
  return spread(b, uniform01(b, shape, ndim, d, key), -below_one(d), 1);
}

/* sqrt(2) * erfinv(u) is normal for u uniform in (-1, 1). A complex number has two independent parts of half the variance. */
mx_array *mx_random_normal(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype, mx_array *loc, mx_array *scale,
                           mx_array *key) {
  if (!mx_dtype_is_inexact(dtype))
    return mx_build_fail(b, MX_EVALUE, "[normal] Only floating point and complex64 types are supported, not %s.", mx_dtype_name(dtype));
  if (!fits(b, "normal", shape, ndim, loc) || !fits(b, "normal", shape, ndim, scale)) return NULL;
  mx_array *x;
  if (dtype == MX_COMPLEX64) {
    int64_t pairs[MX_MAX_NDIM];
    if (ndim >= MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[normal] An array has at most %d dimensions.", MX_MAX_NDIM);
    for (int i = 0; i < ndim; i++) pairs[i] = shape[i];
    pairs[ndim] = 2;
    x = mx_random_normal(b, pairs, ndim + 1, MX_FLOAT32, NULL, NULL, key);
    x = mx_multiply(b, x, mx_scalar(b, 0.70710678118654752, MX_FLOAT32));
    x = mx_squeeze(b, mx_view(b, x, MX_COMPLEX64), (int[]){-1}, 1);
    if (scale) x = mx_multiply(b, x, mx_astype(b, scale, dtype));
  } else {
    x = mx_astype(b, mx_erfinv(b, uniform_open(b, shape, ndim, dtype, key)), dtype);
    mx_array *root2 = mx_scalar(b, 1.4142135623730951, dtype);
    x = mx_multiply(b, x, scale ? mx_multiply(b, mx_astype(b, scale, dtype), root2) : root2);
  }
  return loc ? mx_add(b, x, mx_astype(b, loc, dtype)) : x;
}

/* erf(x / sqrt(2)), erf rounded once: the difference of two of them cancels, so an error of an ulp would show. */
static mx_array *probability(mx_build *b, mx_array *x, mx_array *root2) {
  double value, root;
  if (!x || !root2) return NULL;
  enum mx_dtype d = x->t.dtype;
  if (!mx_is_number(x, &value) || !mx_is_number(root2, &root))
    return mx_astype(b, mx_erf(b, mx_astype(b, mx_divide(b, x, root2), MX_FLOAT64)), d);
  mx_array *quotient = mx_scalar(b, value / root, d); /* rounds from double as it does in the dtype */
  return quotient && mx_is_number(quotient, &value) ? mx_scalar(b, erf(value), d) : NULL;
}
/* Normal, given that it lies in [lower, upper]: the quantile of a uniform number between the two probabilities. */
mx_array *mx_random_truncated_normal(mx_build *b, mx_array *lower, mx_array *upper, const int64_t *shape, int ndim,
                                     enum mx_dtype dtype, mx_array *key) {
  if (!mx_dtype_is_floating(dtype))
    return mx_build_fail(b, MX_EVALUE, "[trunc_normal] Can only generate with real floating point type, not %s.", mx_dtype_name(dtype));
  mx_array *root2 = mx_scalar(b, 1.4142135623730951, dtype);
  lower = mx_astype(b, lower, dtype), upper = mx_astype(b, upper, dtype);
  mx_array *u = mx_random_uniform(b, probability(b, lower, root2), probability(b, upper, root2), shape, ndim, dtype, key);
  return mx_maximum(b, mx_minimum(b, mx_multiply(b, root2, mx_erfinv(b, u)), upper), lower);
}

mx_array *mx_random_randint(mx_build *b, mx_array *low, mx_array *high, const int64_t *shape, int ndim, enum mx_dtype dtype,
                            mx_array *key) {
  if (mx_dtype_is_inexact(dtype))
    return mx_build_fail(b, MX_EVALUE, "[randint] randint only accepts integer dtypes and bool, not %s.", mx_dtype_name(dtype));
  mx_array *x = mx_astype(b, mx_floor(b, mx_random_uniform(b, low, high, shape, ndim, MX_FLOAT32, key)), dtype);
  /* The product in float32 may round up to high; where bounds are not whole numbers they are truncated here, as MLX does. */
  double most;
  bool whole = high && high->t.dtype == MX_INT32 && mx_is_number(high, &most);
  if (dtype != MX_BOOL)
    x = mx_minimum(b, x, whole ? mx_scalar(b, most - 1, dtype) : mx_subtract(b, mx_astype(b, high, dtype), mx_scalar(b, 1, dtype)));
  return mx_maximum(b, x, low && low->t.dtype == MX_INT32 && mx_is_number(low, &most) ? mx_scalar(b, most, dtype) : mx_astype(b, low, dtype));
}

mx_array *mx_random_bernoulli(mx_build *b, mx_array *p, const int64_t *shape, int ndim, mx_array *key) {
  if (!p) return NULL;
  if (!mx_dtype_is_floating(p->t.dtype))
    return mx_build_fail(b, MX_EVALUE, "[bernoulli] bernoulli probability `p` must be a float type, not %s.", mx_dtype_name(p->t.dtype));
  if (!shape) shape = p->t.shape, ndim = p->t.ndim;
  if (!fits(b, "bernoulli", shape, ndim, p)) return NULL;
  return mx_less(b, uniform01(b, shape, ndim, MX_FLOAT32, key), p);
}

/* -log(-log u) */
mx_array *mx_random_gumbel(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype, mx_array *key) {
  mx_array *u = mx_random_uniform(b, mx_scalar(b, 0, MX_FLOAT32), mx_scalar(b, 1, MX_FLOAT32), shape, ndim, dtype, key);
  return mx_negative(b, mx_log(b, mx_negative(b, mx_log(b, u))));
}

/* sign(u) * log(1 - |u|) has the density exp(-|x|)/2 for u uniform in (-1, 1). */
mx_array *mx_random_laplace(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype, double loc, double scale, mx_array *key) {
  if (!mx_dtype_is_floating(dtype))
    return mx_build_fail(b, MX_EVALUE, "[laplace] Can only generate with real floating point type, not %s.", mx_dtype_name(dtype));
  mx_array *u = uniform_open(b, shape, ndim, dtype, key);
  mx_array *x = mx_multiply(b, mx_sign(b, u), mx_log1p(b, mx_negative(b, mx_abs(b, u))));
  x = mx_astype(b, x, dtype);
  if (scale != 1) x = mx_multiply(b, x, mx_scalar(b, scale, dtype));
  return loc != 0 ? mx_add(b, x, mx_scalar(b, loc, dtype)) : x;
}

/* One row of logits: how many of the running sums of exp(logits) lie below u times the whole, u uniform, is a class drawn
 * with probability softmax(logits). */
static mx_array *categorical_row(mx_build *b, mx_array *logits, const int64_t *shape, int ndim, mx_array *key) {
  int64_t n = logits->t.size;
  mx_array *x = mx_reshape(b, mx_astype(b, logits, MX_FLOAT32), &n, 1);
  mx_array *sums = mx_cumsum(b, mx_exp(b, mx_subtract(b, x, mx_max(b, x, NULL, 0, true))), NULL, false, true);
  mx_array *whole = mx_slice(b, sums, (int64_t[]){n - 1}, &n, (int64_t[]){1});
  mx_array *u = mx_expand_dims(b, uniform01(b, shape, ndim, MX_FLOAT32, key), (int[]){-1}, 1);
  mx_array *below = mx_greater(b, mx_multiply(b, u, whole), sums);
  return mx_astype(b, mx_sum(b, below, (int[]){-1}, 1, false), MX_UINT32);
}
/* The largest of logits + Gumbel noise falls on class i with probability softmax(logits)[i]. shape NULL: one draw for each
 * row of logits; else it must be broadcastable from the rows' shape. samples >= 0: so many draws, in a new last dimension. */
mx_array *mx_random_categorical(mx_build *b, mx_array *logits, int axis, const int64_t *shape, int ndim, int64_t samples, mx_array *key) {
  if (!logits) return NULL;
  int n = logits->t.ndim, at = axis < 0 ? axis + n : axis;
  if (at < 0 || at >= n) return mx_build_fail(b, MX_EINDEX, "[categorical] Invalid axis %d for logits with %d dimensions.", axis, n);
  if (n == MX_MAX_NDIM || ndim >= MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[categorical] Too many dimensions.");
  int64_t rows[MX_MAX_NDIM], drawn[MX_MAX_NDIM + 1], classes = logits->t.shape[at];
  for (int i = 0, k = 0; i < n; i++)
    if (i != at) rows[k++] = logits->t.shape[i];
  if (!shape) {
    shape = rows, ndim = n - 1;
  } else {
    mx_array *row = mx_zeros(b, rows, n - 1, MX_BOOL); /* for its shape alone: it is never computed */
    if (!fits(b, "categorical", shape, ndim, row)) return NULL;
  }
  int along = ndim + 1 - (n - at); /* the axis counted from the end: shape may have more dimensions than the rows */
  for (int i = 0, k = 0; i <= ndim; i++) drawn[i] = i == along ? classes : shape[k++];
  if (samples >= 0) {
    drawn[ndim + 1] = samples;
    logits = mx_expand_dims(b, logits, (int[]){-1}, 1);
  }
  if (classes > 0 && logits && logits->t.size == classes && ndim + (samples >= 0) > 0) {
    for (int i = 0; i < ndim; i++) rows[i] = shape[i];
    if (samples >= 0) rows[ndim] = samples;
    return categorical_row(b, logits, rows, ndim + (samples >= 0), key);
  }
  mx_array *noise = mx_random_gumbel(b, drawn, ndim + 1 + (samples >= 0), MX_FLOAT32, key);
  return mx_argmax(b, mx_add(b, logits, noise), &along, false);
}

/* The symmetric root of positive semidefinite matrices, V sqrt(w) Vᵀ. Eigenvalues that rounding made negative count as 0;
 * what is negative beyond that has no root: NaN. */
static mx_array *root_of(mx_build *b, mx_array *cov) {
  mx_array *out[2];
  mx_eigh_for(b, "multivariate_normal", cov, "L", out);
  if (!out[0]) return NULL;
  enum mx_dtype d = out[0]->t.dtype;
  double slack = (d == MX_FLOAT64 ? 0x1p-52 : 0x1p-23) * 10 * (double)mx_cols(out[1]);
  mx_array *zero = mx_scalar(b, 0, d), *last = mx_max(b, out[0], (int[]){-1}, 1, true);
  mx_array *noise = mx_greater_equal(b, out[0], mx_multiply(b, last, mx_scalar(b, -slack, d)));
  mx_array *w = mx_where(b, mx_logical_and(b, noise, mx_less(b, out[0], zero)), zero, out[0]);
  return mx_matmul(b, mx_multiply(b, out[1], mx_expand_dims(b, mx_sqrt(b, w), (int[]){-2}, 1)), mx_adjoint(b, out[1]));
}
/* The shape of what is drawn, less its last dimension; false after an error. */
static bool batch_of(mx_build *b, const mx_array *mean, const mx_array *cov, const int64_t *shape, int ndim, int64_t *batch, int *n) {
  const char *op = "multivariate_normal";
  if (mean->t.ndim < 1) mx_build_fail(b, MX_EVALUE, "[%s] mean must have at least one dimension.", op);
  else if (cov->t.ndim < 2) mx_build_fail(b, MX_EVALUE, "[%s] cov must have at least two dimensions.", op);
  else if (mx_rows(cov) != mx_cols(cov)) mx_build_fail(b, MX_EVALUE, "[%s] last two dimensions of cov must be equal.", op);
  else if (mx_rows(cov) != mean->t.shape[mean->t.ndim - 1]) mx_build_fail(b, MX_EVALUE, "[%s] mean and cov must have compatible shapes.", op);
  if (b->status) return false;
  b->status = mx_broadcast_shapes(op, mean->t.shape, mean->t.ndim - 1, cov->t.shape, cov->t.ndim - 2, batch, n);
  if (b->status || ndim == 0) return !b->status;
  int64_t have[MX_MAX_NDIM];
  int nhave = *n;
  char want[MX_SHAPE_TEXT], got[MX_SHAPE_TEXT];
  memcpy(have, batch, (size_t)nhave * sizeof *have);
  b->status = mx_broadcast_shapes(op, shape, ndim, have, nhave, batch, n);
  bool same = *n == ndim;
  for (int i = 0; i < ndim && same && !b->status; i++) same = batch[i] == shape[i];
  if (!same) mx_build_fail(b, MX_EVALUE, "[%s] Cannot generate random values of shape %s from batches of shape %s.", op,
                           mx_shape_text(want, shape, ndim), mx_shape_text(got, have, nhave));
  return !b->status;
}
mx_array *mx_random_multivariate_normal(mx_build *b, mx_array *mean, mx_array *cov, const int64_t *shape, int ndim, enum mx_dtype dtype,
                                        mx_array *key) {
  int64_t drawn[MX_MAX_NDIM + 1];
  int n = 0;
  if (!mean || !cov) return mx_build_fail(b, MX_EVALUE, "[multivariate_normal] An array is missing.");
  if (!mx_dtype_is_floating(dtype))
    return mx_build_fail(b, MX_EVALUE, "[multivariate_normal] dtype must be a floating point type, not %s.", mx_dtype_name(dtype));
  if (mx_dtype_is_complex(mean->t.dtype) || mx_dtype_is_complex(cov->t.dtype))
    return mx_build_fail(b, MX_EVALUE, "[multivariate_normal] mean and cov must be real, not %s and %s.", mx_dtype_name(mean->t.dtype),
                         mx_dtype_name(cov->t.dtype));
  if (!batch_of(b, mean, cov, shape, ndim, drawn, &n)) return NULL;
  if (n == MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[multivariate_normal] Too many dimensions.");
  drawn[n] = mx_rows(cov);
  enum mx_dtype d = dtype == MX_FLOAT64 ? MX_FLOAT64 : MX_FLOAT32;
  mx_array *root = root_of(b, mx_astype(b, cov, d)), *z = mx_random_normal(b, drawn, n + 1, d, NULL, NULL, key);
  z = mx_squeeze(b, mx_matmul(b, z ? mx_expand_dims(b, z, (int[]){-2}, 1) : NULL, root), (int[]){-2}, 1);
  return mx_astype(b, mx_add(b, z, mx_astype(b, mean, d)), dtype);
}

/* The order that sorts random bits. */
mx_array *mx_random_permutation_arange(mx_build *b, int64_t n, mx_array *key) {
  return mx_argsort(b, mx_random_bits(b, &n, 1, 4, key), (int[]){0});
}
mx_array *mx_random_permutation(mx_build *b, mx_array *x, int axis, mx_array *key) {
  if (!x || !mx_axis_of(b, "permutation", axis, x->t.ndim, &axis)) return NULL;
  return mx_take(b, x, mx_random_permutation_arange(b, x->t.shape[axis], key), &axis);
}

/* Public functions */
#define SHAPE const int *shape, size_t shape_num
#define SHAPE_GIVEN MX_WIDE(shape), (int)shape_num
int mlx_random_seed(uint64_t seed) { return mx_boundary(mx_random_seed(seed)); }
int mlx_random_key(mlx_array *res, uint64_t seed) {
  mx_build b;
  mx_build_begin(&b, NULL);
  return mx_build_return(&b, mx_random_key(&b, seed), &res->ctx);
}
int mlx_random_split(mlx_array *res_0, mlx_array *res_1, const mlx_array key, const mlx_stream s) {
  mx_build b;
  mx_build_begin(&b, s.ctx);
  mx_array *two[2];
  split_in_two(&b, key.ctx, two);
  int status = mx_build_end_many(&b, two, 2, two);
  if (status) return mx_boundary(status);
  mx_array *old[2] = {res_0->ctx, res_1->ctx};
  res_0->ctx = two[0], res_1->ctx = two[1];
  mx_unref(old[0]);
  mx_unref(old[1]);
  return MX_OK;
}
MX_PUBLIC(random_split_num, mx_random_split(b, key.ctx, num), const mlx_array key, int num)
MX_PUBLIC(random_bits, mx_random_bits(b, SHAPE_GIVEN, width, key.ctx), SHAPE, int width, const mlx_array key)
MX_PUBLIC(random_uniform, mx_random_uniform(b, low.ctx, high.ctx, SHAPE_GIVEN, mx_public_dtype(b, dtype), key.ctx), const mlx_array low,
          const mlx_array high, SHAPE, mlx_dtype dtype, const mlx_array key)
MX_PUBLIC(random_normal_broadcast, mx_random_normal(b, SHAPE_GIVEN, mx_public_dtype(b, dtype), loc.ctx, scale.ctx, key.ctx), SHAPE,
          mlx_dtype dtype, const mlx_array loc, const mlx_array scale, const mlx_array key)
MX_PUBLIC(random_normal,
          mx_random_normal(b, SHAPE_GIVEN, mx_public_dtype(b, dtype), loc != 0 ? mx_scalar(b, (double)loc, MX_FLOAT32) : NULL,
                           scale != 1 ? mx_scalar(b, (double)scale, MX_FLOAT32) : NULL, key.ctx),
          SHAPE, mlx_dtype dtype, float loc, float scale, const mlx_array key)
MX_PUBLIC(random_truncated_normal,
          mx_random_truncated_normal(b, lower.ctx, upper.ctx, SHAPE_GIVEN, mx_public_dtype(b, dtype), key.ctx), const mlx_array lower,
          const mlx_array upper, SHAPE, mlx_dtype dtype, const mlx_array key)
MX_PUBLIC(random_randint, mx_random_randint(b, low.ctx, high.ctx, SHAPE_GIVEN, mx_public_dtype(b, dtype), key.ctx), const mlx_array low,
          const mlx_array high, SHAPE, mlx_dtype dtype, const mlx_array key)
MX_PUBLIC(random_bernoulli, mx_random_bernoulli(b, p.ctx, SHAPE_GIVEN, key.ctx), const mlx_array p, SHAPE, const mlx_array key)
MX_PUBLIC(random_gumbel, mx_random_gumbel(b, SHAPE_GIVEN, mx_public_dtype(b, dtype), key.ctx), SHAPE, mlx_dtype dtype, const mlx_array key)
MX_PUBLIC(random_laplace, mx_random_laplace(b, SHAPE_GIVEN, mx_public_dtype(b, dtype), (double)loc, (double)scale, key.ctx), SHAPE,
          mlx_dtype dtype, float loc, float scale, const mlx_array key)
MX_PUBLIC(random_categorical_shape, mx_random_categorical(b, logits.ctx, axis, SHAPE_GIVEN, -1, key.ctx), const mlx_array logits, int axis,
          SHAPE, const mlx_array key)
MX_PUBLIC(random_categorical_num_samples,
          num_samples < 0 ? mx_build_fail(b, MX_EVALUE, "[categorical] num_samples must not be negative, but is %d.", num_samples)
                          : mx_random_categorical(b, logits.ctx, axis, NULL, 0, num_samples, key.ctx),
          const mlx_array logits, int axis, int num_samples, const mlx_array key)
MX_PUBLIC(random_categorical, mx_random_categorical(b, logits.ctx, axis, NULL, 0, -1, key.ctx), const mlx_array logits, int axis,
          const mlx_array key)
MX_PUBLIC(random_multivariate_normal,
          mx_random_multivariate_normal(b, mean.ctx, cov.ctx, SHAPE_GIVEN, mx_public_dtype(b, dtype), key.ctx), const mlx_array mean,
          const mlx_array cov, SHAPE, mlx_dtype dtype, const mlx_array key)
MX_PUBLIC(random_permutation, mx_random_permutation(b, x.ctx, axis, key.ctx), const mlx_array x, int axis, const mlx_array key)
MX_PUBLIC(random_permutation_arange, mx_random_permutation_arange(b, x, key.ctx), int x, const mlx_array key)
int mlx_ravel_random_state(mlx_array *res) {
  mx_array *now = mx_random_state(), *old = res->ctx;
  if (!now) return mx_boundary(mx_error_class());
  res->ctx = now;
  mx_unref(old);
  return MX_OK;
}
int mlx_ravel_set_random_state(const mlx_array key) {
  return mx_boundary(key.ctx ? mx_random_set_state(key.ctx) : mx_fail(MX_EVALUE, "[random] A key is missing."));
}
