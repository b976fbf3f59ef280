/* sort.h: what the files of sorts share: sort.c (rows one by one) and sort_short.c (many at once). */
#ifndef MX_CPU_SORT_H
#define MX_CPU_SORT_H

#include "graph/array.h"

struct cpu_sort {
  const struct mx_tensor *in, *out;
  int axis;
  bool positions, wide; /* argsort; 64-bit keys */
  int64_t kth;          /* of a partition; -1: the whole order */
  size_t size;
  int64_t n, step, inner; /* of the axis: length and stride; elements of out from one to the next */
  _Atomic bool short_of_memory;
};

/* Where row `row` begins in `in`, in elements: its number in row-major order of the other dimensions. */
int64_t cpu_sort_offset(const struct cpu_sort *s, int64_t row);
char *cpu_sort_result(const struct cpu_sort *s, int64_t row); /* where its result begins */
/* Rows begin to end - 1, one by one. */
void cpu_sort_rows(void *sort, int64_t begin, int64_t end);

/* sort_short.c: the same rows, many at once; false where they are too long, or too few, for that to pay. */
bool cpu_sort_short(struct cpu_sort *s, int64_t rows);

#endif
