/* params.h: what each primitive's parameters mean: the head struct and the counted integers. Builders write them, rules and
 * kernels read them. Invariant: heads have no hidden padding, so that equal parameters are equal bytes.
 *
 * n = number of dimensions of the first input. All axes are in [0, n), all starts in bounds: builders normalize.
 *
 *   primitive             head                      ints                                inputs
 *   astype, view          mx_dtype_params           -                                   a
 *   reshape, broadcast    -                         shape                               a
 *   expand_dims           -                         axes of the output, ascending       a
 *   squeeze               -                         axes, ascending                     a
 *   transpose             -                         permutation                         a
 *   slice                 -                         start[n] size[n] step[n]            a; element k of axis i is start + k*step
 *   as_strided            mx_strided_params         shape[m] strides[m]                 a, seen as a row-contiguous run
 *   sum … any             -                         axes, ascending                     a
 *   logsumexp             -                         -        last axis, kept as 1       a
 *   softmax               mx_softmax_params         -        last axis                  a
 *   argreduce             mx_argreduce_params       axis     kept as 1; out uint32      a
 *   concatenate           -                         axis                                the parts, one dtype
 *   pad                   -                         low[n] high[n], >= 0                a, value (0-d)
 *   slice_update          -                         start[n] size[n] step[n]            a, update of shape size
 *   dynamic_slice         -                         axes[k] size[n]                     a, start (k integers)
 *   dynamic_slice_update  -                         axes[k]                             a, update (n dims), start (k integers)
 *   gather                -                         axes[k] slice_size[n]               a, k index arrays of one shape s;
 *                                                     out: s + slice_size
 *   scatter               mx_mode_params            axes[k]                             a, k index arrays of one shape s, updates:
 *                                                     shape s + the size of one slice [n]
 *   gather_axis           -                         axis                                a, indices (n dims; other axes as a's)
 *   scatter_axis          mx_mode_params            axis                                a, indices, updates of the indices' shape
 *   masked_gather         -                         rows                                a, mask of a's leading dimensions: the
 *                                                     rows of a it names, then zeros
 *   masked_scatter        -                         -                                   a, mask, rows: put where the mask holds
 *   scan                  mx_scan_params            axis                                a
 *   searchsorted          mx_search_params          -                                   sorted (n) or (k,n), values: any shape,
 *                                                     or k first
 *   sort, argsort         -                         axis     stable, NaN last           a
 *   partition, argpartition  -                      axis k   the element of rank k in its place   a
 *   fft                   mx_fft_params             axes, none twice       a: complex64; float32 for MX_FFT_REAL.
 *                                                     a real transform's own axis is the last of both
 *   matmul                -                         -                                   a (…,m,k), b (…,k,n): equal batch shapes
 *   addmm                 mx_addmm_params           -                                   c (out shape), a, b
 *   gather_mm             -                         -                                   a (A,m,k), b (B,k,n), indices into A and
 *                                                     into B, of one shape s;         out: s + (m,n)
 *   segmented_mm          -                         -                                   a (t,m,k), b (t,k,n), bounds (t,s,2) within
 *                                                     k, first and end;               out: (t,s,m,n)
 *   block_mm              mx_block_params           -                                   a (…,m,k), b (…,k,n), then bool masks of
 *                                                     the out's, a's, b's blocks: equal batch shapes
 *   hadamard              mx_hadamard_params        -        last axis                  a
 *   conv                  mx_conv_params            stride[s] low[s] high[s]            x (N, s dims, C), w (O, s dims, C / groups)
 *                                                     kernel_dilation[s] input_dilation[s]
 *   cholesky              -                         -        the lower triangle is read   a (…,n,n)
 *   inverse               mx_linalg_params          -        triangular: one triangle is  a (…,n,n)
 *   solve                 mx_linalg_params          -                                   a (…,n,n), b (…,n,k): equal batch shapes
 *   lu                    -                         -        out: both factors, pivots, permutation      a (…,m,n)
 *   qr                    -                         -        out: q (…,m,k), r (…,k,n)  a (…,m,n)
 *   svd                   mx_linalg_params          -        out: s, or u, s, vᴴ         a (…,m,n)
 *   eigh                  mx_linalg_params          -        out: w, or w, v; lower triangle  a (…,n,n)
 *   eig                   mx_linalg_params          -        out: w, or w, v; complex64  a (…,n,n)
 *   pinv                  -                         -        out: (…,n,m)               a (…,m,n), or with tolerances (…,m,1)
 *   det, adjugate         -                         -                                   a (…,n,n)
 *   slogdet               -                         -        out: sign, log |det|       a (…,n,n)
 *   arange                mx_arange_params          size                                -
 *   random_bits           mx_bits_params            shape of what one key draws         keys (…, 2) uint32; out: … + shape
 *   split_key             -                         -        out: two keys, the rows of   keys (…, 2) uint32
 *                                                     random_bits of shape (2, 2)
 *   load                  mx_load_params            shape of what is stored             -; object: mx_reader (graph/load.h)
 *
 * Index arrays are int32, uint32 or int64, all of a call alike. A negative index counts from the end; out of bounds is
 * MX_EINDEX (gather, gather_axis, scatter, scatter_axis). Dynamic starts are clamped so that the slice fits. */
