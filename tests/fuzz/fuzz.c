/* fuzz.c: see fuzz.h. */
#include "fuzz/fuzz.h"

#include "core/alloc.h"
#include "eval/eval.h"

#include <string.h>

static size_t before;
volatile unsigned fuzz_sum; /* so that the reads happen */

static int memory_read(struct mx_source *s, void *to, size_t n, uint64_t offset) {
  if (offset > s->size || n > s->size - offset) __builtin_trap(); /* mx_source_read has to have said no */
  memcpy(to, (const char *)s->ctx + offset, n);
  return MX_OK;
}
struct mx_source fuzz_source(const uint8_t *data, size_t size) {
  return (struct mx_source){.read = memory_read, .size = size, .label = "input", .ctx = (void *)(uintptr_t)data};
}

void fuzz_read(mx_array *a) {
  if (!mx_eval_one(a) && mx_tensor_is_contiguous(&a->t)) {
    const unsigned char *p = a->t.data;
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)a->t.size * mx_dtype_size(a->t.dtype); i++) sum += p[i];
    fuzz_sum += sum;
  }
  mx_unref(a);
}

static int collect(struct mx_collector *c, const char *name, mx_array *a) {
  (void)c;
  fuzz_sum += (unsigned)strlen(name);
  fuzz_read(a);
  return MX_OK;
}
static int collect_text(struct mx_collector *c, const char *name, const char *value) {
  (void)c;
  fuzz_sum += (unsigned)(strlen(name) + strlen(value));
  return MX_OK;
}
struct mx_collector fuzz_collector = {collect, collect_text};

void fuzz_begin(void) {
  before = mx_memory_active();
  mx_memory_reset_peak();
}
void fuzz_end(size_t size, size_t ratio) {
  if (mx_memory_peak() - before > ratio * size + (1 << 20) || mx_memory_active() != before) __builtin_trap();
}
