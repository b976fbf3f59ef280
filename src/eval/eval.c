/* eval.c: from arrays asked for to arrays computed: claim, plan, run, publish.
 * Invariant: a set of nodes is claimed at once, under one lock, and workers get their jobs under that lock: claims are ordered in
 * time, an evaluation waits for what was claimed earlier alone, so no two evaluations wait for each other. */
#include "eval/eval.h"

#include "core/error.h"
#include "core/thread.h"
#include "eval/run.h"
#include "eval/stream.h"
#include "eval/walk.h"
#include "graph/node.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { STRIPES = 64 };
static struct {
  mx_mutex lock;
  mx_cond cond;
} stripes[STRIPES] = {[0 ... STRIPES - 1] = {MX_MUTEX_INIT, MX_COND_INIT}};

/* Set when an evaluation of this thread ended because another one gave an input back: worth another try, which then meets
 * the reason itself. */
static _Thread_local bool input_lost;

/* One evaluation under way. On the stack of a caller that waits, else on the heap. */
struct eval {
  _Atomic int32_t refs; /* on the heap: the caller and the streams' jobs */
  bool heap;
  uint64_t epoch;
  struct mx_walk order; /* the claimed nodes, inputs first; each with a reference until it is published */
  struct mx_arena arena;
  struct mx_step *steps;
  int64_t nsteps;
  _Atomic int failed; /* 0; 1: error is being written; 2: it is there, the first of any of the streams */
  struct mx_error error;
  struct stream_job {
    struct mx_job job;
    struct eval *e;
    struct mx_stream *stream;
  } *jobs;
};

/* States */

static void node_settle(mx_node *n, enum mx_state state) {
  atomic_store(&n->state, (uint8_t)state);
  if (!atomic_load(&n->awaited)) return;
  int i = (int)(((uintptr_t)n >> 6) % STRIPES);
  mx_lock(&stripes[i].lock);
  mx_wake_all(&stripes[i].cond);
  mx_unlock(&stripes[i].lock);
}

/* Claimed, and (for an evaluation that may itself be waited for: e) by an earlier claim than e's. A node that was given back and
 * claimed again, later than e, is not e's to wait for: that evaluation may wait for e. */
static bool is_awaited(const mx_node *n, const struct eval *e) {
  if (atomic_load(&n->state) != MX_CLAIMED) return false;
  return !e || atomic_load_explicit(&n->claim, memory_order_relaxed) <= e->epoch;
}

/* Waits while the node is claimed. MX_ECALLBACK when the wait was interrupted; else the caller looks at the state. */
static int node_await(mx_node *n, const struct eval *e) {
  if (!is_awaited(n, e)) return MX_OK;
  int i = (int)(((uintptr_t)n >> 6) % STRIPES), status = MX_OK;
  mx_lock(&stripes[i].lock);
  atomic_store(&n->awaited, true);
  while (!status && is_awaited(n, e)) status = mx_wait_a_little(&stripes[i].cond, &stripes[i].lock);
  mx_unlock(&stripes[i].lock);
  return status;
}

static void node_fail(mx_node *n) {
  struct mx_error *e = mx_malloc(sizeof *e);
  if (e) {
    struct mx_error now = mx_error_take();
    mx_error_raise(&now);
    *e = now;
    n->error = e;
  }
  node_settle(n, MX_FAILED);
}

static int node_raise(const mx_node *n) {
  if (n->error) return mx_error_raise(n->error);
  return mx_fail(MX_ERUNTIME, "[eval] The evaluation of this array failed.");
}

/* Claiming: an iterative walk from the results to what is there; all or nothing. */

static int claim_visit(void *ctx, mx_node *n, bool *enter) {
  struct eval *e = ctx;
  *enter = false;
  if (n->epoch == e->epoch) return MX_OK;
  uint8_t state = atomic_load_explicit(&n->state, memory_order_acquire);
  if (state == MX_FAILED) return node_raise(n);
  /* Seen once, seen for this walk: a node that another evaluation gives back meanwhile would stand behind what waits for it. */
  n->epoch = e->epoch;
  if (state != MX_LAZY) return MX_OK;
  if (n->flags & MX_NODE_PLACEHOLDER)
    return mx_fail(MX_EVALUE,
                   "[eval] Attempting to eval an array during function transformations like compile or vmap is not allowed: "
                   "it depends on an argument of the function that is being transformed.");
  *enter = true;
  return MX_OK;
}

