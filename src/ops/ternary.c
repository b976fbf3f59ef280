/* ternary.c: selection, and what is made of it.
 * Invariant: the condition is bool, x and y are of one dtype. */
#include "ops/public.h"
#include "ops/rules.h"

static int infer_select(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 3, 0, 0);
  if (status) return status;
  enum mx_dtype when = c->in[0]->t.dtype, x = c->in[1]->t.dtype, y = c->in[2]->t.dtype;
  if (when != MX_BOOL || x != y)
    return mx_fail(MX_ETYPE, "[where] Needs a bool condition and two arrays of one dtype, not %s, %s and %s.", mx_dtype_name(when),
                   mx_dtype_name(x), mx_dtype_name(y));
  return mx_infer_broadcast(c, out);
}

static void select_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!cot[0]) return;
  mx_array *zero = mx_scalar(b, 0, cot[0]->t.dtype);
  for (int i = 1; i < 3; i++) {
    if (!wanted[i]) continue;
    mx_array *kept = i == 1 ? mx_where(b, c->in[0], cot[0], zero) : mx_where(b, c->in[0], zero, cot[0]);
    grads[i] = mx_sum_to(b, kept, c->in[i]->t.shape, c->in[i]->t.ndim);
  }
}
static void select_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (!tan[1] && !tan[2]) return;
  mx_array *zero = mx_scalar(b, 0, c->out[0]->t.dtype);
  mx_array *t = mx_where(b, c->in[0], tan[1] ? tan[1] : zero, tan[2] ? tan[2] : zero);
  out_tan[0] = t ? mx_broadcast_to(b, t, c->out[0]->t.shape, c->out[0]->t.ndim) : NULL;
}

const struct mx_prim mx_prim_select = {
    .id = MX_PRIM_select, .name = "Select", .kind = MX_ELEMENTWISE, .infer = infer_select, .vjp = select_vjp, .jvp = select_jvp};

mx_array *mx_where(mx_build *b, mx_array *condition, mx_array *x, mx_array *y) {
  if (!mx_promote2(b, &x, &y)) return NULL;
  return mx_apply3(b, &mx_prim_select, mx_astype(b, condition, MX_BOOL), x, y);
}


/* A bound that is NULL after an error counts as absent, which is harmless: the error stays in b. */
mx_array *mx_clip(mx_build *b, mx_array *a, mx_array *lo, mx_array *hi) {
  if (!lo && !hi) return mx_build_fail(b, MX_EVALUE, "[clip] At most one of a_min and a_max may be None.");
  if (lo) a = mx_maximum(b, a, lo);
  return hi ? mx_minimum(b, a, hi) : a;
}

/* Public functions */
MX_PUBLIC(where, mx_where(b, condition.ctx, x.ctx, y.ctx), const mlx_array condition, const mlx_array x, const mlx_array y)
MX_PUBLIC(clip, mx_clip(b, a.ctx, a_min.ctx, a_max.ctx), const mlx_array a, const mlx_array a_min, const mlx_array a_max)
