/* stft.c: windows, and transforms of overlapping frames.
 * Invariant: windows are computed in float64 and rounded once; frames are a strided view, summed back by position. */
#include "ops/public.h"
#include "ops/rules.h"

#include <math.h>
#include <string.h>

/* ---- windows of m points ---- */

/* 1 - m, 3 - m, …, m - 1: twice the distance from the middle. */
static mx_array *from_middle(mx_build *b, int64_t m) {
  return m < 1 ? mx_zeros(b, (int64_t[]){0}, 1, MX_FLOAT64) : mx_arange(b, 1 - (double)m, (double)m, 2, MX_FLOAT64);
}
static mx_array *f64(mx_build *b, double x) { return mx_scalar(b, x, MX_FLOAT64); }
static mx_array *window_done(mx_build *b, int64_t m, mx_array *w) {
  return m == 1 ? mx_ones(b, (int64_t[]){1}, 1, MX_FLOAT32) : mx_astype(b, w, MX_FLOAT32);
}
/* cos(turns pi t / (m - 1)) */
static mx_array *wave(mx_build *b, int64_t m, double turns) {
  return mx_cos(b, mx_multiply(b, from_middle(b, m), f64(b, turns * M_PI / (m > 1 ? (double)m - 1 : 1))));
}
/* 1 - |2 k / (m - 1) - 1| */
mx_array *mx_bartlett(mx_build *b, int64_t m) {
  mx_array *far = mx_divide(b, mx_abs(b, from_middle(b, m)), f64(b, m > 1 ? (double)m - 1 : 1));
  return window_done(b, m, mx_subtract(b, f64(b, 1), far));
}
/* a - (1 - a) cos(2 pi k / (m - 1)), written about the middle, where the sign turns: symmetric to the last bit. */
static mx_array *raised_cosine(mx_build *b, int64_t m, double a) {
  return window_done(b, m, mx_add(b, f64(b, a), mx_multiply(b, f64(b, 1 - a), wave(b, m, 1))));
}
mx_array *mx_hanning(mx_build *b, int64_t m) { return raised_cosine(b, m, 0.5); }
mx_array *mx_hamming(mx_build *b, int64_t m) { return raised_cosine(b, m, 0.54); }
/* 0.42 - 0.5 cos(2 pi k / (m - 1)) + 0.08 cos(4 pi k / (m - 1)) */
mx_array *mx_blackman(mx_build *b, int64_t m) {
  mx_array *one = mx_multiply(b, f64(b, 0.5), wave(b, m, 1)), *two = mx_multiply(b, f64(b, 0.08), wave(b, m, 2));
  return window_done(b, m, mx_add(b, mx_add(b, f64(b, 0.42), one), two));
}

/* ---- frames ---- */

struct frames {
  int64_t n_fft, hop;
  mx_array *window; /* n_fft floats; NULL: ones */
};
/* The window, centred in n_fft points. */
static bool settle(mx_build *b, const char *op, const struct mx_stft *p, int64_t n_fft, struct frames *f) {
  if (n_fft <= 0) return mx_build_fail(b, MX_EVALUE, "[%s] n_fft must be positive, not %lld.", op, (long long)n_fft), false;
  f->n_fft = n_fft;
  f->hop = p->hop_length == -1 ? n_fft / 4 : p->hop_length;
  if (f->hop <= 0) return mx_build_fail(b, MX_EVALUE, "[%s] hop_length must be positive, not %lld.", op, (long long)f->hop), false;
  int64_t length = p->win_length == -1 ? n_fft : p->win_length;
  mx_array *w = p->window;
  if (w && w->t.ndim != 1)
    return mx_build_fail(b, MX_EVALUE, "[%s] window must be a one-dimensional array, not one of %d dimensions.", op, w->t.ndim), false;
  if (w && w->t.dtype == MX_COMPLEX64) return mx_build_fail(b, MX_EVALUE, "[%s] window must be real, not complex64.", op), false;
  if (w) length = w->t.shape[0];
  if (length <= 0) return mx_build_fail(b, MX_EVALUE, "[%s] win_length must be positive, not %lld.", op, (long long)length), false;
  if (length > n_fft)
    return mx_build_fail(b, MX_EVALUE, "[%s] window length must not exceed n_fft: %lld and %lld.", op, (long long)length, (long long)n_fft), false;
  f->window = w ? mx_astype(b, w, MX_FLOAT32) : length < n_fft ? mx_ones(b, &length, 1, MX_FLOAT32) : NULL;
  if (f->window && length < n_fft) {
    int64_t low = (n_fft - length) / 2, high = n_fft - length - low;
    f->window = mx_pad(b, f->window, (int[]){0}, 1, &low, &high, mx_scalar(b, 0, MX_FLOAT32), MX_PAD_CONSTANT);
  }
  return !b->status;
}
static mx_array *windowed(mx_build *b, mx_array *frames, const struct frames *f) {
  return f->window ? mx_multiply(b, frames, f->window) : frames;
}

