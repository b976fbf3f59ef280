/* fft.c: the primitive FFT: axes one after the other, the first from the input, the others in place.
 * Invariant: data are contiguous from here on; what is not is copied first. */
#include "backend/cpu/fft.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "core/alloc.h"
#include "graph/params.h"

#include <string.h>

enum { GRAIN = 8192 };

struct transform {
  const struct cpu_fft_table *table;
  bool inverse;
  float scale; /* 1 once it has been applied */
};

/* The axes, but skip, of contiguous complex numbers; src may be dst. */
static int complex_axes(struct transform *f, const struct mx_tensor *shape_of, const int64_t *shape, const int64_t *axes, int n, const float *src,
                        float *dst) {
  for (int k = n - 1; k >= 0; k--) {
    struct cpu_fft_across a = {.outer = 1, .n = shape[axes[k]], .inner = 1, .src = src, .dst = dst, .inverse = f->inverse, .scale = f->scale};
    for (int d = 0; d < axes[k]; d++) a.outer *= shape[d];
    for (int d = (int)axes[k] + 1; d < shape_of->ndim; d++) a.inner *= shape[d];
    int status = cpu_fft_across(f->table, &a);
    if (status) return status;
    src = dst;
    f->scale = 1;
  }
  return MX_OK;
}

/* ---- real lines ---- */

struct real_lines {
  const struct cpu_fft_table *table;
  int64_t n, count; /* reals in a line; lines */
  const float *src;
  float *dst, *room;
  const float *twiddles;
  float scale;
};
static int64_t half(int64_t n) { return n / 2 + 1; }

static void split_pairs(void *ctx, int64_t begin, int64_t end) {
  const struct real_lines *l = ctx;
  for (int64_t i = begin; i < end; i++) {
    float *row = l->dst + 2 * i * half(l->n);
    l->table->pairs(l->n / 2, row, row, l->twiddles, l->scale, false);
  }
}
static void join_pairs(void *ctx, int64_t begin, int64_t end) {
  const struct real_lines *l = ctx;
  for (int64_t i = begin; i < end; i++)
    l->table->pairs(l->n / 2, l->dst + i * l->n, l->src + 2 * i * half(l->n), l->twiddles, l->scale, true);
}
static void widen(void *ctx, int64_t begin, int64_t end) { /* reals to complex numbers */
  const struct real_lines *l = ctx;
  for (int64_t i = begin; i < end; i++)
    for (int64_t j = 0; j < l->n; j++) l->room[2 * (i * l->n + j)] = l->src[i * l->n + j], l->room[2 * (i * l->n + j) + 1] = 0;
}
static void keep_half(void *ctx, int64_t begin, int64_t end) {
  const struct real_lines *l = ctx;
  for (int64_t i = begin; i < end; i++) memcpy(l->dst + 2 * i * half(l->n), l->room + 2 * i * l->n, (size_t)half(l->n) * 2 * sizeof(float));
}
static void reflect(void *ctx, int64_t begin, int64_t end) { /* the spectrum's other half */
  const struct real_lines *l = ctx;
  for (int64_t i = begin; i < end; i++) {
    float *to = l->room + 2 * i * l->n;
    memcpy(to, l->src + 2 * i * half(l->n), (size_t)half(l->n) * 2 * sizeof(float));
    to[1] = 0;
    for (int64_t j = half(l->n); j < l->n; j++) to[2 * j] = to[2 * (l->n - j)], to[2 * j + 1] = -to[2 * (l->n - j) + 1];
  }
}
static void keep_real(void *ctx, int64_t begin, int64_t end) {
  const struct real_lines *l = ctx;
  for (int64_t i = begin; i < end; i++)
    for (int64_t j = 0; j < l->n; j++) l->dst[i * l->n + j] = l->room[2 * (i * l->n + j)];
}

