/* test_tile_table.c: every kernel of every table this machine runs, against exact integers or long double by the C library.
 * Invariant: the inputs mix each dtype's edge values with random ones; lengths are odd, addresses unaligned, borders guarded. */
#include "backend/cpu/divisor.h"
#include "backend/cpu/tile_table.h"
#include "core/half.h"
#include "test.h"

#include <complex.h>
#include <stdio.h>
#include <string.h>

__extension__ typedef __int128 wide;
typedef long double real;
enum { MAX_N = 67, GUARD = 16, BYTES = MAX_N * 8 + 2 * GUARD };
static const char *const isas[] = {"base", "avx2", "avx512", "neon"};

static uint64_t seed = 1;
static uint64_t random_word(void) { /* splitmix64 */
  uint64_t z = (seed += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static bool is_int(enum mx_dtype d) { return d < MX_FLOAT16; }
static int bits_of(enum mx_dtype d) { return d == MX_BOOL ? 1 : (int)mx_dtype_size(d) * 8; }

static wide wrap(enum mx_dtype d, wide v) {
  if (d == MX_BOOL) return v != 0;
  uint64_t u = (uint64_t)v;
  int drop = 64 - bits_of(d);
  return mx_dtype_is_unsigned(d) ? (wide)(u << drop >> drop) : (wide)((int64_t)(u << drop) >> drop);
}
static wide get_int(enum mx_dtype d, const void *p) {
  uint64_t u = 0;
  memcpy(&u, p, mx_dtype_size(d));
  return wrap(d, (wide)u);
}
static double get_real(enum mx_dtype d, const void *p) {
  uint16_t h;
  float f;
  double g;
  if (d == MX_FLOAT64) return memcpy(&g, p, 8), g;
  if (d == MX_FLOAT32) return memcpy(&f, p, 4), (double)f;
  memcpy(&h, p, 2);
  return d == MX_FLOAT16 ? (double)mx_f16_to_float(h) : (double)mx_bf16_to_float(h);
}
static void put_real(enum mx_dtype d, void *p, real v) {
  double g = (double)v;
  float f = (float)v;
  uint16_t h = d == MX_FLOAT16 ? mx_float_to_f16(f) : mx_float_to_bf16(f);
  memcpy(p, d == MX_FLOAT64 ? (void *)&g : d == MX_FLOAT32 ? (void *)&f : (void *)&h, mx_dtype_size(d));
}
static double round_to(enum mx_dtype d, real v) {
  char b[8];
  put_real(d, b, v);
  return get_real(d, b);
}

/* The half nearest to v, ties to even, in one rounding. */
static double round_to_half(enum mx_dtype d, real v) {
  int digits = d == MX_FLOAT16 ? 11 : 8, least = d == MX_FLOAT16 ? -24 : -133;
  double most = d == MX_FLOAT16 ? 65504 : 0x1.fep127;
  if (!__builtin_isfinite(v) || v == 0) return (double)v;
  int e = ilogbl(v) + 1 - digits;
  if (e < least) e = least;
  double r = (double)ldexpl(rintl(ldexpl(v, -e)), e);
  return fabs(r) > most ? copysign(INFINITY, r) : r;
}

/* How many representable numbers lie between the two: of width w bits, as sign and magnitude. */
static int64_t order(enum mx_dtype d, double v) {
  int64_t w = 0;
  put_real(d, &w, v);
  int bits = bits_of(d);
  int64_t sign = w >> (bits - 1) & 1, mag = w & (int64_t)(UINT64_MAX >> (65 - bits));
  return sign ? -mag : mag;
}
static double apart(enum mx_dtype d, double a, double b) {
  wide gap = (wide)order(d, a) - order(d, b);
  return (double)(gap < 0 ? -gap : gap);
}

static void put_random(enum mx_dtype d, void *p) {
  static const double edge[] = {0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 7, -7, 0.1, 1e-3, 88.7, -88, 104, -104, 1e4,
    1e30, -1e30, 0x1p-126, -0x1p-149, 0x1p-24, 65504, 0x1.fffffep127, -0x1.fffffep127, 0x1p-1022, 0x1p-1074, 0x1.fffffffffffffp1023,
    INFINITY, -INFINITY, NAN};
  uint64_t r = random_word();
  if (d == MX_COMPLEX64) {
    put_random(MX_FLOAT32, p);
    put_random(MX_FLOAT32, (char *)p + 4);
  } else if (is_int(d)) {
    static const int64_t whole[] = {0, 1, -1, 2, -2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100, INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN, INT64_MAX};
    uint64_t v = r % 3 == 0 ? (uint64_t)whole[(r >> 8) % 20] : r % 3 == 1 ? (r >> 8) % 17 - 5 : random_word() >> (r >> 8) % 64;
    if (d == MX_BOOL) v &= 1;
    memcpy(p, &v, mx_dtype_size(d));
  } else if (r % 3 == 0) {
    put_real(d, p, edge[(r >> 8) % (sizeof edge / sizeof *edge)]);
  } else if (r % 3 == 1) {
    put_real(d, p, ldexp((double)(int64_t)random_word(), (int)((r >> 8) % 8) - 64)); /* up to 64 or so, most of them near 1 */
  } else {
    uint64_t bits = random_word();
    memcpy(p, &bits, mx_dtype_size(d));
    if (isnan(get_real(d, p))) put_real(d, p, NAN); /* a quiet one */
  }
}

/* ---- references ---- */

static wide floor_div(wide a, wide b) {
  if (b == 0) return 0;
  wide q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}
static wide int_power(enum mx_dtype d, wide a, wide b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
  uint64_t r = 1, x = (uint64_t)a, e = (uint64_t)b;
  for (; e; e >>= 1, x *= x)
    if (e & 1) r *= x;
  return (wide)r;
}
static wide int_value(enum mx_prim_id op, enum mx_dtype d, wide a, wide b) {
  bool inside = b >= 0 && b < bits_of(d);
  switch (op) {
  case MX_PRIM_abs: return a < 0 ? -a : a;
  case MX_PRIM_negative: return -a;
  case MX_PRIM_sign: return (a > 0) - (a < 0);
  case MX_PRIM_square: return (wide)((uint64_t)a * (uint64_t)a);
  case MX_PRIM_copy: return a;
  case MX_PRIM_logical_not: return a == 0;
  case MX_PRIM_bitwise_invert: return d == MX_BOOL ? !a : ~a;
  case MX_PRIM_add: return a + b;
  case MX_PRIM_subtract: return a - b;
  case MX_PRIM_multiply: return (wide)((uint64_t)a * (uint64_t)b);
  case MX_PRIM_floor_divide: return floor_div(a, b);
  case MX_PRIM_remainder: return b == 0 ? 0 : a - floor_div(a, b) * b;
  case MX_PRIM_power: return int_power(d, a, b);
  case MX_PRIM_maximum: return a > b ? a : b;
  case MX_PRIM_minimum: return a < b ? a : b;
  case MX_PRIM_equal: return a == b;
  case MX_PRIM_not_equal: return a != b;
  case MX_PRIM_less: return a < b;
  case MX_PRIM_less_equal: return a <= b;
  case MX_PRIM_greater: return a > b;
  case MX_PRIM_greater_equal: return a >= b;
  case MX_PRIM_logical_and: return a && b;
  case MX_PRIM_logical_or: return a || b;
  case MX_PRIM_logical_xor: return !a != !b;
  case MX_PRIM_bitwise_and: return a & b;
  case MX_PRIM_bitwise_or: return a | b;
  case MX_PRIM_bitwise_xor: return a ^ b;
  case MX_PRIM_left_shift: return inside ? (wide)((uint64_t)a << b) : 0;
  case MX_PRIM_right_shift: return inside ? a >> b : a < 0 ? -1 : 0;
  default: return 0;
  }
}

/* y with erf(y) = x: Newton's steps on erfc, which keeps its digits near 1. */
static real erfinv_value(real x) {
  if (!(fabsl(x) < 1)) return fabsl(x) == 1 ? copysignl(INFINITY, x) : NAN;
  real a = fabsl(x), y = a < 0.9L ? a * 0.886L : sqrtl(-logl(1 - a));
  for (int i = 0; i < 60; i++) {
    real e = a < 0.5L ? erfl(y) - a : (1 - a) - erfcl(y);
    y -= e / (1.128379167095512573896158903121545172L * expl(-y * y));
  }
  return copysignl(y, x);
}

/* *exact: the kernel gives this value rounded to d (halves: to float32 first), no ulp off. */
static real real_value(enum mx_prim_id op, enum mx_dtype d, double a, double b, bool *exact) {
  enum mx_dtype at = d == MX_FLOAT64 ? d : MX_FLOAT32; /* where it is computed */
  *exact = true;
  switch (op) {
  case MX_PRIM_abs: return fabs(a);
  case MX_PRIM_negative: return -a;
  case MX_PRIM_sign: return a > 0 ? 1 : a < 0 ? -1 : a + 0; /* 0 of -0 */
  case MX_PRIM_floor: return floor(a);
  case MX_PRIM_ceil: return ceil(a);
  case MX_PRIM_trunc: return trunc(a);
  case MX_PRIM_round: return rint(a);
  case MX_PRIM_square: return a * a;
  case MX_PRIM_sqrt: return sqrt(a);
  case MX_PRIM_reciprocal: return 1 / a;
  case MX_PRIM_copy: return a;
  case MX_PRIM_add: return a + b;
  case MX_PRIM_subtract: return a - b;
  case MX_PRIM_multiply: return a * b;
  case MX_PRIM_divide: return a / b;
  case MX_PRIM_floor_divide: return floor(round_to(at, a / b));
  case MX_PRIM_remainder: {
    double r = fmod(a, b);
    return r == 0 ? copysign(0.0, b) : (r < 0) != (b < 0) ? r + b : r;
  }
  case MX_PRIM_maximum: return a != a || b != b ? NAN : a > b ? a : b;
  case MX_PRIM_minimum: return a != a || b != b ? NAN : a < b ? a : b;
  default: break;
  }
  *exact = false;
  real x = a, y = b, m = x > y ? x : y;
  switch (op) {
  case MX_PRIM_rsqrt: return 1 / sqrtl(x);
  case MX_PRIM_exp: return expl(x);
  case MX_PRIM_expm1: return expm1l(x);
  case MX_PRIM_log: return logl(x);
  case MX_PRIM_log2: return log2l(x);
  case MX_PRIM_log10: return log10l(x);
  case MX_PRIM_log1p: return log1pl(x);
  case MX_PRIM_sin: return sinl(x);
  case MX_PRIM_cos: return cosl(x);
  case MX_PRIM_tan: return tanl(x);
  case MX_PRIM_arcsin: return asinl(x);
  case MX_PRIM_arccos: return acosl(x);
  case MX_PRIM_arctan: return atanl(x);
  case MX_PRIM_sinh: return sinhl(x);
  case MX_PRIM_cosh: return coshl(x);
  case MX_PRIM_tanh: return tanhl(x);
  case MX_PRIM_arcsinh: return asinhl(x);
  case MX_PRIM_arccosh: return acoshl(x);
  case MX_PRIM_arctanh: return atanhl(x);
  case MX_PRIM_erf: return erfl(x);
  case MX_PRIM_erfinv: return erfinv_value(x);
  case MX_PRIM_sigmoid: return 1 / (1 + expl(-x));
  case MX_PRIM_power: return powl(x, y);
  case MX_PRIM_arctan2: return atan2l(x, y);
  case MX_PRIM_logaddexp:
    return x != x || y != y ? NAN : x == y && isinf(x) ? x : m + log1pl(expl(-fabsl(x - y)));
  default: return NAN;
  }
}
static int real_truth(enum mx_prim_id op, double a, double b) {
  switch (op) {
  case MX_PRIM_logical_not: return a == 0;
  case MX_PRIM_isnan: return a != a;
  case MX_PRIM_isinf: return fabs(a) == INFINITY;
  case MX_PRIM_isfinite: return fabs(a) < INFINITY;
  case MX_PRIM_isposinf: return a == INFINITY;
  case MX_PRIM_isneginf: return a == -INFINITY;
  case MX_PRIM_equal: return a == b;
  case MX_PRIM_not_equal: return a != b;
  case MX_PRIM_less: return a < b;
  case MX_PRIM_less_equal: return a <= b;
  case MX_PRIM_greater: return a > b;
  case MX_PRIM_greater_equal: return a >= b;
  case MX_PRIM_logical_and: return a != 0 && b != 0;
  case MX_PRIM_logical_or: return a != 0 || b != 0;
  case MX_PRIM_logical_xor: return (a != 0) != (b != 0);
  default: return -1;
  }
}

static bool complex_less(float complex a, float complex b) {
  if (cimagf(a) != cimagf(a) || cimagf(b) != cimagf(b)) return false;
  return crealf(a) < crealf(b) || (crealf(a) == crealf(b) && cimagf(a) < cimagf(b));
}
static int complex_truth(enum mx_prim_id op, float complex a, float complex b) {
  bool eq = crealf(a) == crealf(b) && cimagf(a) == cimagf(b), zero_a = a == 0, zero_b = b == 0;
  switch (op) {
  case MX_PRIM_logical_not: return zero_a;
  case MX_PRIM_isnan: return isnan(crealf(a)) || isnan(cimagf(a));
  case MX_PRIM_isinf: return isinf(crealf(a)) || isinf(cimagf(a));
  case MX_PRIM_isfinite: return isfinite(crealf(a)) && isfinite(cimagf(a));
  case MX_PRIM_equal: return eq;
  case MX_PRIM_not_equal: return !eq;
  case MX_PRIM_less: return complex_less(a, b);
  case MX_PRIM_less_equal: return complex_less(a, b) || eq;
  case MX_PRIM_greater: return complex_less(b, a);
  case MX_PRIM_greater_equal: return complex_less(b, a) || eq;
  case MX_PRIM_logical_and: return !zero_a && !zero_b;
  case MX_PRIM_logical_or: return !zero_a || !zero_b;
  case MX_PRIM_logical_xor: return zero_a != zero_b;
  default: return -1;
  }
}

/* 1 + a by parts: the sum of a real and a complex number may lose the sign of a zero, and with it the side of a branch cut. */
static double complex one_plus(double complex a) {
  double parts[2] = {1 + creal(a), cimag(a)};
  double complex z;
  memcpy(&z, parts, sizeof z);
  return z;
}
static double complex complex_value(enum mx_prim_id op, double complex a, double complex b) {
  switch (op) {
  case MX_PRIM_abs: return cabs(a);
  case MX_PRIM_negative: return -a;
  case MX_PRIM_sign: return a == 0 ? a : a / cabs(a);
  case MX_PRIM_round: return rint(creal(a)) + I * rint(cimag(a));
  case MX_PRIM_square: return a * a;
  case MX_PRIM_sqrt: return csqrt(a);
  case MX_PRIM_rsqrt: return 1 / csqrt(a);
  case MX_PRIM_reciprocal: return 1 / a;
  case MX_PRIM_exp: return cexp(a);
  case MX_PRIM_expm1: return cexp(a) - 1;
  case MX_PRIM_log: return clog(a);
  case MX_PRIM_log2: return clog(a) / 0.693147180559945309417;
  case MX_PRIM_log10: return clog(a) / 2.302585092994045684;
  case MX_PRIM_log1p: return clog(one_plus(a));
  case MX_PRIM_sin: return csin(a);
  case MX_PRIM_cos: return ccos(a);
  case MX_PRIM_tan: return ctan(a);
  case MX_PRIM_arcsin: return casin(a);
  case MX_PRIM_arccos: return cacos(a);
  case MX_PRIM_arctan: return catan(a);
  case MX_PRIM_sinh: return csinh(a);
  case MX_PRIM_cosh: return ccosh(a);
  case MX_PRIM_tanh: return ctanh(a);
  case MX_PRIM_arcsinh: return casinh(a);
  case MX_PRIM_arccosh: return cacosh(a);
  case MX_PRIM_arctanh: return catanh(a);
  case MX_PRIM_sigmoid: return 1 / (1 + cexp(-a));
  case MX_PRIM_real: return creal(a);
  case MX_PRIM_imag: return cimag(a);
  case MX_PRIM_conjugate: return conj(a);
  case MX_PRIM_copy: return a;
  case MX_PRIM_add: return a + b;
  case MX_PRIM_subtract: return a - b;
  case MX_PRIM_multiply: return a * b;
  case MX_PRIM_divide: return a / b;
  case MX_PRIM_power: return b == 0 ? 1 : cpow(a, b);
  case MX_PRIM_maximum: return complex_less((float complex)a, (float complex)b) ? b : a;
  case MX_PRIM_minimum: return complex_less((float complex)b, (float complex)a) ? b : a;
  case MX_PRIM_logaddexp: return clog(cexp(a) + cexp(b));
  default: return NAN;
  }
}

/* ---- what the contract asks for ---- */

enum { B = 1, U = 2, S = 4, R = 8, C = 16, N = U | S, F = R | C, ALL = 31 };
static const struct {
  enum mx_prim_id op;
  int inputs, dtypes;
} rows[] = {
#define ROW(name, inputs, dtypes) {MX_PRIM_##name, inputs, dtypes}
    ROW(abs, 1, S | F), ROW(negative, 1, N | F), ROW(sign, 1, N | F), ROW(floor, 1, R), ROW(ceil, 1, R), ROW(trunc, 1, R),
    ROW(round, 1, F), ROW(square, 1, N | F), ROW(sqrt, 1, F), ROW(rsqrt, 1, F), ROW(reciprocal, 1, F), ROW(exp, 1, F),
    ROW(expm1, 1, F), ROW(log, 1, F), ROW(log2, 1, F), ROW(log10, 1, F), ROW(log1p, 1, F), ROW(sin, 1, F), ROW(cos, 1, F),
    ROW(tan, 1, F), ROW(arcsin, 1, F), ROW(arccos, 1, F), ROW(arctan, 1, F), ROW(sinh, 1, F), ROW(cosh, 1, F), ROW(tanh, 1, F),
    ROW(arcsinh, 1, F), ROW(arccosh, 1, F), ROW(arctanh, 1, F), ROW(erf, 1, R), ROW(erfinv, 1, R), ROW(sigmoid, 1, F),
    ROW(logical_not, 1, ALL), ROW(bitwise_invert, 1, B | N), ROW(real, 1, C), ROW(imag, 1, C), ROW(conjugate, 1, C),
    ROW(isnan, 1, F), ROW(isinf, 1, F), ROW(isfinite, 1, F), ROW(isposinf, 1, R), ROW(isneginf, 1, R), ROW(copy, 1, ALL),
    ROW(add, 2, N | F), ROW(subtract, 2, N | F), ROW(multiply, 2, N | F), ROW(divide, 2, F), ROW(floor_divide, 2, N | R),
    ROW(remainder, 2, N | R), ROW(power, 2, N | F), ROW(maximum, 2, ALL), ROW(minimum, 2, ALL), ROW(arctan2, 2, R),
    ROW(logaddexp, 2, F), ROW(equal, 2, ALL), ROW(not_equal, 2, ALL), ROW(less, 2, ALL), ROW(less_equal, 2, ALL),
    ROW(greater, 2, ALL), ROW(greater_equal, 2, ALL), ROW(logical_and, 2, ALL), ROW(logical_or, 2, ALL), ROW(logical_xor, 2, ALL),
    ROW(bitwise_and, 2, B | N), ROW(bitwise_or, 2, B | N), ROW(bitwise_xor, 2, B | N), ROW(left_shift, 2, N),
    ROW(right_shift, 2, N), ROW(select, 3, ALL),
#undef ROW
};
enum { ROWS = sizeof rows / sizeof *rows };
static const char *const prim_names[] = {
#define P(id, name) name,
#include "graph/prims.def"
#undef P
};
static int class_of(enum mx_dtype d) {
  return d == MX_BOOL ? B : mx_dtype_is_unsigned(d) ? U : mx_dtype_is_signed_int(d) ? S : d == MX_COMPLEX64 ? C : R;
}
static bool gives_bool(enum mx_prim_id op) { return real_truth(op, 0, 0) >= 0; }

static void complain(const char *isa, const char *what, enum mx_dtype d, int n, int i, double a, double b, double got, double want) {
  test_fail(__FILE__, __LINE__, "%s %s %s, n %d, element %d: of %.17g, %.17g gives %.17g, not %.17g", isa, what, mx_dtype_name(d), n, i,
            a, b, got, want);
}

struct runs {
  char a[BYTES], b[BYTES], c[BYTES], out[BYTES];
};

static bool real_right(enum mx_prim_id op, enum mx_dtype d, double a, double b, double got, double *want) {
  bool exact;
  real v = real_value(op, d, a, b, &exact);
  *want = round_to(d, v);
  if (isnan(*want) || isnan(got)) return isnan(*want) && isnan(got);
  bool either_zero = op == MX_PRIM_maximum || op == MX_PRIM_minimum;
  if (*want == 0 && got == 0 && !either_zero && signbit(*want) != signbit(got)) return false;
  if (op == MX_PRIM_logaddexp && fabs(got - *want) <= 4 * 0x1p-53 * fmax(fabs(a), fabs(b))) return true;
  return apart(d, got, *want) <= (exact ? 0 : d == MX_FLOAT64 ? 4 : d == MX_FLOAT32 ? 2 : 1);
}

static bool complex_right(enum mx_prim_id op, float complex a, float complex b, const char *out, double *want, double *got) {
  float g[2] = {0, 0};
  memcpy(g, out, op == MX_PRIM_abs || op == MX_PRIM_real || op == MX_PRIM_imag ? 4 : 8);
  /* Only values whose results and intermediates stay well inside float's range; the C library tests its own corners. */
  bool tame = cabs(a) < 20 && cabs(b) < 5 && cabs(a) > 1e-3 && cabs(b) > 1e-3;
  if (!tame && op != MX_PRIM_copy && op != MX_PRIM_real && op != MX_PRIM_imag && op != MX_PRIM_conjugate && op != MX_PRIM_negative) return true;
  if (isnan(crealf(a)) || isnan(cimagf(a)) || isinf(crealf(a)) || isinf(cimagf(a))) return true;
  double complex w = complex_value(op, a, b);
  *want = creal(w), *got = g[0];
  if (!isfinite(creal(w)) || !isfinite(cimag(w))) return true; /* a pole */
  double scale = fmax(cabs(w), 1e-6), slack = op == MX_PRIM_power ? 1e-5 : op == MX_PRIM_logaddexp ? 1e-5 : 4e-6;
  /* a logarithm is one of many, 2πi apart */
  if (op == MX_PRIM_logaddexp) return cabs(cexp(w - (g[0] + I * (double)g[1])) - 1) <= slack;
  return cabs(w - (g[0] + I * (double)g[1])) <= slack * scale;
}

static bool element_right(int row, enum mx_dtype d, const struct runs *r, int i, double show[4]) {
  enum mx_prim_id op = rows[row].op;
  size_t size = mx_dtype_size(d), at = GUARD + (size_t)i * size;
  const char *a = r->a + at, *b = r->b + at;
  if (op == MX_PRIM_select) return !memcmp(r->out + at, (r->a[GUARD + i] ? r->b : r->c) + at, size);
  if (is_int(d)) {
    enum mx_dtype out = gives_bool(op) ? MX_BOOL : d;
    wide x = get_int(d, a), y = get_int(d, b), want = wrap(out, int_value(op, d, x, y));
    wide got = get_int(out, r->out + GUARD + (size_t)i * mx_dtype_size(out));
    show[0] = (double)x, show[1] = (double)y, show[2] = (double)got, show[3] = (double)want;
    return got == want;
  }
  if (d == MX_COMPLEX64) {
    float complex x, y;
    memcpy(&x, a, 8), memcpy(&y, b, 8);
    show[0] = crealf(x), show[1] = cimagf(x);
    if (gives_bool(op)) return (show[2] = r->out[GUARD + i]) == (show[3] = complex_truth(op, x, y));
    bool narrow = op == MX_PRIM_abs || op == MX_PRIM_real || op == MX_PRIM_imag;
    return complex_right(op, x, y, r->out + GUARD + (size_t)i * (narrow ? 4 : 8), &show[3], &show[2]);
  }
  show[0] = get_real(d, a), show[1] = get_real(d, b);
  if (gives_bool(op)) return (show[2] = r->out[GUARD + i]) == (show[3] = real_truth(op, show[0], show[1]));
  show[2] = get_real(d, r->out + at);
  return real_right(op, d, show[0], show[1], show[2], &show[3]);
}

static size_t out_size(enum mx_prim_id op, enum mx_dtype d) {
  if (gives_bool(op)) return 1;
  return d == MX_COMPLEX64 && (op == MX_PRIM_abs || op == MX_PRIM_real || op == MX_PRIM_imag) ? 4 : mx_dtype_size(d);
}

static void check_op(const struct cpu_tile_table *t, int row, enum mx_dtype d, int n) {
  static struct runs r;
  enum mx_prim_id op = rows[row].op;
  size_t size = mx_dtype_size(d), out = out_size(op, d);
  cpu_tile_fn fn = t->op[op][d];
  memset(&r, 0x5a, sizeof r);
  for (int i = 0; i < n; i++) {
    put_random(op == MX_PRIM_select ? MX_BOOL : d, r.a + GUARD + (size_t)i * (op == MX_PRIM_select ? 1 : size));
    put_random(d, r.b + GUARD + (size_t)i * size);
    put_random(d, r.c + GUARD + (size_t)i * size);
  }
  const void *pb = rows[row].inputs > 1 ? r.b + GUARD : NULL, *pc = rows[row].inputs > 2 ? r.c + GUARD : NULL;
  fn(n, r.out + GUARD, r.a + GUARD, pb, pc);
  for (int i = 0; i < n; i++) {
    double show[4] = {0, 0, 0, 0};
    if (element_right(row, d, &r, i, show)) continue;
    complain(t->isa, prim_names[op], d, n, i, show[0], show[1], show[2], show[3]);
    return;
  }
  char keep = r.out[GUARD + (size_t)n * out], before = r.out[GUARD - 1];
  if (keep != 0x5a || before != 0x5a) complain(t->isa, prim_names[op], d, n, n, 0, 0, keep, before);
  if (out != size) return;
  char *same = op == MX_PRIM_select ? r.b : r.a; /* in place: over the first input of that size */
  fn(n, same + GUARD, r.a + GUARD, pb, pc);
  if (memcmp(same + GUARD, r.out + GUARD, (size_t)n * size)) complain(t->isa, "in place", d, n, (int)op, 0, 0, 0, 0);
}

TEST(every_operation_exists_for_every_dtype_it_is_defined_on_and_gives_the_reference_value) {
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    for (int row = 0; t && row < ROWS; row++)
      for (int d = 0; d < MX_DTYPE_COUNT; d++) {
        if (!(rows[row].dtypes & class_of((enum mx_dtype)d))) continue;
        if (!t->op[rows[row].op][d]) complain(t->isa, prim_names[rows[row].op], (enum mx_dtype)d, 0, 0, 0, 0, 0, 0);
        for (int n = 0; n <= MAX_N && t->op[rows[row].op][d]; n++) check_op(t, row, (enum mx_dtype)d, n);
      }
  }
}

TEST(every_pair_of_dtypes_casts) {
  static char from[BYTES], to[BYTES];
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    for (int p = 0; t && p < MX_DTYPE_COUNT * MX_DTYPE_COUNT; p++) {
      enum mx_dtype f = (enum mx_dtype)(p / MX_DTYPE_COUNT), g = (enum mx_dtype)(p % MX_DTYPE_COUNT);
      REQUIRE(t->cast[f][g]);
      for (int n = 0; n <= MAX_N; n++) {
        for (int i = 0; i < n; i++) put_random(f, from + (size_t)i * mx_dtype_size(f));
        t->cast[f][g](n, to, from, NULL, NULL);
        for (int i = 0; i < n; i++) {
          const char *a = from + (size_t)i * mx_dtype_size(f), *b = to + (size_t)i * mx_dtype_size(g);
          enum mx_dtype fr = f == MX_COMPLEX64 ? MX_FLOAT32 : f, gr = g == MX_COMPLEX64 ? MX_FLOAT32 : g;
          double x = is_int(f) ? (double)get_int(f, a) : get_real(fr, a), y = is_int(g) ? (double)get_int(g, b) : get_real(gr, b);
          bool ok, imaginary = f == MX_COMPLEX64 && get_real(MX_FLOAT32, a + 4) != 0;
          if (g == MX_BOOL) ok = y == (x != 0 || imaginary);
          else if (is_int(g) && is_int(f)) ok = get_int(g, b) == wrap(g, get_int(f, a));
          else if (is_int(g)) /* only what fits is promised; the rest is merely defined */
            ok = !(fabs(x) < 0x1p62) || (double)wrap(g, (wide)x) != trunc(x) || y == trunc(x);
          else {
            real exact = is_int(f) ? (real)get_int(f, a) : (real)x;
            double want = g == MX_FLOAT16 || g == MX_BFLOAT16 ? round_to_half(g, exact) : round_to(gr, exact);
            ok = (isnan(want) && isnan(y)) || (want == y && signbit(want) == signbit(y));
          }
          if (g == MX_COMPLEX64 && f == MX_COMPLEX64) ok = !memcmp(a, b, 8);
          else if (g == MX_COMPLEX64) ok = ok && get_real(MX_FLOAT32, b + 4) == 0;
          if (!ok) complain(t->isa, mx_dtype_name(g), f, n, i, x, 0, y, 0);
          REQUIRE(ok);
        }
      }
    }
  }
}

