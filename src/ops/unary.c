/* unary.c: elementwise operations of one array.
 * Invariant: a builder hands the kernels only the dtypes they are defined for; where the answer is known without
 * computing (floor of an integer, real of a real), it makes no node. */
#include "ops/public.h"
#include "ops/rules.h"

#include <float.h>
#include <math.h>

/* Partial derivatives. x is the input, y the output. */
#define X (c->in[0])
#define Y (c->out[0])
#define CONST(value) mx_scalar(b, value, X->t.dtype)
#define PARTIAL(op, expression)                                                \
  static mx_array *op##_dx(mx_build *b, const struct mx_call *c) { return expression; }

static mx_array *one_minus_square(mx_build *b, mx_array *x) {
  return mx_subtract(b, mx_scalar(b, 1, x->t.dtype), mx_square(b, x));
}
static mx_array *one_plus_square(mx_build *b, mx_array *x) { return mx_add(b, mx_square(b, x), mx_scalar(b, 1, x->t.dtype)); }

PARTIAL(square, mx_multiply(b, CONST(2), X))
PARTIAL(sqrt, mx_divide(b, CONST(0.5), Y))
/* As sqrt's, and 0 at 0, where norms have their smallest subgradient. */
static mx_array *root_dx(mx_build *b, const struct mx_call *c) {
  mx_array *none = mx_equal(b, Y, CONST(0));
  return mx_where(b, none, CONST(0), mx_divide(b, CONST(0.5), mx_where(b, none, CONST(1), Y)));
}
PARTIAL(rsqrt, mx_divide(b, mx_multiply(b, CONST(-0.5), Y), X))
PARTIAL(reciprocal, mx_negative(b, mx_square(b, Y)))
PARTIAL(exp, Y)
PARTIAL(expm1, mx_exp(b, X)) /* not y + 1: it cancels for x far below zero */
PARTIAL(log, mx_reciprocal(b, X))
PARTIAL(log2, mx_divide(b, CONST(1.4426950408889634), X)) /* 1/ln 2 */
PARTIAL(log10, mx_divide(b, CONST(0.43429448190325183), X)) /* 1/ln 10 */
PARTIAL(log1p, mx_reciprocal(b, mx_add(b, X, CONST(1))))
PARTIAL(sin, mx_cos(b, X))
PARTIAL(cos, mx_negative(b, mx_sin(b, X)))
PARTIAL(tan, one_plus_square(b, Y))
PARTIAL(arcsin, mx_rsqrt(b, one_minus_square(b, X)))
PARTIAL(arccos, mx_negative(b, mx_rsqrt(b, one_minus_square(b, X))))
PARTIAL(arctan, mx_reciprocal(b, one_plus_square(b, X)))
PARTIAL(sinh, mx_cosh(b, X))
PARTIAL(cosh, mx_sinh(b, X))
PARTIAL(tanh, one_minus_square(b, Y))
PARTIAL(arcsinh, mx_rsqrt(b, one_plus_square(b, X)))
/* 1/sqrt(x-1)/sqrt(x+1) has the branches of arccosh itself, which 1/sqrt(x^2-1) has not. */
PARTIAL(arccosh, mx_multiply(b, mx_rsqrt(b, mx_subtract(b, X, CONST(1))), mx_rsqrt(b, mx_add(b, X, CONST(1)))))
PARTIAL(arctanh, mx_reciprocal(b, one_minus_square(b, X)))
/* d/dx erf(x) = 2/sqrt(pi) * exp(-x^2) */
PARTIAL(erf, mx_multiply(b, CONST(1.1283791670955126), mx_exp(b, mx_negative(b, mx_square(b, X)))))
/* d/dx erfinv(x) = sqrt(pi)/2 * exp(erfinv(x)^2) */
PARTIAL(erfinv, mx_multiply(b, CONST(0.88622692545275801), mx_exp(b, mx_square(b, Y))))
PARTIAL(sigmoid, mx_multiply(b, Y, mx_subtract(b, CONST(1), Y)))

/* Rules that no partial derivative says: linear over the reals only, or with another dtype. */
static void negative_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_negative(b, cot[0]);
}
static void copy_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0]) grads[0] = cot[0];
}
/* |x|: for complex x the gradient is g * x/|x|, the tangent Re(conj(x/|x|) * t). */
static void abs_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_multiply(b, cot[0], mx_sign(b, X));
}
static void abs_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  if (tan[0]) out_tan[0] = mx_real(b, mx_multiply(b, tan[0], mx_conjugate(b, mx_sign(b, X))));
}
static void real_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_astype(b, cot[0], MX_COMPLEX64);
}
static void imag_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_multiply(b, cot[0], mx_complex_scalar(b, 0, 1));
}
static void conjugate_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (wanted[0] && cot[0]) grads[0] = mx_conjugate(b, cot[0]);
}
#undef X
#undef Y
#undef CONST

