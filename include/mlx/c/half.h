/* half.h: 16-bit floats as their bits, so that no compiler support is needed. */
#ifndef MLX_HALF_H
#define MLX_HALF_H

#include <stdint.h>

typedef uint16_t float16_t;
typedef uint16_t bfloat16_t;
/* Real part, imaginary part: laid out as float _Complex. */
typedef struct mlx_complex64_ {
  float re, im;
} mlx_complex64_t;

#endif
