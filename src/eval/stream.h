/* stream.h: the worker of a stream: runs what is given to it in order. Internal to eval. */
#ifndef MX_EVAL_STREAM_H
#define MX_EVAL_STREAM_H

#include "core/thread.h"
#include "graph/stream.h"

#include <stdbool.h>

struct mx_job {
  struct mx_job *next;
  int (*run)(struct mx_job *j); /* its error is kept for synchronize; then the job is done with */
};

/* Does this stream have a worker (started now if need be)? False when the system gives no thread: run it yourself. */
bool mx_stream_ready(struct mx_stream *s);
void mx_stream_give(struct mx_stream *s, struct mx_job *j); /* after mx_stream_ready said true */
/* Waits until what was given before is done; raises the first error since the last call. poll: see eval.h. */
int mx_stream_drain(struct mx_stream *s);
bool mx_stream_idle(struct mx_stream *s);

/* One wait of at most 50 ms, then this thread's poll: non-zero (an error is set) means stop waiting. */
int mx_wait_a_little(mx_cond *c, mx_mutex *m);
int mx_poll(void);
enum { MX_POLL_WORK = 1 << 24 }; /* elements that an evaluation makes on the asking thread from one poll to the next */

#endif