/* Inference beside the shared rules. */
static int infer_abs(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_any(c, out);
  if (out->dtype == MX_COMPLEX64) out->dtype = MX_FLOAT32;
  return status;
}
static int infer_complex_part(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_any(c, out);
  if (status) return status;
  if (out->dtype != MX_COMPLEX64)
    return mx_fail(MX_ETYPE, "[%s] Needs complex64, not %s.", mx_op_name(c), mx_dtype_name(out->dtype));
  out->dtype = MX_FLOAT32;
  return MX_OK;
}
static int infer_conjugate(const struct mx_call *c, struct mx_spec *out) {
  int status = infer_complex_part(c, out);
  out->dtype = MX_COMPLEX64;
  return status;
}
static int infer_negative(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_any(c, out);
  if (!status && out->dtype == MX_BOOL)
    return mx_fail(MX_EVALUE, "[negative] Not supported for bool, use logical_not instead.");
  return status;
}
static int infer_bitwise_invert(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_any(c, out);
  if (!status && mx_dtype_is_inexact(out->dtype))
    return mx_fail(MX_EVALUE, "[bitwise_invert] Bitwise inverse only allowed on integer types, not %s.", mx_dtype_name(out->dtype));
  return status;
}

/* Rules: operation, shown name, inference, what else. */
#define RULES(op, shown, infer_, ...)                                          \
  const struct mx_prim mx_prim_##op = {.id = MX_PRIM_##op, .name = shown, .kind = MX_ELEMENTWISE, .infer = infer_, __VA_ARGS__};
#define SMOOTH(op, shown, infer_) RULES(op, shown, infer_, .partial = {op##_dx})

RULES(abs, "Abs", infer_abs, .vjp = abs_vjp, .jvp = abs_jvp)
RULES(negative, "Negative", infer_negative, .linear = true, .vjp = negative_vjp)
RULES(sign, "Sign", mx_infer_any, )
RULES(floor, "Floor", mx_infer_real, )
RULES(ceil, "Ceil", mx_infer_real, )
RULES(trunc, "Trunc", mx_infer_real, )
RULES(round, "Round", mx_infer_any, )
SMOOTH(square, "Square", mx_infer_any)
SMOOTH(sqrt, "Sqrt", mx_infer_inexact)
SMOOTH(root, "Root", mx_infer_floating)
SMOOTH(rsqrt, "Rsqrt", mx_infer_inexact)
SMOOTH(reciprocal, "Reciprocal", mx_infer_inexact)
SMOOTH(exp, "Exp", mx_infer_inexact)
SMOOTH(expm1, "Expm1", mx_infer_inexact)
SMOOTH(log, "Log", mx_infer_inexact)
SMOOTH(log2, "Log2", mx_infer_inexact)
SMOOTH(log10, "Log10", mx_infer_inexact)
SMOOTH(log1p, "Log1p", mx_infer_inexact)
SMOOTH(sin, "Sin", mx_infer_inexact)
SMOOTH(cos, "Cos", mx_infer_inexact)
SMOOTH(tan, "Tan", mx_infer_inexact)
SMOOTH(arcsin, "ArcSin", mx_infer_inexact)
SMOOTH(arccos, "ArcCos", mx_infer_inexact)
SMOOTH(arctan, "ArcTan", mx_infer_inexact)
SMOOTH(sinh, "Sinh", mx_infer_inexact)
SMOOTH(cosh, "Cosh", mx_infer_inexact)
SMOOTH(tanh, "Tanh", mx_infer_inexact)
SMOOTH(arcsinh, "ArcSinh", mx_infer_inexact)
SMOOTH(arccosh, "ArcCosh", mx_infer_inexact)
SMOOTH(arctanh, "ArcTanh", mx_infer_inexact)
SMOOTH(erf, "Erf", mx_infer_floating)
SMOOTH(erfinv, "ErfInv", mx_infer_floating)
SMOOTH(sigmoid, "Sigmoid", mx_infer_inexact)
RULES(logical_not, "LogicalNot", mx_infer_compare, )
RULES(bitwise_invert, "BitwiseInvert", infer_bitwise_invert, )
RULES(real, "Real", infer_complex_part, .linear = true, .vjp = real_vjp)
RULES(imag, "Imag", infer_complex_part, .linear = true, .vjp = imag_vjp)
RULES(conjugate, "Conjugate", infer_conjugate, .linear = true, .vjp = conjugate_vjp)
RULES(isnan, "IsNan", mx_infer_compare, )
RULES(isinf, "IsInf", mx_infer_compare, )
RULES(isfinite, "IsFinite", mx_infer_compare, )
RULES(isposinf, "IsPosInf", mx_infer_compare, )
RULES(isneginf, "IsNegInf", mx_infer_compare, )
RULES(copy, "Copy", mx_infer_any, .linear = true, .vjp = copy_vjp)

