/* jvp.c: forward-mode differentiation: tangents go through the graph in its own order.
 * Invariant: tangents have the shape and dtype of what they belong to. A primitive without a rule of its own borrows its vjp:
 * J·t is the vjp of g → Jᴴ·g, applied to t. */
#include "transforms/autodiff.h"

#include "core/error.h"

#include <string.h>

static void elementwise_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *sum = NULL;
  for (int i = 0; i < c->nin; i++) {
    mx_array *d = tan[i] && c->prim->partial[i] ? c->prim->partial[i](b, c) : NULL;
    if (!d) continue;
    mx_array *part = mx_apply2(b, &mx_prim_multiply, tan[i], d);
    sum = sum ? mx_apply2(b, &mx_prim_add, sum, part) : part;
  }
  out_tan[0] = sum ? mx_broadcast_as(b, sum, c->out[0]) : NULL;
}

struct borrowed {
  const struct mx_call *c;
  bool *wanted;
  mx_array **grads;
};

/* f(g) = Jᴴ·g for the call, as a function of g alone. */
static int borrowed_vjp(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  struct borrowed *v = ctx;
  (void)nin;
  mx_build b;
  mx_build_begin(&b, v->c->stream);
  memset(v->grads, 0, (size_t)v->c->nin * sizeof *v->grads);
  v->c->prim->vjp(&b, v->c, in, v->wanted, v->grads);
  for (int i = 0; i < v->c->nin && !b.status; i++) {
    if (!v->wanted[i]) continue;
    mx_array *g = v->grads[i] ? v->grads[i] : mx_zeros_of(&b, v->c->in[i]);
    if (g && mx_list_add(out, g)) b.status = MX_EMEMORY;
  }
  int status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  return status;
}

static void jvp_by_vjp(mx_build *b, struct mx_diff *d, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  struct borrowed v = {c, d->wanted, d->scratch + 2 * (c->nin + c->nout)};
  struct mx_function f = {borrowed_vjp, &v};
  struct mx_list values = {0}, grads = {0};
  mx_array **cot = mx_calloc((size_t)(c->nin + c->nout), sizeof *cot), **zero = cot + c->nin;
  int ncot = 0;
  for (int i = 0; cot && i < c->nin; i++)
    if ((v.wanted[i] = tan[i] != NULL)) cot[ncot++] = tan[i];
  for (int k = 0; cot && k < c->nout; k++) zero[k] = mx_zeros_of(b, c->out[k]);
  int status = !cot ? MX_EMEMORY : b->status ? b->status : mx_vjp(&f, zero, c->nout, cot, ncot, &values, &grads);
  for (int k = 0; k < c->nout && !status; k++) out_tan[k] = mx_build_own(b, mx_ref(grads.at[k]));
  if (status && !b->status) b->status = status;
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_free(cot);
}

static void node_jvp(mx_build *b, struct mx_diff *d, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  const struct mx_prim *p = c->prim;
  if (p->id == MX_PRIM_stop_gradient) return;
  if (p->jvp) p->jvp(b, c, tan, out_tan);
  else if (p->id == MX_PRIM_identity) out_tan[0] = tan[0];
  else if (p->kind == MX_ELEMENTWISE && !p->vjp) elementwise_jvp(b, c, tan, out_tan);
  else if (p->linear && c->nin == 1) mx_apply_many(b, p, tan, 1, &c->p, c->nout, out_tan);
  else if (p->vjp) jvp_by_vjp(b, d, c, tan, out_tan);
  else if (mx_dtype_is_inexact(c->out[0]->t.dtype)) mx_build_fail(b, MX_ENOTIMPL, "[jvp] %s has no derivative.", p->name);
}

static int forward(struct mx_trace *t, const struct mx_list *values, mx_array *const *args, mx_array *const *tangents, int n,
                   struct mx_list *out) {
  struct mx_diff d;
  int status = mx_diff_begin(&d, t, values->at, values->n);
  if (status) return status;
  mx_build b;
  mx_build_begin(&b, NULL);
  for (int i = 0; i < n; i++) {
    mx_array **slot = mx_diff_slot(&d, args[i]);
    if (slot) *slot = tangents[i];
  }
  for (int64_t i = 0; i < d.tape.n && !b.status; i++) {
    struct mx_tape_node *tn = &d.tape.list[i];
    mx_node *node = tn->node;
    if (!tn->in || !d.depends[i]) continue;
    mx_array **outs = d.scratch, **tan = outs + node->nout;
    bool any = false;
    for (int k = 0; k < node->nin; k++) {
      mx_array **slot = mx_diff_slot(&d, tn->in[k]);
      tan[k] = slot ? *slot : NULL;
      any |= tan[k] != NULL;
    }
    struct mx_call c = mx_tape_call(tn, outs);
    b.stream = node->stream;
    if (any) node_jvp(&b, &d, &c, tan, &d.slots[d.first[i]]);
  }
  for (int64_t k = 0; k < values->n && !b.status; k++) {
    mx_array **slot = mx_diff_slot(&d, values->at[k]);
    mx_array *tan = slot && *slot ? *slot : mx_zeros_of(&b, values->at[k]);
    if (tan && mx_list_add(out, tan)) b.status = MX_EMEMORY;
  }
  status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  mx_diff_end(&d);
  return status;
}

int mx_jvp(const struct mx_function *f, mx_array *const *primals, mx_array *const *tangents, int n, struct mx_list *values,
           struct mx_list *out_tangents) {
  for (int i = 0; i < n; i++) {
    const struct mx_tensor *p = &primals[i]->t, *g = &tangents[i]->t;
    char have[MX_SHAPE_TEXT], want[MX_SHAPE_TEXT];
    if (!mx_same_shape(p, g))
      return mx_fail(MX_EVALUE, "[jvp] Primal %d has shape %s but its tangent has shape %s.", i,
                     mx_shape_text(want, p->shape, p->ndim), mx_shape_text(have, g->shape, g->ndim));
    if (p->dtype != g->dtype)
      return mx_fail(MX_EVALUE, "[jvp] Primal %d has dtype %s but its tangent has dtype %s.", i, mx_dtype_name(p->dtype),
                     mx_dtype_name(g->dtype));
  }
  mx_array **args = mx_malloc((size_t)n * sizeof *args);
  struct mx_trace *t = args ? mx_trace_begin(MX_TRACE_GRAD) : NULL;
  int status = t ? mx_trace_function(f, t, primals, n, NULL, args, values) : MX_EMEMORY;
  if (t && !status) {
    status = forward(t, values, args, tangents, n, out_tangents);
    for (int i = 0; i < n; i++) mx_unref(args[i]);
  }
  mx_trace_end(t);
  mx_free(args);
  return status;
}
