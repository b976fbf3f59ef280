/* test_fft.c: transforms of every table, size, number of lines and layout against a sum in double. */
#include "../../test.h"

#include "backend/cpu/fft.h"
#include "backend/cpu/pool.h"
#include "core/alloc.h"

#include <complex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 7;
static float uniform(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(int32_t)state * 0x1p-31f;
}
static float *numbers(int64_t n) {
  float *x = malloc((size_t)n * 8 + 8);
  for (int64_t i = 0; i < 2 * n; i++) x[i] = uniform();
  return x;
}
/* exp(2 pi i k / n) for all k < n; those of the last n are kept. */
static double (*roots(int64_t n))[2] {
  static double (*table)[2];
  static int64_t size;
  if (size == n) return table;
  table = realloc(table, (size_t)n * sizeof *table);
  size = n;
  for (int64_t k = 0; k < n; k++) sincos(2 * M_PI * (double)k / (double)n, &table[k][1], &table[k][0]);
  return table;
}
/* X_k of a line whose elements are `step` apart. */
static double complex sum_of(const float *x, int64_t n, int64_t step, int64_t k, bool inverse) {
  double re = 0, im = 0, (*w)[2] = roots(n);
  for (int64_t j = 0, at = 0; j < n; j++) {
    double c = w[at][0], s = inverse ? w[at][1] : -w[at][1], a = x[2 * j * step], b = x[2 * j * step + 1];
    re += a * c - b * s, im += a * s + b * c;
    at += k;
    if (at >= n) at -= n;
  }
  return re + im * _Complex_I;
}
/* Errors grow with the logarithm of n, relative to the root mean square: sqrt(n) times that of the input. */
static void check_line(const char *what, const float *got, const float *x, int64_t n, int64_t step, bool inverse, double scale) {
  int64_t by = n > 300 ? n / 61 : 1;
  double most = 4e-7 * sqrt((double)n) * (log2((double)n) + 1) * scale;
  for (int64_t k = 0; k < n; k += by) {
    double complex want = scale * sum_of(x, n, step, k, inverse), have = got[2 * k * step] + got[2 * k * step + 1] * _Complex_I;
    if (cabs(have - want) <= most) continue;
    test_fail(__FILE__, __LINE__, "%s: size %lld, k = %lld: %.8g%+.8gj, not %.8g%+.8gj", what, (long long)n, (long long)k, creal(have),
              cimag(have), creal(want), cimag(want));
    return;
  }
}

static void check_lines(const struct cpu_fft_table *t, int64_t n, int64_t count, int64_t gap, bool inverse, bool in_place) {
  int64_t row = n + gap;
  float *x = numbers(count * row), *copy = malloc((size_t)(count * row) * 8), *y = in_place ? x : numbers(count * row);
  memcpy(copy, x, (size_t)(count * row) * 8);
  float guard = y[2 * (count * row - 1)];
  CHECK_OK(cpu_fft_lines(t, &(struct cpu_fft_lines){.n = n, .count = count, .from = row, .to = row, .src = x, .dst = y, .inverse = inverse, .scale = 0.5f}));
  for (int64_t i = 0; i < count; i++) check_line("lines", y + 2 * i * row, copy + 2 * i * row, n, 1, inverse, 0.5);
  if (gap) CHECK(y[2 * (count * row - 1)] == guard); /* nothing is written between lines */
  if (!in_place) free(y);
  free(x);
  free(copy);
}

static const struct cpu_fft_table *table(int isa) { return cpu_fft_table((enum cpu_isa)isa); }

TEST(lines_of_every_small_size_match_a_plain_sum) {
  for (int isa = 0; isa < CPU_ISA_COUNT; isa++)
    for (int64_t n = 1; n <= 150 && table(isa); n++)
      for (int inverse = 0; inverse < 2; inverse++) {
        check_lines(table(isa), n, 1, 0, inverse, false);
        check_lines(table(isa), n, 3, 1, inverse, true);
        check_lines(table(isa), n, 21, 2, inverse, n % 2);
      }
}

TEST(long_lines_match_a_plain_sum) {
  static const int64_t sizes[] = {243, 1000, 1009, 1024, 2018, 2197, 3125, 4096, 8000, 9973, 16384, 20449, 32768, 65536, 65537, 64 * 1009, 100000};
  for (int isa = 0; isa < CPU_ISA_COUNT; isa++)
    for (int s = 0; s < MX_COUNT(sizes) && table(isa); s++) {
      check_lines(table(isa), sizes[s], 1, 0, s % 2, s % 3 == 0);
      if (sizes[s] < 3000) check_lines(table(isa), sizes[s], 18, 1, true, false);
    }
}

