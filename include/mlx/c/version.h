/* version.h: the version of MLX whose interface this is. */
#ifndef MLX_VERSION_H
#define MLX_VERSION_H

#include "mlx/c/string.h"

#ifdef __cplusplus
extern "C" {
#endif

MLX_API int mlx_version(mlx_string *str_);

#ifdef __cplusplus
}
#endif

#endif
