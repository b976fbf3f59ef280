/* stream.h: streams: ordered queues of work on a device. */
#ifndef MLX_STREAM_H
#define MLX_STREAM_H

#include "mlx/c/device.h"
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_stream_ {
  void *ctx;
} mlx_stream;

MLX_API mlx_stream mlx_stream_new(void);
MLX_API mlx_stream mlx_stream_new_device(mlx_device dev);
MLX_API int mlx_stream_set(mlx_stream *stream, const mlx_stream src);
MLX_API int mlx_stream_free(mlx_stream stream);
MLX_API int mlx_stream_tostring(mlx_string *str, mlx_stream stream);
MLX_API bool mlx_stream_equal(mlx_stream lhs, mlx_stream rhs);
MLX_API int mlx_stream_get_device(mlx_device *dev, mlx_stream stream);
MLX_API int mlx_stream_get_index(int *index, mlx_stream stream);
/* Waits until all work given to the stream is done; raises the first error since the last call. */
MLX_API int mlx_synchronize(mlx_stream stream);
MLX_API int mlx_get_default_stream(mlx_stream *stream, mlx_device dev);
MLX_API int mlx_set_default_stream(mlx_stream stream);
MLX_API mlx_stream mlx_default_cpu_stream_new(void);
MLX_API mlx_stream mlx_default_gpu_stream_new(void);

#ifdef __cplusplus
}
#endif

#endif
