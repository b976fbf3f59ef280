/* load.c: forms of stored numbers. Source of the block sizes: the GGUF specification's list of tensor types. */
#include "graph/load.h"

const struct mx_load_block mx_load_blocks[MX_LOAD_FORMS] = {
    [MX_LOAD_Q4_0] = {32, 18, 4},    [MX_LOAD_Q4_1] = {32, 20, 4},    [MX_LOAD_Q8_0] = {32, 34, 8},    [MX_LOAD_Q5_0] = {32, 22, 0},
    [MX_LOAD_Q5_1] = {32, 24, 0},    [MX_LOAD_Q2_K] = {256, 84, 0},   [MX_LOAD_Q3_K] = {256, 110, 0},  [MX_LOAD_Q4_K] = {256, 144, 0},
    [MX_LOAD_Q5_K] = {256, 176, 0},  [MX_LOAD_Q6_K] = {256, 210, 0},  [MX_LOAD_Q8_K] = {256, 292, 0},
};

static void swap_bytes(unsigned char *p, int64_t n, size_t size) {
  for (int64_t i = 0; i < n; i++, p += size)
    for (size_t k = 0; k < size / 2; k++) {
      unsigned char t = p[k];
      p[k] = p[size - 1 - k];
      p[size - 1 - k] = t;
    }
}

void mx_load_mend(void *data, int64_t size, enum mx_dtype d, enum mx_load_form f) {
  bool complex = d == MX_COMPLEX64;
  if (f == MX_LOAD_SWAPPED) swap_bytes(data, complex ? 2 * size : size, complex ? 4 : mx_dtype_size(d));
  if (d != MX_BOOL) return;
  for (uint8_t *p = data, *end = p + size; p < end; p++) *p = *p != 0;
}
