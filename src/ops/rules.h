/* rules.h: what the families of operations share: checks, inference, small builders.
 * Invariant: builders normalize (dtypes, axes, shapes) and infer still checks everything, for calls that come from files. */
#ifndef MX_OPS_RULES_H
#define MX_OPS_RULES_H

#include "core/error.h"
#include "graph/build.h"
#include "graph/params.h"
#include "graph/prim.h"
#include "ops/ops.h"

const char *mx_op_name(const struct mx_call *c); /* "add" of "Add": what error texts say */

/* Inference of elementwise primitives: shapes broadcast, dtypes must be alike. */
int mx_infer_any(const struct mx_call *c, struct mx_spec *out);        /* every dtype, kept */
int mx_infer_real(const struct mx_call *c, struct mx_spec *out);       /* not complex64 */
int mx_infer_numeric(const struct mx_call *c, struct mx_spec *out);    /* not bool */
int mx_infer_inexact(const struct mx_call *c, struct mx_spec *out);    /* floats and complex64 */
int mx_infer_floating(const struct mx_call *c, struct mx_spec *out);   /* floats */
int mx_infer_compare(const struct mx_call *c, struct mx_spec *out);    /* every dtype -> bool */
int mx_infer_integral(const struct mx_call *c, struct mx_spec *out);   /* bool and integers */
int mx_infer_inputs(const struct mx_call *c, int nin, int nints, int head_size); /* counts only; nints < 0: any */

/* a in the dtype of an operation that needs an inexact one. */
mx_array *mx_as_inexact(mx_build *b, mx_array *a);
/* Both in their common dtype; false (and NULLs) after an error. */
bool mx_promote2(mx_build *b, mx_array **x, mx_array **y);
/* Is a one real number, given as such (not computed, nor to be)? Not for int64 and uint64, which a double may not hold. */
bool mx_is_number(const mx_array *a, double *value);
mx_array *mx_complex_scalar(mx_build *b, float re, float im);

/* Axes as given by a caller -> ascending, non-negative. axes NULL: all. Duplicates are MX_EVALUE. False after an error in b. */
struct mx_axes {
  int n;
  int64_t at[MX_MAX_NDIM];
};
bool mx_axis_of(mx_build *b, const char *op, int64_t axis, int ndim, int *out); /* one axis; false after an error in b */
bool mx_axes_of(mx_build *b, const char *op, const mx_array *a, const int *axes, int n, struct mx_axes *out);

/* A product of dimensions. Beside a dimension of 0 others may be so large that it wraps: the shape check that follows sees it. */
static inline int64_t mx_times(int64_t x, int64_t y) { return (int64_t)((uint64_t)x * (uint64_t)y); }

/* For vmap rules. The batch dimension of a brought to the front; an unbatched a (axis -1) gets one of the given size. */
mx_array *mx_batch_first(mx_build *b, mx_array *a, int axis, int64_t size);
int64_t mx_batch_size(mx_array *const *in, const int *axis, int n);
/* Zeros of the shape and dtype of a. */
mx_array *mx_zeros_as(mx_build *b, const mx_array *a);

#endif
