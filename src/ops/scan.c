/* scan.c: running sums, products, extremes and log-sums along one axis, and their derivatives.
 * Invariant: one primitive; `reverse` runs from the end, without `inclusive` each result leaves its own element out and the
 * first is the operation's neutral element. */
#include "ops/public.h"
#include "ops/rules.h"

#include <math.h>

static const struct mx_scan_params *params(const struct mx_call *c) { return c->p.head; }

static int infer_scan(const struct mx_call *c, struct mx_spec *out) {
  int axis, status = mx_infer_inputs(c, 1, 1, sizeof(struct mx_scan_params));
  if (!status) status = mx_infer_broadcast(c, out);
  if (status) return status;
  int op = params(c)->op;
  if ((unsigned)op > MX_SCAN_LOGSUMEXP) return mx_fail(MX_EVALUE, "[scan] No such operation.");
  if (op == MX_SCAN_SUM && out->dtype == MX_BOOL) return mx_fail(MX_ETYPE, "[cumsum] Needs numbers, not bool.");
  if (op == MX_SCAN_LOGSUMEXP && !mx_dtype_is_inexact(out->dtype))
    return mx_fail(MX_ETYPE, "[logcumsumexp] Needs floats, not %s.", mx_dtype_name(out->dtype));
  return mx_axis("scan", c->p.ints[0], out->ndim, &axis);
}
static mx_array *scan_apply(mx_build *b, mx_array *a, int64_t axis, struct mx_scan_params head) {
  return mx_apply(b, &mx_prim_scan, &a, 1, &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = &axis, .nints = 1});
}
static void scan_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  out[0] = scan_apply(b, mx_batch_first(b, in[0], axis[0], 1), c->p.ints[0] + 1, *params(c));
  out_axis[0] = 0;
}

/* a moved by d places along the axis (towards the end for d > 0), `fill` coming in. */
static mx_array *shifted(mx_build *b, mx_array *a, int axis, int64_t d, double fill) {
  if (!a) return NULL;
  int64_t n = a->t.shape[axis], size = d < 0 ? -d : d, start[MX_MAX_NDIM] = {0}, stop[MX_MAX_NDIM], step[MX_MAX_NDIM];
  if (size > n) size = n;
  for (int i = 0; i < a->t.ndim; i++) stop[i] = a->t.shape[i], step[i] = 1;
  if (d < 0) start[axis] = size;
  else stop[axis] = n - size;
  int64_t low = d < 0 ? 0 : size, high = d < 0 ? size : 0;
  return mx_pad(b, mx_slice(b, a, start, stop, step), &axis, 1, &low, &high, mx_scalar(b, fill, a->t.dtype), MX_PAD_CONSTANT);
}

/* s[i] = x[i] + f[i] * s[i-1], or of s[i+1] when `down`: pairs (f, s) compose, so log2(n) steps of doubling reach all.
 * No division, so zeros stay exact and so do derivatives of derivatives. */
static mx_array *recurrence(mx_build *b, mx_array *f, mx_array *x, int axis, bool down) {
  int64_t n = x ? x->t.shape[axis] : 0;
  for (int64_t d = 1; d < n; d *= 2) {
    int64_t by = down ? -d : d;
    x = mx_add(b, x, mx_multiply(b, f, shifted(b, x, axis, by, 0)));
    if (2 * d < n) f = mx_multiply(b, f, shifted(b, f, axis, by, 1));
  }
  return x;
}

struct along { /* a call taken apart */
  mx_array *x;
  struct mx_scan_params p;
  int axis;
  int64_t next; /* one step in the direction of the scan */
};
static struct along along_of(const struct mx_call *c) {
  return (struct along){c->in[0], *params(c), (int)c->p.ints[0], params(c)->reverse ? -1 : 1};
}
static mx_array *inclusive_of(mx_build *b, const struct mx_call *c, const struct along *s) {
  struct mx_scan_params p = s->p;
  if (p.inclusive) return c->out[0];
  p.inclusive = 1;
  return scan_apply(b, s->x, s->axis, p);
}

