/* transforms_impl.h: the two halves of vmap. */
#ifndef MLX_TRANSFORMS_IMPL_H
#define MLX_TRANSFORMS_IMPL_H

#include "mlx/c/closure.h"

#ifdef __cplusplus
extern "C" {
#endif

MLX_API int mlx_detail_vmap_replace(mlx_vector_array *res, const mlx_vector_array inputs,
    const mlx_vector_array s_inputs, const mlx_vector_array s_outputs, const int *in_axes, size_t in_axes_num,
    const int *out_axes, size_t out_axes_num);
MLX_API int mlx_detail_vmap_trace(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
    const mlx_vector_array inputs, const int *in_axes, size_t in_axes_num);

#ifdef __cplusplus
}
#endif

#endif
