/* load.h: what the Load primitive reads: a run of bytes behind a reader, in one of the forms that files store numbers in.
 * Invariant: io has checked that the run lies inside the source; the reader stays readable until the array is computed. */
#ifndef MX_GRAPH_LOAD_H
#define MX_GRAPH_LOAD_H

#include "graph/array.h"

/* Where bytes come from; io makes them, the Load primitive's object. */
struct mx_reader {
  struct mx_object o;
  /* Exactly n bytes at offset, or an error. Any thread may call, several at once. */
  int (*read)(struct mx_reader *r, void *to, size_t n, uint64_t offset);
  const char *map; /* the source's bytes where they stand mapped in memory; NULL: read alone serves */
};

/* How the numbers are stored. From Q4_0 on: blocks of GGUF; the first three stay packed (three outputs: weight, scales,
 * biases), the others come as float16. */
enum mx_load_form {
  MX_LOAD_PLAIN,
  MX_LOAD_SWAPPED, /* big-endian */
  MX_LOAD_Q4_0,
  MX_LOAD_Q4_1,
  MX_LOAD_Q8_0,
  MX_LOAD_Q5_0,
  MX_LOAD_Q5_1,
  MX_LOAD_Q2_K,
  MX_LOAD_Q3_K,
  MX_LOAD_Q4_K,
  MX_LOAD_Q5_K,
  MX_LOAD_Q6_K,
  MX_LOAD_Q8_K,
  MX_LOAD_FORMS,
};
struct mx_load_block {
  int elements, bytes; /* of one block along the last axis */
  int bits;            /* of an element that stays packed; 0: it is expanded to float16 */
};
extern const struct mx_load_block mx_load_blocks[MX_LOAD_FORMS]; /* plain ones: zeroes */
static inline int mx_load_outputs(enum mx_load_form f) { return mx_load_blocks[f].bits ? 3 : 1; }
/* Bytes that size elements take; size is a multiple of the block's elements. */
static inline uint64_t mx_load_bytes(enum mx_load_form f, enum mx_dtype d, int64_t size) {
  const struct mx_load_block *b = &mx_load_blocks[f];
  return b->elements ? (uint64_t)size / (uint64_t)b->elements * (uint64_t)b->bytes : (uint64_t)size * mx_dtype_size(d);
}
/* What a file filled, made sound in place: little-endian, and a bool is 0 or 1, which kernels count on. */
void mx_load_mend(void *data, int64_t size, enum mx_dtype d, enum mx_load_form f);

#endif
