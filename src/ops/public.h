/* public.h: from the public handles to arrays and back.
 * Invariant: a public function begins a build, calls the builder of the same name and returns through mx_build_return. */
#ifndef MX_OPS_PUBLIC_H
#define MX_OPS_PUBLIC_H

#include "mlx/c/fft.h"
#include "mlx/c/ops.h"
#include "mlx/c/ravel.h"
#include "ops/ops.h"

/* int mlx_<name>(res, <parameters>, s): the result of an expression over b and the parameters. */
#define MX_PUBLIC(name, expression, ...)                                       \
  int mlx_##name(mlx_array *res, __VA_ARGS__, const mlx_stream s) {            \
    mx_build build, *b = &build;                                               \
    mx_build_begin(b, s.ctx);                                                  \
    return mx_build_return(b, expression, &res->ctx);                          \
  }
#define MX_PUBLIC_UNARY(op) MX_PUBLIC(op, mx_##op(b, a.ctx), const mlx_array a)
#define MX_PUBLIC_BINARY(op) MX_PUBLIC(op, mx_##op(b, x.ctx, y.ctx), const mlx_array x, const mlx_array y)
/* As MX_PUBLIC for operations with `count` results: the statement fills out[count]. */
#define MX_PUBLIC_MANY(name, count, statement, ...)                            \
  int mlx_##name(mlx_vector_array *res, __VA_ARGS__, const mlx_stream s) {     \
    mx_build build, *b = &build;                                               \
    mx_build_begin(b, s.ctx);                                                  \
    mx_array **out = mx_public_room(b, count);                                 \
    if (out) statement;                                                        \
    return mx_public_return(b, out, count, res);                               \
  }

/* As MX_PUBLIC for two results, each in a handle of its own: the statement fills out[2]. */
#define MX_PUBLIC_PAIR(name, statement, ...)                                              \
  int mlx_##name(mlx_array *res_0, mlx_array *res_1, __VA_ARGS__, const mlx_stream s) {   \
    mx_build build, *b = &build;                                                          \
    mx_build_begin(b, s.ctx);                                                             \
    mx_array *out[2] = {NULL, NULL};                                                      \
    statement;                                                                            \
    return mx_public_pair(b, out, res_0, res_1);                                          \
  }
int mx_public_pair(mx_build *b, mx_array *const made[2], mlx_array *res_0, mlx_array *res_1); /* ends the build */

/* Dimensions and the like, widened into `to`; more than an array can have fail the build. */
const int64_t *mx_public_wide(mx_build *b, int64_t to[MX_MAX_NDIM], const int *from, size_t n);
#define MX_WIDE(name) mx_public_wide(b, (int64_t[MX_MAX_NDIM]){0}, name, name##_num)
/* A list of axes is never NULL inside where none are meant: NULL stands for all. */
const int *mx_public_axes(const int *axes);
enum mx_dtype mx_public_dtype(mx_build *b, mlx_dtype dtype);
enum mx_fft_norm mx_public_fft_norm(mx_build *b, mlx_fft_norm norm);
enum mx_pad_mode mx_public_pad_mode(mx_build *b, const char *op, const char *mode);

/* Arrays of a vector, owned by the build, in memory that mx_public_done frees. */
struct mx_public_list {
  mx_array **at;
  int n;
};
struct mx_public_list mx_public_arrays(mx_build *b, mlx_vector_array v);
mx_array *mx_public_done(struct mx_public_list *list, mx_array *result); /* frees the list, gives the result */
mx_array **mx_public_room(mx_build *b, int64_t n);
int mx_public_return(mx_build *b, mx_array **out, int64_t n, mlx_vector_array *res); /* ends the build; frees out */

#endif
