/* divisor.c: which constants one may divide by with their reciprocal in two parts (Brisebarre, Muller and Raina 2004).
 * hi is 1/c rounded towards 0, so that lo has its sign and zeros and infinities come out right.
 * x·hi + RN(x·lo) is within 2^-46·q of the quotient q. It can round to another float only where q is that near to a midpoint of
 * two floats. With x = X, c = C (24-bit integers, powers of two apart) a midpoint is M / 2^k, M odd of 25 bits, k = 24 where X >= C
 * and else 25: so near means |X·2^k - M·C| <= 8. For each such difference M is known modulo 2^k; the few that there are
 * are tried. */
#include "backend/cpu/divisor.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static uint32_t inverse(uint32_t odd) { /* modulo 2^32, by Newton's steps: 3, 6, 12 … bits */
  uint32_t y = odd;
  for (int i = 0; i < 5; i++) y *= 2 - odd * y;
  return y;
}

/* Is the quotient of x, by hi and lo, another one than x / c? */
static bool is_wrong(float x, float c, float hi, float lo) { return fmaf(x, hi, x * lo) != x / c; }

static bool any_wrong(uint32_t c, int k, float hi, float lo) {
  int zeros = __builtin_ctz(c);
  uint32_t odd = c >> zeros, unit = inverse(odd), step = 1u << (k - zeros); /* M is known modulo this */
  for (int64_t j = -8; j <= 8; j++) {
    if (j == 0 || j % (1 << zeros)) continue;
    uint32_t m = (unit * (uint32_t)(j / (1 << zeros))) & (step - 1);
    for (; m < 1u << 25; m += step) { /* M·C = X·2^k + j */
      if (m < 1u << 24) continue;
      int64_t x = ((int64_t)m * c - j) >> k;
      bool fits = x >= 1 << 23 && x < 1 << 24 && (x >= c) == (k == 24);
      if (fits && is_wrong((float)x, (float)c, hi, lo)) return true;
    }
  }
  return false;
}

bool cpu_divisor_split(float c, float *hi, float *lo) {
  float a = fabsf(c), sign = copysignf(1, c);
  if (!(a >= 0x1p-30f && a <= 0x1p30f)) return false;
  int exponent;
  float whole = ldexpf(frexpf(a, &exponent), 24), h = 1 / whole;
  if ((double)h * whole > 1) h = nextafterf(h, 0);
  float l = (float)((1 - (double)h * whole) / whole);
  *hi = sign * ldexpf(h, 24 - exponent);
  *lo = sign * ldexpf(l, 24 - exponent);
  return l > 0 && !any_wrong((uint32_t)whole, 24, h, l) && !any_wrong((uint32_t)whole, 25, h, l);
}
