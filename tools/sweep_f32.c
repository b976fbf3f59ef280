/* sweep_f32.c: the largest error of each float32 function of each tile table, over all 2^32 inputs, against the C library's
 * double. Usage: sweep_f32 [step [function …]]; step 1 is every input, 0 measures time alone. Not part of the tests.
 * Invariant: an error is in units of the last place of the exact value, subnormals included; a NaN must meet a NaN. */
#include "backend/cpu/tile_table.h"
#include "core/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double rsqrt(double x) { return 1 / sqrt(x); }
static const struct {
  const char *name;
  enum mx_prim_id op;
  double (*exact)(double);
} functions[] = {
    {"exp", MX_PRIM_exp, exp},          {"expm1", MX_PRIM_expm1, expm1},       {"log", MX_PRIM_log, log},
    {"log2", MX_PRIM_log2, log2},       {"log10", MX_PRIM_log10, log10},       {"log1p", MX_PRIM_log1p, log1p},
    {"sin", MX_PRIM_sin, sin},          {"cos", MX_PRIM_cos, cos},             {"tan", MX_PRIM_tan, tan},
    {"arcsin", MX_PRIM_arcsin, asin},   {"arccos", MX_PRIM_arccos, acos},      {"arctan", MX_PRIM_arctan, atan},
    {"sinh", MX_PRIM_sinh, sinh},       {"cosh", MX_PRIM_cosh, cosh},          {"tanh", MX_PRIM_tanh, tanh},
    {"arcsinh", MX_PRIM_arcsinh, asinh},{"arccosh", MX_PRIM_arccosh, acosh},   {"arctanh", MX_PRIM_arctanh, atanh},
    {"erf", MX_PRIM_erf, erf},          {"sigmoid", MX_PRIM_sigmoid, sigmoid}, {"rsqrt", MX_PRIM_rsqrt, rsqrt},
};
enum { COUNT = sizeof functions / sizeof *functions, RUN = 4096 };

/* Distance in units of the last place of `exact` among float32 values. */
static double ulps(float got, double exact) {
  if (isnan(exact) || isnan(got)) return isnan(exact) && isnan(got) ? 0 : INFINITY;
  if (got == (float)exact) return isinf(got) ? 0 : fabs(got - exact) / ldexp(1, (exact == 0 ? -126 : fmax(ilogb(exact), -126)) - 23);
  if (isinf(exact)) return INFINITY;
  double g = isinf(got) ? copysign(0x1p128, got) : got;
  return fabs(g - exact) / ldexp(1, (exact == 0 ? -126 : fmax(fmin(ilogb(exact), 127), -126)) - 23);
}

static void sweep(const struct cpu_tile_table *t, int f, uint64_t step) {
  static float x[RUN], y[RUN];
  double worst = 0, at = 0;
  for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
    int n = 0;
    for (; n < RUN && bits < (uint64_t)1 << 32; bits += step) x[n++] = mx_bits_float((uint32_t)bits);
    t->op[functions[f].op][MX_FLOAT32](n, y, x, NULL, NULL);
    for (int i = 0; i < n; i++) {
      double e = ulps(y[i], functions[f].exact(x[i]));
      if (e > worst) worst = e, at = x[i];
    }
  }
  printf("%-8s %-7s max %.3f ulp at %a\n", functions[f].name, t->isa, worst, at);
  fflush(stdout);
}

static void measure(const struct cpu_tile_table *t, int f) {
  static float x[RUN], y[RUN];
  for (int i = 0; i < RUN; i++) x[i] = (float)((i * 2654435761u >> 8) / 0x1p24 * (f >= 9 && f <= 10 ? 1 : 4) + (f == 16 ? 1 : 0));
  double best = 1e9;
  for (int k = 0; k < 30; k++) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int r = 0; r < 16; r++) t->op[functions[f].op][MX_FLOAT32](RUN, y, x, NULL, NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / (16.0 * RUN);
    if (ns < best) best = ns;
  }
  printf("%-8s %-7s %.2f ns an element\n", functions[f].name, t->isa, best);
}

int main(int argc, char **argv) {
  static const char *const isas[] = {"base", "avx2", "avx512", "neon"};
  uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
  for (int f = 0; f < COUNT; f++) {
    int wanted = argc <= 2;
    for (int i = 2; i < argc; i++) wanted |= !strcmp(argv[i], functions[f].name);
    for (int k = 0; wanted && k < 4; k++) {
      const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
      if (t && step) sweep(t, f, step);
      else if (t) measure(t, f);
    }
  }
  return 0;
}
