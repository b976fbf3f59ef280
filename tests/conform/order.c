/* order.c: cases of scans, masks and searches. One case holds every scan: its results stand one after the other. */
#include "conform/conform.h"

#define EACH(i, n) for (int i = 0; i < (n); i++)

mx_array *build_scan(mx_build *b, mx_array *const *in) {
  mx_array *part[5] = {mx_cumsum(b, in[0], (int[]){0}, false, true), mx_cumprod(b, in[0], (int[]){1}, false, false),
                       mx_cummax(b, in[0], (int[]){1}, true, true), mx_cummin(b, in[0], (int[]){0}, false, true),
                       mx_cumprod(b, in[0], (int[]){1}, true, true)};
  return mx_concatenate(b, part, 5, 0);
}
void ref_scan(const double *const *x, double *y) {
  double *sum = y, *prod = y + 15, *most = y + 30, *least = y + 45, *back = y + 60;
  EACH(i, 3) EACH(j, 5) {
    double v = x[0][i * 5 + j];
    sum[i * 5 + j] = v + (i ? sum[i * 5 - 5 + j] : 0);
    least[i * 5 + j] = i ? fmin(v, least[i * 5 - 5 + j]) : v;
    prod[i * 5 + j] = j ? prod[i * 5 + j - 1] * x[0][i * 5 + j - 1] : 1;
  }
  EACH(i, 3) for (int j = 4; j >= 0; j--) {
    double v = x[0][i * 5 + j];
    most[i * 5 + j] = j < 4 ? fmax(v, most[i * 5 + j + 1]) : v;
    back[i * 5 + j] = j < 4 ? v * back[i * 5 + j + 1] : v;
  }
}

mx_array *build_masked_gather(mx_build *b, mx_array *const *in) { return mx_masked_gather(b, in[0], in[1], 12); }
void ref_masked_gather(const double *const *x, double *y) {
  EACH(i, 12) y[i] = 0;
  EACH(i, 12) if (x[1][i] != 0) *y++ = x[0][i];
}
mx_array *build_masked_scatter(mx_build *b, mx_array *const *in) { return mx_masked_scatter_rows(b, in[0], in[1], in[2]); }
void ref_masked_scatter(const double *const *x, double *y) {
  int k = 0;
  EACH(i, 12) {
    bool named = x[1][i] != 0;
    EACH(j, 2) y[2 * i + j] = named ? x[2][2 * k + j] : x[0][2 * i + j];
    k += named;
  }
}
mx_array *build_searchsorted(mx_build *b, mx_array *const *in) { return mx_searchsorted(b, mx_sort(b, in[0], (int[]){0}), in[1], false); }
void ref_searchsorted(const double *const *x, double *y) {
  EACH(i, 6) {
    y[i] = 0;
    EACH(j, 6) y[i] += x[0][j] < x[1][i];
  }
}

/* Rows this short are sorted whole, which is a partition too; long ones are tested in backend/cpu. */
mx_array *build_partition(mx_build *b, mx_array *const *in) { return mx_partition(b, in[0], 2, (int[]){1}); }
void ref_partition(const double *const *x, double *y) { ref_sort(x, y); }
mx_array *build_argpartition(mx_build *b, mx_array *const *in) { return mx_argpartition(b, in[0], -3, (int[]){1}); }
void ref_argpartition(const double *const *x, double *y) { ref_argsort(x, y); }
