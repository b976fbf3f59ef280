/* run.c: one step, from inputs that are there to outputs that are there.
 * Invariant: on an error every output is left without a buffer. */
#include "eval/run.h"

#include "backend/backend.h"
#include "core/error.h"
#include "eval/eval.h"
#include "eval/trace_file.h"
#include "graph/stream.h"

#include <string.h>

static const struct mx_backend *backend_of(const struct mx_stream *s) {
  (void)s; /* one backend so far: a stream of an absent device cannot be made */
  return mx_cpu_backend();
}

int mx_eval_threads(int set) { return mx_cpu_backend()->threads(set); }

static void forget(struct mx_tensor *const *out, int n) {
  for (int i = 0; i < n; i++) {
    mx_buffer_unref(out[i]->buf);
    out[i]->buf = NULL;
    out[i]->data = NULL;
  }
}

static int give_memory(struct mx_tensor *t) {
  mx_strides_contiguous(t->shape, t->ndim, t->strides);
  int status = mx_buffer_new(&t->buf, (size_t)t->size * mx_dtype_size(t->dtype), MX_MEMORY_HOST);
  if (status) return status;
  t->data = t->buf->host;
  return MX_OK;
}

static void share(const struct mx_tensor *from, struct mx_tensor *to) {
  to->buf = mx_buffer_ref(from->buf);
  to->data = from->data;
}

/* May `to` be written over `from`'s memory, element for element? */
static bool can_take(const struct mx_tensor *from, const struct mx_tensor *to) {
  return from->buf && !from->buf->external && !from->buf->read_only && from->size == to->size && from->size > 1 &&
         mx_dtype_size(from->dtype) == mx_dtype_size(to->dtype) && mx_same_shape(from, to) && mx_tensor_is_contiguous(from);
}

static int copy_to(const struct mx_stream *s, struct mx_tensor *in, struct mx_tensor *out) {
  struct mx_program p = {.nin = 1, .nout = 1, .in_dtype = {(uint8_t)in->dtype}};
  int64_t strides[MX_MAX_NDIM];
  struct mx_tensor shaped = *out; /* the same memory, seen in the input's shape */
  shaped.shape = in->shape, shaped.ndim = in->ndim, shaped.strides = strides;
  mx_strides_contiguous(in->shape, in->ndim, strides);
  struct mx_tensor *to = &shaped;
  struct mx_program_run run = {.program = &p, .ndim = in->ndim, .shape = in->shape, .in = &in, .out = &to};
  return backend_of(s)->run_program(&run);
}

static int run_view(const struct mx_step *s, const struct mx_call *call, struct mx_tensor *in, struct mx_tensor *out) {
  if (in->size == 0 || out->size == 0 || !call->prim->view(call, in, out)) {
    int status = give_memory(out);
    if (status || out->size == 0) return status;
    return copy_to(s->stream, in, out);
  }
  if (in->buf) {
    out->buf = mx_buffer_ref(in->buf);
    return MX_OK;
  }
  /* A scalar's data lives in its node, which may die before its view. */
  int status = mx_buffer_new(&out->buf, 16, MX_MEMORY_HOST);
  if (status) return status;
  memcpy(out->buf->host, in->data, mx_dtype_size(in->dtype));
  out->data = out->buf->host;
  return MX_OK;
}

enum { REPEATS_ELEMENTS = 1 << 16 };

/* Dimensions along which every input repeats are computed once, and the outputs repeat there too: shape gets 1 for them. Not for
 * small results, for constants, or where values are to have a place of their own. */
static bool repeats(const struct mx_step *s, struct mx_tensor *const *in, int64_t size, int64_t *shape) {
  const struct mx_program *p = s->program;
  int64_t count = 1;
  if (p->reduce || size < REPEATS_ELEMENTS) return false;
  for (int d = 0; d < s->ndim; d++) {
    bool same = true;
    for (int k = 0; k < p->nin && same; k++) {
      int at = d - (s->ndim - in[k]->ndim);
      same = at < 0 || in[k]->shape[at] == 1 || in[k]->strides[at] == 0;
    }
    shape[d] = same ? 1 : s->shape[d];
    count *= shape[d];
  }
  for (int i = 0; i < p->ninstr; i++)
    if (p->code[i].prim == MX_PRIM_copy) return false;
  return count > 1 && size - count >= REPEATS_ELEMENTS;
}
static int give_repeating_memory(struct mx_tensor *t, const int64_t *shape) {
  int64_t count = 1;
  mx_strides_contiguous(shape, t->ndim, t->strides);
  for (int d = 0; d < t->ndim; d++) {
    count *= shape[d];
    if (shape[d] != t->shape[d]) t->strides[d] = 0;
  }
  int status = mx_buffer_new(&t->buf, (size_t)count * mx_dtype_size(t->dtype), MX_MEMORY_HOST);
  if (!status) t->data = t->buf->host;
  return status;
}

