/* prim.h: a primitive is one const struct beside its rules; prims.def lists them.
 * Invariant: rules build graph through mx_build and compute nothing. */
#ifndef MX_GRAPH_PRIM_H
#define MX_GRAPH_PRIM_H

#include "graph/array.h"
#include "graph/build.h"
#include "graph/prim_id.h"

enum mx_kind {
  MX_ELEMENTWISE, /* broadcasts its inputs; fuses; gives partials (or explicit rules) */
  MX_VIEW,        /* same data, other layout where `view` can; one input; linear */
  MX_REDUCE,      /* over axes = ints, keeping dimensions as size 1; may end a fused program */
  MX_GENERAL,     /* a kernel of its own */
};

struct mx_spec { /* what infer says of one output */
  enum mx_dtype dtype;
  int32_t ndim;
  int64_t shape[MX_MAX_NDIM];
};

/* The partial derivative with respect to one input, an array that broadcasts to the output; may use c->in and c->out.
 * NULL stands for "no derivative" (zero) when b is not failed. */
typedef mx_array *(*mx_partial)(mx_build *b, const struct mx_call *c);

struct mx_prim {
  enum mx_prim_id id;
  const char *name; /* as in prims.def */
  enum mx_kind kind;
  bool linear;      /* jvp: the same call on the tangents (of those inputs that carry data, see linear_inputs) */
  uint8_t inplace;  /* 1 + index of the input whose buffer the kernel may write its output over; 0: none */
  /* Checks inputs and parameters (MX_EVALUE, MX_ETYPE with shapes and dtypes) and fills out[c->nout]. */
  int (*infer)(const struct mx_call *c, struct mx_spec *out);
  mx_partial partial[3];
  /* cot[nout] may hold NULL (zero); fill grads[i] (NULL = zero) for the inputs with wanted[i]. Errors stick in b. */
  void (*vjp)(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads);
  /* tan[nin] may hold NULL (zero); fill out_tan[nout]. */
  void (*jvp)(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan);
  /* in[i] has its batch dimension at axis[i] (-1: not batched). Fill out[nout] and out_axis[nout]. c is the unbatched call. */
  void (*vmap)(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis);
  /* MX_VIEW: fills out->strides and out->data for in; false when this layout needs a copy (never for other than reshape-like). */
  bool (*view)(const struct mx_call *c, const struct mx_tensor *in, struct mx_tensor *out);
  /* The operation in terms of others: for backends without a kernel, for rules it lacks, and as the oracle in tests. */
  void (*compose)(mx_build *b, const struct mx_call *c, mx_array **out);
};

#define P(id, name) extern const struct mx_prim mx_prim_##id;
#include "graph/prims.def"
#undef P
/* What error texts call the operation, after Python: "add" for "Add". */
const char *mx_prim_op(const struct mx_prim *p);
/* All rules structs by number. */
extern const struct mx_prim *const mx_prims[MX_PRIM_COUNT];

#endif
