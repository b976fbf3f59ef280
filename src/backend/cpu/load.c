/* load.c: Load: bytes from a reader into the output, by several threads at once; blocks of GGUF through a small buffer.
 * Invariant: a byte is read once, and straight into the output where the file stores numbers as they are. */
#include "backend/cpu/load_blocks.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "core/error.h"
#include "core/thread.h"
#include "graph/params.h"

#include <stdatomic.h>

enum { GRAIN_BYTES = 1 << 20, ROOM = 16 << 10 };

struct load {
  struct mx_reader *reader;
  uint64_t offset;
  enum mx_load_form form;
  struct mx_tensor *const *out;
  mx_mutex lock;
  _Atomic bool failed;
  struct mx_error error; /* the first */
};

static void note(struct load *l) {
  mx_lock(&l->lock);
  struct mx_error e = mx_error_take();
  if (!atomic_exchange(&l->failed, true)) l->error = e;
  else mx_error_release(&e);
  mx_unlock(&l->lock);
}

static void plain_run(void *ctx, int64_t begin, int64_t end) {
  struct load *l = ctx;
  const struct mx_tensor *t = l->out[0];
  size_t size = mx_dtype_size(t->dtype);
  char *to = (char *)t->data + (size_t)begin * size;
  if (atomic_load_explicit(&l->failed, memory_order_relaxed)) return;
  if (l->reader->read(l->reader, to, (size_t)(end - begin) * size, l->offset + (uint64_t)begin * size)) note(l);
  else mx_load_mend(to, end - begin, t->dtype, l->form);
}

static void blocks_run(void *ctx, int64_t begin, int64_t end) {
  struct load *l = ctx;
  const struct mx_load_block *b = &mx_load_blocks[l->form];
  unsigned char raw[ROOM];
  int64_t most = ROOM / b->bytes;
  for (int64_t at = begin; at < end; at += most) {
    int64_t n = end - at < most ? end - at : most;
    if (atomic_load_explicit(&l->failed, memory_order_relaxed)) return;
    if (l->reader->read(l->reader, raw, (size_t)(n * b->bytes), l->offset + (uint64_t)(at * b->bytes))) {
      note(l);
      return;
    }
    if (b->bits)
      cpu_blocks_pack(l->form, raw, n, (uint32_t *)l->out[0]->data + at * b->bits, (uint16_t *)l->out[1]->data + at,
                      (uint16_t *)l->out[2]->data + at);
    else cpu_blocks_expand(l->form, raw, n, (uint16_t *)l->out[0]->data + at * b->elements);
  }
}

int cpu_load_bytes(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_load_params *p = c->p.head;
  struct load l = {(struct mx_reader *)c->p.obj, p->offset, (enum mx_load_form)p->form, out, MX_MUTEX_INIT, false, {MX_OK, NULL}};
  const struct mx_load_block *b = &mx_load_blocks[l.form];
  if (!b->elements) cpu_parallel_for(out[0]->size, GRAIN_BYTES / (int64_t)mx_dtype_size(out[0]->dtype), plain_run, &l);
  else cpu_parallel_for(b->bits ? out[1]->size : out[0]->size / b->elements, GRAIN_BYTES / b->bytes, blocks_run, &l);
  if (!atomic_load(&l.failed)) return MX_OK;
  int status = mx_error_raise(&l.error);
  mx_error_release(&l.error);
  return status;
}
