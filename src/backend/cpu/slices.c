/* slices.c: Concatenate, Pad, SliceUpdate, DynamicSlice, DynamicSliceUpdate: copies between parts of arrays.
 * Invariant: parts lie inside their array: builders checked the static ones, dynamic starts are clamped here. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/update.h"
#include "graph/params.h"

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

/* Where a dynamic slice begins, in elements: each start clamped so that the slice fits. */
static int64_t dynamic_offset(const struct mx_tensor *a, const int64_t *axes, int64_t naxes, const int64_t *size,
                              const struct mx_tensor *start) {
  int64_t offset = 0;
  for (int64_t k = 0; k < naxes; k++) {
    int64_t at, axis = axes[k], most = a->shape[axis] - size[axis];
    char raw[8];
    cpu_load(start, k, 1, raw);
    if (start->dtype == MX_UINT64) { /* above int64's range it would turn negative */
      uint64_t u;
      memcpy(&u, raw, sizeof u);
      at = u > INT64_MAX ? INT64_MAX : (int64_t)u;
    } else {
      cpu_tile_table()->cast[start->dtype][MX_INT64](1, &at, raw, NULL, NULL);
    }
    at = at < 0 ? 0 : at > most ? most : at;
    offset += at * a->strides[axis];
  }
  return offset;
}

int cpu_dynamic_slice(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int64_t n = in[0]->ndim, k = c->p.nints - n;
  int64_t offset = dynamic_offset(in[0], c->p.ints, k, out[0]->shape, in[1]);
  struct mx_tensor part = cpu_part(in[0], out[0]->shape, in[0]->strides, offset);
  return cpu_copy(&part, out[0]);
}

int cpu_dynamic_slice_update(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int status = out[0]->data == in[0]->data ? MX_OK : cpu_copy(in[0], out[0]);
  if (status) return status;
  int64_t offset = dynamic_offset(out[0], c->p.ints, c->p.nints, in[1]->shape, in[2]);
  struct mx_tensor part = cpu_part(out[0], in[1]->shape, out[0]->strides, offset);
  return cpu_copy(in[1], &part);
}
