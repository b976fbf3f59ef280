/* text.h: arrays written as text, for tests: "float32 (2,3): 1 2 3 4 5 6"; complex numbers as 1+2j; nan, inf, true.
 * Invariant: reading and showing are each other's inverse. */
#ifndef RAVEL_TESTS_OPS_TEXT_H
#define RAVEL_TESTS_OPS_TEXT_H

#include "mlx/c/array.h"
#include "ops/ops.h"
#include "ops/random.h"
#include "test.h"

/* An array from its text, owned by the build. */
mx_array *text_array(mx_build *b, const char *text);
/* Evaluates a and writes it; the text is valid until the fourth next call. An error of the build is shown as text. */
const char *text_show(mx_build *b, mx_array *a);
/* Element i (row-major) of an evaluated array as a double; imaginary: its imaginary part. */
double text_value(const mx_array *a, int64_t i, bool imaginary);
/* One element in memory: written (integers wrap; digits, unless NULL, say a 64-bit integer exactly) and read. */
void text_store(void *at, enum mx_dtype d, double x, double im, const char *digits);
double text_load(const void *p, enum mx_dtype d, bool imaginary);

/* A public handle of the array, and its text; the handle is freed. */
mlx_array text_put(const char *text);
const char *text_take(mlx_array a);

#define A(text) text_array(b, text)
#define EXPECT(expression, text) CHECK_STR(text_show(b, expression), text)
/* A build for one test. */
#define BEGIN mx_build build, *b = &build; mx_build_begin(b, NULL)
#define END CHECK_OK(mx_build_end_many(b, NULL, 0, NULL))
/* The expression fails with this class and text; the build starts anew. */
#define EXPECT_ERROR(expression, status, part)                                 \
  do {                                                                         \
    mx_build inner, *outer = b;                                                \
    mx_build_begin(&inner, NULL);                                              \
    b = &inner;                                                                \
    CHECK((expression) == NULL);                                               \
    CHECK_ERROR(mx_build_end_many(&inner, NULL, 0, NULL), status, part);       \
    b = outer;                                                                 \
  } while (0)

#endif
