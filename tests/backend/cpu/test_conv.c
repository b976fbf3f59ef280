/* test_conv.c: convolutions of every dtype, layout and way through the kernels against the definition in double. */
#include "tensors.h"

#include "backend/cpu/pool.h"

enum { MOST = 3 };
struct shape {
  int ndim; /* spatial */
  int64_t n, in[MOST], each, groups, out, kernel[MOST]; /* channels of one group */
  int64_t stride, lo, hi, kernel_dilation, input_dilation;
  int flip;
};
static const struct shape shapes[] = {
    {1, 2, {9}, 3, 1, 4, {3}, 1, 0, 0, 1, 1, 0},         {1, 1, {40}, 1, 1, 1, {9}, 1, 4, 4, 1, 1, 1},
    {1, 1, {700}, 1, 1, 2, {301}, 1, 300, 300, 1, 1, 0}, {2, 2, {14, 13}, 8, 1, 33, {3, 3}, 1, 1, 1, 1, 1, 0},
    {2, 1, {9, 40}, 4, 1, 70, {3, 5}, 2, 2, 1, 1, 1, 1}, {2, 1, {8, 30}, 5, 2, 3, {3, 3}, 1, 2, 2, 2, 1, 0},
    {2, 2, {7, 26}, 1, 16, 1, {3, 3}, 1, 1, 1, 1, 1, 0}, {2, 1, {7, 26}, 1, 37, 1, {2, 3}, 2, -1, 2, 1, 1, 0},
    {2, 1, {5, 6}, 3, 2, 2, {4, 4}, 1, 3, 3, 1, 2, 1},   {1, 2, {11}, 2, 1, 3, {4}, 3, 2, 5, 2, 4, 0},
    {3, 1, {4, 5, 6}, 2, 1, 5, {2, 2, 3}, 1, 1, 1, 1, 1, 0}, {2, 3, {6, 6}, 7, 1, 9, {1, 1}, 1, 0, 0, 1, 1, 0},
    {2, 2, {6, 6}, 7, 1, 9, {1, 1}, 2, 1, 1, 1, 3, 0},   {2, 20, {3, 3}, 40, 1, 6, {3, 3}, 1, 0, 0, 1, 1, 0},
    {2, 1, {3, 3}, 300, 1, 5, {3, 3}, 1, 1, 1, 1, 1, 0}, {1, 1, {3000}, 1, 2, 2, {2500}, 1, 0, 0, 1, 1, 0},
    {1, 1, {3}, 1, 1, 1, {1}, 1, 5, 5, 1, 1, 0},
};

static int64_t out_length(const struct shape *s, int i) {
  int64_t in = (s->in[i] - 1) * s->input_dilation + 1, kernel = (s->kernel[i] - 1) * s->kernel_dilation + 1;
  return (in + s->lo + s->hi - kernel) / s->stride + 1;
}
static struct mx_tensor *make(enum mx_dtype dtype, int ndim, int64_t first, const int64_t *middle, int64_t last, enum layout layout) {
  int64_t shape[MOST + 2];
  shape[0] = first, shape[ndim + 1] = last;
  for (int i = 0; i < ndim; i++) shape[i + 1] = middle[i];
  return tensor_new(dtype, ndim + 2, shape, layout);
}
static int run(const struct shape *s, struct mx_tensor *x, struct mx_tensor *w, struct mx_tensor *y) {
  struct mx_conv_params head = {.groups = s->groups, .flip = s->flip};
  int64_t ints[5 * MOST];
  for (int i = 0; i < s->ndim; i++) {
    int64_t v[5] = {s->stride, s->lo, s->hi, s->kernel_dilation, s->input_dilation};
    for (int f = 0; f < 5; f++) ints[f * s->ndim + i] = v[f];
  }
  return run_kernel(cpu_conv, &head, ints, 5 * s->ndim, IN(x, w), y);
}

/* Element i of y by its definition. */
static double wanted(const struct shape *s, const struct mx_tensor *x, const struct mx_tensor *w, const struct mx_tensor *y, int64_t i) {
  int64_t at[MOST], o = i % y->shape[s->ndim + 1], rest = i / y->shape[s->ndim + 1], taps = 1;
  for (int d = s->ndim - 1; d >= 0; d--) at[d] = rest % y->shape[d + 1], rest /= y->shape[d + 1];
  for (int d = 0; d < s->ndim; d++) taps *= s->kernel[d];
  double sum = 0;
  for (int64_t t = 0; t < taps; t++) {
    int64_t k[MOST], left = t, from = rest, tap = o;
    bool meets = true;
    for (int d = s->ndim - 1; d >= 0; d--) k[d] = left % s->kernel[d], left /= s->kernel[d];
    for (int d = 0; d < s->ndim; d++) {
      int64_t p = at[d] * s->stride + k[d] * s->kernel_dilation - s->lo, q = p / s->input_dilation;
      meets = meets && p >= 0 && p % s->input_dilation == 0 && q < s->in[d];
      from = from * s->in[d] + q;
      tap = tap * s->kernel[d] + (s->flip ? s->kernel[d] - 1 - k[d] : k[d]);
    }
    for (int64_t c = 0; meets && c < s->each; c++)
      sum += get(x, from * s->each * s->groups + o / s->out * s->each + c) * get(w, tap * s->each + c);
  }
  return sum;
}

