/* plan.c: compiled functions: the steps of a graph over numbered slots instead of nodes. */
#include "eval/plan.h"

#include "core/error.h"
#include "core/thread.h"
#include "eval/eval.h"
#include "eval/run.h"
#include "eval/stream.h"
#include "eval/walk.h"

#include <string.h>

struct plan_step {
  struct mx_step *step;
  struct mx_call call;
  int32_t *at;       /* places in the table: inputs, then outputs */
  bool *last;        /* by input: no later step reads that place, and no output of the plan is there */
};

struct mx_plan_steps {
  struct mx_arena arena;
  struct mx_step *steps;
  struct plan_step *list;
  int64_t nsteps;
  /* The table: the plan's inputs, then constants, then what steps compute. */
  int32_t nconst, nslot;
  mx_array **constants; /* references */
  struct mx_tensor *slots; /* templates: shape and dtype */
  int32_t *out_place;
  int64_t strides; /* total room for the slots' strides */
};

struct planner {
  mx_array *const *inputs;
  int nin;
  mx_array *const *outputs;
  int nout;
  struct mx_walk walk;
  uint64_t epoch;
  bool *wanted;   /* by the walk's order: an output of the plan */
  /* Inputs and constants: nodes of the epoch `leaves`, whose mark is where the places of their outputs begin in leaf_place. */
  uint64_t leaves;
  int32_t *leaf_place;
  int64_t nleaf, leaf_room;
};

/* First walk: everything lazy, to learn what depends on the inputs. Marks: 1 = depends. */
static int visit_lazy(void *ctx, mx_node *n, bool *enter) {
  struct planner *p = ctx;
  *enter = false;
  if (n->epoch == p->epoch || mx_is_done(&n->out[0]) || atomic_load(&n->detached)) return MX_OK;
  n->epoch = p->epoch;
  n->mark = 0;
  if (n->flags & MX_NODE_PLACEHOLDER)
    return mx_fail(MX_EVALUE, "[compile] The function uses an argument of another function that is being transformed.");
  *enter = n->prim != NULL;
  return MX_OK;
}

static bool depends(const struct planner *p, const mx_node *n) { return n->epoch == p->epoch && n->mark; }

/* Computes the borders of what the inputs do not reach. */
static int freeze(struct planner *p) {
  mx_array **border = NULL;
  int64_t n = 0, cap = 0;
  int status = MX_OK;
  for (int64_t i = 0; i < p->walk.n && !status; i++) {
    mx_node *node = p->walk.nodes[i];
    for (int k = 0; k < node->nin; k++) node->mark |= depends(p, node->in[k]->node);
  }
  for (int64_t i = 0; i < p->walk.n + p->nout && !status; i++) {
    mx_node *node = i < p->walk.n ? p->walk.nodes[i] : NULL;
    mx_array *const *in = node ? node->in : &p->outputs[i - p->walk.n];
    for (int k = 0; k < (node ? node->nin : 1) && (!node || node->mark); k++) {
      if (depends(p, in[k]->node) || mx_is_done(in[k])) continue;
      if (n == cap) {
        cap = cap ? 2 * cap : 16;
        mx_array **more = mx_realloc(border, (size_t)cap * sizeof *more);
        if (!more) {
          status = MX_EMEMORY;
          break;
        }
        border = more;
      }
      border[n++] = in[k];
    }
  }
  /* Evaluation takes the lock and leaves marks of its own: the caller walks again after it. */
  mx_unlock(&mx_walk_lock);
  if (!status && n) status = mx_eval(border, n);
  mx_lock(&mx_walk_lock);
  mx_free(border);
  return status;
}

static int visit_plan(void *ctx, mx_node *n, bool *enter) {
  struct planner *p = ctx;
  *enter = n->epoch != p->epoch && !mx_is_done(&n->out[0]) && !(n->flags & MX_NODE_PLACEHOLDER);
  if (*enter) n->epoch = p->epoch;
  return MX_OK;
}

static bool plan_listed(void *ctx, const mx_node *n) {
  const struct planner *p = ctx;
  return n->epoch == p->epoch;
}

static bool plan_needed(void *ctx, const mx_array *a, int64_t uses) {
  const struct planner *p = ctx;
  (void)uses;
  return p->wanted[a->node->mark];
}

