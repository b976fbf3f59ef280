/* Derivatives where several answers are defensible: ties, zeros, edges of domains, casts. The values are MLX's unless said. */
#include "core/error.h"
#include "eval/eval.h"
#include "graph/params.h"
#include "ops/text.h"
#include "transforms/transforms.h"

struct formula {
  mx_array *(*build)(mx_build *b, mx_array *const *in);
};
static int run(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  mx_build b;
  mx_build_begin(&b, NULL);
  mx_array *y = ((struct formula *)ctx)->build(&b, in);
  if (y && !b.status) b.status = mx_list_add(out, y);
  int status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  return status;
}
/* The gradient of input `which` of a function of up to two arrays, for this cotangent. */
static mx_array *grad(mx_build *b, mx_array *(*build)(mx_build *, mx_array *const *), mx_array *x, mx_array *y, mx_array *cot, int which) {
  struct formula formula = {build};
  struct mx_function f = {run, &formula};
  struct mx_list values = {0}, grads = {0};
  mx_array *in[2] = {x, y};
  int status = mx_vjp(&f, in, y ? 2 : 1, &cot, 1, &values, &grads);
  mx_array *g = status ? NULL : mx_build_own(b, mx_ref(grads.at[which]));
  if (status && !b->status) b->status = status;
  mx_list_clear(&values);
  mx_list_clear(&grads);
  return g;
}
#define OP1(op) static mx_array *do_##op(mx_build *b, mx_array *const *in) { return mx_##op(b, in[0]); }
#define OP2(op) static mx_array *do_##op(mx_build *b, mx_array *const *in) { return mx_##op(b, in[0], in[1]); }
#define OP(op, expression) static mx_array *do_##op(mx_build *b, mx_array *const *in) { return expression; }
OP1(abs) OP1(sqrt) OP1(floor) OP1(sign) OP1(real) OP1(imag) OP1(conjugate) OP1(exp) OP1(stop_gradient)
OP2(maximum) OP2(minimum) OP2(power) OP2(remainder) OP2(floor_divide) OP2(logaddexp) OP2(multiply)
OP(max, mx_max(b, in[0], (int[]){0}, 1, false))
OP(prod, mx_prod(b, in[0], (int[]){0}, 1, false))
OP(sort, mx_sort(b, in[0], (int[]){0}))
OP(clip, mx_clip(b, in[0], mx_scalar(b, 0, MX_FLOAT32), mx_scalar(b, 1, MX_FLOAT32)))
OP(through_int, mx_astype(b, mx_astype(b, in[0], MX_INT32), MX_FLOAT32))
OP(real_cast, mx_astype(b, in[0], MX_FLOAT32))
OP(twice_taken, mx_take(b, in[0], A("int32 (3,): 1 1 0"), NULL))
static mx_array *scatter(mx_build *b, mx_array *const *in, int mode) {
  mx_array *at = A("int32 (2,): 0 0");
  return mx_scatter(b, in[0], &at, 1, mx_reshape(b, in[1], (int64_t[]){2, 1}, 2), (int[]){0}, mode);
}
OP(scatter_add, scatter(b, in, MX_UPDATE_SUM))
OP(scatter_max, scatter(b, in, MX_UPDATE_MAX))
OP(scatter_min, scatter(b, in, MX_UPDATE_MIN))
OP(scatter_prod, scatter(b, in, MX_UPDATE_PROD))
OP(slope_of_prod, grad(b, do_prod, in[0], NULL, mx_scalar(b, 1, MX_FLOAT64), 0))

