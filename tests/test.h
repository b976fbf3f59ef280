/* test.h: the C test harness. A test file holds TEST(a_sentence_in_snake_case) { … } blocks; main.c finds and runs them.
 * ravel_tests [--list] [--torture] [filter …]: a filter is a part of "path/file:name". */
#ifndef RAVEL_TEST_H
#define RAVEL_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test {
  const char *file, *name;
  void (*run)(void);
  bool torture; /* may be run again with every allocation failing in turn */
  struct test *next;
};
void test_register(struct test *t);
/* Records a failure of the running test, with file and line; the test goes on (CHECK) or ends (REQUIRE). */
void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void test_abandon(void);
/* True while an allocation failure is being injected: then an error is a right answer and ends the test quietly. */
bool test_injecting(void);

#define TEST_ANY(id, tortured)                                                                                \
  static void test_##id(void);                                                                                \
  static struct test test_entry_##id = {__FILE__, #id, test_##id, tortured, NULL};                            \
  __attribute__((constructor)) static void test_add_##id(void) { test_register(&test_entry_##id); }          \
  static void test_##id(void)
#define TEST(id) TEST_ANY(id, false)
/* Also run under --torture: uses CHECK_OK for calls that may run out of memory. */
#define TEST_TORTURE(id) TEST_ANY(id, true)

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))
#define REQUIRE(cond) ((cond) ? (void)0 : (test_fail(__FILE__, __LINE__, "%s", #cond), test_abandon()))
#define CHECK_INT(got, want) test_check_int(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define CHECK_STR(got, want) test_check_str(__FILE__, __LINE__, #got, (got), (want))
/* |got - want| <= tol, or both NaN, or the same infinity. */
#define CHECK_NEAR(got, want, tol) test_check_near(__FILE__, __LINE__, #got, (got), (want), (tol))
/* The call returns 0; else its error text is shown and the test ends. */
#define CHECK_OK(call) test_check_ok(__FILE__, __LINE__, #call, (call))
/* The call fails with this class (enum mx_status) and a text that contains `part`. */
#define CHECK_ERROR(call, status, part) test_check_error(__FILE__, __LINE__, #call, (call), (status), (part))

void test_check_int(const char *file, int line, const char *what, int64_t got, int64_t want);
void test_check_str(const char *file, int line, const char *what, const char *got, const char *want);
void test_check_near(const char *file, int line, const char *what, double got, double want, double tol);
void test_check_ok(const char *file, int line, const char *what, int status);
void test_check_error(const char *file, int line, const char *what, int status, int want, const char *part);

#endif
