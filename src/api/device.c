/* device.c: devices and streams, memory counters, threads, the error handler: the process's own things.
 * Invariant: a device handle is its type and index as a number, a stream handle the stream's record; neither is ever freed. */
#include "api/handle.h"
#include "core/alloc.h"
#include "core/library.h"
#include "eval/eval.h"
#include "graph/stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static mlx_device device_of(struct mx_device d) {
  return (mlx_device){(void *)(uintptr_t)(1 + (uintptr_t)d.type + 2 * (uintptr_t)(uint32_t)d.index)};
}
static struct mx_device device(mlx_device dev) { /* an empty handle: the default device */
  uintptr_t n = (uintptr_t)dev.ctx;
  return n ? (struct mx_device){(enum mx_device_type)((n - 1) % 2), (int)((n - 1) / 2)} : mx_default_device();
}

mlx_device mlx_device_new(void) { return (mlx_device){NULL}; }
mlx_device mlx_device_new_type(mlx_device_type type, int index) {
  return device_of((struct mx_device){(enum mx_device_type)type, index});
}
int mlx_device_free(mlx_device dev) {
  (void)dev;
  return MX_OK;
}
int mlx_device_set(mlx_device *dev, const mlx_device src) {
  *dev = src;
  return MX_OK;
}
static int text(mlx_string *str, const char *s) {
  mlx_string made = mlx_string_new_data(s);
  if (!made.ctx) return MX_EMEMORY;
  mlx_string_free(*str);
  *str = made;
  return MX_OK;
}
int mlx_device_tostring(mlx_string *str, mlx_device dev) {
  char s[64];
  struct mx_device d = device(dev);
  snprintf(s, sizeof s, "Device(%s, %d)", d.type == MX_GPU ? "gpu" : "cpu", d.index);
  return text(str, s);
}
bool mlx_device_equal(mlx_device lhs, mlx_device rhs) {
  struct mx_device a = device(lhs), b = device(rhs);
  return a.type == b.type && a.index == b.index;
}
int mlx_device_get_index(int *index, mlx_device dev) {
  *index = device(dev).index;
  return MX_OK;
}
int mlx_device_get_type(mlx_device_type *type, mlx_device dev) {
  *type = (mlx_device_type)device(dev).type;
  return MX_OK;
}
int mlx_get_default_device(mlx_device *dev) {
  *dev = device_of(mx_default_device());
  return MX_OK;
}
int mlx_set_default_device(mlx_device dev) { return mx_boundary(mx_set_default_device(device(dev))); }
int mlx_device_is_available(bool *avail, mlx_device dev) {
  *avail = mx_device_is_available(device(dev));
  return MX_OK;
}
int mlx_device_count(int *count, mlx_device_type type) {
  *count = mx_device_count((enum mx_device_type)type);
  return MX_OK;
}

/* What is known of a device, by key. */
static const char *const info_keys[] = {"device_name", "architecture", "memory_size", "max_buffer_length"};
mlx_device_info mlx_device_info_new(void) { return (mlx_device_info){NULL}; }
int mlx_device_info_free(mlx_device_info info) {
  (void)info;
  return MX_OK;
}
int mlx_device_info_get(mlx_device_info *info, mlx_device dev) {
  if (!mx_device_is_available(device(dev)))
    return mx_boundary(mx_fail(MX_EVALUE, "[device_info] There is no Device(%s, %d).", device(dev).type == MX_GPU ? "gpu" : "cpu",
                               device(dev).index));
  info->ctx = device_of(device(dev)).ctx;
  return MX_OK;
}
static int info_index(const char *key) {
  for (int i = 0; key && i < MX_COUNT(info_keys); i++)
    if (!strcmp(info_keys[i], key)) return i;
  return -1;
}
int mlx_device_info_has_key(bool *exists, mlx_device_info info, const char *key) {
  *exists = info.ctx && info_index(key) >= 0;
  return MX_OK;
}
int mlx_device_info_is_string(bool *is_string, mlx_device_info info, const char *key) {
  (void)info;
  *is_string = info_index(key) == 0 || info_index(key) == 1;
  return MX_OK;
}
static int no_key(const char *key) {
  return mx_boundary(mx_fail(MX_EINDEX, "[device_info] There is no such value under \"%s\".", key ? key : ""));
}
static const char *cpu_name(void) {
  static _Thread_local char name[128];
  FILE *f = fopen("/proc/cpuinfo", "r");
  char line[256];
  snprintf(name, sizeof name, "cpu");
  while (f && fgets(line, sizeof line, f)) {
    char *colon = strncmp(line, "model name", 10) ? NULL : strchr(line, ':');
    if (!colon) continue;
    colon[strcspn(colon, "\n")] = 0;
    snprintf(name, sizeof name, "%.120s", colon + 2);
    break;
  }
  if (f) fclose(f);
  return name;
}
int mlx_device_info_get_string(const char **value, mlx_device_info info, const char *key) {
  int i = info.ctx ? info_index(key) : -1;
  if (i != 0 && i != 1) return no_key(key);
#if defined(__x86_64__)
  const char *architecture = "x86_64";
#elif defined(__aarch64__)
  const char *architecture = "arm64";
#else
  const char *architecture = "unknown";
#endif
  *value = i == 0 ? cpu_name() : architecture;
  return MX_OK;
}
int mlx_device_info_get_size(size_t *value, mlx_device_info info, const char *key) {
  int i = info.ctx ? info_index(key) : -1;
  if (i != 2 && i != 3) return no_key(key);
  *value = i == 2 ? (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) : mx_memory_limit();
  return MX_OK;
}
int mlx_device_info_get_keys(mlx_vector_string *keys, mlx_device_info info) {
  (void)info;
  return mlx_vector_string_set_data(keys, (const char **)info_keys, MX_COUNT(info_keys));
}

