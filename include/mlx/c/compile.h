/* compile.h: compiled functions. */
#ifndef MLX_COMPILE_H
#define MLX_COMPILE_H

#include "mlx/c/closure.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mlx_compile_mode_ {
  MLX_COMPILE_MODE_DISABLED,
  MLX_COMPILE_MODE_NO_SIMPLIFY,
  MLX_COMPILE_MODE_NO_FUSE,
  MLX_COMPILE_MODE_ENABLED,
} mlx_compile_mode;

/* The same function, traced once for each shape and dtype of its inputs, fused, and replayed. */
MLX_API int mlx_compile(mlx_closure *res, const mlx_closure fun, bool shapeless);
/* As mlx_compile, with the function named by fun_id and constants that are part of the cache key. */
MLX_API int mlx_detail_compile(mlx_closure *res, const mlx_closure fun, uintptr_t fun_id, bool shapeless,
    const uint64_t *constants, size_t constants_num);
MLX_API int mlx_detail_compile_clear_cache(void);
MLX_API int mlx_detail_compile_erase(uintptr_t fun_id);
MLX_API int mlx_disable_compile(void);
MLX_API int mlx_enable_compile(void);
MLX_API int mlx_set_compile_mode(mlx_compile_mode mode);

#ifdef __cplusplus
}
#endif

#endif
