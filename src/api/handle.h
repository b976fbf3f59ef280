/* handle.h: from handles to what they hold, and back. Internal to api and to the public half of ops. */
#ifndef MX_API_HANDLE_H
#define MX_API_HANDLE_H

#include "core/error.h"
#include "graph/array.h"
#include "mlx/c/mlx.h"
#include "transforms/transforms.h"

/* The array of a handle, or NULL with MX_EVALUE "[op] …" for an empty one. */
static inline mx_array *api_array(const mlx_array a, const char *op) {
  if (!a.ctx) mx_fail(MX_EVALUE, "[%s] The array handle is empty.", op);
  return a.ctx;
}
/* Stores a reference (taken) in *res in place of what it held. */
static inline void api_put(void **ctx, mx_array *a_take) {
  mx_array *old = *ctx;
  *ctx = a_take;
  mx_unref(old);
}
static inline struct mx_list *api_list(const mlx_vector_array v) { return v.ctx; }
/* Appends all of `from` to a vector handle that may be empty (it is made then). */
int api_vector_extend(mlx_vector_array *v, const struct mx_list *from);
/* Replaces the vector in *res by the list's arrays; the list is emptied. */
int api_vector_give(mlx_vector_array *res, struct mx_list *list_take);

/* Maps, without a word to the error handler: for callers inside. */
int api_map_put(void *map, const char *key, mx_array *a_take); /* takes a also on failure; NULL: the error that is set */
int api_map_put_text(void *map, const char *key, const char *value);
bool api_map_at(const void *map, size_t i, const char **key, void **value); /* the i-th pair, borrowed; false past the last */

/* A closure as the transforms' function; valid while cls is. */
struct mx_function api_function(const mlx_closure cls);
struct mx_object *api_closure_object(void *ctx);
mlx_string api_string_take(char *text_take); /* NULL stays an empty handle */

#endif
