/* reduce.c: many values to one along axes, and softmax.
 * Invariant: a reducing primitive keeps every dimension (the reduced with size 1); the builder drops them afterwards. */
#include "ops/public.h"
#include "ops/rules.h"

#include <math.h>
#include <string.h>

/* Sums of what is narrower than 32 bits are 32 bits wide, as in MLX. */
static enum mx_dtype sum_dtype(enum mx_dtype d) {
  if (d == MX_BOOL || d == MX_INT8 || d == MX_INT16) return MX_INT32;
  return d == MX_UINT8 || d == MX_UINT16 ? MX_UINT32 : d;
}

static int infer_reduce(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, -1, 0);
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t;
  out->dtype = a->dtype;
  out->ndim = a->ndim;
  for (int i = 0; i < a->ndim; i++) out->shape[i] = a->shape[i];
  for (int i = 0; i < c->p.nints; i++) {
    if (c->p.ints[i] < 0 || c->p.ints[i] >= a->ndim || (i && c->p.ints[i] <= c->p.ints[i - 1]))
      return mx_fail(MX_EVALUE, "[%s] Axes must be ascending and within %d dimensions.", mx_op_name(c), a->ndim);
    out->shape[c->p.ints[i]] = 1;
  }
  return MX_OK;
}
static int infer_sum(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_reduce(c, out);
  out->dtype = sum_dtype(out->dtype);
  return status;
}
static int infer_extreme(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_reduce(c, out);
  for (int i = 0; !status && i < c->p.nints; i++)
    if (c->in[0]->t.shape[c->p.ints[i]] == 0)
      return mx_fail(MX_EVALUE, "[%s] Cannot %s reduce over axis %d with size 0.", mx_op_name(c), mx_op_name(c), (int)c->p.ints[i]);
  return status;
}
static int infer_truth(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_reduce(c, out);
  if (!status && out->dtype != MX_BOOL) return mx_fail(MX_ETYPE, "[%s] Needs bool, not %s.", mx_op_name(c), mx_dtype_name(out->dtype));
  return status;
}

static void reduce_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t axes[MX_MAX_NDIM];
  for (int i = 0; i < c->p.nints; i++) axes[i] = c->p.ints[i] + 1;
  out[0] = mx_apply_ints(b, c->prim, mx_batch_first(b, in[0], axis[0], 1), axes, c->p.nints);
  out_axis[0] = 0;
}

static mx_array *as_input(mx_build *b, const struct mx_call *c, mx_array *a) {
  return a ? mx_broadcast_to(b, a, c->in[0]->t.shape, c->in[0]->t.ndim) : NULL;
}
static mx_array *reduce_as(mx_build *b, const struct mx_prim *prim, const struct mx_call *c, mx_array *a) {
  return mx_apply_ints(b, prim, a, c->p.ints, c->p.nints);
}

static void sum_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_astype(b, as_input(b, c, cot[0]), c->in[0]->t.dtype);
}

/* The product of all others along the last axis, for each element of x (m, n), without division: zeros stay exact and so do
 * derivatives of derivatives. Products of pairs go up a tree, products of the rest come down:
 *   rest(left child) = rest(parent) * right child, and the other way round. */
static mx_array *product_of_others(mx_build *b, mx_array *x) {
  if (!x) return NULL;
  mx_array *level[64];
  int depth = 0;
  int64_t m = x->t.shape[0], n = x->t.shape[1], width = 1;
  while (width < n) width *= 2, depth++;
  int last = 1;
  int64_t none = 0, pad = width - n;
  if (pad) x = mx_pad(b, x, &last, 1, &none, &pad, mx_scalar(b, 1, x->t.dtype), MX_PAD_CONSTANT);
  for (int k = 0; k < depth; k++) {
    level[k] = mx_reshape(b, x, (int64_t[]){m, width >> (k + 1), 2}, 3);
    x = mx_prod(b, level[k], (int[]){2}, 1, false);
  }
  mx_array *rest = x ? mx_ones_like(b, x) : NULL;
  for (int k = depth - 1; k >= 0; k--) {
    mx_array *siblings = mx_flip(b, level[k], (int[]){2}, 1);
    rest = mx_multiply(b, mx_reshape(b, rest, (int64_t[]){m, width >> (k + 1), 1}, 3), siblings);
    rest = mx_reshape(b, rest, (int64_t[]){m, width >> k}, 2);
  }
  return pad ? mx_slice(b, rest, (int64_t[]){0, 0}, (int64_t[]){m, n}, (int64_t[]){1, 1}) : rest;
}

