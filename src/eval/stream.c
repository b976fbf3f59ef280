/* stream.c: workers of streams.
 * Invariant: jobs of one stream run one after the other in the order given; claims are made in that order too (eval.c),
 * so a worker that waits for another stream waits for earlier work only. */
#include "eval/stream.h"

#include "core/alloc.h"
#include "core/error.h"
#include "eval/eval.h"

#include <stddef.h>
#include <time.h>

struct queue {
  mx_mutex lock;
  mx_cond wake, done;
  struct mx_job *first, **last;
  bool busy;
  struct mx_error error; /* the first since the last drain */
};

static mx_mutex start_lock = MX_MUTEX_INIT;
static _Thread_local int (*poll_call)(void *ctx);
static _Thread_local void *poll_ctx;

void mx_eval_set_poll(int (*poll)(void *ctx), void *ctx) {
  poll_call = poll;
  poll_ctx = ctx;
}

int mx_poll(void) {
  if (!poll_call || !poll_call(poll_ctx)) return MX_OK;
  return mx_fail(MX_ECALLBACK, "[eval] The wait was interrupted.");
}

int mx_wait_a_little(mx_cond *c, mx_mutex *m) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 50 * 1000 * 1000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_cond_timedwait(c, m, &until);
  if (!poll_call) return MX_OK;
  mx_unlock(m); /* the poll may take long, or take other locks */
  int status = mx_poll();
  mx_lock(m);
  return status;
}

static void *work(void *arg) {
  struct queue *q = arg;
  mx_lock(&q->lock);
  for (;;) {
    while (!q->first) mx_wait(&q->wake, &q->lock);
    struct mx_job *j = q->first;
    q->first = j->next;
    if (!q->first) q->last = &q->first;
    q->busy = true;
    mx_unlock(&q->lock);
    int status = j->run(j);
    mx_lock(&q->lock);
    /* An interruption was told to who waited; what was interrupted is lazy again. */
    if (status && status != MX_ECALLBACK && !q->error.status) q->error = mx_error_take();
    q->busy = false;
    if (!q->first) mx_wake_all(&q->done);
  }
  return NULL;
}

bool mx_stream_ready(struct mx_stream *s) {
  mx_lock(&start_lock);
  struct queue *q = s->queue;
  if (!q && (q = mx_calloc(1, sizeof *q))) {
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
    pthread_cond_init(&q->done, NULL);
    q->last = &q->first;
    pthread_t thread;
    if (mx_thread_start(&thread, work, q, "mlx-stream")) {
      s->queue = q;
    } else {
      mx_free(q);
      q = NULL;
    }
  }
  mx_unlock(&start_lock);
  if (!q) mx_error_clear();
  return q != NULL;
}

void mx_stream_give(struct mx_stream *s, struct mx_job *j) {
  struct queue *q = s->queue;
  j->next = NULL;
  mx_lock(&q->lock);
  *q->last = j;
  q->last = &j->next;
  mx_wake_one(&q->wake);
  mx_unlock(&q->lock);
}

bool mx_stream_idle(struct mx_stream *s) {
  mx_lock(&start_lock);
  struct queue *q = s->queue;
  mx_unlock(&start_lock);
  if (!q) return true;
  mx_lock(&q->lock);
  bool idle = !q->first && !q->busy;
  mx_unlock(&q->lock);
  return idle;
}

int mx_stream_drain(struct mx_stream *s) {
  mx_lock(&start_lock);
  struct queue *q = s->queue;
  mx_unlock(&start_lock);
  if (!q) return MX_OK;
  int status = MX_OK;
  mx_lock(&q->lock);
  while (!status && (q->first || q->busy)) status = mx_wait_a_little(&q->done, &q->lock);
  struct mx_error e = {MX_OK, NULL};
  if (!status) {
    e = q->error;
    q->error = (struct mx_error){MX_OK, NULL};
  }
  mx_unlock(&q->lock);
  if (e.status) status = mx_error_raise(&e);
  mx_error_release(&e);
  return status;
}
