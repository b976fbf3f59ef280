/* conform.c: the table of cases, and data for them. */
#include "conform/conform.h"

#include "core/half.h"
#include "eval/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define I_ _Complex_I

/* Newton's method on erf; the start is Giles' approximation, good to three digits. */
static double erfinv_ref(double x) {
  double w = log(1 - x * x), a = 2 / (M_PI * 0.147) + w / 2, y = copysign(sqrt(sqrt(a * a - w / 0.147) - a), x);
  for (int i = 0; i < 6; i++) y -= (erf(y) - x) / (M_2_SQRTPI * exp(-y * y));
  return y;
}

/* Of the sign of y > 0, exact as fmod is. */
static double remainder_ref(double x, double y) {
  double r = fmod(x, y);
  return r < 0 ? r + y : r;
}

#define E1(id, dtypes, lo, hi, ulps, smooth, f, g)                             \
  static double f_##id(double x, double y) { (void)x; return (f); }            \
  static double complex g_##id(double complex u, double complex v) { (void)u; return (g); }
#define E2(id, dtypes, lo1, hi1, lo2, hi2, ulps, smooth, f, g)                 \
  static double f_##id(double x, double y) { return (f); }                     \
  static double complex g_##id(double complex u, double complex v) { (void)u, (void)v; return (g); }
#define G(...)
#define ELSEWHERE(...)
#include "conform/cases.def"
#undef E1
#undef E2

static mx_array *mx_astype_conform(mx_build *b, mx_array *a) { return mx_astype(b, a, a && a->t.dtype == MX_FLOAT32 ? MX_FLOAT64 : MX_FLOAT32); }
static mx_array *mx_round_conform(mx_build *b, mx_array *a) { return mx_round(b, a, 0); }
#define mx_astype(b, a) mx_astype_conform(b, a)
#define mx_round(b, a) mx_round_conform(b, a)
#define E1(id, dtypes, lo, hi, ulps, smooth, f, g)                             \
  static mx_array *elementwise_##id(mx_build *b, mx_array *const *in) { return mx_##id(b, in[0]); }
#define E2(id, dtypes, lo1, hi1, lo2, hi2, ulps, smooth, f, g)                 \
  static mx_array *elementwise_##id(mx_build *b, mx_array *const *in) { return mx_##id(b, in[0], in[1]); }
#include "conform/cases.def"
#undef E1
#undef E2
#undef G
#undef ELSEWHERE
#undef mx_astype
#undef mx_round