static void check(const struct shape *s, enum mx_dtype dtype, enum layout layout) {
  int64_t out[MOST], wrong = 0;
  for (int i = 0; i < s->ndim; i++) out[i] = out_length(s, i);
  struct mx_tensor *x = make(dtype, s->ndim, s->n, s->in, s->each * s->groups, layout);
  struct mx_tensor *w = make(dtype, s->ndim, s->out * s->groups, s->kernel, s->each, layout);
  struct mx_tensor *y = make(dtype, s->ndim, s->n, out, s->out * s->groups, ROWS);
  for (int part = 0; part < 2; part++) {
    struct mx_tensor *t = part ? w : x;
    for (int64_t i = 0; i < t->size; i++) {
      set(t, i, (double)random_below(3) - (mx_dtype_is_unsigned(dtype) ? 0 : 1)); /* small integers: exact in every dtype */
      if (dtype == MX_COMPLEX64) ((float *)element(t, i))[1] = 0;
    }
  }
  CHECK_OK(run(s, x, w, y));
  for (int64_t i = 0; i < y->size; i += y->size / 400 | 1) {
    double want = wanted(s, x, w, y, i), got = get(y, i);
    if (dtype == MX_BFLOAT16) want = mx_bf16_to_float(mx_float_to_bf16((float)want));
    if (dtype == MX_INT8 || dtype == MX_UINT8) want = dtype == MX_INT8 ? (double)(int8_t)(int64_t)want : (double)(uint8_t)(int64_t)want;
    wrong += got != want;
  }
  CHECK_INT(wrong, 0);
  tensors_free();
}

TEST(convolutions_of_every_dtype_and_layout_agree_with_their_definition) {
  for (int i = 0; i < MX_COUNT(shapes); i++) {
    for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) {
      if (dtype == MX_BOOL) continue;
      EACH_LAYOUT(layout) check(&shapes[i], (enum mx_dtype)dtype, layout);
    }
  }
}

/* Sizes above which work is shared; random values, so that another order of additions would show. */
TEST(a_convolution_has_the_same_bits_on_one_thread_and_on_many) {
  static const struct shape large[] = {
      {2, 4, {32, 32}, 16, 1, 64, {3, 3}, 1, 1, 1, 1, 1, 0}, {2, 2, {9, 9}, 300, 1, 70, {3, 3}, 1, 1, 1, 1, 1, 0},
      {2, 4, {40, 40}, 1, 64, 1, {3, 3}, 1, 1, 1, 1, 1, 0},  {1, 1, {60000}, 1, 1, 1, {65}, 1, 32, 32, 1, 1, 1},
      {2, 64, {40, 40}, 8, 1, 16, {38, 38}, 1, 0, 0, 1, 1, 0}, {2, 2, {30, 30}, 8, 4, 8, {4, 4}, 1, 2, 2, 1, 2, 1},
  };
  for (int i = 0; i < MX_COUNT(large); i++) {
    for (int kind = 0; kind < 4; kind++) {
      const struct shape *s = &large[i];
      enum mx_dtype dtype = (enum mx_dtype[]){MX_FLOAT32, MX_FLOAT64, MX_BFLOAT16, MX_COMPLEX64}[kind];
      if (i == 4 && kind == 3) continue; /* slow, and like the others */
      int64_t out[MOST];
      for (int d = 0; d < s->ndim; d++) out[d] = out_length(s, d);
      struct mx_tensor *x = make(dtype, s->ndim, s->n, s->in, s->each * s->groups, i == 4 ? TURNED : ROWS);
      struct mx_tensor *w = make(dtype, s->ndim, s->out * s->groups, s->kernel, s->each, ROWS);
      struct mx_tensor *y[2];
      for (int part = 0; part < 2; part++) {
        struct mx_tensor *t = part ? w : x;
        for (int64_t k = 0; k < t->size; k++) {
          set(t, k, (double)random_below(1000) / 300 - 1.5);
          if (dtype == MX_COMPLEX64) ((float *)element(t, k))[1] = (float)random_below(1000) / 300;
        }
      }
      int before = cpu_pool_set_threads(1);
      for (int many = 0; many < 2; many++) {
        cpu_pool_set_threads(many ? 4 : 1);
        y[many] = make(dtype, s->ndim, s->n, out, s->out * s->groups, ROWS);
        CHECK_OK(run(s, x, w, y[many]));
      }
      cpu_pool_set_threads(before);
      CHECK(memcmp(y[0]->data, y[1]->data, (size_t)y[0]->size * mx_dtype_size(dtype)) == 0);
      tensors_free();
    }
  }
}
