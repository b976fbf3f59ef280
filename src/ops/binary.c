/* binary.c: elementwise operations of two arrays.
 * Invariant: both inputs of a node have one dtype, the promoted one; shapes broadcast in the node itself. Arithmetic on bool
 * becomes logic in the builders: kernels see no bool but in comparisons and bitwise operations. */
#include "ops/public.h"
#include "ops/rules.h"

#include <math.h>
#include <stdlib.h>

#define X (c->in[0])
#define Y (c->in[1])
#define OUT (c->out[0])
#define CONST(value) mx_scalar(b, value, X->t.dtype)

/* add, subtract */
static mx_array *broadcast_as(mx_build *b, mx_array *a, const mx_array *like) {
  return a ? mx_broadcast_to(b, a, like->t.shape, like->t.ndim) : NULL;
}
static void add_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  for (int i = 0; i < 2; i++)
    if (wanted[i] && cot[0]) grads[i] = mx_sum_to(b, cot[0], c->in[i]->t.shape, c->in[i]->t.ndim);
}
static void add_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0] && tan[1]) out_tan[0] = mx_add(b, tan[0], tan[1]);
  else out_tan[0] = broadcast_as(b, tan[0] ? tan[0] : tan[1], OUT);
}
static void subtract_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!cot[0]) return;
  if (wanted[0]) grads[0] = mx_sum_to(b, cot[0], X->t.shape, X->t.ndim);
  if (wanted[1]) grads[1] = mx_sum_to(b, mx_negative(b, cot[0]), Y->t.shape, Y->t.ndim);
}
static void subtract_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0] && tan[1]) out_tan[0] = mx_subtract(b, tan[0], tan[1]);
  else if (tan[0]) out_tan[0] = broadcast_as(b, tan[0], OUT);
  else if (tan[1]) out_tan[0] = broadcast_as(b, mx_negative(b, tan[1]), OUT);
}

static mx_array *multiply_dx(mx_build *b, const struct mx_call *c) { return Y; }
static mx_array *multiply_dy(mx_build *b, const struct mx_call *c) { return X; }
static mx_array *divide_dx(mx_build *b, const struct mx_call *c) { return mx_reciprocal(b, Y); }
static mx_array *divide_dy(mx_build *b, const struct mx_call *c) { return mx_negative(b, mx_divide(b, OUT, Y)); }
/* x = floor(x/y) * y + remainder, and the quotient is flat. */
static mx_array *remainder_dx(mx_build *b, const struct mx_call *c) { return CONST(1); }
static mx_array *remainder_dy(mx_build *b, const struct mx_call *c) { return mx_negative(b, mx_floor_divide(b, X, Y)); }

/* d/dx x^y = y x^(y-1), which is 0 for y = 0 whatever x is. */
static mx_array *power_dx(mx_build *b, const struct mx_call *c) {
  if (!mx_dtype_is_inexact(X->t.dtype)) return NULL;
  mx_array *slope = mx_multiply(b, Y, mx_power(b, X, mx_subtract(b, Y, CONST(1))));
  return mx_where(b, mx_equal(b, Y, CONST(0)), CONST(0), slope);
}
/* d/dy x^y = x^y ln x, which tends to 0 at x = 0 for y > 0. */
static mx_array *power_dy(mx_build *b, const struct mx_call *c) {
  if (!mx_dtype_is_inexact(X->t.dtype)) return NULL;
  mx_array *slope = mx_multiply(b, OUT, mx_log(b, X));
  mx_array *flat = mx_equal(b, X, CONST(0));
  if (!mx_dtype_is_complex(X->t.dtype)) flat = mx_logical_and(b, flat, mx_greater(b, Y, CONST(0)));
  return mx_where(b, flat, CONST(0), slope);
}

/* Where both are equal the second input takes the derivative, as in MLX. */
static mx_array *maximum_dx(mx_build *b, const struct mx_call *c) { return mx_astype(b, mx_greater(b, X, Y), X->t.dtype); }
static mx_array *maximum_dy(mx_build *b, const struct mx_call *c) { return mx_astype(b, mx_less_equal(b, X, Y), X->t.dtype); }
static mx_array *minimum_dx(mx_build *b, const struct mx_call *c) { return mx_astype(b, mx_less(b, X, Y), X->t.dtype); }
static mx_array *minimum_dy(mx_build *b, const struct mx_call *c) { return mx_astype(b, mx_greater_equal(b, X, Y), X->t.dtype); }

