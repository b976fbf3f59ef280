/* tape.h: a part of the graph written down, inputs first: what transforms read.
 * Invariant: every node on it is held with its inputs, so another thread's evaluation cannot take them away meanwhile. */
#ifndef MX_GRAPH_TAPE_H
#define MX_GRAPH_TAPE_H

#include "graph/array.h"

struct mx_tape {
  struct mx_tape_node {
    mx_node *node;
    mx_array **in;         /* held; NULL for a leaf (nothing to hold, or a node where the walk was told to stop) */
    struct mx_object *obj; /* held: the node's own goes when it is computed */
  } *list;
  int64_t n, cap;
  int64_t *slots; /* hash of nodes: index + 1 */
  int64_t nslots;
};

/* Collects what leads to the roots. enter(ctx, node): go on to its inputs? A node that was let go of its inputs is a leaf
 * anyway. On failure the tape is empty. */
int mx_tape_collect(struct mx_tape *t, mx_array *const *roots, int64_t nroots, bool (*enter)(void *ctx, const mx_node *n), void *ctx);
int64_t mx_tape_find(const struct mx_tape *t, const mx_node *n); /* index, or -1 */
/* The parameters and the call of a node that is no leaf; outs must have room for its outputs. */
struct mx_params mx_tape_params(const struct mx_tape_node *tn);
struct mx_call mx_tape_call(const struct mx_tape_node *tn, mx_array **outs);
void mx_tape_free(struct mx_tape *t);

#endif
