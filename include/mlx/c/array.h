/* array.h: arrays: making them, reading them. */
#ifndef MLX_ARRAY_H
#define MLX_ARRAY_H

#include "mlx/c/export.h"
#include "mlx/c/half.h"
#include "mlx/c/string.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A handle of an array. ctx is the array itself: a copied handle is a borrow; mlx_array_free lets one reference go. */
typedef struct mlx_array_ {
  void *ctx;
} mlx_array;

typedef enum mlx_dtype_ {
  MLX_BOOL,
  MLX_UINT8,
  MLX_UINT16,
  MLX_UINT32,
  MLX_UINT64,
  MLX_INT8,
  MLX_INT16,
  MLX_INT32,
  MLX_INT64,
  MLX_FLOAT16,
  MLX_FLOAT32,
  MLX_FLOAT64,
  MLX_BFLOAT16,
  MLX_COMPLEX64,
} mlx_dtype;

MLX_API size_t mlx_dtype_size(mlx_dtype dtype);
MLX_API int mlx_array_tostring(mlx_string *str, const mlx_array arr);
/* An empty handle (ctx NULL): what every `res` may be. Functions replace what res holds on success and leave it alone on failure. */
MLX_API mlx_array mlx_array_new(void);
/* Drops the handle's reference; an empty handle is fine. */
MLX_API int mlx_array_free(mlx_array arr);
MLX_API mlx_array mlx_array_new_bool(bool val);
MLX_API mlx_array mlx_array_new_int(int val);
MLX_API mlx_array mlx_array_new_float32(float val);
MLX_API mlx_array mlx_array_new_float(float val);
MLX_API mlx_array mlx_array_new_float64(double val);
MLX_API mlx_array mlx_array_new_double(double val);
MLX_API mlx_array mlx_array_new_complex(float real_val, float imag_val);
/* A copy of row-contiguous data of this shape and dtype; an empty handle on failure, as for every mlx_array_new_*. */
MLX_API mlx_array mlx_array_new_data(const void *data, const int *shape, int dim, mlx_dtype dtype);
/* Uses the caller's data without a copy; dtor(data) is called once when nothing needs it any more (also on failure). */
MLX_API mlx_array mlx_array_new_data_managed(void *data, const int *shape, int dim, mlx_dtype dtype,
    void (*dtor)(void*));
/* As above with dtor(payload). */
MLX_API mlx_array mlx_array_new_data_managed_payload(void *data, const int *shape, int dim, mlx_dtype dtype,
    void *payload, void (*dtor)(void*));
/* *arr becomes another reference of src. */
MLX_API int mlx_array_set(mlx_array *arr, const mlx_array src);
MLX_API int mlx_array_set_bool(mlx_array *arr, bool val);
MLX_API int mlx_array_set_int(mlx_array *arr, int val);
MLX_API int mlx_array_set_float32(mlx_array *arr, float val);
MLX_API int mlx_array_set_float(mlx_array *arr, float val);
MLX_API int mlx_array_set_float64(mlx_array *arr, double val);
MLX_API int mlx_array_set_double(mlx_array *arr, double val);
MLX_API int mlx_array_set_complex(mlx_array *arr, float real_val, float imag_val);
MLX_API int mlx_array_set_data(mlx_array *arr, const void *data, const int *shape, int dim, mlx_dtype dtype);
MLX_API size_t mlx_array_itemsize(const mlx_array arr);
MLX_API size_t mlx_array_size(const mlx_array arr);
MLX_API size_t mlx_array_nbytes(const mlx_array arr);
MLX_API size_t mlx_array_ndim(const mlx_array arr);
/* ndim integers, valid while the array lives; NULL when a dimension does not fit an int (see mlx_ravel_array_shape). */
MLX_API const int *mlx_array_shape(const mlx_array arr);
/* In elements, valid while the array lives; evaluates it. */
MLX_API const size_t *mlx_array_strides(const mlx_array arr);
MLX_API int mlx_array_dim(const mlx_array arr, int dim);
MLX_API mlx_dtype mlx_array_dtype(const mlx_array arr);
/* Computes the array now. Errors of its evaluation are returned here. */
MLX_API int mlx_array_eval(mlx_array arr);
/* The value of an array of size 1 and this dtype; evaluates it. Other dtypes are converted as by a cast. */
MLX_API int mlx_array_item_bool(bool *res, const mlx_array arr);
MLX_API int mlx_array_item_uint8(uint8_t *res, const mlx_array arr);
MLX_API int mlx_array_item_uint16(uint16_t *res, const mlx_array arr);
MLX_API int mlx_array_item_uint32(uint32_t *res, const mlx_array arr);
MLX_API int mlx_array_item_uint64(uint64_t *res, const mlx_array arr);
MLX_API int mlx_array_item_int8(int8_t *res, const mlx_array arr);
MLX_API int mlx_array_item_int16(int16_t *res, const mlx_array arr);
MLX_API int mlx_array_item_int32(int32_t *res, const mlx_array arr);
MLX_API int mlx_array_item_int64(int64_t *res, const mlx_array arr);
MLX_API int mlx_array_item_float32(float *res, const mlx_array arr);
MLX_API int mlx_array_item_float64(double *res, const mlx_array arr);
MLX_API int mlx_array_item_complex64(mlx_complex64_t *res, const mlx_array arr);
MLX_API int mlx_array_item_float16(float16_t *res, const mlx_array arr);
MLX_API int mlx_array_item_bfloat16(bfloat16_t *res, const mlx_array arr);
/* The data, in the order of the strides, valid while the array lives; NULL before evaluation. */
MLX_API const bool *mlx_array_data_bool(const mlx_array arr);
MLX_API const uint8_t *mlx_array_data_uint8(const mlx_array arr);
MLX_API const uint16_t *mlx_array_data_uint16(const mlx_array arr);
MLX_API const uint32_t *mlx_array_data_uint32(const mlx_array arr);
MLX_API const uint64_t *mlx_array_data_uint64(const mlx_array arr);
MLX_API const int8_t *mlx_array_data_int8(const mlx_array arr);
MLX_API const int16_t *mlx_array_data_int16(const mlx_array arr);
MLX_API const int32_t *mlx_array_data_int32(const mlx_array arr);
MLX_API const int64_t *mlx_array_data_int64(const mlx_array arr);
MLX_API const float *mlx_array_data_float32(const mlx_array arr);
MLX_API const double *mlx_array_data_float64(const mlx_array arr);
MLX_API const mlx_complex64_t *mlx_array_data_complex64(const mlx_array arr);
MLX_API const float16_t *mlx_array_data_float16(const mlx_array arr);
MLX_API const bfloat16_t *mlx_array_data_bfloat16(const mlx_array arr);

#ifdef __cplusplus
}
#endif

#endif
