/* ravel.h: what mlx-c lacks: 64-bit shapes, weak scalars, shared memory, classes of errors, threads. */
#ifndef MLX_RAVEL_H
#define MLX_RAVEL_H

#include "mlx/c/array.h"
#include "mlx/c/closure.h"
#include "mlx/c/fft.h"
#include "mlx/c/io_types.h"
#include "mlx/c/map.h"
#include "mlx/c/optional.h"
#include "mlx/c/stream.h"
#include "mlx/c/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

MLX_API const char *mlx_ravel_version(void);

/* Errors: what every function that returns int returns when not 0. */
typedef enum mlx_ravel_error_ {
  MLX_RAVEL_OK = 0,
  MLX_RAVEL_RUNTIME,
  MLX_RAVEL_VALUE,
  MLX_RAVEL_TYPE,
  MLX_RAVEL_INDEX,
  MLX_RAVEL_MEMORY,
  MLX_RAVEL_NOT_IMPLEMENTED,
  MLX_RAVEL_CALLBACK, /* a closure of the caller's failed, or a wait was interrupted */
} mlx_ravel_error;
/* This thread's last error. The text is valid until the next error. */
MLX_API mlx_ravel_error mlx_ravel_error_class(void);
MLX_API const char *mlx_ravel_error_text(void);
MLX_API void mlx_ravel_error_clear(void);
/* For closures: sets the error that the closure is about to return; returns the class. */
MLX_API int mlx_ravel_error_set(mlx_ravel_error error, const char *text);

/* Arrays with 64-bit dimensions: a copy of row-contiguous data; *res replaced. */
MLX_API int mlx_ravel_array_new_data(mlx_array *res, const void *data, const int64_t *shape, int ndim, mlx_dtype dtype);
MLX_API const int64_t *mlx_ravel_array_shape(const mlx_array arr);
/* Strides in elements, of an evaluated array (NULL before). */
MLX_API const int64_t *mlx_ravel_array_strides(const mlx_array arr);
/* The data of an evaluated array, at element [0, 0, …] (NULL before). */
MLX_API void *mlx_ravel_array_data(const mlx_array arr);
MLX_API bool mlx_ravel_array_is_evaluated(const mlx_array arr);
/* mlx_array_eval for a caller who holds a lock that others want (an interpreter's): before it waits or computes for long it calls
 * release(), and after that take() with what release returned. A small result is there sooner than such a lock changes hands. The
 * array is held meanwhile: arr may be freed by who has the lock. */
MLX_API int mlx_ravel_array_eval_under(const mlx_array arr, void *(*release)(void), void (*take)(void *held));
MLX_API bool mlx_ravel_array_is_contiguous(const mlx_array arr); /* row-major without gaps; of an evaluated array */
MLX_API bool mlx_ravel_array_is_read_only(const mlx_array arr);  /* over memory of others that must not be written; of an evaluated array */
/* What holds the data of an evaluated array (arrays over the same memory give the same pointer), and its bytes. */
MLX_API int mlx_ravel_array_buffer(const void **buffer, size_t *bytes, const mlx_array arr);
/* Uses the caller's memory: strides in elements (NULL: row-contiguous). release(payload) is called once, also on failure. */
MLX_API int mlx_ravel_array_wrap(mlx_array *res, void *data, const int64_t *shape, const int64_t *strides, int ndim, mlx_dtype dtype,
    bool read_only, void (*release)(void *payload), void *payload);
/* Evaluates arr and pins its data for an export: while the pin is held the data stays and is not written over. */
MLX_API int mlx_ravel_array_pin(void **pin, const mlx_array arr);
MLX_API void mlx_ravel_array_unpin(void *pin);

/* Weak scalars: a constant of a host language beside an array. With an array of dtype `other`: a bool takes it; an integer
 * takes it too (int32 beside bool); a float takes it when it is inexact, else float32; a complex number is complex64.
 * Alone (has_other false): bool, int32 (int64 where it does not fit), float32, complex64. An integer that does not fit the
 * dtype is MLX_RAVEL_VALUE. */
typedef enum mlx_ravel_scalar_kind_ {
  MLX_RAVEL_BOOL,
  MLX_RAVEL_INT,
  MLX_RAVEL_FLOAT,
  MLX_RAVEL_COMPLEX,
} mlx_ravel_scalar_kind;
MLX_API int mlx_ravel_scalar(mlx_array *res, mlx_ravel_scalar_kind kind, int64_t integer, double re, double im, bool has_other,
    mlx_dtype other);
MLX_API mlx_dtype mlx_ravel_promote(mlx_dtype a, mlx_dtype b);