/* Streams */

static struct mx_stream *stream(mlx_stream s) { return s.ctx ? s.ctx : mx_default_stream(mx_default_device()); }
static mlx_stream made(struct mx_stream *s) {
  if (!s) mx_boundary(mx_error_class());
  return (mlx_stream){s};
}
mlx_stream mlx_stream_new(void) { return (mlx_stream){NULL}; }
mlx_stream mlx_stream_new_device(mlx_device dev) { return made(mx_stream_new(device(dev))); }
int mlx_stream_set(mlx_stream *s, const mlx_stream src) {
  *s = src;
  return MX_OK;
}
int mlx_stream_free(mlx_stream s) {
  (void)s;
  return MX_OK;
}
int mlx_stream_tostring(mlx_string *str, mlx_stream s) {
  struct mx_stream *st = stream(s);
  char t[96];
  if (!st) return mx_boundary(mx_error_class());
  snprintf(t, sizeof t, "Stream(Device(%s, %d), %d)", st->device.type == MX_GPU ? "gpu" : "cpu", st->device.index, st->index);
  return text(str, t);
}
bool mlx_stream_equal(mlx_stream lhs, mlx_stream rhs) { return stream(lhs) == stream(rhs); }
int mlx_stream_get_device(mlx_device *dev, mlx_stream s) {
  struct mx_stream *st = stream(s);
  if (!st) return mx_boundary(mx_error_class());
  *dev = device_of(st->device);
  return MX_OK;
}
int mlx_stream_get_index(int *index, mlx_stream s) {
  struct mx_stream *st = stream(s);
  if (!st) return mx_boundary(mx_error_class());
  *index = st->index;
  return MX_OK;
}
int mlx_synchronize(mlx_stream s) { return mx_boundary(mx_synchronize(stream(s))); }
int mlx_get_default_stream(mlx_stream *s, mlx_device dev) {
  struct mx_stream *st = mx_default_stream(device(dev));
  if (!st) return mx_boundary(mx_error_class());
  s->ctx = st;
  return MX_OK;
}
int mlx_set_default_stream(mlx_stream s) {
  if (!s.ctx) return mx_boundary(mx_fail(MX_EVALUE, "[set_default_stream] The stream handle is empty."));
  return mx_boundary(mx_set_default_stream(s.ctx));
}
mlx_stream mlx_default_cpu_stream_new(void) { return made(mx_default_stream((struct mx_device){MX_CPU, 0})); }
mlx_stream mlx_default_gpu_stream_new(void) { return made(mx_default_stream((struct mx_device){MX_GPU, 0})); }

int mlx_cuda_is_available(bool *res) {
  *res = false;
  return MX_OK;
}
int mlx_metal_is_available(bool *res) {
  *res = false;
  return MX_OK;
}
static int no_metal(const char *name) {
  return mx_boundary(mx_fail(MX_ERUNTIME, "[%s] There is no Metal on this system; MLX_TRACE=file.json writes a trace.", name));
}
int mlx_metal_start_capture(const char *path) {
  (void)path;
  return no_metal("metal.start_capture");
}
int mlx_metal_stop_capture(void) { return no_metal("metal.stop_capture"); }

/* Memory */

int mlx_clear_cache(void) {
  mx_memory_clear_cache();
  return MX_OK;
}
int mlx_reset_peak_memory(void) {
  mx_memory_reset_peak();
  return MX_OK;
}
#define COUNTER(name, value)                                                                                  \
  int mlx_get_##name(size_t *res) {                                                                           \
    *res = value;                                                                                             \
    return MX_OK;                                                                                             \
  }
COUNTER(active_memory, mx_memory_active())
COUNTER(cache_memory, mx_memory_cached())
COUNTER(memory_limit, mx_memory_limit())
COUNTER(peak_memory, mx_memory_peak())
#define LIMIT(name, call)                                                                                     \
  int mlx_set_##name(size_t *res, size_t limit) {                                                             \
    *res = call(limit);                                                                                       \
    return MX_OK;                                                                                             \
  }
LIMIT(cache_limit, mx_memory_set_cache_limit)
LIMIT(memory_limit, mx_memory_set_limit)
LIMIT(wired_limit, mx_memory_set_wired_limit)

/* Errors and threads */

void mlx_set_error_handler(mlx_error_handler_func handler, void *data, void (*dtor)(void *)) {
  mx_error_set_handler(handler, data, dtor);
}
mlx_ravel_error mlx_ravel_error_class(void) { return (mlx_ravel_error)mx_error_class(); }
const char *mlx_ravel_error_text(void) { return mx_error_text(); }
void mlx_ravel_error_clear(void) { mx_error_clear(); }
int mlx_ravel_error_set(mlx_ravel_error error, const char *what) { return mx_fail((enum mx_status)error, "%s", what); }
void mlx_ravel_set_poll(int (*poll)(void *ctx), void *ctx) { mx_eval_set_poll(poll, ctx); }
int mlx_ravel_set_threads(int count) { return mx_eval_threads(count < 0 ? 0 : count); }
int mlx_ravel_threads(void) { return mx_eval_threads(-1); }
int mlx_ravel_add_library_folder(const char *path) {
  return mx_boundary(path ? mx_library_add_folder(path) : mx_fail(MX_EVALUE, "[library] A path is missing."));
}
