/* vjp.c: reverse-mode differentiation: run the function on tracers, then walk from its outputs back to them.
 * Invariant: cotangents have the shape and dtype of what they belong to. For complex values the convention is MLX's and
 * PyTorch's: the cotangent of x in y = f(x) is g · conj(dy/dx). */
#include "transforms/autodiff.h"

#include "core/error.h"

#include <string.h>

mx_array *mx_zeros_of(mx_build *b, const mx_array *a) {
  return mx_apply_ints(b, &mx_prim_broadcast, mx_scalar(b, 0, a->t.dtype), a->t.shape, a->t.ndim);
}

mx_array *mx_broadcast_as(mx_build *b, mx_array *x, const mx_array *like) {
  if (!x || mx_same_shape(&x->t, &like->t)) return x;
  return mx_apply_ints(b, &mx_prim_broadcast, x, like->t.shape, like->t.ndim);
}

/* Sums a gradient of the broadcast shape down to the shape of the input it belongs to. */
static mx_array *sum_to(mx_build *b, mx_array *g, const mx_array *x) {
  if (!g || mx_same_shape(&g->t, &x->t)) return g;
  int64_t axes[MX_MAX_NDIM];
  int n = 0, lead = g->t.ndim - x->t.ndim;
  for (int i = 0; i < g->t.ndim; i++)
    if (i < lead || (x->t.shape[i - lead] == 1 && g->t.shape[i] != 1)) axes[n++] = i;
  if (n) g = mx_apply_ints(b, &mx_prim_sum, g, axes, n);
  return lead ? mx_apply_ints(b, &mx_prim_reshape, g, x->t.shape, x->t.ndim) : g;
}

static void elementwise_vjp(mx_build *b, const struct mx_call *c, mx_array *g, const bool *wanted, mx_array **grads) {
  for (int i = 0; i < c->nin; i++) {
    if (!wanted[i] || !c->prim->partial[i]) continue;
    mx_array *d = c->prim->partial[i](b, c);
    if (!d) continue;
    if (mx_dtype_is_complex(d->t.dtype)) d = mx_apply1(b, &mx_prim_conjugate, d);
    grads[i] = sum_to(b, mx_broadcast_as(b, mx_apply2(b, &mx_prim_multiply, g, d), c->out[0]), c->in[i]);
  }
}

static void node_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  const struct mx_prim *p = c->prim;
  if (p->id == MX_PRIM_stop_gradient) return;
  if (p->vjp) p->vjp(b, c, cot, wanted, grads);
  else if (p->id == MX_PRIM_identity) grads[0] = cot[0];
  else if (p->kind == MX_ELEMENTWISE) elementwise_vjp(b, c, cot[0], wanted, grads);
  else if (mx_dtype_is_inexact(c->out[0]->t.dtype))
    mx_build_fail(b, MX_ENOTIMPL, "[vjp] %s has no derivative.", p->name);
}

/* Diff: the tape with slots */

static bool diff_enter(void *ctx, const mx_node *n) {
  const struct mx_trace *t = ctx;
  return n->trace && n->trace->id >= t->id && !(n->flags & MX_NODE_TRACER && n->trace == t);
}

