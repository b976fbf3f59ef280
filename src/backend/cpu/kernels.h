/* kernels.h: the CPU's kernels by primitive; the table is kernels.def.
 * Invariant: outputs come allocated and row-contiguous (but see mx_prim.inplace); inputs have any strides; a kernel
 * writes nothing but its outputs and fails by mx_fail. */
#ifndef MX_CPU_KERNELS_H
#define MX_CPU_KERNELS_H

#include "graph/prim.h"
#include "program/program.h"

/* c gives parameters; shapes and data come from in and out, not from c->in (which may be gone). */
typedef int (*cpu_kernel)(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out);

#define K(id, kernel) int kernel(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out);
#include "backend/cpu/kernels.def"
#undef K

/* Runs a tile program: vm.c. */
int cpu_program_run(const struct mx_program_run *r);
/* dst (row-contiguous or any strides) = src, same dtype and shape: for other kernels. */
int cpu_copy(const struct mx_tensor *src, const struct mx_tensor *dst);

#endif