TEST(strided_loads_walk_either_way) {
  uint64_t src[64], dst[64];
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    for (int size = 0; t && size < 4; size++)
      for (int stride = -3; stride <= 3; stride++) {
        size_t bytes = (size_t)1 << size;
        for (int i = 0; i < 64; i++) src[i] = random_word();
        const char *start = (const char *)src + (stride < 0 ? 63 * bytes : 0);
        t->load_strided[size](21, dst, start, stride);
        for (int i = 0; i < 21; i++) CHECK(!memcmp((char *)dst + (size_t)i * bytes, start + i * stride * (int)bytes, bytes));
      }
  }
}

TEST(strided_stores_touch_their_places_alone) {
  uint64_t src[80], dst[256], want[256];
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    for (int size = 0; t && size < 4; size++)
      for (int stride = -3; stride <= 3; stride++)
        for (int n = 0; n <= 80 && stride; n += n < 3 ? 1 : 11) {
          size_t bytes = (size_t)1 << size;
          for (int i = 0; i < 80; i++) src[i] = random_word();
          for (int i = 0; i < 256; i++) dst[i] = want[i] = random_word();
          char *start = (char *)dst + (stride < 0 ? 250 * bytes : bytes), *wanted = (char *)want + (start - (char *)dst);
          for (int i = 0; i < n; i++) memcpy(wanted + i * stride * (int)bytes, (char *)src + (size_t)i * bytes, bytes);
          t->store_strided[size](n, start, stride, src);
          CHECK(!memcmp(dst, want, sizeof dst));
        }
  }
}

