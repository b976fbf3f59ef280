/* dtype.c: name and promotion of each dtype; the table stands in the order of enum mx_dtype. */
#include "core/dtype.h"

const char *mx_dtype_name(enum mx_dtype d) {
  static const char *const name[MX_DTYPE_COUNT] = {"bool",  "uint8", "uint16",  "uint32",  "uint64",  "int8",     "int16",
                                                   "int32", "int64", "float16", "float32", "float64", "bfloat16", "complex64"};
  return (unsigned)d < MX_DTYPE_COUNT ? name[d] : "no dtype";
}

enum mx_dtype mx_dtype_promote(enum mx_dtype a, enum mx_dtype b) {
  if (a == b || b == MX_BOOL) return a;
  if (a == MX_BOOL) return b;
  if (a == MX_COMPLEX64 || b == MX_COMPLEX64) return MX_COMPLEX64;
  if (mx_dtype_is_floating(a) || mx_dtype_is_floating(b)) {
    if (!mx_dtype_is_floating(a)) return b;
    if (!mx_dtype_is_floating(b)) return a;
    if (a == MX_FLOAT64 || b == MX_FLOAT64) return MX_FLOAT64;
    return MX_FLOAT32; /* float32 with a half, or the two halves together */
  }
  bool ua = mx_dtype_is_unsigned(a), ub = mx_dtype_is_unsigned(b);
  size_t na = mx_dtype_size(a), nb = mx_dtype_size(b);
  if (ua == ub) return na >= nb ? a : b;
  size_t nu = ua ? na : nb, ns = ua ? nb : na;
  if (nu == 8) return MX_FLOAT32;
  if (ns > nu) return ua ? b : a;
  return nu == 1 ? MX_INT16 : nu == 2 ? MX_INT32 : MX_INT64;
}