static int claim(struct eval *e, mx_array *const *arrays, int64_t n) {
  e->epoch = mx_walk_epoch();
  int status = mx_walk_run(&e->order, arrays, n, claim_visit, e);
  for (int64_t i = 0; i < e->order.n; i++) {
    mx_node *node = e->order.nodes[i];
    if (status) continue;
    node->mark = (uint32_t)i;
    mx_node_ref(node);
    atomic_store_explicit(&node->claim, e->epoch, memory_order_relaxed);
    atomic_store_explicit(&node->state, MX_CLAIMED, memory_order_release);
  }
  return status;
}

static bool claim_listed(void *ctx, const mx_node *n) {
  const struct eval *e = ctx;
  return n->claim == e->epoch && n->prim;
}

/* Somebody besides the claimed consumers holds it, or a gradient will want it. */
static bool claim_needed(void *ctx, const mx_array *a, int64_t uses) {
  return atomic_load_explicit(&a->refs, memory_order_relaxed) > uses || mx_trace_wants(a->node);
}

static int plan(struct eval *e) {
  static _Atomic int no_fuse = -1;
  if (no_fuse < 0) no_fuse = getenv("MLX_NO_FUSE") != NULL;
  struct mx_fuse f = {e->order.nodes, e->order.n, claim_needed, claim_listed, e, no_fuse > 0};
  return mx_fuse(&f, &e->arena, &e->steps, &e->nsteps);
}

/* Running */

static int64_t edges(const struct mx_step *s, const mx_array *a) {
  int64_t count = 0;
  for (int m = 0; m < s->nnodes; m++)
    for (int k = 0; k < s->nodes[m]->nin; k++) count += s->nodes[m]->in[k] == a;
  return count;
}

/* Does anybody but this step hold it, an input or a member? Counting edges looks at all inputs, and a call of a million must not look
 * a million times: of many inputs only those count as the step's that one edge alone holds. */
static bool is_held_elsewhere(const struct mx_step *s, const mx_array *a) {
  enum { FEW_INPUTS = 256 };
  int32_t refs = atomic_load_explicit(&a->refs, memory_order_acquire);
  return refs != 1 && (s->nin > FEW_INPUTS || refs != edges(s, a));
}

static bool is_output(const struct mx_step *s, const mx_node *n) {
  for (int k = 0; k < s->nout; k++)
    if (s->out[k]->node == n) return true;
  return false;
}

/* May such a step write its output over an input at all? */
static bool writes_over(const struct mx_step *s, bool compiled) {
  if (s->kind == MX_STEP_PROGRAM) return !s->program->reduce;
  return s->kind == MX_STEP_KERNEL && (compiled || mx_step_root(s)->prim->inplace);
}

/* Worth stealing for: a big enough input that nobody but this step holds and that an output could be written over. */
static bool is_candidate(const struct mx_step *s, const mx_array *a, bool compiled) {
  const struct mx_tensor *t = &a->t;
  if (!t->buf || t->buf->external || t->buf->read_only) return false;
  if (atomic_load_explicit(&t->buf->refs, memory_order_acquire) != 1) return false;
  bool few = s->nnodes == 1 && s->nin <= 3; /* soon counted; else counting comes last */
  if (few && is_held_elsewhere(s, a)) return false;
  if (!compiled && (t->size <= 1 || mx_dtype_size(t->dtype) != mx_dtype_size(s->out[0]->t.dtype) || !mx_same_shape(t, &s->out[0]->t) ||
                    !mx_tensor_is_contiguous(t)))
    return false;
  return few || !is_held_elsewhere(s, a);
}

/* Decides which inputs' buffers may be written over. When any may, the members are stolen (hidden from walkers) and stay so. */
static bool steal_inputs(struct mx_step *s, bool *may_take) {
  bool any = false, compiled = s->kind == MX_STEP_KERNEL && mx_step_root(s)->prim->id == MX_PRIM_compiled;
  bool may = writes_over(s, compiled);
  for (int k = 0; k < s->nin; k++) any |= may_take[k] = may && is_candidate(s, s->in[k], compiled);
  if (!any) return false;
  for (int m = 0; m < s->nnodes; m++)
    if (mx_trace_wants(s->nodes[m])) any = false;
  int stolen = 0;
  while (any && stolen < s->nnodes && mx_node_steal(s->nodes[stolen])) stolen++;
  any = any && stolen == s->nnodes;
  /* Now no walker can come by new references: those that came before show in the counts. */
  for (int m = 0; any && m < s->nnodes; m++) {
    mx_array *a = &s->nodes[m]->out[0];
    if (!is_output(s, s->nodes[m]) && is_held_elsewhere(s, a)) any = false;
  }
  bool left = false;
  for (int k = 0; any && k < s->nin; k++)
    left |= may_take[k] = may_take[k] && is_candidate(s, s->in[k], compiled);
  any = any && left;
  for (int m = 0; !any && m < stolen; m++) mx_node_unsteal(s->nodes[m]);
  for (int k = 0; !any && k < s->nin; k++) may_take[k] = false;
  return any;
}