static int run_program(const struct mx_step *s, struct mx_tensor *const *in, struct mx_tensor *const *out, const bool *may_take) {
  bool taken[MX_PROGRAM_INPUTS] = {false};
  int64_t shape[MX_MAX_NDIM];
  bool repeat = repeats(s, in, out[0]->size, shape);
  for (int i = 0; i < s->nout; i++) {
    for (int k = 0; k < s->nin && !s->program->reduce && !out[i]->buf; k++) {
      if (taken[k] || !may_take[k] || !can_take(in[k], out[i])) continue;
      taken[k] = true;
      mx_strides_contiguous(out[i]->shape, out[i]->ndim, out[i]->strides);
      share(in[k], out[i]);
    }
    int status = out[i]->buf ? MX_OK : repeat ? give_repeating_memory(out[i], shape) : give_memory(out[i]);
    if (status) return status;
  }
  if (out[0]->size == 0) return MX_OK;
  struct mx_program_run run = {.program = s->program, .ndim = s->ndim, .shape = repeat ? shape : s->shape, .reduce_axes = s->reduce_axes,
                               .in = in, .out = out};
  return backend_of(s->stream)->run_program(&run);
}

enum { KEPT_ALIVE = 4 };
/* A slice that is a good part of its array is a view of it; a small one is copied, and keeps no large array alive or from being
 * written over. */
static bool view_dynamic_slice(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *out) {
  const struct mx_tensor *a = in[0];
  if (!a->buf || out->size == 0 || a->size / KEPT_ALIVE > out->size) return false;
  int64_t naxes = c->p.nints - a->ndim, offset = mx_tensor_dynamic_offset(a, c->p.ints, naxes, out->shape, in[1]);
  memcpy(out->strides, a->strides, (size_t)a->ndim * sizeof *a->strides);
  out->buf = mx_buffer_ref(a->buf);
  out->data = (char *)a->data + offset * (int64_t)mx_dtype_size(a->dtype);
  return true;
}

static int run_kernel(const struct mx_step *s, const struct mx_call *call, struct mx_tensor *const *in,
                      struct mx_tensor *const *out, const bool *may_take) {
  if (call->prim->id == MX_PRIM_compiled) return mx_plan_run((struct mx_plan *)call->p.obj, in, out, may_take);
  if (call->prim->id == MX_PRIM_depends || call->prim->id == MX_PRIM_custom) { /* outputs are the first inputs */
    for (int i = 0; i < s->nout; i++) {
      memcpy(out[i]->strides, in[i]->strides, (size_t)in[i]->ndim * sizeof(int64_t));
      share(in[i], out[i]);
      if (!out[i]->buf) { /* a scalar inside its node */
        int status = give_memory(out[i]);
        if (status) return status;
        memcpy(out[i]->data, in[i]->data, mx_dtype_size(in[i]->dtype));
      }
    }
    return MX_OK;
  }
  if (call->prim->id == MX_PRIM_dynamic_slice && view_dynamic_slice(call, in, out[0])) return MX_OK;
  if (!backend_of(s->stream)->has(call->prim->id))
    return mx_fail(MX_ENOTIMPL, "[%s] The CPU has no kernel for this operation.", call->prim->name);
  for (int i = 0; i < s->nout; i++) {
    int over = call->prim->inplace - 1;
    if (i == 0 && over >= 0 && may_take[over] && can_take(in[over], out[0])) {
      mx_strides_contiguous(out[0]->shape, out[0]->ndim, out[0]->strides);
      share(in[over], out[0]);
    } else {
      int status = give_memory(out[i]);
      if (status) return status;
    }
  }
  return backend_of(s->stream)->run(call, in, out);
}

int mx_run_step(const struct mx_step *s, const struct mx_call *call, struct mx_tensor *const *in, struct mx_tensor *const *out,
                const bool *may_take) {
  int64_t begin = mx_trace_file_on() ? mx_trace_file_now() : 0;
  int status = s->kind == MX_STEP_PROGRAM ? run_program(s, in, out, may_take)
               : s->kind == MX_STEP_VIEW  ? run_view(s, call, in[0], out[0])
                                          : run_kernel(s, call, in, out, may_take);
  if (status) forget(out, s->nout);
  if (begin) mx_trace_file_step(s, in, out, begin);
  return status;
}
