/* fuse.c: graph region → program. Greedy from the results backwards: a node joins the group of its consumers when all of
 * them are in that one group, it has the group's shape and stream, and there is room.
 * Invariant: all listed consumers of a member that is not the root are members; so groups never wait for each other in a ring. */
#include "program/fuse.h"

#include "core/error.h"

#include <string.h>

struct item {
  int64_t uses;   /* edges from listed nodes, over all outputs */
  int32_t group;  /* -1: none yet */
  int32_t joint;  /* the group of its consumers so far; -1 none, -2 several */
  int32_t next;   /* the member after it in its group's list, in order of the nodes; -1 ends */
  int32_t value;  /* its value's number in the program */
  bool stored;    /* has data of its own */
};

struct group {
  int32_t first; /* member list, inputs first */
  int32_t count;
  int32_t ninputs, ninstr;
  bool fusible, reduces;
  const mx_array *space; /* whose shape the program iterates over */
  const mx_array *inputs[MX_PROGRAM_INPUTS];
};

struct fuser {
  const struct mx_fuse *f;
  struct mx_arena *arena;
  struct item *items;
  struct group *groups;
  int32_t ngroups, cap;
};

/* Nodes that a program passes through without an instruction. */
static bool is_alias(const mx_node *n) {
  return n->prim->id == MX_PRIM_identity || n->prim->id == MX_PRIM_stop_gradient;
}
static bool is_elementwise(const mx_node *n) { return n->prim->kind == MX_ELEMENTWISE; }
static bool is_reduction(const mx_node *n) {
  return n->prim->kind == MX_REDUCE && n->prim->id >= MX_PRIM_sum && n->prim->id <= MX_PRIM_any;
}

/* The reduced dimensions, dropped: the same elements. */
static bool is_squeeze(const mx_node *n) { return n->prim->id == MX_PRIM_squeeze; }

static int group_new(struct fuser *s, int32_t i) {
  mx_node *n = s->f->nodes[i];
  if (s->ngroups == s->cap) {
    int32_t cap = s->cap ? 2 * s->cap : 4;
    struct group *more = mx_arena_take(s->arena, (size_t)cap * sizeof *more);
    if (!more) return MX_EMEMORY;
    if (s->ngroups) memcpy(more, s->groups, (size_t)s->ngroups * sizeof *more);
    s->groups = more, s->cap = cap;
  }
  struct group *g = &s->groups[s->ngroups];
  g->first = i, g->count = 1, g->ninputs = 0, g->ninstr = 0;
  g->reduces = is_reduction(n);
  g->fusible = is_elementwise(n) || g->reduces;
  g->space = is_reduction(n) ? n->in[0] : &n->out[0];
  s->items[i].group = s->ngroups++;
  s->items[i].next = -1;
  return MX_OK;
}

static int find_input(const struct group *g, const mx_array *a) {
  for (int k = 0; k < g->ninputs; k++)
    if (g->inputs[k] == a) return k;
  return -1;
}

/* Would the inputs of the group, with n a member, still fit? Adds them when they do. */
static bool take_inputs(struct group *g, const mx_node *n) {
  int own = find_input(g, &n->out[0]), before = g->ninputs;
  const mx_array *last = own >= 0 ? g->inputs[before - 1] : NULL;
  if (own >= 0) g->inputs[own] = last, g->ninputs--;
  for (int k = 0; k < n->nin; k++) {
    if (find_input(g, n->in[k]) >= 0) continue;
    if (g->ninputs == MX_PROGRAM_INPUTS) { /* as it was */
      if (own >= 0) g->inputs[before - 1] = last, g->inputs[own] = &n->out[0];
      g->ninputs = before;
      return false;
    }
    g->inputs[g->ninputs++] = n->in[k];
  }
  return true;
}