TEST(repeats_fill_rows_with_one_value_each) {
  uint64_t src[32], dst[400];
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    for (int size = 0; t && size < 4; size++)
      for (int n = 0; n <= 65; n += 13)
        for (int stride = 0; stride <= 3; stride++) {
          size_t bytes = (size_t)1 << size;
          for (int i = 0; i < 32; i++) src[i] = random_word();
          t->repeat[size](6, n, dst, src, stride);
          for (int i = 0; i < 6 * n; i++)
            CHECK(!memcmp((char *)dst + (size_t)i * bytes, (char *)src + (size_t)(i / n * stride) * bytes, bytes));
        }
  }
}

TEST(offsets_count_negative_indices_from_the_end) {
  enum { COUNT = 37, SIZE = 100 };
  int32_t i32[3 * COUNT];
  int64_t i64[3 * COUNT], dst[COUNT];
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    for (int dtype = 0; t && dtype < MX_DTYPE_COUNT; dtype++)
      for (int64_t stride = -2; stride <= 2 && t->add_offsets[dtype]; stride++)
        for (int64_t step = -1; step <= 7; step += 4) {
          for (int i = 0; i < 3 * COUNT; i++) i64[i] = i32[i] = (int32_t)(random_word() % SIZE) - (dtype == MX_UINT32 || i % 3 ? 0 : SIZE);
          for (int i = 0; i < COUNT; i++) dst[i] = i;
          int64_t first = stride < 0 ? 2 * COUNT : 0;
          t->add_offsets[dtype](COUNT, dst, dtype == MX_INT64 ? (void *)(i64 + first) : (void *)(i32 + first), stride, SIZE, step);
          for (int i = 0; i < COUNT; i++) {
            int64_t index = i64[first + i * stride];
            CHECK(dst[i] == i + step * (index < 0 ? index + SIZE : index));
          }
        }
  }
}

