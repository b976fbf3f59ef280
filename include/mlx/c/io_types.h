/* io_types.h: readers and writers of the caller's own, and GGUF files as handles. */
#ifndef MLX_IO_TYPES_H
#define MLX_IO_TYPES_H

#include "mlx/c/array.h"
#include "mlx/c/string.h"
#include "mlx/c/vector.h"
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

/* What a GGUF file holds: arrays by name, and metadata by key: arrays (0-d for a number or a bool), strings, lists of strings. */
typedef struct mlx_io_gguf_ {
  void *ctx;
} mlx_io_gguf;
MLX_API mlx_io_gguf mlx_io_gguf_new(void);
MLX_API int mlx_io_gguf_free(mlx_io_gguf io);
/* The names of its arrays. */
MLX_API int mlx_io_gguf_get_keys(mlx_vector_string *keys, mlx_io_gguf io);
/* An error where the key is missing, or of another kind; has_… tells beforehand. */
MLX_API int mlx_io_gguf_get_array(mlx_array *arr, mlx_io_gguf io, const char *key);
MLX_API int mlx_io_gguf_get_metadata_array(mlx_array *arr, mlx_io_gguf io, const char *key);
MLX_API int mlx_io_gguf_get_metadata_string(mlx_string *str, mlx_io_gguf io, const char *key);
MLX_API int mlx_io_gguf_get_metadata_vector_string(mlx_vector_string *vstr, mlx_io_gguf io, const char *key);
MLX_API int mlx_io_gguf_has_metadata_array(bool *flag, mlx_io_gguf io, const char *key);
MLX_API int mlx_io_gguf_has_metadata_string(bool *flag, mlx_io_gguf io, const char *key);
MLX_API int mlx_io_gguf_has_metadata_vector_string(bool *flag, mlx_io_gguf io, const char *key);
/* In place of what the key held. Metadata arrays have no dimension or one. */
MLX_API int mlx_io_gguf_set_array(mlx_io_gguf io, const char *key, const mlx_array arr);
MLX_API int mlx_io_gguf_set_metadata_array(mlx_io_gguf io, const char *key, const mlx_array marr);
MLX_API int mlx_io_gguf_set_metadata_string(mlx_io_gguf io, const char *key, const char *mstr);
MLX_API int mlx_io_gguf_set_metadata_vector_string(mlx_io_gguf io, const char *key, const mlx_vector_string mvstr);

#ifdef __cplusplus
}
#endif

#endif