/* Builders */
static enum mx_dtype dtype_of(const mx_array *a) { return a ? a->t.dtype : MX_FLOAT32; }

#define FLOAT(op)                                                              \
  mx_array *mx_##op(mx_build *b, mx_array *a) { return mx_apply1(b, &mx_prim_##op, mx_as_inexact(b, a)); }
FLOAT(sqrt) FLOAT(root) FLOAT(rsqrt) FLOAT(reciprocal) FLOAT(exp) FLOAT(expm1) FLOAT(log) FLOAT(log2) FLOAT(log10) FLOAT(log1p)
FLOAT(sin) FLOAT(cos) FLOAT(tan) FLOAT(arcsin) FLOAT(arccos) FLOAT(arctan) FLOAT(sinh) FLOAT(cosh) FLOAT(tanh)
FLOAT(arcsinh) FLOAT(arccosh) FLOAT(arctanh) FLOAT(erf) FLOAT(erfinv) FLOAT(sigmoid)

/* Operations that leave some dtypes as they are. */
#define UNLESS(op, condition)                                                  \
  mx_array *mx_##op(mx_build *b, mx_array *a) {                                \
    enum mx_dtype d MX_UNUSED = dtype_of(a);                                   \
    return a && (condition) ? a : mx_apply1(b, &mx_prim_##op, a);              \
  }
UNLESS(abs, d == MX_BOOL || mx_dtype_is_unsigned(d))
UNLESS(sign, d == MX_BOOL)
UNLESS(floor, !mx_dtype_is_inexact(d))
UNLESS(ceil, !mx_dtype_is_inexact(d))
UNLESS(trunc, !mx_dtype_is_inexact(d))
UNLESS(square, d == MX_BOOL)
UNLESS(real, d != MX_COMPLEX64)
UNLESS(conjugate, d != MX_COMPLEX64)
UNLESS(negative, false)
UNLESS(bitwise_invert, false)
UNLESS(copy, false)
UNLESS(stop_gradient, false)

mx_array *mx_imag(mx_build *b, mx_array *a) {
  return dtype_of(a) == MX_COMPLEX64 ? mx_apply1(b, &mx_prim_imag, a) : mx_zeros_like(b, a);
}
mx_array *mx_logical_not(mx_build *b, mx_array *a) { return mx_apply1(b, &mx_prim_logical_not, a); }

/* A bool array of a's shape that is `value` everywhere: what classification says of integers. */
static mx_array *everywhere(mx_build *b, mx_array *a, bool value) {
  return a ? mx_broadcast_to(b, mx_scalar(b, value, MX_BOOL), a->t.shape, a->t.ndim) : mx_apply1(b, &mx_prim_isnan, a);
}
#define CLASSIFY(op, of_integer)                                               \
  mx_array *mx_##op(mx_build *b, mx_array *a) {                                \
    return a && mx_dtype_is_inexact(a->t.dtype) ? mx_apply1(b, &mx_prim_##op, a) : everywhere(b, a, of_integer); \
  }
CLASSIFY(isnan, false)
CLASSIFY(isinf, false)
CLASSIFY(isfinite, true)

/* The infinities have a sign only where the numbers are real: for complex64 the real part decides, as in MLX. */
mx_array *mx_isposinf(mx_build *b, mx_array *a) {
  a = mx_real(b, a);
  return a && mx_dtype_is_inexact(a->t.dtype) ? mx_apply1(b, &mx_prim_isposinf, a) : everywhere(b, a, false);
}
mx_array *mx_isneginf(mx_build *b, mx_array *a) {
  a = mx_real(b, a);
  return a && mx_dtype_is_inexact(a->t.dtype) ? mx_apply1(b, &mx_prim_isneginf, a) : everywhere(b, a, false);
}

mx_array *mx_degrees(mx_build *b, mx_array *a) {
  a = mx_as_inexact(b, a);
  return mx_multiply(b, a, mx_scalar(b, 57.29577951308232, dtype_of(a))); /* 180/pi */
}
mx_array *mx_radians(mx_build *b, mx_array *a) {
  a = mx_as_inexact(b, a);
  return mx_multiply(b, a, mx_scalar(b, 0.017453292519943295, dtype_of(a))); /* pi/180 */
}

