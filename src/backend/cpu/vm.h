/* vm.h: the tile VM's working form of a program run. Internal to vm*.c. */
#ifndef MX_CPU_VM_H
#define MX_CPU_VM_H

#include "backend/cpu/tile_table.h"
#include "program/program.h"

enum {
  VM_L1_BYTES = 16384, /* registers of one worker fill at most this */
  VM_MAX_TILE = 1024,
  VM_MIN_TILE = 64,
  VM_REGS_BYTES = 48 * 1024, /* enough for every program at the smallest tile */
};

/* A stretch of the iteration space that the inputs are read over in order; strides are per input. */
struct vm_space {
  int ndim;
  int64_t shape[MX_MAX_NDIM];
  int64_t strides[MX_PROGRAM_INPUTS][MX_MAX_NDIM];
};

enum vm_place { VM_REGISTER, VM_OUTPUT, VM_CONTIGUOUS, VM_SCALAR, VM_STRIDED };

struct vm {
  const struct mx_program *p;
  int tile;               /* elements */
  int nregs;
  size_t reg_bytes;
  enum vm_place in_place[MX_PROGRAM_INPUTS];
  int8_t in_reg[MX_PROGRAM_INPUTS];
  const char *in_data[MX_PROGRAM_INPUTS];
  size_t in_size[MX_PROGRAM_INPUTS];
  struct {
    cpu_tile_fn fn;
    enum vm_place place; /* VM_REGISTER or VM_OUTPUT */
    int8_t at;           /* which one */
  } code[MX_PROGRAM_INSTRS];
};

/* What one thread works with: registers, and where each value of the current tile stands. */
struct vm_worker {
  const struct vm *vm;
  char *regs;
  const char *value[MX_PROGRAM_INPUTS + MX_PROGRAM_INSTRS];
  const char *splat_of[MX_PROGRAM_INPUTS]; /* the scalar that stands in its register, and how often */
  int64_t splat_n[MX_PROGRAM_INPUTS];
};

/* Chooses kernels, registers and the tile size. direct_out: a value that is stored may be computed in its output. */
int vm_prepare(struct vm *vm, const struct mx_program_run *r, const struct vm_space *s, bool direct_out);
/* Merges neighbouring dimensions that every input walks through alike; drops those of size 1. */
void vm_collapse(struct vm_space *s, int nin);
void vm_strides(const struct mx_program_run *r, struct vm_space *s); /* inputs laid over r->shape */
/* Once per worker, before its tiles. regs: VM_REGS_BYTES, 64-aligned. */
void vm_worker_begin(struct vm_worker *w, const struct vm *vm, char *regs);
/* Computes n <= vm->tile elements from linear index `start` of s, inputs offset by base[k] elements. outs: where outputs of
 * this tile go (may be NULL when no output is direct). */
void vm_tile(struct vm_worker *w, const struct vm_space *s, const int64_t *base, int64_t start, int64_t n, char *const *outs);

int vm_reduce(const struct mx_program_run *r); /* vm_reduce.c */

#endif
