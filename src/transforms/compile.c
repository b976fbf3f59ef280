/* compile.c: traced functions kept by the shapes and dtypes they were traced with.
 * Invariant: a cached plan is used only for inputs of exactly the shapes, dtypes and constants of its trace (shapeless or not):
 * nothing is guessed. The cache is bounded; the least recently used trace goes first. */
#include "core/error.h"
#include "core/hash.h"
#include "core/thread.h"
#include "eval/plan.h"
#include "graph/tape.h"
#include "transforms/replay.h"
#include "transforms/transforms.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, MAX_TRACES = 4096 };

struct entry {
  struct entry *next;              /* in its bucket */
  struct entry *newer, *older;     /* by use */
  uint64_t hash, fun_id;
  int64_t nkey;
  struct mx_plan *plan;
  int64_t key[]; /* constants, then each input's dtype, ndim and shape */
};

static mx_mutex cache_lock = MX_MUTEX_INIT;
static struct entry *buckets[BUCKETS], *newest, *oldest;
static int64_t entries;
static _Atomic uint64_t next_id = 1;
static _Atomic int mode = -1;

uint64_t mx_compile_new_id(void) { return atomic_fetch_add(&next_id, 1); }
void mx_compile_set_mode(enum mx_compile_mode m) { atomic_store(&mode, (int)m); }

static enum mx_compile_mode current_mode(void) {
  int m = atomic_load_explicit(&mode, memory_order_relaxed);
  if (m >= 0) return (enum mx_compile_mode)m;
  m = getenv("MLX_DISABLE_COMPILE") ? MX_COMPILE_DISABLED : MX_COMPILE_ENABLED;
  int none = -1;
  return (enum mx_compile_mode)(atomic_compare_exchange_strong(&mode, &none, m) ? m : none); /* somebody may have set it meanwhile */
}

static void unlink_use(struct entry *e) {
  *(e->newer ? &e->newer->older : &newest) = e->older;
  *(e->older ? &e->older->newer : &oldest) = e->newer;
}

static void link_newest(struct entry *e) {
  e->newer = NULL;
  e->older = newest;
  *(newest ? &newest->newer : &oldest) = e;
  newest = e;
}

/* Takes e out of the cache; the caller frees it outside the lock. */
static void remove_entry(struct entry *e) {
  struct entry **at = &buckets[e->hash % BUCKETS];
  while (*at != e) at = &(*at)->next;
  *at = e->next;
  unlink_use(e);
  entries--;
}

static void free_entry(struct entry *e) {
  mx_object_unref(&e->plan->o);
  mx_free(e);
}

static struct entry *find(uint64_t fun_id, uint64_t hash, const int64_t *key, int64_t nkey) {
  for (struct entry *e = buckets[hash % BUCKETS]; e; e = e->next)
    if (e->hash == hash && e->fun_id == fun_id && e->nkey == nkey && !memcmp(e->key, key, (size_t)nkey * sizeof *key)) return e;
  return NULL;
}

static int64_t make_key(int64_t *key, const uint64_t *constants, int64_t nconstants, mx_array *const *in, int nin) {
  int64_t n = 0;
  for (int64_t i = 0; i < nconstants; i++) key[n++] = (int64_t)constants[i];
  for (int i = 0; i < nin; i++) {
    const struct mx_tensor *t = &in[i]->t;
    key[n++] = (int64_t)t->dtype << 32 | t->ndim;
    for (int d = 0; d < t->ndim; d++) key[n++] = t->shape[d];
  }
  return n;
}

static void drop_matching(uint64_t fun_id, bool all) {
  struct entry *dropped = NULL;
  mx_lock(&cache_lock);
  for (struct entry *e = newest; e;) {
    struct entry *older = e->older;
    if (all || e->fun_id == fun_id) {
      remove_entry(e);
      e->next = dropped;
      dropped = e;
    }
    e = older;
  }
  mx_unlock(&cache_lock);
  while (dropped) {
    struct entry *next = dropped->next;
    free_entry(dropped);
    dropped = next;
  }
}

void mx_compile_erase(uint64_t fun_id) { drop_matching(fun_id, false); }
void mx_compile_clear(void) { drop_matching(0, true); }

