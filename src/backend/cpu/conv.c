/* conv.c: the primitive Convolution: its tensors as axes, and which way each convolution goes.
 * Invariant: the way depends on shapes and layouts alone, never on threads or values. */
#include "backend/cpu/conv.h"

#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "core/error.h"
#include "core/half.h"
#include "graph/params.h"

#include <string.h>

enum { STRIDE, LO, HI, KERNEL_DILATION, INPUT_DILATION };

/* ---- the input in another form ---- */

/* A dense copy of the input, halves widened, with some dimension innermost and padded. */
struct stage {
  const struct cpu_gemm_table *table;
  const struct mx_tensor *x;
  enum mx_dtype dtype;       /* of the copy */
  int order[MX_MAX_NDIM];    /* dimensions, outermost first */
  int64_t pitch, outer;      /* elements of an innermost run in the copy; how many runs */
  char *to;
  int64_t strides[MX_MAX_NDIM];
};
enum innermost { ANY, CHANNELS, LINES }; /* LINES: a spatial dimension */

static void widen_run(const struct stage *s, int64_t n, char *dst, const char *src, int64_t stride) {
  enum mx_dtype d = s->x->dtype;
  int64_t nr = s->table->real32.nr, i = 0;
  if (mx_dtype_size(d) != 2) { /* complex64: pairs move as doubles */
    if (stride == 1) memcpy(dst, src, (size_t)n * mx_dtype_size(d));
    else if (d == MX_FLOAT32) for (; i < n; i++) ((float *)dst)[i] = ((const float *)src)[i * stride];
    else for (; i < n; i++) ((double *)dst)[i] = ((const double *)src)[i * stride];
    return;
  }
  const uint16_t *half = (const uint16_t *)src;
  float *out = (float *)dst;
  if (stride == 1 && n >= nr) {
    i = n / nr * nr;
    s->table->pack_b[d]((int)nr, n / nr, dst, src, 1, nr);
  }
  for (; i < n; i++) out[i] = d == MX_FLOAT16 ? mx_f16_to_float(half[i * stride]) : mx_bf16_to_float(half[i * stride]);
}
static void stage_some(void *ctx, int64_t begin, int64_t end) {
  const struct stage *s = ctx;
  const struct mx_tensor *x = s->x;
  int64_t to_size = (int64_t)mx_dtype_size(s->dtype), size = (int64_t)mx_dtype_size(x->dtype);
  int last = s->order[x->ndim - 1];
  for (int64_t q = begin; q < end; q++) {
    int64_t rest = q, from = 0;
    for (int i = x->ndim - 2; i >= 0; i--) {
      int64_t length = x->shape[s->order[i]];
      from += rest % length * x->strides[s->order[i]];
      rest /= length;
    }
    char *dst = s->to + q * s->pitch * to_size;
    widen_run(s, x->shape[last], dst, (const char *)x->data + from * size, x->strides[last]);
    memset(dst + x->shape[last] * to_size, 0, (size_t)((s->pitch - x->shape[last]) * to_size));
  }
}

/* Lines of neighbouring channels become neighbouring places. */
static void turn_some(void *ctx, int64_t begin, int64_t end) {
  const struct stage *s = ctx;
  const struct mx_tensor *x = s->x;
  int n = x->ndim, line = s->order[n - 1];
  int64_t size = (int64_t)mx_dtype_size(x->dtype), channels = x->shape[n - 1], length = x->shape[line];
  for (int64_t q = begin; q < end; q++) {
    int64_t rest = q, from = 0;
    for (int i = n - 3; i >= 0; i--) {
      from += rest % x->shape[s->order[i]] * x->strides[s->order[i]];
      rest /= x->shape[s->order[i]];
    }
    cpu_turn((size_t)size, channels, length, s->to + q * channels * length * size, length, (const char *)x->data + from * size, x->strides[line]);
  }
}

/* Dimensions by falling stride, with channels innermost unless the batch already is. */
static void stage_order(struct stage *s, bool channels_last) {
  const struct mx_tensor *x = s->x;
  int n = x->ndim;
  for (int i = 0; i < n; i++) {
    int k = i;
    int64_t mine = x->strides[i] < 0 ? -x->strides[i] : x->strides[i];
    for (; k > 0; k--) {
      int64_t other = x->strides[s->order[k - 1]];
      if ((other < 0 ? -other : other) >= mine) break;
      s->order[k] = s->order[k - 1];
    }
    s->order[k] = i;
  }
  if (!channels_last && s->order[n - 1] == 0 && x->shape[0] > 1) return;
  int k = 0;
  while (s->order[k] != n - 1) k++;
  for (; k < n - 1; k++) s->order[k] = s->order[k + 1];
  s->order[n - 1] = n - 1;
}

