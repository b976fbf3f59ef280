/* Scans: their corners, dtypes, errors and derivatives. */
#include "graph/params.h"
#include "graph/prim.h"
#include "ops/text.h"

static const int zero = 0, one = 1;

TEST(scans_run_either_way_with_and_without_the_own_element) {
  BEGIN;
  mx_array *m = A("int32 (2,3): 1 2 3 4 5 6"), *x = A("float32 (4,): 2 nan 1 3");
  EXPECT(mx_cumsum(b, m, &one, false, true), "int32 (2,3): 1 3 6 4 9 15");
  EXPECT(mx_cumsum(b, m, &zero, false, true), "int32 (2,3): 1 2 3 5 7 9");
  EXPECT(mx_cumsum(b, m, NULL, true, false), "int32 (6,): 20 18 15 11 6 0");
  EXPECT(mx_cumprod(b, m, &one, true, false), "int32 (2,3): 6 3 1 30 6 1");
  EXPECT(mx_cummax(b, x, &zero, false, true), "float32 (4,): 2 nan nan nan");
  EXPECT(mx_cummin(b, x, &zero, true, true), "float32 (4,): nan nan 1 3");
  EXPECT(mx_cummax(b, x, &zero, false, false), "float32 (4,): -inf 2 nan nan");
  EXPECT(mx_cummin(b, A("int8 (3,): 3 1 2"), &zero, false, false), "int8 (3,): 127 3 1");
  EXPECT(mx_cummax(b, A("int8 (3,): 3 1 2"), &zero, false, false), "int8 (3,): -128 3 3");
  EXPECT(mx_cummin(b, A("bool (3,): true false true"), &zero, false, false), "bool (3,): true true false");
  EXPECT(mx_cumsum(b, A("bool (3,): true false true"), &zero, false, true), "int32 (3,): 1 1 2");
  EXPECT(mx_cumsum(b, A("uint8 (2,): 200 100"), &zero, false, true), "uint8 (2,): 200 44");
  EXPECT(mx_logcumsumexp(b, A("float32 (3,): -inf -inf 5"), &zero, false, true), "float32 (3,): -inf -inf 5");
  EXPECT(mx_logcumsumexp(b, A("float32 (3,): 1e38 inf 5"), &zero, false, false), "float32 (3,): -inf 1e+38 inf");
  EXPECT(mx_cumsum(b, A("float32 (2,0)"), &zero, false, true), "float32 (2,0):");
  EXPECT_ERROR(mx_cumsum(b, A("float32 (): 1"), &zero, false, true), MX_EINDEX, "[cumsum] Axis 0 is out of bounds for array with 0 dimensions.");
  EXPECT_ERROR(mx_cummin(b, m, (int[]){2}, false, true), MX_EINDEX, "[cummin] Axis 2 is out of bounds");
  END;
}

static mx_array *gradient(mx_build *b, mx_array *(*f)(mx_build *, mx_array *, const int *, bool, bool), const char *at, bool reverse, bool inclusive) {
  mx_array *x = A(at), *y = f(b, x, &zero, reverse, inclusive), *one_each = y ? mx_ones_like(b, y) : NULL, *g = NULL;
  mx_array *const cot[1] = {one_each};
  const bool wanted[1] = {true};
  if (!y) return NULL;
  const struct mx_call c = {.prim = &mx_prim_scan, .in = y->node->in, .out = &y, .nin = 1, .nout = 1, .p = y->node->p};
  mx_prim_scan.vjp(b, &c, cot, wanted, &g);
  return g;
}
TEST(derivatives_of_scans_are_exact_at_zeros_ties_and_infinities) {
  BEGIN;
  EXPECT(gradient(b, mx_cumprod, "float32 (3,): 2 0 3", false, true), "float32 (3,): 1 8 0"); /* 2, 0, 0: d/dx1 = 2 + 2*3 */
  EXPECT(gradient(b, mx_cumprod, "float32 (3,): 0 0 3", false, true), "float32 (3,): 1 0 0");
  EXPECT(gradient(b, mx_cummax, "float32 (4,): 1 3 2 4", false, true), "float32 (4,): 1 2 0 1");
  EXPECT(gradient(b, mx_cummax, "float32 (4,): 1 3 2 4", false, false), "float32 (4,): 1 2 0 0");
  EXPECT(gradient(b, mx_cummin, "float32 (3,): 1 3 2", true, true), "float32 (3,): 1 0 2");
  EXPECT(gradient(b, mx_logcumsumexp, "float32 (3,): -inf -inf 5", false, true), "float32 (3,): 0 0 1");
  EXPECT(gradient(b, mx_cumsum, "float32 (3,): 1 2 3", false, false), "float32 (3,): 2 1 0");
  END;
}