/* The canonical tree of tile_table.h, one element at a time, by the table's own one-element operations. */
static void tree(cpu_tile_fn fold, size_t size, int n, const char *src, char *acc) {
  char lane[CPU_REDUCE_LANES][8];
  for (int i = 0; i < n; i++)
    if (i < CPU_REDUCE_LANES) memcpy(lane[i], src + (size_t)i * size, size);
    else fold(1, lane[i % CPU_REDUCE_LANES], lane[i % CPU_REDUCE_LANES], src + (size_t)i * size, NULL);
  for (int half = CPU_REDUCE_LANES / 2; half; half /= 2)
    for (int j = 0; j < half && j + half < n; j++) fold(1, lane[j], lane[j], lane[j + half], NULL);
  memcpy(acc, lane[0], size);
}
static bool same_value(enum mx_dtype d, const char *a, const char *b) {
  if (d == MX_COMPLEX64) return same_value(MX_FLOAT32, a, b) && same_value(MX_FLOAT32, a + 4, b + 4);
  if (is_int(d)) return !memcmp(a, b, mx_dtype_size(d));
  double x = get_real(d, a), y = get_real(d, b);
  return x == y || (isnan(x) && isnan(y));
}
TEST(reductions_follow_the_canonical_tree) {
  static const enum mx_prim_id fold[CPU_REDUCE_OPS] = {MX_PRIM_add, MX_PRIM_multiply, MX_PRIM_minimum, MX_PRIM_maximum,
                                                       MX_PRIM_logical_and, MX_PRIM_logical_or};
  static char src[CPU_REDUCE_BLOCK * 8];
  static const int lengths[] = {1, 2, 3, 17, 31, 32, 33, 63, 64, 65, 100, 1000, 1023, 1024};
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    for (int p = 0; t && p < CPU_REDUCE_OPS * MX_DTYPE_COUNT; p++) {
      int op = p / MX_DTYPE_COUNT;
      enum mx_dtype d = (enum mx_dtype)(p % MX_DTYPE_COUNT);
      bool small = d == MX_UINT8 || d == MX_UINT16 || d == MX_INT8 || d == MX_INT16, half = d == MX_FLOAT16 || d == MX_BFLOAT16;
      if (half || (op < CPU_MIN && (small || d == MX_BOOL)) || (op >= CPU_ALL && d != MX_BOOL)) continue;
      REQUIRE(t->reduce_block[op][d] && t->reduce_fold[op][d]);
      cpu_tile_fn one = t->op[fold[op]][d];
      size_t size = mx_dtype_size(d);
      for (int l = 0; l < 14; l++) {
        char got[8], want[8], acc[8 * 40], each[8 * 40];
        for (int i = 0; i < lengths[l]; i++)
          do put_random(d, src + (size_t)i * size);
          while (l % 2 && !is_int(d) && !isfinite(get_real(d == MX_COMPLEX64 ? MX_FLOAT32 : d, src + (size_t)i * size)));
        t->reduce_block[op][d](lengths[l], got, src);
        tree(one, size, lengths[l], src, want);
        if (!same_value(d, got, want)) complain(t->isa, "block of", d, lengths[l], op, 0, 0, 0, 0);
        int n = lengths[l] / 2 < 39 ? lengths[l] / 2 : 39;
        memcpy(acc, src, (size_t)n * size);
        one(n, each, acc, src + (size_t)n * size, NULL);
        t->reduce_fold[op][d](n, acc, src + (size_t)n * size);
        for (int i = 0; i < n; i++)
          if (!same_value(d, acc + (size_t)i * size, each + (size_t)i * size)) complain(t->isa, "fold of", d, n, op, 0, 0, 0, 0);
      }
    }
  }
}
static bool chain_agrees(const struct cpu_tile_table *t, const struct cpu_chain_step *s, cpu_tile_fn op, int n, const float *a, const float *b) {
  float want[300], got[300 + GUARD], other[300];
  bool same = true;
  for (int i = 0; i < 300; i++) other[i] = s->scalar ? b[0] : b[i];
  if (s->what & 1) op(n, want, other, a, NULL);
  else op(n, want, a, s->other ? other : NULL, NULL);
  for (int i = 0; i < GUARD; i++) got[n + i] = 7;
  t->chain(n, got, a, s, 1, false);
  for (int i = 0; i < n; i++) same &= same_value(MX_FLOAT32, (char *)&got[i], (char *)&want[i]);
  for (int i = 0; i < GUARD; i++) same &= got[n + i] == 7;
  memcpy(got, a, (size_t)n * sizeof *a);
  t->chain(n, got, got, s, 1, false);
  for (int i = 0; i < n; i++) same &= same_value(MX_FLOAT32, (char *)&got[i], (char *)&want[i]);
  return same;
}
TEST(steps_of_chains_are_the_kernels_of_their_operations) {
#define ID(id) MX_PRIM_##id,
  static const enum mx_prim_id unary[] = {CPU_CHAIN_UNARY(ID)}, binary[] = {CPU_CHAIN_BINARY(ID)};
#undef ID
  static const int lengths[] = {1, 15, 16, 17, 63, 64, 65, 300};
  float a[300], b[300];
  for (int k = 0; k < 4 * 8; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k / 8]);
    for (int i = 0; i < 300; i++) put_random(MX_FLOAT32, (char *)&a[i]), put_random(MX_FLOAT32, (char *)&b[i]);
    for (int p = 0; t && p < (int)(sizeof unary / sizeof *unary); p++) {
      struct cpu_chain_step s = {.what = CPU_CHAIN(unary[p], 0)};
      CHECK(chain_agrees(t, &s, t->op[unary[p]][MX_FLOAT32], lengths[k % 8], a, b));
    }
    for (int p = 0; t && p < (int)(sizeof binary / sizeof *binary) * 4; p++) {
      struct cpu_chain_step s = {.what = (uint16_t)CPU_CHAIN(binary[p / 4], p & 1), .other = b, .scalar = p & 2};
      CHECK(chain_agrees(t, &s, t->op[binary[p / 4]][MX_FLOAT32], lengths[k % 8], a, b));
    }
    struct cpu_chain_step s = {.what = CPU_CHAIN_QUOTIENT, .other = b, .scalar = true};
    for (b[0] = -2.75f; t && t->has_quotient && b[0] < 100; b[0] += 7.3f)
      if (cpu_divisor_split(b[0], &s.hi, &s.lo)) CHECK(chain_agrees(t, &s, t->op[MX_PRIM_divide][MX_FLOAT32], lengths[k % 8], a, b));
  }
}
TEST(a_chain_hands_on_from_step_to_step) {
  for (int k = 0; k < 8; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k / 2]);
    _Alignas(64) float b[100];
    float a[100], c = 3;
    for (int i = 0; i < 100; i++) a[i] = (float)i, b[i] = (float)(2 * i);
    struct cpu_chain_step s[] = {{.what = CPU_CHAIN(MX_PRIM_subtract, 1), .other = &c, .scalar = true}, {.what = CPU_CHAIN(MX_PRIM_abs, 0)},
                                 {.what = CPU_CHAIN(MX_PRIM_multiply, 0), .other = b}};
    if (t) t->chain(100, b, a, s, 3, k % 2);
    for (int i = 0; t && i < 100; i++) CHECK(b[i] == (float)(2 * i * (i < 3 ? 3 - i : i - 3)));
  }
}

