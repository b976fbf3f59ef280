/* node.h: making and counting nodes; for graph and eval only (others go through mx_apply). */
#ifndef MX_GRAPH_NODE_H
#define MX_GRAPH_NODE_H

#include "graph/array.h"
#include "graph/prim.h"

/* A lazy node with no reference yet: take one of an output with mx_ref. References inputs and parameters, fills shapes.
 * extra bytes stand at *extra_at inside the allocation. NULL with the error set. */
mx_node *mx_node_new(const struct mx_prim *prim, mx_array *const *in, int nin, const struct mx_params *params,
                     const struct mx_spec *specs, int nout, size_t extra, void **extra_at);
static inline mx_node *mx_node_ref(mx_node *n) {
  atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
  return n;
}
void mx_node_unref(mx_node *n);

struct mx_trace *mx_trace_ref(struct mx_trace *t); /* NULL is fine */
void mx_trace_unref(struct mx_trace *t);
/* The innermost active trace at or outside t, or NULL. */
struct mx_trace *mx_trace_alive(struct mx_trace *t);
struct mx_trace *mx_trace_keeper(struct mx_trace *t); /* the innermost active grad trace at or outside t, or NULL */
/* Would an active grad trace keep the inputs of n? */
static inline bool mx_trace_wants(const mx_node *n) { return n->trace && mx_trace_keeper(n->trace); }
/* True when an active grad trace keeps the inputs of n, which has a trace; n is then on its list. */
bool mx_trace_keeps(mx_node *n);

#endif
