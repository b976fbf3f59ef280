/* index.h: what reading (index.c) and writing (scatter.c) by index arrays share. */
#ifndef MX_OPS_INDEX_H
#define MX_OPS_INDEX_H

#include "ops/rules.h"

/* One index array in a dtype that kernels read; n of them of one dtype and shape into out. */
mx_array *mx_index_array(mx_build *b, const char *op, mx_array *index);
bool mx_index_arrays(mx_build *b, const char *op, mx_array *const *in, int n, mx_array **out);
/* For infer: dtypes and shapes of index arrays; indices beside an array for the _axis primitives. */
int mx_check_indices(const struct mx_call *c, const struct mx_tensor *const *index, int n);
int mx_check_axis_indices(const struct mx_call *c, const struct mx_tensor *a, const struct mx_tensor *index);
/* For vmap: indices with the batch in front and, as the first, one that counts the batch. Gives how many (n + 1). */
int mx_batch_indices(mx_build *b, mx_array *const *index, const int *axis, int n, const int64_t *axes, int64_t size, mx_array **out,
                     int64_t *out_axes);
bool mx_align_axis(mx_build *b, const char *op, mx_array **a, mx_array **index, int axis);

#endif