static bool join(struct fuser *s, int32_t i, int32_t to) {
  mx_node *n = s->f->nodes[i];
  struct group *g = &s->groups[to];
  if (g->reduces && s->items[i].stored) return false; /* its one store is the reduced value */
  if (!g->fusible || g->ninstr >= MX_PROGRAM_INSTRS || n->stream != s->f->nodes[g->first]->stream) return false;
  if (!mx_same_shape(&n->out[0].t, &g->space->t)) return false;
  if (!take_inputs(g, n)) return false;
  g->ninstr += !is_alias(n);
  g->count++;
  s->items[i].group = to;
  s->items[i].next = g->first;
  g->first = i;
  return true;
}

/* A reduction whose one use is a squeeze is stored in the squeezed shape at once. */
static bool join_squeeze(struct fuser *s, int32_t i, int32_t to) {
  mx_node *n = s->f->nodes[i];
  struct group *g = &s->groups[to];
  const mx_node *root = s->f->nodes[g->first];
  if (s->items[i].stored || g->count != 1 || !is_squeeze(root) || n->stream != root->stream) return false;
  g->reduces = g->fusible = true;
  g->space = n->in[0];
  take_inputs(g, n);
  g->count++;
  s->items[i].group = to;
  s->items[i].next = g->first;
  g->first = i;
  return true;
}

/* Stored members beyond the root need output slots of the program. */
static int stored_count(const struct fuser *s, const struct group *g) {
  int count = 0;
  for (int32_t i = g->first; i >= 0; i = s->items[i].next) count += s->items[i].stored;
  return count;
}

/* Does node i join the one group of its consumers? */
static bool join_consumers(struct fuser *s, int32_t i) {
  const mx_node *n = s->f->nodes[i];
  const struct item *it = &s->items[i];
  if (is_reduction(n)) return join_squeeze(s, i, it->joint);
  if (!is_elementwise(n) && !is_alias(n)) return false;
  return !(it->stored && stored_count(s, &s->groups[it->joint]) >= MX_PROGRAM_OUTPUTS) && join(s, i, it->joint);
}

static int group_all(struct fuser *s) {
  const struct mx_fuse *f = s->f;
  for (int64_t i = 0; i < f->n; i++) s->items[i] = (struct item){.group = -1, .joint = -1};
  for (int64_t i = 1; i < f->n; i++) /* the first has no inputs among them */
    for (int k = 0; k < f->nodes[i]->nin; k++) {
      mx_node *p = f->nodes[i]->in[k]->node;
      if (f->listed(f->ctx, p)) s->items[p->mark].uses++;
    }
  for (int64_t i = f->n - 1; i >= 0; i--) {
    mx_node *n = f->nodes[i];
    struct item *it = &s->items[i];
    it->stored = n->nout > 1 || f->needed(f->ctx, &n->out[0], it->uses);
    if (f->off || it->joint < 0 || !join_consumers(s, (int32_t)i)) {
      if (group_new(s, (int32_t)i)) return MX_EMEMORY;
      struct group *g = &s->groups[it->group];
      it->stored = true;
      if (g->fusible) {
        take_inputs(g, n);
        g->ninstr = is_elementwise(n);
      }
    }
    for (int k = 0; k < n->nin && i > 0; k++) {
      mx_node *p = n->in[k]->node;
      if (!f->listed(f->ctx, p)) continue;
      int32_t *joint = &s->items[p->mark].joint;
      *joint = *joint == -1 || *joint == it->group ? it->group : -2;
    }
  }
  return MX_OK;
}

static int value_of(struct fuser *s, const struct group *g, int32_t gi, const mx_array *a) {
  if (g->count > 1 && s->f->listed(s->f->ctx, a->node) && s->items[a->node->mark].group == gi) return s->items[a->node->mark].value;
  return find_input(g, a);
}