/* Replaces *x by the copy, whose memory is buf's. */
static int stage_input(struct stage *s, struct mx_tensor *x, enum innermost innermost, int line, int64_t multiple, mx_buffer **buf) {
  int n = x->ndim, k = 0;
  s->x = x;
  stage_order(s, innermost != ANY);
  if (innermost == LINES) { /* … channels, the line's dimension */
    for (int i = 0; i < n - 1; i++)
      if (i != line) s->order[k++] = i;
    s->order[n - 2] = n - 1, s->order[n - 1] = line;
  }
  s->pitch = MX_ALIGN_UP(x->shape[s->order[n - 1]], multiple);
  s->outer = 1;
  int64_t stride = s->pitch, bytes;
  s->strides[s->order[n - 1]] = 1;
  for (int i = n - 2; i >= 0; i--) {
    s->strides[s->order[i]] = stride;
    s->outer *= x->shape[s->order[i]];
    if (__builtin_mul_overflow(stride, x->shape[s->order[i]], &stride)) return mx_fail(MX_EMEMORY, "[conv] The input is too large.");
  }
  if (__builtin_mul_overflow(stride, (int64_t)mx_dtype_size(s->dtype), &bytes)) return mx_fail(MX_EMEMORY, "[conv] The input is too large.");
  int status = mx_buffer_new(buf, (size_t)bytes, MX_MEMORY_HOST);
  if (status) return status;
  s->to = (*buf)->host;
  if (innermost == LINES && s->dtype == x->dtype && x->strides[n - 1] == 1)
    cpu_parallel_for(s->outer / x->shape[n - 1], (32 << 10) / (s->pitch * x->shape[n - 1]) + 1, turn_some, s);
  else cpu_parallel_for(s->outer, (32 << 10) / s->pitch + 1, stage_some, s);
  x->dtype = s->dtype;
  x->strides = s->strides;
  x->data = s->to;
  return MX_OK;
}

/* ---- which way ---- */

/* One matrix product: rows of places, one row of taps. */
static bool as_product(const struct cpu_gemm_table *table, const struct cpu_conv *v, int *status) {
  struct cpu_gemm g = {.dtype = v->dtype, .m = 1, .n = v->out, .k = 1, .a = v->a, .b = v->w, .c = v->c, .b_col = v->w_out, .alpha = 1};
  if (v->groups != 1) return false;
  for (int i = 0; i < v->naxes; i++) {
    const struct cpu_conv_axis *x = &v->axis[i];
    if (!cpu_conv_is_free(x) || (x->count > 1 && (x->taps > 1 || g.m > 1 || x->c_step != v->out)) || (x->taps > 1 && g.k > 1)) return false;
    if (x->count > 1) g.m = x->count, g.a_row = x->a_step;
    if (x->taps > 1) g.k = x->taps, g.a_col = x->a_tap, g.b_row = x->w_tap;
  }
  *status = cpu_gemm_run(table, &g, NULL);
  return true;
}

static int run_one(const struct cpu_gemm_table *table, struct cpu_conv *v, enum mx_dtype stored) {
  if (mx_dtype_is_inexact(stored)) return cpu_conv_packed(table, v, stored);
  int longest = 0;
  for (int i = 1; i < v->naxes; i++)
    if (v->axis[i].count > v->axis[longest].count) longest = i;
  struct cpu_conv_axis row = v->axis[longest];
  memmove(v->axis + longest, v->axis + longest + 1, (size_t)(v->naxes - longest - 1) * sizeof row);
  v->axis[v->naxes - 1] = row;
  cpu_conv_plain(v);
  return MX_OK;
}

/* Every phase of every dimension: most often one. */
static int run_phases(const struct cpu_gemm_table *table, const struct cpu_conv *whole, const struct cpu_conv_dim *dims, int ndim,
                      enum mx_dtype stored) {
  int64_t phase[MX_MAX_NDIM] = {0}, size = (int64_t)mx_dtype_size(whole->dtype), w_size = (int64_t)mx_dtype_size(stored);
  for (;;) {
    struct cpu_conv v = *whole;
    bool any = true;
    for (int i = 0; i < ndim; i++) {
      int64_t a0, w0, c0;
      v.axis[i + 1] = cpu_conv_phase(&dims[i], phase[i], &a0, &w0, &c0);
      v.a = (const char *)v.a + a0 * size;
      v.w = (const char *)v.w + w0 * w_size;
      v.c = (char *)v.c + c0 * w_size;
      any = any && v.axis[i + 1].taps > 0;
    }
    int status = any && cpu_conv_simplify(&v, w_size) ? run_one(table, &v, stored) : MX_OK;
    if (status) return status;
    int i = ndim - 1;
    while (i >= 0 && ++phase[i] == cpu_conv_phases(&dims[i])) phase[i--] = 0;
    if (i < 0) return MX_OK;
  }
}

