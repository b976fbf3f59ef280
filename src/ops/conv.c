/* conv.c: convolutions of one primitive: any number of spatial dimensions, strides, padding, dilations, groups.
 * Invariant: derivatives are convolutions again, so that they have derivatives; padding never meets a weight. */
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

/* Input x (N, L…, C), weight w (O, K…, C/groups), result y (N, M…, O), in every spatial dimension:
 *   y[n,m,o] = Σ_k Σ_c x̂[n, m*stride + k*kernel_dilation - lo, c] w[o, k, c]      (with flip: w[o, K-1-k, c])
 * where x̂ is x with input_dilation-1 zeros between neighbours and zeros outside; c runs over the channels of o's group. */
enum field { STRIDE, LO, HI, KERNEL_DILATION, INPUT_DILATION, FIELDS };
struct geometry {
  int ndim; /* spatial */
  int64_t at[FIELDS][MX_MAX_NDIM], groups;
  bool flip;
};
/* Every length stays below this, so that sums of a few of them need no checks. */
static const int64_t LONGEST = (int64_t)1 << 48;

static struct geometry geometry_of(const struct mx_call *c) {
  const struct mx_conv_params *head = c->p.head;
  struct geometry g = {.ndim = c->p.nints / FIELDS, .groups = head->groups, .flip = head->flip};
  for (int f = 0; f < FIELDS; f++)
    for (int i = 0; i < g.ndim; i++) g.at[f][i] = c->p.ints[f * g.ndim + i];
  return g;
}
static mx_array *apply(mx_build *b, mx_array *x, mx_array *w, const struct geometry *g) {
  int64_t ints[FIELDS * MX_MAX_NDIM];
  struct mx_conv_params head = {g->groups, g->flip};
  for (int f = 0; f < FIELDS; f++)
    for (int i = 0; i < g->ndim; i++) ints[f * g->ndim + i] = g->at[f][i];
  return mx_apply(b, &mx_prim_conv, (mx_array *[]){x, w}, 2,
                  &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = ints, .nints = FIELDS * g->ndim});
}

/* ---- shapes ---- */

static int check_channels(const struct mx_tensor *x, const struct mx_tensor *w, int64_t groups) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  int64_t in = x->shape[x->ndim - 1], each = w->shape[w->ndim - 1], out = w->shape[0];
  if (groups >= 1 && in % groups == 0 && out % groups == 0 && in / groups == each) return MX_OK;
  mx_shape_text(one, x->shape, x->ndim);
  mx_shape_text(two, w->shape, w->ndim);
  if (groups < 1) return mx_fail(MX_EVALUE, "[conv] groups must be positive. Got %lld.", (long long)groups);
  if (in % groups)
    return mx_fail(MX_EVALUE, "[conv] The input channels must be divisible by the number of groups. Got input with shape %s and %lld groups.",
                   one, (long long)groups);
  if (out % groups)
    return mx_fail(MX_EVALUE, "[conv] If groups > 1, the output channels must be divisible by the number of groups. Got %lld output channels and %lld groups.",
                   (long long)out, (long long)groups);
  if (groups == 1)
    return mx_fail(MX_EVALUE, "[conv] Expect the input channels in the input and weight array to match but got shapes - input: %s and weight: %s",
                   one, two);
  return mx_fail(MX_EVALUE, "[conv] Given groups=%lld and weights of shape %s, expected to have %lld input channels but got %lld input channels instead.",
                 (long long)groups, two, (long long)mx_times(each, groups), (long long)in);
}

static int check_field(const struct geometry *g, enum field f, const char *what) {
  char text[MX_SHAPE_TEXT];
  for (int i = 0; i < g->ndim; i++) {
    int64_t v = g->at[f][i];
    if ((f == LO || f == HI ? v > -LONGEST : v > 0) && v < LONGEST) continue;
    mx_shape_text(text, g->at[f], g->ndim);
    if (v >= LONGEST || f == LO || f == HI) return mx_fail(MX_EVALUE, "[conv] %s is out of range: %s.", what, text);
    return mx_fail(MX_EVALUE, "[conv] %s must be positive. Got %s.", what, text);
  }
  return MX_OK;
}

