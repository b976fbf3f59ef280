/* stream.c: the registry of devices and streams.
 * Invariant: a record once handed out stays where it is until the process ends. */
#include "graph/stream.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/thread.h"

#include <stddef.h>

enum { MAX_STREAMS = 4096 };
static struct mx_stream *streams[MAX_STREAMS];
static _Atomic int stream_count;
static mx_mutex stream_lock = MX_MUTEX_INIT;
static struct mx_stream *first_stream[2]; /* by device type */
static _Thread_local struct mx_stream *thread_stream[2];
static _Atomic int default_type = MX_CPU;

bool mx_device_is_available(struct mx_device d) { return d.index >= 0 && d.index < mx_device_count(d.type); }
int mx_device_count(enum mx_device_type type) { return type == MX_CPU ? 1 : 0; }

struct mx_device mx_default_device(void) {
  return (struct mx_device){(enum mx_device_type)atomic_load_explicit(&default_type, memory_order_relaxed), 0};
}

static int refuse(struct mx_device d) {
  if (d.type == MX_GPU && mx_device_count(MX_GPU) == 0)
    return mx_fail(MX_EVALUE, "[device] Device(gpu, %d) is not available: this process has no GPU backend.", d.index);
  return mx_fail(MX_EVALUE, "[device] There is no Device(%s, %d).", d.type == MX_GPU ? "gpu" : "cpu", d.index);
}

int mx_set_default_device(struct mx_device d) {
  if (!mx_device_is_available(d)) return refuse(d);
  atomic_store(&default_type, d.type);
  return MX_OK;
}

static struct mx_stream *stream_add(struct mx_device d) {
  int index = atomic_load(&stream_count);
  if (index == MAX_STREAMS) {
    mx_fail(MX_ERUNTIME, "[new_stream] A process has at most %d streams.", MAX_STREAMS);
    return NULL;
  }
  struct mx_stream *s = mx_calloc(1, sizeof *s);
  if (!s) return NULL;
  s->index = index;
  s->device = d;
  streams[index] = s;
  atomic_store_explicit(&stream_count, index + 1, memory_order_release);
  return s;
}

struct mx_stream *mx_stream_new(struct mx_device d) {
  if (!mx_device_is_available(d)) {
    refuse(d);
    return NULL;
  }
  mx_lock(&stream_lock);
  struct mx_stream *s = stream_add(d);
  mx_unlock(&stream_lock);
  return s;
}

struct mx_stream *mx_default_stream(struct mx_device d) {
  if (MX_LIKELY(thread_stream[d.type] && d.index == 0)) return thread_stream[d.type];
  if (!mx_device_is_available(d)) {
    refuse(d);
    return NULL;
  }
  mx_lock(&stream_lock);
  if (!first_stream[d.type]) first_stream[d.type] = stream_add(d);
  struct mx_stream *s = thread_stream[d.type] = first_stream[d.type];
  mx_unlock(&stream_lock);
  return s;
}

int mx_set_default_stream(struct mx_stream *s) {
  thread_stream[s->device.type] = s;
  return MX_OK;
}

int mx_stream_count(void) { return atomic_load_explicit(&stream_count, memory_order_acquire); }
struct mx_stream *mx_stream_at(int index) { return index >= 0 && index < mx_stream_count() ? streams[index] : NULL; }
