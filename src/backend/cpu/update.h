/* update.h: updates onto what is there, and the index arrays that say where. */
#ifndef MX_CPU_UPDATE_H
#define MX_CPU_UPDATE_H

#include "backend/cpu/tile_table.h"
#include "graph/array.h"
#include "graph/params.h"

/* The tile kernel of a mode, op(old, update); NULL for MX_UPDATE_NONE. */
cpu_tile_fn cpu_update_op(enum mx_update_mode mode, enum mx_dtype dtype);

/* d[off[i]] = op(d[off[i]], u[i * us]) for i in order, steps in elements: places may repeat. */
void cpu_put(enum mx_update_mode mode, enum mx_dtype dtype, int64_t n, void *d, const int64_t *off, const void *u, int64_t us);

/* dst[i] = first + i * step. */
void cpu_steps(int64_t n, int64_t first, int64_t step, int64_t *dst);
/* dst[i] += step * index, for n indices from linear position `start` of an index array, negative ones counted from the end of `size`. */
void cpu_add_offsets(const struct mx_tensor *t, int64_t start, int64_t n, int64_t size, int64_t step, int64_t *dst);
/* n indices from linear position `start` of an index array, as int64, negative ones counted from the end of `size`. */
void cpu_load_indices(const struct mx_tensor *t, int64_t start, int64_t n, int64_t size, int64_t *dst);
/* MX_EINDEX when an index of t, so counted, is outside [0, size - room]. */
int cpu_check_indices(const char *op, const struct mx_tensor *t, int axis, int64_t size, int64_t room) MX_MUST_CHECK;

#endif
