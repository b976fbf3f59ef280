/* array.c: life and death of nodes, and shapes.
 * Invariant: one allocation per node; nothing here recurses over the graph. */
#include "graph/array.h"

#include "core/error.h"
#include "core/half.h"
#include "core/thread.h"
#include "graph/node.h"
#include "graph/prim.h"
#include "graph/stream.h"

#include <stdio.h>
#include <string.h>

enum { LOCKS = 64 };
static mx_mutex node_locks[LOCKS] = {[0 ... LOCKS - 1] = MX_MUTEX_INIT};
static mx_mutex *node_lock(const mx_node *n) { return &node_locks[((uintptr_t)n >> 6) % LOCKS]; }

struct mx_object *mx_object_ref(struct mx_object *o) {
  if (o) atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
  return o;
}
void mx_object_unref(struct mx_object *o) {
  if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1) o->type->destroy(o);
}

/* Shapes */

int mx_shape_size(const char *op, const int64_t *shape, int ndim, enum mx_dtype dtype, int64_t *size) {
  int64_t n = 1, bytes;
  bool overflow = false, empty = false;
  for (int i = 0; i < ndim; i++) {
    char text[MX_SHAPE_TEXT];
    if (shape[i] < 0)
      return mx_fail(MX_EVALUE, "[%s] A dimension cannot be negative: shape %s.", op, mx_shape_text(text, shape, ndim));
    empty |= shape[i] == 0;
    if (shape[i] > 0) overflow |= __builtin_mul_overflow(n, shape[i], &n);
  }
  overflow |= __builtin_mul_overflow(n, (int64_t)mx_dtype_size(dtype), &bytes);
  if (overflow && !empty) {
    char text[MX_SHAPE_TEXT];
    return mx_fail(MX_EVALUE, "[%s] An array of shape %s and dtype %s has too many elements.", op,
                   mx_shape_text(text, shape, ndim), mx_dtype_name(dtype));
  }
  *size = empty ? 0 : n;
  return MX_OK;
}

void mx_strides_contiguous(const int64_t *shape, int ndim, int64_t *strides) {
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    strides[i] = step;
    step = (int64_t)((uint64_t)step * (uint64_t)(shape[i] > 0 ? shape[i] : 1)); /* may wrap beside a dimension of 0: never used */
  }
}

bool mx_tensor_is_contiguous(const struct mx_tensor *t) {
  if (t->size <= 1) return true;
  int64_t step = 1;
  for (int i = t->ndim - 1; i >= 0; i--) {
    if (t->shape[i] == 1) continue;
    if (t->strides[i] != step) return false;
    step *= t->shape[i];
  }
  return true;
}

const char *mx_shape_text(char text[MX_SHAPE_TEXT], const int64_t *shape, int ndim) {
  int at = snprintf(text, MX_SHAPE_TEXT, "(");
  for (int i = 0; i < ndim && at < MX_SHAPE_TEXT - 32; i++)
    at += snprintf(text + at, (size_t)(MX_SHAPE_TEXT - at), "%s%lld", i ? "," : "", (long long)shape[i]);
  snprintf(text + at, (size_t)(MX_SHAPE_TEXT - at), "%s)", at >= MX_SHAPE_TEXT - 32 ? "…" : ndim == 1 ? "," : "");
  return text;
}

/* Nodes */

/* The number of elements, where there is nothing to complain of: no empty, negative or huge dimension. */
static bool fits(const struct mx_spec *s, int64_t *size) {
  int64_t n = 1;
  for (int i = 0; i < s->ndim; i++)
    if (s->shape[i] <= 0 || __builtin_mul_overflow(n, s->shape[i], &n)) return false;
  *size = n;
  return n >> 59 == 0;
}