int mx_diff_begin(struct mx_diff *d, struct mx_trace *t, mx_array *const *outputs, int64_t n) {
  memset(d, 0, sizeof *d);
  d->trace = t;
  int status = mx_tape_collect(&d->tape, outputs, n, diff_enter, t);
  if (status) return status;
  int64_t slots = 0, wide = 1;
  for (int64_t i = 0; i < d->tape.n; i++) {
    mx_node *node = d->tape.list[i].node;
    slots += node->nout;
    if (node->nin + node->nout > wide) wide = node->nin + node->nout;
  }
  d->first = mx_malloc((size_t)d->tape.n * sizeof *d->first);
  d->depends = mx_calloc((size_t)d->tape.n, sizeof *d->depends);
  d->slots = mx_calloc((size_t)slots, sizeof *d->slots);
  d->scratch = mx_malloc((size_t)(4 * wide) * sizeof *d->scratch);
  d->wanted = mx_malloc((size_t)wide * sizeof *d->wanted);
  if (!d->first || !d->depends || !d->slots || !d->scratch || !d->wanted) {
    mx_diff_end(d);
    return MX_EMEMORY;
  }
  for (int64_t i = 0, at = 0; i < d->tape.n; i++) {
    struct mx_tape_node *tn = &d->tape.list[i];
    d->first[i] = at;
    at += tn->node->nout;
    d->depends[i] = tn->node->flags & MX_NODE_TRACER && tn->node->trace == t;
    for (int k = 0; tn->in && k < tn->node->nin && !d->depends[i]; k++) d->depends[i] = mx_diff_depends(d, tn->in[k]);
  }
  return MX_OK;
}

void mx_diff_end(struct mx_diff *d) {
  mx_tape_free(&d->tape);
  mx_free(d->first);
  mx_free(d->depends);
  mx_free(d->slots);
  mx_free(d->scratch);
  mx_free(d->wanted);
}

static void back_through(mx_build *b, struct mx_diff *d, int64_t i) {
  struct mx_tape_node *tn = &d->tape.list[i];
  mx_node *n = tn->node;
  if (!tn->in || !d->depends[i]) return;
  mx_array **cot = &d->slots[d->first[i]], **outs = d->scratch, **grads = outs + n->nout;
  bool any = false;
  for (int k = 0; k < n->nout; k++) any |= cot[k] != NULL;
  if (!any) return;
  for (int k = 0; k < n->nin; k++) {
    d->wanted[k] = mx_diff_depends(d, tn->in[k]);
    grads[k] = NULL;
  }
  struct mx_call c = mx_tape_call(tn, outs);
  b->stream = n->stream;
  node_vjp(b, &c, cot, d->wanted, grads);
  for (int k = 0; k < n->nin && !b->status; k++) {
    if (!d->wanted[k] || !grads[k]) continue;
    mx_array **slot = mx_diff_slot(d, tn->in[k]);
    *slot = *slot ? mx_apply2(b, &mx_prim_add, *slot, grads[k]) : grads[k];
  }
}

int mx_backward(struct mx_trace *t, mx_array *const *outputs, mx_array *const *cot, int64_t n, mx_array *const *args, int nargs,
                struct mx_list *grads) {
  struct mx_diff d;
  int status = mx_diff_begin(&d, t, outputs, n);
  if (status) return status;
  mx_build b;
  mx_build_begin(&b, NULL);
  for (int64_t k = 0; k < n; k++) {
    mx_array **slot = mx_diff_slot(&d, outputs[k]);
    if (cot[k]) *slot = *slot ? mx_apply2(&b, &mx_prim_add, *slot, cot[k]) : cot[k];
  }
  for (int64_t i = d.tape.n - 1; i >= 0 && !b.status; i--) back_through(&b, &d, i);
  for (int k = 0; k < nargs && !b.status; k++) {
    mx_array **slot = args[k]->node->trace == t ? mx_diff_slot(&d, args[k]) : NULL;
    mx_array *g = slot && *slot ? *slot : mx_zeros_of(&b, args[k]);
    if (g && mx_list_add(grads, g)) b.status = MX_EMEMORY;
  }
  status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  mx_diff_end(&d);
  return status;
}

int mx_trace_function(const struct mx_function *f, struct mx_trace *t, mx_array *const *in, int n, const bool *wanted,
                      mx_array **args, struct mx_list *values) {
  int made = 0, status = MX_OK;
  for (; made < n; made++) {
    args[made] = !wanted || wanted[made] ? mx_array_tracer(in[made], t) : mx_ref(in[made]);
    if (!args[made]) break;
  }
  if (made < n) status = MX_EMEMORY;
  else status = f->call(f->ctx, args, n, values);
  for (int i = 0; status && i < made; i++) mx_unref(args[i]);
  return status;
}

