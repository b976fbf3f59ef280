/* linalg.c: cases of linear algebra on small matrices. What depends on free signs is turned into what does not: Q R with the
 * signs of R's diagonal taken out, U S³ Vᵀ which is A Aᵀ A, V w² Vᵀ which is A². */
#include "conform/conform.h"
#include "ops/linalg.h"

#define EACH(i, n) for (int i = 0; i < (n); i++)
#define CASE(id) mx_array *build_##id(mx_build *b, mx_array *const *in)
#define REF(id) void ref_##id(const double *const *x, double *y)
enum { N = 3 };

/* x = a⁻¹ b by Gauss and Jordan, rows exchanged for the largest pivot. */
static void solved(const double *a, const double *rhs, int k, double *x) {
  double m[N][2 * N];
  EACH(i, N) EACH(j, N + k) m[i][j] = j < N ? a[i * N + j] : rhs[i * k + j - N];
  EACH(c, N) {
    int best = c;
    for (int i = c; i < N; i++)
      if (fabs(m[i][c]) > fabs(m[best][c])) best = i;
    EACH(j, N + k) {
      double swap = m[c][j];
      m[c][j] = m[best][j], m[best][j] = swap;
    }
    EACH(i, N) {
      double by = m[i][c] / m[c][c];
      EACH(j, N + k) if (i != c) m[i][j] -= by * m[c][j];
    }
  }
  EACH(i, N) EACH(j, k) x[i * k + j] = m[i][N + j] / m[i][i];
}
static double det3(const double *a) {
  return a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) + a[2] * (a[3] * a[7] - a[4] * a[6]);
}
/* a of N columns with `by` added on the diagonal: no layout of the walker's then makes it singular */
static void moved(const double *a, int rows, double by, double *out) {
  EACH(i, rows * N) out[i] = a[i] + (i / N == i % N ? by : 0);
}
static mx_array *plus_diagonal(mx_build *b, mx_array *a, double by) {
  return a ? mx_add(b, a, mx_multiply(b, mx_eye(b, mx_rows(a), mx_cols(a), 0, a->t.dtype), mx_scalar(b, by, a->t.dtype))) : NULL;
}
static mx_array *scaled_columns(mx_build *b, mx_array *a, mx_array *by) {
  return mx_multiply(b, a, mx_expand_dims(b, by, (int[]){-2}, 1));
}

