/* einsum.h: an Einstein sum as labels instead of letters, and the order in which its operands are contracted.
 * Invariant: labels are numbered from 0 without gaps; a set of labels is a bit mask. */
#ifndef MX_OPS_EINSUM_H
#define MX_OPS_EINSUM_H

#include "graph/build.h"

enum { MX_EINSUM_LABELS = 64, MX_EINSUM_OPERANDS = 64 };

struct mx_einsum_term {
  int n;
  int8_t label[MX_MAX_NDIM]; /* of each dimension */
};
struct mx_einsum {
  int nterms, nlabels;
  int64_t size[MX_EINSUM_LABELS]; /* after broadcasting */
  char name[MX_EINSUM_LABELS];    /* the letter; '.' for a dimension that an ellipsis stands for */
  struct mx_einsum_term term[MX_EINSUM_OPERANDS], out;
};

/* Contractions in their order. The operands of a step leave the list, its result is appended at the end. */
struct mx_einsum_step {
  int n;
  int8_t at[MX_EINSUM_OPERANDS]; /* places in the list, ascending */
};
struct mx_einsum_path {
  int nsteps;
  struct mx_einsum_step step[MX_EINSUM_OPERANDS];
  int naive_scaling, scaling; /* most labels in one loop nest: of the whole at once, of the steps */
  double naive_flops, flops;
};

static inline uint64_t mx_einsum_set(const struct mx_einsum_term *t) {
  uint64_t set = 0;
  for (int i = 0; i < t->n; i++) set |= 1ull << t->label[i];
  return set;
}

/* "ij,jk->ik" for these operands; false after an error in b. */
bool mx_einsum_parse(mx_build *b, struct mx_einsum *e, const char *subscripts, mx_array *const *operands, int n);
bool mx_einsum_find_path(mx_build *b, const struct mx_einsum *e, struct mx_einsum_path *path);

#endif