/* round(x * 10^d) / 10^d, halves to even; integers are rounded in float32 when d < 0, as MLX does. */
mx_array *mx_round(mx_build *b, mx_array *a, int decimals) {
  enum mx_dtype d = dtype_of(a), wide = mx_dtype_to_inexact(d);
  if (decimals == 0 || (decimals > 0 && !mx_dtype_is_inexact(d)))
    return a && !mx_dtype_is_inexact(d) ? a : mx_apply1(b, &mx_prim_round, a);
  mx_array *scale = mx_scalar(b, pow(10, decimals < 0 ? -(double)decimals : decimals), wide);
  mx_array *x = mx_astype(b, a, wide);
  x = decimals > 0 ? mx_multiply(b, x, scale) : mx_divide(b, x, scale);
  x = mx_apply1(b, &mx_prim_round, x);
  x = decimals > 0 ? mx_divide(b, x, scale) : mx_multiply(b, x, scale);
  return mx_astype(b, x, d);
}

static double largest(enum mx_dtype d) {
  return d == MX_FLOAT16 ? 65504 : d == MX_BFLOAT16 ? 0x1.fep127 : d == MX_FLOAT64 ? DBL_MAX : FLT_MAX;
}

mx_array *mx_nan_to_num(mx_build *b, mx_array *a, double nan, const double *posinf, const double *neginf) {
  enum mx_dtype d = dtype_of(a);
  if (a && !mx_dtype_is_inexact(d)) return a;
  if (d == MX_COMPLEX64) { /* its two parts by themselves */
    mx_array *re = mx_nan_to_num(b, mx_real(b, a), nan, posinf, neginf), *im = mx_nan_to_num(b, mx_imag(b, a), nan, posinf, neginf);
    return mx_add(b, re, mx_multiply(b, im, mx_complex_scalar(b, 0, 1)));
  }
  mx_array *x = mx_where(b, mx_isnan(b, a), mx_scalar(b, nan, d), a);
  x = mx_where(b, mx_isposinf(b, a), mx_scalar(b, posinf ? *posinf : largest(d), d), x);
  return mx_where(b, mx_isneginf(b, a), mx_scalar(b, neginf ? *neginf : -largest(d), d), x);
}

/* Public functions */
MX_PUBLIC_UNARY(abs) MX_PUBLIC_UNARY(negative) MX_PUBLIC_UNARY(sign) MX_PUBLIC_UNARY(floor) MX_PUBLIC_UNARY(ceil)
MX_PUBLIC_UNARY(square) MX_PUBLIC_UNARY(sqrt) MX_PUBLIC_UNARY(rsqrt) MX_PUBLIC_UNARY(reciprocal) MX_PUBLIC_UNARY(exp)
MX_PUBLIC_UNARY(expm1) MX_PUBLIC_UNARY(log) MX_PUBLIC_UNARY(log2) MX_PUBLIC_UNARY(log10) MX_PUBLIC_UNARY(log1p)
MX_PUBLIC_UNARY(sin) MX_PUBLIC_UNARY(cos) MX_PUBLIC_UNARY(tan) MX_PUBLIC_UNARY(arcsin) MX_PUBLIC_UNARY(arccos)
MX_PUBLIC_UNARY(arctan) MX_PUBLIC_UNARY(sinh) MX_PUBLIC_UNARY(cosh) MX_PUBLIC_UNARY(tanh) MX_PUBLIC_UNARY(arcsinh)
MX_PUBLIC_UNARY(arccosh) MX_PUBLIC_UNARY(arctanh) MX_PUBLIC_UNARY(erf) MX_PUBLIC_UNARY(erfinv) MX_PUBLIC_UNARY(sigmoid)
MX_PUBLIC_UNARY(logical_not) MX_PUBLIC_UNARY(bitwise_invert) MX_PUBLIC_UNARY(real) MX_PUBLIC_UNARY(imag)
MX_PUBLIC_UNARY(conjugate) MX_PUBLIC_UNARY(isnan) MX_PUBLIC_UNARY(isinf) MX_PUBLIC_UNARY(isfinite) MX_PUBLIC_UNARY(isposinf)
MX_PUBLIC_UNARY(isneginf) MX_PUBLIC_UNARY(copy) MX_PUBLIC_UNARY(degrees) MX_PUBLIC_UNARY(radians)
MX_PUBLIC_UNARY(stop_gradient)
MX_PUBLIC(ravel_trunc, mx_trunc(b, a.ctx), const mlx_array a)
MX_PUBLIC(round, mx_round(b, a.ctx, decimals), const mlx_array a, int decimals)
MX_PUBLIC(nan_to_num,
          mx_nan_to_num(b, a.ctx, (double)nan, posinf.has_value ? &(double){(double)posinf.value} : NULL,
                        neginf.has_value ? &(double){(double)neginf.value} : NULL),
          const mlx_array a, float nan, mlx_optional_float posinf, mlx_optional_float neginf)
