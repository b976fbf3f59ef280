/* string.c: strings of the library's, and its versions. */
#include "api/handle.h"

mlx_string api_string_take(char *text) { return (mlx_string){text}; }
mlx_string mlx_string_new(void) { return (mlx_string){NULL}; }
mlx_string mlx_string_new_data(const char *str) {
  char *copy = mx_strdup(str ? str : "");
  if (!copy) mx_boundary(MX_EMEMORY);
  return (mlx_string){copy};
}
int mlx_string_free(mlx_string str) {
  mx_free(str.ctx);
  return MX_OK;
}
int mlx_string_set(mlx_string *str, const mlx_string src) {
  mlx_string copy = mlx_string_new_data(mlx_string_data(src));
  if (!copy.ctx) return MX_EMEMORY;
  mx_free(str->ctx);
  *str = copy;
  return MX_OK;
}
const char *mlx_string_data(mlx_string str) { return str.ctx ? str.ctx : ""; }

static int replace(mlx_string *str, const char *text) {
  mlx_string copy = mlx_string_new_data(text);
  if (!copy.ctx) return MX_EMEMORY;
  mx_free(str->ctx);
  *str = copy;
  return MX_OK;
}
int mlx_version(mlx_string *str_) { return replace(str_, "0.32.4"); }
const char *mlx_ravel_version(void) { return "0.1.0"; }
