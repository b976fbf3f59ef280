/* custom.c: functions with rules of their own, and checkpoint.
 * Invariant: a CustomFunction node's inputs are the function's results, then the function's inputs; its outputs are the
 * results again, so only the rules differ from the plain graph. */
#include "core/error.h"
#include "graph/prim.h"
#include "transforms/transforms.h"

#include <string.h>

static struct mx_custom_rules *rules_of(const struct mx_call *c) { return (struct mx_custom_rules *)c->p.obj; }

static int custom_infer(const struct mx_call *c, struct mx_spec *out) {
  for (int k = 0; k < c->nout; k++) {
    const struct mx_tensor *t = &c->in[k]->t;
    out[k].dtype = t->dtype;
    out[k].ndim = t->ndim;
    memcpy(out[k].shape, t->shape, (size_t)t->ndim * sizeof *t->shape);
  }
  return MX_OK;
}

static mx_array *zeros_like(mx_build *b, const mx_array *a) {
  return mx_apply_ints(b, &mx_prim_broadcast, mx_scalar(b, 0, a->t.dtype), a->t.shape, a->t.ndim);
}

/* What the user's rule gave, with count and shapes checked against what it stands for. */
static void take(mx_build *b, int status, struct mx_list *l, mx_array *const *like, int n, const char *what, mx_array **out) {
  if (!status && l->n != n)
    status = mx_fail(MX_EVALUE, "[custom_function] The %s gave %lld arrays where %d are wanted.", what, (long long)l->n, n);
  for (int i = 0; i < n && !status; i++) {
    char have[MX_SHAPE_TEXT], want[MX_SHAPE_TEXT];
    if (like && !mx_same_shape(&l->at[i]->t, &like[i]->t))
      status = mx_fail(MX_EVALUE, "[custom_function] The %s gave shape %s where shape %s is wanted.", what,
                       mx_shape_text(have, l->at[i]->t.shape, l->at[i]->t.ndim), mx_shape_text(want, like[i]->t.shape, like[i]->t.ndim));
    else out[i] = mx_build_own(b, mx_ref(l->at[i]));
  }
  if (status && !b->status) b->status = status;
  mx_list_clear(l);
}

static void custom_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  struct mx_custom_rules *r = rules_of(c);
  if (!r->vjp) { /* the built-in way: through the results */
    for (int k = 0; k < c->nout; k++) grads[k] = cot[k];
    return;
  }
  mx_array **full = mx_malloc((size_t)c->nout * sizeof *full);
  int status = full ? MX_OK : MX_EMEMORY;
  for (int k = 0; k < c->nout && full; k++) full[k] = cot[k] ? cot[k] : zeros_like(b, c->out[k]);
  struct mx_list g = {0};
  int n = c->nin - c->nout;
  if (!status) status = b->status;
  if (!status) status = r->vjp(r, c->in + c->nout, n, full, c->nout, c->out, c->nout, &g);
  take(b, status, &g, c->in + c->nout, n, "vjp", grads + c->nout);
  (void)wanted;
  mx_free(full);
}

static void custom_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  struct mx_custom_rules *r = rules_of(c);
  int n = c->nin - c->nout, nargs = 0;
  if (!r->jvp) {
    for (int k = 0; k < c->nout; k++) out_tan[k] = tan[k];
    return;
  }
  mx_array **given = mx_malloc((size_t)(n + 1) * sizeof *given);
  int *argnums = mx_malloc((size_t)(n + 1) * sizeof *argnums);
  int status = given && argnums ? MX_OK : MX_EMEMORY;
  for (int i = 0; i < n && !status; i++) {
    if (!tan[c->nout + i]) continue;
    argnums[nargs] = i;
    given[nargs++] = tan[c->nout + i];
  }
  struct mx_list t = {0};
  if (!status) status = r->jvp(r, c->in + c->nout, n, given, argnums, nargs, &t);
  take(b, status, &t, c->out, c->nout, "jvp", out_tan);
  mx_free(given);
  mx_free(argnums);
}

static void custom_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  struct mx_custom_rules *r = rules_of(c);
  if (!r->vmap) {
    for (int k = 0; k < c->nout; k++) out[k] = in[k], out_axis[k] = axis[k];
    return;
  }
  struct mx_list o = {0};
  int status = r->vmap(r, in + c->nout, c->nin - c->nout, axis + c->nout, &o, out_axis, c->nout);
  take(b, status, &o, NULL, c->nout, "vmap", out);
}

const struct mx_prim mx_prim_custom = {
    .id = MX_PRIM_custom, .name = "CustomFunction", .kind = MX_GENERAL,
    .infer = custom_infer, .vjp = custom_vjp, .jvp = custom_jvp, .vmap = custom_vmap,
};

