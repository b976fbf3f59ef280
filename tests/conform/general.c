/* general.c: for each general primitive a call of it on the inputs that cases.def describes, and the same by plain loops.
 * In a reference x[i] are the inputs' values in row-major order, y takes the output's. */
#include "conform/conform.h"
#include "mlx/c/random.h"

#define EACH(i, n) for (int i = 0; i < (n); i++)
#define CASE(id) mx_array *build_##id(mx_build *b, mx_array *const *in)
#define REF(id) void ref_##id(const double *const *x, double *y)
#define AT (int64_t[])

CASE(select) { return mx_where(b, in[0], in[1], in[2]); }
REF(select) { EACH(i, 2) EACH(j, 3) *y++ = x[0][i * 3 + j] != 0 ? x[1][i * 3 + j] : x[2][j]; }
CASE(identity) { return mx_apply1(b, &mx_prim_identity, in[0]); }
REF(identity) { EACH(i, 6) *y++ = x[0][i]; }
CASE(stop_gradient) { return mx_stop_gradient(b, in[0]); }
REF(stop_gradient) { EACH(i, 6) *y++ = x[0][i]; }
CASE(reshape) { return mx_reshape(b, in[0], AT{4, -1}, 2); }
REF(reshape) { EACH(i, 24) *y++ = x[0][i]; }
CASE(expand_dims) { return mx_expand_dims(b, in[0], (int[]){0, 2}, 2); }
REF(expand_dims) { EACH(i, 6) *y++ = x[0][i]; }
CASE(squeeze) { return mx_squeeze(b, in[0], (int[]){1, 3}, 2); }
REF(squeeze) { EACH(i, 6) *y++ = x[0][i]; }
CASE(transpose) { return mx_transpose(b, in[0], (int[]){2, 0, 1}, 3); }
REF(transpose) { EACH(k, 4) EACH(i, 2) EACH(j, 3) *y++ = x[0][(i * 3 + j) * 4 + k]; }
CASE(broadcast) { return mx_broadcast_to(b, in[0], AT{2, 3, 4}, 3); }
REF(broadcast) { EACH(i, 2) EACH(j, 3) EACH(k, 4) *y++ = x[0][j]; }
CASE(slice) { return mx_slice(b, in[0], AT{1, 4}, AT{4, -6}, AT{1, -2}); }
REF(slice) { EACH(i, 3) EACH(j, 3) *y++ = x[0][(1 + i) * 5 + 4 - 2 * j]; }
CASE(as_strided) { return mx_as_strided(b, in[0], AT{4, 3}, AT{2, 1}, 2, 1); }
REF(as_strided) { EACH(i, 4) EACH(j, 3) *y++ = x[0][1 + 2 * i + j]; }
CASE(diagonal) { return mx_diagonal(b, in[0], -1, 1, 2); }
REF(diagonal) { EACH(i, 2) EACH(k, 3) *y++ = x[0][(i * 4 + 1 + k) * 5 + k]; }
CASE(view) { return mx_view(b, mx_view(b, in[0], MX_INT32), MX_FLOAT32); }
REF(view) { EACH(i, 6) *y++ = x[0][i]; }

CASE(sum) { return mx_sum(b, in[0], (int[]){0, 2}, 2, false); }
REF(sum) {
  EACH(j, 4) {
    y[j] = 0;
    EACH(i, 3) EACH(k, 5) y[j] += x[0][(i * 4 + j) * 5 + k];
  }
}
CASE(prod) { return mx_prod(b, in[0], (int[]){0}, 1, true); }
REF(prod) { EACH(j, 4) y[j] = x[0][j] * x[0][4 + j] * x[0][8 + j]; }
CASE(min) { return mx_min(b, in[0], (int[]){0, 2}, 2, false); }
REF(min) {
  EACH(j, 4) {
    y[j] = INFINITY;
    EACH(i, 3) EACH(k, 5) y[j] = fmin(y[j], x[0][(i * 4 + j) * 5 + k]);
  }
}
CASE(max) { return mx_max(b, in[0], (int[]){2}, 1, true); }
REF(max) {
  EACH(i, 12) {
    y[i] = -INFINITY;
    EACH(k, 5) y[i] = fmax(y[i], x[0][i * 5 + k]);
  }
}
CASE(all) { return mx_all(b, in[0], (int[]){1}, 1, false); }
REF(all) { EACH(i, 3) y[i] = x[0][i * 4] && x[0][i * 4 + 1] && x[0][i * 4 + 2] && x[0][i * 4 + 3]; }
CASE(any) { return mx_any(b, in[0], (int[]){0}, 1, false); }
REF(any) { EACH(j, 4) y[j] = x[0][j] || x[0][4 + j] || x[0][8 + j]; }
CASE(logsumexp) { return mx_logsumexp(b, in[0], (int[]){1}, 1, false); }
REF(logsumexp) { EACH(i, 3) y[i] = log(exp(x[0][4 * i]) + exp(x[0][4 * i + 1]) + exp(x[0][4 * i + 2]) + exp(x[0][4 * i + 3])); }
CASE(softmax) { return mx_softmax(b, in[0], (int[]){0}, 1, false); }
REF(softmax) { EACH(i, 3) EACH(j, 4) *y++ = exp(x[0][i * 4 + j]) / (exp(x[0][j]) + exp(x[0][4 + j]) + exp(x[0][8 + j])); }
CASE(argreduce) { return mx_argmax(b, in[0], (int[]){0}, false); }
REF(argreduce) {
  EACH(j, 4) {
    int best = 0;
    EACH(i, 3) if (x[0][i * 4 + j] > x[0][best * 4 + j]) best = i;
    y[j] = best;
  }
}