TEST(narrow_integers_and_products_are_summed_as_they_would_be_after_a_copy) {
  const enum mx_dtype narrow[] = {MX_BOOL, MX_UINT8, MX_INT8, MX_UINT16, MX_INT16};
  _Alignas(8) static uint8_t bytes[2 * CPU_REDUCE_BLOCK];
  static double x[CPU_REDUCE_BLOCK], y[CPU_REDUCE_BLOCK], xy[CPU_REDUCE_BLOCK];
  static float fx[CPU_REDUCE_BLOCK], fy[CPU_REDUCE_BLOCK], fxy[CPU_REDUCE_BLOCK];
  for (int k = 0; k < 4; k++) {
    const struct cpu_tile_table *t = cpu_tile_table_named(isas[k]);
    if (!t) continue;
    for (int64_t n = 1; n <= CPU_REDUCE_BLOCK; n += n < 70 ? 1 : 53) {
      for (int d = 0; d < 5; d++) {
        int64_t want = 0, size = (int64_t)mx_dtype_size(narrow[d]);
        int32_t sum;
        for (int64_t i = 0; i < n * size; i++) bytes[i] = (uint8_t)(narrow[d] == MX_BOOL ? random_word() % 2 : n % 7 ? random_word() % 256 : 255);
        for (int64_t i = 0; i < n; i++)
          want += narrow[d] == MX_INT8 ? (int8_t)bytes[i] : narrow[d] == MX_UINT16 ? ((uint16_t *)(void *)bytes)[i]
                : narrow[d] == MX_INT16 ? ((int16_t *)(void *)bytes)[i] : bytes[i];
        t->sum_narrow[narrow[d]](n, &sum, bytes);
        CHECK_INT(sum, want);
      }
      for (int64_t i = 0; i < n; i++) {
        x[i] = fx[i] = ((float)(random_word() % (1 << 20)) - 524288.0f) / 999.0f, y[i] = fy[i] = (float)(random_word() % (1 << 20)) / 777.0f;
        xy[i] = x[i] * y[i], fxy[i] = fx[i] * fy[i];
      }
      double got, want;
      float fgot, fwant;
      t->dot[MX_FLOAT64](n, &got, x, y);
      t->reduce_block[CPU_SUM][MX_FLOAT64](n, &want, xy);
      t->dot[MX_FLOAT32](n, &fgot, fx, fy);
      t->reduce_block[CPU_SUM][MX_FLOAT32](n, &fwant, fxy);
      CHECK(memcmp(&got, &want, sizeof got) == 0 && memcmp(&fgot, &fwant, sizeof fgot) == 0);
    }
  }
}