static int check_cotangents(const struct mx_list *values, mx_array *const *cot, int ncot) {
  if (values->n != ncot)
    return mx_fail(MX_EVALUE, "[vjp] The function has %lld outputs but %d cotangents were given.", (long long)values->n, ncot);
  for (int k = 0; k < ncot; k++) {
    if (!cot[k] || mx_same_shape(&cot[k]->t, &values->at[k]->t)) continue;
    char have[MX_SHAPE_TEXT], want[MX_SHAPE_TEXT];
    return mx_fail(MX_EVALUE, "[vjp] Output %d has shape %s but its cotangent has shape %s.", k,
                   mx_shape_text(want, values->at[k]->t.shape, values->at[k]->t.ndim),
                   mx_shape_text(have, cot[k]->t.shape, cot[k]->t.ndim));
  }
  return MX_OK;
}

int mx_vjp(const struct mx_function *f, mx_array *const *primals, int n, mx_array *const *cot, int ncot, struct mx_list *values,
           struct mx_list *grads) {
  mx_array **args = mx_malloc((size_t)n * sizeof *args);
  struct mx_trace *t = args ? mx_trace_begin(MX_TRACE_GRAD) : NULL;
  int status = t ? mx_trace_function(f, t, primals, n, NULL, args, values) : MX_EMEMORY;
  if (t && !status) {
    status = check_cotangents(values, cot, ncot);
    if (!status) status = mx_backward(t, values->at, cot, ncot, args, n, grads);
    for (int i = 0; i < n; i++) mx_unref(args[i]);
  }
  mx_trace_end(t);
  mx_free(args);
  return status;
}

static int check_scalar(const struct mx_list *values) {
  if (!values->n) return mx_fail(MX_EVALUE, "[grad] The function returned no array to differentiate.");
  const struct mx_tensor *v = &values->at[0]->t;
  char shape[MX_SHAPE_TEXT];
  if (v->ndim != 0)
    return mx_fail(MX_EVALUE, "[grad] Expected a function that returns a scalar first, but it returned shape %s.",
                   mx_shape_text(shape, v->shape, v->ndim));
  return MX_OK;
}

int mx_value_and_grad(const struct mx_function *f, mx_array *const *inputs, int n, const int *argnums, int nargs,
                      struct mx_list *values, struct mx_list *grads) {
  mx_array **args = mx_malloc((size_t)(n + nargs) * sizeof *args), **picked = args + n;
  bool *wanted = mx_calloc((size_t)n, sizeof *wanted);
  int status = args && wanted ? MX_OK : MX_EMEMORY;
  for (int k = 0; k < nargs && !status; k++) {
    if (argnums[k] < 0 || argnums[k] >= n)
      status = mx_fail(MX_EVALUE, "[grad] Argument number %d of a function with %d arguments.", argnums[k], n);
    else wanted[argnums[k]] = true;
  }
  struct mx_trace *t = status ? NULL : mx_trace_begin(MX_TRACE_GRAD);
  if (!status) status = t ? mx_trace_function(f, t, inputs, n, wanted, args, values) : MX_EMEMORY;
  if (t && !status) {
    status = check_scalar(values);
    mx_array *one = status ? NULL : mx_array_scalar(1, values->at[0]->t.dtype);
    if (!status && !one) status = MX_EMEMORY;
    for (int k = 0; k < nargs; k++) picked[k] = args[argnums[k]];
    if (!status) status = mx_backward(t, values->at, &one, 1, picked, nargs, grads);
    mx_unref(one);
    for (int i = 0; i < n; i++) mx_unref(args[i]);
  }
  mx_trace_end(t);
  mx_free(args);
  mx_free(wanted);
  return status;
}