/* Would some places be left out because no tap meets the input there? They are zero. */
static bool leaves_places(const struct cpu_conv *v, const struct cpu_conv_dim *dims, int ndim, int64_t w_size) {
  struct cpu_conv probe = *v;
  for (int i = 0; i < ndim; i++) {
    int64_t phases = cpu_conv_phases(&dims[i]), unused[3];
    for (int64_t p = 0; p < phases; p++) {
      probe.naxes = 1;
      probe.axis[0] = cpu_conv_phase(&dims[i], p, &unused[0], &unused[1], &unused[2]);
      if (!probe.axis[0].taps || !cpu_conv_simplify(&probe, w_size)) return true;
    }
  }
  return false;
}

struct call {
  const struct mx_call *c;
  const struct mx_tensor *w, *y;
  struct cpu_conv v;
  struct cpu_conv_dim dims[MX_MAX_NDIM];
  int ndim; /* spatial */
};

static void describe(struct call *k, const struct mx_tensor *x) {
  const struct mx_conv_params *head = k->c->p.head;
  const struct mx_tensor *w = k->w, *y = k->y;
  int n = x->ndim, s = n - 2;
  int64_t each = w->shape[n - 1], y_strides[MX_MAX_NDIM];
  mx_strides_contiguous(y->shape, n, y_strides);
  k->ndim = s;
  k->v = (struct cpu_conv){
      .dtype = x->dtype, .naxes = n, .groups = head->groups, .a_group = each * x->strides[n - 1], .out = w->shape[0] / head->groups,
      .w_out = w->strides[0], .a = x->data, .w = w->data, .c = y->data};
  k->v.w_group = k->v.out * k->v.w_out;
  for (int i = 0; i < s; i++) {
    const int64_t *p = k->c->p.ints + i;
    k->dims[i] = (struct cpu_conv_dim){
        .in = x->shape[i + 1], .kernel = w->shape[i + 1], .out = y->shape[i + 1], .stride = p[STRIDE * s], .lo = p[LO * s],
        .kernel_dilation = p[KERNEL_DILATION * s], .input_dilation = p[INPUT_DILATION * s], .a = x->strides[i + 1],
        .w = w->strides[i + 1], .c = y_strides[i + 1], .flip = head->flip};
  }
  k->v.axis[0] = (struct cpu_conv_axis){.count = y->shape[0], .a_step = x->strides[0], .c_step = y_strides[0], .taps = 1, .step = 1,
                                        .tap = 1, .length = y->shape[0]};
  k->v.axis[n - 1] = (struct cpu_conv_axis){.count = 1, .taps = each, .a_tap = x->strides[n - 1], .w_tap = w->strides[n - 1], .step = 1,
                                            .tap = 1, .length = each};
}

/* With few outputs vectors run along a dimension: the last that has places enough one step apart; 0: none. */
static int line_dimension(const struct call *k, const struct mx_tensor *x, int64_t lanes) {
  if (k->v.out > 4 || x->strides[0] == 1) return 0;
  for (int i = k->ndim; i > 0; i--)
    if (k->dims[i - 1].stride == 1 && k->dims[i - 1].input_dilation == 1 && k->dims[i - 1].out >= lanes) return i;
  return 0;
}

/* Real numbers: halves become float32 and channels neighbours where the tiles want them so. */
static int run_real(const struct cpu_gemm_table *table, struct call *k, struct mx_tensor x) {
  enum mx_dtype d = x.dtype;
  int n = x.ndim;
  int64_t lanes = d == MX_FLOAT64 ? table->real64.lanes : table->real32.lanes, channels = x.shape[n - 1], each = k->w->shape[n - 1];
  bool half = mx_dtype_size(d) == 2, lanewise = k->v.groups > 1 && each == 1 && k->v.out == 1;
  int line = lanewise ? 0 : line_dimension(k, &x, lanes);
  bool strided = x.strides[n - 1] != 1;
  bool apart = line ? x.strides[line] != 1 : lanewise ? strided || channels % lanes : strided && x.strides[0] != 1 && each > 1;
  mx_buffer *staged = NULL;
  struct stage stage = {.table = table, .dtype = half ? MX_FLOAT32 : d};
  if (half || apart) {
    int status = stage_input(&stage, &x, line ? LINES : lanewise ? CHANNELS : ANY, line, lanewise ? lanes : 1, &staged);
    if (status) return status;
    describe(k, &x);
  }
  int status = run_phases(table, &k->v, k->dims, k->ndim, d);
  mx_buffer_unref(staged);
  return status;
}

