/* build.h: the one way to make nodes. A build owns every node made through it until its end; its first error sticks,
 * later calls return NULL and accept NULL, so that rules nest as expressions. */
#ifndef MX_GRAPH_BUILD_H
#define MX_GRAPH_BUILD_H

#include "core/error.h"
#include "graph/array.h"

struct mx_spec;

typedef struct mx_build {
  struct mx_stream *stream;
  int status; /* of the first error, whose text is this thread's */
  int32_t n, cap;
  mx_array **owned;
  mx_array *first[16];
} mx_build;

void mx_build_begin(mx_build *b, struct mx_stream *stream); /* NULL: this thread's default stream */
/* Ends the build: result (owned by b, or borrowed from the caller) is returned with a reference of the caller's; all else
 * is dropped. NULL result or an earlier error: *out untouched, the error's class returned. */
int mx_build_end(mx_build *b, mx_array *result, mx_array **out);
int mx_build_end_many(mx_build *b, mx_array *const *results, int n, mx_array **out); /* all or none */
/* For public functions: as mx_build_end, but replaces the handle *res (unref of the old one) and passes mx_boundary. */
int mx_build_return(mx_build *b, mx_array *result, void **res_ctx);
/* Makes b own a reference the caller has (so that it is dropped at the end); returns it. On failure it is dropped. */
mx_array *mx_build_own(mx_build *b, mx_array *a_take);
/* Records an error in the build as mx_fail does; always NULL. */
mx_array *mx_build_fail(mx_build *b, enum mx_status status, const char *format, ...) MX_PRINTF(3, 4);

/* Makes a node of a one-output primitive. params may be NULL. Inputs may be NULL (an earlier error): then NULL. */
mx_array *mx_apply(mx_build *b, const struct mx_prim *prim, mx_array *const *in, int nin, const struct mx_params *params);
/* The same with nout outputs into out[] (all NULL on error). */
int mx_apply_many(mx_build *b, const struct mx_prim *prim, mx_array *const *in, int nin, const struct mx_params *params,
                  int nout, mx_array **out);
static inline mx_array *mx_apply1(mx_build *b, const struct mx_prim *p, mx_array *a) { return mx_apply(b, p, &a, 1, NULL); }
static inline mx_array *mx_apply2(mx_build *b, const struct mx_prim *p, mx_array *x, mx_array *y) {
  mx_array *in[2] = {x, y};
  return mx_apply(b, p, in, 2, NULL);
}
static inline mx_array *mx_apply3(mx_build *b, const struct mx_prim *p, mx_array *x, mx_array *y, mx_array *z) {
  mx_array *in[3] = {x, y, z};
  return mx_apply(b, p, in, 3, NULL);
}
static inline mx_array *mx_apply_ints(mx_build *b, const struct mx_prim *p, mx_array *a, const int64_t *ints, int n) {
  return mx_apply(b, p, &a, 1, &(struct mx_params){.ints = ints, .nints = n});
}
/* A constant of this dtype, 0-d, owned by the build. */
mx_array *mx_scalar(mx_build *b, double value, enum mx_dtype dtype);

/* Shared by infer rules. NumPy broadcasting of all inputs into out->shape; dtype of the last input. The error names the op and shapes. */
int mx_infer_broadcast(const struct mx_call *c, struct mx_spec *out);
int mx_broadcast_shapes(const char *op, const int64_t *a, int na, const int64_t *b, int nb, int64_t *out, int *nout);
/* Negative axes count from the end; MX_EINDEX (as MLX) when out of bounds. */
int mx_axis(const char *op, int64_t axis, int ndim, int *out);

#endif
