/* ops.h: every operation, by Python's name, for use inside: rules, transforms, other operations and the public functions.
 * Invariant: arguments are borrowed and may be NULL after an error; results belong to the build. */
#ifndef MX_OPS_OPS_H
#define MX_OPS_OPS_H

#include "graph/build.h"

/* Axes: `const int *axes, int n`; NULL means all axes (n is not read). Shapes are int64. */

/* unary.c */
#define MX_UNARY_OPS(U)                                                                                             \
  U(abs) U(negative) U(sign) U(floor) U(ceil) U(trunc) U(square) U(sqrt) U(rsqrt) U(reciprocal) U(exp) U(expm1)     \
  U(log) U(log2) U(log10) U(log1p) U(sin) U(cos) U(tan) U(arcsin) U(arccos) U(arctan) U(sinh) U(cosh) U(tanh)       \
  U(arcsinh) U(arccosh) U(arctanh) U(erf) U(erfinv) U(sigmoid) U(logical_not) U(bitwise_invert) U(real) U(imag)     \
  U(conjugate) U(isnan) U(isinf) U(isfinite) U(isposinf) U(isneginf) U(copy) U(degrees) U(radians) U(stop_gradient)
#define U(op) mx_array *mx_##op(mx_build *b, mx_array *a);
MX_UNARY_OPS(U)
#undef U
mx_array *mx_root(mx_build *b, mx_array *a); /* sqrt with derivative 0 at 0 */
mx_array *mx_round(mx_build *b, mx_array *a, int decimals);
mx_array *mx_nan_to_num(mx_build *b, mx_array *a, double nan, const double *posinf, const double *neginf); /* NULL: largest */

/* binary.c */
#define MX_BINARY_OPS(B)                                                                                            \
  B(add) B(subtract) B(multiply) B(divide) B(floor_divide) B(remainder) B(power) B(maximum) B(minimum) B(arctan2)   \
  B(logaddexp) B(equal) B(not_equal) B(less) B(less_equal) B(greater) B(greater_equal) B(logical_and) B(logical_or) \
  B(logical_xor) B(bitwise_and) B(bitwise_or) B(bitwise_xor) B(left_shift) B(right_shift)
#define B(op) mx_array *mx_##op(mx_build *b, mx_array *x, mx_array *y);
MX_BINARY_OPS(B)
#undef B
void mx_divmod(mx_build *b, mx_array *x, mx_array *y, mx_array *out[2]);
mx_array *mx_isclose(mx_build *b, mx_array *x, mx_array *y, double rtol, double atol, bool equal_nan);
mx_array *mx_allclose(mx_build *b, mx_array *x, mx_array *y, double rtol, double atol, bool equal_nan);
mx_array *mx_array_equal(mx_build *b, mx_array *x, mx_array *y, bool equal_nan);

/* ternary.c */
mx_array *mx_where(mx_build *b, mx_array *condition, mx_array *x, mx_array *y);
mx_array *mx_clip(mx_build *b, mx_array *a, mx_array *lo, mx_array *hi); /* either bound may be absent (NULL): see ternary.c */

/* cast.c */
mx_array *mx_astype(mx_build *b, mx_array *a, enum mx_dtype dtype);
mx_array *mx_view(mx_build *b, mx_array *a, enum mx_dtype dtype);
mx_array *mx_contiguous(mx_build *b, mx_array *a);