/* Keeps a copy of this thread's error for the evaluation's other streams: what they wait for goes back to lazy. */
static void note_error(struct eval *e) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&e->failed, &none, 1)) return;
  e->error = mx_error_take();
  mx_error_raise(&e->error);
  atomic_store(&e->failed, 2);
}

static int step_inputs_ready(const struct eval *e, const struct mx_step *s) {
  for (int k = 0; k < s->nin; k++) {
    mx_node *n = s->in[k]->node;
    if (MX_LIKELY(atomic_load_explicit(&n->state, memory_order_acquire) == MX_DONE)) continue;
    int status = node_await(n, e);
    if (status) return status;
    uint8_t state = atomic_load_explicit(&n->state, memory_order_acquire);
    if (state == MX_FAILED) return node_raise(n);
    if (state != MX_DONE) {
      while (atomic_load(&e->failed) == 1) sched_yield(); /* another stream is writing down why */
      if (atomic_load(&e->failed) == 2) return mx_error_raise(&e->error);
      input_lost = true;
      return mx_fail(MX_ERUNTIME, "[eval] An input was not computed: its evaluation failed elsewhere.");
    }
  }
  return MX_OK;
}

/* Gives a step's nodes back as they were: nobody can tell that they were claimed. */
static void step_revert(struct mx_step *s, int from) {
  for (int m = from; m < s->nnodes; m++) {
    node_settle(s->nodes[m], MX_LAZY);
    mx_node_unref(s->nodes[m]);
  }
}

static void step_publish(struct mx_step *s, bool stolen) {
  for (int m = s->nnodes - 1; m >= 0; m--) { /* the root first: letting its inputs go lets fused members die */
    mx_node *n = s->nodes[m];
    if (stolen) mx_node_drop_stolen(n);
    else if (is_output(s, n)) mx_node_detach(n);
    /* A member without data of its own: whoever still has it can compute it again. */
    node_settle(n, is_output(s, n) ? MX_DONE : MX_LAZY);
  }
  for (int m = 0; m < s->nnodes; m++) mx_node_unref(s->nodes[m]); /* last: s->out points into them */
}

static int step_run(struct eval *e, struct mx_step *s) {
  int status = step_inputs_ready(e, s);
  if (status) {
    if (!input_lost) note_error(e);
    step_revert(s, 0);
    return status;
  }
  enum { FEW = 32 };
  struct mx_tensor *few[2 * FEW], **in = few;
  bool few_take[FEW], *may_take = few_take;
  mx_array *few_out[FEW], **outs = few_out;
  void *more = NULL;
  if (s->nin > FEW || s->nout > FEW) {
    size_t n = (size_t)s->nin + (size_t)s->nout;
    more = mx_malloc(n * (2 * sizeof(void *) + sizeof(bool)));
    if (!more) {
      note_error(e);
      step_revert(s, 0);
      return MX_EMEMORY;
    }
    in = more;
    outs = (mx_array **)(in + n);
    may_take = (bool *)(outs + n);
  }
  struct mx_tensor **out = in + s->nin;
  for (int k = 0; k < s->nin; k++) in[k] = &s->in[k]->t;
  for (int k = 0; k < s->nout; k++) out[k] = &s->out[k]->t;
  bool stolen = steal_inputs(s, may_take);
  mx_node *root = mx_step_root(s);
  struct mx_call call, *given = NULL; /* a program says itself what to do */
  if (s->kind != MX_STEP_PROGRAM) call = mx_node_call(root, root->in, outs), given = &call;
  status = mx_run_step(s, given, in, out, may_take);
  mx_free(more);
  if (status) note_error(e);
  if (!status) {
    step_publish(s, stolen);
  } else if (!stolen || (status == MX_EMEMORY && s->kind == MX_STEP_PROGRAM)) {
    for (int m = 0; stolen && m < s->nnodes; m++) mx_node_unsteal(s->nodes[m]);
    step_revert(s, 0);
  } else { /* its inputs may be written over: failed for good */
    for (int m = s->nnodes - 1; m >= 0; m--) {
      node_fail(s->nodes[m]);
      mx_node_drop_stolen(s->nodes[m]);
      mx_node_unref(s->nodes[m]);
    }
  }
  return status;
}

