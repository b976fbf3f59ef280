/* public.c: what public functions share. Invariant: whatever happens, the build ends and lists are freed. */
#include "ops/public.h"

const int64_t *mx_public_wide(mx_build *b, int64_t to[MX_MAX_NDIM], const int *from, size_t n) {
  if (n > MX_MAX_NDIM) mx_build_fail(b, MX_EVALUE, "An array has at most %d dimensions, not %zu.", MX_MAX_NDIM, n);
  for (size_t i = 0; i < n && i < MX_MAX_NDIM; i++) to[i] = from[i];
  return to;
}

const int *mx_public_axes(const int *axes) {
  static const int none[1];
  return axes ? axes : none;
}

enum mx_dtype mx_public_dtype(mx_build *b, mlx_dtype dtype) {
  if ((unsigned)dtype < MX_DTYPE_COUNT) return (enum mx_dtype)dtype;
  mx_build_fail(b, MX_ETYPE, "There is no dtype %d.", (int)dtype);
  return MX_FLOAT32;
}

mx_array **mx_public_room(mx_build *b, int64_t n) {
  if (n < 0 || n > 1 << 24) mx_build_fail(b, MX_EVALUE, "%lld arrays are too many.", (long long)n);
  mx_array **room = b->status ? NULL : mx_calloc((size_t)n + 1, sizeof *room);
  if (!room && !b->status) b->status = MX_EMEMORY;
  return room;
}

struct mx_public_list mx_public_arrays(mx_build *b, mlx_vector_array v) {
  size_t n = v.ctx ? mlx_vector_array_size(v) : 0;
  struct mx_public_list list = {mx_public_room(b, (int64_t)n), 0};
  for (size_t i = 0; list.at && i < n; i++) {
    mlx_array item = {0};
    int status = mlx_vector_array_get(&item, v, i);
    if (status && !b->status) b->status = status;
    list.at[list.n++] = status ? NULL : mx_build_own(b, item.ctx);
  }
  return list;
}

mx_array *mx_public_done(struct mx_public_list *list, mx_array *result) {
  mx_free(list->at);
  list->at = NULL;
  return result;
}

int mx_public_return(mx_build *b, mx_array **out, int64_t n, mlx_vector_array *res) {
  int status;
  if (!out) {
    status = mx_build_end_many(b, NULL, 0, NULL);
    return mx_boundary(status);
  }
  mlx_array *handles = mx_calloc((size_t)n + 1, sizeof *handles);
  if (!handles && !b->status) b->status = MX_EMEMORY;
  status = mx_build_end_many(b, out, (int)n, out);
  if (status) {
    mx_boundary(status);
  } else {
    for (int64_t i = 0; i < n; i++) handles[i].ctx = out[i];
    status = mlx_vector_array_set_data(res, handles, (size_t)n); /* tells the handler itself */
    for (int64_t i = 0; i < n; i++) mx_unref(out[i]);
  }
  mx_free(handles);
  mx_free(out);
  return status;
}

int mx_public_pair(mx_build *b, mx_array *const made[2], mlx_array *res_0, mlx_array *res_1) {
  mx_array *two[2];
  int status = mx_build_end_many(b, made, 2, two);
  if (status) return mx_boundary(status);
  mx_array *old[2] = {res_0->ctx, res_1->ctx};
  res_0->ctx = two[0], res_1->ctx = two[1];
  mx_unref(old[0]);
  mx_unref(old[1]);
  return MX_OK;
}
