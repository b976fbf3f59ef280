/* run.h: running one step on its backend: layout, memory, donation. Internal to eval. */
#ifndef MX_EVAL_RUN_H
#define MX_EVAL_RUN_H

#include "program/fuse.h"

/* call: of the root; not read where s is a program. in and out stand for s->in and s->out. may_take[k]: this step is the last user of in[k] and its buffer has no other
 * holder, so an output may be written over it. Fills strides, data and buf of each out (whose shape and dtype are set). */
int mx_run_step(const struct mx_step *s, const struct mx_call *call, struct mx_tensor *const *in, struct mx_tensor *const *out,
                const bool *may_take);

/* A compiled function's plan as the object of a Compiled node: eval runs it without knowing what made it. */
struct mx_plan;
int mx_plan_run(struct mx_plan *plan, struct mx_tensor *const *in, struct mx_tensor *const *out, const bool *may_take);

#endif