static void emit_program(struct fuser *s, int32_t gi, struct mx_step *step) {
  struct group *g = &s->groups[gi];
  struct mx_program *p = step->program;
  p->nin = (uint8_t)g->ninputs;
  p->ninstr = p->reduce = p->reduce_dtype = 0;
  for (int k = 0; k < g->ninputs; k++) p->in_dtype[k] = (uint8_t)g->inputs[k]->t.dtype;
  for (int32_t m = 0; m < step->nnodes; m++) {
    mx_node *n = step->nodes[m];
    struct item *it = &s->items[n->mark];
    if (is_squeeze(n)) continue; /* the root: what it drops has one element */
    if (is_alias(n)) {
      it->value = value_of(s, g, gi, n->in[0]);
    } else if (is_reduction(n)) {
      p->reduce = (uint8_t)(1 + n->prim->id);
      p->reduce_dtype = (uint8_t)n->out[0].t.dtype;
      p->out[0] = (uint8_t)value_of(s, g, gi, n->in[0]);
      for (int k = 0; k < n->p.nints; k++) step->reduce_axes |= 1u << n->p.ints[k];
    } else {
      struct mx_instr *in = &p->code[p->ninstr];
      in->prim = (uint8_t)n->prim->id;
      in->key = (uint8_t)n->in[n->nin - 1]->t.dtype;
      in->dtype = (uint8_t)n->out[0].t.dtype;
      in->nsrc = (uint8_t)n->nin;
      for (int k = 0; k < n->nin; k++) in->src[k] = (uint8_t)value_of(s, g, gi, n->in[k]);
      it->value = p->nin + p->ninstr++;
    }
  }
  p->nout = (uint8_t)step->nout;
  for (int k = 0; k < step->nout && !p->reduce; k++) p->out[k] = (uint8_t)s->items[step->out[k]->node->mark].value;
}

static int emit(struct fuser *s, int32_t gi, struct mx_step *step) {
  struct group *g = &s->groups[gi];
  *step = (struct mx_step){.nnodes = g->count};
  mx_node **nodes = step->nodes = mx_arena_take(s->arena, (size_t)g->count * sizeof *nodes);
  if (!nodes) return MX_EMEMORY;
  int stored = 0;
  for (int32_t i = g->first, m = 0; i >= 0; i = s->items[i].next) {
    nodes[m++] = s->f->nodes[i];
    stored += s->items[i].stored;
  }
  mx_node *root = mx_step_root(step);
  bool fused = g->fusible;
  step->stream = root->stream;
  step->kind = fused ? MX_STEP_PROGRAM : root->prim->kind == MX_VIEW ? MX_STEP_VIEW : MX_STEP_KERNEL;
  step->nin = fused ? g->ninputs : root->nin;
  step->nout = fused ? stored : root->nout;
  step->in = mx_arena_take(s->arena, (size_t)(step->nin + step->nout) * sizeof *step->in);
  if (fused) step->program = mx_arena_take(s->arena, sizeof *step->program);
  if (!step->in || (fused && !step->program)) return MX_EMEMORY;
  step->out = step->in + step->nin;
  if (!fused) {
    for (int k = 0; k < step->nin; k++) step->in[k] = root->in[k];
    for (int k = 0; k < step->nout; k++) step->out[k] = &root->out[k];
    return MX_OK;
  }
  for (int k = 0; k < step->nin; k++) step->in[k] = (mx_array *)g->inputs[k];
  step->out[0] = &root->out[0];
  for (int32_t m = 0, k = 1; m < g->count - 1; m++)
    if (s->items[nodes[m]->mark].stored) step->out[k++] = &nodes[m]->out[0];
  step->ndim = g->space->t.ndim;
  step->shape = g->space->t.shape;
  emit_program(s, gi, step);
  return MX_OK;
}

int mx_fuse(const struct mx_fuse *f, struct mx_arena *arena, struct mx_step **steps, int64_t *nsteps) {
  struct fuser s = {.f = f, .arena = arena};
  s.items = mx_arena_take(arena, (size_t)f->n * sizeof *s.items);
  if (!s.items || group_all(&s)) return MX_EMEMORY;
  *nsteps = s.ngroups;
  *steps = mx_arena_take(arena, (size_t)s.ngroups * sizeof **steps);
  if (!*steps) return MX_EMEMORY;
  /* Groups were made from the last root to the first: turned round they stand in the order of their roots. */
  for (int32_t g = 0; g < s.ngroups; g++)
    if (emit(&s, g, &(*steps)[s.ngroups - 1 - g])) return MX_EMEMORY;
  return MX_OK;
}