/* arctan2(y, x): dy = x / (x^2 + y^2), dx = -y / (x^2 + y^2). Here the inputs are X = y and Y = x. */
static mx_array *arctan2_over(mx_build *b, const struct mx_call *c, mx_array *numerator) {
  return mx_divide(b, numerator, mx_add(b, mx_square(b, X), mx_square(b, Y)));
}
static mx_array *arctan2_dx(mx_build *b, const struct mx_call *c) { return arctan2_over(b, c, Y); }
static mx_array *arctan2_dy(mx_build *b, const struct mx_call *c) { return arctan2_over(b, c, mx_negative(b, X)); }

/* d/dx log(e^x + e^y) = e^x / (e^x + e^y) = exp(x - out) */
static mx_array *logaddexp_dx(mx_build *b, const struct mx_call *c) { return mx_exp(b, mx_subtract(b, X, OUT)); }
static mx_array *logaddexp_dy(mx_build *b, const struct mx_call *c) { return mx_exp(b, mx_subtract(b, Y, OUT)); }
#undef X
#undef Y
#undef OUT
#undef CONST

static int infer_bitwise(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_any(c, out);
  if (!status && mx_dtype_is_inexact(out->dtype))
    return mx_fail(MX_EVALUE, "[%s] Only allowed on integer or boolean types but got types %s and %s.", mx_op_name(c),
                   mx_dtype_name(out->dtype), mx_dtype_name(out->dtype));
  return status;
}
static int infer_remainder(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_any(c, out);
  if (!status && mx_dtype_is_complex(out->dtype)) return mx_fail(MX_EVALUE, "[%s] Complex type not supported.", mx_op_name(c));
  return status;
}

#define RULES(op, shown, infer_, ...)                                          \
  const struct mx_prim mx_prim_##op = {.id = MX_PRIM_##op, .name = shown, .kind = MX_ELEMENTWISE, .infer = infer_, __VA_ARGS__};
#define SMOOTH(op, shown, infer_) RULES(op, shown, infer_, .partial = {op##_dx, op##_dy})
RULES(add, "Add", mx_infer_any, .vjp = add_vjp, .jvp = add_jvp)
RULES(subtract, "Subtract", mx_infer_any, .vjp = subtract_vjp, .jvp = subtract_jvp)
SMOOTH(multiply, "Multiply", mx_infer_any)
SMOOTH(divide, "Divide", mx_infer_inexact)
RULES(floor_divide, "FloorDivide", infer_remainder, )
SMOOTH(remainder, "Remainder", infer_remainder)
SMOOTH(power, "Power", mx_infer_any)
SMOOTH(maximum, "Maximum", mx_infer_any)
SMOOTH(minimum, "Minimum", mx_infer_any)
SMOOTH(arctan2, "ArcTan2", mx_infer_floating)
SMOOTH(logaddexp, "LogAddExp", mx_infer_inexact)
RULES(equal, "Equal", mx_infer_compare, )
RULES(not_equal, "NotEqual", mx_infer_compare, )
RULES(less, "Less", mx_infer_compare, )
RULES(less_equal, "LessEqual", mx_infer_compare, )
RULES(greater, "Greater", mx_infer_compare, )
RULES(greater_equal, "GreaterEqual", mx_infer_compare, )
RULES(logical_and, "LogicalAnd", mx_infer_compare, )
RULES(logical_or, "LogicalOr", mx_infer_compare, )
RULES(logical_xor, "LogicalXor", mx_infer_compare, )
RULES(bitwise_and, "BitwiseAnd", infer_bitwise, )
RULES(bitwise_or, "BitwiseOr", infer_bitwise, )
RULES(bitwise_xor, "BitwiseXor", infer_bitwise, )
RULES(left_shift, "LeftShift", infer_bitwise, )
RULES(right_shift, "RightShift", infer_bitwise, )

/* Builders */
#define PROMOTED(op)                                                           \
  mx_array *mx_##op(mx_build *b, mx_array *x, mx_array *y) {                   \
    return mx_promote2(b, &x, &y) ? mx_apply2(b, &mx_prim_##op, x, y) : NULL;  \
  }
PROMOTED(equal) PROMOTED(not_equal) PROMOTED(less) PROMOTED(less_equal) PROMOTED(greater) PROMOTED(greater_equal)
PROMOTED(bitwise_and) PROMOTED(bitwise_or) PROMOTED(bitwise_xor)

