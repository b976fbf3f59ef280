/* cpu.c: the CPU as eval sees it: a table of kernels. */
#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"

static const cpu_kernel kernels[MX_PRIM_COUNT] = {
#define K(id, kernel) [MX_PRIM_##id] = kernel,
#include "backend/cpu/kernels.def"
#undef K
};

static bool cpu_has(enum mx_prim_id id) { return kernels[id] != NULL; }

static int cpu_run(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return kernels[c->prim->id](c, in, out);
}

static int cpu_threads(int set) { return set < 0 ? cpu_pool_threads() : cpu_pool_set_threads(set); }

const struct mx_backend *mx_cpu_backend(void) {
  static const struct mx_backend cpu = {.name = "cpu", .has = cpu_has, .run = cpu_run, .run_program = cpu_program_run,
                                       .threads = cpu_threads};
  return &cpu;
}