CASE(cholesky) { return mx_linalg_cholesky(b, plus_diagonal(b, mx_matmul(b, in[0], mx_adjoint(b, in[0])), 4), false); }
REF(cholesky) {
  double s[N][N];
  EACH(i, N) EACH(j, N) {
    s[i][j] = i == j ? 4 : 0;
    EACH(k, N) s[i][j] += x[0][i * N + k] * x[0][j * N + k];
  }
  EACH(i, N) EACH(j, N) {
    double sum = s[i][j];
    EACH(k, i < j ? i : j) sum -= y[i * N + k] * y[j * N + k];
    y[i * N + j] = j > i ? 0 : j == i ? sqrt(sum) : sum / y[j * N + j];
  }
}
CASE(inverse) { return mx_linalg_inv(b, plus_diagonal(b, in[0], 9)); }
REF(inverse) {
  double a[N * N];
  static const double one[N * N] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  moved(x[0], N, 9, a);
  solved(a, one, N, y);
}
CASE(solve) { return mx_linalg_solve(b, plus_diagonal(b, in[0], 9), in[1]); }
REF(solve) {
  double a[N * N];
  moved(x[0], N, 9, a);
  solved(a, x[1], 2, y);
}
CASE(lu) {
  mx_array *out[2];
  mx_linalg_lu_factor(b, plus_diagonal(b, in[0], 9), out);
  return out[0];
}
REF(lu) {
  moved(x[0], 4, 9, y);
  EACH(c, 3) {
    int best = c;
    for (int i = c; i < 4; i++)
      if (fabs(y[i * 3 + c]) > fabs(y[best * 3 + c])) best = i;
    EACH(j, 3) {
      double swap = y[c * 3 + j];
      y[c * 3 + j] = y[best * 3 + j], y[best * 3 + j] = swap;
    }
    for (int i = c + 1; i < 4; i++) {
      y[i * 3 + c] /= y[c * 3 + c];
      for (int j = c + 1; j < 3; j++) y[i * 3 + j] -= y[i * 3 + c] * y[c * 3 + j];
    }
  }
}
CASE(qr) {
  mx_array *out[2];
  mx_linalg_qr(b, plus_diagonal(b, in[0], 9), out);
  if (!out[1]) return NULL;
  mx_array *sign = mx_sign(b, mx_diagonal(b, out[1], 0, -2, -1));
  mx_array *both[2] = {scaled_columns(b, out[0], sign), mx_multiply(b, out[1], mx_expand_dims(b, sign, (int[]){-1}, 1))};
  return mx_concatenate(b, both, 2, 0);
}
REF(qr) { /* Gram and Schmidt: q in y[0..11], r behind */
  double *q = y, *r = y + 12, a[12];
  moved(x[0], 4, 9, a);
  EACH(i, 12) q[i] = a[i];
  EACH(i, 9) r[i] = 0;
  EACH(c, 3) {
    EACH(k, c) {
      EACH(i, 4) r[k * 3 + c] += q[i * 3 + k] * a[i * 3 + c];
      EACH(i, 4) q[i * 3 + c] -= r[k * 3 + c] * q[i * 3 + k];
    }
    double size = 0;
    EACH(i, 4) size += q[i * 3 + c] * q[i * 3 + c];
    r[c * 3 + c] = sqrt(size);
    EACH(i, 4) q[i * 3 + c] /= r[c * 3 + c];
  }
}
CASE(svd) {
  mx_array *out[3];
  mx_linalg_svd(b, in[0], false, out);
  if (!out[1]) return NULL;
  mx_array *s3 = mx_multiply(b, out[1], mx_square(b, out[1]));
  return mx_matmul(b, scaled_columns(b, out[0], s3), mx_part(b, out[2], true, 0, 3));
}
REF(svd) {
  EACH(i, 3) EACH(j, 4) {
    y[i * 4 + j] = 0;
    EACH(k, 4) EACH(l, 3) y[i * 4 + j] += x[0][i * 4 + k] * x[0][l * 4 + k] * x[0][l * 4 + j];
  }
}
CASE(eigh) {
  mx_array *out[2], *a = mx_hermitian_part(b, in[0]);
  mx_linalg_eigh(b, a, "L", out);
  return out[0] ? mx_matmul(b, scaled_columns(b, out[1], mx_square(b, out[0])), mx_adjoint(b, out[1])) : NULL;
}
REF(eigh) {
  EACH(i, N) EACH(j, N) {
    double sum = 0;
    EACH(k, N) sum += (x[0][i * N + k] + x[0][k * N + i]) * (x[0][k * N + j] + x[0][j * N + k]) / 4;
    y[i * N + j] = sum;
  }
}
CASE(eig) {
  mx_array *out[2];
  mx_linalg_eig(b, in[0], out);
  if (!out[0]) return NULL;
  mx_array *v = out[1], *w2 = mx_square(b, out[0]);
  return mx_real(b, mx_matmul(b, scaled_columns(b, v, w2), mx_linalg_inv(b, v)));
}
REF(eig) {
  EACH(i, N) EACH(j, N) {
    y[i * N + j] = 0;
    EACH(k, N) y[i * N + j] += x[0][i * N + k] * x[0][k * N + j];
  }
}
CASE(pinv) { return mx_linalg_pinv(b, plus_diagonal(b, in[0], 9), NULL); }
REF(pinv) { /* (AᵀA)⁻¹ Aᵀ */
  double gram[N * N], at[N * 4], a[4 * N];
  moved(x[0], 4, 9, a);
  EACH(i, N) EACH(j, N) {
    gram[i * N + j] = 0;
    EACH(k, 4) gram[i * N + j] += a[k * N + i] * a[k * N + j];
  }
  EACH(i, N) EACH(k, 4) at[i * 4 + k] = a[k * N + i];
  EACH(k, 4) {
    double column[N], out[N];
    EACH(i, N) column[i] = at[i * 4 + k];
    solved(gram, column, 1, out);
    EACH(i, N) y[i * 4 + k] = out[i];
  }
}
CASE(det) { return mx_linalg_det(b, in[0]); }
REF(det) { *y = det3(x[0]); }
CASE(slogdet) {
  mx_array *out[2];
  mx_linalg_slogdet(b, plus_diagonal(b, in[0], 9), out);
  return mx_stack(b, out, 2, 0);
}
REF(slogdet) {
  double a[N * N];
  moved(x[0], N, 9, a);
  y[0] = det3(a) > 0 ? 1 : -1, y[1] = log(fabs(det3(a)));
}
CASE(adjugate) { return mx_apply1(b, &mx_prim_adjugate, in[0]); }
REF(adjugate) {
  EACH(i, N) EACH(j, N) {
    int r0 = (j + 1) % N, r1 = (j + 2) % N, c0 = (i + 1) % N, c1 = (i + 2) % N;
    y[i * N + j] = x[0][r0 * N + c0] * x[0][r1 * N + c1] - x[0][r0 * N + c1] * x[0][r1 * N + c0];
  }
}