mx_node *mx_node_new(const struct mx_prim *prim, mx_array *const *in, int nin, const struct mx_params *params,
                     const struct mx_spec *specs, int nout, size_t extra, void **extra_at) {
  static const struct mx_params none;
  static const mx_node blank;
  if (!params) params = &none;
  int64_t sizes[2], *size = sizes;
  if (nout > MX_COUNT(sizes) && !(size = mx_malloc((size_t)nout * sizeof *size))) return NULL;
  size_t dims = 0;
  int status = MX_OK;
  for (int i = 0; i < nout && !status; i++) {
    dims += (size_t)specs[i].ndim;
    if (!fits(&specs[i], &size[i]))
      status = mx_shape_size(prim ? mx_prim_op(prim) : "array", specs[i].shape, specs[i].ndim, specs[i].dtype, &size[i]);
  }
  size_t head = MX_ALIGN_UP((size_t)params->head_size, 8);
  size_t bytes = sizeof(mx_node) + (size_t)nout * sizeof(mx_array) + (size_t)nin * sizeof(mx_array *) +
                 (2 * dims + (size_t)params->nints) * sizeof(int64_t) + head + MX_ALIGN_UP(extra, 8);
  mx_node *n = status ? NULL : mx_malloc(bytes);
  if (n) {
    *n = blank;
    n->prim = prim, n->nin = nin, n->nout = nout;
    int64_t *at = (int64_t *)&n->out[nout];
    for (int i = 0; i < nout; i++) {
      mx_array *a = &n->out[i];
      *a = (mx_array){.t = {.dtype = specs[i].dtype, .ndim = specs[i].ndim, .size = size[i], .shape = at}, .node = n};
      for (int d = 0; d < specs[i].ndim; d++) at[d] = specs[i].shape[d];
      a->t.strides = at + specs[i].ndim;
      at += 2 * specs[i].ndim;
    }
    n->in = (mx_array **)at;
    for (int i = 0; i < nin; i++) n->in[i] = mx_ref(in[i]);
    at = (int64_t *)(n->in + nin);
    n->p = *params;
    n->p.ints = at;
    for (int i = 0; i < params->nints; i++) at[i] = params->ints[i];
    n->p.head = at + params->nints;
    if (params->head_size) memcpy(at + params->nints, params->head, (size_t)params->head_size);
    mx_object_ref(params->obj);
    if (extra_at) *extra_at = (char *)(at + params->nints) + head;
  }
  if (size != sizes) mx_free(size);
  return n;
}

static void output_release(mx_array *a) {
  mx_buffer *buf = a->t.buf;
  a->t.buf = NULL;
  mx_buffer_unref(buf);
}

/* Of an output that nobody holds. What a wrapped buffer's owner does when it is let go may take any lock, ours among them. */
static void output_release_unheld(mx_array *a) {
  mx_buffer *buf = NULL;
  mx_lock(node_lock(a->node));
  if (atomic_load_explicit(&a->refs, memory_order_relaxed) == 0) buf = a->t.buf, a->t.buf = NULL;
  mx_unlock(node_lock(a->node));
  mx_buffer_unref(buf);
}

static _Thread_local mx_node *dying; /* nodes whose last holder on this thread let go */
static _Thread_local bool draining;

static void node_free(mx_node *n) {
  if (!atomic_load_explicit(&n->detached, memory_order_relaxed))
    for (int i = 0; i < n->nin; i++) mx_unref(n->in[i]);
  for (int i = 0; i < n->nout; i++) output_release(&n->out[i]);
  mx_object_unref(n->p.obj);
  if (n->trace) mx_trace_unref(n->trace);
  if (n->error) {
    mx_error_release(n->error);
    mx_free(n->error);
  }
  mx_free(n);
}

static void node_die(mx_node *n) {
  n->link = dying;
  dying = n;
  if (draining) return;
  draining = true;
  while (dying) {
    mx_node *next = dying;
    dying = next->link;
    node_free(next);
  }
  draining = false;
}

void mx_node_unref(mx_node *n) {
  if (atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) == 1) node_die(n);
}

void mx_unref(mx_array *a) {
  if (!a || atomic_fetch_sub(&a->refs, 1) != 1) return;
  mx_node *n = a->node;
  /* A sibling may keep the node for long: an output nobody holds gives its buffer back at once, or mx_node_drop_stolen does:
   * one writes refs and reads detached, the other writes detached and reads refs, so one of them sees the other. */
  if (n->nout > 1 && atomic_load(&n->detached)) output_release_unheld(a);
  mx_node_unref(n);
}

bool mx_node_hold(mx_node *n, mx_array **in, struct mx_object **obj) {
  mx_lock(node_lock(n));
  bool held = n->prim && !atomic_load_explicit(&n->detached, memory_order_relaxed);
  *obj = held ? mx_object_ref(n->p.obj) : NULL;
  for (int i = 0; held && i < n->nin; i++) in[i] = mx_ref(n->in[i]);
  for (int i = 0; held && i < n->nout; i++) mx_ref(&n->out[i]);
  mx_unlock(node_lock(n));
  return held;
}

