/* dtype.h: the fourteen dtypes, their promotion and their categories. Numbers are mlx-c's. */
#ifndef MX_CORE_DTYPE_H
#define MX_CORE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mx_dtype {
  MX_BOOL,
  MX_UINT8,
  MX_UINT16,
  MX_UINT32,
  MX_UINT64,
  MX_INT8,
  MX_INT16,
  MX_INT32,
  MX_INT64,
  MX_FLOAT16,
  MX_FLOAT32,
  MX_FLOAT64,
  MX_BFLOAT16,
  MX_COMPLEX64,
  MX_DTYPE_COUNT
};

static inline size_t mx_dtype_size(enum mx_dtype d) {
  static const uint8_t size[MX_DTYPE_COUNT] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2, 8};
  return size[d];
}
const char *mx_dtype_name(enum mx_dtype d); /* "float32" */
/* The dtype of an operation on a and b: MLX's table (int32 + float16 = float16, uint32 + int32 = int64,
 * uint64 + any signed = float32, float16 + bfloat16 = float32, …). */
enum mx_dtype mx_dtype_promote(enum mx_dtype a, enum mx_dtype b);
static inline bool mx_dtype_is_complex(enum mx_dtype d) { return d == MX_COMPLEX64; }
static inline bool mx_dtype_is_floating(enum mx_dtype d) { return d >= MX_FLOAT16 && d <= MX_BFLOAT16; }
static inline bool mx_dtype_is_inexact(enum mx_dtype d) { return d >= MX_FLOAT16; }
static inline bool mx_dtype_is_unsigned(enum mx_dtype d) { return d >= MX_UINT8 && d <= MX_UINT64; }
static inline bool mx_dtype_is_signed_int(enum mx_dtype d) { return d >= MX_INT8 && d <= MX_INT64; }
static inline bool mx_dtype_is_integer(enum mx_dtype d) { return d >= MX_UINT8 && d <= MX_INT64; }
/* Where an operation needs a float: itself when inexact, else float32. */
static inline enum mx_dtype mx_dtype_to_inexact(enum mx_dtype d) { return mx_dtype_is_inexact(d) ? d : MX_FLOAT32; }

#endif