/* Length of n elements with zeros between them; -1 when that is too long. */
static int64_t spread(int64_t n, int64_t dilation) {
  int64_t r;
  if (n == 0) return 0;
  return __builtin_mul_overflow(n - 1, dilation, &r) || r >= LONGEST ? -1 : r + 1;
}

static int infer_extent(const struct geometry *g, int i, const struct mx_tensor *x, const struct mx_tensor *w, int64_t *size) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT], lo[MX_SHAPE_TEXT], hi[MX_SHAPE_TEXT];
  int64_t in = spread(x->shape[i + 1], g->at[INPUT_DILATION][i]), kernel = spread(w->shape[i + 1], g->at[KERNEL_DILATION][i]);
  int64_t padded = in + g->at[LO][i] + g->at[HI][i];
  if (in >= 0 && kernel > 0 && padded >= kernel) {
    *size = (padded - kernel) / g->at[STRIDE][i] + 1;
    return MX_OK;
  }
  mx_shape_text(one, x->shape, x->ndim);
  mx_shape_text(two, w->shape, w->ndim);
  if (kernel == 0) return mx_fail(MX_EVALUE, "[conv] Spatial dimensions of weight cannot be zero. Got weight of shape %s.", two);
  if (in < 0 || kernel < 0)
    return mx_fail(MX_EVALUE, "[conv] Dilated dimensions are too large at axis %d for input with shape %s and weight of shape %s.", i + 1, one, two);
  return mx_fail(MX_EVALUE,
                 "[conv] Spatial dimensions of input after padding cannot be smaller than weight spatial dimensions. Got error at "
                 "axis %d for input with shape %s, padding low %s, padding high %s, and weight of shape %s.",
                 i + 1, one, mx_shape_text(lo, g->at[LO], g->ndim), mx_shape_text(hi, g->at[HI], g->ndim), two);
}

static int infer_conv(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 2, -1, sizeof(struct mx_conv_params));
  if (status) return status;
  const struct mx_tensor *x = &c->in[0]->t, *w = &c->in[1]->t;
  if (c->p.nints % FIELDS || c->p.nints / FIELDS != x->ndim - 2 || x->ndim != w->ndim)
    return mx_fail(MX_EVALUE, "[conv] %d parameters do not fit arrays with %d and %d dimensions.", c->p.nints, x->ndim, w->ndim);
  if (x->dtype != w->dtype || x->dtype == MX_BOOL)
    return mx_fail(MX_EVALUE, "[conv] Cannot convolve input of type %s with weight of type %s.", mx_dtype_name(x->dtype), mx_dtype_name(w->dtype));
  struct geometry g = geometry_of(c);
  if (!status) status = check_field(&g, LO, "padding low");
  if (!status) status = check_field(&g, HI, "padding high");
  if (!status) status = check_field(&g, STRIDE, "Stride sizes");
  if (!status) status = check_field(&g, KERNEL_DILATION, "Kernel dilation sizes");
  if (!status) status = check_field(&g, INPUT_DILATION, "Input dilation sizes");
  if (!status) status = check_channels(x, w, g.groups);
  out->dtype = x->dtype;
  out->ndim = x->ndim;
  out->shape[0] = x->shape[0];
  out->shape[x->ndim - 1] = w->shape[0];
  for (int i = 0; i < g.ndim && !status; i++) status = infer_extent(&g, i, x, w, &out->shape[i + 1]);
  return status;
}

/* ---- derivatives ---- */

static int64_t reach(int64_t n, int64_t step) { return (n - 1) * step; } /* from the first of n places to the last */

/* Position i of x meets y[m] through tap k where m*stride = i*input_dilation + lo - k*kernel_dilation: a convolution of the
 * cotangent, stride and input dilation changing places, with the taps in reverse and the channels of w exchanged. */
