/* vmap.c: a function of single examples made one of batches: trace it once on placeholders without the batch dimension, then
 * build its graph again with each primitive's batched form.
 * Invariant: what does not depend on a batched input is built once and stays unbatched. */
#include "core/error.h"
#include "graph/prim.h"
#include "graph/tape.h"
#include "transforms/transforms.h"

#include <string.h>

/* Moves the batch dimension of x to the front and gives the rest `ndim` dimensions, so that elementwise operations align. */
static mx_array *batch_front(mx_build *b, mx_array *x, int axis, int ndim) {
  if (!x) return NULL;
  int64_t perm[MX_MAX_NDIM], shape[MX_MAX_NDIM];
  int n = x->t.ndim;
  if (axis > 0) {
    perm[0] = axis;
    for (int i = 0, k = 1; i < n; i++)
      if (i != axis) perm[k++] = i;
    x = mx_apply_ints(b, &mx_prim_transpose, x, perm, n);
  }
  if (!x || n == ndim + 1) return x;
  int pad = ndim + 1 - n;
  shape[0] = x->t.shape[0];
  for (int i = 0; i < pad; i++) shape[1 + i] = 1;
  for (int i = 1; i < n; i++) shape[pad + i] = x->t.shape[i];
  return mx_apply_ints(b, &mx_prim_reshape, x, shape, ndim + 1);
}

static void elementwise_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *moved[3];
  for (int i = 0; i < c->nin; i++) moved[i] = axis[i] < 0 ? in[i] : batch_front(b, in[i], axis[i], c->out[0]->t.ndim);
  out[0] = mx_apply(b, c->prim, moved, c->nin, &c->p);
  out_axis[0] = 0;
}

static void node_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  if (c->prim->vmap) {
    c->prim->vmap(b, c, in, axis, out, out_axis);
  } else if (c->prim->id == MX_PRIM_identity || c->prim->id == MX_PRIM_stop_gradient) {
    out[0] = mx_apply1(b, c->prim, in[0]);
    out_axis[0] = axis[0];
  } else if (c->prim->kind == MX_ELEMENTWISE) {
    elementwise_vmap(b, c, in, axis, out, out_axis);
  } else {
    mx_build_fail(b, MX_ENOTIMPL, "[vmap] %s cannot be mapped over a batch.", c->prim->name);
  }
}

int mx_vmap_trace(const struct mx_function *f, mx_array *const *inputs, int n, const int *in_axes, struct mx_list *s_inputs,
                  struct mx_list *s_outputs) {
  int64_t batch = -1;
  for (int i = 0; i < n; i++) {
    const struct mx_tensor *t = &inputs[i]->t;
    if (in_axes[i] < 0) continue;
    if (in_axes[i] >= t->ndim)
      return mx_fail(MX_EVALUE, "[vmap] Input %d has %d dimensions, so in_axes cannot be %d.", i, t->ndim, in_axes[i]);
    if (batch >= 0 && t->shape[in_axes[i]] != batch)
      return mx_fail(MX_EVALUE, "[vmap] The mapped dimensions differ: %lld and %lld.", (long long)batch,
                     (long long)t->shape[in_axes[i]]);
    batch = t->shape[in_axes[i]];
  }
  if (n && batch < 0) return mx_fail(MX_EVALUE, "[vmap] At least one of in_axes must be given.");
  struct mx_trace *t = mx_trace_begin(MX_TRACE_VMAP);
  int status = t ? MX_OK : MX_EMEMORY;
  for (int i = 0; i < n && !status; i++) {
    int64_t shape[MX_MAX_NDIM];
    const struct mx_tensor *x = &inputs[i]->t;
    int k = 0;
    for (int d = 0; d < x->ndim; d++)
      if (d != in_axes[i]) shape[k++] = x->shape[d];
    mx_array *s = in_axes[i] < 0 ? mx_ref(inputs[i]) : mx_array_placeholder(shape, k, x->dtype, t);
    status = s ? mx_list_add(s_inputs, s) : MX_EMEMORY;
    mx_unref(s);
  }
  if (!status) status = f->call(f->ctx, s_inputs->at, n, s_outputs);
  mx_trace_end(t);
  return status;
}

struct mapper {
  struct mx_tape tape;
  int64_t *first;
  mx_array **value; /* borrowed from the build; NULL: not mapped, the node itself serves */
  int *axis;
  mx_array **scratch;
  int *scratch_axis;
};

static void mapper_end(struct mapper *m) {
  mx_tape_free(&m->tape);
  mx_free(m->first);
  mx_free(m->value);
  mx_free(m->axis);
  mx_free(m->scratch);
  mx_free(m->scratch_axis);
}