/* Where the place of an input or a constant is kept; NULL when memory is short. A place not yet given is negative. */
static int32_t *leaf_place(struct planner *p, const mx_array *a) {
  mx_node *n = a->node;
  if (n->epoch != p->leaves) {
    if (p->nleaf + n->nout > p->leaf_room) {
      int64_t room = 2 * (p->nleaf + n->nout);
      int32_t *more = mx_realloc(p->leaf_place, (size_t)room * sizeof *more);
      if (!more) return NULL;
      p->leaf_place = more, p->leaf_room = room;
    }
    n->epoch = p->leaves;
    n->mark = (uint32_t)p->nleaf;
    for (int k = 0; k < n->nout; k++) p->leaf_place[p->nleaf++] = -1;
  }
  return &p->leaf_place[n->mark + (a - n->out)];
}

/* Where an array stands in the table. A slot's node holds the place of its first output in its mark. */
static int32_t place_of(struct planner *p, const mx_array *a) {
  if (plan_listed(p, a->node)) return (int32_t)a->node->mark + (int32_t)(a - a->node->out);
  return *leaf_place(p, a);
}

static int add_constant(struct mx_plan_steps *s, struct planner *p, mx_array *a) {
  if (plan_listed(p, a->node)) return MX_OK;
  int32_t *place = leaf_place(p, a);
  if (!place) return MX_EMEMORY;
  if (*place >= 0) return MX_OK;
  *place = p->nin + s->nconst;
  s->constants[s->nconst++] = mx_ref(a);
  return MX_OK;
}

static int64_t count_edges(const struct mx_plan_steps *s) {
  int64_t n = 0;
  for (int64_t i = 0; i < s->nsteps; i++) n += s->steps[i].nin + s->steps[i].nout;
  return n;
}

/* Constants first get their places (slots come after them), so: two passes. */
static int layout(struct mx_plan_steps *s, struct planner *p) {
  size_t edges = (size_t)count_edges(s);
  s->constants = mx_arena_take(&s->arena, (edges + (size_t)p->nout) * sizeof *s->constants);
  s->slots = mx_arena_take(&s->arena, (edges + 1) * sizeof *s->slots);
  s->list = mx_arena_take(&s->arena, (size_t)s->nsteps * sizeof *s->list);
  s->out_place = mx_arena_take(&s->arena, (size_t)p->nout * sizeof(int32_t));
  if (!s->constants || !s->slots || !s->list || !s->out_place) return MX_EMEMORY;
  int status = MX_OK;
  p->leaves = mx_walk_epoch();
  for (int i = 0; i < p->nin && !status; i++) {
    int32_t *place = leaf_place(p, p->inputs[i]);
    if (place) *place = i;
    else status = MX_EMEMORY;
  }
  for (int64_t i = 0; i < s->nsteps; i++)
    for (int k = 0; k < s->steps[i].nin && !status; k++) status = add_constant(s, p, s->steps[i].in[k]);
  for (int k = 0; k < p->nout && !status; k++) status = add_constant(s, p, p->outputs[k]);
  if (status) return status;
  int32_t base = p->nin + s->nconst;
  for (int64_t i = 0; i < s->nsteps; i++) {
    struct mx_step *st = &s->steps[i];
    for (int k = 0; k < st->nout; k++) {
      mx_array *a = st->out[k];
      if (a == &a->node->out[0]) a->node->mark = (uint32_t)(base + s->nslot);
      s->slots[s->nslot++] = a->t;
      s->strides += a->t.ndim;
    }
  }
  return MX_OK;
}