/* A permutation that puts the reduced axes last, and its inverse. Gives how many elements are reduced. */
static int64_t reduced_last(const struct mx_call *c, int *order, int *inverse) {
  const struct mx_tensor *a = &c->in[0]->t;
  int64_t n = 1;
  int at = 0, r = 0;
  for (int i = 0; i < a->ndim; i++) {
    if (r < c->p.nints && c->p.ints[r] == i) r++;
    else order[at++] = i;
  }
  for (int i = 0; i < c->p.nints; i++) {
    order[at++] = (int)c->p.ints[i];
    n = mx_times(n, a->shape[c->p.ints[i]]);
  }
  for (int i = 0; i < a->ndim; i++) inverse[order[i]] = i;
  return n;
}
static mx_array *prod_slope(mx_build *b, const struct mx_call *c) {
  mx_array *x = c->in[0];
  if (x->t.size == 0) return x;
  int order[MX_MAX_NDIM], inverse[MX_MAX_NDIM];
  int64_t n = reduced_last(c, order, inverse), moved[MX_MAX_NDIM];
  for (int i = 0; i < x->t.ndim; i++) moved[i] = x->t.shape[order[i]];
  mx_array *rows = mx_reshape(b, mx_transpose(b, x, order, x->t.ndim), (int64_t[]){x->t.size / n, n}, 2);
  mx_array *others = mx_reshape(b, product_of_others(b, rows), moved, x->t.ndim);
  return mx_transpose(b, others, inverse, x->t.ndim);
}
static void prod_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_multiply(b, cot[0], mx_conjugate(b, prod_slope(b, c)));
}
static void prod_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = reduce_as(b, &mx_prim_sum, c, mx_multiply(b, tan[0], prod_slope(b, c)));
}

/* Equal extremes share the derivative, as in MLX. */
static mx_array *extreme_slope(mx_build *b, const struct mx_call *c) {
  mx_array *hit = mx_astype(b, mx_equal(b, c->in[0], c->out[0]), c->in[0]->t.dtype);
  return mx_divide(b, hit, reduce_as(b, &mx_prim_sum, c, hit));
}
static void extreme_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_multiply(b, cot[0], extreme_slope(b, c));
}
static void extreme_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = reduce_as(b, &mx_prim_sum, c, mx_multiply(b, tan[0], extreme_slope(b, c)));
}

#define RULES(op, shown, infer_, ...)                                          \
  const struct mx_prim mx_prim_##op = {                                        \
      .id = MX_PRIM_##op, .name = shown, .kind = MX_REDUCE, .infer = infer_, .vmap = reduce_vmap, __VA_ARGS__};
RULES(sum, "Sum", infer_sum, .linear = true, .vjp = sum_vjp)
RULES(prod, "Prod", infer_sum, .vjp = prod_vjp, .jvp = prod_jvp)
RULES(min, "Min", infer_extreme, .vjp = extreme_vjp, .jvp = extreme_jvp)
RULES(max, "Max", infer_extreme, .vjp = extreme_vjp, .jvp = extreme_jvp)
RULES(all, "All", infer_truth, )
RULES(any, "Any", infer_truth, )

/* logsumexp and softmax: over the last axis. */
static int infer_last(const struct mx_call *c, struct mx_spec *out, int head_size) {
  int status = mx_infer_inputs(c, 1, 0, head_size);
  if (!status) status = mx_infer_broadcast(c, out);
  if (status) return status;
  if (!mx_dtype_is_floating(out->dtype) || out->ndim == 0)
    return mx_fail(MX_EVALUE, "[%s] Needs a float array of at least one dimension, not %s with %d.", mx_op_name(c),
                   mx_dtype_name(out->dtype), out->ndim);
  return MX_OK;
}
static int infer_softmax(const struct mx_call *c, struct mx_spec *out) {
  return infer_last(c, out, sizeof(struct mx_softmax_params));
}
static int infer_logsumexp(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_last(c, out, 0);
  if (status) return status;
  if (out->shape[out->ndim - 1] == 0) return mx_fail(MX_EVALUE, "[logsumexp] Received empty array.");
  out->shape[out->ndim - 1] = 1;
  return MX_OK;
}
static void last_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *a = mx_batch_first(b, in[0], axis[0], 1);
  out[0] = mx_apply(b, c->prim, &a, 1, &c->p);
  out_axis[0] = 0;
}
static mx_array *sum_last(mx_build *b, mx_array *a) { return mx_sum(b, a, (int[]){-1}, 1, true); }

