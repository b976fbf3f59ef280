/* tape.c: writes a part of the graph down, inputs first; a hash table gives each node its place. */
#include "graph/tape.h"

#include "core/error.h"
#include "core/hash.h"
#include "graph/node.h"

#include <string.h>

static uint64_t slot_of(const struct mx_tape *t, const mx_node *n) {
  return mx_hash_mix(0, (uint64_t)(uintptr_t)n) & (uint64_t)(t->nslots - 1);
}

int64_t mx_tape_find(const struct mx_tape *t, const mx_node *n) {
  if (!t->nslots) return -1;
  for (uint64_t s = slot_of(t, n);; s = (s + 1) & (uint64_t)(t->nslots - 1)) {
    if (!t->slots[s]) return -1;
    if (t->list[t->slots[s] - 1].node == n) return t->slots[s] - 1;
  }
}

static void slot_put(struct mx_tape *t, int64_t index) {
  uint64_t s = slot_of(t, t->list[index].node);
  while (t->slots[s]) s = (s + 1) & (uint64_t)(t->nslots - 1);
  t->slots[s] = index + 1;
}

static int add(struct mx_tape *t, mx_node *n) {
  if (t->n == t->cap) {
    int64_t cap = t->cap ? 2 * t->cap : 32;
    struct mx_tape_node *list = mx_realloc(t->list, (size_t)cap * sizeof *list);
    if (!list) return MX_EMEMORY;
    t->list = list;
    t->cap = cap;
    int64_t *slots = mx_calloc((size_t)(4 * cap), sizeof *slots);
    if (!slots) return MX_EMEMORY;
    mx_free(t->slots);
    t->slots = slots;
    t->nslots = 4 * cap;
    for (int64_t i = 0; i < t->n; i++) slot_put(t, i);
  }
  t->list[t->n] = (struct mx_tape_node){mx_node_ref(n), NULL, NULL};
  slot_put(t, t->n++);
  return MX_OK;
}

/* Discovery order first; then the list is turned into inputs-first order by a second, index-only walk. */
struct frame {
  int64_t index;
  int32_t next;
};

static int discover(struct mx_tape *t, mx_array *const *roots, int64_t nroots, bool (*enter)(void *, const mx_node *), void *ctx) {
  int status = MX_OK;
  for (int64_t i = 0; i < nroots && !status; i++)
    if (mx_tape_find(t, roots[i]->node) < 0) status = add(t, roots[i]->node);
  for (int64_t i = 0; i < t->n && !status; i++) {
    mx_node *n = t->list[i].node;
    if (!n->prim || (enter && !enter(ctx, n))) continue;
    mx_array **in = mx_malloc((size_t)n->nin * sizeof *in);
    if (!in) return MX_EMEMORY;
    if (!mx_node_hold(n, in, &t->list[i].obj)) {
      mx_free(in);
      continue;
    }
    t->list[i].in = in;
    for (int k = 0; k < n->nin && !status; k++)
      if (mx_tape_find(t, in[k]->node) < 0) status = add(t, in[k]->node);
  }
  return status;
}

static int sort(struct mx_tape *t, mx_array *const *roots, int64_t nroots) {
  struct mx_tape_node *sorted = mx_malloc((size_t)t->cap * sizeof *sorted);
  struct frame *stack = mx_malloc((size_t)(t->n + 1) * sizeof *stack);
  bool *seen = mx_calloc((size_t)t->n + 1, 1);
  int64_t done = 0, depth = 0;
  for (int64_t r = 0; sorted && stack && seen && r < nroots; r++) {
    int64_t root = mx_tape_find(t, roots[r]->node);
    if (seen[root]) continue;
    seen[root] = true;
    stack[depth++] = (struct frame){root, 0};
    while (depth) {
      struct frame *top = &stack[depth - 1];
      struct mx_tape_node *tn = &t->list[top->index];
      if (!tn->in || top->next == tn->node->nin) {
        sorted[done++] = *tn;
        depth--;
        continue;
      }
      int64_t child = mx_tape_find(t, tn->in[top->next++]->node);
      if (seen[child]) continue;
      seen[child] = true;
      stack[depth++] = (struct frame){child, 0};
    }
  }
  bool failed = !sorted || !stack || !seen;
  mx_free(stack);
  mx_free(seen);
  if (failed) {
    mx_free(sorted);
    return MX_EMEMORY;
  }
  mx_free(t->list);
  t->list = sorted;
  memset(t->slots, 0, (size_t)t->nslots * sizeof *t->slots);
  for (int64_t i = 0; i < t->n; i++) slot_put(t, i);
  return MX_OK;
}

int mx_tape_collect(struct mx_tape *t, mx_array *const *roots, int64_t nroots, bool (*enter)(void *ctx, const mx_node *n), void *ctx) {
  memset(t, 0, sizeof *t);
  int status = discover(t, roots, nroots, enter, ctx);
  if (!status && t->n) status = sort(t, roots, nroots);
  if (status) mx_tape_free(t);
  return status;
}

struct mx_params mx_tape_params(const struct mx_tape_node *tn) {
  const struct mx_params *p = &tn->node->p;
  return (struct mx_params){p->head, p->head_size, p->nints, p->ints, tn->obj};
}

struct mx_call mx_tape_call(const struct mx_tape_node *tn, mx_array **outs) {
  mx_node *n = tn->node;
  for (int i = 0; i < n->nout; i++) outs[i] = &n->out[i];
  return (struct mx_call){.prim = n->prim, .stream = n->stream, .in = tn->in, .out = outs, .nin = n->nin, .nout = n->nout,
                          .p = mx_tape_params(tn)};
}

void mx_tape_free(struct mx_tape *t) {
  for (int64_t i = 0; i < t->n; i++) {
    struct mx_tape_node *tn = &t->list[i];
    if (tn->in) mx_node_let_go(tn->node, tn->in, tn->obj);
    mx_free(tn->in);
    mx_node_unref(tn->node);
  }
  mx_free(t->list);
  mx_free(t->slots);
  memset(t, 0, sizeof *t);
}