void mx_node_let_go(mx_node *n, mx_array *const *in, struct mx_object *obj) {
  mx_object_unref(obj);
  for (int i = 0; i < n->nin; i++) mx_unref(in[i]);
  /* The outputs' references keep n alive: the last one ends it. */
  int nout = n->nout;
  mx_node_ref(n);
  for (int i = 0; i < nout; i++) mx_unref(&n->out[i]);
  mx_node_unref(n);
}

bool mx_node_steal(mx_node *n) {
  mx_lock(node_lock(n));
  bool was = atomic_exchange(&n->detached, true);
  mx_unlock(node_lock(n));
  return !was;
}

void mx_node_unsteal(mx_node *n) {
  mx_lock(node_lock(n));
  atomic_store_explicit(&n->detached, false, memory_order_release);
  mx_unlock(node_lock(n));
}

void mx_node_drop_stolen(mx_node *n) {
  for (int i = 0; i < n->nout && n->nout > 1; i++) /* outputs that nobody holds waited for this */
    if (atomic_load(&n->out[i].refs) == 0) output_release_unheld(&n->out[i]);
  for (int i = 0; i < n->nin; i++) mx_unref(n->in[i]);
  struct mx_object *obj = n->p.obj;
  n->p.obj = NULL;
  mx_object_unref(obj);
}

void mx_node_detach(mx_node *n) {
  if (!(n->trace && mx_trace_keeps(n)) && mx_node_steal(n)) mx_node_drop_stolen(n);
}

struct mx_call mx_node_call(mx_node *n, mx_array *const *in, mx_array **outs) {
  for (int i = 0; i < n->nout; i++) outs[i] = &n->out[i];
  return (struct mx_call){.prim = n->prim, .stream = n->stream, .in = in, .out = outs, .nin = n->nin, .nout = n->nout, .p = n->p};
}

/* Leaves */

static mx_array *leaf_new(const int64_t *shape, int ndim, enum mx_dtype dtype, size_t extra, void **extra_at) {
  if (ndim > MX_MAX_NDIM) {
    mx_fail(MX_EVALUE, "[array] An array has at most %d dimensions, not %d.", MX_MAX_NDIM, ndim);
    return NULL;
  }
  struct mx_spec spec = {.dtype = dtype, .ndim = ndim};
  for (int i = 0; i < ndim; i++) spec.shape[i] = shape[i];
  mx_node *n = mx_node_new(NULL, NULL, 0, NULL, &spec, 1, extra, extra_at);
  return n ? mx_ref(&n->out[0]) : NULL;
}

mx_array *mx_array_leaf(const int64_t *shape, int ndim, enum mx_dtype dtype, mx_buffer *buf_take, void *data,
                        const int64_t *strides) {
  mx_array *a = leaf_new(shape, ndim, dtype, 0, NULL);
  if (!a) {
    mx_buffer_unref(buf_take);
    return NULL;
  }
  a->t.buf = buf_take;
  a->t.data = data;
  if (strides) memcpy(a->t.strides, strides, (size_t)ndim * sizeof *strides);
  else mx_strides_contiguous(shape, ndim, a->t.strides);
  atomic_store_explicit(&a->node->state, MX_DONE, memory_order_release);
  return a;
}

mx_array *mx_array_from_copy(const void *data, const int64_t *shape, int ndim, enum mx_dtype dtype) {
  int64_t size;
  if (mx_shape_size("array", shape, ndim, dtype, &size)) return NULL;
  size_t bytes = (size_t)size * mx_dtype_size(dtype);
  if (ndim == 0) return mx_array_scalar_bytes(data, dtype);
  mx_buffer *buf;
  if (mx_buffer_new(&buf, bytes, MX_MEMORY_HOST)) return NULL;
  if (bytes) memcpy(buf->host, data, bytes);
  return mx_array_leaf(shape, ndim, dtype, buf, buf->host, NULL);
}

mx_array *mx_array_scalar_bytes(const void *value, enum mx_dtype dtype) {
  void *at;
  mx_array *a = leaf_new(NULL, 0, dtype, 16, &at);
  if (!a) return NULL;
  memcpy(at, value, mx_dtype_size(dtype));
  a->t.data = at;
  atomic_store_explicit(&a->node->state, MX_DONE, memory_order_release);
  return a;
}