static mx_array *softmax_pull(mx_build *b, const struct mx_call *c, mx_array *g) {
  mx_array *y = c->out[0];
  return mx_multiply(b, y, mx_subtract(b, g, sum_last(b, mx_multiply(b, g, y)))); /* y (g - <g, y>): its own adjoint */
}
static void softmax_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = softmax_pull(b, c, cot[0]);
}
static void softmax_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = softmax_pull(b, c, tan[0]);
}
static mx_array *softmax_plain(mx_build *b, mx_array *x) {
  mx_array *e = mx_exp(b, mx_subtract(b, x, mx_max(b, x, (int[]){-1}, 1, true)));
  return mx_divide(b, e, sum_last(b, e));
}
static enum mx_dtype accurate(enum mx_dtype d) { return d == MX_FLOAT16 || d == MX_BFLOAT16 ? MX_FLOAT32 : d; }
static void softmax_compose(mx_build *b, const struct mx_call *c, mx_array **out) {
  mx_array *x = c->in[0];
  out[0] = x->t.size ? mx_astype(b, softmax_plain(b, mx_astype(b, x, accurate(x->t.dtype))), x->t.dtype) : x;
}

static mx_array *logsumexp_slope(mx_build *b, const struct mx_call *c) { /* softmax */
  return mx_exp(b, mx_subtract(b, c->in[0], c->out[0]));
}
static void logsumexp_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_multiply(b, cot[0], logsumexp_slope(b, c));
}
static void logsumexp_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = sum_last(b, mx_multiply(b, tan[0], logsumexp_slope(b, c)));
}
/* m + log sum exp(x - m), m the maximum or 0 where that is infinite. */
static mx_array *logsumexp_plain(mx_build *b, mx_array *x) {
  mx_array *m = mx_max(b, x, (int[]){-1}, 1, true);
  m = m ? mx_where(b, mx_isfinite(b, m), m, mx_scalar(b, 0, m->t.dtype)) : NULL;
  return mx_add(b, m, mx_log(b, sum_last(b, mx_exp(b, mx_subtract(b, x, m)))));
}
static void logsumexp_compose(mx_build *b, const struct mx_call *c, mx_array **out) {
  mx_array *x = c->in[0];
  out[0] = mx_astype(b, logsumexp_plain(b, mx_astype(b, x, accurate(x->t.dtype))), x->t.dtype);
}

const struct mx_prim mx_prim_softmax = {
    .id = MX_PRIM_softmax, .name = "Softmax", .kind = MX_GENERAL, .inplace = 1, .infer = infer_softmax, .vjp = softmax_vjp,
    .jvp = softmax_jvp, .vmap = last_vmap, .compose = softmax_compose};
const struct mx_prim mx_prim_logsumexp = {
    .id = MX_PRIM_logsumexp, .name = "LogSumExp", .kind = MX_GENERAL, .infer = infer_logsumexp, .vjp = logsumexp_vjp,
    .jvp = logsumexp_jvp, .vmap = last_vmap, .compose = logsumexp_compose};

/* argreduce: ints = axis. */
static int infer_argreduce(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, 1, sizeof(struct mx_argreduce_params));
  if (!status) status = mx_infer_broadcast(c, out);
  if (status) return status;
  int64_t axis = c->p.ints[0];
  const char *name = ((const struct mx_argreduce_params *)c->p.head)->op == MX_ARGMIN ? "argmin" : "argmax";
  if (axis < 0 || axis >= out->ndim) return mx_fail(MX_EVALUE, "[%s] Invalid axis %d for %d dimensions.", name, (int)axis, out->ndim);
  if (out->shape[axis] == 0) return mx_fail(MX_EVALUE, "[%s] Cannot %s reduce zero size array.", name, name);
  out->dtype = MX_UINT32;
  out->shape[axis] = 1;
  return MX_OK;
}
static mx_array *argreduce_apply(mx_build *b, mx_array *a, int64_t axis, int op) {
  struct mx_argreduce_params head = {op};
  return mx_apply(b, &mx_prim_argreduce, &a, 1, &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = &axis, .nints = 1});
}
static void argreduce_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int op = ((const struct mx_argreduce_params *)c->p.head)->op;
  out[0] = argreduce_apply(b, mx_batch_first(b, in[0], axis[0], 1), c->p.ints[0] + 1, op);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_argreduce = {
    .id = MX_PRIM_argreduce, .name = "ArgReduce", .kind = MX_GENERAL, .infer = infer_argreduce, .vmap = argreduce_vmap};

