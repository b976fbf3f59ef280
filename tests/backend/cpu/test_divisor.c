/* test_divisor.c: every quotient by a constant that may be split is that of a division. */
#include "backend/cpu/divisor.h"
#include "test.h"

#include <math.h>

static float quotient(float x, float hi, float lo) { return fmaf(x, hi, x * lo); }

TEST(quotients_by_accepted_constants_are_those_of_divisions_for_every_significand) {
  static const float divisors[] = {3, -7, 1.4142135f, 0.1f, 10, 255, 1e-5f, 3.1415927f, 0x1.fffffep0f, 0x1.000002p0f};
  for (int k = 0; k < 10; k++) {
    float hi, lo, c = divisors[k];
    if (!cpu_divisor_split(c, &hi, &lo)) continue;
    int64_t wrong = 0;
    for (int32_t m = 1 << 23; m < 1 << 24; m++) wrong += quotient((float)m, hi, lo) != (float)m / c;
    CHECK_INT(wrong, 0);
    CHECK(quotient(0x1.234567p-64f, hi, lo) == 0x1.234567p-64f / c);
    CHECK(quotient(-0x1.fffffep127f, hi, lo) == -0x1.fffffep127f / c);
    CHECK(quotient(INFINITY, hi, lo) == INFINITY / c);
    CHECK(signbit(quotient(0, hi, lo)) == signbit(0 / c) && signbit(quotient(-0.0f, hi, lo)) == signbit(-0.0f / c));
    CHECK(isnan(quotient(NAN, hi, lo)));
  }
}

TEST(most_constants_are_accepted_and_no_refused_one_is_without_reason) {
  uint32_t state = 1;
  int accepted = 0, tried = 300;
  for (int k = 0; k < tried; k++) {
    state = state * 1664525u + 1013904223u;
    float c = (float)(0x800000 | state >> 9), hi, lo;
    if (cpu_divisor_split(c, &hi, &lo)) {
      accepted++;
    } else {
      bool wrong = frexpf(c, &(int){0}) == 0.5f;
      for (int32_t m = 1 << 23; m < 1 << 24 && !wrong; m++) wrong = quotient((float)m, hi, lo) != (float)m / c;
      CHECK(wrong);
    }
  }
  CHECK(accepted > tried * 9 / 10);
  float hi, lo;
  CHECK(cpu_divisor_split(1.41421356f, &hi, &lo));
  CHECK(!cpu_divisor_split(0, &hi, &lo));
  CHECK(!cpu_divisor_split(4, &hi, &lo));
  CHECK(!cpu_divisor_split(NAN, &hi, &lo));
  CHECK(!cpu_divisor_split(INFINITY, &hi, &lo));
  CHECK(!cpu_divisor_split(0x1p-40f, &hi, &lo));
}
