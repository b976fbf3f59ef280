/* replay.c: building a graph again: with other inputs (vjp, jvp and vmap of a compiled call), or smaller (simplification).
 * Invariant: the new graph computes the same bits as the old one. */
#include "transforms/replay.h"

#include "core/error.h"
#include "core/hash.h"
#include "graph/prim.h"
#include "graph/tape.h"

#include <string.h>

struct replay {
  struct mx_tape tape;
  int64_t *first;
  mx_array **value;    /* by slot: what stands for it; borrowed */
  mx_array **scratch;
  int64_t *table;      /* merge: hash of calls -> tape index + 1 */
  int64_t ntable;
};

static void replay_end(struct replay *r) {
  mx_tape_free(&r->tape);
  mx_free(r->first);
  mx_free(r->value);
  mx_free(r->scratch);
  mx_free(r->table);
}

static int replay_begin(struct replay *r, mx_array *const *outputs, int nout, bool merge) {
  memset(r, 0, sizeof *r);
  int status = mx_tape_collect(&r->tape, outputs, nout, NULL, NULL);
  if (status) return status;
  size_t slots = 0, wide = 1;
  r->first = mx_malloc((size_t)r->tape.n * sizeof *r->first);
  for (int64_t i = 0; r->first && i < r->tape.n; i++) {
    mx_node *n = r->tape.list[i].node;
    r->first[i] = (int64_t)slots;
    slots += (size_t)n->nout;
    if ((size_t)(n->nin + n->nout) > wide) wide = (size_t)(n->nin + n->nout);
  }
  r->value = mx_malloc(slots * sizeof *r->value);
  r->scratch = mx_malloc(wide * sizeof *r->scratch);
  for (r->ntable = 16; merge && r->ntable < 2 * r->tape.n;) r->ntable *= 2;
  if (merge) r->table = mx_calloc((size_t)r->ntable, sizeof *r->table);
  if (!r->first || !r->value || !r->scratch || (merge && !r->table)) {
    replay_end(r);
    return MX_EMEMORY;
  }
  for (int64_t i = 0; i < r->tape.n; i++)
    for (int k = 0; k < r->tape.list[i].node->nout; k++) r->value[r->first[i] + k] = &r->tape.list[i].node->out[k];
  return MX_OK;
}

static int64_t slot_of(const struct replay *r, const mx_array *a) {
  return r->first[mx_tape_find(&r->tape, a->node)] + (a - a->node->out);
}

static bool is_scalar_leaf(const mx_node *n) {
  return !n->prim && n->out[0].t.ndim == 0 && mx_is_done(&n->out[0]) && !n->out[0].t.buf;
}

static uint64_t call_hash(const struct replay *r, int64_t i) {
  const struct mx_tape_node *tn = &r->tape.list[i];
  const mx_node *n = tn->node;
  if (is_scalar_leaf(n)) return mx_hash_bytes(n->out[0].t.dtype, n->out[0].t.data, mx_dtype_size(n->out[0].t.dtype));
  uint64_t h = mx_hash_mix((uint64_t)n->prim->id, (uint64_t)(uintptr_t)n->stream);
  h = mx_hash_bytes(h, n->p.head, (size_t)n->p.head_size);
  h = mx_hash_bytes(h, n->p.ints, (size_t)n->p.nints * sizeof *n->p.ints);
  for (int k = 0; k < n->nin; k++) h = mx_hash_mix(h, (uint64_t)(uintptr_t)r->value[slot_of(r, tn->in[k])]);
  return h;
}

static bool same_object(const struct mx_object *a, const struct mx_object *b) {
  if (a == b) return true;
  return a && b && a->type == b->type && a->type->equal && a->type->equal(a, b);
}

static bool same_call(const struct replay *r, int64_t i, int64_t j) {
  const struct mx_tape_node *x = &r->tape.list[i], *y = &r->tape.list[j];
  const mx_node *a = x->node, *c = y->node;
  if (is_scalar_leaf(a) || is_scalar_leaf(c))
    return is_scalar_leaf(a) && is_scalar_leaf(c) && a->out[0].t.dtype == c->out[0].t.dtype &&
           !memcmp(a->out[0].t.data, c->out[0].t.data, mx_dtype_size(a->out[0].t.dtype));
  if (a->prim != c->prim || a->stream != c->stream || a->nin != c->nin || a->nout != c->nout) return false;
  if (a->p.head_size != c->p.head_size || memcmp(a->p.head, c->p.head, (size_t)a->p.head_size)) return false;
  if (a->p.nints != c->p.nints || memcmp(a->p.ints, c->p.ints, (size_t)a->p.nints * sizeof *a->p.ints)) return false;
  if (!same_object(x->obj, y->obj)) return false;
  for (int k = 0; k < a->nin; k++)
    if (r->value[slot_of(r, x->in[k])] != r->value[slot_of(r, y->in[k])]) return false;
  return true;
}

/* The earlier node that makes the same call, or -1 (and this one is remembered). */
static int64_t find_equal(struct replay *r, int64_t i) {
  const mx_node *n = r->tape.list[i].node;
  if (!r->table || !(r->tape.list[i].in || is_scalar_leaf(n))) return -1;
  uint64_t mask = (uint64_t)r->ntable - 1, s = call_hash(r, i) & mask;
  for (; r->table[s]; s = (s + 1) & mask)
    if (same_call(r, r->table[s] - 1, i)) return r->table[s] - 1;
  r->table[s] = i + 1;
  return -1;
}

static void replay_node(mx_build *b, struct replay *r, int64_t i) {
  struct mx_tape_node *tn = &r->tape.list[i];
  mx_node *n = tn->node;
  int64_t equal = find_equal(r, i);
  if (equal >= 0) {
    for (int k = 0; k < n->nout; k++) r->value[r->first[i] + k] = r->value[r->first[equal] + k];
    return;
  }
  if (!tn->in) return;
  bool changed = false;
  for (int k = 0; k < n->nin; k++) {
    r->scratch[k] = r->value[slot_of(r, tn->in[k])];
    changed |= r->scratch[k] != tn->in[k];
  }
  if (r->table && n->prim->id == MX_PRIM_identity) {
    r->value[r->first[i]] = r->scratch[0];
    return;
  }
  if (!changed) return;
  b->stream = n->stream;
  struct mx_params params = mx_tape_params(tn);
  mx_apply_many(b, n->prim, r->scratch, n->nin, &params, n->nout, &r->value[r->first[i]]);
}

int mx_replay(mx_array *const *from, mx_array *const *to, int n, mx_array *const *outputs, int nout, bool merge, struct mx_list *out) {
  struct replay r;
  int status = replay_begin(&r, outputs, nout, merge);
  if (status) return status;
  mx_build b;
  mx_build_begin(&b, NULL);
  for (int i = 0; i < n; i++)
    if (mx_tape_find(&r.tape, from[i]->node) >= 0) r.value[slot_of(&r, from[i])] = to[i];
  for (int64_t i = 0; i < r.tape.n && !b.status; i++) replay_node(&b, &r, i);
  for (int k = 0; k < nout && !b.status; k++)
    if (mx_list_add(out, r.value[slot_of(&r, outputs[k])])) b.status = MX_EMEMORY;
  status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  replay_end(&r);
  return status;
}
