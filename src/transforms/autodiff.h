/* autodiff.h: what vjp and jvp share. Internal to transforms. */
#ifndef MX_TRANSFORMS_AUTODIFF_H
#define MX_TRANSFORMS_AUTODIFF_H

#include "graph/prim.h"
#include "graph/tape.h"
#include "transforms/transforms.h"

/* The part of the graph between outputs and the tracers of a trace, with a slot (cotangent or tangent) for every output of every node. */
struct mx_diff {
  struct mx_trace *trace;
  struct mx_tape tape;
  int64_t *first;     /* index of a node's first slot */
  bool *depends;      /* does the node depend on a tracer? */
  mx_array **slots;   /* borrowed from the build */
  mx_array **scratch; /* room for any node's outputs, inputs and results */
  bool *wanted;
};
int mx_diff_begin(struct mx_diff *d, struct mx_trace *t, mx_array *const *outputs, int64_t n);
void mx_diff_end(struct mx_diff *d);
static inline mx_array **mx_diff_slot(struct mx_diff *d, const mx_array *a) {
  int64_t i = mx_tape_find(&d->tape, a->node);
  return i < 0 ? NULL : &d->slots[d->first[i] + (a - a->node->out)];
}
static inline bool mx_diff_depends(const struct mx_diff *d, const mx_array *a) {
  int64_t i = mx_tape_find(&d->tape, a->node);
  return i >= 0 && d->depends[i];
}

/* The reverse pass: cot[k] (NULL: zero) for each output; grads are appended, one for each tracer of `args` (which may hold
 * other arrays: their gradient is zeros). */
int mx_backward(struct mx_trace *t, mx_array *const *outputs, mx_array *const *cot, int64_t n, mx_array *const *args, int nargs,
                struct mx_list *grads);

mx_array *mx_zeros_of(mx_build *b, const mx_array *a); /* zeros with its shape and dtype */
mx_array *mx_broadcast_as(mx_build *b, mx_array *x, const mx_array *like);

/* Runs f on tracers of the inputs with wanted[i] (NULL: all); args[n] receives references of what was passed. */
int mx_trace_function(const struct mx_function *f, struct mx_trace *t, mx_array *const *in, int n, const bool *wanted,
                      mx_array **args, struct mx_list *values);

#endif