/* The weight of a complex convolution for real and imaginary channels side by side: (wr, -wi) makes the real output of (xr, xi),
 * (wi, wr) the imaginary one. */
static void real_weight(const struct mx_tensor *w, float *to) {
  int n = w->ndim;
  int64_t run = w->size / w->shape[0];
  for (int64_t i = 0; i < w->size; i++) {
    int64_t rest = i, from = 0, o = i / run;
    for (int d = n - 1; d >= 0; d--) from += rest % w->shape[d] * w->strides[d], rest /= w->shape[d];
    const float *v = (const float *)w->data + 2 * from;
    float *re = to + 2 * (2 * o * run + i % run), *im = re + 2 * run;
    re[0] = v[0], re[1] = -v[1];
    im[0] = v[1], im[1] = v[0];
  }
}

static int run_complex(const struct cpu_gemm_table *table, const struct call *k, struct mx_tensor x) {
  int n = x.ndim, status = MX_OK;
  int64_t shapes[3][MX_MAX_NDIM], strides[3][MX_MAX_NDIM];
  mx_buffer *staged = NULL, *weight = NULL;
  struct stage stage = {.table = table, .dtype = x.dtype};
  if (x.strides[n - 1] != 1) status = stage_input(&stage, &x, CHANNELS, 0, 1, &staged);
  if (!status) status = mx_buffer_new(&weight, (size_t)k->w->size * 4 * sizeof(float), MX_MEMORY_HOST);
  if (!status) {
    real_weight(k->w, weight->host);
    struct mx_tensor real[3] = {x, *k->w, *k->y};
    real[1].data = weight->host;
    for (int i = 0; i < 3; i++) {
      real[i].dtype = MX_FLOAT32;
      real[i].size *= i == 1 ? 4 : 2;
      memcpy(shapes[i], real[i].shape, (size_t)n * sizeof(int64_t));
      shapes[i][n - 1] *= 2;
      if (i == 1) shapes[i][0] *= 2;
      mx_strides_contiguous(shapes[i], n, strides[i]);
      for (int d = 0; d < n - 1 && i == 0; d++) strides[i][d] = 2 * x.strides[d];
      real[i].shape = shapes[i], real[i].strides = strides[i];
    }
    struct call parts = {.c = k->c, .w = &real[1], .y = &real[2]};
    describe(&parts, &real[0]);
    status = run_real(table, &parts, real[0]);
  }
  mx_buffer_unref(staged);
  mx_buffer_unref(weight);
  return status;
}

int cpu_conv(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct cpu_gemm_table *table = cpu_gemm_table(cpu_isa());
  const struct mx_tensor *x = in[0], *w = in[1], *y = out[0];
  size_t size = mx_dtype_size(y->dtype);
  if (y->size == 0) return MX_OK;
  if (x->size == 0 || w->size == 0) {
    memset(y->data, 0, (size_t)y->size * size);
    return MX_OK;
  }
  struct call k = {.c = c, .w = w, .y = y};
  int status = MX_OK;
  describe(&k, x);
  if (leaves_places(&k.v, k.dims, k.ndim, (int64_t)size)) memset(y->data, 0, (size_t)y->size * size);
  if (!mx_dtype_is_inexact(y->dtype)) return run_phases(table, &k.v, k.dims, k.ndim, y->dtype);
  struct cpu_conv v = k.v;
  bool one = true;
  for (int i = 0; i < k.ndim && one; i++) {
    int64_t a0, w0, c0; /* of one phase: c0 is 0 */
    one = cpu_conv_phases(&k.dims[i]) == 1;
    v.axis[i + 1] = cpu_conv_phase(&k.dims[i], 0, &a0, &w0, &c0);
    v.a = (const char *)v.a + a0 * (int64_t)size;
    v.w = (const char *)v.w + w0 * (int64_t)size;
    one = one && v.axis[i + 1].taps > 0;
  }
  if (one && cpu_conv_simplify(&v, (int64_t)size) && as_product(table, &v, &status)) return status;
  return y->dtype == MX_COMPLEX64 ? run_complex(table, &k, *x) : run_real(table, &k, *x);
}