static mx_array *input_grad(mx_build *b, const struct mx_call *c, const struct geometry *f, mx_array *cot, mx_array *w) {
  struct geometry g = *f;
  const struct mx_tensor *x = &c->in[0]->t;
  for (int i = 0; i < f->ndim; i++) {
    int64_t kernel = reach(w->t.shape[i + 1], f->at[KERNEL_DILATION][i]), lo = f->at[LO][i];
    g.at[STRIDE][i] = f->at[INPUT_DILATION][i];
    g.at[INPUT_DILATION][i] = f->at[STRIDE][i];
    g.at[LO][i] = kernel - lo;
    g.at[HI][i] = reach(x->shape[i + 1], f->at[INPUT_DILATION][i]) + lo - reach(cot->t.shape[i + 1], f->at[STRIDE][i]);
  }
  g.flip = !f->flip;
  w = mx_conjugate(b, w);
  if (f->groups == 1) return apply(b, cot, mx_swapaxes(b, w, 0, -1), &g);
  w = mx_unflatten(b, w, 0, (int64_t[]){f->groups, c->in[1]->t.shape[0] / f->groups}, 2);
  return apply(b, cot, mx_flatten(b, mx_swapaxes(b, w, 1, -1), 0, 1), &g);
}

/* x (N, L…, C) as (C/groups, N, L…, groups): the batch becomes a spatial dimension that is summed whole. */
static mx_array *batch_to_space(mx_build *b, mx_array *x, int64_t groups) {
  if (!x) return NULL;
  int n = x->t.ndim, order[MX_MAX_NDIM];
  x = mx_unflatten(b, x, -1, (int64_t[]){groups, x->t.shape[n - 1] / groups}, 2);
  order[0] = n, order[n] = n - 1;
  for (int i = 1; i < n; i++) order[i] = i - 1;
  return mx_transpose(b, x, order, n + 1);
}

/* dw[o,k,c] = Σ_{n,m} y[n,m,o] x̂[n, m*stride + k*kernel_dilation - lo, c]: channels and batch change places, the cotangent is
 * the kernel, stride and kernel dilation change places. With groups the batch is a dimension of its own. */
static mx_array *kernel_grad(mx_build *b, const struct mx_call *c, const struct geometry *f, mx_array *cot, mx_array *x) {
  struct geometry g = {.ndim = f->ndim, .groups = f->groups};
  const struct mx_tensor *w = &c->in[1]->t;
  int more = f->groups > 1;
  if (more) {
    if (f->ndim + 3 > MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[conv] The derivative has more than %d dimensions.", MX_MAX_NDIM);
    g.ndim++;
    g.at[STRIDE][0] = g.at[KERNEL_DILATION][0] = g.at[INPUT_DILATION][0] = 1;
  }
  for (int i = 0; i < f->ndim; i++) {
    g.at[STRIDE][i + more] = f->at[KERNEL_DILATION][i];
    g.at[KERNEL_DILATION][i + more] = f->at[STRIDE][i];
    g.at[INPUT_DILATION][i + more] = f->at[INPUT_DILATION][i];
    g.at[LO][i + more] = f->at[LO][i];
    g.at[HI][i + more] = reach(w->shape[i + 1], f->at[KERNEL_DILATION][i]) + reach(cot->t.shape[i + 1], f->at[STRIDE][i]) - f->at[LO][i] -
                         reach(x->t.shape[i + 1], f->at[INPUT_DILATION][i]);
  }
  x = mx_conjugate(b, x);
  mx_array *r;
  if (more) {
    x = batch_to_space(b, x, f->groups);
    cot = mx_expand_dims(b, mx_moveaxis(b, cot, -1, 0), (int[]){-1}, 1);
    r = mx_squeeze(b, apply(b, x, cot, &g), (int[]){1}, 1);
  } else {
    r = apply(b, mx_swapaxes(b, x, 0, -1), mx_swapaxes(b, cot, 0, -1), &g);
  }
  int spatial[MX_MAX_NDIM];
  for (int i = 0; i < f->ndim; i++) spatial[i] = i + 1;
  r = mx_swapaxes(b, r, 0, -1);
  return f->flip ? mx_flip(b, r, spatial, f->ndim) : r;
}

static void conv_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  struct geometry g = geometry_of(c);
  if (!cot[0] || c->in[0]->t.size == 0 || c->out[0]->t.size == 0) return; /* a sum of nothing does not change */
  if (wanted[0]) grads[0] = input_grad(b, c, &g, cot[0], c->in[1]);
  if (wanted[1]) grads[1] = kernel_grad(b, c, &g, cot[0], c->in[0]);
}
static void conv_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  struct geometry g = geometry_of(c);
  mx_array *dx = tan[0] ? apply(b, tan[0], c->in[1], &g) : NULL, *dw = tan[1] ? apply(b, c->in[0], tan[1], &g) : NULL;
  out_tan[0] = dx && dw ? mx_add(b, dx, dw) : dx ? dx : dw;
}

