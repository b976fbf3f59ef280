/* eval.h: computing what is asked for.
 * Invariant: an array is computed at most once, whoever asks; an error is raised where the result is asked for. */
#ifndef MX_EVAL_EVAL_H
#define MX_EVAL_EVAL_H

#include "graph/array.h"

struct mx_stream;

/* Computes the arrays; on return all are done, or the first error is returned. Any thread, any number at once. */
int mx_eval(mx_array *const *arrays, int64_t n);
/* A lock of the caller's that others may want: before an evaluation waits or computes for long it is released, and after that taken
 * with what release returned. Little work is done sooner than such a lock changes hands. */
struct mx_outer_lock {
  void *(*release)(void);
  void (*take)(void *held);
};
int mx_eval_under(mx_array *const *arrays, int64_t n, const struct mx_outer_lock *lock);
/* Starts computing and returns; errors come from a later mx_eval or synchronize. */
int mx_eval_async(mx_array *const *arrays, int64_t n);
static inline int mx_eval_one(mx_array *a) { return mx_is_done(a) ? 0 : mx_eval(&a, 1); }
/* Waits until all that was started on this stream is done; NULL: on every stream. */
int mx_synchronize(struct mx_stream *s);
/* While a wait lasts, poll(ctx) is called every 50 ms on the waiting thread; non-zero ends the wait with MX_ECALLBACK
 * (the work goes on). Thread-local; NULL switches it off. */
void mx_eval_set_poll(int (*poll)(void *ctx), void *ctx);
/* Threads that share one CPU operation; set >= 0: first set it (0: the default). Returns what it was. */
int mx_eval_threads(int set);

#endif
