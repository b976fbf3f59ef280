/* error.c: the thread-local error: its class, its text, and the handler at the public boundary. */
#include "core/error.h"

#include "core/thread.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fixed text per thread: reporting that memory is short must need none. */
static _Thread_local char error_text[2048];
static _Thread_local enum mx_status error_status;

int mx_fail(enum mx_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char text[sizeof error_text]; /* a format argument may be the old text */
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  memcpy(error_text, text, strlen(text) + 1);
  error_status = status;
  return status;
}

const char *mx_error_text(void) { return error_text; }
enum mx_status mx_error_class(void) { return error_status; }
void mx_error_clear(void) {
  error_text[0] = 0;
  error_status = MX_OK;
}

/* The text is copied with the C library's malloc: an injected failure of ours must not hide the error it caused. */
struct mx_error mx_error_take(void) {
  struct mx_error e = {error_status, strdup(error_text)};
  mx_error_clear();
  return e;
}
int mx_error_raise(const struct mx_error *e) {
  return mx_fail(e->status, "%s", e->text ? e->text : "an error whose text was lost for want of memory");
}
void mx_error_release(struct mx_error *e) {
  free(e->text);
  *e = (struct mx_error){MX_OK, NULL};
}

static mx_mutex handler_lock = MX_MUTEX_INIT;
static void (*handler_call)(const char *, void *);
static void *handler_data;
static void (*handler_release)(void *);

int mx_boundary_fail(int status) {
  mx_lock(&handler_lock);
  void (*call)(const char *, void *) = handler_call;
  void *data = handler_data;
  mx_unlock(&handler_lock);
  if (call) call(error_text, data);
  else fprintf(stderr, "MLX error: %s\n", error_text);
  return status;
}

void mx_error_set_handler(void (*handler)(const char *, void *), void *data, void (*release)(void *)) {
  mx_lock(&handler_lock);
  void *old = handler_data;
  void (*drop)(void *) = handler_release;
  handler_call = handler, handler_data = data, handler_release = release;
  mx_unlock(&handler_lock);
  if (drop) drop(old);
}
