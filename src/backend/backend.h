/* backend.h: what eval asks of a device. Only eval includes this. */
#ifndef MX_BACKEND_BACKEND_H
#define MX_BACKEND_BACKEND_H

#include "graph/prim.h"
#include "program/program.h"

struct mx_backend {
  const char *name;
  /* Has a kernel for this primitive of kind MX_GENERAL? */
  bool (*has)(enum mx_prim_id id);
  int (*run)(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out);
  int (*run_program)(const struct mx_program_run *r);
  int (*threads)(int set); /* how many threads share an operation; set >= 0: first set it (0: the default), returns the old */
};

const struct mx_backend *mx_cpu_backend(void);

#endif
