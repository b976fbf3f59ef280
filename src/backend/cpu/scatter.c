/* scatter.c: Scatter and ScatterAxis: writing where index arrays say.
 * Invariant: updates that meet in one place fall on it in row-major order of the indices, whatever the threads: they share
 * out the places, not the updates. Indices are checked before anything is written. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/update.h"

#include <string.h>

enum { CHUNK = 256, PARALLEL_ELEMENTS = 1 << 15, WIDE_SLICE = 16, AHEAD = 8, FORESEEN = 512 };

struct scatter {
  const struct mx_tensor *out, *updates, *const *index;
  const int64_t *axes;
  int n, lead; /* index arrays; dimensions of the indices */
  enum mx_update_mode mode;
  cpu_tile_fn fn; /* NULL: the update replaces */
  int64_t lead_step; /* from one update to the next, where that is one step */
  bool runs;         /* it is, and slices are one row of width elements in both */
  int64_t size, rows, width, step, from_step; /* of an element; of a slice: rows of width elements, and their steps */
};

/* width elements onto distinct places. */
static void write_row(const struct scatter *s, char *to, const char *from) {
  size_t size = (size_t)s->size;
  if (!s->fn) {
    cpu_copy_run(size, s->width, to, s->step, from, s->from_step);
    return;
  }
  if (s->step == 1 && s->from_step == 1) {
    s->fn(s->width, to, to, from, NULL);
    return;
  }
  _Alignas(64) char old[CHUNK * 8], new[CHUNK * 8];
  for (int64_t i = 0; i < s->width; i += CHUNK) {
    int64_t m = s->width - i < CHUNK ? s->width - i : CHUNK;
    char *place = to + i * s->step * s->size;
    if (i == 0 || s->from_step) cpu_copy_run(size, m, new, 1, from + i * s->from_step * s->size, s->from_step);
    cpu_copy_run(size, m, old, 1, place, s->step);
    s->fn(m, old, old, new, NULL);
    cpu_copy_run(size, m, place, s->step, old, 1);
  }
}

static void write_slice(const struct scatter *s, int64_t offset, int64_t at) {
  const struct mx_tensor *out = s->out, *u = s->updates;
  if (s->runs) {
    write_row(s, (char *)out->data + offset * s->size, (const char *)u->data + at * s->lead_step * s->size);
    return;
  }
  const int64_t *shape = u->shape + s->lead, *strides = u->strides + s->lead;
  int64_t from = cpu_offset(s->lead, u->shape, u->strides, at);
  for (int64_t r = 0; r < s->rows; r++) {
    int64_t to = offset + cpu_offset(out->ndim - 1, shape, out->strides, r);
    int64_t row = from + cpu_offset(out->ndim - 1, shape, strides, r);
    write_row(s, (char *)out->data + to * s->size, (const char *)u->data + row * s->size);
  }
}

/* Rows that another part's stand between are too far apart for the hardware to foresee. */
static void foresee(const char *row, int64_t bytes) {
  for (int64_t k = 0; k < bytes && k < FORESEEN; k += 64) __builtin_prefetch(row + k);
}

/* Updates whose place along the first indexed axis lies in [begin, end). */
static void scatter_places(void *ctx, int64_t begin, int64_t end) {
  const struct scatter *s = ctx;
  int64_t count = s->index[0]->size, first[CHUNK], offset[CHUNK];
  for (int64_t at = 0; at < count; at += CHUNK) {
    int64_t m = count - at < CHUNK ? count - at : CHUNK;
    memset(offset, 0, sizeof offset);
    for (int k = 0; k < s->n; k++)
      cpu_add_offsets(s->index[k], at, m, s->out->shape[s->axes[k]], s->out->strides[s->axes[k]], offset);
    cpu_load_indices(s->index[0], at, m, s->out->shape[s->axes[0]], first);
    int64_t mine[CHUNK], kept = 0; /* chosen without a branch: which part an index falls into no processor foresees */
    for (int64_t i = 0; i < m; i++) {
      mine[kept] = i;
      kept += (uint64_t)(first[i] - begin) < (uint64_t)(end - begin);
    }
    for (int64_t i = 0; i < kept; i++) {
      if (s->runs && i + AHEAD < kept) foresee((const char *)s->updates->data + (at + mine[i + AHEAD]) * s->lead_step * s->size, s->width * s->size);
      write_slice(s, offset[mine[i]], at + mine[i]);
    }
  }
}

/* Dimensions [begin, end) of shape as one: whether, and the step from each element to the next. */
static bool is_one_run(const int64_t *shape, const int64_t *strides, int begin, int end, int64_t *step) {
  int64_t next = 0;
  bool any = false;
  *step = 0;
  for (int d = end - 1; d >= begin; d--) {
    if (shape[d] == 1) continue;
    if (any && strides[d] != next) return false;
    if (!any) *step = strides[d];
    any = true;
    next = shape[d] * strides[d];
  }
  return true;
}
/* Slices that are one element wide, as they stand in rows [begin, end): all indices, one row after the other. Rows never meet. */
static void scatter_elements(void *ctx, int64_t begin, int64_t end) {
  const struct scatter *s = ctx;
  const struct mx_tensor *out = s->out, *u = s->updates;
  int64_t count = s->index[0]->size, offset[CHUNK], step = s->lead_step;
  for (int64_t at = 0; at < count; at += CHUNK) {
    int64_t m = count - at < CHUNK ? count - at : CHUNK;
    memset(offset, 0, sizeof offset);
    for (int k = 0; k < s->n; k++)
      cpu_add_offsets(s->index[k], at, m, out->shape[s->axes[k]], out->strides[s->axes[k]], offset);
    for (int64_t r = begin; r < end; r++) {
      int64_t to = cpu_offset(out->ndim, u->shape + s->lead, out->strides, r);
      int64_t from = cpu_offset(out->ndim, u->shape + s->lead, u->strides + s->lead, r) + at * step;
      cpu_put(s->mode, out->dtype, m, (char *)out->data + to * s->size, offset, (const char *)u->data + from * s->size, step);
    }
  }
}

