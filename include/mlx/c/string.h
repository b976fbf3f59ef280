/* string.h: strings that the library made. */
#ifndef MLX_STRING_H
#define MLX_STRING_H

#include "mlx/c/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_string_ {
  void *ctx;
} mlx_string;

MLX_API mlx_string mlx_string_new(void);
MLX_API mlx_string mlx_string_new_data(const char *str);
MLX_API int mlx_string_set(mlx_string *str, const mlx_string src);
MLX_API const char *mlx_string_data(mlx_string str);
MLX_API int mlx_string_free(mlx_string str);

#ifdef __cplusplus
}
#endif

#endif
