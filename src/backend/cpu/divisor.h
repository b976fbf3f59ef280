/* divisor.h: division by a constant as a product and a fused multiply-add. */
#ifndef MX_CPU_DIVISOR_H
#define MX_CPU_DIVISOR_H

#include <stdbool.h>

/* hi + lo, about 1/c to 47 bits. True when fma(x, hi, x * lo) is x / c correctly rounded, in float32, for every x that is not
 * nearer to 0 than 2^-64 (0 itself is fine). False where it is not, for powers of two, and where c is not a number between
 * 2^-30 and 2^30 in magnitude. */
bool cpu_divisor_split(float c, float *hi, float *lo);

#endif