/* Where both are bool, the logic that the arithmetic amounts to (modulo 2 for subtract; x % y is never true). */
#define OR_LOGIC(op, logic)                                                    \
  mx_array *mx_##op(mx_build *b, mx_array *x, mx_array *y) {                   \
    if (!mx_promote2(b, &x, &y)) return NULL;                                  \
    return x->t.dtype == MX_BOOL ? logic : mx_apply2(b, &mx_prim_##op, x, y);  \
  }
OR_LOGIC(add, mx_bitwise_or(b, x, y))
OR_LOGIC(subtract, mx_bitwise_xor(b, x, y))
OR_LOGIC(multiply, mx_bitwise_and(b, x, y))
OR_LOGIC(maximum, mx_bitwise_or(b, x, y))
OR_LOGIC(minimum, mx_bitwise_and(b, x, y))
OR_LOGIC(floor_divide, mx_bitwise_and(b, x, y))
OR_LOGIC(remainder, mx_bitwise_and(b, x, mx_bitwise_xor(b, y, y)))
OR_LOGIC(power, mx_bitwise_or(b, x, mx_logical_not(b, y)))

#define FLOATING(op)                                                           \
  mx_array *mx_##op(mx_build *b, mx_array *x, mx_array *y) {                   \
    if (!mx_promote2(b, &x, &y)) return NULL;                                  \
    return mx_apply2(b, &mx_prim_##op, mx_as_inexact(b, x), mx_as_inexact(b, y)); \
  }
FLOATING(arctan2) FLOATING(logaddexp)

/* 1/y of a constant y that is a power of two, within what every dtype holds; else NULL. */
static mx_array *exact_reciprocal(mx_build *b, const mx_array *y) {
  int exponent;
  double value;
  if (!mx_is_number(y, &value)) return NULL;
  return fabs(frexp(value, &exponent)) == 0.5 && abs(exponent) <= 12 ? mx_scalar(b, 1 / value, y->t.dtype) : NULL;
}
/* Multiplying by an exact reciprocal gives the bits of the division, which takes several times as long. */
mx_array *mx_divide(mx_build *b, mx_array *x, mx_array *y) {
  if (!mx_promote2(b, &x, &y)) return NULL;
  x = mx_as_inexact(b, x), y = mx_as_inexact(b, y);
  mx_array *inverse = y ? exact_reciprocal(b, y) : NULL;
  return inverse ? mx_multiply(b, x, inverse) : mx_apply2(b, &mx_prim_divide, x, y);
}

/* Of one dtype they are taken as they are; promotion of others could make a value 0 (float64 in float32). */
static mx_array *logical(mx_build *b, const struct mx_prim *prim, mx_array *x, mx_array *y) {
  if (x && y && x->t.dtype == y->t.dtype) return mx_apply2(b, prim, x, y);
  return mx_apply2(b, prim, mx_astype(b, x, MX_BOOL), mx_astype(b, y, MX_BOOL));
}
mx_array *mx_logical_and(mx_build *b, mx_array *x, mx_array *y) { return logical(b, &mx_prim_logical_and, x, y); }
mx_array *mx_logical_or(mx_build *b, mx_array *x, mx_array *y) { return logical(b, &mx_prim_logical_or, x, y); }
mx_array *mx_logical_xor(mx_build *b, mx_array *x, mx_array *y) { return logical(b, &mx_prim_logical_xor, x, y); }

/* Shifts of bools are shifts of uint8, as in MLX. */
static mx_array *shift(mx_build *b, const struct mx_prim *prim, mx_array *x, mx_array *y) {
  if (!mx_promote2(b, &x, &y)) return NULL;
  enum mx_dtype d = x->t.dtype == MX_BOOL ? MX_UINT8 : x->t.dtype;
  return mx_apply2(b, prim, mx_astype(b, x, d), mx_astype(b, y, d));
}
mx_array *mx_left_shift(mx_build *b, mx_array *x, mx_array *y) { return shift(b, &mx_prim_left_shift, x, y); }
mx_array *mx_right_shift(mx_build *b, mx_array *x, mx_array *y) { return shift(b, &mx_prim_right_shift, x, y); }

