/* cuda.h: the CUDA backend. */
#ifndef MLX_CUDA_H
#define MLX_CUDA_H

#include "mlx/c/export.h"
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

MLX_API int mlx_cuda_is_available(bool *res);

#ifdef __cplusplus
}
#endif

#endif
