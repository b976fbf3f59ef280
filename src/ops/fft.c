/* fft.c: discrete Fourier transforms along any axes.
 * Invariant: the primitive sees complex64 (float32 for a real transform), axes of their final sizes, and a real transform's own
 * axis as the last one; padding, casts, norms and the order of axes are settled by the builders. */
#include "ops/public.h"
#include "ops/rules.h"

#include <math.h>
#include <string.h>

/* ---- the primitive ---- */

static struct mx_fft_params params_of(const struct mx_call *c) { return *(const struct mx_fft_params *)c->p.head; }

static int infer_fft(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 1, -1, sizeof(struct mx_fft_params));
  if (status) return status;
  struct mx_fft_params p = params_of(c);
  const struct mx_tensor *a = &c->in[0]->t;
  char text[MX_SHAPE_TEXT];
  bool seen[MX_MAX_NDIM] = {false}, real = p.kind == MX_FFT_REAL, hermitian = p.kind == MX_FFT_HERMITIAN;
  if (p.kind < MX_FFT_COMPLEX || p.kind > MX_FFT_HERMITIAN || (real && p.inverse) || (hermitian && !p.inverse))
    return mx_fail(MX_EVALUE, "[fft] There is no transform of kind %d.", p.kind);
  if (a->dtype != (real ? MX_FLOAT32 : MX_COMPLEX64))
    return mx_fail(MX_ETYPE, "[fft] Expected %s but received %s.", real ? "float32" : "complex64", mx_dtype_name(a->dtype));
  bool good = c->p.nints > 0 && a->ndim > 0;
  for (int i = 0; i < c->p.nints && good; i++) {
    int64_t axis = c->p.ints[i];
    good = axis >= 0 && axis < a->ndim && !seen[axis] && a->shape[axis] > 0;
    if (good) seen[axis] = true;
  }
  int last = a->ndim - 1;
  if (good && p.kind != MX_FFT_COMPLEX) good = c->p.ints[c->p.nints - 1] == last;
  if (good && hermitian) good = p.n > 0 && a->shape[last] == p.n / 2 + 1;
  if (!good)
    return mx_fail(MX_EVALUE, "[fft] The axes do not fit an array of shape %s.", mx_shape_text(text, a->shape, a->ndim));
  *out = (struct mx_spec){.dtype = hermitian ? MX_FLOAT32 : MX_COMPLEX64, .ndim = a->ndim};
  memcpy(out->shape, a->shape, (size_t)a->ndim * sizeof *a->shape);
  if (real) out->shape[last] = a->shape[last] / 2 + 1;
  if (hermitian) out->shape[last] = p.n;
  return MX_OK;
}

static mx_array *transform(mx_build *b, mx_array *a, struct mx_fft_params head, const int64_t *axes, int n) {
  return mx_apply(b, &mx_prim_fft, &a, 1, &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = axes, .nints = n});
}

/* Times `middle` along the last axis, but for its first element and, for even n, its last: those stand alone in the spectrum
 * of n reals, each other one also for its conjugate. */
static mx_array *weigh(mx_build *b, mx_array *a, int64_t n, double middle) {
  if (!a) return NULL;
  int64_t count = n / 2 + 1;
  mx_array *k = mx_arange(b, 0, (double)count, 1, MX_INT64), *alone = mx_equal(b, k, mx_scalar(b, 0, MX_INT64));
  if (n % 2 == 0) alone = mx_logical_or(b, alone, mx_equal(b, k, mx_scalar(b, (double)count - 1, MX_INT64)));
  return mx_multiply(b, a, mx_where(b, alone, mx_scalar(b, 1, MX_COMPLEX64), mx_scalar(b, middle, MX_COMPLEX64)));
}

/* Each kind is linear over the reals. J^H of the complex one is the one with the other sign; of REAL, which keeps half of the
 * spectrum, Re sum_k g_k exp(+…) over that half: HERMITIAN of g with the middle halved; and the other way round. */