/* Operations with 64-bit parameters. NULL axes: all of them. */
MLX_API int mlx_ravel_reshape(mlx_array *res, const mlx_array a, const int64_t *shape, int ndim, const mlx_stream s);
MLX_API int mlx_ravel_broadcast_to(mlx_array *res, const mlx_array a, const int64_t *shape, int ndim, const mlx_stream s);
MLX_API int mlx_ravel_full(mlx_array *res, const int64_t *shape, int ndim, const mlx_array vals, mlx_dtype dtype, const mlx_stream s);
MLX_API int mlx_ravel_slice(mlx_array *res, const mlx_array a, const int64_t *start, const int64_t *stop, const int64_t *step,
    const mlx_stream s);
/* mode: 0 replace, 1 add, 2 multiply, 3 maximum, 4 minimum. update broadcasts to the region. */
MLX_API int mlx_ravel_slice_update(mlx_array *res, const mlx_array src, const mlx_array update, const int64_t *start,
    const int64_t *stop, const int64_t *step, int mode, const mlx_stream s);
MLX_API int mlx_ravel_gather(mlx_array *res, const mlx_array a, const mlx_vector_array indices, const int *axes, size_t naxes,
    const int64_t *slice_sizes, const mlx_stream s);

/* The order in which mlx_einsum contracts. path: for each step how many operands, then their places in the list, ascending;
 * 0 ends it (room for 4 integers an operand suffices). A step's operands leave the list, its result is appended.
 * report: what einsum_path says of the work. */
MLX_API int mlx_ravel_einsum_path(int *path, mlx_string *report, const char *subscripts, const mlx_vector_array operands);
/* Linear algebra that mlx-c lacks: of square matrices; slogdet gives the sign (or phase) and the logarithm of the size. */
MLX_API int mlx_ravel_det(mlx_array *res, const mlx_array a, const mlx_stream s);
MLX_API int mlx_ravel_slogdet(mlx_array *res_0, mlx_array *res_1, const mlx_array a, const mlx_stream s);
/* Inverses and singular values for functions made of them: errors name op, that function. */
MLX_API int mlx_ravel_inv_for(mlx_array *res, const mlx_array a, const char *op, const mlx_stream s);
MLX_API int mlx_ravel_svdvals_for(mlx_array *res, const mlx_array a, const char *op, const mlx_stream s);
/* The thin form of mlx_linalg_svd: U, S, Vt with as many vectors as there are values. */
MLX_API int mlx_ravel_svd_thin(mlx_vector_array *res, const mlx_array a, const mlx_stream s);
/* The complete form of mlx_linalg_qr: Q (m, m), R (m, n). Where m > n it has no derivatives: they come out as NaN. */
MLX_API int mlx_ravel_qr_complete(mlx_array *res_0, mlx_array *res_1, const mlx_array a, const mlx_stream s);
/* mlx_fft_fftfreq, or rfftfreq where `real`, in a real floating dtype. */
MLX_API int mlx_ravel_fftfreq(mlx_array *res, bool real, int64_t n, double d, mlx_dtype dtype, const mlx_stream s);
/* mlx_linalg_pinv with a tolerance for each matrix, or one for all: singular values up to rtol times the largest count as zero; an empty
 * rtol: max(m, n) eps. */
MLX_API int mlx_ravel_pinv(mlx_array *res, const mlx_array a, const mlx_array rtol, const mlx_stream s);
/* Names a folder of Python packages, for libraries that are opened when first needed (OpenBLAS). */
MLX_API int mlx_ravel_add_library_folder(const char *path);

/* rows (n, …) put where the mask, of a's leading dimensions, holds; n at least as many as those. */
MLX_API int mlx_ravel_masked_scatter_rows(mlx_array *res, const mlx_array a, const mlx_array mask, const mlx_array rows,
    const mlx_stream s);

/* True where exactly one of the elements is true. */
MLX_API int mlx_ravel_logical_xor(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_stream s);
/* Each element rounded towards zero. */
MLX_API int mlx_ravel_trunc(mlx_array *res, const mlx_array a, const mlx_stream s);
/* Where values would be put into a 1-D sorted sequence: before equal elements, or (right) behind them. uint32. */
MLX_API int mlx_ravel_searchsorted(mlx_array *res, const mlx_array sorted, const mlx_array values, bool right, const mlx_stream s);
/* The `size` least distinct elements of the flattened array; where each first stands, each element's place among them, how often
 * each occurs. What is missing to `size` takes fill (an empty handle: the first). */
MLX_API int mlx_ravel_unique(mlx_vector_array *res, const mlx_array a, int64_t size, const mlx_array fill, const mlx_stream s);

/* Results whose shape depends on data: they evaluate `a` (and nothing else), and fail for what compile or vmap traces.
 * The rows of a that a mask of its leading dimensions names. */
