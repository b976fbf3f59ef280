/* build.c: nodes are made here and nowhere else.
 * Invariant: all that a build made is owned by it until its end, so an error in the middle leaks nothing. */
#include "graph/build.h"

#include "graph/node.h"
#include "graph/stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mx_build_begin(mx_build *b, struct mx_stream *stream) {
  b->status = MX_OK;
  b->n = 0;
  b->cap = MX_COUNT(b->first);
  b->owned = b->first;
  b->stream = stream ? stream : mx_default_stream(mx_default_device());
  if (!b->stream) b->status = mx_error_class();
}

mx_array *mx_build_fail(mx_build *b, enum mx_status status, const char *format, ...) {
  if (b->status) return NULL;
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  b->status = mx_fail(status, "%s", text);
  return NULL;
}

mx_array *mx_build_own(mx_build *b, mx_array *a) {
  if (!a) {
    if (!b->status) b->status = mx_error_class() ? (int)mx_error_class() : mx_fail(MX_EVALUE, "An array is missing.");
    return NULL;
  }
  if (b->n == b->cap) {
    int32_t cap = 2 * b->cap;
    mx_array **more = mx_malloc((size_t)cap * sizeof *more);
    if (!more) {
      mx_unref(a);
      b->status = b->status ? b->status : MX_EMEMORY;
      return NULL;
    }
    memcpy(more, b->owned, (size_t)b->n * sizeof *more);
    if (b->owned != b->first) mx_free(b->owned);
    b->owned = more, b->cap = cap;
  }
  return b->owned[b->n++] = a;
}

int mx_build_end_many(mx_build *b, mx_array *const *results, int n, mx_array **out) {
  for (int i = 0; i < n && !b->status; i++)
    if (!results[i]) b->status = mx_fail(MX_EVALUE, "An array is missing.");
  for (int i = 0; i < n && !b->status; i++) {
    bool newest = b->n > 0 && b->owned[b->n - 1] == results[i]; /* the build's reference becomes the caller's */
    b->n -= newest;
    out[i] = newest ? results[i] : mx_ref(results[i]);
  }
  for (int32_t i = 0; i < b->n; i++) mx_unref(b->owned[i]);
  if (b->owned != b->first) mx_free(b->owned);
  b->n = 0;
  return b->status;
}

int mx_build_end(mx_build *b, mx_array *result, mx_array **out) { return mx_build_end_many(b, &result, 1, out); }

int mx_build_return(mx_build *b, mx_array *result, void **res_ctx) {
  mx_array *made;
  int status = mx_build_end(b, result, &made);
  if (status) return mx_boundary(status);
  mx_array *old = *res_ctx;
  *res_ctx = made;
  mx_unref(old);
  return MX_OK;
}

const char *mx_prim_op(const struct mx_prim *p) {
  static const char *const names[MX_PRIM_COUNT] = {
#define P(id, name) [MX_PRIM_##id] = #id,
#include "graph/prims.def"
#undef P
  };
  switch (p->id) { /* where Python has another name */
  case MX_PRIM_select: return "where";
  case MX_PRIM_dynamic_slice: return "slice";
  case MX_PRIM_dynamic_slice_update: return "slice_update";
  case MX_PRIM_broadcast: return "broadcast_to";
  case MX_PRIM_inverse: return "inv";
  default: return names[p->id];
  }
}

