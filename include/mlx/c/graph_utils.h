/* graph_utils.h: drawing and printing graphs. */
#ifndef MLX_GRAPH_UTILS_H
#define MLX_GRAPH_UTILS_H

#include "mlx/c/vector.h"
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names for arrays in drawn and printed graphs. */
typedef struct mlx_node_namer_ {
  void *ctx;
} mlx_node_namer;

MLX_API mlx_node_namer mlx_node_namer_new(void);
MLX_API int mlx_node_namer_free(mlx_node_namer namer);
MLX_API int mlx_node_namer_set_name(mlx_node_namer namer, const mlx_array arr, const char *name);
MLX_API int mlx_node_namer_get_name(const char**name, mlx_node_namer namer, const mlx_array arr);
MLX_API int mlx_export_to_dot(FILE *os, const mlx_node_namer namer, const mlx_vector_array outputs);
MLX_API int mlx_print_graph(FILE *os, const mlx_node_namer namer, const mlx_vector_array outputs);

#ifdef __cplusplus
}
#endif

#endif
