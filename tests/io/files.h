/* files.h: what the tests of io share: a folder of the test's own, bytes in and out of files, arrays with a pattern.
 * Invariant: files_end leaves nothing behind on disk, and no test prints through the error handler. */
#ifndef RAVEL_TESTS_IO_FILES_H
#define RAVEL_TESTS_IO_FILES_H

#include "mlx/c/mlx.h"
#include "test.h"

#include "core/error.h"

/* Makes the folder and silences the error handler (its calls are counted); the end undoes both. */
void files_begin(void);
void files_end(void);
const char *files_path(const char *name); /* in the folder; valid until the eighth call after */
int files_count(void);                    /* how many files the folder holds */
int files_errors(void);                   /* calls of the error handler since files_begin */

void files_write(const char *path, const void *data, size_t n);
/* The file's content with a 0 behind it, to be freed; *n its length. */
char *files_read(const char *path, size_t *n);

/* Bytes put together piece by piece. */
struct bytes {
  unsigned char at[1 << 16];
  size_t n;
};
void bytes_add(struct bytes *b, const void *data, size_t n);
void bytes_text(struct bytes *b, const char *text);
void bytes_int(struct bytes *b, uint64_t v, int n); /* little endian */

/* An npy file of this header text (padded) and data; version 1, 2 or 3. */
void npy_make(struct bytes *b, int version, const char *header, const void *data, size_t n);
/* A safetensors file of this JSON and data. */
void safetensors_make(struct bytes *b, const char *json, const void *data, size_t n);

/* An array of shape (2,3) with distinct bit patterns that are sound in the dtype. */
mlx_array pattern(mlx_dtype dtype);
/* The same dtype, shape and bytes in row-major order. */
bool same_array(mlx_array a, mlx_array b);

#endif
