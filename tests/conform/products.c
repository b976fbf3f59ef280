/* products.c: cases of products of chosen matrices, of segments, and of the Hadamard transform. */
#include "conform/conform.h"

#define EACH(i, n) for (int i = 0; i < (n); i++)

mx_array *build_gather_mm(mx_build *b, mx_array *const *in) { return mx_gather_mm(b, in[0], in[1], in[2], in[3]); }
void ref_gather_mm(const double *const *x, double *y) {
  EACH(t, 5) EACH(i, 3) EACH(j, 2) {
    *y = 0;
    EACH(k, 4) *y += x[0][((int)x[2][t] * 3 + i) * 4 + k] * x[1][((int)x[3][t] * 4 + k) * 2 + j];
    y++;
  }
}
mx_array *build_segmented_mm(mx_build *b, mx_array *const *in) { return mx_segmented_mm(b, in[0], in[1], in[2]); }
void ref_segmented_mm(const double *const *x, double *y) {
  EACH(s, 4) EACH(i, 3) EACH(j, 2) {
    *y = 0;
    for (int k = (int)x[2][2 * s]; k < (int)x[2][2 * s + 1]; k++) *y += x[0][i * 6 + k] * x[1][k * 2 + j];
    y++;
  }
}
/* Blocks of 16: masks of the result's and of y's. */
mx_array *build_block_mm(mx_build *b, mx_array *const *in) { return mx_block_masked_mm(b, in[0], in[1], 16, in[2], NULL, in[3]); }
void ref_block_mm(const double *const *x, double *y) {
  EACH(i, 20) EACH(j, 17) {
    *y = 0;
    EACH(k, 18)
      if (x[2][i / 16 * 2 + j / 16] && x[3][k / 16 * 2 + j / 16]) *y += x[0][i * 18 + k] * x[1][k * 17 + j];
    y++;
  }
}
/* Sylvester's matrix: the sign is the parity of the ones that i and j share. */
mx_array *build_hadamard(mx_build *b, mx_array *const *in) { return mx_hadamard_transform(b, in[0], &(double){0.5}); }
void ref_hadamard(const double *const *x, double *y) {
  EACH(r, 3) EACH(j, 8) {
    *y = 0;
    EACH(i, 8) *y += 0.5 * (__builtin_parity((unsigned)(i & j)) ? -x[0][r * 8 + i] : x[0][r * 8 + i]);
    y++;
  }
}
