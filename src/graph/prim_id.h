/* prim_id.h: the numbers of the primitives, from prims.def. */
#ifndef MX_GRAPH_PRIM_ID_H
#define MX_GRAPH_PRIM_ID_H

enum mx_prim_id {
#define P(id, name) MX_PRIM_##id,
#include "graph/prims.def"
#undef P
  MX_PRIM_COUNT
};

#endif
