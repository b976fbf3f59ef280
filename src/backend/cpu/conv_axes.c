/* conv_axes.c: the geometry of a convolution: phases of a dilated input, axes simplified.
 * Invariant: values stay below 2^50 (the operation refuses longer arrays), so that no sum here overflows. */
#include "backend/cpu/conv.h"

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t r = a % b;
    a = b, b = r;
  }
  return a;
}
static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); } /* b > 0 */
static int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Place p and tap k meet element i where p*stride + k*kernel_dilation - lo = i*input_dilation. Modulo u = input_dilation the
 * left side repeats with u/gcd(stride, u) places: these are the phases; and with u/gcd(kernel_dilation, u) taps. */
static int64_t period(int64_t step, int64_t u) { return u / gcd(step, u); }

int64_t cpu_conv_phases(const struct cpu_conv_dim *d) { return least(period(d->stride, d->input_dilation), d->out); }

struct cpu_conv_axis cpu_conv_phase(const struct cpu_conv_dim *d, int64_t phase, int64_t *a0, int64_t *w0, int64_t *c0) {
  int64_t u = d->input_dilation, places = period(d->stride, u), every = period(d->kernel_dilation, u), k = 0;
  int64_t start = phase * d->stride - d->lo, w_step = d->flip ? -d->w : d->w;
  while (k < least(every, d->kernel) && (start + k * d->kernel_dilation) % u) k++;
  struct cpu_conv_axis x = {.count = (d->out - phase + places - 1) / places, .c_step = places * d->c, .length = d->in};
  x.step = places * d->stride / u;
  x.tap = every * d->kernel_dilation / u;
  if (k < least(every, d->kernel)) x.taps = (d->kernel - k + every - 1) / every;
  x.first = x.taps ? (start + k * d->kernel_dilation) / u : 0;
  x.a_step = x.step * d->a;
  x.a_tap = x.tap * d->a;
  x.w_tap = every * w_step;
  *a0 = x.first * d->a;
  *w0 = (d->flip ? (d->kernel - 1) * d->w : 0) + k * w_step;
  *c0 = phase * d->c;
  return x;
}

bool cpu_conv_is_free(const struct cpu_conv_axis *x) {
  return x->first >= 0 && x->first + (x->count - 1) * x->step + (x->taps - 1) * x->tap < x->length;
}

void cpu_conv_taps(const struct cpu_conv_axis *x, int64_t from, int64_t to, int64_t *begin, int64_t *end) {
  *begin = most(0, ceil_div(-(x->first + from * x->step), x->tap));
  *end = least(x->taps, floor_div(x->length - 1 - (x->first + (to - 1) * x->step), x->tap) + 1);
  if (*end < *begin) *end = *begin;
}

void cpu_conv_taps_some(const struct cpu_conv_axis *x, int64_t from, int64_t to, int64_t *begin, int64_t *end) {
  *begin = most(0, ceil_div(-(x->first + (to - 1) * x->step), x->tap));
  *end = least(x->taps, floor_div(x->length - 1 - (x->first + from * x->step), x->tap) + 1);
}
void cpu_conv_places(const struct cpu_conv_axis *x, int64_t tap, int64_t *from, int64_t *to) {
  int64_t first = x->first + tap * x->tap;
  *from = most(0, ceil_div(-first, x->step));
  *to = least(x->count, floor_div(x->length - 1 - first, x->step) + 1);
}

/* Taps that meet nothing at any place go. */
static bool trim(struct cpu_conv *v, struct cpu_conv_axis *x, int64_t w_size) {
  int64_t size = (int64_t)mx_dtype_size(v->dtype);
  int64_t begin, end;
  cpu_conv_taps_some(x, 0, x->count, &begin, &end);
  if (end <= begin) return false;
  v->a = (const char *)v->a + begin * x->a_tap * size;
  v->w = (const char *)v->w + begin * x->w_tap * w_size;
  x->first += begin * x->tap;
  x->taps = end - begin;
  return true;
}

/* Two neighbours that are one longer axis. */
static bool merge(struct cpu_conv_axis *x, const struct cpu_conv_axis *y) {
  if (!cpu_conv_is_free(x) || !cpu_conv_is_free(y)) return false;
  if (x->taps == 1 && y->taps == 1) {
    if (x->a_step != y->count * y->a_step || x->c_step != y->count * y->c_step) return false;
    *x = (struct cpu_conv_axis){.count = x->count * y->count, .a_step = y->a_step, .c_step = y->c_step, .taps = 1, .step = 1, .tap = 1};
  } else if (x->count == 1 && y->count == 1) {
    if (x->a_tap != y->taps * y->a_tap || x->w_tap != y->taps * y->w_tap) return false;
    *x = (struct cpu_conv_axis){.count = 1, .taps = x->taps * y->taps, .a_tap = y->a_tap, .w_tap = y->w_tap, .step = 1, .tap = 1};
  } else {
    return false;
  }
  x->length = x->count * x->taps; /* free: whatever holds them all */
  return true;
}

bool cpu_conv_simplify(struct cpu_conv *v, int64_t w_size) {
  int n = 0;
  for (int i = 0; i < v->naxes; i++)
    if (!trim(v, &v->axis[i], w_size)) return false;
  for (int i = 0; i < v->naxes; i++) {
    if (v->axis[i].count == 1 && v->axis[i].taps == 1) continue;
    if (n > 0 && merge(&v->axis[n - 1], &v->axis[i])) continue;
    v->axis[n++] = v->axis[i];
  }
  if (n == 0) v->axis[n++] = (struct cpu_conv_axis){.count = 1, .taps = 1, .step = 1, .tap = 1, .length = 1};
  v->naxes = n;
  return true;
}