static void fft_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!wanted[0] || !cot[0]) return;
  struct mx_fft_params p = params_of(c), back = {p.kind, !p.inverse, p.scale, 0};
  const struct mx_tensor *a = &c->in[0]->t;
  int64_t n = p.kind == MX_FFT_REAL ? a->shape[a->ndim - 1] : p.n;
  mx_array *g = cot[0];
  if (p.kind == MX_FFT_REAL) back.kind = MX_FFT_HERMITIAN, back.n = n, g = weigh(b, g, n, 0.5);
  if (p.kind == MX_FFT_HERMITIAN) back.kind = MX_FFT_REAL;
  grads[0] = transform(b, g, back, c->p.ints, c->p.nints);
  if (p.kind == MX_FFT_HERMITIAN) grads[0] = weigh(b, grads[0], n, 2);
}
static void fft_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t axes[MX_MAX_NDIM];
  for (int i = 0; i < c->p.nints; i++) axes[i] = c->p.ints[i] + 1;
  out[0] = transform(b, mx_batch_first(b, in[0], axis[0], 1), params_of(c), axes, c->p.nints);
  out_axis[0] = 0;
}
const struct mx_prim mx_prim_fft = {
    .id = MX_PRIM_fft, .name = "FFT", .kind = MX_GENERAL, .linear = true, .infer = infer_fft, .vjp = fft_vjp, .vmap = fft_vmap};

/* ---- builders ---- */

struct axes {
  int n;
  int at[MX_MAX_NDIM];
  int64_t size[MX_MAX_NDIM]; /* of the transform: that of the reals where one side is real */
};

/* Axes in the caller's order, and the sizes along them. Without axes: the last ns, or all. */
static bool settle(mx_build *b, const char *op, const mx_array *a, const int64_t *s, int ns, const int *axes, int naxes, bool hermitian,
                   struct axes *out) {
  char text[MX_SHAPE_TEXT];
  if (!a || b->status) return false;
  if (a->t.ndim == 0) return mx_build_fail(b, MX_EVALUE, "[%s] Requires array with at least one dimension.", op), false;
  out->n = axes ? naxes : s ? ns : a->t.ndim;
  if (s && ns != out->n)
    return mx_build_fail(b, MX_EVALUE, "[%s] Shape and axes have different sizes: %d and %d.", op, ns, out->n), false;
  if (out->n > (axes ? MX_MAX_NDIM : a->t.ndim))
    return mx_build_fail(b, MX_EVALUE, "[%s] %d axes for an array of shape %s.", op, out->n, mx_shape_text(text, a->t.shape, a->t.ndim)), false;
  bool seen[MX_MAX_NDIM] = {false};
  for (int i = 0; i < out->n; i++) {
    if (!mx_axis_of(b, op, axes ? axes[i] : i - out->n, a->t.ndim, &out->at[i])) return false;
    if (seen[out->at[i]]) return mx_build_fail(b, MX_EVALUE, "[%s] Axis %d is given twice.", op, axes[i]), false;
    seen[out->at[i]] = true;
    int64_t have = a->t.shape[out->at[i]];
    out->size[i] = s ? s[i] : hermitian && i == out->n - 1 ? 2 * (have - 1) : have;
    if (out->size[i] <= 0)
      return mx_build_fail(b, MX_EVALUE, "[%s] Invalid FFT output size requested (%lld) along axis %d of an array of shape %s.", op,
                           (long long)out->size[i], out->at[i], mx_shape_text(text, a->t.shape, a->t.ndim)), false;
  }
  return true;
}

/* a cut or padded with zeros to the sizes of the transform. */
static mx_array *fit(mx_build *b, mx_array *a, const struct axes *x, bool hermitian) {
  int64_t start[MX_MAX_NDIM] = {0}, stop[MX_MAX_NDIM], step[MX_MAX_NDIM], none[MX_MAX_NDIM] = {0}, more[MX_MAX_NDIM] = {0};
  if (!a) return NULL;
  for (int d = 0; d < a->t.ndim; d++) stop[d] = a->t.shape[d], step[d] = 1;
  for (int i = 0; i < x->n; i++) {
    int64_t want = hermitian && i == x->n - 1 ? x->size[i] / 2 + 1 : x->size[i], have = a->t.shape[x->at[i]];
    if (want < have) stop[x->at[i]] = want;
    else more[i] = want - have;
  }
  a = mx_slice(b, a, start, stop, step);
  return a ? mx_pad(b, a, x->at, x->n, none, more, mx_scalar(b, 0, a->t.dtype), MX_PAD_CONSTANT) : NULL;
}

