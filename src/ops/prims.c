/* prims.c: the table of all rules, in the order of prims.def. */
#include "graph/prim.h"

const struct mx_prim *const mx_prims[MX_PRIM_COUNT] = {
#define P(id, name) &mx_prim_##id,
#include "graph/prims.def"
#undef P
};