void mx_divmod(mx_build *b, mx_array *x, mx_array *y, mx_array *out[2]) {
  out[0] = out[1] = NULL;
  if (!mx_promote2(b, &x, &y)) return;
  if (mx_dtype_is_complex(x->t.dtype)) {
    mx_build_fail(b, MX_EVALUE, "[divmod] Complex type not supported.");
    return;
  }
  out[0] = mx_floor_divide(b, x, y);
  out[1] = mx_remainder(b, x, y);
}

/* |x - y| <= atol + rtol * |y|, infinities equal only to themselves, NaN to NaN when asked. */
mx_array *mx_isclose(mx_build *b, mx_array *x, mx_array *y, double rtol, double atol, bool equal_nan) {
  if (!mx_promote2(b, &x, &y)) return NULL;
  x = mx_as_inexact(b, x), y = mx_as_inexact(b, y);
  if (!x || !y) return NULL;
  mx_array *size = mx_abs(b, y);
  enum mx_dtype d = size ? size->t.dtype : MX_FLOAT32;
  mx_array *bound = mx_add(b, mx_scalar(b, atol, d), mx_multiply(b, mx_scalar(b, rtol, d), size));
  mx_array *close = mx_less_equal(b, mx_abs(b, mx_subtract(b, x, y)), bound);
  mx_array *finite = mx_logical_and(b, mx_isfinite(b, x), mx_isfinite(b, y));
  close = mx_logical_or(b, mx_logical_and(b, close, finite), mx_equal(b, x, y));
  return equal_nan ? mx_logical_or(b, close, mx_logical_and(b, mx_isnan(b, x), mx_isnan(b, y))) : close;
}

mx_array *mx_allclose(mx_build *b, mx_array *x, mx_array *y, double rtol, double atol, bool equal_nan) {
  return mx_all(b, mx_isclose(b, x, y, rtol, atol, equal_nan), NULL, 0, false);
}

mx_array *mx_array_equal(mx_build *b, mx_array *x, mx_array *y, bool equal_nan) {
  if (x && y && !mx_same_shape(&x->t, &y->t)) return mx_scalar(b, 0, MX_BOOL);
  if (!mx_promote2(b, &x, &y)) return NULL;
  mx_array *same = mx_equal(b, x, y);
  if (equal_nan && mx_dtype_is_inexact(x->t.dtype))
    same = mx_logical_or(b, same, mx_logical_and(b, mx_isnan(b, x), mx_isnan(b, y)));
  return mx_all(b, same, NULL, 0, false);
}

/* Public functions */
MX_PUBLIC_BINARY(add) MX_PUBLIC_BINARY(subtract) MX_PUBLIC_BINARY(multiply) MX_PUBLIC_BINARY(divide)
MX_PUBLIC_BINARY(floor_divide) MX_PUBLIC_BINARY(remainder) MX_PUBLIC_BINARY(power) MX_PUBLIC_BINARY(maximum)
MX_PUBLIC_BINARY(minimum) MX_PUBLIC_BINARY(arctan2) MX_PUBLIC_BINARY(logaddexp) MX_PUBLIC_BINARY(equal)
MX_PUBLIC_BINARY(not_equal) MX_PUBLIC_BINARY(less) MX_PUBLIC_BINARY(less_equal) MX_PUBLIC_BINARY(greater)
MX_PUBLIC_BINARY(greater_equal) MX_PUBLIC_BINARY(logical_and) MX_PUBLIC_BINARY(logical_or) MX_PUBLIC_BINARY(bitwise_and)
MX_PUBLIC_BINARY(bitwise_or) MX_PUBLIC_BINARY(bitwise_xor) MX_PUBLIC_BINARY(left_shift) MX_PUBLIC_BINARY(right_shift)
MX_PUBLIC_MANY(divmod, 2, mx_divmod(b, x.ctx, y.ctx, out), const mlx_array x, const mlx_array y)
MX_PUBLIC(isclose, mx_isclose(b, x.ctx, y.ctx, rtol, atol, equal_nan), const mlx_array x, const mlx_array y, double rtol, double atol,
          bool equal_nan)
MX_PUBLIC(allclose, mx_allclose(b, x.ctx, y.ctx, rtol, atol, equal_nan), const mlx_array x, const mlx_array y, double rtol,
          double atol, bool equal_nan)
MX_PUBLIC(ravel_logical_xor, mx_logical_xor(b, x.ctx, y.ctx), const mlx_array x, const mlx_array y)
MX_PUBLIC(array_equal, mx_array_equal(b, x.ctx, y.ctx, equal_nan), const mlx_array x, const mlx_array y, bool equal_nan)
