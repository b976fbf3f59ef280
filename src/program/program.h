/* program.h: a tile program: elementwise work as straight-line code over values, ended by stores or by one reduction.
 * Invariant: plain data, the same for every backend; meaning is that of the primitives run one by one. */
#ifndef MX_PROGRAM_PROGRAM_H
#define MX_PROGRAM_PROGRAM_H

#include "graph/array.h"
#include "graph/prim_id.h"

enum { MX_PROGRAM_INSTRS = 64, MX_PROGRAM_INPUTS = 16, MX_PROGRAM_OUTPUTS = 8 };

/* Values are numbered: inputs 0 … nin-1, then the result of instruction i is nin + i. */
struct mx_instr {
  uint8_t prim;  /* enum mx_prim_id of an elementwise primitive */
  uint8_t key;   /* dtype of its last operand: picks the kernel */
  uint8_t dtype; /* of its result (for astype: what it casts to) */
  uint8_t nsrc;
  uint8_t src[3];
};

struct mx_program {
  uint8_t nin, ninstr, nout;
  uint8_t reduce;       /* 0, or 1 + enum mx_prim_id of sum, prod, min, max, all, any: the one output is the reduced out[0] */
  uint8_t reduce_dtype; /* of that output */
  uint8_t in_dtype[MX_PROGRAM_INPUTS];
  uint8_t out[MX_PROGRAM_OUTPUTS]; /* the values that are stored */
  struct mx_instr code[MX_PROGRAM_INSTRS];
};

/* One run: an iteration space, inputs laid over it, outputs. */
struct mx_program_run {
  const struct mx_program *program;
  int ndim;
  const int64_t *shape; /* of the iteration space: what the program computes before any reduction */
  uint32_t reduce_axes; /* bit i: dimension i is reduced */
  struct mx_tensor *const *in;  /* each broadcasts to shape (right-aligned, size-1 dimensions repeat), or has stride 0 where shape is 1 */
  struct mx_tensor *const *out; /* row-contiguous, of shape (reduced dimensions 1); may be the buffer of an input with the
                                   same element size, shape and contiguous layout */
};

static inline enum mx_dtype mx_program_value_dtype(const struct mx_program *p, int value) {
  return (enum mx_dtype)(value < p->nin ? p->in_dtype[value] : p->code[value - p->nin].dtype);
}
/* The program as text, one instruction a line, for golden tests and traces. Returns the length needed. */
int64_t mx_program_print(const struct mx_program *p, char *text, int64_t size);

#endif