static int link_steps(struct mx_plan_steps *s, struct planner *p) {
  int32_t places = p->nin + s->nconst + s->nslot;
  bool *seen = mx_calloc((size_t)places + 1, 1);
  if (!seen) return MX_EMEMORY;
  for (int k = 0; k < p->nout; k++) seen[s->out_place[k] = place_of(p, p->outputs[k])] = true;
  int status = MX_OK;
  for (int64_t i = s->nsteps - 1; i >= 0 && !status; i--) {
    struct plan_step *ps = &s->list[i];
    struct mx_step *st = ps->step = &s->steps[i];
    mx_node *root = mx_step_root(st);
    size_t nin = (size_t)st->nin, all = nin + (size_t)st->nout;
    mx_array **outs = mx_arena_take(&s->arena, (size_t)root->nout * sizeof *outs);
    ps->at = mx_arena_take(&s->arena, all * sizeof *ps->at);
    ps->last = mx_arena_take(&s->arena, nin);
    if (!outs || !ps->at || !ps->last) {
      status = MX_EMEMORY;
      break;
    }
    ps->call = mx_node_call(root, root->in, outs);
    for (size_t k = 0; k < all; k++) ps->at[k] = place_of(p, k < nin ? st->in[k] : st->out[k - nin]);
    for (size_t k = 0; k < nin; k++) ps->last[k] = !seen[ps->at[k]];
    for (size_t k = 0; k < nin; k++) seen[ps->at[k]] = true;
  }
  mx_free(seen);
  return status;
}

static void plan_destroy(struct mx_object *o) {
  struct mx_plan *plan = (struct mx_plan *)o;
  if (plan->steps) {
    for (int32_t i = 0; i < plan->steps->nconst; i++) mx_unref(plan->steps->constants[i]);
    mx_arena_free(&plan->steps->arena);
  }
  for (int i = 0; i < plan->nin; i++) mx_unref(plan->inputs[i]);
  for (int i = 0; i < plan->nout; i++) mx_unref(plan->outputs[i]);
  mx_free(plan->steps);
  mx_free(plan);
}

static const struct mx_object_type plan_type = {.name = "Plan", .destroy = plan_destroy};

static int plan_make(struct mx_plan *plan, struct planner *p) {
  struct mx_plan_steps *s = plan->steps;
  p->epoch = mx_walk_epoch();
  for (int i = 0; i < p->nin; i++) p->inputs[i]->node->epoch = p->epoch, p->inputs[i]->node->mark = 1;
  int status = mx_walk_run(&p->walk, p->outputs, p->nout, visit_lazy, p);
  if (!status) status = freeze(p);
  mx_walk_free(&p->walk);
  mx_walk_init(&p->walk);
  p->epoch = mx_walk_epoch();
  if (!status) status = mx_walk_run(&p->walk, p->outputs, p->nout, visit_plan, p);
  for (int64_t i = 0; i < p->walk.n; i++) p->walk.nodes[i]->mark = (uint32_t)i;
  if (!status && !(p->wanted = mx_calloc((size_t)p->walk.n + 1, 1))) status = MX_EMEMORY;
  for (int k = 0; k < p->nout && !status; k++)
    if (plan_listed(p, p->outputs[k]->node)) p->wanted[p->outputs[k]->node->mark] = true;
  struct mx_fuse f = {p->walk.nodes, p->walk.n, plan_needed, plan_listed, p, false};
  if (!status) status = mx_fuse(&f, &s->arena, &s->steps, &s->nsteps);
  if (!status) status = layout(s, p);
  if (!status) status = link_steps(s, p);
  return status;
}

int mx_plan_new(struct mx_plan **out, mx_array *const *inputs, int nin, mx_array *const *outputs, int nout) {
  struct mx_plan *plan = mx_calloc(1, sizeof *plan + (size_t)(nin + nout) * sizeof(mx_array *));
  if (!plan) return MX_EMEMORY;
  plan->o.refs = 1;
  plan->o.type = &plan_type;
  plan->inputs = (mx_array **)(plan + 1);
  plan->outputs = plan->inputs + nin;
  plan->nin = nin, plan->nout = nout;
  for (int i = 0; i < nin; i++) plan->inputs[i] = mx_ref(inputs[i]);
  for (int i = 0; i < nout; i++) plan->outputs[i] = mx_ref(outputs[i]);
  plan->steps = mx_calloc(1, sizeof *plan->steps);
  int status = plan->steps ? MX_OK : MX_EMEMORY;
  if (!status) {
    mx_arena_init(&plan->steps->arena);
    struct planner p = {.inputs = plan->inputs, .nin = nin, .outputs = plan->outputs, .nout = nout};
    mx_walk_init(&p.walk);
    mx_lock(&mx_walk_lock);
    status = plan_make(plan, &p);
    mx_unlock(&mx_walk_lock);
    mx_walk_free(&p.walk);
    mx_free(p.wanted);
    mx_free(p.leaf_place);
  }
  if (status) plan_destroy(&plan->o);
  else *out = plan;
  return status;
}