/* Out-of-range values must not be undefined: through int64, clamped, then cut to the width. */
static int64_t to_int64(double v) {
  if (v != v) return 0;
  if (v >= 0x1p63) return INT64_MAX;
  if (v < -0x1p63) return INT64_MIN;
  return (int64_t)v;
}

mx_array *mx_array_scalar(double value, enum mx_dtype dtype) {
  union {
    float f[2];
    double d;
    uint16_t h;
    uint64_t u;
    uint8_t b;
  } x = {.f = {0, 0}};
  switch (dtype) {
  case MX_FLOAT64: x.d = value; break;
  case MX_FLOAT32: x.f[0] = (float)value; break;
  case MX_COMPLEX64: x.f[0] = (float)value; x.f[1] = 0; break;
  case MX_FLOAT16: x.h = mx_float_to_f16((float)value); break;
  case MX_BFLOAT16: x.h = mx_float_to_bf16((float)value); break;
  case MX_BOOL: x.b = value != 0; break;
  default: x.u = value >= 0x1p63 && value < 0x1p64 ? (uint64_t)value : (uint64_t)to_int64(value); break;
  }
  return mx_array_scalar_bytes(&x, dtype); /* little-endian: the low bytes are the narrower integers */
}

/* The k-th of a row of integers; what is above int64's range is its end. */
static int64_t integer_at(const struct mx_tensor *t, int64_t k) {
  if (t->ndim) k *= t->strides[0];
  switch (t->dtype) {
  case MX_UINT8: return ((const uint8_t *)t->data)[k];
  case MX_UINT16: return ((const uint16_t *)t->data)[k];
  case MX_UINT32: return ((const uint32_t *)t->data)[k];
  case MX_INT8: return ((const int8_t *)t->data)[k];
  case MX_INT16: return ((const int16_t *)t->data)[k];
  case MX_INT32: return ((const int32_t *)t->data)[k];
  case MX_UINT64: return ((const uint64_t *)t->data)[k] > INT64_MAX ? INT64_MAX : (int64_t)((const uint64_t *)t->data)[k];
  default: return ((const int64_t *)t->data)[k];
  }
}
int64_t mx_tensor_dynamic_offset(const struct mx_tensor *t, const int64_t *axes, int64_t naxes, const int64_t *size,
                                 const struct mx_tensor *start) {
  int64_t offset = 0;
  for (int64_t k = 0; k < naxes; k++) {
    int64_t axis = axes[k], most = t->shape[axis] - size[axis], at = integer_at(start, k);
    offset += (at < 0 ? 0 : at > most ? most : at) * t->strides[axis];
  }
  return offset;
}

mx_array *mx_array_placeholder(const int64_t *shape, int ndim, enum mx_dtype dtype, struct mx_trace *t) {
  mx_array *a = leaf_new(shape, ndim, dtype, 0, NULL);
  if (!a) return NULL;
  a->node->flags = MX_NODE_PLACEHOLDER;
  a->node->trace = mx_trace_ref(t);
  return a;
}

mx_array *mx_array_tracer(mx_array *x, struct mx_trace *t) {
  struct mx_spec spec = {.dtype = x->t.dtype, .ndim = x->t.ndim};
  memcpy(spec.shape, x->t.shape, (size_t)x->t.ndim * sizeof *spec.shape);
  mx_node *n = mx_node_new(&mx_prim_identity, &x, 1, NULL, &spec, 1, 0, NULL);
  if (!n) return NULL;
  n->flags = MX_NODE_TRACER;
  n->trace = mx_trace_ref(t);
  n->stream = x->node->stream ? x->node->stream : mx_default_stream(mx_default_device()); /* a leaf has none */
  mx_array *a = mx_ref(&n->out[0]);
  if (mx_is_done(x) && x->t.buf) { /* a scalar's data lives in its node: eval gives the view a buffer */
    memcpy(a->t.strides, x->t.strides, (size_t)x->t.ndim * sizeof(int64_t));
    a->t.data = x->t.data;
    a->t.buf = mx_buffer_ref(x->t.buf);
    atomic_store_explicit(&n->state, MX_DONE, memory_order_release);
  }
  return a;
}
