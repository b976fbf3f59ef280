/* fft.h: discrete Fourier transforms. X_k = scale * sum_j x_j exp(-2 pi i jk / n), with + in the inverses.
 * Results are complex64, those of irfft* float32. Lists of sizes (n) and axes are as long as each other; n NULL stands for the
 * sizes of the array (the last one for irfft*: 2 * (size - 1)), axes NULL for the last n_num, or all. */
#ifndef MLX_FFT_H
#define MLX_FFT_H

#include "mlx/c/array.h"
#include "mlx/c/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the factor 1 / (product of the sizes) goes: into the inverse, its root into both, into the forward transform. */
typedef enum mlx_fft_norm_ {
  MLX_FFT_NORM_BACKWARD,
  MLX_FFT_NORM_ORTHO,
  MLX_FFT_NORM_FORWARD
} mlx_fft_norm;

/* Along one axis, cut or padded with zeros to n. */
MLX_API int mlx_fft_fft(mlx_array *res, const mlx_array a, int n, int axis, mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_fft2(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);
/* The frequencies k / (n d) of the n results: 0, 1, …, -2, -1. float32. */
MLX_API int mlx_fft_fftfreq(mlx_array *res, int n, double d, const mlx_stream s);
MLX_API int mlx_fft_fftn(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);
/* Rolls axes (NULL: all) by half their size, so that frequency 0 is in the middle. */
MLX_API int mlx_fft_fftshift(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num, const mlx_stream s);
MLX_API int mlx_fft_ifft(mlx_array *res, const mlx_array a, int n, int axis, mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_ifft2(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_ifftn(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_ifftshift(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num, const mlx_stream s);
/* The n reals whose spectrum begins with a. */
MLX_API int mlx_fft_irfft(mlx_array *res, const mlx_array a, int n, int axis, mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_irfft2(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_irfftn(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);
/* The n / 2 + 1 first numbers of the spectrum of n reals; the rest are their conjugates. */
MLX_API int mlx_fft_rfft(mlx_array *res, const mlx_array a, int n, int axis, mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_rfft2(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);
MLX_API int mlx_fft_rfftfreq(mlx_array *res, int n, double d, const mlx_stream s);
MLX_API int mlx_fft_rfftn(mlx_array *res, const mlx_array a, const int *n, size_t n_num, const int *axes, size_t axes_num,
    mlx_fft_norm norm, const mlx_stream s);

#ifdef __cplusplus
}
#endif

#endif