static void check_across(const struct cpu_fft_table *t, int64_t outer, int64_t n, int64_t inner, bool inverse, bool in_place) {
  int64_t size = outer * n * inner;
  float *x = numbers(size), *copy = malloc((size_t)size * 8), *y = in_place ? x : numbers(size);
  memcpy(copy, x, (size_t)size * 8);
  CHECK_OK(cpu_fft_across(t, &(struct cpu_fft_across){.outer = outer, .n = n, .inner = inner, .src = x, .dst = y, .inverse = inverse, .scale = 2}));
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i += inner > 40 ? 13 : 1)
      check_line("across", y + 2 * (o * n * inner + i), copy + 2 * (o * n * inner + i), n, inner, inverse, 2);
  if (!in_place) free(y);
  free(x);
  free(copy);
}
TEST(transforms_across_lines_match_a_plain_sum) {
  static const int64_t shapes[][3] = {{1, 2, 2},    {3, 5, 1},   {2, 1, 7},   {1, 64, 16}, {2, 30, 16},  {3, 16, 3},  {7, 12, 5},  {2, 17, 20},
                                      {1, 100, 33}, {5, 8, 100}, {1, 1009, 3}, {2, 289, 18}, {1, 4096, 4}, {1, 5000, 3}, {1, 6561, 19}, {40, 6, 1}};
  for (int isa = 0; isa < CPU_ISA_COUNT; isa++)
    for (int s = 0; s < MX_COUNT(shapes) && table(isa); s++)
      for (int how = 0; how < 4; how++) check_across(table(isa), shapes[s][0], shapes[s][1], shapes[s][2], how & 1, how & 2);
}

TEST(the_number_of_threads_changes_no_bit) {
  int64_t n = 40000;
  float *x = numbers(n), *one = malloc((size_t)n * 8), *many = malloc((size_t)n * 8);
  struct cpu_fft_lines l = {.n = n, .count = 1, .from = n, .to = n, .src = x, .dst = one, .scale = 1};
  int before = cpu_pool_set_threads(1);
  CHECK_OK(cpu_fft_lines(table(cpu_isa()), &l));
  cpu_pool_set_threads(4);
  l.dst = many;
  CHECK_OK(cpu_fft_lines(table(cpu_isa()), &l));
  CHECK(!memcmp(one, many, (size_t)n * 8));
  cpu_pool_set_threads(before);
  free(x), free(one), free(many);
}

/* More sizes than the cache keeps, from several threads at once. */
static void *many_sizes(void *arg) {
  int64_t from = *(const int64_t *)arg;
  for (int64_t n = from; n < from + 90; n++) {
    struct cpu_fft_plan *p;
    if (cpu_fft_plan_take(&p, table(cpu_isa()), n, n % 2)) return arg;
    bool wrong = p->n != n;
    cpu_fft_plan_drop(p);
    if (wrong) return arg;
  }
  return NULL;
}
TEST(plans_are_shared_by_threads_and_their_number_is_bounded) {
  pthread_t threads[4];
  int64_t from[4] = {3, 40, 3, 200};
  int64_t live = mx_alloc_live();
  for (int i = 0; i < 4; i++) REQUIRE(!pthread_create(&threads[i], NULL, many_sizes, &from[i]));
  for (int i = 0; i < 4; i++) {
    void *bad = NULL;
    pthread_join(threads[i], &bad);
    CHECK(bad == NULL);
  }
  CHECK(mx_alloc_live() - live < 48 * 40); /* blocks, not plans: each has a few tables */
}

/* A size that no run has had before, so that its plan is not there yet. */
TEST_TORTURE(plans_and_scratch_that_memory_does_not_suffice_for) {
  static int64_t n = 600;
  float *x = numbers(2048), y[2 * 2048];
  n = n < 2000 ? n + 1 : 601;
  int status = cpu_fft_lines(table(cpu_isa()), &(struct cpu_fft_lines){.n = n, .count = 1, .from = n, .to = n, .src = x, .dst = y, .scale = 1});
  if (status) CHECK(test_injecting());
  else check_line("again", y, x, n, 1, false, 1);
  free(x);
}
