/* plan.h: a traced graph made ready to run again and again, without its nodes: what a Compiled node holds.
 * Invariant: a plan never changes once made; any number of threads may run it at once. */
#ifndef MX_EVAL_PLAN_H
#define MX_EVAL_PLAN_H

#include "graph/prim.h"

struct mx_plan {
  struct mx_object o; /* the object of Compiled nodes */
  int32_t nin, nout;
  mx_array **inputs;  /* the placeholders the graph was traced with; references */
  mx_array **outputs; /* the graph itself, for vjp, jvp, vmap and print; references */
  struct mx_plan_steps *steps;
};

/* Plans the graph from inputs (placeholders) to outputs. What does not depend on an input is computed now, once.
 * MX_EVALUE when the graph reaches a placeholder that is not among the inputs. One reference for the caller. */
int mx_plan_new(struct mx_plan **out, mx_array *const *inputs, int nin, mx_array *const *outputs, int nout);

#endif