/* Does the traced graph use an array of another transform in progress, other than through the inputs? */
static bool captures_trace(const struct mx_list *outputs, const struct mx_trace *own, int *status) {
  struct mx_tape tape;
  *status = mx_tape_collect(&tape, outputs->at, outputs->n, NULL, NULL);
  if (*status) return false;
  bool found = false;
  for (int64_t i = 0; i < tape.n && !found; i++) {
    const mx_node *n = tape.list[i].node;
    found = n->trace && n->trace->id < own->id && n->trace->active && (!tape.list[i].in || n->flags);
  }
  mx_tape_free(&tape);
  return found;
}

/* Traces f. *plan stays NULL when the function uses arrays of an outer transform: then it must run as it is. */
static int trace(const struct mx_function *f, mx_array *const *in, int nin, struct mx_plan **plan) {
  struct mx_list inputs = {0}, outputs = {0}, merged = {0};
  struct mx_trace *t = mx_trace_begin(MX_TRACE_COMPILE);
  int status = t ? MX_OK : MX_EMEMORY;
  for (int i = 0; i < nin && !status; i++) {
    mx_array *p = mx_array_placeholder(in[i]->t.shape, in[i]->t.ndim, in[i]->t.dtype, t);
    status = p ? mx_list_add(&inputs, p) : MX_EMEMORY;
    mx_unref(p);
  }
  if (!status) status = f->call(f->ctx, inputs.at, nin, &outputs);
  bool outer = !status && t->parent && captures_trace(&outputs, t, &status);
  if (!status && !outer) {
    bool merge = current_mode() != MX_COMPILE_NO_SIMPLIFY;
    status = mx_replay(NULL, NULL, 0, outputs.at, (int)outputs.n, merge, &merged);
    if (!status) status = mx_plan_new(plan, inputs.at, nin, merged.at, (int)merged.n);
  }
  mx_trace_end(t);
  mx_list_clear(&merged);
  mx_list_clear(&outputs);
  mx_list_clear(&inputs);
  return status;
}

/* Keeps the plan under its key; a plan that another thread kept meanwhile is dropped for ours. */
static void keep(uint64_t fun_id, uint64_t hash, const int64_t *key, int64_t nkey, struct mx_plan *plan) {
  struct entry *e = mx_malloc(sizeof *e + (size_t)nkey * sizeof *key), *dropped = NULL;
  if (!e) {
    mx_error_clear(); /* it will be traced again */
    return;
  }
  e->hash = hash, e->fun_id = fun_id, e->nkey = nkey;
  e->plan = plan;
  mx_object_ref(&plan->o);
  memcpy(e->key, key, (size_t)nkey * sizeof *key);
  mx_lock(&cache_lock);
  if ((dropped = find(fun_id, hash, key, nkey)) || (entries >= MAX_TRACES && (dropped = oldest))) remove_entry(dropped);
  e->next = buckets[hash % BUCKETS];
  buckets[hash % BUCKETS] = e;
  link_newest(e);
  entries++;
  mx_unlock(&cache_lock);
  if (dropped) free_entry(dropped);
}

static int apply_plan(struct mx_plan *plan, mx_array *const *in, int nin, struct mx_list *out) {
  if (!plan->nout) return MX_OK;
  mx_array **made = mx_malloc((size_t)plan->nout * sizeof *made);
  if (!made) return MX_EMEMORY;
  mx_build b;
  mx_build_begin(&b, NULL);
  mx_apply_many(&b, &mx_prim_compiled, in, nin, &(struct mx_params){.obj = &plan->o}, plan->nout, made);
  for (int k = 0; k < plan->nout && !b.status; k++)
    if (mx_list_add(out, made[k])) b.status = MX_EMEMORY;
  int status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  mx_free(made);
  return status;
}