/* Builders */
static mx_array *squeeze_axes(mx_build *b, mx_array *a, const struct mx_axes *axes, bool keepdims) {
  int drop[MX_MAX_NDIM];
  for (int i = 0; i < axes->n; i++) drop[i] = (int)axes->at[i];
  return keepdims || !axes->n ? a : mx_squeeze(b, a, drop, axes->n);
}
static mx_array *reduce(mx_build *b, const struct mx_prim *prim, const char *op, mx_array *a, const int *axes, int n, bool keepdims) {
  struct mx_axes ax;
  if (!mx_axes_of(b, op, a, axes, n, &ax)) return NULL;
  if (!ax.n) { /* nothing to fold: only the dtype may change */
    bool sums = prim == &mx_prim_sum || prim == &mx_prim_prod;
    return sums ? mx_astype(b, a, sum_dtype(a->t.dtype)) : a;
  }
  return squeeze_axes(b, mx_apply_ints(b, prim, a, ax.at, ax.n), &ax, keepdims);
}
#define REDUCE(op, of)                                                         \
  mx_array *mx_##op(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims) { \
    return reduce(b, &mx_prim_##op, #op, of, axes, n, keepdims);               \
  }
REDUCE(sum, a) REDUCE(prod, a) REDUCE(min, a) REDUCE(max, a)
REDUCE(all, mx_astype(b, a, MX_BOOL)) REDUCE(any, mx_astype(b, a, MX_BOOL))

static int64_t count_over(const mx_array *a, const struct mx_axes *axes) {
  int64_t n = 1;
  for (int i = 0; i < axes->n; i++) n = mx_times(n, a->t.shape[axes->at[i]]);
  return n;
}

/* Means of halves are taken in float32 and rounded once: neither the sum nor the count need fit a half. */
static mx_array *mean_wide(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims, const struct mx_axes *ax) {
  return mx_divide(b, mx_sum(b, a, axes, n, keepdims), mx_scalar(b, (double)count_over(a, ax), a->t.dtype));
}
mx_array *mx_mean(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims) {
  struct mx_axes ax;
  if (!mx_axes_of(b, "mean", a, axes, n, &ax)) return NULL;
  enum mx_dtype d = mx_dtype_to_inexact(a->t.dtype);
  mx_array *wide = mx_astype(b, a, accurate(d));
  return wide ? mx_astype(b, mean_wide(b, wide, axes, n, keepdims, &ax), d) : NULL;
}

static mx_array *var_wide(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims, int ddof, const struct mx_axes *ax) {
  mx_array *off = mx_subtract(b, a, mean_wide(b, a, axes, n, true, ax));
  bool complex = a->t.dtype == MX_COMPLEX64;
  mx_array *square = complex ? mx_real(b, mx_multiply(b, off, mx_conjugate(b, off))) : mx_square(b, off);
  double count = (double)count_over(a, ax) - ddof;
  return square ? mx_divide(b, mx_sum(b, square, axes, n, keepdims), mx_scalar(b, count > 0 ? count : 0, square->t.dtype)) : NULL;
}
mx_array *mx_var(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims, int ddof) {
  struct mx_axes ax;
  if (!mx_axes_of(b, "var", a, axes, n, &ax)) return NULL;
  enum mx_dtype d = mx_dtype_to_inexact(a->t.dtype);
  mx_array *wide = mx_astype(b, a, accurate(d));
  if (!wide) return NULL;
  return mx_astype(b, var_wide(b, wide, axes, n, keepdims, ddof, &ax), d == MX_COMPLEX64 ? MX_FLOAT32 : d);
}
mx_array *mx_std(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims, int ddof) {
  return mx_sqrt(b, mx_var(b, a, axes, n, keepdims, ddof));
}

/* The given axes merged into one at the end; back says how to undo it for a result of that layout. */
struct merged {
  struct mx_axes axes;
  int inverse[MX_MAX_NDIM];
  int64_t shape[MX_MAX_NDIM], kept[MX_MAX_NDIM]; /* permuted, with the merged dimensions as they were, or as 1 */
};
static mx_array *merge_last(mx_build *b, const char *op, mx_array *a, const int *axes, int n, struct merged *m) {
  if (!mx_axes_of(b, op, a, axes, n, &m->axes)) return NULL;
  struct mx_call c = {.in = &a, .p = {.ints = m->axes.at, .nints = m->axes.n}};
  int order[MX_MAX_NDIM], free = a->t.ndim - m->axes.n;
  int64_t flat[MX_MAX_NDIM + 1];
  flat[free] = reduced_last(&c, order, m->inverse);
  for (int i = 0; i < a->t.ndim; i++) {
    m->shape[i] = a->t.shape[order[i]];
    m->kept[i] = i < free ? m->shape[i] : 1;
    if (i < free) flat[i] = m->shape[i];
  }
  return mx_reshape(b, mx_transpose(b, a, order, a->t.ndim), flat, free + 1);
}

