/* walk.h: an iterative depth-first walk from arrays to their inputs, for eval's claims and plans.
 * Invariant: nodes come out inputs first, each once, whatever the depth; no stack is used but this one. */
#ifndef MX_EVAL_WALK_H
#define MX_EVAL_WALK_H

#include "core/thread.h"
#include "graph/array.h"

/* Guards epoch and mark of every node. A walk takes a fresh epoch under it; nodes with that epoch are its own. */
extern mx_mutex mx_walk_lock;
uint64_t mx_walk_epoch(void); /* never 0, never one that was given before */

struct mx_walk {
  mx_node **nodes; /* the result */
  int64_t n, cap;
  struct mx_walk_frame {
    mx_node *node;
    int32_t next; /* input to look at next */
  } *stack;
  int64_t depth, room;
  mx_node *few[16];
  struct mx_walk_frame few_frames[16];
};

void mx_walk_init(struct mx_walk *w);
void mx_walk_free(struct mx_walk *w);
/* visit(ctx, node, &enter) is called for each edge; it says whether to enter (the first time only) or fails the walk. */
int mx_walk_run(struct mx_walk *w, mx_array *const *roots, int64_t nroots,
                int (*visit)(void *ctx, mx_node *n, bool *enter), void *ctx);

#endif
