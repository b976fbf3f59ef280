/* main.c: runs the registered tests, one after the other, and closes with "N passed, M failed". */
#include "test.h"

#include "core/alloc.h"
#include "core/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct test *tests, **tests_end = &tests;
static jmp_buf test_exit;
static int failures; /* of the running test */
static bool injecting;

void test_register(struct test *t) {
  *tests_end = t;
  tests_end = &t->next;
}
bool test_injecting(void) { return injecting; }
void test_abandon(void) { longjmp(test_exit, 1); }

void test_fail(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s:%d: ", file, line);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  failures++;
}
void test_check_int(const char *file, int line, const char *what, int64_t got, int64_t want) {
  if (got != want) test_fail(file, line, "%s is %lld, not %lld", what, (long long)got, (long long)want);
}
void test_check_str(const char *file, int line, const char *what, const char *got, const char *want) {
  if (!got || strcmp(got, want)) test_fail(file, line, "%s is\n%s\n-- not\n%s", what, got ? got : "(null)", want);
}
void test_check_near(const char *file, int line, const char *what, double got, double want, double tol) {
  bool same = (isnan(got) && isnan(want)) || got == want || fabs(got - want) <= tol;
  if (!same) test_fail(file, line, "%s is %.17g, not %.17g (tolerance %g)", what, got, want, tol);
}
void test_check_ok(const char *file, int line, const char *what, int status) {
  if (status == 0) return;
  if (!(injecting && status == MX_EMEMORY)) test_fail(file, line, "%s fails: %s", what, mx_error_text());
  test_abandon();
}
void test_check_error(const char *file, int line, const char *what, int status, int want, const char *part) {
  if (status != want) {
    test_fail(file, line, "%s gives class %d, not %d (%s)", what, status, want, status ? mx_error_text() : "no error");
  } else if (!strstr(mx_error_text(), part)) {
    test_fail(file, line, "%s says \"%s\", which lacks \"%s\"", what, mx_error_text(), part);
  }
  mx_error_clear();
}

static bool wanted(const struct test *t, int argc, char **argv) {
  bool any = false;
  char full[512];
  snprintf(full, sizeof full, "%s:%s", t->file, t->name);
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '-') continue;
    if (strstr(full, argv[i])) return true;
    any = true;
  }
  return !any;
}

static int run_once(const struct test *t) {
  failures = 0;
  if (setjmp(test_exit) == 0) t->run();
  mx_error_clear();
  return failures;
}

/* Fails the 1st, 2nd, 3rd … allocation of the test until a run needs no more than that many. */
static int run_torture(const struct test *t) {
  int bad = 0;
  for (int64_t n = 1; n < 20000 && !bad; n++) {
    int64_t live = mx_alloc_live();
    mx_alloc_fail_after(n);
    injecting = true;
    bad = run_once(t);
    injecting = false;
    bool used = mx_alloc_fail_pending() == 0;
    mx_alloc_fail_after(0);
    if (bad) fprintf(stderr, "  … with allocation %lld failing\n", (long long)n);
    (void)live;
    if (!used) break;
  }
  return bad;
}

int main(int argc, char **argv) {
  bool torture = false, list = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--torture")) torture = true;
    if (!strcmp(argv[i], "--list")) list = true;
  }
  int passed = 0, failed = 0;
  for (struct test *t = tests; t; t = t->next) {
    if (!wanted(t, argc, argv) || (torture && !t->torture)) continue;
    if (list) {
      printf("%s:%s\n", t->file, t->name);
      continue;
    }
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    int bad = torture ? run_torture(t) : run_once(t);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double s = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    if (bad) printf("FAIL %s:%s\n", t->file, t->name);
    else if (s > 1.0) printf("     %s:%s took %.1f s\n", t->file, t->name, s);
    bad ? failed++ : passed++;
    fflush(stdout);
  }
  if (!list) printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