/* Running */

/* An output that is no step's own: an input, a constant, or a slot that is an output twice. */
static int hand_over(struct mx_tensor *from, struct mx_tensor *to) {
  memcpy(to->strides, from->strides, (size_t)from->ndim * sizeof(int64_t));
  to->data = from->data;
  to->buf = mx_buffer_ref(from->buf);
  if (from->buf) return MX_OK;
  int status = mx_buffer_new(&to->buf, 16, MX_MEMORY_HOST);
  if (status) return status;
  memcpy(to->buf->host, from->data, mx_dtype_size(from->dtype));
  to->data = to->buf->host;
  return MX_OK;
}

static void release(struct mx_tensor *t) {
  mx_buffer_unref(t->buf);
  t->buf = NULL;
}

static int run_all(const struct mx_plan *plan, struct mx_tensor **table, struct mx_tensor **args, bool *take, const bool *may_take) {
  const struct mx_plan_steps *s = plan->steps;
  int32_t first_slot = plan->nin + s->nconst;
  int64_t work = 0;
  for (int64_t i = 0; i < s->nsteps; i++) {
    const struct plan_step *ps = &s->list[i];
    int nin = ps->step->nin, nout = ps->step->nout;
    for (int k = 0; k < nin + nout; k++) args[k] = table[ps->at[k]];
    for (int k = 0; k < nin; k++) {
      int32_t at = ps->at[k];
      bool mine = at >= first_slot || (at < plan->nin && may_take[at]);
      take[k] = ps->last[k] && mine && args[k]->buf && atomic_load(&args[k]->buf->refs) == 1;
    }
    int status = mx_run_step(ps->step, &ps->call, args, args + nin, take);
    work += args[nin]->size;
    if (!status && work > MX_POLL_WORK) work = 0, status = mx_poll();
    if (status) return status;
    for (int k = 0; k < nin; k++)
      if (ps->last[k] && ps->at[k] >= first_slot) release(args[k]);
  }
  return MX_OK;
}

static int32_t widest(const struct mx_plan_steps *s) {
  int32_t n = 1;
  for (int64_t i = 0; i < s->nsteps; i++)
    if (s->steps[i].nin + s->steps[i].nout > n) n = s->steps[i].nin + s->steps[i].nout;
  return n;
}

int mx_plan_run(struct mx_plan *plan, struct mx_tensor *const *in, struct mx_tensor *const *out, const bool *may_take) {
  const struct mx_plan_steps *s = plan->steps;
  int32_t first_slot = plan->nin + s->nconst, places = first_slot + s->nslot, wide = widest(s);
  size_t slots = (size_t)s->nslot * sizeof(struct mx_tensor), strides = (size_t)s->strides * sizeof(int64_t);
  char *block = mx_malloc(slots + strides + (size_t)(places + wide) * sizeof(void *) + (size_t)wide);
  if (!block) return MX_EMEMORY;
  struct mx_tensor *slot = (struct mx_tensor *)block;
  int64_t *stride = (int64_t *)(block + slots);
  struct mx_tensor **table = (struct mx_tensor **)(block + slots + strides), **args = table + places;
  bool *take = (bool *)(args + wide);
  for (int i = 0; i < plan->nin; i++) table[i] = in[i];
  for (int i = 0; i < s->nconst; i++) table[plan->nin + i] = &s->constants[i]->t;
  memcpy(slot, s->slots, slots);
  for (int i = 0; i < s->nslot; i++) {
    slot[i].strides = stride;
    slot[i].buf = NULL;
    slot[i].data = NULL;
    stride += slot[i].ndim;
    table[first_slot + i] = &slot[i];
  }
  for (int k = plan->nout - 1; k >= 0; k--) /* the first of equals gets the slot itself */
    if (s->out_place[k] >= first_slot) table[s->out_place[k]] = out[k];
  int status = run_all(plan, table, args, take, may_take);
  for (int k = 0; k < plan->nout && !status; k++)
    if (table[s->out_place[k]] != out[k]) status = hand_over(table[s->out_place[k]], out[k]);
  for (int i = 0; i < s->nslot; i++) release(&slot[i]);
  mx_free(block);
  return status;
}
