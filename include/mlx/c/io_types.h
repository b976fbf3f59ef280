/* io_types.h: readers and writers of the caller's own. */
#ifndef MLX_IO_TYPES_H
#define MLX_IO_TYPES_H

#include "mlx/c/string.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_io_reader_ {
  void *ctx;
} mlx_io_reader;

typedef struct mlx_io_writer_ {
  void *ctx;
} mlx_io_writer;

typedef struct mlx_io_vtable_ {
  bool (*is_open)(void*);
  bool (*good)(void*);
  size_t (*tell)(void*);
  void (*seek)(void*, int64_t off, int whence);
  void (*read)(void*, char *data, size_t n);
  void (*read_at_offset)(void*, char *data, size_t n, size_t off);
  void (*write)(void*, const char *data, size_t n);
  const char *(*label)(void*);
  void (*free)(void*);
} mlx_io_vtable;

MLX_API mlx_io_reader mlx_io_reader_new(void *desc, mlx_io_vtable vtable);
MLX_API int mlx_io_reader_descriptor(void**desc_, mlx_io_reader io);
MLX_API int mlx_io_reader_tostring(mlx_string *str_, mlx_io_reader io);
MLX_API int mlx_io_reader_free(mlx_io_reader io);
MLX_API mlx_io_writer mlx_io_writer_new(void *desc, mlx_io_vtable vtable);
MLX_API int mlx_io_writer_descriptor(void**desc_, mlx_io_writer io);
MLX_API int mlx_io_writer_tostring(mlx_string *str_, mlx_io_writer io);
MLX_API int mlx_io_writer_free(mlx_io_writer io);

#ifdef __cplusplus
}
#endif

#endif
