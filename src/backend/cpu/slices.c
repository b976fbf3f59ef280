/* slices.c: Concatenate, Pad, SliceUpdate, DynamicSlice, DynamicSliceUpdate: copies between parts of arrays.
 * Invariant: parts lie inside their array: builders checked the static ones, dynamic starts are clamped. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"

#include <string.h>

int cpu_concatenate(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int64_t axis = c->p.ints[0], offset = 0;
  for (int k = 0; k < c->nin; k++) {
    struct mx_tensor part = cpu_part(out[0], in[k]->shape, out[0]->strides, offset);
    int status = cpu_copy(in[k], &part);
    if (status) return status;
    offset += in[k]->shape[axis] * out[0]->strides[axis];
  }
  return MX_OK;
}

/* out[start … start+shape) = the one value. */
static int fill(const struct mx_tensor *out, const int64_t *start, int64_t *shape, const struct mx_tensor *value) {
  int64_t zero[MX_MAX_NDIM] = {0}, offset = 0;
  for (int d = 0; d < out->ndim; d++) offset += start[d] * out->strides[d];
  struct mx_tensor to = cpu_part(out, shape, out->strides, offset), from = cpu_part(out, shape, zero, 0);
  from.data = value->data;
  return cpu_copy(&from, &to);
}

/* Axis by axis the border before and after: inside the earlier axes' interior, over the whole of the later ones. */
int cpu_pad(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int n = out[0]->ndim;
  const int64_t *low = c->p.ints, *high = low + n;
  int64_t start[MX_MAX_NDIM] = {0}, shape[MX_MAX_NDIM], offset = 0;
  memcpy(shape, out[0]->shape, (size_t)n * sizeof *shape);
  for (int d = 0; d < n; d++) {
    shape[d] = low[d];
    int status = fill(out[0], start, shape, in[1]);
    if (status) return status;
    start[d] = low[d] + in[0]->shape[d];
    shape[d] = high[d];
    status = fill(out[0], start, shape, in[1]);
    if (status) return status;
    start[d] = low[d];
    shape[d] = in[0]->shape[d];
    offset += low[d] * out[0]->strides[d];
  }
  struct mx_tensor inside = cpu_part(out[0], shape, out[0]->strides, offset);
  return cpu_copy(in[0], &inside);
}

int cpu_slice_update(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int n = out[0]->ndim;
  const int64_t *start = c->p.ints, *step = start + 2 * n;
  int status = out[0]->data == in[0]->data ? MX_OK : cpu_copy(in[0], out[0]);
  if (status) return status;
  int64_t strides[MX_MAX_NDIM], offset = 0;
  for (int d = 0; d < n; d++) {
    strides[d] = step[d] * out[0]->strides[d];
    offset += start[d] * out[0]->strides[d];
  }
  struct mx_tensor part = cpu_part(out[0], in[1]->shape, strides, offset);
  return cpu_copy(in[1], &part);
}

int cpu_dynamic_slice(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int64_t n = in[0]->ndim, k = c->p.nints - n;
  int64_t offset = mx_tensor_dynamic_offset(in[0], c->p.ints, k, out[0]->shape, in[1]);
  struct mx_tensor part = cpu_part(in[0], out[0]->shape, in[0]->strides, offset);
  return cpu_copy(&part, out[0]);
}

int cpu_dynamic_slice_update(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int status = out[0]->data == in[0]->data ? MX_OK : cpu_copy(in[0], out[0]);
  if (status) return status;
  int64_t offset = mx_tensor_dynamic_offset(out[0], c->p.ints, c->p.nints, in[1]->shape, in[2]);
  struct mx_tensor part = cpu_part(out[0], in[1]->shape, out[0]->strides, offset);
  return cpu_copy(in[1], &part);
}