TEST(ties_and_edges) {
  BEGIN;
  mx_array *x = A("float32 (3,): 1 2 3"), *y = A("float32 (3,): 1 3 2"), *one = A("float32 (3,): 1 1 1");
  EXPECT(grad(b, do_maximum, x, y, one, 0), "float32 (3,): 0 0 1");
  EXPECT(grad(b, do_maximum, x, y, one, 1), "float32 (3,): 1 1 0");
  EXPECT(grad(b, do_minimum, x, y, one, 0), "float32 (3,): 0 1 0");
  EXPECT(grad(b, do_abs, A("float32 (3,): 0 -1 2"), NULL, one, 0), "float32 (3,): 0 -1 1");
  EXPECT(grad(b, do_sqrt, A("float32 (3,): 0 4 16"), NULL, one, 0), "float32 (3,): inf 0.25 0.125");
  EXPECT(grad(b, do_floor, x, NULL, one, 0), "float32 (3,): 0 0 0");
  EXPECT(grad(b, do_sign, x, NULL, one, 0), "float32 (3,): 0 0 0");
  EXPECT(grad(b, do_clip, A("float32 (3,): -1 0.5 2"), NULL, one, 0), "float32 (3,): 0 1 0");
  EXPECT(grad(b, do_remainder, A("float32 (2,): 5 -5"), A("float32 (2,): 3 3"), A("float32 (2,): 1 1"), 1), "float32 (2,): -1 2");
  EXPECT(grad(b, do_floor_divide, x, y, one, 0), "float32 (3,): 0 0 0");
  EXPECT(grad(b, do_max, A("float32 (3,): 1 3 3"), NULL, A("float32 (): 1"), 0), "float32 (3,): 0 0.5 0.5");
  EXPECT(grad(b, do_sort, A("float32 (3,): 3 1 1"), NULL, x, 0), "float32 (3,): 3 1 2");
  EXPECT(grad(b, do_through_int, A("float32 (3,): 1.5 2.5 3.5"), NULL, one, 0), "float32 (3,): 1 1 1");
  EXPECT(grad(b, do_stop_gradient, x, NULL, one, 0), "float32 (3,): 0 0 0");
  EXPECT(grad(b, do_twice_taken, x, NULL, x, 0), "float32 (3,): 3 3 0");
  END;
}
TEST(powers_at_zero) {
  BEGIN;
  mx_array *x = A("float32 (5,): 0 0 0 -2 2"), *y = A("float32 (5,): 0 1 2 3 -1"), *one = A("float32 (5,): 1 1 1 1 1");
  EXPECT(grad(b, do_power, x, y, one, 0), "float32 (5,): 0 1 0 12 -0.25"); /* MLX has NaN for 0^0, where x^0 is flat */
  EXPECT(grad(b, do_power, x, y, one, 1), "float32 (5,): -inf 0 0 nan 0.346574");
  END;
}
TEST(products_with_zeros_twice) {
  BEGIN;
  mx_array *one = A("float32 (): 1");
  EXPECT(grad(b, do_prod, A("float32 (3,): 0 3 2"), NULL, one, 0), "float32 (3,): 6 0 0");
  EXPECT(grad(b, do_prod, A("float32 (3,): 0 0 2"), NULL, one, 0), "float32 (3,): 0 0 0");
  EXPECT(grad(b, do_prod, A("float32 (5,): 1 2 3 4 5"), NULL, one, 0), "float32 (5,): 120 60 40 30 24");
  EXPECT(grad(b, do_prod, A("float32 (1,): 7"), NULL, one, 0), "float32 (1,): 1");
  /* Row 0 of the Hessian of xyz at (0, 3, 2): (0, z, y). */
  EXPECT(grad(b, do_slope_of_prod, A("float64 (3,): 0 3 2"), NULL, A("float64 (3,): 1 0 0"), 0), "float64 (3,): 0 2 3");
  END;
}
TEST(complex_derivatives_are_conjugated) {
  BEGIN;
  mx_array *one = A("float32 (): 1"), *g = A("complex64 (): 1+1j"), *z = A("complex64 (): 1+2j");
  EXPECT(grad(b, do_abs, A("complex64 (): 3+4j"), NULL, one, 0), "complex64 (): 0.6+0.8j");
  EXPECT(grad(b, do_exp, z, NULL, g, 0), "complex64 (): 1.34052-3.60293j");
  EXPECT(grad(b, do_multiply, z, A("complex64 (): 2+3j"), g, 0), "complex64 (): 5-1j");
  EXPECT(grad(b, do_multiply, z, A("complex64 (): 2+3j"), g, 1), "complex64 (): 3-1j");
  EXPECT(grad(b, do_real, z, NULL, one, 0), "complex64 (): 1+0j");
  EXPECT(grad(b, do_imag, z, NULL, one, 0), "complex64 (): 0+1j");
  EXPECT(grad(b, do_conjugate, z, NULL, g, 0), "complex64 (): 1-1j");
  EXPECT(grad(b, do_real_cast, z, NULL, one, 0), "complex64 (): 1+0j");
  END;
}
TEST(scattered_updates) {
  BEGIN;
  mx_array *a = A("float32 (2,): 5 2"), *u = A("float32 (2,): 5 6"), *g = A("float32 (2,): 2 3");
  EXPECT(grad(b, do_scatter_add, a, u, g, 0), "float32 (2,): 2 3");
  EXPECT(grad(b, do_scatter_add, a, u, g, 1), "float32 (2,): 2 2");
  EXPECT(grad(b, do_scatter_max, a, u, g, 0), "float32 (2,): 0 3");
  EXPECT(grad(b, do_scatter_max, a, u, g, 1), "float32 (2,): 0 2");
  EXPECT(grad(b, do_scatter_min, a, u, g, 0), "float32 (2,): 2 3");
  EXPECT(grad(b, do_scatter_prod, a, u, g, 0), "float32 (2,): 60 3"); /* MLX has no rule here */
  EXPECT(grad(b, do_scatter_prod, a, u, g, 1), "float32 (2,): 60 50");
  END;
}
TEST(logaddexp_of_equal_infinities_is_half_each_or_nan) {
  BEGIN;
  mx_array *x = A("float32 (2,): 1 -inf"), *one = A("float32 (2,): 1 1");
  EXPECT(grad(b, do_logaddexp, x, x, one, 0), "float32 (2,): 0.5 nan");
  END;
}
