/* metal.h: the Metal backend, which this library does not have. */
#ifndef MLX_METAL_H
#define MLX_METAL_H

#include "mlx/c/export.h"
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

MLX_API int mlx_metal_is_available(bool *res);
/* Both fail: there is no Metal to capture. */
MLX_API int mlx_metal_start_capture(const char *path);
MLX_API int mlx_metal_stop_capture(void);

#ifdef __cplusplus
}
#endif

#endif