/* (…, length) -> (…, count, n_fft), hop apart. */
static mx_array *framed(mx_build *b, mx_array *x, const struct frames *f) {
  int64_t shape[MX_MAX_NDIM + 1], strides[MX_MAX_NDIM + 1], step = 1;
  if (!x) return NULL;
  int last = x->t.ndim - 1;
  if (x->t.ndim == MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[stft] The result would have more than %d dimensions.", MX_MAX_NDIM);
  int64_t length = x->t.shape[last];
  if (length < f->n_fft)
    return mx_build_fail(b, MX_EVALUE, "[stft] Input is too short for the given n_fft: %lld samples, n_fft is %lld.", (long long)length,
                         (long long)f->n_fft);
  for (int d = last; d >= 0; d--) shape[d] = x->t.shape[d], strides[d] = step, step = mx_times(step, x->t.shape[d]);
  shape[last] = (length - f->n_fft) / f->hop + 1, strides[last] = f->hop;
  shape[last + 1] = f->n_fft, strides[last + 1] = 1;
  return mx_as_strided(b, x, shape, strides, last + 2, 0);
}

mx_array *mx_stft(mx_build *b, mx_array *x, const struct mx_stft *p) {
  struct frames f;
  if (!x) return NULL;
  if (x->t.ndim < 1) return mx_build_fail(b, MX_EVALUE, "[stft] Input must have at least one dimension.");
  if (!settle(b, "stft", p, p->n_fft, &f)) return NULL;
  bool complex = x->t.dtype == MX_COMPLEX64, onesided = p->onesided == -1 ? !complex : p->onesided;
  if (complex && onesided) return mx_build_fail(b, MX_EVALUE, "[stft] onesided needs a real input, not complex64.");
  x = complex ? x : mx_astype(b, x, MX_FLOAT32);
  if (p->center) {
    int axis = -1;
    int64_t half = f.n_fft / 2;
    if (x && x->t.shape[x->t.ndim - 1] == 0) return mx_build_fail(b, MX_EVALUE, "[stft] Input is too short: it has no samples.");
    x = x ? mx_pad(b, x, &axis, 1, &half, &half, mx_scalar(b, 0, x->t.dtype), p->pad_mode) : NULL;
  }
  int axis = -1;
  mx_array *frames = windowed(b, framed(b, x, &f), &f);
  mx_array *y = onesided ? mx_fft_rfftn(b, frames, NULL, 0, &axis, 1, p->norm) : mx_fft_fftn(b, frames, NULL, 0, &axis, 1, p->norm);
  return mx_swapaxes(b, y, -1, -2);
}

/* Frames (…, count, n) added up where they lie: (…, n + hop (count - 1)). Cut into k = ceil(n / hop) pieces of hop samples and
 * with k - 1 empty frames before and after, line i of the result is the sum of piece j of frame i + k - 1 - j. */
static mx_array *overlapped(mx_build *b, mx_array *frames, int64_t hop) {
  int64_t from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], by[MX_MAX_NDIM];
  if (!frames) return NULL;
  int last = frames->t.ndim - 1, axes[2] = {last - 1, last};
  int64_t count = frames->t.shape[last - 1], n = frames->t.shape[last], k = (n + hop - 1) / hop;
  int64_t low[2] = {k - 1, 0}, high[2] = {k - 1, k * hop - n};
  frames = mx_pad(b, frames, axes, 2, low, high, mx_scalar(b, 0, frames->t.dtype), MX_PAD_CONSTANT);
  if (!frames) return NULL;
  for (int d = 0; d <= last; d++) to[d] = frames->t.shape[d], by[d] = 1;
  mx_array *sum = NULL;
  for (int64_t j = 0; j < k && !b->status; j++) {
    from[last - 1] = k - 1 - j, to[last - 1] = from[last - 1] + count + k - 1;
    from[last] = j * hop, to[last] = from[last] + hop;
    mx_array *piece = mx_slice(b, frames, from, to, by);
    sum = sum ? mx_add(b, sum, piece) : piece;
  }
  sum = mx_flatten(b, sum, -2, -1);
  int64_t size = n + hop * (count - 1);
  for (int d = 0; d < last; d++) from[d] = 0, to[d] = frames->t.shape[d];
  to[last - 1] = size;
  return mx_slice(b, sum, from, to, by);
}
/* The sum of the frames over that of the squared window, where it is not too small to divide by. */
static mx_array *normalized(mx_build *b, mx_array *frames, const struct frames *f) {
  if (!frames) return NULL;
  int64_t count = frames->t.shape[frames->t.ndim - 2];
  mx_array *w = f->window ? mx_square(b, f->window) : mx_ones(b, (int64_t[]){f->n_fft}, 1, MX_FLOAT32);
  mx_array *envelope = overlapped(b, mx_broadcast_to(b, w, (int64_t[]){count, f->n_fft}, 2), f->hop);
  return mx_divide(b, overlapped(b, windowed(b, frames, f), f->hop), mx_maximum(b, envelope, mx_scalar(b, 1e-8, MX_FLOAT32)));
}
/* `length` samples of the last axis from `start` on, zeros past its end. */
static mx_array *cut(mx_build *b, mx_array *x, int64_t start, int64_t length) {
  int64_t from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], by[MX_MAX_NDIM], none = 0;
  if (!x) return NULL;
  int last = x->t.ndim - 1;
  for (int d = 0; d <= last; d++) to[d] = x->t.shape[d], by[d] = 1;
  int64_t have = x->t.shape[last] - start, more = length > have ? length - have : 0;
  from[last] = start, to[last] = start + length - more;
  return mx_pad(b, mx_slice(b, x, from, to, by), &last, 1, &none, &more, mx_scalar(b, 0, x->t.dtype), MX_PAD_CONSTANT);
}