CASE(contiguous) { return mx_contiguous(b, mx_transpose(b, in[0], NULL, 0)); }
REF(contiguous) { EACH(j, 4) EACH(i, 3) *y++ = x[0][i * 4 + j]; }
CASE(concatenate) { return mx_concatenate(b, in, 3, 1); }
REF(concatenate) {
  EACH(i, 2) {
    EACH(j, 3) *y++ = x[0][i * 3 + j];
    EACH(j, 2) *y++ = x[1][i * 2 + j];
    *y++ = x[2][i];
  }
}
CASE(pad) { return mx_pad(b, in[0], (int[]){0, 1}, 2, AT{1, 0}, AT{0, 2}, in[1], MX_PAD_CONSTANT); }
REF(pad) { EACH(i, 3) EACH(j, 5) *y++ = i >= 1 && j < 3 ? x[0][(i - 1) * 3 + j] : x[1][0]; }
CASE(slice_update) { return mx_slice_update(b, in[0], in[1], AT{0, 3}, AT{4, 0}, AT{2, -1}, 0); }
REF(slice_update) {
  EACH(i, 20) y[i] = x[0][i];
  EACH(i, 2) EACH(j, 3) y[2 * i * 5 + 3 - j] = x[1][i * 3 + j];
}
static int clamp(double at, int most) { return (int)fmin(at, most); }
CASE(dynamic_slice) { return mx_dynamic_slice(b, in[0], in[1], (int[]){0, 1}, 2, AT{2, 3}); }
REF(dynamic_slice) { EACH(i, 2) EACH(j, 3) *y++ = x[0][(clamp(x[1][0], 2) + i) * 5 + clamp(x[1][1], 2) + j]; }
CASE(dynamic_slice_update) { return mx_dynamic_slice_update(b, in[0], in[1], in[2], (int[]){0, 1}, 2); }
REF(dynamic_slice_update) {
  EACH(i, 20) y[i] = x[0][i];
  EACH(i, 2) EACH(j, 3) y[(clamp(x[2][0], 2) + i) * 5 + clamp(x[2][1], 2) + j] = x[1][i * 3 + j];
}
CASE(gather) { return mx_gather(b, in[0], in + 1, 2, (int[]){0, 1}, AT{1, 3}); }
REF(gather) { EACH(n, 3) EACH(j, 3) *y++ = x[0][(int)x[1][n] * 5 + (int)x[2][n] + j]; }
CASE(scatter) { return mx_scatter(b, in[0], in + 1, 1, in[2], (int[]){0}, 1); }
REF(scatter) {
  EACH(i, 20) y[i] = x[0][i];
  EACH(n, 3) EACH(j, 5) y[(int)x[1][n] * 5 + j] += x[2][n * 5 + j];
}
CASE(gather_axis) { return mx_take_along_axis(b, in[0], in[1], (int[]){1}); }
REF(gather_axis) { EACH(i, 3) EACH(j, 2) *y++ = x[0][i * 4 + (int)x[1][i * 2 + j]]; }
CASE(scatter_axis) { return mx_scatter_add_axis(b, in[0], in[1], in[2], 1); }
REF(scatter_axis) {
  EACH(i, 12) y[i] = x[0][i];
  EACH(i, 3) EACH(j, 2) y[i * 4 + (int)x[1][i * 2 + j]] += x[2][i * 2 + j];
}
static void order(const double *row, int n, int *at) {
  EACH(i, n) at[i] = i;
  for (int i = 1; i < n; i++)
    for (int k = i; k > 0 && row[at[k - 1]] > row[at[k]]; k--) {
      int swap = at[k];
      at[k] = at[k - 1], at[k - 1] = swap;
    }
}
CASE(sort) { return mx_sort(b, in[0], (int[]){1}); }
REF(sort) {
  int at[5];
  EACH(i, 3) {
    order(x[0] + 5 * i, 5, at);
    EACH(j, 5) *y++ = x[0][5 * i + at[j]];
  }
}
CASE(argsort) { return mx_argsort(b, in[0], (int[]){1}); }
REF(argsort) {
  int at[5];
  EACH(i, 3) {
    order(x[0] + 5 * i, 5, at);
    EACH(j, 5) *y++ = at[j];
  }
}

