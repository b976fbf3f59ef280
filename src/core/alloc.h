/* alloc.h: all memory. Small bookkeeping by mx_malloc; array data by mx_buffer.
 * Invariant: every byte of array data is counted, capped and returned to a cache; failure is an error, never an abort. */
#ifndef MX_CORE_ALLOC_H
#define MX_CORE_ALLOC_H

#include "core/compiler.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bookkeeping memory. NULL means MX_EMEMORY was set on this thread. n = 0 gives a unique pointer. */
void *mx_malloc(size_t n);
void *mx_calloc(size_t count, size_t size);
void *mx_realloc(void *p, size_t n);
void mx_free(void *p);
char *mx_strdup(const char *s);
/* Makes the n-th next mx_malloc/mx_calloc/mx_realloc/mx_buffer_new from now fail (0 = never): the torture tests' lever. */
void mx_alloc_fail_after(int64_t n);
int64_t mx_alloc_fail_pending(void); /* how many of them are still to come before the failure; 0 = it has happened or none is set */
int64_t mx_alloc_live(void); /* blocks of bookkeeping memory now held; for leak tests */

/* Memory kinds: host now; a backend registers others (device, managed) before it first allocates. */
enum mx_memory { MX_MEMORY_HOST = 0, MX_MEMORY_DEVICE = 1, MX_MEMORY_KINDS };

/* A piece of array data, counted by itself. Views share one. */
typedef struct mx_buffer {
  _Atomic int32_t refs;
  uint8_t kind;     /* enum mx_memory */
  bool read_only;   /* wrapped memory that must not be written */
  bool external;    /* wrapped: never donated, never cached */
  size_t size;      /* usable bytes, at least what was asked for */
  void *host;       /* address the CPU may use; NULL if the data is elsewhere only */
  void *device;     /* a backend's own record of a mirror; NULL when there is none */
  void (*release)(void *payload); /* wrapped memory only */
  void *payload;
} mx_buffer;

/* A new buffer of at least `bytes`, aligned to 64, one reference. MX_EMEMORY gives size, in use, cached and limit. */
int mx_buffer_new(mx_buffer **out, size_t bytes, enum mx_memory kind) MX_MUST_CHECK;
/* Wraps memory of the caller's; release(payload) is called once when the last reference goes (also when this call fails). */
int mx_buffer_wrap(mx_buffer **out, void *host, size_t bytes, bool read_only, void (*release)(void *), void *payload) MX_MUST_CHECK;
static inline mx_buffer *mx_buffer_ref(mx_buffer *b) {
  if (b) atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
  return b;
}
void mx_buffer_unref(mx_buffer *b); /* NULL is fine */

/* The counters behind mx.get_active_memory and friends, in bytes. Setters return the value before. */
size_t mx_memory_active(void);
size_t mx_memory_peak(void);
void mx_memory_reset_peak(void);
size_t mx_memory_cached(void);
size_t mx_memory_limit(void);
size_t mx_memory_set_limit(size_t bytes);
size_t mx_memory_set_cache_limit(size_t bytes);
size_t mx_memory_set_wired_limit(size_t bytes); /* a soft hint: kept, not enforced */
void mx_memory_clear_cache(void);

#endif