mx_array *mx_logsumexp(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims) {
  struct merged m;
  a = mx_as_inexact(b, a);
  if (!a) return NULL;
  if (a->t.size == 0) return mx_build_fail(b, MX_EVALUE, "[logsumexp] Received empty array.");
  int ndim = a->t.ndim;
  mx_array *x = merge_last(b, "logsumexp", a, axes, n, &m);
  if (!x) return NULL;
  x = a->t.dtype == MX_COMPLEX64 ? logsumexp_plain(b, x) : mx_apply1(b, &mx_prim_logsumexp, x);
  if (!keepdims) return mx_squeeze(b, x, (int[]){-1}, 1);
  return mx_transpose(b, mx_reshape(b, x, m.kept, ndim), m.inverse, ndim);
}

mx_array *mx_softmax(mx_build *b, mx_array *a, const int *axes, int n, bool precise) {
  struct merged m;
  a = mx_as_inexact(b, a);
  if (!a) return NULL;
  int ndim = a->t.ndim;
  mx_array *x = merge_last(b, "softmax", a, axes, n, &m);
  if (!x) return NULL;
  if (a->t.dtype == MX_COMPLEX64) {
    x = x->t.size ? softmax_plain(b, x) : x;
  } else {
    struct mx_softmax_params head = {precise};
    x = mx_apply(b, &mx_prim_softmax, &x, 1, &(struct mx_params){.head = &head, .head_size = sizeof head});
  }
  return mx_transpose(b, mx_reshape(b, x, m.shape, ndim), m.inverse, ndim);
}

mx_array *mx_count_nonzero(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims) {
  return mx_sum(b, mx_astype(b, a, MX_BOOL), axes, n, keepdims);
}

/* The middle of the sorted values, or the mean of the two in the middle; NaN where there is a NaN. */
mx_array *mx_median(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims) {
  struct merged m;
  a = mx_as_inexact(b, a);
  if (!a) return NULL;
  int ndim = a->t.ndim;
  mx_array *x = merge_last(b, "median", a, axes, n, &m);
  if (!x) return NULL;
  int last = x->t.ndim - 1;
  int64_t count = x->t.shape[last];
  if (count == 0) return mx_build_fail(b, MX_EVALUE, "[median] Cannot take median along empty axis.");
  int64_t middle[2] = {(count - 1) / 2, count / 2};
  mx_array *parts[4], *value[2], *whole = x, *order = mx_partition(b, whole, middle[0], &last); /* both in their places */
  for (int i = 0; i < 2; i++) {
    if (i && middle[0] == middle[1]) break;
    mx_split_at(b, order, (int64_t[]){middle[i], middle[i] + 1}, 2, last, parts);
    value[i] = parts[1];
  }
  x = value[0];
  if (middle[0] != middle[1] && x) x = mx_multiply(b, mx_add(b, value[0], value[1]), mx_scalar(b, 0.5, x->t.dtype));
  mx_array *none = mx_any(b, mx_isnan(b, whole), &last, 1, true);
  x = mx_where(b, none, mx_scalar(b, NAN, whole->t.dtype), x);
  if (!keepdims) return mx_squeeze(b, x, &last, 1);
  return mx_transpose(b, mx_reshape(b, x, m.kept, ndim), m.inverse, ndim);
}

static mx_array *argreduce(mx_build *b, const char *name, mx_array *a, const int *axis, bool keepdims, int op) {
  if (!a) return NULL;
  int at = 0;
  if (axis && !mx_axis_of(b, name, *axis, a->t.ndim, &at)) return NULL;
  mx_array *r = argreduce_apply(b, axis ? a : mx_reshape(b, a, (int64_t[]){-1}, 1), at, op);
  if (!axis) {
    int64_t ones[MX_MAX_NDIM];
    for (int i = 0; i < a->t.ndim; i++) ones[i] = 1;
    return mx_reshape(b, r, ones, keepdims ? a->t.ndim : 0);
  }
  return keepdims ? r : mx_squeeze(b, r, &at, 1);
}
mx_array *mx_argmin(mx_build *b, mx_array *a, const int *axis, bool keepdims) { return argreduce(b, "argmin", a, axis, keepdims, MX_ARGMIN); }
mx_array *mx_argmax(mx_build *b, mx_array *a, const int *axis, bool keepdims) { return argreduce(b, "argmax", a, axis, keepdims, MX_ARGMAX); }

