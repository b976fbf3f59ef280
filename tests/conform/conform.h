/* conform.h: the conformance walker: every primitive × dtype × layout against a reference in double, its derivatives against
 * finite differences and each other, vmap against a loop, compiled and fused against eager.
 * Invariant: references know nothing of the library: they see plain doubles. */
#ifndef RAVEL_TESTS_CONFORM_H
#define RAVEL_TESTS_CONFORM_H

#include "graph/prim.h"
#include "ops/text.h"
#include "test.h"

#include <complex.h>
#undef I

enum { B = 1, U = 2, I = 4, H = 8, F = 16, D = 32, C = 64, HFD = H | F | D, INPUTS = 4, ROOM = 4096 };

struct conform_case {
  const char *name;
  enum mx_prim_id id;
  const struct mx_prim *prim; /* NULL: tested elsewhere */
  unsigned dtypes;
  const char *inputs;
  double lo[2], hi[2];    /* domains of elementwise inputs */
  double ulps;
  bool smooth, elementwise;
  int nin;
  mx_array *(*build)(mx_build *b, mx_array *const *in);
  double (*f)(double x, double y);
  double complex (*g)(double complex u, double complex v);
  void (*ref)(const double *const *x, double *y); /* general: fills as many as the output has */
};
extern const struct conform_case conform_cases[];
extern const int conform_count;

bool conform_takes(const struct conform_case *c, enum mx_dtype d);
double conform_random(double lo, double hi); /* the same sequence in every run */
void conform_restart(void);
/* An evaluated array of random values of the domain; dtype d. */
mx_array *conform_data(mx_build *b, enum mx_dtype d, const int64_t *shape, int ndim, double lo, double hi);
/* Input i of a case, from its description. */
mx_array *conform_input(mx_build *b, const struct conform_case *c, int i, enum mx_dtype d);
/* The same values in another layout: 0 contiguous, 1 transposed, 2 reversed, 3 with gaps; 4: a broadcast of the first row. */
enum { LAYOUTS = 5 };
mx_array *conform_layout(mx_build *b, mx_array *a, int layout);
/* All values of an evaluated array, row-major; im may be NULL. */
void conform_read(const mx_array *a, double *re, double *im);
/* Is got near want, in units of the last place of d at want? ulps 0: want rounded to d exactly. */
bool conform_near(enum mx_dtype d, double got, double want, double ulps);

#define GENERAL(id)                                                            \
  mx_array *build_##id(mx_build *b, mx_array *const *in);                      \
  void ref_##id(const double *const *x, double *y);
#define E1(...)
#define E2(...)
#define G(id, ...) GENERAL(id)
#define ELSEWHERE(...)
#include "conform/cases.def"
#undef E1
#undef E2
#undef G
#undef ELSEWHERE
#undef GENERAL

#endif