static int mapper_begin(struct mapper *m, mx_array *const *outputs, int n) {
  memset(m, 0, sizeof *m);
  int status = mx_tape_collect(&m->tape, outputs, n, NULL, NULL);
  if (status) return status;
  size_t slots = 0, wide = 1;
  m->first = mx_malloc((size_t)m->tape.n * sizeof *m->first);
  for (int64_t i = 0; m->first && i < m->tape.n; i++) {
    mx_node *node = m->tape.list[i].node;
    m->first[i] = (int64_t)slots;
    slots += (size_t)node->nout;
    if ((size_t)(node->nin + node->nout) > wide) wide = (size_t)(node->nin + node->nout);
  }
  m->value = mx_calloc(slots, sizeof *m->value);
  m->axis = mx_calloc(slots, sizeof *m->axis);
  m->scratch = mx_malloc(2 * wide * sizeof *m->scratch);
  m->scratch_axis = mx_malloc(wide * sizeof *m->scratch_axis);
  if (m->first && m->value && m->axis && m->scratch && m->scratch_axis) return MX_OK;
  mapper_end(m);
  return MX_EMEMORY;
}

static void map_node(mx_build *b, struct mapper *m, int64_t i) {
  struct mx_tape_node *tn = &m->tape.list[i];
  mx_node *n = tn->node;
  if (!tn->in) return;
  mx_array **in = m->scratch, **outs = in + n->nin;
  bool any = false;
  for (int k = 0; k < n->nin; k++) {
    int64_t at = mx_tape_find(&m->tape, tn->in[k]->node);
    int64_t slot = m->first[at] + (tn->in[k] - tn->in[k]->node->out);
    in[k] = m->value[slot] ? m->value[slot] : tn->in[k];
    m->scratch_axis[k] = m->value[slot] ? m->axis[slot] : -1;
    any |= m->value[slot] != NULL;
  }
  if (!any) return;
  struct mx_call c = mx_tape_call(tn, outs);
  b->stream = n->stream;
  node_vmap(b, &c, in, m->scratch_axis, &m->value[m->first[i]], &m->axis[m->first[i]]);
}

/* Gives a result its batch dimension at `axis`; one that depends on no mapped input is repeated. */
static mx_array *place_output(mx_build *b, mx_array *plain, mx_array *x, int from, int to, int64_t batch) {
  int64_t shape[MX_MAX_NDIM + 1], perm[MX_MAX_NDIM];
  if (!x) {
    if (to < 0) return plain;
    shape[0] = batch;
    memcpy(shape + 1, plain->t.shape, (size_t)plain->t.ndim * sizeof *shape);
    if (plain->t.ndim + 1 > MX_MAX_NDIM)
      return mx_build_fail(b, MX_EVALUE, "[vmap] An output would have more than %d dimensions.", MX_MAX_NDIM);
    x = mx_apply_ints(b, &mx_prim_broadcast, plain, shape, plain->t.ndim + 1);
    from = 0;
  }
  if (!x) return NULL;
  if (to < 0) return mx_build_fail(b, MX_EVALUE, "[vmap] An output depends on a mapped input, so its out_axes cannot be None.");
  if (to >= x->t.ndim)
    return mx_build_fail(b, MX_EVALUE, "[vmap] An output has %d dimensions, so out_axes cannot be %d.", x->t.ndim - 1, to);
  if (from == to) return x;
  for (int i = 0, k = 0; i < x->t.ndim; i++) {
    if (k == from) k++;
    perm[i] = i == to ? from : k++;
  }
  return mx_apply_ints(b, &mx_prim_transpose, x, perm, x->t.ndim);
}

int mx_vmap_replace(mx_array *const *inputs, mx_array *const *s_inputs, int n, mx_array *const *s_outputs, int nout,
                    const int *in_axes, const int *out_axes, struct mx_list *outputs) {
  struct mapper m;
  int status = mapper_begin(&m, s_outputs, nout);
  if (status) return status;
  mx_build b;
  mx_build_begin(&b, NULL);
  int64_t batch = 1;
  for (int i = 0; i < n; i++) {
    if (in_axes[i] < 0) continue;
    batch = inputs[i]->t.shape[in_axes[i]];
    int64_t at = mx_tape_find(&m.tape, s_inputs[i]->node);
    if (at < 0) continue;
    m.value[m.first[at]] = inputs[i];
    m.axis[m.first[at]] = in_axes[i];
  }
  for (int64_t i = 0; i < m.tape.n && !b.status; i++) map_node(&b, &m, i);
  for (int k = 0; k < nout && !b.status; k++) {
    int64_t slot = m.first[mx_tape_find(&m.tape, s_outputs[k]->node)] + (s_outputs[k] - s_outputs[k]->node->out);
    b.stream = s_outputs[k]->node->stream ? s_outputs[k]->node->stream : b.stream;
    mx_array *out = place_output(&b, s_outputs[k], m.value[slot], m.axis[slot], out_axes[k], batch);
    if (out && mx_list_add(outputs, out)) b.status = MX_EMEMORY;
  }
  status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  mapper_end(&m);
  return status;
}
