/* trace_file.c: MLX_TRACE=file.json.
 * Invariant: the file is a valid JSON array after every event: each is written over the closing bracket, and closes again.
 * (A pipe cannot: there the bracket is missing, which Chrome and Perfetto allow.) */
#include "eval/trace_file.h"

#include "core/thread.h"
#include "graph/stream.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static mx_mutex lock = MX_MUTEX_INIT;
static FILE *file;
static int64_t events;
static _Atomic int on = -1;
static _Atomic int thread_count;
static _Thread_local int thread_number;

bool mx_trace_file_on(void) {
  int state = atomic_load_explicit(&on, memory_order_relaxed);
  if (state >= 0) return state;
  mx_lock(&lock);
  if (on < 0) {
    const char *path = getenv("MLX_TRACE");
    if (path && *path && (file = fopen(path, "w"))) fputs("[\n]\n", file);
    atomic_store(&on, file != NULL);
  }
  mx_unlock(&lock);
  return on;
}

int64_t mx_trace_file_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + 1;
}

static int put_tensors(char *text, int size, struct mx_tensor *const *t, int n) {
  int at = 0;
  for (int i = 0; i < n && at < size - 220; i++) {
    char shape[MX_SHAPE_TEXT];
    at += snprintf(text + at, (size_t)(size - at), "%s%s%s", i ? " " : "", mx_dtype_name(t[i]->dtype),
                   mx_shape_text(shape, t[i]->shape, t[i]->ndim));
  }
  text[at] = 0;
  return at;
}

static int64_t bytes_of(struct mx_tensor *const *t, int n) {
  int64_t bytes = 0;
  for (int i = 0; i < n; i++) bytes += t[i]->size * (int64_t)mx_dtype_size(t[i]->dtype);
  return bytes;
}

void mx_trace_file_step(const struct mx_step *s, struct mx_tensor *const *in, struct mx_tensor *const *out, int64_t begin) {
  char name[512], ins[1024], outs[1024];
  int at = 0;
  for (int m = 0; m < s->nnodes && at < 440; m++)
    at += snprintf(name + at, sizeof name - (size_t)at, "%s%s", m ? "+" : "", s->nodes[m]->prim->name);
  put_tensors(ins, sizeof ins, in, s->nin);
  put_tensors(outs, sizeof outs, out, s->nout);
  int64_t end = mx_trace_file_now();
  if (!thread_number) thread_number = atomic_fetch_add(&thread_count, 1) + 1;
  mx_lock(&lock);
  bool again = fseek(file, events ? -3 : -2, SEEK_CUR) == 0;
  fprintf(file,
          "%s{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":%ld,\"tid\":%d,\"ts\":%lld,\"dur\":%lld,"
          "\"args\":{\"in\":\"%s\",\"out\":\"%s\",\"bytes\":%lld,\"stream\":%d}}%s",
          events && again ? ",\n" : "", name, s->kind == MX_STEP_PROGRAM ? "program" : s->kind == MX_STEP_VIEW ? "view" : "kernel", (long)getpid(),
          thread_number, (long long)begin, (long long)(end - begin), ins, outs,
          (long long)(bytes_of(in, s->nin) + bytes_of(out, s->nout)), s->stream ? s->stream->index : -1,
          again ? "\n]\n" : ",\n");
  events++;
  fflush(file);
  mx_unlock(&lock);
}