static double factor_of(const struct axes *x, enum mx_fft_norm norm, bool inverse) {
  double size = 1;
  for (int i = 0; i < x->n; i++) size *= (double)x->size[i];
  if (norm == MX_FFT_ORTHO) return 1 / sqrt(size);
  return (norm == MX_FFT_FORWARD) != inverse ? 1 / size : 1;
}

static mx_array *build(mx_build *b, const char *op, enum mx_fft_kind kind, bool inverse, mx_array *a, const int64_t *s, int ns, const int *axes,
                       int naxes, enum mx_fft_norm norm) {
  struct axes x;
  bool hermitian = kind == MX_FFT_HERMITIAN;
  if (!settle(b, op, a, s, ns, axes, naxes, hermitian, &x)) return NULL;
  if (x.n == 0) return a;
  a = fit(b, mx_astype(b, a, kind == MX_FFT_REAL ? MX_FLOAT32 : MX_COMPLEX64), &x, hermitian);
  if (!a) return NULL;
  int own = x.at[x.n - 1], last = a->t.ndim - 1;
  int64_t at[MX_MAX_NDIM];
  struct mx_fft_params head = {(int32_t)kind, inverse, factor_of(&x, norm, inverse), hermitian ? x.size[x.n - 1] : 0};
  bool moves = kind != MX_FFT_COMPLEX && own != last;
  for (int i = 0; i < x.n; i++) at[i] = x.at[i] - (moves && x.at[i] > own);
  if (moves) {
    at[x.n - 1] = last;
    a = mx_moveaxis(b, a, own, -1);
  }
  a = transform(b, a, head, at, x.n);
  return moves && a ? mx_moveaxis(b, a, -1, own) : a;
}

#define BUILDER(name, kind, inverse)                                                                                     \
  mx_array *mx_fft_##name(mx_build *b, mx_array *a, const int64_t *s, int ns, const int *axes, int naxes, enum mx_fft_norm norm) { \
    return build(b, #name, kind, inverse, a, s, ns, axes, naxes, norm);                                                  \
  }
BUILDER(fftn, MX_FFT_COMPLEX, false)
BUILDER(ifftn, MX_FFT_COMPLEX, true)
BUILDER(rfftn, MX_FFT_REAL, false)
BUILDER(irfftn, MX_FFT_HERMITIAN, true)

/* ---- frequencies and shifts ---- */

static bool check_spacing(mx_build *b, const char *op, int64_t n, double d, enum mx_dtype dtype) {
  if (n <= 0) return mx_build_fail(b, MX_EVALUE, "[%s] `n` must be greater than 0, not %lld.", op, (long long)n), false;
  if (d == 0) return mx_build_fail(b, MX_EVALUE, "[%s] `d` must be non-zero.", op), false;
  if (!mx_dtype_is_inexact(dtype) || mx_dtype_is_complex(dtype))
    return mx_build_fail(b, MX_EVALUE, "[%s] dtype must be a real floating one, not %s.", op, mx_dtype_name(dtype)), false;
  return true;
}
static mx_array *frequencies(mx_build *b, mx_array *k, int64_t n, double d, enum mx_dtype dtype) {
  return mx_astype(b, mx_multiply(b, k, mx_scalar(b, 1 / ((double)n * d), MX_FLOAT64)), dtype);
}
mx_array *mx_fft_fftfreq(mx_build *b, int64_t n, double d, enum mx_dtype dtype) {
  if (!check_spacing(b, "fftfreq", n, d, dtype)) return NULL;
  double half = (double)(n / 2);
  mx_array *parts[2] = {mx_arange(b, 0, (double)n - half, 1, MX_FLOAT64), mx_arange(b, -half, 0, 1, MX_FLOAT64)};
  return frequencies(b, mx_concatenate(b, parts, 2, 0), n, d, dtype);
}
mx_array *mx_fft_rfftfreq(mx_build *b, int64_t n, double d, enum mx_dtype dtype) {
  if (!check_spacing(b, "rfftfreq", n, d, dtype)) return NULL;
  return frequencies(b, mx_arange(b, 0, (double)(n / 2 + 1), 1, MX_FLOAT64), n, d, dtype);
}