#ifndef MX_GRAPH_PARAMS_H
#define MX_GRAPH_PARAMS_H

#include <stdint.h>

struct mx_dtype_params {
  int32_t dtype; /* enum mx_dtype */
};

struct mx_strided_params {
  int64_t offset; /* in elements */
};

struct mx_softmax_params {
  int32_t precise; /* halves: the whole computation in float32; the primitive does so in any case */
};

enum mx_scan_op { MX_SCAN_SUM, MX_SCAN_PROD, MX_SCAN_MAX, MX_SCAN_MIN, MX_SCAN_LOGSUMEXP };
struct mx_scan_params {
  int32_t op; /* enum mx_scan_op */
  int32_t reverse, inclusive; /* 0 or 1 */
};

struct mx_search_params {
  int32_t right; /* behind equal elements; 0: before them */
};

enum mx_argreduce { MX_ARGMIN, MX_ARGMAX };
struct mx_argreduce_params {
  int32_t op; /* the first extreme wins */
};

/* What becomes of the old value where an update falls. Without a mode the last update in row-major order wins. */
enum mx_update_mode { MX_UPDATE_NONE, MX_UPDATE_SUM, MX_UPDATE_PROD, MX_UPDATE_MAX, MX_UPDATE_MIN };
struct mx_mode_params {
  int32_t mode; /* enum mx_update_mode */
};

/* scale * sum_j x_j exp(-+ 2 pi i jk / n) along each axis. REAL keeps the n/2 + 1 first of the spectrum of n reals, HERMITIAN
 * makes n reals of such, as if the rest were there (the imaginary parts of the first, and of the last for even n, are ignored). */
enum mx_fft_kind { MX_FFT_COMPLEX, MX_FFT_REAL, MX_FFT_HERMITIAN };
struct mx_fft_params {
  int32_t kind;    /* enum mx_fft_kind */
  int32_t inverse; /* the exponent's sign is + */
  double scale;
  int64_t n; /* HERMITIAN: the last axis of the result; else 0 */
};

struct mx_addmm_params {
  double alpha, beta; /* alpha * (a @ b) + beta * c */
};

struct mx_block_params {
  int64_t block; /* rows and columns of a block */
  int64_t masks; /* which stand among the inputs: bits 0 of out, 1 of a, 2 of b */
};

struct mx_hadamard_params {
  double scale;
  int64_t transposed; /* matrices of 20 and 28 are not symmetric: derivatives take the transposed one */
};

struct mx_conv_params {
  int64_t groups, flip;
};

enum mx_matrix_kind { MX_MATRIX_GENERAL, MX_MATRIX_LOWER, MX_MATRIX_UPPER };
/* What a decomposition gives: values alone; vectors too; of svd as many vectors as there are values. */
enum mx_parts { MX_PARTS_VALUES, MX_PARTS_FULL, MX_PARTS_THIN };
struct mx_linalg_params {
  int32_t mode; /* enum mx_matrix_kind: which triangle is read; or enum mx_parts */
  char op[20];  /* the function that was called, as errors name it; zeros behind */
};

struct mx_arange_params {
  double start, step; /* element i is start + i * step: in double for floats, in int64 for integers */
  int64_t dtype;
};

struct mx_load_params {
  uint64_t offset; /* of the first byte behind the reader */
  int32_t form;    /* enum mx_load_form */
  int32_t dtype;   /* of the output, where the form does not say */
};

struct mx_bits_params {
  int32_t width; /* bytes of one element: 1, 2 or 4, for uint8, uint16, uint32 */
  int32_t unit;  /* with width 4: float32 numbers in [0, 1), the words over 2^32, kept below 1 */
};

#endif
