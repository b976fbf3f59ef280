/* matmul.c: the primitives Matmul and AddMM: their tensors handed to the engine of gemm.h.
 * Invariant: batch dimensions are already equal by shape; broadcast ones have stride 0. */
#include "backend/cpu/gemm.h"
#include "backend/cpu/kernels.h"
#include "graph/params.h"

static int run(const struct mx_tensor *add, const struct mx_tensor *a, const struct mx_tensor *b, const struct mx_tensor *out,
               double alpha, double beta) {
  int n = out->ndim;
  struct cpu_gemm_batch batch = {.ndim = n - 2};
  for (int d = 0; d < n - 2; d++) {
    batch.shape[d] = out->shape[d];
    batch.a[d] = a->strides[d];
    batch.b[d] = b->strides[d];
    batch.add[d] = add ? add->strides[d] : 0;
  }
  struct cpu_gemm g = {
      .dtype = out->dtype, .m = out->shape[n - 2], .n = out->shape[n - 1], .k = a->shape[n - 1],
      .a = a->data, .a_row = a->strides[n - 2], .a_col = a->strides[n - 1],
      .b = b->data, .b_row = b->strides[n - 2], .b_col = b->strides[n - 1],
      .c = out->data, .alpha = alpha, .beta = beta,
  };
  if (add) {
    g.add = add->data;
    g.add_row = add->strides[n - 2];
    g.add_col = add->strides[n - 1];
  }
  return cpu_gemm_run(cpu_gemm_table(cpu_isa()), &g, &batch);
}

int cpu_matmul(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  return run(NULL, in[0], in[1], out[0], 1, 0);
}

int cpu_addmm(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_addmm_params *p = c->p.head;
  return run(in[0], in[1], in[2], out[0], p->alpha, p->beta);
}
