/* io.h: loading and saving arrays. */
#ifndef MLX_IO_H
#define MLX_IO_H

#include "mlx/c/io_types.h"
#include "mlx/c/map.h"
#include "mlx/c/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Arrays of files load lazily: small ones at once, larger ones when they are evaluated, from the file held open. Arrays of a
 * reader are read at once. A save is whole or not there: a temporary file, synced and renamed. */
MLX_API int mlx_load_reader(mlx_array *res, mlx_io_reader in_stream, const mlx_stream s);
MLX_API int mlx_load(mlx_array *res, const char *file, const mlx_stream s);
/* GGUF, versions 2 and 3. Q4_0, Q4_1 and Q8_0 come packed, as name.weight, name.scales and name.biases; other quantized
 * tensors as float16. Saving takes the dtypes that GGUF has: signed integers and floats. */
MLX_API int mlx_load_gguf(mlx_io_gguf *gguf, const char *file, const mlx_stream s);
MLX_API int mlx_load_safetensors_reader(mlx_map_string_to_array *res_0, mlx_map_string_to_string *res_1,
    mlx_io_reader in_stream, const mlx_stream s);
MLX_API int mlx_load_safetensors(mlx_map_string_to_array *res_0, mlx_map_string_to_string *res_1,
    const char *file, const mlx_stream s);
MLX_API int mlx_save_writer(mlx_io_writer out_stream, const mlx_array a);
MLX_API int mlx_save(const char *file, const mlx_array a);
MLX_API int mlx_save_gguf(const char *file, mlx_io_gguf gguf);
MLX_API int mlx_save_safetensors_writer(mlx_io_writer in_stream, const mlx_map_string_to_array param,
    const mlx_map_string_to_string metadata);
MLX_API int mlx_save_safetensors(const char *file, const mlx_map_string_to_array param,
    const mlx_map_string_to_string metadata);

#ifdef __cplusplus
}
#endif

#endif