/* The spectrum of the spectrum: 12 times the data, backwards. */
CASE(fft) { return mx_fft_fftn(b, mx_fft_fftn(b, in[0], NULL, 0, NULL, 0, MX_FFT_BACKWARD), NULL, 0, NULL, 0, MX_FFT_BACKWARD); }
REF(fft) { EACH(i, 2) EACH(j, 6) *y++ = 12 * x[0][(2 - i) % 2 * 6 + (6 - j) % 6]; }
CASE(matmul) { return mx_matmul(b, in[0], in[1]); }
REF(matmul) {
  EACH(n, 2) EACH(i, 3) EACH(j, 5) {
    *y = 0;
    EACH(k, 4) *y += x[0][(n * 3 + i) * 4 + k] * x[1][(n * 4 + k) * 5 + j];
    y++;
  }
}
CASE(addmm) { return mx_addmm(b, in[0], in[1], in[2], 0.5, 2); }
REF(addmm) {
  EACH(i, 3) EACH(j, 5) {
    double sum = 0;
    EACH(k, 4) sum += x[1][i * 4 + k] * x[2][k * 5 + j];
    *y++ = 0.5 * sum + 2 * x[0][i * 5 + j];
  }
}
CASE(arange) { return mx_arange(b, 2, 9, 2, in[0] ? in[0]->t.dtype : MX_FLOAT32); }
REF(arange) { EACH(i, 4) *y++ = 2 + 2 * i; }

/* Threefry-2x32, 20 rounds (Salmon, Moraes, Dror, Shaw 2011): two counters under two keys. */
static void threefry(uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t out[2]) {
  static const int turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  uint32_t ks[3] = {k0, k1, k0 ^ k1 ^ 0x1BD11BDAu}, a = c0 + ks[0], z = c1 + ks[1];
  EACH(i, 5) {
    EACH(r, 4) {
      int t = turns[i % 2][r];
      a += z;
      z = (z << t | z >> (32 - t)) ^ a;
    }
    a += ks[(i + 1) % 3];
    z += ks[(i + 2) % 3] + (uint32_t)i + 1;
  }
  out[0] = a, out[1] = z;
}
CASE(random_bits) { return mx_random_bits(b, AT{5}, 1, 4, in[0]); }
REF(random_bits) {
  uint32_t k0 = (uint32_t)x[0][0], k1 = (uint32_t)x[0][1], word[2];
  EACH(i, 2) {
    threefry(k0, k1, (uint32_t)i, (uint32_t)i + 3, word);
    y[i] = word[0], y[i + 3] = word[1];
  }
  threefry(k0, k1, 2, 0, word);
  y[2] = word[0];
}
CASE(split_key) { /* through the public function, with the two keys beside each other */
  mlx_array two[2] = {{NULL}, {NULL}};
  if (!in[0] || mlx_random_split(&two[0], &two[1], (mlx_array){in[0]}, (mlx_stream){NULL})) return NULL;
  mx_array *keys[2] = {mx_build_own(b, two[0].ctx), mx_build_own(b, two[1].ctx)};
  return mx_concatenate(b, keys, 2, 0);
}
REF(split_key) {
  uint32_t k0 = (uint32_t)x[0][0], k1 = (uint32_t)x[0][1], word[2];
  EACH(i, 2) {
    threefry(k0, k1, (uint32_t)i, (uint32_t)i + 2, word);
    y[i] = word[0], y[i + 2] = word[1];
  }
}
CASE(depends) {
  mx_array *out[1];
  mx_depends(b, in, 1, in + 1, 1, out);
  return out[0];
}
REF(depends) { EACH(i, 6) *y++ = x[0][i]; }