/* ---- vmap: the batch becomes images where the weights are shared, output channels where the images are, else groups ---- */

static mx_array *map_images(mx_build *b, mx_array *x, mx_array *w, int64_t size, const struct geometry *g) {
  return mx_unflatten(b, apply(b, mx_flatten(b, x, 0, 1), w, g), 0, (int64_t[]){size, x->t.shape[1]}, 2);
}
/* (groups, batch, one group's channels) of a result's last dimension -> batch in front. */
static mx_array *channels_apart(mx_build *b, mx_array *y, const int64_t split[3], int batch) {
  return mx_flatten(b, mx_moveaxis(b, mx_unflatten(b, y, -1, split, 3), -3 + batch, 0), -2, -1);
}
static mx_array *map_weights(mx_build *b, mx_array *x, mx_array *w, int64_t size, const struct geometry *g) {
  int64_t each = w->t.shape[1] / g->groups;
  mx_array *wide = mx_moveaxis(b, mx_unflatten(b, w, 1, (int64_t[]){g->groups, each}, 2), 0, 1); /* (groups, batch, each, K…, C) */
  return channels_apart(b, apply(b, x, mx_flatten(b, wide, 0, 2), g), (int64_t[]){g->groups, size, each}, 1);
}
static mx_array *map_both(mx_build *b, mx_array *x, mx_array *w, int64_t size, const struct geometry *g) {
  struct geometry wide = *g;
  int64_t out = w->t.shape[1];
  if (__builtin_mul_overflow(g->groups, size, &wide.groups)) return mx_build_fail(b, MX_EVALUE, "[conv] Too many groups.");
  mx_array *y = apply(b, mx_flatten(b, mx_moveaxis(b, x, 0, -2), -2, -1), mx_flatten(b, w, 0, 1), &wide);
  return channels_apart(b, y, (int64_t[]){size, 1, out}, 0);
}
static void conv_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  struct geometry g = geometry_of(c);
  int64_t size = mx_batch_size(in, axis, 2);
  mx_array *x = axis[0] < 0 ? in[0] : mx_moveaxis(b, in[0], axis[0], 0), *w = axis[1] < 0 ? in[1] : mx_moveaxis(b, in[1], axis[1], 0);
  out_axis[0] = 0;
  if (!x || !w) return;
  if (size == 0) { /* no result: zeros of its shape, as there may be no groups of none */
    int64_t shape[MX_MAX_NDIM] = {0};
    const struct mx_tensor *y = &c->out[0]->t;
    memcpy(shape + 1, y->shape, (size_t)y->ndim * sizeof *shape);
    out[0] = mx_zeros(b, shape, y->ndim + 1, y->dtype);
    return;
  }
  out[0] = axis[1] < 0 ? map_images(b, x, w, size, &g) : axis[0] < 0 ? map_weights(b, x, w, size, &g) : map_both(b, x, w, size, &g);
}

