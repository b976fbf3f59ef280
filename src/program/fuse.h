/* fuse.h: cuts a list of nodes into steps: fused programs, views, single kernels.
 * Invariant: a step reads only leaves, what the caller has, and outputs of earlier steps. */
#ifndef MX_PROGRAM_FUSE_H
#define MX_PROGRAM_FUSE_H

#include "core/arena.h"
#include "graph/prim.h"
#include "program/program.h"

enum mx_step_kind { MX_STEP_PROGRAM, MX_STEP_VIEW, MX_STEP_KERNEL };

struct mx_step {
  enum mx_step_kind kind;
  int32_t nnodes, nin, nout;
  mx_node **nodes;  /* what it computes, inputs first; the last one is the root */
  mx_array **in;    /* each once */
  mx_array **out;   /* those with a use outside the step; the root's come first */
  struct mx_program *program; /* MX_STEP_PROGRAM */
  int32_t ndim;               /* its iteration space */
  uint32_t reduce_axes;
  const int64_t *shape;
  struct mx_stream *stream;
};

static inline mx_node *mx_step_root(const struct mx_step *s) { return s->nodes[s->nnodes - 1]; }

/* Nodes in an order with inputs first; each n->mark is its index here, and belongs to the caller while this runs.
 * needed(ctx, a, uses): must array a have data of its own, beyond its `uses` as an input of listed nodes?
 * listed(ctx, n): is n one of the nodes? Steps and all they point to live in the arena. */
struct mx_fuse {
  mx_node **nodes;
  int64_t n;
  bool (*needed)(void *ctx, const mx_array *a, int64_t uses);
  bool (*listed)(void *ctx, const mx_node *n);
  void *ctx;
  bool off; /* every node a step of its own: MLX_NO_FUSE, and the tests' other side */
};
int mx_fuse(const struct mx_fuse *f, struct mx_arena *arena, struct mx_step **steps, int64_t *nsteps);

#endif