MLX_API int mlx_ravel_masked_select(mlx_array *res, const mlx_array a, const mlx_array mask, const mlx_stream s);
/* Each element of an axis (of the flattened array where none is given) as often as repeats (one, or one an element) says. */
MLX_API int mlx_ravel_repeat_each(mlx_array *res, const mlx_array a, const mlx_array repeats, mlx_optional_int axis, const mlx_stream s);
/* Where a is not zero: int64 indices, one array a dimension. A 0-d array counts as one of one element. */
MLX_API int mlx_ravel_nonzero(mlx_vector_array *res, const mlx_array a, const mlx_stream s);
/* The distinct elements of the flattened array in ascending order, where each first stands, each element's place among them (of
 * a's shape), and how often each occurs (int64). NaNs are distinct. */
MLX_API int mlx_ravel_unique_all(mlx_vector_array *res, const mlx_array a, const mlx_stream s);

/* The state of the implicit random sequence, a key: taken, and put back (for capture by compile, for scopes of a seed). */
MLX_API int mlx_ravel_random_state(mlx_array *res);
MLX_API int mlx_ravel_set_random_state(const mlx_array key);

/* How arrays print floating numbers: with so many decimals, or (negative, the default) with six significant digits. */
MLX_API int mlx_ravel_set_print_precision(int precision);
MLX_API int mlx_ravel_print_precision(void);

/* Threads that CPU operations share (0: the default); returns the number before. */
MLX_API int mlx_ravel_set_threads(int count);
MLX_API int mlx_ravel_threads(void);
/* While this thread waits for results, poll(ctx) is called every 50 ms; non-zero ends the wait with MLX_RAVEL_CALLBACK. */
MLX_API void mlx_ravel_set_poll(int (*poll)(void *ctx), void *ctx);

/* NumPy's archives of several arrays. Loading names them without ".npy". */
MLX_API int mlx_ravel_load_npz(mlx_map_string_to_array *res, const char *file);
MLX_API int mlx_ravel_load_npz_reader(mlx_map_string_to_array *res, mlx_io_reader in_stream);
MLX_API int mlx_ravel_save_npz(const char *file, const mlx_map_string_to_array arrays, bool compress);
MLX_API int mlx_ravel_save_npz_writer(mlx_io_writer out_stream, const mlx_map_string_to_array arrays, bool compress);

/* GGUF through the caller's streams; metadata's keys; its strings with their lengths, as they may hold zero bytes. A string is
 * number 0 of 1; the text is the handle's, valid until that changes; count may be NULL. */
MLX_API int mlx_ravel_load_gguf_reader(mlx_io_gguf *gguf, mlx_io_reader in_stream, const mlx_stream s);
MLX_API int mlx_ravel_save_gguf_writer(mlx_io_writer out_stream, mlx_io_gguf gguf);
MLX_API int mlx_ravel_io_gguf_get_metadata_keys(mlx_vector_string *keys, mlx_io_gguf io);
MLX_API int mlx_ravel_io_gguf_get_metadata_text(const char **text, size_t *length, size_t *count, mlx_io_gguf io, const char *key,
    size_t index);
MLX_API int mlx_ravel_io_gguf_set_metadata_text(mlx_io_gguf io, const char *key, const char *const *text, const size_t *length, size_t n,
    bool list);

/* A function compiled under an id of the library's (never reused), with a payload-free call: the binding's fast way.
 * Appends outputs to *res. constants: part of the cache key. */
MLX_API uint64_t mlx_ravel_compile_id(void);
MLX_API int mlx_ravel_compile_call(mlx_vector_array *res, const mlx_closure fun, uint64_t id, const uint64_t *constants,
    size_t nconstants, bool shapeless, const mlx_vector_array inputs);

/* Short-time Fourier transforms: of frames of n_fft samples, hop_length apart, each times a window centred in it.
 * (…, samples) <-> (…, frequencies, frames); the inverse adds the windowed frames up and divides by the squared window's sum.
 * -1 and an empty window: not given (hop_length n_fft / 4; win_length n_fft, of ones; onesided for real input). */
typedef struct mlx_ravel_stft_ {
  int64_t n_fft, hop_length, win_length;
  mlx_array window;
  bool center;          /* frames are centred on multiples of hop_length: n_fft / 2 samples are added at both ends … */
  const char *pad_mode; /* … this way (as mlx_pad; NULL: "reflect") */
  mlx_fft_norm norm;
  int onesided;
  int64_t length; /* of the inverse's result: cut or followed by zeros */
} mlx_ravel_stft_options;
MLX_API int mlx_ravel_stft(mlx_array *res, const mlx_array x, const mlx_ravel_stft_options *options, const mlx_stream s);
MLX_API int mlx_ravel_istft(mlx_array *res, const mlx_array stft_matrix, const mlx_ravel_stft_options *options, const mlx_stream s);

#ifdef __cplusplus
}
#endif

#endif