int cpu_scatter(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_mode_params *p = c->p.head;
  int n = c->nin - 2, status = MX_OK;
  const struct mx_tensor *a = out[0], *u = in[n + 1];
  struct scatter s = {.out = a, .updates = u, .index = (const struct mx_tensor *const *)(in + 1), .axes = c->p.ints, .n = n,
                      .lead = in[1]->ndim, .mode = (enum mx_update_mode)p->mode, .fn = cpu_update_op((enum mx_update_mode)p->mode, a->dtype),
                      .size = (int64_t)mx_dtype_size(a->dtype)};
  const int64_t *slice = u->shape + s.lead;
  for (int k = 0; k < n && !status && u->size; k++) {
    int axis = (int)c->p.ints[k];
    status = cpu_check_indices("scatter", in[1 + k], axis, a->shape[axis], slice[axis]);
  }
  if (!status && out[0]->data != in[0]->data) status = cpu_copy(in[0], out[0]);
  if (status || u->size == 0) return status;
  s.width = slice[a->ndim - 1];
  s.step = a->strides[a->ndim - 1];
  s.from_step = u->strides[u->ndim - 1];
  int64_t count = in[1]->size, each = u->size / count;
  s.rows = each / s.width;
  bool even = is_one_run(u->shape, u->strides, 0, s.lead, &s.lead_step), single = even && s.width == 1;
  for (int k = 0; k < n; k++) single = single && slice[c->p.ints[k]] == 1; /* else rows could meet */
  if (single) {
    cpu_parallel_for(each, PARALLEL_ELEMENTS / count + 1, scatter_elements, &s);
    return MX_OK;
  }
  int64_t step, from_step, axis = c->p.ints[0], places = a->shape[axis];
  if (even && is_one_run(slice, a->strides, 0, a->ndim, &step) && is_one_run(u->shape, u->strides, s.lead, u->ndim, &from_step))
    s.runs = true, s.width = each, s.rows = 1, s.step = step, s.from_step = from_step;
  bool share = each >= WIDE_SLICE && u->size > PARALLEL_ELEMENTS && slice[axis] == 1; /* else two parts would meet, or wait */
  if (share) cpu_parallel_for(places, places / (2 * cpu_pool_threads()) + 1, scatter_places, &s);
  else scatter_places(&s, 0, places);
  return MX_OK;
}

struct scatter_axis {
  const struct mx_tensor *out, *index, *updates;
  int axis;
  enum mx_update_mode mode;
  int64_t size, rows; /* of an element; rows of the last dimension to one position of the dimensions before the axis */
  int64_t strides[MX_MAX_NDIM]; /* of out, without the axis */
};

/* Rows of the indices in order: two indices may name one place. begin and end cut the dimensions before the axis (all of them as
 * one), which never meet. */
static void scatter_rows(void *ctx, int64_t begin, int64_t end) {
  const struct scatter_axis *s = ctx;
  const struct mx_tensor *t = s->index;
  int last = t->ndim - 1;
  int64_t width = t->shape[last], step = s->strides[last], along = s->out->strides[s->axis], offset[CHUNK];
  int64_t from_step = s->updates->strides[last];
  for (int64_t r = begin * s->rows; r < end * s->rows; r++) {
    char *to = (char *)s->out->data + cpu_offset(last, t->shape, s->strides, r) * s->size;
    const char *from = (const char *)s->updates->data + cpu_offset(last, t->shape, s->updates->strides, r) * s->size;
    for (int64_t at = 0; at < width; at += CHUNK) {
      int64_t m = width - at < CHUNK ? width - at : CHUNK;
      cpu_steps(m, at * step, step, offset);
      cpu_add_offsets(t, r * width + at, m, s->out->shape[s->axis], along, offset);
      cpu_put(s->mode, s->out->dtype, m, to, offset, from + at * from_step * s->size, from_step);
    }
  }
}

int cpu_scatter_axis(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_mode_params *p = c->p.head;
  const struct mx_tensor *a = out[0], *index = in[1];
  struct scatter_axis s = {.out = a, .index = index, .updates = in[2], .axis = (int)c->p.ints[0],
                           .mode = (enum mx_update_mode)p->mode, .size = (int64_t)mx_dtype_size(a->dtype)};
  int status = cpu_check_indices("scatter_axis", index, s.axis, a->shape[s.axis], 1);
  if (!status && out[0]->data != in[0]->data) status = cpu_copy(in[0], out[0]);
  if (status || index->size == 0) return status;
  int64_t lead = 1;
  for (int d = 0; d < a->ndim; d++) {
    s.strides[d] = d == s.axis ? 0 : a->strides[d];
    if (d < s.axis) lead *= index->shape[d];
  }
  s.rows = index->size / lead / index->shape[a->ndim - 1];
  if (s.axis == a->ndim - 1) s.rows = 1;
  cpu_parallel_for(lead, PARALLEL_ELEMENTS / (index->size / lead) + 1, scatter_rows, &s);
  return MX_OK;
}
