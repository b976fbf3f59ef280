/* load_blocks.h: blocks of GGUF's quantized tensors, made into what arrays hold. */
#ifndef MX_CPU_LOAD_BLOCKS_H
#define MX_CPU_LOAD_BLOCKS_H

#include "graph/load.h"

/* n blocks that stay packed: weights (bits words of 32 a block, the first element lowest), a float16 scale and bias each:
 * element = scale * weight + bias. Nothing is lost: scales are the file's, biases their products with a power of two. */
void cpu_blocks_pack(enum mx_load_form form, const unsigned char *raw, int64_t n, uint32_t *weights, uint16_t *scales,
                     uint16_t *biases);
/* n blocks as float16. */
void cpu_blocks_expand(enum mx_load_form form, const unsigned char *raw, int64_t n, uint16_t *out);

#endif
