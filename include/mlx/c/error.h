/* error.h: the handler that is told of errors. */
#ifndef MLX_ERROR_H
#define MLX_ERROR_H

#include "mlx/c/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*mlx_error_handler_func)(const char *msg, void *data);

/* handler NULL restores the default, which prints one line to standard error (and, unlike mlx-c's, does not exit: every function returns its error class). dtor(data) is called when the handler is replaced. */
MLX_API void mlx_set_error_handler(mlx_error_handler_func handler, void *data, void (*dtor)(void*));

#ifdef __cplusplus
}
#endif

#endif
