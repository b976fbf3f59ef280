/* trace.c: transforms in progress, and what they keep.
 * Invariant: while a grad trace is active, a node made from its inputs keeps its own inputs even when it is done. */
#include "core/error.h"
#include "core/thread.h"
#include "graph/node.h"

static mx_mutex trace_lock = MX_MUTEX_INIT;
static _Atomic uint64_t trace_count;
static _Thread_local struct mx_trace *current;

struct mx_trace *mx_trace_ref(struct mx_trace *t) {
  if (t) atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
  return t;
}

/* A chain of parents may be long where transforms nest in a loop: no recursion. */
void mx_trace_unref(struct mx_trace *t) {
  while (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) {
    struct mx_trace *parent = t->parent;
    mx_free(t->held);
    mx_free(t);
    t = parent;
  }
}

struct mx_trace *mx_trace_current(void) { return current; }

struct mx_trace *mx_trace_begin(enum mx_trace_kind kind) {
  struct mx_trace *t = mx_calloc(1, sizeof *t);
  if (!t) return NULL;
  t->refs = 2; /* the caller's and this thread's */
  t->kind = kind;
  t->id = atomic_fetch_add(&trace_count, 1) + 1;
  t->parent = mx_trace_ref(current);
  t->active = true;
  return current = t;
}

struct mx_trace *mx_trace_alive(struct mx_trace *t) {
  while (t && !atomic_load_explicit(&t->active, memory_order_acquire)) t = t->parent;
  return t;
}

struct mx_trace *mx_trace_keeper(struct mx_trace *t) {
  for (t = mx_trace_alive(t); t && t->kind != MX_TRACE_GRAD;) t = mx_trace_alive(t->parent);
  return t;
}

bool mx_trace_keeps(mx_node *n) {
  mx_lock(&trace_lock);
  struct mx_trace *t = mx_trace_keeper(n->trace);
  if (t && t->nheld == t->cap) {
    int64_t cap = t->cap ? 2 * t->cap : 64;
    mx_node **held = mx_realloc(t->held, (size_t)cap * sizeof *held);
    if (held) t->held = held, t->cap = cap;
  }
  /* With no memory for the list the inputs simply stay: kept too long is harmless, let go too early is not. */
  if (t && t->nheld < t->cap) t->held[t->nheld++] = mx_node_ref(n);
  mx_unlock(&trace_lock);
  return t != NULL;
}

void mx_trace_end(struct mx_trace *t) {
  if (!t) return;
  mx_lock(&trace_lock);
  atomic_store_explicit(&t->active, false, memory_order_release);
  mx_node **held = t->held;
  int64_t nheld = t->nheld;
  t->held = NULL;
  t->nheld = t->cap = 0;
  mx_unlock(&trace_lock);
  current = t->parent; /* the parent outlives t: its own transform has not ended */
  for (int64_t i = 0; i < nheld; i++) {
    mx_node_detach(held[i]); /* moves to the outer trace's list where there is one */
    mx_node_unref(held[i]);
  }
  mx_free(held);
  mx_trace_unref(t);
  mx_trace_unref(t);
}