static int apply(mx_build *b, const struct mx_prim *prim, mx_array *const *in, int nin, const struct mx_params *params,
                 int nout, mx_array **out) {
  for (int i = 0; i < nin && !b->status; i++)
    if (!in[i]) b->status = mx_fail(MX_EVALUE, "[%s] Input %d is missing.", mx_prim_op(prim), i);
  if (b->status) return b->status;
  struct mx_call call = {.prim = prim, .stream = b->stream, .in = in, .nin = nin, .nout = nout};
  if (params) call.p = *params;
  struct mx_spec few[2], *specs = few;
  if (nout > MX_COUNT(few) && !(specs = mx_malloc((size_t)nout * sizeof *specs))) return b->status = MX_EMEMORY;
  int status = prim->infer(&call, specs);
  mx_node *n = status ? NULL : mx_node_new(prim, in, nin, params, specs, nout, 0, NULL);
  if (specs != few) mx_free(specs);
  if (!n) return b->status = status ? status : (int)mx_error_class();
  n->stream = b->stream;
  for (int i = 0; i < nin; i++) {
    struct mx_trace *t = in[i]->node->trace;
    if (t && (!n->trace || t->id > n->trace->id)) n->trace = t;
  }
  if (n->trace) n->trace = mx_trace_ref(mx_trace_alive(n->trace));
  if (nout > 1) mx_node_ref(n); /* held while outputs are handed over: the build may refuse one */
  for (int i = 0; i < nout; i++) out[i] = mx_build_own(b, mx_ref(&n->out[i]));
  if (nout > 1) mx_node_unref(n);
  return b->status;
}
int mx_apply_many(mx_build *b, const struct mx_prim *prim, mx_array *const *in, int nin, const struct mx_params *params,
                  int nout, mx_array **out) {
  int status = apply(b, prim, in, nin, params, nout, out);
  for (int i = 0; i < nout && status; i++) out[i] = NULL;
  return status;
}

mx_array *mx_apply(mx_build *b, const struct mx_prim *prim, mx_array *const *in, int nin, const struct mx_params *params) {
  mx_array *out;
  mx_apply_many(b, prim, in, nin, params, 1, &out);
  return out;
}

mx_array *mx_scalar(mx_build *b, double value, enum mx_dtype dtype) {
  return b->status ? NULL : mx_build_own(b, mx_array_scalar(value, dtype));
}

int mx_broadcast_shapes(const char *op, const int64_t *a, int na, const int64_t *b, int nb, int64_t *out, int *nout) {
  int n = na > nb ? na : nb;
  for (int i = 1; i <= n; i++) {
    int64_t x = i <= na ? a[na - i] : 1, y = i <= nb ? b[nb - i] : 1;
    if (x != y && x != 1 && y != 1) {
      char ta[MX_SHAPE_TEXT], tb[MX_SHAPE_TEXT];
      return mx_fail(MX_EVALUE, "[%s] Shapes %s and %s cannot be broadcast.", op, mx_shape_text(ta, a, na),
                     mx_shape_text(tb, b, nb));
    }
    out[n - i] = x == 1 ? y : x;
  }
  *nout = n;
  return MX_OK;
}

int mx_infer_broadcast(const struct mx_call *c, struct mx_spec *out) {
  const struct mx_tensor *first = &c->in[0]->t;
  out->dtype = c->in[c->nin - 1]->t.dtype;
  out->ndim = first->ndim;
  for (int i = 0; i < first->ndim; i++) out->shape[i] = first->shape[i];
  for (int k = 1; k < c->nin; k++) {
    const struct mx_tensor *t = &c->in[k]->t;
    if (t->ndim == out->ndim && !memcmp(t->shape, out->shape, (size_t)t->ndim * sizeof *t->shape)) continue;
    int64_t have[MX_MAX_NDIM];
    int nhave = out->ndim, n;
    memcpy(have, out->shape, (size_t)nhave * sizeof *have);
    int status = mx_broadcast_shapes(mx_prim_op(c->prim), have, nhave, t->shape, t->ndim, out->shape, &n);
    if (status) return status;
    out->ndim = n;
  }
  return MX_OK;
}

int mx_axis(const char *op, int64_t axis, int ndim, int *out) {
  if (axis < -ndim || axis >= ndim)
    return mx_fail(MX_EINDEX, "[%s] Axis %lld is out of bounds for array with %d dimensions.", op, (long long)axis, ndim);
  *out = (int)(axis < 0 ? axis + ndim : axis);
  return MX_OK;
}