/* The node over results and inputs; its outputs are appended to out. Drops `values`. */
static int make_node(int status, struct mx_list *values, struct mx_custom_rules *rules, mx_array *const *in, int nin, struct mx_list *out) {
  int nout = (int)values->n;
  for (int i = 0; i < nin && !status; i++) status = mx_list_add(values, in[i]);
  mx_array **made = status ? NULL : mx_malloc((size_t)(nout + 1) * sizeof *made);
  if (!status && !made) status = MX_EMEMORY;
  if (!status && nout) {
    mx_build b;
    mx_build_begin(&b, NULL);
    mx_apply_many(&b, &mx_prim_custom, values->at, nout + nin, &(struct mx_params){.obj = &rules->o}, nout, made);
    for (int k = 0; k < nout && !b.status; k++)
      if (mx_list_add(out, made[k])) b.status = MX_EMEMORY;
    status = b.status;
    mx_build_end_many(&b, NULL, 0, NULL);
  }
  mx_free(made);
  mx_list_clear(values);
  return status;
}

int mx_custom_call(const struct mx_function *f, struct mx_custom_rules *rules, mx_array *const *in, int nin, struct mx_list *out) {
  struct mx_list values = {0};
  int status = f->call(f->ctx, in, nin, &values);
  return make_node(status, &values, rules, in, nin, out);
}

/* Checkpoint: rules that hold the function. Its first run is on arrays without the trace, so nothing inside is kept. */
struct checkpoint {
  struct mx_custom_rules rules;
  struct mx_function f;
  struct mx_object *own;
};

static void checkpoint_destroy(struct mx_object *o) {
  struct checkpoint *c = (struct checkpoint *)o;
  mx_object_unref(c->own);
  mx_free(c);
}
static const struct mx_object_type checkpoint_type = {.name = "Checkpoint", .destroy = checkpoint_destroy};

static int checkpoint_vjp(struct mx_custom_rules *r, mx_array *const *primals, int n, mx_array *const *cot, int ncot,
                          mx_array *const *outputs, int nout, struct mx_list *grads) {
  (void)outputs, (void)nout;
  struct mx_list values = {0};
  int status = mx_vjp(&((struct checkpoint *)r)->f, primals, n, cot, ncot, &values, grads);
  mx_list_clear(&values);
  return status;
}

static int checkpoint_jvp(struct mx_custom_rules *r, mx_array *const *primals, int n, mx_array *const *tangents, const int *argnums,
                          int nargs, struct mx_list *out_tangents) {
  mx_array **full = mx_malloc((size_t)(n + 1) * sizeof *full);
  if (!full) return MX_EMEMORY;
  mx_build b;
  mx_build_begin(&b, NULL);
  for (int i = 0; i < n; i++) full[i] = NULL;
  for (int k = 0; k < nargs; k++) full[argnums[k]] = tangents[k];
  for (int i = 0; i < n; i++)
    if (!full[i]) full[i] = zeros_like(&b, primals[i]);
  struct mx_list values = {0};
  int status = b.status;
  if (!status) status = mx_jvp(&((struct checkpoint *)r)->f, primals, full, n, &values, out_tangents);
  mx_list_clear(&values);
  mx_build_end_many(&b, NULL, 0, NULL);
  mx_free(full);
  return status;
}

/* A batched call is a plain call of the batched function: vmap of f, traced here. */
static int checkpoint_vmap(struct mx_custom_rules *r, mx_array *const *inputs, int n, const int *axes, struct mx_list *outputs,
                           int *out_axes, int nout) {
  struct mx_list s_in = {0}, s_out = {0};
  int status = mx_vmap_trace(&((struct checkpoint *)r)->f, inputs, n, axes, &s_in, &s_out);
  for (int k = 0; k < nout; k++) out_axes[k] = 0;
  if (!status) status = mx_vmap_replace(inputs, s_in.at, n, s_out.at, nout, axes, out_axes, outputs);
  mx_list_clear(&s_in);
  mx_list_clear(&s_out);
  return status;
}

int mx_checkpoint_call(const struct mx_function *f, struct mx_object *own, mx_array *const *in, int nin, struct mx_list *out) {
  struct checkpoint *c = mx_calloc(1, sizeof *c);
  if (!c) return MX_EMEMORY;
  c->rules.o.refs = 1;
  c->rules.o.type = &checkpoint_type;
  c->rules.vjp = checkpoint_vjp, c->rules.jvp = checkpoint_jvp, c->rules.vmap = checkpoint_vmap;
  c->f = *f;
  c->own = mx_object_ref(own);
  struct mx_list plain = {0}, values = {0};
  int status = MX_OK;
  for (int i = 0; i < nin && !status; i++) {
    mx_array *x = mx_array_tracer(in[i], NULL);
    status = x ? mx_list_add(&plain, x) : MX_EMEMORY;
    mx_unref(x);
  }
  if (!status) status = f->call(f->ctx, plain.at, nin, &values);
  status = make_node(status, &values, &c->rules, in, nin, out);
  mx_list_clear(&plain);
  mx_object_unref(&c->rules.o);
  return status;
}