/* Lines of an odd number of reals: as complex ones. */
static int odd_lines(struct real_lines *l, bool inverse) {
  mx_buffer *room;
  int status = mx_buffer_new(&room, (size_t)(l->count * l->n) * 2 * sizeof(float), MX_MEMORY_HOST);
  if (status) return status;
  l->room = room->host;
  cpu_parallel_for(l->count, GRAIN / l->n + 1, inverse ? reflect : widen, l);
  status = cpu_fft_lines(l->table, &(struct cpu_fft_lines){.n = l->n, .count = l->count, .from = l->n, .to = l->n, .src = l->room,
                                                           .dst = l->room, .inverse = inverse, .scale = l->scale});
  if (!status) cpu_parallel_for(l->count, GRAIN / l->n + 1, inverse ? keep_real : keep_half, l);
  mx_buffer_unref(room);
  return status;
}
/* Even ones: as half as many complex numbers. */
static int even_lines(struct real_lines *l, bool inverse) {
  struct cpu_fft_plan *p;
  int64_t h = l->n / 2;
  struct cpu_fft_lines c = {.n = h, .count = l->count, .from = h, .to = inverse ? h : half(l->n), .src = inverse ? l->dst : l->src,
                            .dst = l->dst, .inverse = inverse, .scale = 1};
  int status = cpu_fft_pairs_take(&p, l->n);
  if (status) return status;
  l->twiddles = p->fine;
  if (inverse) cpu_parallel_for(l->count, GRAIN / l->n + 1, join_pairs, l);
  status = cpu_fft_lines(l->table, &c);
  if (!status && !inverse) cpu_parallel_for(l->count, GRAIN / l->n + 1, split_pairs, l);
  cpu_fft_plan_drop(p);
  return status;
}
static int real_lines(struct real_lines *l, bool inverse) {
  return l->n % 2 ? odd_lines(l, inverse) : even_lines(l, inverse);
}

/* ---- the primitive ---- */

/* A contiguous view of in: itself, or a copy in *made. */
static int contiguous(const struct mx_tensor *in, const void **data, mx_buffer **made) {
  *made = NULL;
  *data = in->data;
  if (mx_tensor_is_contiguous(in)) return MX_OK;
  int status = mx_buffer_new(made, (size_t)in->size * mx_dtype_size(in->dtype), MX_MEMORY_HOST);
  if (status) return status;
  int64_t strides[MX_MAX_NDIM];
  mx_strides_contiguous(in->shape, in->ndim, strides);
  struct mx_tensor copy = *in;
  copy.strides = strides;
  copy.data = (*made)->host;
  copy.buf = *made;
  *data = copy.data;
  return cpu_copy(in, &copy);
}

static int run_real(struct transform *f, const int64_t *axes, int naxes, const struct mx_tensor *in, const struct mx_tensor *out) {
  mx_buffer *made;
  const void *src;
  int status = contiguous(in, &src, &made);
  int64_t n = in->shape[in->ndim - 1];
  struct real_lines l = {.table = f->table, .n = n, .count = in->size / n, .src = src, .dst = out->data, .scale = f->scale};
  if (!status) status = real_lines(&l, false);
  f->scale = 1;
  if (!status) status = complex_axes(f, out, out->shape, axes, naxes - 1, out->data, out->data);
  mx_buffer_unref(made);
  return status;
}

static int run_hermitian(struct transform *f, const int64_t *axes, int naxes, const struct mx_tensor *in, const struct mx_tensor *out) {
  mx_buffer *made, *room = NULL;
  const void *src;
  int status = contiguous(in, &src, &made);
  if (!status && naxes > 1) {
    if (!made) status = mx_buffer_new(&room, (size_t)in->size * 2 * sizeof(float), MX_MEMORY_HOST);
    float *between = made ? made->host : room ? room->host : NULL;
    if (!status) status = complex_axes(f, in, in->shape, axes, naxes - 1, src, between);
    src = between;
  }
  int64_t n = out->shape[out->ndim - 1];
  struct real_lines l = {.table = f->table, .n = n, .count = out->size / n, .src = src, .dst = out->data, .scale = f->scale};
  if (!status) status = real_lines(&l, true);
  mx_buffer_unref(made);
  mx_buffer_unref(room);
  return status;
}

int cpu_fft(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_fft_params *p = c->p.head;
  struct transform f = {cpu_fft_table(cpu_isa()), p->inverse != 0, (float)p->scale};
  if (out[0]->size == 0 || in[0]->size == 0) return MX_OK;
  if (p->kind == MX_FFT_REAL) return run_real(&f, c->p.ints, c->p.nints, in[0], out[0]);
  if (p->kind == MX_FFT_HERMITIAN) return run_hermitian(&f, c->p.ints, c->p.nints, in[0], out[0]);
  const float *src = in[0]->data;
  if (!mx_tensor_is_contiguous(in[0])) {
    int status = cpu_copy(in[0], out[0]);
    if (status) return status;
    src = out[0]->data;
  }
  return complex_axes(&f, in[0], in[0]->shape, c->p.ints, c->p.nints, src, out[0]->data);
}