/* y[i] = x[0] … x[i], E[i] = x[0] … x[i-1].
 * jvp: dy[i] = x[i] dy[i-1] + t[i] E[i].   vjp: s[j] = g[j] + x[j+1] s[j+1], dx[j] = E[j] s[j]. */
static mx_array *exclusive_product(mx_build *b, const struct mx_call *c, const struct along *s) {
  struct mx_scan_params p = s->p;
  if (!p.inclusive) return c->out[0];
  p.inclusive = 0;
  return scan_apply(b, s->x, s->axis, p);
}
static mx_array *prod_pull(mx_build *b, const struct mx_call *c, const struct along *s, mx_array *g) {
  mx_array *x = mx_conjugate(b, s->x), *e = mx_conjugate(b, exclusive_product(b, c, s));
  return mx_multiply(b, e, recurrence(b, shifted(b, x, s->axis, -s->next, 0), g, s->axis, s->next > 0));
}
static mx_array *prod_push(mx_build *b, const struct mx_call *c, const struct along *s, mx_array *t) {
  return recurrence(b, s->x, mx_multiply(b, t, exclusive_product(b, c, s)), s->axis, s->next < 0);
}

/* y[i] = log(sum of e^x[j], j <= i). With f[i] = e^(y[i-1] - y[i]) <= 1:
 * jvp: d[i] = f[i] d[i-1] + t[i] e^(x[i] - y[i]).   vjp: s[j] = g[j] + f[j+1] s[j+1], dx[j] = e^(x[j] - y[j]) s[j].
 * Where all before is -inf nothing comes from there: f and the share of x are 0, not nan. */
static mx_array *share(mx_build *b, mx_array *x, mx_array *y) {
  if (!x || !y) return NULL;
  mx_array *none = x->t.dtype == MX_COMPLEX64 ? mx_scalar(b, 0, MX_BOOL) : mx_isneginf(b, x);
  return mx_where(b, none, mx_scalar(b, 0, x->t.dtype), mx_exp(b, mx_subtract(b, x, y)));
}
static mx_array *log_pull(mx_build *b, const struct mx_call *c, const struct along *s, mx_array *g) {
  mx_array *y = inclusive_of(b, c, s), *f = share(b, shifted(b, y, s->axis, s->next, -INFINITY), y);
  f = shifted(b, f, s->axis, -s->next, 0);
  mx_array *r = recurrence(b, mx_conjugate(b, f), g, s->axis, s->next > 0);
  return mx_multiply(b, mx_conjugate(b, share(b, s->x, y)), r);
}
static mx_array *log_push(mx_build *b, const struct mx_call *c, const struct along *s, mx_array *t) {
  mx_array *y = inclusive_of(b, c, s), *f = share(b, shifted(b, y, s->axis, s->next, -INFINITY), y);
  return recurrence(b, f, mx_multiply(b, t, share(b, s->x, y)), s->axis, s->next < 0);
}

/* Where each running extreme stands: the last place so far that equals it (or is NaN). */
static mx_array *record(mx_build *b, const struct mx_call *c, const struct along *s) {
  mx_array *y = inclusive_of(b, c, s);
  if (!y) return NULL;
  int64_t n = s->x->t.shape[s->axis], shape[MX_MAX_NDIM];
  for (int i = 0; i < s->x->t.ndim; i++) shape[i] = i == s->axis ? n : 1;
  enum mx_dtype d = n > INT32_MAX ? MX_INT64 : MX_INT32;
  mx_array *place = mx_reshape(b, mx_arange(b, 0, (double)n, 1, d), shape, s->x->t.ndim);
  mx_array *hit = mx_logical_or(b, mx_equal(b, s->x, y), mx_isnan(b, s->x));
  place = mx_where(b, hit, place, mx_scalar(b, s->p.reverse ? (double)n - 1 : 0, d));
  struct mx_scan_params p = {.op = s->p.reverse ? MX_SCAN_MIN : MX_SCAN_MAX, .reverse = s->p.reverse, .inclusive = 1};
  return place ? scan_apply(b, place, s->axis, p) : NULL;
}