int mx_compile_call(const struct mx_function *f, uint64_t fun_id, const uint64_t *constants, int64_t nconstants, bool shapeless,
                    mx_array *const *in, int nin, struct mx_list *out) {
  (void)shapeless; /* a trace for each shape is always right */
  if (current_mode() == MX_COMPILE_DISABLED) return f->call(f->ctx, in, nin, out);
  size_t room = (size_t)nconstants;
  for (int i = 0; i < nin; i++) room += 1 + (size_t)in[i]->t.ndim;
  int64_t few[128], *key = room <= 128 ? few : mx_malloc(room * sizeof *key);
  if (!key) return MX_EMEMORY;
  int64_t nkey = make_key(key, constants, nconstants, in, nin);
  uint64_t hash = mx_hash_bytes(fun_id, key, (size_t)nkey * sizeof *key);
  mx_lock(&cache_lock);
  struct entry *e = find(fun_id, hash, key, nkey);
  struct mx_plan *plan = e ? e->plan : NULL;
  if (plan) mx_object_ref(&plan->o);
  if (e && e != newest) {
    unlink_use(e);
    link_newest(e);
  }
  mx_unlock(&cache_lock);
  int status = plan ? MX_OK : trace(f, in, nin, &plan);
  if (!status && plan && !e) keep(fun_id, hash, key, nkey, plan);
  if (!status) status = plan ? apply_plan(plan, in, nin, out) : f->call(f->ctx, in, nin, out);
  if (plan) mx_object_unref(&plan->o);
  if (key != few) mx_free(key);
  return status;
}

/* The rules of a compiled call: those of the graph it stands for. */

static const struct mx_plan *plan_of(const struct mx_call *c) { return (const struct mx_plan *)c->p.obj; }

static int compiled_infer(const struct mx_call *c, struct mx_spec *out) {
  for (int k = 0; k < c->nout; k++) {
    const struct mx_tensor *t = &plan_of(c)->outputs[k]->t;
    out[k].dtype = t->dtype;
    out[k].ndim = t->ndim;
    memcpy(out[k].shape, t->shape, (size_t)t->ndim * sizeof *t->shape);
  }
  return MX_OK;
}

static int unroll(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  const struct mx_plan *p = ctx;
  return mx_replay(p->inputs, in, nin, p->outputs, p->nout, false, out);
}

/* Moves the list's arrays to the build and into out[]. */
static void give(mx_build *b, int status, struct mx_list *l, mx_array **out) {
  for (int64_t i = 0; i < l->n; i++) out[i] = mx_build_own(b, mx_ref(l->at[i]));
  if (status && !b->status) b->status = status;
  mx_list_clear(l);
}

static void compiled_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  (void)wanted;
  struct mx_function f = {unroll, (void *)plan_of(c)};
  struct mx_list values = {0}, g = {0};
  int status = mx_vjp(&f, c->in, c->nin, cot, c->nout, &values, &g);
  mx_list_clear(&values);
  give(b, status, &g, grads);
}

static void compiled_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  struct mx_function f = {unroll, (void *)plan_of(c)};
  struct mx_list values = {0}, t = {0};
  mx_array **full = mx_malloc((size_t)c->nin * sizeof *full);
  int status = full ? MX_OK : MX_EMEMORY;
  for (int i = 0; i < c->nin && full; i++) {
    full[i] = tan[i];
    if (!full[i])
      full[i] = mx_apply_ints(b, &mx_prim_broadcast, mx_scalar(b, 0, c->in[i]->t.dtype), c->in[i]->t.shape, c->in[i]->t.ndim);
  }
  if (!status) status = b->status;
  if (!status) status = mx_jvp(&f, c->in, full, c->nin, &values, &t);
  mx_list_clear(&values);
  give(b, status, &t, out_tan);
  mx_free(full);
}

static void compiled_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  const struct mx_plan *p = plan_of(c);
  struct mx_list o = {0};
  for (int k = 0; k < c->nout; k++) out_axis[k] = 0;
  int status = mx_vmap_replace(in, p->inputs, c->nin, p->outputs, c->nout, axis, out_axis, &o);
  give(b, status, &o, out);
}

const struct mx_prim mx_prim_compiled = {
    .id = MX_PRIM_compiled, .name = "Compiled", .kind = MX_GENERAL,
    .infer = compiled_infer, .vjp = compiled_vjp, .jvp = compiled_jvp, .vmap = compiled_vmap,
};
