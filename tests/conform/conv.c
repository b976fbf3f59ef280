/* conv.c: cases of convolutions: two groups, a stride, uneven padding and both dilations in one. */
#include "conform/conform.h"

#define EACH(i, n) for (int i = 0; i < (n); i++)

mx_array *build_conv(mx_build *b, mx_array *const *in) {
  static const int64_t two = 2, three = 3, lo = 1, hi = 4;
  return mx_conv_general(b, in[0], in[1], &(struct mx_conv){
      .stride = &three, .nstride = 1, .lo = &lo, .nlo = 1, .hi = &hi, .nhi = 1, .kernel_dilation = &three, .nkernel_dilation = 1,
      .input_dilation = &two, .ninput_dilation = 1, .groups = 2});
}
/* (9 + 1 + 4 - 7) / 3 + 1 = 3 places. */
void ref_conv(const double *const *x, double *y) {
  EACH(n, 2) EACH(m, 3) EACH(o, 6) {
    double sum = 0;
    EACH(k, 3) EACH(c, 2) {
      int at = 3 * m + 3 * k - 1;
      if (at >= 0 && at % 2 == 0 && at / 2 < 5) sum += x[0][(n * 5 + at / 2) * 4 + o / 3 * 2 + c] * x[1][(o * 3 + k) * 2 + c];
    }
    *y++ = sum;
  }
}