static void scan_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  struct along s = along_of(c);
  mx_array *g = cot[0];
  if (!wanted[0] || !g) return;
  if (s.p.op == MX_SCAN_SUM) {
    s.p.reverse = !s.p.reverse;
    grads[0] = scan_apply(b, g, s.axis, s.p);
    return;
  }
  if (!s.p.inclusive) g = shifted(b, g, s.axis, -s.next, 0);
  grads[0] = s.p.op == MX_SCAN_PROD        ? prod_pull(b, c, &s, g)
             : s.p.op == MX_SCAN_LOGSUMEXP ? log_pull(b, c, &s, g)
                                           : mx_scatter_add_axis(b, mx_zeros_as(b, s.x), record(b, c, &s), g, s.axis);
}
static void scan_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  struct along s = along_of(c);
  mx_array *t = tan[0];
  if (!t) return;
  if (s.p.op == MX_SCAN_SUM) {
    out_tan[0] = scan_apply(b, t, s.axis, s.p);
    return;
  }
  t = s.p.op == MX_SCAN_PROD        ? prod_push(b, c, &s, t)
      : s.p.op == MX_SCAN_LOGSUMEXP ? log_push(b, c, &s, t)
                                    : mx_take_along_axis(b, t, record(b, c, &s), &s.axis);
  out_tan[0] = s.p.inclusive ? t : shifted(b, t, s.axis, s.next, 0);
}
const struct mx_prim mx_prim_scan = {
    .id = MX_PRIM_scan, .name = "Scan", .kind = MX_GENERAL, .infer = infer_scan, .vjp = scan_vjp, .jvp = scan_jvp, .vmap = scan_vmap};

/* Builders: axis NULL = of the flattened array */
static mx_array *scan(mx_build *b, const char *op, mx_array *a, const int *axis, enum mx_scan_op which, bool reverse, bool inclusive) {
  int at = 0;
  if (!axis) a = a ? mx_reshape(b, a, (int64_t[]){a->t.size}, 1) : NULL;
  if (!a || !mx_axis_of(b, op, axis ? *axis : 0, a->t.ndim, &at)) return NULL;
  return scan_apply(b, a, at, (struct mx_scan_params){.op = which, .reverse = reverse, .inclusive = inclusive});
}
/* Sums of bools count; integers keep their dtype and wrap, as in MLX. */
mx_array *mx_cumsum(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive) {
  if (a && a->t.dtype == MX_BOOL) a = mx_astype(b, a, MX_INT32);
  return scan(b, "cumsum", a, axis, MX_SCAN_SUM, reverse, inclusive);
}
mx_array *mx_cumprod(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive) {
  return scan(b, "cumprod", a, axis, MX_SCAN_PROD, reverse, inclusive);
}
mx_array *mx_cummax(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive) {
  return scan(b, "cummax", a, axis, MX_SCAN_MAX, reverse, inclusive);
}
mx_array *mx_cummin(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive) {
  return scan(b, "cummin", a, axis, MX_SCAN_MIN, reverse, inclusive);
}
mx_array *mx_logcumsumexp(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive) {
  return scan(b, "logcumsumexp", a ? mx_as_inexact(b, a) : NULL, axis, MX_SCAN_LOGSUMEXP, reverse, inclusive);
}

/* Public functions */
#define SCAN(op) MX_PUBLIC(op, mx_##op(b, a.ctx, &axis, reverse, inclusive), const mlx_array a, int axis, bool reverse, bool inclusive)
SCAN(cumsum) SCAN(cumprod) SCAN(cummax) SCAN(cummin) SCAN(logcumsumexp)
