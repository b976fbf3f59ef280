/* text.c: see text.h. */
#include "ops/text.h"

#include "core/error.h"
#include "core/half.h"
#include "eval/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(const char **at, double *im) {
  while (**at == ' ') ++*at;
  *im = 0;
  if (!strncmp(*at, "true", 4)) return *at += 4, 1;
  if (!strncmp(*at, "false", 5)) return *at += 5, 0;
  char *end;
  double re = strtod(*at, &end);
  if (*end == 'j') {
    *im = re, re = 0, end++;
  } else if (*end == '+' || *end == '-') {
    *im = strtod(end, &end);
    end++; /* the j */
  }
  *at = end;
  return re;
}

void text_store(void *at, enum mx_dtype d, double x, double im, const char *digits) {
  switch (d) {
  case MX_BOOL: *(bool *)at = x != 0; break;
  case MX_UINT8: *(uint8_t *)at = (uint8_t)(int64_t)x; break;
  case MX_UINT16: *(uint16_t *)at = (uint16_t)(int64_t)x; break;
  case MX_UINT32: *(uint32_t *)at = (uint32_t)(int64_t)x; break;
  case MX_UINT64: *(uint64_t *)at = digits ? strtoull(digits, NULL, 10) : (uint64_t)(int64_t)x; break;
  case MX_INT8: *(int8_t *)at = (int8_t)(int64_t)x; break;
  case MX_INT16: *(int16_t *)at = (int16_t)(int64_t)x; break;
  case MX_INT32: *(int32_t *)at = (int32_t)(int64_t)x; break;
  case MX_INT64: *(int64_t *)at = digits ? strtoll(digits, NULL, 10) : (int64_t)x; break;
  case MX_FLOAT16: *(uint16_t *)at = mx_float_to_f16((float)x); break;
  case MX_BFLOAT16: *(uint16_t *)at = mx_float_to_bf16((float)x); break;
  case MX_FLOAT32: *(float *)at = (float)x; break;
  case MX_FLOAT64: *(double *)at = x; break;
  default: ((float *)at)[0] = (float)x, ((float *)at)[1] = (float)im;
  }
}

mx_array *text_array(mx_build *b, const char *text) {
  int d = 0, ndim = 0;
  int64_t shape[MX_MAX_NDIM], size = 1;
  size_t word = strcspn(text, " ");
  while (d < MX_DTYPE_COUNT && (strlen(mx_dtype_name(d)) != word || strncmp(text, mx_dtype_name(d), word))) d++;
  REQUIRE(d < MX_DTYPE_COUNT);
  const char *at = strchr(text, '(') + 1;
  while (*at != ')') {
    shape[ndim] = strtoll(at, (char **)&at, 10);
    size *= shape[ndim++];
    if (*at == ',') at++;
  }
  at += *(at + 1) == ':' ? 2 : 1;
  size_t item = mx_dtype_size(d);
  char *data = calloc((size_t)size + 1, item);
  for (int64_t i = 0; i < size; i++) {
    double im;
    while (*at == ' ') at++;
    const char *digits = at;
    double x = number(&at, &im);
    text_store(data + (size_t)i * item, (enum mx_dtype)d, x, im, digits);
  }
  mx_array *a = mx_build_own(b, mx_array_from_copy(data, shape, ndim, d));
  free(data);
  return a;
}

static const void *element(const mx_array *a, int64_t i) {
  int64_t offset = 0;
  for (int k = a->t.ndim - 1; k >= 0; k--) {
    offset += i % a->t.shape[k] * a->t.strides[k];
    i /= a->t.shape[k];
  }
  return (const char *)a->t.data + offset * (int64_t)mx_dtype_size(a->t.dtype);
}

double text_load(const void *p, enum mx_dtype d, bool imaginary) {
  switch (d) {
  case MX_BOOL: return *(const bool *)p;
  case MX_UINT8: return *(const uint8_t *)p;
  case MX_UINT16: return *(const uint16_t *)p;
  case MX_UINT32: return *(const uint32_t *)p;
  case MX_UINT64: return (double)*(const uint64_t *)p;
  case MX_INT8: return *(const int8_t *)p;
  case MX_INT16: return *(const int16_t *)p;
  case MX_INT32: return *(const int32_t *)p;
  case MX_INT64: return (double)*(const int64_t *)p;
  case MX_FLOAT16: return (double)mx_f16_to_float(*(const uint16_t *)p);
  case MX_BFLOAT16: return (double)mx_bf16_to_float(*(const uint16_t *)p);
  case MX_FLOAT32: return (double)*(const float *)p;
  case MX_FLOAT64: return *(const double *)p;
  default: return (double)((const float *)p)[imaginary];
  }
}

double text_value(const mx_array *a, int64_t i, bool imaginary) { return text_load(element(a, i), a->t.dtype, imaginary); }

static int show_element(char *to, size_t room, const mx_array *a, int64_t i) {
  const void *p = element(a, i);
  double x = text_value(a, i, false);
  if (a->t.dtype == MX_BOOL) return snprintf(to, room, " %s", x != 0 ? "true" : "false");
  if (a->t.dtype == MX_UINT64) return snprintf(to, room, " %llu", (unsigned long long)*(const uint64_t *)p);
  if (a->t.dtype == MX_INT64) return snprintf(to, room, " %lld", (long long)*(const int64_t *)p);
  if (mx_dtype_is_integer(a->t.dtype)) return snprintf(to, room, " %.0f", x);
  if (isnan(x)) return snprintf(to, room, " nan");
  if (a->t.dtype == MX_COMPLEX64) return snprintf(to, room, " %.6g%+.6gj", x, text_value(a, i, true));
  return snprintf(to, room, a->t.dtype == MX_FLOAT16 || a->t.dtype == MX_BFLOAT16 ? " %.4g" : " %.6g", x);
}

const char *text_show(mx_build *b, mx_array *a) {
  static char texts[4][8192];
  static int turn;
  char *text = texts[turn++ % 4], shape[MX_SHAPE_TEXT];
  size_t room = sizeof texts[0];
  if (!a || b->status || mx_eval(&a, 1)) {
    snprintf(text, room, "error: %s", mx_error_text());
    return text;
  }
  size_t at = (size_t)snprintf(text, room, "%s %s:", mx_dtype_name(a->t.dtype), mx_shape_text(shape, a->t.shape, a->t.ndim));
  for (int64_t i = 0; i < a->t.size && at < room - 64; i++) at += (size_t)show_element(text + at, room - at, a, i);
  return text;
}

mlx_array text_put(const char *text) {
  BEGIN;
  mlx_array handle = {mx_ref(A(text))};
  END;
  return handle;
}
const char *text_take(mlx_array a) {
  BEGIN;
  const char *text = text_show(b, a.ctx);
  END;
  mlx_array_free(a);
  return text;
}