const struct mx_prim mx_prim_conv = {
    .id = MX_PRIM_conv, .name = "Convolution", .kind = MX_GENERAL, .infer = infer_conv, .vjp = conv_vjp, .jvp = conv_jvp,
    .vmap = conv_vmap};

/* ---- builders ---- */

static bool fill(mx_build *b, struct geometry *g, enum field f, const char *what, const int64_t *from, int n, int64_t fallback) {
  char text[MX_SHAPE_TEXT];
  if (n > 1 && n != g->ndim) {
    mx_build_fail(b, MX_EVALUE, "[conv] Invalid %s %s for %dD convolution.", what, mx_shape_text(text, from, n), g->ndim);
    return false;
  }
  for (int i = 0; i < g->ndim; i++) g->at[f][i] = n < 1 ? fallback : n == 1 ? from[0] : from[i];
  return true;
}
static bool check_arrays(mx_build *b, mx_array **x, mx_array **w) {
  if (!*x || !*w || b->status) return false;
  int ndim = (*x)->t.ndim;
  if (ndim < 3 || ndim > 5) {
    mx_build_fail(b, MX_EVALUE, "[conv] Only works for inputs with 1-3 spatial dimensions. The inputs must be in the format [N, ..., C_in], not have %d dimensions.",
                  ndim);
    return false;
  }
  if ((*w)->t.ndim != ndim) {
    mx_build_fail(b, MX_EVALUE, "[conv] Invalid weight array with %d dimensions for %dD convolution. Expected an array with %d dimensions following the format [C_out, ..., C_in].",
                  (*w)->t.ndim, ndim - 2, ndim);
    return false;
  }
  enum mx_dtype d = mx_dtype_promote((*x)->t.dtype, (*w)->t.dtype);
  if (d == MX_BOOL) {
    mx_build_fail(b, MX_EVALUE, "[conv] Invalid input array with type bool. Convolution currently only supports numeric types.");
    return false;
  }
  *x = mx_astype(b, *x, d), *w = mx_astype(b, *w, d);
  return *x && *w;
}

mx_array *mx_conv_general(mx_build *b, mx_array *x, mx_array *w, const struct mx_conv *p) {
  if (!check_arrays(b, &x, &w)) return NULL;
  struct geometry g = {.ndim = x->t.ndim - 2, .groups = p->groups, .flip = p->flip};
  bool fits = fill(b, &g, STRIDE, "strides", p->stride, p->nstride, 1) && fill(b, &g, LO, "padding low", p->lo, p->nlo, 0) &&
              fill(b, &g, HI, "padding high", p->hi, p->nhi, 0) &&
              fill(b, &g, KERNEL_DILATION, "kernel dilation", p->kernel_dilation, p->nkernel_dilation, 1) &&
              fill(b, &g, INPUT_DILATION, "input dilation", p->input_dilation, p->ninput_dilation, 1);
  return fits ? apply(b, x, w, &g) : NULL;
}

/* The adjoint of a convolution with this stride and padding: input dilation, flipped taps, padding up to where a tap still
 * reaches; output_padding adds what the stride's rounding lost. */
mx_array *mx_conv_transpose(mx_build *b, mx_array *x, mx_array *w, int ndim, const int64_t *stride, const int64_t *padding,
                            const int64_t *dilation, const int64_t *output_padding, int64_t groups) {
  int64_t lo[3], hi[3];
  if (!x || !w) return NULL;
  for (int i = 0; i < ndim; i++) {
    if (w->t.ndim != ndim + 2 || dilation[i] < 1) { /* the checks of the forward form name what is wrong */
      lo[i] = hi[i] = 0;
    } else {
      int64_t kernel = spread(w->t.shape[i + 1], dilation[i]);
      if (kernel < 1) return mx_build_fail(b, MX_EVALUE, "[conv] The weight's dimension %d is empty or, dilated, too large.", i + 1);
      lo[i] = kernel - 1 - padding[i];
      hi[i] = lo[i] + output_padding[i];
    }
  }
  static const int64_t one = 1;
  return mx_conv_general(b, x, w, &(struct mx_conv){
      .stride = &one, .nstride = 1, .lo = lo, .nlo = ndim, .hi = hi, .nhi = ndim, .kernel_dilation = dilation, .nkernel_dilation = ndim,
      .input_dilation = stride, .ninput_dilation = ndim, .groups = groups, .flip = true});
}