mx_array *mx_istft(mx_build *b, mx_array *a, const struct mx_stft *p) {
  struct frames f;
  char text[MX_SHAPE_TEXT];
  if (!a) return NULL;
  if (a->t.ndim < 2)
    return mx_build_fail(b, MX_EVALUE, "[istft] Input must have at least two dimensions (freq, frames), not shape %s.",
                         mx_shape_text(text, a->t.shape, a->t.ndim));
  bool onesided = p->onesided != 0;
  int64_t freq = a->t.shape[a->t.ndim - 2], count = a->t.shape[a->t.ndim - 1];
  int64_t n_fft = p->n_fft != -1 ? p->n_fft : onesided ? 2 * (freq - 1) : freq;
  if (!settle(b, "istft", p, n_fft, &f)) return NULL;
  if (freq != (onesided ? n_fft / 2 + 1 : n_fft))
    return mx_build_fail(b, MX_EVALUE, "[istft] n_fft is %lld, but stft_matrix of shape %s has %lld frequencies.", (long long)n_fft,
                         mx_shape_text(text, a->t.shape, a->t.ndim), (long long)freq);
  if (count == 0) return mx_build_fail(b, MX_EVALUE, "[istft] stft_matrix has no frames.");
  if (p->length < -1) return mx_build_fail(b, MX_EVALUE, "[istft] length must not be negative, but is %lld.", (long long)p->length);
  if ((double)f.hop * (double)count > 0x1p53) return mx_build_fail(b, MX_EVALUE, "[istft] hop_length %lld is too large.", (long long)f.hop);
  int axis = -1;
  a = mx_swapaxes(b, a, -1, -2);
  mx_array *frames = onesided ? mx_fft_irfftn(b, a, &n_fft, 1, &axis, 1, p->norm) : mx_real(b, mx_fft_ifftn(b, a, NULL, 0, &axis, 1, p->norm));
  int64_t half = p->center ? n_fft / 2 : 0, whole = n_fft + f.hop * (count - 1);
  return cut(b, normalized(b, frames, &f), half, p->length == -1 ? whole - 2 * half : p->length);
}

/* ---- public functions ---- */

MX_PUBLIC(bartlett, mx_bartlett(b, M), int M)
MX_PUBLIC(blackman, mx_blackman(b, M), int M)
MX_PUBLIC(hamming, mx_hamming(b, M), int M)
MX_PUBLIC(hanning, mx_hanning(b, M), int M)

static struct mx_stft stft_of(mx_build *b, const struct mlx_ravel_stft_ *o) {
  struct mx_stft p = {.n_fft = o->n_fft, .hop_length = o->hop_length, .win_length = o->win_length, .window = o->window.ctx, .center = o->center,
                      .onesided = o->onesided, .length = o->length};
  p.norm = mx_public_fft_norm(b, o->norm);
  p.pad_mode = o->center && o->pad_mode ? mx_public_pad_mode(b, "stft", o->pad_mode) : MX_PAD_REFLECT;
  return p;
}
MX_PUBLIC(ravel_stft, mx_stft(b, x.ctx, (struct mx_stft[]){stft_of(b, options)}), const mlx_array x, const mlx_ravel_stft_options *options)
MX_PUBLIC(ravel_istft, mx_istft(b, stft_matrix.ctx, (struct mx_stft[]){stft_of(b, options)}), const mlx_array stft_matrix,
          const mlx_ravel_stft_options *options)