/* reduce.c */
mx_array *mx_sum(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_prod(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_min(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_max(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_all(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_any(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_mean(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_var(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims, int ddof);
mx_array *mx_std(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims, int ddof);
mx_array *mx_logsumexp(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_softmax(mx_build *b, mx_array *a, const int *axes, int n, bool precise);
mx_array *mx_count_nonzero(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_median(mx_build *b, mx_array *a, const int *axes, int n, bool keepdims);
mx_array *mx_argmin(mx_build *b, mx_array *a, const int *axis, bool keepdims); /* axis NULL: of the flattened array */
mx_array *mx_argmax(mx_build *b, mx_array *a, const int *axis, bool keepdims);
mx_array *mx_number_of_elements(mx_build *b, mx_array *a, const int *axes, int n, bool inverted, enum mx_dtype dtype);
/* a summed down to a shape that broadcasts to a's: the adjoint of broadcasting. */
mx_array *mx_sum_to(mx_build *b, mx_array *a, const int64_t *shape, int ndim);

/* shape.c */
mx_array *mx_reshape(mx_build *b, mx_array *a, const int64_t *shape, int ndim); /* one dimension may be -1 */
mx_array *mx_flatten(mx_build *b, mx_array *a, int start_axis, int end_axis);
mx_array *mx_unflatten(mx_build *b, mx_array *a, int axis, const int64_t *shape, int ndim);
mx_array *mx_expand_dims(mx_build *b, mx_array *a, const int *axes, int n);
mx_array *mx_squeeze(mx_build *b, mx_array *a, const int *axes, int n); /* NULL: every dimension of size 1 */
mx_array *mx_transpose(mx_build *b, mx_array *a, const int *axes, int n); /* NULL: reversed */
mx_array *mx_swapaxes(mx_build *b, mx_array *a, int axis1, int axis2);
mx_array *mx_moveaxis(mx_build *b, mx_array *a, int source, int destination);
mx_array *mx_broadcast_to(mx_build *b, mx_array *a, const int64_t *shape, int ndim);
void mx_broadcast_arrays(mx_build *b, mx_array *const *in, int n, mx_array **out);
mx_array *mx_as_strided(mx_build *b, mx_array *a, const int64_t *shape, const int64_t *strides, int ndim, int64_t offset);
mx_array *mx_atleast_nd(mx_build *b, mx_array *a, int n); /* n = 1, 2 or 3 */

/* join.c */
mx_array *mx_concatenate(mx_build *b, mx_array *const *in, int n, int axis);
mx_array *mx_stack(mx_build *b, mx_array *const *in, int n, int axis);
void mx_split(mx_build *b, mx_array *a, int num, int axis, mx_array **out); /* num results */
void mx_split_at(mx_build *b, mx_array *a, const int64_t *indices, int n, int axis, mx_array **out); /* n + 1 results */
enum mx_pad_mode { MX_PAD_CONSTANT, MX_PAD_EDGE, MX_PAD_REFLECT, MX_PAD_SYMMETRIC };
mx_array *mx_pad(mx_build *b, mx_array *a, const int *axes, int n, const int64_t *low, const int64_t *high, mx_array *value,
                 enum mx_pad_mode mode);
mx_array *mx_tile(mx_build *b, mx_array *a, const int64_t *reps, int n);
mx_array *mx_repeat(mx_build *b, mx_array *a, int64_t repeats, const int *axis); /* NULL: of the flattened array */
mx_array *mx_roll(mx_build *b, mx_array *a, const int64_t *shift, int nshift, const int *axes, int naxes); /* NULL: flattened */
mx_array *mx_flip(mx_build *b, mx_array *a, const int *axes, int n);
void mx_depends(mx_build *b, mx_array *const *in, int n, mx_array *const *deps, int ndeps, mx_array **out);

/* slice.c */
/* Python's slices, bounds clamped: start and stop may be negative (from the end) or out of bounds, steps negative. */
mx_array *mx_slice(mx_build *b, mx_array *a, const int64_t *start, const int64_t *stop, const int64_t *step);
/* The same region of src with update (which broadcasts to it) in its place or folded in. mode: enum mx_update_mode. */
mx_array *mx_slice_update(mx_build *b, mx_array *src, mx_array *update, const int64_t *start, const int64_t *stop,
                          const int64_t *step, int mode);
mx_array *mx_dynamic_slice(mx_build *b, mx_array *a, mx_array *start, const int *axes, int n, const int64_t *size);
mx_array *mx_dynamic_slice_update(mx_build *b, mx_array *src, mx_array *update, mx_array *start, const int *axes, int n);

/* index.c */
mx_array *mx_gather(mx_build *b, mx_array *a, mx_array *const *indices, int n, const int *axes, const int64_t *slice_sizes);
mx_array *mx_take(mx_build *b, mx_array *a, mx_array *indices, const int *axis); /* NULL: of the flattened array */
mx_array *mx_take_along_axis(mx_build *b, mx_array *a, mx_array *indices, const int *axis);

/* scatter.c */
mx_array *mx_scatter(mx_build *b, mx_array *a, mx_array *const *indices, int n, mx_array *updates, const int *axes, int mode);
mx_array *mx_put_along_axis(mx_build *b, mx_array *a, mx_array *indices, mx_array *values, const int *axis);
mx_array *mx_scatter_add_axis(mx_build *b, mx_array *a, mx_array *indices, mx_array *values, int axis);

/* masked.c */
/* The rows of a that the mask, of a's leading dimensions, names; after them zeros up to `rows` of them. */
mx_array *mx_masked_gather(mx_build *b, mx_array *a, mx_array *mask, int64_t rows);
mx_array *mx_masked_scatter(mx_build *b, mx_array *a, mx_array *mask, mx_array *src);
mx_array *mx_masked_scatter_rows(mx_build *b, mx_array *a, mx_array *mask, mx_array *rows);

/* unique.c */
/* values, index, inverse, counts; fill NULL: the first of the values */
void mx_unique(mx_build *b, mx_array *a, int64_t size, mx_array *fill, mx_array *out[4]);
bool mx_unique_order(mx_build *b, mx_array *a, mx_array **sorted, mx_array **order, mx_array **fresh);
mx_array *mx_unique_inverse(mx_build *b, mx_array *a, mx_array *order, mx_array *fresh, enum mx_dtype dtype);
mx_array *mx_searchsorted(mx_build *b, mx_array *sorted, mx_array *values, bool right);

/* scan.c: axis NULL = of the flattened array */
mx_array *mx_cumsum(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive);
mx_array *mx_cumprod(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive);
mx_array *mx_cummax(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive);
mx_array *mx_cummin(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive);
mx_array *mx_logcumsumexp(mx_build *b, mx_array *a, const int *axis, bool reverse, bool inclusive);

/* sort.c: axis NULL = of the flattened array */
mx_array *mx_sort(mx_build *b, mx_array *a, const int *axis);
mx_array *mx_argsort(mx_build *b, mx_array *a, const int *axis);
mx_array *mx_partition(mx_build *b, mx_array *a, int64_t kth, const int *axis);
mx_array *mx_argpartition(mx_build *b, mx_array *a, int64_t kth, const int *axis);
mx_array *mx_topk(mx_build *b, mx_array *a, int64_t k, const int *axis);

/* matmul.c */
mx_array *mx_matmul(mx_build *b, mx_array *x, mx_array *y);
mx_array *mx_addmm(mx_build *b, mx_array *c, mx_array *x, mx_array *y, double alpha, double beta);
mx_array *mx_inner(mx_build *b, mx_array *x, mx_array *y);
mx_array *mx_outer(mx_build *b, mx_array *x, mx_array *y);
mx_array *mx_tensordot(mx_build *b, mx_array *x, mx_array *y, const int *axes_x, int nx, const int *axes_y, int ny);
mx_array *mx_tensordot_axis(mx_build *b, mx_array *x, mx_array *y, int axis);

/* einsum.c, products.c */
mx_array *mx_einsum(mx_build *b, const char *subscripts, mx_array *const *operands, int n);
mx_array *mx_kron(mx_build *b, mx_array *x, mx_array *y);
mx_array *mx_hadamard_transform(mx_build *b, mx_array *a, const double *scale); /* NULL: 1/sqrt(n) */
/* Masks may be absent (NULL): one value for each block of the result, of x and of y. */
mx_array *mx_block_masked_mm(mx_build *b, mx_array *x, mx_array *y, int64_t block, mx_array *mask_out, mx_array *mask_x, mx_array *mask_y);

/* gather_mm.c: indices may be absent (NULL): all matrices in order */
mx_array *mx_gather_mm(mx_build *b, mx_array *x, mx_array *y, mx_array *index_x, mx_array *index_y);
mx_array *mx_segmented_mm(mx_build *b, mx_array *x, mx_array *y, mx_array *segments);
/* fft.c: s NULL: sizes of the array; axes NULL: the last ns, or all */
enum mx_fft_norm { MX_FFT_BACKWARD, MX_FFT_ORTHO, MX_FFT_FORWARD };
mx_array *mx_fft_fftn(mx_build *b, mx_array *a, const int64_t *s, int ns, const int *axes, int naxes, enum mx_fft_norm norm);
mx_array *mx_fft_ifftn(mx_build *b, mx_array *a, const int64_t *s, int ns, const int *axes, int naxes, enum mx_fft_norm norm);
mx_array *mx_fft_rfftn(mx_build *b, mx_array *a, const int64_t *s, int ns, const int *axes, int naxes, enum mx_fft_norm norm);
mx_array *mx_fft_irfftn(mx_build *b, mx_array *a, const int64_t *s, int ns, const int *axes, int naxes, enum mx_fft_norm norm);
mx_array *mx_fft_fftfreq(mx_build *b, int64_t n, double d, enum mx_dtype dtype);
mx_array *mx_fft_rfftfreq(mx_build *b, int64_t n, double d, enum mx_dtype dtype);
mx_array *mx_fft_fftshift(mx_build *b, mx_array *a, const int *axes, int n);
mx_array *mx_fft_ifftshift(mx_build *b, mx_array *a, const int *axes, int n);

/* stft.c: windows and short-time transforms */
mx_array *mx_bartlett(mx_build *b, int64_t n);
mx_array *mx_blackman(mx_build *b, int64_t n);
mx_array *mx_hamming(mx_build *b, int64_t n);
mx_array *mx_hanning(mx_build *b, int64_t n);
struct mx_stft {
  int64_t n_fft, hop_length, win_length; /* -1: not given */
  mx_array *window;                      /* NULL: not given */
  bool center;
  enum mx_pad_mode pad_mode;
  enum mx_fft_norm norm;
  int onesided;                          /* -1: not given */
  int64_t length;                        /* -1: not given */
};
mx_array *mx_stft(mx_build *b, mx_array *x, const struct mx_stft *p);
mx_array *mx_istft(mx_build *b, mx_array *a, const struct mx_stft *p);

/* conv.c: x (N, L…, C), w (O, K…, C / groups). A list of length 0 stands for its default, one of length 1 for every dimension. */
struct mx_conv {
  const int64_t *stride, *lo, *hi, *kernel_dilation, *input_dilation;
  int nstride, nlo, nhi, nkernel_dilation, ninput_dilation;
  int64_t groups;
  bool flip;
};
mx_array *mx_conv_general(mx_build *b, mx_array *x, mx_array *w, const struct mx_conv *p);
mx_array *mx_conv_transpose(mx_build *b, mx_array *x, mx_array *w, int ndim, const int64_t *stride, const int64_t *padding,
                            const int64_t *dilation, const int64_t *output_padding, int64_t groups); /* lists of ndim <= 3 */

/* create.c */
mx_array *mx_full(mx_build *b, const int64_t *shape, int ndim, mx_array *value, enum mx_dtype dtype);
mx_array *mx_zeros(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype);
mx_array *mx_ones(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype);
mx_array *mx_zeros_like(mx_build *b, mx_array *a);
mx_array *mx_ones_like(mx_build *b, mx_array *a);
mx_array *mx_arange(mx_build *b, double start, double stop, double step, enum mx_dtype dtype);
mx_array *mx_linspace(mx_build *b, double start, double stop, int64_t num, enum mx_dtype dtype);
mx_array *mx_eye(mx_build *b, int64_t n, int64_t m, int64_t k, enum mx_dtype dtype);
mx_array *mx_tri(mx_build *b, int64_t n, int64_t m, int64_t k, enum mx_dtype dtype);
mx_array *mx_tril(mx_build *b, mx_array *a, int64_t k);
mx_array *mx_triu(mx_build *b, mx_array *a, int64_t k);
mx_array *mx_diag(mx_build *b, mx_array *a, int64_t k);
mx_array *mx_diagonal(mx_build *b, mx_array *a, int64_t offset, int axis1, int axis2);
mx_array *mx_trace(mx_build *b, mx_array *a, int64_t offset, int axis1, int axis2, enum mx_dtype dtype);
void mx_meshgrid(mx_build *b, mx_array *const *in, int n, bool sparse, bool ij, mx_array **out);

#endif