mx_array *mx_number_of_elements(mx_build *b, mx_array *a, const int *axes, int n, bool inverted, enum mx_dtype dtype) {
  struct mx_axes ax;
  if (!mx_axes_of(b, "number_of_elements", a, axes, n, &ax)) return NULL;
  double count = (double)count_over(a, &ax);
  return mx_scalar(b, inverted ? 1 / count : count, dtype);
}

mx_array *mx_sum_to(mx_build *b, mx_array *a, const int64_t *shape, int ndim) {
  if (!a) return NULL;
  int axes[MX_MAX_NDIM], n = 0, extra = a->t.ndim - ndim;
  if (extra < 0) return mx_broadcast_to(b, a, shape, ndim);
  for (int i = 0; i < a->t.ndim; i++)
    if (i < extra || (shape[i - extra] == 1 && a->t.shape[i] != 1)) axes[n++] = i;
  if (n) a = mx_sum(b, a, axes, n, true);
  for (int i = 0; i < extra; i++) axes[i] = i;
  a = extra ? mx_squeeze(b, a, axes, extra) : a;
  return a ? mx_broadcast_to(b, a, shape, ndim) : NULL; /* a may have been smaller: then the gradient repeats */
}

/* Public functions */
#define AXES const int *axes, size_t axes_num
#define AXES_GIVEN mx_public_axes(axes), (int)axes_num
#define REDUCTION(op)                                                          \
  MX_PUBLIC(op##_axes, mx_##op(b, a.ctx, AXES_GIVEN, keepdims), const mlx_array a, AXES, bool keepdims) \
  MX_PUBLIC(op##_axis, mx_##op(b, a.ctx, &axis, 1, keepdims), const mlx_array a, int axis, bool keepdims) \
  MX_PUBLIC(op, mx_##op(b, a.ctx, NULL, 0, keepdims), const mlx_array a, bool keepdims)
REDUCTION(sum) REDUCTION(prod) REDUCTION(min) REDUCTION(max) REDUCTION(all) REDUCTION(any) REDUCTION(mean) REDUCTION(logsumexp)
#define SPREAD(op)                                                             \
  MX_PUBLIC(op##_axes, mx_##op(b, a.ctx, AXES_GIVEN, keepdims, ddof), const mlx_array a, AXES, bool keepdims, int ddof) \
  MX_PUBLIC(op##_axis, mx_##op(b, a.ctx, &axis, 1, keepdims, ddof), const mlx_array a, int axis, bool keepdims, int ddof) \
  MX_PUBLIC(op, mx_##op(b, a.ctx, NULL, 0, keepdims, ddof), const mlx_array a, bool keepdims, int ddof)
SPREAD(var) SPREAD(std)
MX_PUBLIC(softmax_axes, mx_softmax(b, a.ctx, AXES_GIVEN, precise), const mlx_array a, AXES, bool precise)
MX_PUBLIC(softmax_axis, mx_softmax(b, a.ctx, &axis, 1, precise), const mlx_array a, int axis, bool precise)
MX_PUBLIC(softmax, mx_softmax(b, a.ctx, NULL, 0, precise), const mlx_array a, bool precise)
MX_PUBLIC(median, mx_median(b, a.ctx, axes, (int)axes_num, keepdims), const mlx_array a, AXES, bool keepdims)
MX_PUBLIC(argmin_axis, mx_argmin(b, a.ctx, &axis, keepdims), const mlx_array a, int axis, bool keepdims)
MX_PUBLIC(argmin, mx_argmin(b, a.ctx, NULL, keepdims), const mlx_array a, bool keepdims)
MX_PUBLIC(argmax_axis, mx_argmax(b, a.ctx, &axis, keepdims), const mlx_array a, int axis, bool keepdims)
MX_PUBLIC(argmax, mx_argmax(b, a.ctx, NULL, keepdims), const mlx_array a, bool keepdims)
MX_PUBLIC(number_of_elements, mx_number_of_elements(b, a.ctx, axes, (int)axes_num, inverted, mx_public_dtype(b, dtype)),
          const mlx_array a, AXES, bool inverted, mlx_dtype dtype)