static mx_array *forward(mx_build *b, mx_array *x, mx_array *w, int ndim, const int64_t *stride, const int64_t *padding,
                         const int64_t *dilation, int64_t groups) {
  return mx_conv_general(b, x, w, &(struct mx_conv){
      .stride = stride, .nstride = ndim, .lo = padding, .nlo = ndim, .hi = padding, .nhi = ndim, .kernel_dilation = dilation,
      .nkernel_dilation = ndim, .groups = groups});
}

/* Public functions */
#define THREE(name) (int64_t[]){name##_0, name##_1, name##_2}
#define TWO(name) (int64_t[]){name##_0, name##_1}
#define ONE(name) (int64_t[]){name}
MX_PUBLIC(conv1d, forward(b, input.ctx, weight.ctx, 1, ONE(stride), ONE(padding), ONE(dilation), groups), const mlx_array input,
          const mlx_array weight, int stride, int padding, int dilation, int groups)
MX_PUBLIC(conv2d, forward(b, input.ctx, weight.ctx, 2, TWO(stride), TWO(padding), TWO(dilation), groups), const mlx_array input,
          const mlx_array weight, int stride_0, int stride_1, int padding_0, int padding_1, int dilation_0, int dilation_1, int groups)
MX_PUBLIC(conv3d, forward(b, input.ctx, weight.ctx, 3, THREE(stride), THREE(padding), THREE(dilation), groups), const mlx_array input,
          const mlx_array weight, int stride_0, int stride_1, int stride_2, int padding_0, int padding_1, int padding_2, int dilation_0,
          int dilation_1, int dilation_2, int groups)
MX_PUBLIC(conv_transpose1d,
          mx_conv_transpose(b, input.ctx, weight.ctx, 1, ONE(stride), ONE(padding), ONE(dilation), ONE(output_padding), groups),
          const mlx_array input, const mlx_array weight, int stride, int padding, int dilation, int output_padding, int groups)
MX_PUBLIC(conv_transpose2d,
          mx_conv_transpose(b, input.ctx, weight.ctx, 2, TWO(stride), TWO(padding), TWO(dilation), TWO(output_padding), groups),
          const mlx_array input, const mlx_array weight, int stride_0, int stride_1, int padding_0, int padding_1, int dilation_0,
          int dilation_1, int output_padding_0, int output_padding_1, int groups)
MX_PUBLIC(conv_transpose3d,
          mx_conv_transpose(b, input.ctx, weight.ctx, 3, THREE(stride), THREE(padding), THREE(dilation), THREE(output_padding), groups),
          const mlx_array input, const mlx_array weight, int stride_0, int stride_1, int stride_2, int padding_0, int padding_1,
          int padding_2, int dilation_0, int dilation_1, int dilation_2, int output_padding_0, int output_padding_1, int output_padding_2,
          int groups)
#define LIST(field, name) .field = MX_WIDE(name), .n##field = (int)name##_num
MX_PUBLIC(conv_general,
          mx_conv_general(b, input.ctx, weight.ctx, &(struct mx_conv){
              LIST(stride, stride), LIST(lo, padding_lo), LIST(hi, padding_hi), LIST(kernel_dilation, kernel_dilation),
              LIST(input_dilation, input_dilation), .groups = groups, .flip = flip}),
          const mlx_array input, const mlx_array weight, const int *stride, size_t stride_num, const int *padding_lo, size_t padding_lo_num,
          const int *padding_hi, size_t padding_hi_num, const int *kernel_dilation, size_t kernel_dilation_num, const int *input_dilation,
          size_t input_dilation_num, int groups, bool flip)