static void eval_drop(struct eval *e) {
  if (e->heap && atomic_fetch_sub(&e->refs, 1) != 1) return;
  mx_walk_free(&e->order);
  mx_arena_free(&e->arena);
  mx_free(e->jobs);
  if (e->failed) mx_error_release(&e->error);
  if (e->heap) mx_free(e);
}

/* Runs the steps of one stream (NULL: all of them). After an error the rest goes back to lazy. */
static int run_steps(struct eval *e, const struct mx_stream *only) {
  int status = MX_OK;
  int64_t work = 0;
  for (int64_t i = 0; i < e->nsteps; i++) {
    struct mx_step *s = &e->steps[i];
    if (only && s->stream != only) continue;
    if (status) {
      step_revert(s, 0);
      continue;
    }
    work += s->out[0]->t.size;
    status = step_run(e, s);
    if (!status && work > MX_POLL_WORK) { /* a long evaluation on the asking thread can be interrupted between steps */
      work = 0;
      if ((status = mx_poll())) note_error(e);
    }
  }
  return status;
}

static int stream_job_run(struct mx_job *j) {
  struct stream_job *job = (struct stream_job *)j;
  struct eval *e = job->e;
  mx_error_clear();
  input_lost = false;
  int status = run_steps(e, job->stream);
  eval_drop(e);
  return status;
}

/* The streams of the claimed nodes, each once, into a list in the arena; home (where not NULL) left out. */
static int other_streams(struct eval *e, const struct mx_stream *home, struct mx_stream ***list, int *count) {
  *count = 0;
  int cap = 0;
  for (int64_t i = 0; i < e->nsteps; i++) {
    struct mx_stream *s = e->steps[i].stream;
    bool seen = s == home;
    for (int k = *count - 1; k >= 0 && !seen; k--) seen = (*list)[k] == s;
    if (seen) continue;
    if (*count == cap) {
      cap = cap ? 2 * cap : 8;
      struct mx_stream **more = mx_arena_take(&e->arena, (size_t)cap * sizeof *more);
      if (!more) return MX_EMEMORY;
      if (*count) memcpy(more, *list, (size_t)*count * sizeof *more);
      *list = more;
    }
    (*list)[(*count)++] = s;
  }
  return MX_OK;
}

/* Gives every stream but home its job. Where a worker cannot be had, *inline_all: the caller runs everything itself. */
static int dispatch(struct eval *e, const struct mx_stream *home, bool *inline_all) {
  struct mx_stream **list = NULL;
  int count;
  *inline_all = true;
  if (other_streams(e, home, &list, &count)) return MX_EMEMORY;
  if (count == 0) {
    *inline_all = false;
    return MX_OK;
  }
  if (!(e->jobs = mx_calloc((size_t)count, sizeof *e->jobs))) return MX_EMEMORY;
  for (int k = 0; k < count; k++)
    if (!mx_stream_ready(list[k])) return MX_OK;
  *inline_all = false;
  atomic_fetch_add(&e->refs, count);
  for (int k = 0; k < count; k++) {
    e->jobs[k] = (struct stream_job){.job = {.run = stream_job_run}, .e = e, .stream = list[k]};
    mx_stream_give(list[k], &e->jobs[k].job);
  }
  return MX_OK;
}

/* Under the lock still: nobody has seen the claim. */
static void unclaim(struct eval *e) {
  for (int64_t i = 0; i < e->order.n; i++) node_settle(e->order.nodes[i], MX_LAZY);
}
/* Without it: what a node's end lets go (a closure of Python's) may take any lock. */
static void let_go(struct eval *e) {
  for (int64_t i = 0; i < e->order.n; i++) mx_node_unref(e->order.nodes[i]);
}

/* Nodes whose streams differ need an eval that outlives this call: only then is it made on the heap. */
static bool is_one_stream(mx_array *const *arrays, int64_t n) {
  for (int64_t i = 1; i < n; i++)
    if (arrays[i]->node->stream != arrays[0]->node->stream) return false;
  return true;
}

/* Neither waits for others nor takes longer than a lock does to change hands: few elements, all of them there or to be made here. What
 * compiled calls and loads do does not show in sizes. */
