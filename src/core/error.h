/* error.h: how anything fails. A function returns a class; the text waits in this thread until it is read.
 * Invariant: a non-zero return of ours always comes with a text set by mx_fail. */
#ifndef MX_CORE_ERROR_H
#define MX_CORE_ERROR_H

#include "core/compiler.h"

enum mx_status {
  MX_OK = 0,
  MX_ERUNTIME,  /* the machine, a file, a library, an evaluation that failed */
  MX_EVALUE,    /* a value, shape or axis that the operation cannot take */
  MX_ETYPE,     /* a dtype or kind of argument that the operation cannot take */
  MX_EINDEX,    /* an index or axis out of bounds */
  MX_EMEMORY,   /* out of memory, or over the limit */
  MX_ENOTIMPL,  /* not offered by this build or backend */
  MX_ECALLBACK, /* a callback of the caller failed; the caller knows why */
};

/* Record an error of this class on this thread and return the class. Text form: "[op] what is wrong, with shapes and dtypes". */
int mx_fail(enum mx_status status, const char *format, ...) MX_PRINTF(2, 3);
/* The text and class of this thread's last error; "" and MX_OK when there is none. */
const char *mx_error_text(void);
enum mx_status mx_error_class(void);
void mx_error_clear(void);

/* What a public function returns through: a non-zero status is told to the handler once (mlx_set_error_handler), then returned. */
int mx_boundary_fail(int status);
static inline int mx_boundary(int status) { return MX_LIKELY(status == MX_OK) ? MX_OK : mx_boundary_fail(status); }
/* handler NULL: the default, which prints one line to stderr. release(data) is called when the handler is replaced. */
void mx_error_set_handler(void (*handler)(const char *text, void *data), void *data, void (*release)(void *data));

/* An error that travels between threads (in an event). Plain value; release frees its text. */
struct mx_error {
  enum mx_status status;
  char *text; /* NULL when memory for it was short: a fixed text then stands in */
};
struct mx_error mx_error_take(void);          /* moves this thread's error out */
int mx_error_raise(const struct mx_error *e); /* copies e into this thread's error; returns its class */
void mx_error_release(struct mx_error *e);

#endif
