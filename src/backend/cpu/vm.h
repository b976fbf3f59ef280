/* vm.h: the tile VM's working form of a program run. Internal to vm*.c. */
#ifndef MX_CPU_VM_H
#define MX_CPU_VM_H

#include "backend/cpu/tile_table.h"
#include "program/program.h"

enum {
  VM_L1_BYTES = 16384, /* registers of one worker fill at most this, but for blocks */
  VM_MAX_TILE = 1024,
  VM_MIN_TILE = 64,
  VM_NONE = 255,
  VM_REGS_BYTES = 48 * 1024, /* enough for every program at the smallest tile */
};

/* A stretch of the iteration space that the inputs are read over in order; strides are per input. */
struct vm_space {
  int ndim;
  int64_t shape[MX_MAX_NDIM];
  int64_t strides[MX_PROGRAM_INPUTS][MX_MAX_NDIM];
};

/* What a tile is: a run of the space in row-major order; a piece of one row (of the last dimension); a block of the last two
 * dimensions, where an input runs along the last but one. */
enum vm_mode { VM_LINEAR, VM_ROWS, VM_BLOCKS };

enum vm_place {
  VM_REGISTER,   /* values: in a register */
  VM_OUTPUT,     /* values: in the output */
  VM_STREAMED,   /* values: in the output, past the caches */
  VM_CONTIGUOUS, /* inputs: where they stand */
  VM_SCALAR,     /* inputs: one element for the whole tile, kept splatted */
  VM_PERIODIC,   /* inputs: the same elements again and again, kept loaded */
  VM_STRIDED,    /* inputs: loaded for each tile */
};

struct vm {
  const struct mx_program *p;
  enum vm_mode mode;
  int tile; /* elements */
  int nregs;
  size_t reg_bytes;
  bool bare; /* one chain, straight into the output: a scalar is read where it stands, once a vector */
  enum vm_place in_place[MX_PROGRAM_INPUTS];
  int8_t in_reg[MX_PROGRAM_INPUTS];
  int64_t period[MX_PROGRAM_INPUTS];
  const char *in_data[MX_PROGRAM_INPUTS];
  size_t in_size[MX_PROGRAM_INPUTS];
  struct vm_code {
    cpu_tile_fn fn; /* NULL: the steps of `length` instructions from here on are a chain */
    enum vm_place place; /* of the result of the last of them */
    int8_t at;           /* which register or output */
    uint8_t length;
  } code[MX_PROGRAM_INSTRS];
  struct vm_step { /* an instruction within a chain */
    float hi, lo;
    uint16_t what;
    uint8_t from, other; /* values: the one that runs through, or that it starts from; the other operand, or VM_NONE */
  } steps[MX_PROGRAM_INSTRS];
};

/* What one thread works with: registers, and where each value of the current tile stands. */
struct vm_worker {
  const struct vm *vm;
  char *regs;
  const char *value[MX_PROGRAM_INPUTS + MX_PROGRAM_INSTRS];
  const char *kept[MX_PROGRAM_INPUTS]; /* scalars and periodic inputs: what their register holds, from where in a period, */
  int64_t kept_phase[MX_PROGRAM_INPUTS], kept_n[MX_PROGRAM_INPUTS]; /* and how much of it */
};

/* Chooses kernels, registers and the tile size. Bit o of direct: a value may be computed in output o; of stream: past the caches. */
int vm_prepare(struct vm *vm, const struct mx_program_run *r, const struct vm_space *s, enum vm_mode mode, uint32_t direct, uint32_t stream);
/* Merges neighbouring dimensions that every input walks through alike; drops those of size 1. */
void vm_collapse(struct vm_space *s, int nin);
void vm_strides(const struct mx_program_run *r, struct vm_space *s); /* inputs laid over r->shape */
int64_t vm_count(const struct vm_space *s);
/* From how many elements on other threads are called: a few microseconds of work, what it costs to share it. */
int64_t vm_share_from(const struct mx_program *p);
/* The kernel of an instruction; NULL where the operation is not defined for the dtype. */
static inline cpu_tile_fn vm_kernel(const struct mx_instr *in) {
  const struct cpu_tile_table *t = cpu_tile_table();
  return in->prim == MX_PRIM_astype ? t->cast[in->key][in->dtype] : t->op[in->prim][in->key];
}
/* Once per worker, before its tiles. regs: VM_REGS_BYTES, 64-aligned. */
void vm_worker_begin(struct vm_worker *w, const struct vm *vm, char *regs);

/* Loads the inputs of a tile. Linear: n elements from index `start` of s, inputs offset by base[k] elements (NULL: by none).
 * Rows, blocks: `rows` x `cols` elements that begin base[k] elements into input k, along the last two dimensions of s. */
void vm_load_linear(struct vm_worker *w, const struct vm_space *s, const int64_t *base, int64_t start, int64_t n);
void vm_load_plane(struct vm_worker *w, const struct vm_space *s, const int64_t *base, int64_t rows, int64_t cols);
/* Brings the elements nearer that follow the n just loaded, so that memory works while the code runs. */
void vm_prefetch(const struct vm_worker *w, int64_t n);
/* Runs the code on the n elements that are loaded. outs: where outputs go (may be NULL when none is direct). */
void vm_compute(struct vm_worker *w, int64_t n, char *const *outs);

int vm_reduce(const struct mx_program_run *r); /* vm_reduce.c */

#endif