static bool is_brief(const struct eval *e) {
  enum { BRIEF_ELEMENTS = 2048 };
  int64_t elements = 0;
  for (int64_t i = 0; i < e->nsteps; i++) {
    const struct mx_step *s = &e->steps[i];
    enum mx_prim_id id = mx_step_root(s)->prim->id;
    if (id == MX_PRIM_compiled || id == MX_PRIM_load) return false;
    for (int k = 0; k < s->nout; k++) elements += s->out[k]->t.size;
    for (int k = 0; k < s->nin; k++) {
      const mx_array *a = s->in[k];
      elements += a->t.size;
      if (!mx_is_done(a) && a->node->claim != e->epoch) return false;
    }
    if (elements > BRIEF_ELEMENTS) return false;
  }
  return true;
}

static int start(mx_array *const *arrays, int64_t n, bool async, const struct mx_outer_lock *lock) {
  struct eval local, *e = &local;
  bool heap = async || !is_one_stream(arrays, n);
  for (;;) {
    if (heap && !(e = mx_malloc(sizeof *e))) return MX_EMEMORY;
    e->refs = 1;
    e->heap = heap;
    e->jobs = NULL;
    e->nsteps = 0;
    e->failed = 0;
    e->error = (struct mx_error){MX_OK, NULL};
    mx_walk_init(&e->order);
    mx_arena_init(&e->arena);
    mx_lock(&mx_walk_lock);
    int status = claim(e, arrays, n);
    bool mixed = false;
    for (int64_t i = 1; i < e->order.n; i++) mixed |= e->order.nodes[i]->stream != e->order.nodes[0]->stream;
    if (!status && mixed && !heap) { /* once more, on the heap */
      unclaim(e);
      mx_unlock(&mx_walk_lock);
      let_go(e);
      eval_drop(e);
      heap = true;
      continue;
    }
    const struct mx_stream *home = async || !e->order.n ? NULL : e->order.nodes[e->order.n - 1]->stream;
    bool inline_all = true, claimed = !status;
    if (!status && e->order.n) {
      status = plan(e);
      if (!status && (mixed || async)) status = dispatch(e, home, &inline_all);
      if (status) unclaim(e);
    }
    mx_unlock(&mx_walk_lock);
    if (claimed && status) let_go(e);
    if (!status && e->order.n && (home || inline_all)) {
      bool release = lock && (mixed || !is_brief(e));
      void *held = release ? lock->release() : NULL;
      status = run_steps(e, inline_all ? NULL : home);
      if (release) lock->take(held);
    }
    eval_drop(e);
    return status;
  }
}

int mx_eval_async(mx_array *const *arrays, int64_t n) { return start(arrays, n, true, NULL); }

/* Waits for nodes that other evaluations claimed. *again: one is not computed yet. */
static int await_all(mx_array *const *arrays, int64_t n, const struct mx_outer_lock *lock, bool *again) {
  int status = MX_OK;
  for (int64_t i = 0; i < n && !status; i++) {
    mx_node *node = arrays[i]->node;
    bool release = lock && is_awaited(node, NULL);
    void *held = release ? lock->release() : NULL;
    status = node_await(node, NULL);
    if (release) lock->take(held);
    uint8_t state = atomic_load_explicit(&node->state, memory_order_acquire);
    if (!status && state == MX_FAILED) status = node_raise(node);
    *again |= state != MX_DONE; /* lazy, or by now claimed by a third */
  }
  return status;
}

int mx_eval(mx_array *const *arrays, int64_t n) { return mx_eval_under(arrays, n, NULL); }
int mx_eval_under(mx_array *const *arrays, int64_t n, const struct mx_outer_lock *lock) {
  bool all_done = true;
  for (int64_t i = 0; i < n && all_done; i++) all_done = mx_is_done(arrays[i]);
  if (all_done) return MX_OK;
  /* Another thread's evaluation may fail and give our arrays back: then they are ours to compute. */
  for (;;) {
    input_lost = false;
    int status = start(arrays, n, false, lock);
    bool again = status && input_lost;
    if (again) continue;
    if (!status) status = await_all(arrays, n, lock, &again);
    if (status || !again) return status;
  }
}

int mx_synchronize(struct mx_stream *s) {
  if (s) return mx_stream_drain(s);
  int status = MX_OK;
  for (int i = 0; i < mx_stream_count(); i++) {
    int one = mx_stream_drain(mx_stream_at(i));
    if (one && !status) status = one;
  }
  return status;
}