const struct conform_case conform_cases[] = {
#define E1(id, dtypes, lo, hi, ulps, smooth, f, g)                             \
  {#id, MX_PRIM_##id, &mx_prim_##id, dtypes, "d2,3", {lo, 0}, {hi, 0}, ulps, smooth, true, 1, elementwise_##id, f_##id, g_##id, NULL},
#define E2(id, dtypes, lo1, hi1, lo2, hi2, ulps, smooth, f, g)                 \
  {#id, MX_PRIM_##id, &mx_prim_##id, dtypes, "d2,3 d3", {lo1, lo2}, {hi1, hi2}, ulps, smooth, true, 2, elementwise_##id, f_##id, g_##id, NULL},
#define G(id, dtypes, inputs, ulps, smooth)                                    \
  {#id, MX_PRIM_##id, &mx_prim_##id, dtypes, inputs, {-3, -3}, {3, 3}, ulps, smooth, false, 0, build_##id, NULL, NULL, ref_##id},
#define ELSEWHERE(id, why) {#id, MX_PRIM_##id, NULL, 0, NULL, {0}, {0}, 0, false, false, 0, NULL, NULL, NULL, NULL},
#include "conform/cases.def"
#undef E1
#undef E2
#undef G
#undef ELSEWHERE
};
const int conform_count = MX_COUNT(conform_cases);

bool conform_takes(const struct conform_case *c, enum mx_dtype d) {
  unsigned kind = d == MX_BOOL                               ? B
                  : mx_dtype_is_unsigned(d)                  ? U
                  : mx_dtype_is_signed_int(d)                ? I
                  : d == MX_FLOAT16 || d == MX_BFLOAT16      ? H
                  : d == MX_FLOAT32                          ? F
                  : d == MX_FLOAT64                          ? D
                                                             : C;
  return c->dtypes & kind;
}

static uint64_t sequence;
void conform_restart(void) { sequence = 0x9e3779b97f4a7c15u; }
double conform_random(double lo, double hi) {
  sequence ^= sequence << 13, sequence ^= sequence >> 7, sequence ^= sequence << 17;
  return lo + (hi - lo) * ((double)(sequence >> 11) * 0x1p-53);
}

mx_array *conform_data(mx_build *b, enum mx_dtype d, const int64_t *shape, int ndim, double lo, double hi) {
  int64_t n = 1;
  for (int i = 0; i < ndim; i++) n *= shape[i];
  size_t item = mx_dtype_size(d);
  char *data = malloc((size_t)n * item + 1);
  bool whole = !mx_dtype_is_inexact(d);
  for (int64_t i = 0; i < n; i++) {
    double x = conform_random(mx_dtype_is_unsigned(d) && lo < 0 ? 0 : lo, hi), im = d == MX_COMPLEX64 ? conform_random(lo, hi) : 0;
    text_store(data + (size_t)i * item, d, whole ? rint(x) : x, im, NULL);
  }
  mx_array *a = mx_build_own(b, mx_array_from_copy(data, shape, ndim, d));
  free(data);
  return a;
}

mx_array *conform_input(mx_build *b, const struct conform_case *c, int i, enum mx_dtype d) {
  const char *at = c->inputs;
  for (int k = 0; k < i; k++) {
    at = strchr(at, ' ');
    if (!at) return NULL;
    at++;
  }
  char kind = *at++;
  long below = kind == 'i' ? strtol(at, (char **)&at, 10) : 0;
  if (kind == 'i') at++;
  int64_t shape[MX_MAX_NDIM];
  int ndim = 0;
  while (*at && *at != ' ') {
    shape[ndim++] = strtol(at, (char **)&at, 10);
    if (*at == ',') at++;
  }
  if (kind == 'b') return conform_data(b, MX_BOOL, shape, ndim, -0.49, 1.49);
  if (kind == 'k') return conform_data(b, MX_UINT32, shape, ndim, 0, 1e6);
  if (kind == 'i') return conform_data(b, MX_INT32, shape, ndim, -0.49, (double)below - 0.51);
  return conform_data(b, d, shape, ndim, c->lo[c->elementwise && i], c->hi[c->elementwise && i]);
}

mx_array *conform_layout(mx_build *b, mx_array *a, int layout) {
  int last = -1;
  if (layout == 0 || a->t.ndim == 0) return a;
  if (layout == 1) a = mx_transpose(b, mx_copy(b, mx_transpose(b, a, NULL, 0)), NULL, 0);
  if (layout == 2) a = mx_flip(b, mx_copy(b, mx_flip(b, a, NULL, 0)), NULL, 0);
  if (layout == 3) {
    int64_t from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], by[MX_MAX_NDIM];
    for (int i = 0; i < a->t.ndim; i++) to[i] = a->t.shape[i], by[i] = 1;
    to[a->t.ndim - 1] *= 2, by[a->t.ndim - 1] = 2;
    a = mx_slice(b, mx_copy(b, mx_repeat(b, a, 2, &last)), from, to, by);
  }
  if (layout == 4 && a->t.shape[0] > 0) {
    int64_t from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], by[MX_MAX_NDIM];
    for (int i = 0; i < a->t.ndim; i++) to[i] = i ? a->t.shape[i] : 1, by[i] = 1;
    a = mx_broadcast_to(b, mx_slice(b, a, from, to, by), a->t.shape, a->t.ndim);
  }
  if (!a || mx_eval(&a, 1)) {
    test_fail(__FILE__, __LINE__, "layout %d: %s", layout, mx_error_text());
    return NULL;
  }
  return a;
}

void conform_read(const mx_array *a, double *re, double *im) {
  for (int64_t i = 0; i < a->t.size; i++) {
    re[i] = text_value(a, i, false);
    if (im) im[i] = a->t.dtype == MX_COMPLEX64 ? text_value(a, i, true) : 0;
  }
}

bool conform_near(enum mx_dtype d, double got, double want, double ulps) {
  unsigned char cell[8];
  text_store(cell, d, want, 0, NULL);
  double rounded = text_load(cell, d, false);
  if (isnan(want)) return isnan(got);
  if (got == rounded) return true;
  if (!mx_dtype_is_inexact(d) || isinf(rounded)) return false;
  int digits = d == MX_FLOAT16 ? 11 : d == MX_BFLOAT16 ? 8 : d == MX_FLOAT64 ? 53 : 24;
  double unit = ldexp(1, ilogb(fabs(want) > 1e-30 ? want : 1e-30) + 1 - digits);
  return fabs(got - want) <= ulps * unit;
}
