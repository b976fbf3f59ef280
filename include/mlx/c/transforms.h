/* transforms.h: evaluation and function transforms. */
#ifndef MLX_TRANSFORMS_H
#define MLX_TRANSFORMS_H

#include "mlx/c/closure.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts computing; an error is raised where a result is asked for, or by mlx_synchronize. */
MLX_API int mlx_async_eval(const mlx_vector_array outputs);
MLX_API int mlx_checkpoint(mlx_closure *res, const mlx_closure fun);
MLX_API int mlx_custom_function(mlx_closure *res, const mlx_closure fun, const mlx_closure_custom fun_vjp,
    const mlx_closure_custom_jvp fun_jvp, const mlx_closure_custom_vmap fun_vmap);
MLX_API int mlx_custom_vjp(mlx_closure *res, const mlx_closure fun, const mlx_closure_custom fun_vjp);
/* Computes all the arrays; returns when they are done. */
MLX_API int mlx_eval(const mlx_vector_array outputs);
/* res_0: the outputs; res_1: the Jacobian-vector products, one for each output. */
MLX_API int mlx_jvp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
    const mlx_vector_array primals, const mlx_vector_array tangents);
/* The first output must be a scalar; argnums: which inputs to differentiate with respect to. */
MLX_API int mlx_value_and_grad(mlx_closure_value_and_grad *res, const mlx_closure fun, const int *argnums,
    size_t argnums_num);
/* res_0: the outputs; res_1: the vector-Jacobian products, one for each primal. */
MLX_API int mlx_vjp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
    const mlx_vector_array primals, const mlx_vector_array cotangents);

#ifdef __cplusplus
}
#endif

#endif