static mx_array *shifted(mx_build *b, const char *op, mx_array *a, const int *axes, int naxes, bool inverse) {
  if (!a) return NULL;
  int n = axes ? naxes : a->t.ndim;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!mx_axis_of(b, op, axes ? axes[i] : i, a->t.ndim, &axis)) return NULL;
    int64_t half = a->t.shape[axis] / 2, by = inverse ? -half : half;
    if (!(a = mx_roll(b, a, &by, 1, &axis, 1))) return NULL;
  }
  return a;
}
mx_array *mx_fft_fftshift(mx_build *b, mx_array *a, const int *axes, int n) { return shifted(b, "fftshift", a, axes, n, false); }
mx_array *mx_fft_ifftshift(mx_build *b, mx_array *a, const int *axes, int n) { return shifted(b, "ifftshift", a, axes, n, true); }

/* ---- public functions ---- */

enum mx_fft_norm mx_public_fft_norm(mx_build *b, mlx_fft_norm norm) {
  if (norm == MLX_FFT_NORM_BACKWARD) return MX_FFT_BACKWARD;
  if (norm == MLX_FFT_NORM_ORTHO) return MX_FFT_ORTHO;
  if (norm == MLX_FFT_NORM_FORWARD) return MX_FFT_FORWARD;
  mx_build_fail(b, MX_EVALUE, "[fft] There is no norm %d.", (int)norm);
  return MX_FFT_BACKWARD;
}

/* A list of sizes that is not given (NULL) stands for the sizes of the array, one of axes for all. */
#define SIZES n ? MX_WIDE(n) : NULL, (int)n_num
#define MANY(name, builder)                                                                                              \
  MX_PUBLIC(fft_##name, mx_fft_##builder(b, a.ctx, SIZES, axes, (int)axes_num, mx_public_fft_norm(b, norm)), const mlx_array a, const int *n, \
            size_t n_num, const int *axes, size_t axes_num, mlx_fft_norm norm)
#define ONE(name, builder)                                                                                               \
  MX_PUBLIC(fft_##name, mx_fft_##builder(b, a.ctx, (int64_t[]){n}, 1, &axis, 1, mx_public_fft_norm(b, norm)), const mlx_array a, int n, \
            int axis, mlx_fft_norm norm)
MANY(fftn, fftn) MANY(ifftn, ifftn) MANY(rfftn, rfftn) MANY(irfftn, irfftn)
MANY(fft2, fftn) MANY(ifft2, ifftn) MANY(rfft2, rfftn) MANY(irfft2, irfftn)
ONE(fft, fftn) ONE(ifft, ifftn) ONE(rfft, rfftn) ONE(irfft, irfftn)

MX_PUBLIC(fft_fftshift, mx_fft_fftshift(b, a.ctx, axes, (int)axes_num), const mlx_array a, const int *axes, size_t axes_num)
MX_PUBLIC(fft_ifftshift, mx_fft_ifftshift(b, a.ctx, axes, (int)axes_num), const mlx_array a, const int *axes, size_t axes_num)
MX_PUBLIC(fft_fftfreq, mx_fft_fftfreq(b, n, d, MX_FLOAT32), int n, double d)
MX_PUBLIC(fft_rfftfreq, mx_fft_rfftfreq(b, n, d, MX_FLOAT32), int n, double d)
MX_PUBLIC(ravel_fftfreq, (real ? mx_fft_rfftfreq : mx_fft_fftfreq)(b, n, d, (enum mx_dtype)dtype), bool real, int64_t n, double d, mlx_dtype dtype)
