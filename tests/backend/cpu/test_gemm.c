/* test_gemm.c: the products against a plain sum in double, for every table, dtype, layout and thread count. */
#include "../../test.h"

#include "backend/cpu/gemm.h"
#include "backend/cpu/pool.h"
#include "core/alloc.h"
#include "core/error.h"
#include "core/half.h"

#include <complex.h>
#include <stdio.h>
#include <string.h>

static uint32_t random_state = 1;
static int random_below(int n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (int)((random_state >> 8) % (uint32_t)n);
}

static double complex value_get(enum mx_dtype d, const void *p, int64_t i) {
  switch (d) {
  case MX_FLOAT32: return ((const float *)p)[i];
  case MX_FLOAT64: return ((const double *)p)[i];
  case MX_FLOAT16: return mx_f16_to_float(((const uint16_t *)p)[i]);
  case MX_BFLOAT16: return mx_bf16_to_float(((const uint16_t *)p)[i]);
  case MX_COMPLEX64: return (double)((const float *)p)[2 * i] + (double)((const float *)p)[2 * i + 1] * I;
  case MX_BOOL: return ((const bool *)p)[i];
  case MX_UINT8: return ((const uint8_t *)p)[i];
  case MX_UINT16: return ((const uint16_t *)p)[i];
  case MX_UINT32: return ((const int32_t *)p)[i]; /* the same modulo 2^32, and exact in double */
  case MX_UINT64: return (double)((const int64_t *)p)[i];
  case MX_INT8: return ((const int8_t *)p)[i];
  case MX_INT16: return ((const int16_t *)p)[i];
  case MX_INT32: return ((const int32_t *)p)[i];
  default: return (double)((const int64_t *)p)[i];
  }
}
static void value_set(enum mx_dtype d, void *p, int64_t i, double complex v) {
  double r = creal(v);
  switch (d) {
  case MX_FLOAT32: ((float *)p)[i] = (float)r; break;
  case MX_FLOAT64: ((double *)p)[i] = r; break;
  case MX_FLOAT16: ((uint16_t *)p)[i] = mx_float_to_f16((float)r); break;
  case MX_BFLOAT16: ((uint16_t *)p)[i] = mx_float_to_bf16((float)r); break;
  case MX_COMPLEX64: ((float *)p)[2 * i] = (float)r, ((float *)p)[2 * i + 1] = (float)cimag(v); break;
  case MX_BOOL: ((bool *)p)[i] = r != 0; break;
  case MX_UINT8: ((uint8_t *)p)[i] = (uint8_t)(int)r; break;
  case MX_UINT16: ((uint16_t *)p)[i] = (uint16_t)(int)r; break;
  case MX_UINT32: ((uint32_t *)p)[i] = (uint32_t)(int)r; break;
  case MX_UINT64: ((uint64_t *)p)[i] = (uint64_t)(int)r; break;
  case MX_INT8: ((int8_t *)p)[i] = (int8_t)(int)r; break;
  case MX_INT16: ((int16_t *)p)[i] = (int16_t)(int)r; break;
  case MX_INT32: ((int32_t *)p)[i] = (int32_t)(int)r; break;
  default: ((int64_t *)p)[i] = (int64_t)r; break;
  }
}
/* Half of a unit in the last place, relative. */
static double epsilon(enum mx_dtype d) {
  return d == MX_FLOAT64 ? 0x1p-53 : d == MX_FLOAT16 ? 0x1p-11 : d == MX_BFLOAT16 ? 0x1p-8 : mx_dtype_is_inexact(d) ? 0x1p-24 : 0;
}

/* A strided operand: rows x cols in a store of its own, element (0,0) at `data`. */
struct operand {
  void *store;
  char *data;
  int64_t rows, cols, row, col, batch;
};
enum layout { ROWS, COLUMNS, ROWS_PADDED, COLUMNS_PADDED, REVERSED, SPREAD, LAYOUTS };
static struct operand operand_new(enum mx_dtype d, int64_t rows, int64_t cols, int64_t count, enum layout layout) {
  struct operand o = {.rows = rows, .cols = cols};
  int64_t pad = layout == ROWS_PADDED || layout == COLUMNS_PADDED ? 3 : 0, step = layout == SPREAD ? 2 : 1, first = 0;
  bool across = layout == COLUMNS || layout == COLUMNS_PADDED;
  o.row = across ? 1 : (cols + pad) * step;
  o.col = across ? rows + pad : step;
  o.batch = (rows + pad) * (cols + pad) * step + 5;
  if (layout == REVERSED) {
    first = (rows ? (rows - 1) * o.row : 0) + (cols ? (cols - 1) * o.col : 0);
    o.row = -o.row;
    o.col = -o.col;
  }
  int64_t n = o.batch * count;
  o.store = mx_malloc((size_t)n * mx_dtype_size(d));
  REQUIRE(o.store);
  for (int64_t i = 0; i < n; i++) {
    double re = random_below(33) - 16, im = random_below(33) - 16;
    if (mx_dtype_is_inexact(d)) re /= 8, im /= 8;
    value_set(d, o.store, i, re + im * I);
  }
  o.data = (char *)o.store + first * (int64_t)mx_dtype_size(d);
  return o;
}

struct scene {
  const struct cpu_gemm_table *table;
  enum mx_dtype dtype;
  int64_t m, n, k, count;
  enum layout la, lb, ladd;
  bool add, same_b; /* one b for the whole batch */
  double alpha, beta;
};
static struct operand scene_a, scene_b, scene_add;

static void scene_make(const struct scene *s, void *c, struct cpu_gemm *g, struct cpu_gemm_batch *batch) {
  scene_a = operand_new(s->dtype, s->m, s->k, s->count, s->la);
  scene_b = operand_new(s->dtype, s->k, s->n, s->count, s->lb);
  scene_add = operand_new(s->dtype, s->m, s->n, s->count, s->ladd);
  *g = (struct cpu_gemm){.dtype = s->dtype, .m = s->m, .n = s->n, .k = s->k, .a = scene_a.data, .b = scene_b.data, .c = c,
                         .a_row = scene_a.row, .a_col = scene_a.col, .b_row = scene_b.row, .b_col = scene_b.col,
                         .add = s->add ? scene_add.data : NULL, .add_row = scene_add.row, .add_col = scene_add.col,
                         .alpha = s->alpha, .beta = s->beta};
  *batch = (struct cpu_gemm_batch){.ndim = 1, .shape = {s->count}, .a = {scene_a.batch}, .b = {s->same_b ? 0 : scene_b.batch},
                                   .add = {scene_add.batch}};
}
static void scene_drop(void) {
  mx_free(scene_a.store);
  mx_free(scene_b.store);
  mx_free(scene_add.store);
}

/* A matrix of the batch as real and imaginary parts, lines of k terms one after the other. */
static double *parts(const struct scene *s, const void *from, int64_t offset, int64_t lines, int64_t line, int64_t step) {
  double *out = mx_malloc((size_t)(lines * s->k * 2) * sizeof *out);
  REQUIRE(out);
  for (int64_t i = 0; i < lines * s->k; i++) {
    double complex v = value_get(s->dtype, from, offset + i / s->k * line + i % s->k * step);
    out[2 * i] = creal(v);
    out[2 * i + 1] = cimag(v);
  }
  return out;
}

/* The sum, and what its terms' sizes add up to. */
static double complex sum_of(int64_t k, const double *x, const double *y, double *size) {
  double re = 0, im = 0, all = 0;
  for (int64_t p = 0; p < 2 * k; p += 2) {
    re += x[p] * y[p] - x[p + 1] * y[p + 1];
    im += x[p] * y[p + 1] + x[p + 1] * y[p];
    all += (fabs(x[p]) + fabs(x[p + 1])) * (fabs(y[p]) + fabs(y[p + 1]));
  }
  *size = all;
  return re + im * I;
}

static bool agrees(const struct scene *s, const struct cpu_gemm *g, int64_t i, double complex sum, double size, int64_t add_at) {
  double eps = epsilon(s->dtype), eps_sum = s->dtype == MX_FLOAT64 ? 0x1p-53 : 0x1p-24;
  double tol = (size * (double)(s->k + 4) * eps_sum + cabs(sum) * eps) * 1.01 + (s->dtype == MX_FLOAT16 ? 0x1p-25 : 0);
  if (s->dtype == MX_BOOL) sum = sum != 0;
  if (g->add) {
    double complex plus = value_get(s->dtype, g->add, add_at);
    sum = s->alpha * sum + s->beta * plus;
    tol = tol * fabs(s->alpha) + 4 * eps * (cabs(sum) + fabs(s->beta) * cabs(plus) + fabs(s->alpha) * size);
  }
  if (mx_dtype_is_inexact(s->dtype)) return cabs(value_get(s->dtype, g->c, i) - sum) <= tol;
  size_t item = mx_dtype_size(s->dtype);
  int64_t whole = (int64_t)creal(sum); /* modulo its range */
  return memcmp(&whole, (const char *)g->c + i * (int64_t)item, item) == 0;
}

/* Checks c against sums in double. Returns the first index that is off, or -1. */
static int64_t first_wrong(const struct scene *s, const struct cpu_gemm *g, const struct cpu_gemm_batch *batch) {
  int64_t wrong = -1;
  for (int64_t e = 0; e < s->count && wrong < 0; e++) {
    double *x = parts(s, g->a, e * batch->a[0], s->m, g->a_row, g->a_col), *y = parts(s, g->b, e * batch->b[0], s->n, g->b_col, g->b_row);
    for (int64_t i = 0; i < s->m * s->n && wrong < 0; i++) {
      int64_t row = i / s->n, col = i % s->n;
      double size;
      double complex sum = sum_of(s->k, x + 2 * row * s->k, y + 2 * col * s->k, &size);
      int64_t at = e * s->m * s->n + i;
      if (!agrees(s, g, at, sum, size, e * batch->add[0] + row * g->add_row + col * g->add_col)) wrong = at;
    }
    mx_free(x);
    mx_free(y);
  }
  return wrong;
}

static void check_scene(const struct scene *s) {
  size_t bytes = (size_t)(s->count * s->m * s->n) * mx_dtype_size(s->dtype);
  void *c = mx_malloc(bytes + 8), *again = mx_malloc(bytes + 8);
  REQUIRE(c && again);
  memset(c, 0x5a, bytes + 8);
  struct cpu_gemm g;
  struct cpu_gemm_batch batch;
  scene_make(s, c, &g, &batch);
  CHECK_OK(cpu_gemm_run(s->table, &g, &batch));
  int64_t wrong = first_wrong(s, &g, &batch);
  for (int i = 0; i < 8; i++) CHECK_INT(((unsigned char *)c)[bytes + (size_t)i], 0x5a); /* nothing beyond the end */
  if (wrong >= 0) {
    test_fail(__FILE__, __LINE__, "%s %s m %d n %d k %d count %d layouts %d %d %d add %d: element %d is %g",
              cpu_isa_name(s->table->isa), mx_dtype_name(s->dtype), (int)s->m, (int)s->n, (int)s->k, (int)s->count, (int)s->la,
              (int)s->lb, (int)s->ladd, s->add, (int)wrong, creal(value_get(s->dtype, c, wrong)));
  }
  int before = cpu_pool_set_threads(3);
  g.c = again;
  CHECK_OK(cpu_gemm_run(s->table, &g, &batch));
  CHECK(memcmp(c, again, bytes) == 0); /* the same bits with other threads */
  cpu_pool_set_threads(before);
  scene_drop();
  mx_free(c);
  mx_free(again);
}

static const enum mx_dtype floats[] = {MX_FLOAT32, MX_BFLOAT16, MX_FLOAT16, MX_FLOAT64, MX_COMPLEX64};
#define EACH_TABLE(t)                                                                                                   \
  for (int isa_ = 0; isa_ < CPU_ISA_COUNT; isa_++)                                                                      \
    for (const struct cpu_gemm_table *t = cpu_gemm_table((enum cpu_isa)isa_); t; t = NULL)

TEST(products_of_every_small_size_agree_with_plain_sums) {
  int before = cpu_pool_set_threads(1);
  EACH_TABLE(table) {
    for (int d = 0; d < MX_COUNT(floats); d++) {
      for (int size = 1; size <= 70; size++) {
        enum layout la = (enum layout)random_below(LAYOUTS), lb = (enum layout)random_below(LAYOUTS);
        int other = 1 + random_below(20), third = 1 + random_below(20);
        check_scene(&(struct scene){.table = table, .dtype = floats[d], .m = size, .n = other, .k = third, .count = 1, .la = la, .lb = lb});
        check_scene(&(struct scene){.table = table, .dtype = floats[d], .m = other, .n = size, .k = third, .count = 1, .la = la, .lb = lb});
        check_scene(&(struct scene){.table = table, .dtype = floats[d], .m = other, .n = third, .k = size, .count = 1, .la = la, .lb = lb});
      }
    }
  }
  cpu_pool_set_threads(before);
}

TEST(products_that_span_blocks_of_terms_and_threads_keep_their_bits) {
  EACH_TABLE(table) {
    for (int d = 0; d < MX_COUNT(floats); d++) {
      for (int lay = 0; lay < LAYOUTS; lay++) {
        check_scene(&(struct scene){.table = table, .dtype = floats[d], .m = 49, .n = 67, .k = 601, .count = 1, .la = (enum layout)lay,
                                    .lb = (enum layout)(LAYOUTS - 1 - lay)});
      }
    }
  }
}

TEST(stacks_of_tiny_products_agree_with_plain_sums_and_hold_the_bits_of_each_alone) {
  EACH_TABLE(table) {
    for (int i = 0; i < 400; i++) {
      check_scene(&(struct scene){.table = table, .dtype = i % 2 ? MX_FLOAT32 : MX_FLOAT64, .m = 1 + random_below(5), .n = 1 + random_below(5),
                                  .k = 1 + random_below(5), .count = 1 + random_below(70), .la = (enum layout)random_below(LAYOUTS),
                                  .lb = (enum layout)random_below(LAYOUTS), .same_b = i % 5 == 0, .add = i % 7 == 0, .alpha = 1, .beta = 1});
    }
    for (int m = 1; m <= 4; m++) {
      float a[50 * 12], b[50 * 12], c[50 * 16], alone[16];
      for (int i = 0; i < MX_COUNT(a); i++) a[i] = (float)random_below(1000) / 7, b[i] = (float)random_below(1000) / 7;
      struct cpu_gemm g = {.dtype = MX_FLOAT32, .m = m, .n = m, .k = 3, .a = a, .a_row = 3, .a_col = 1, .b = b, .b_row = m, .b_col = 1, .c = c};
      struct cpu_gemm_batch batch = {.ndim = 2, .shape = {5, 10}, .a = {120, 12}, .b = {120, 12}};
      CHECK_OK(cpu_gemm_run(table, &g, &batch));
      for (int i = 0; i < 50; i++) {
        g.a = a + i * 12, g.b = b + i * 12, g.c = alone;
        CHECK_OK(cpu_gemm_run(table, &g, NULL));
        CHECK(memcmp(alone, c + i * m * m, (size_t)(m * m) * sizeof *c) == 0);
      }
    }
  }
}

TEST(few_rows_and_columns_of_many_terms_agree_with_plain_sums) {
  EACH_TABLE(table) {
    for (int d = 0; d < MX_COUNT(floats); d++) {
      for (int i = 0; i < 60; i++) {
        check_scene(&(struct scene){.table = table, .dtype = floats[d], .m = 1 + random_below(i % 3 ? 9 : 34), .n = 1 + random_below(18),
                                    .k = 500 + random_below(700), .count = 1, .la = (enum layout)(i % LAYOUTS),
                                    .lb = (enum layout)random_below(LAYOUTS)});
      }
    }
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT32, .m = 3, .n = 4, .k = 70001, .count = 1});
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT64, .m = 4, .n = 1, .k = 70001, .count = 1, .la = COLUMNS});
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT32, .m = 4, .n = 3, .k = 70001, .count = 1, .lb = COLUMNS});
  }
}

TEST(products_beyond_one_super_block_are_whole) {
  EACH_TABLE(table) {
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT32, .m = 1100, .n = 40, .k = 30, .count = 1});
    check_scene(&(struct scene){.table = table, .dtype = MX_BFLOAT16, .m = 40, .n = 1100, .k = 30, .count = 1});
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT16, .m = 20, .n = 24, .k = 4500, .count = 1, .la = COLUMNS});
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT64, .m = 13, .n = 9, .k = 4500, .count = 1, .add = true, .alpha = 1, .beta = 2});
  }
}

TEST(addmm_scales_and_adds_any_layout) {
  EACH_TABLE(table) {
    for (int d = 0; d < MX_COUNT(floats); d++) {
      for (int lay = 0; lay < LAYOUTS; lay++) {
        struct scene s = {.table = table, .dtype = floats[d], .m = 19, .n = 37, .k = 23, .count = 1, .ladd = (enum layout)lay,
                          .add = true, .alpha = 0.5, .beta = -2};
        check_scene(&s);
        s.n = 1;
        check_scene(&s);
        s.m = 1;
        s.n = 41;
        check_scene(&s);
        s.k = 0;
        check_scene(&s);
      }
    }
  }
}

TEST(a_bias_is_added_to_each_row) {
  EACH_TABLE(table) {
    float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 0, 1, 1, 1}, bias[2] = {10, 20}, c[4];
    struct cpu_gemm g = {.dtype = MX_FLOAT32, .m = 2, .n = 2, .k = 3, .a = a, .a_row = 3, .a_col = 1, .b = b, .b_row = 2, .b_col = 1,
                         .c = c, .add = bias, .add_row = 0, .add_col = 1, .alpha = 1, .beta = 1};
    CHECK_OK(cpu_gemm_run(table, &g, NULL));
    CHECK(c[0] == 14 && c[1] == 25 && c[2] == 20 && c[3] == 31);
  }
}

TEST(matrix_times_vector_in_both_layouts_and_directions) {
  EACH_TABLE(table) {
    for (int d = 0; d < MX_COUNT(floats); d++) {
      for (int lay = 0; lay < LAYOUTS; lay++) {
        for (int size = 1; size < 700; size += 1 + random_below(197)) {
          struct scene s = {.table = table, .dtype = floats[d], .m = size, .n = 1, .k = 1 + random_below(70), .count = 1, .la = (enum layout)lay,
                            .lb = (enum layout)random_below(LAYOUTS)};
          check_scene(&s);
          s = (struct scene){.table = table, .dtype = floats[d], .m = 1, .n = 1 + random_below(70), .k = size, .count = 1,
                             .la = (enum layout)random_below(LAYOUTS), .lb = (enum layout)lay};
          check_scene(&s);
        }
      }
    }
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT32, .m = 3, .n = 1, .k = 20000, .count = 1});
    check_scene(&(struct scene){.table = table, .dtype = MX_BFLOAT16, .m = 1, .n = 3, .k = 20000, .count = 1});
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT64, .m = 1, .n = 2500, .k = 1100, .count = 1});
    check_scene(&(struct scene){.table = table, .dtype = MX_FLOAT16, .m = 900, .n = 1, .k = 900, .count = 1});
  }
}

TEST(batches_broadcast_and_flatten) {
  EACH_TABLE(table) {
    for (int d = 0; d < MX_COUNT(floats); d++) {
      for (int i = 0; i < 12; i++) {
        struct scene s = {.table = table, .dtype = floats[d], .m = 1 + random_below(9), .n = 1 + random_below(40), .k = random_below(30),
                          .count = 1 + random_below(7), .la = (enum layout)random_below(LAYOUTS), .lb = (enum layout)random_below(LAYOUTS),
                          .same_b = i % 2, .add = i % 3 == 0, .alpha = 2, .beta = 0.25};
        check_scene(&s);
      }
    }
    /* Three matrices that follow one another: with one b they are one product of all rows. */
    float a[3 * 2 * 4], b[4 * 5], c[3 * 2 * 5], whole[3 * 2 * 5];
    for (int i = 0; i < MX_COUNT(a); i++) a[i] = (float)random_below(100) / 7;
    for (int i = 0; i < MX_COUNT(b); i++) b[i] = (float)random_below(100) / 7;
    struct cpu_gemm g = {.dtype = MX_FLOAT32, .m = 2, .n = 5, .k = 4, .a = a, .a_row = 4, .a_col = 1, .b = b, .b_row = 5, .b_col = 1, .c = c};
    struct cpu_gemm_batch batch = {.ndim = 2, .shape = {3, 1}, .a = {8, 77}};
    CHECK_OK(cpu_gemm_run(table, &g, &batch));
    g.m = 6;
    g.c = whole;
    CHECK_OK(cpu_gemm_run(table, &g, NULL));
    CHECK(memcmp(c, whole, sizeof c) == 0);
  }
}

TEST(products_without_rows_columns_or_terms) {
  EACH_TABLE(table) {
    for (int d = 0; d < MX_DTYPE_COUNT; d++) {
      for (int which = 0; which < 8; which++) {
        struct scene s = {.table = table, .dtype = (enum mx_dtype)d, .m = which & 1 ? 0 : 3, .n = which & 2 ? 0 : 300,
                          .k = which & 4 ? 0 : 2, .count = 2};
        check_scene(&s);
        s.count = 0;
        check_scene(&s);
      }
    }
  }
}

TEST(products_of_integers_are_exact_modulo_their_range) {
  EACH_TABLE(table) {
    for (int d = MX_BOOL; d <= MX_INT64; d++) {
      for (int i = 0; i < 20; i++) {
        struct scene s = {.table = table, .dtype = (enum mx_dtype)d, .m = 1 + random_below(9), .n = 1 + random_below(140), .k = random_below(30),
                          .count = 1 + random_below(3), .la = (enum layout)random_below(LAYOUTS), .lb = (enum layout)random_below(LAYOUTS),
                          .add = d != MX_BOOL && i % 2, .alpha = -3, .beta = 2};
        check_scene(&s);
      }
    }
  }
}

TEST(not_a_number_and_infinity_go_where_they_belong_and_nowhere_else) {
  EACH_TABLE(table) {
    for (int size = 1; size < 24; size++) {
      float a[24 * 24], b[24 * 24], c[24 * 24];
      for (int i = 0; i < size * size; i++) a[i] = 1, b[i] = 1;
      a[0] = NAN;
      a[size * size - 1] = size > 1 ? INFINITY : NAN;
      struct cpu_gemm g = {.dtype = MX_FLOAT32, .m = size, .n = size, .k = size, .a = a, .a_row = size, .a_col = 1, .b = b,
                           .b_row = size, .b_col = 1, .c = c};
      for (int one = 0; one < 2; one++) {
        if (one) g.n = 1;
        CHECK_OK(cpu_gemm_run(table, &g, NULL));
        for (int64_t i = 0; i < g.m * g.n; i++) {
          int64_t row = i / g.n;
          double want = row == 0 ? NAN : row == size - 1 ? INFINITY : size;
          CHECK_NEAR(c[i], want, 0);
        }
      }
    }
  }
}

/* The half types round once after the sum, then at each step of alpha * sum + beta * add, as the operations apart do. */
TEST(addmm_of_halves_rounds_as_the_operations_apart) {
  EACH_TABLE(table) {
    for (int d = 1; d <= 2; d++) {
      enum mx_dtype dtype = floats[d];
      enum { M = 9, N = 21, K = 40 };
      uint16_t a[M * K], b[K * N], plus[M * N], product[M * N], sum[M * N];
      for (int i = 0; i < M * K; i++) value_set(dtype, a, i, random_below(1000) / 300.0);
      for (int i = 0; i < K * N; i++) value_set(dtype, b, i, random_below(1000) / 300.0);
      for (int i = 0; i < M * N; i++) value_set(dtype, plus, i, random_below(1000) / 3.0);
      struct cpu_gemm g = {.dtype = dtype, .m = M, .n = N, .k = K, .a = a, .a_row = K, .a_col = 1, .b = b, .b_row = N, .b_col = 1,
                           .c = product, .add_row = N, .add_col = 1, .alpha = 0.3, .beta = 1.7};
      CHECK_OK(cpu_gemm_run(table, &g, NULL));
      g.add = plus;
      g.c = sum;
      CHECK_OK(cpu_gemm_run(table, &g, NULL));
      uint16_t step[4];
      for (int i = 0; i < M * N; i++) {
        value_set(dtype, step, 0, 0.3);
        value_set(dtype, step, 1, 1.7);
        value_set(dtype, step, 2, (float)creal(value_get(dtype, step, 0)) * (float)creal(value_get(dtype, product, i)));
        value_set(dtype, step, 3, (float)creal(value_get(dtype, step, 1)) * (float)creal(value_get(dtype, plus, i)));
        value_set(dtype, step, 0, (float)creal(value_get(dtype, step, 2)) + (float)creal(value_get(dtype, step, 3)));
        CHECK_INT(sum[i], step[0]);
      }
    }
  }
}

TEST(every_half_is_widened_and_rounded_as_half_h_does) {
  EACH_TABLE(table) {
    for (int d = 1; d <= 2; d++) {
      enum { N = 4096 };
      uint16_t in[N], one[1], out[N];
      float in32[N];
      value_set(floats[d], one, 0, 1);
      for (int base = 0; base < 65536; base += N) {
        for (int i = 0; i < N; i++) in[i] = (uint16_t)(base + i);
        struct cpu_gemm g = {.dtype = floats[d], .m = 1, .n = N, .k = 1, .a = one, .a_row = 1, .a_col = 1, .b = in, .b_row = N, .b_col = 1, .c = out};
        CHECK_OK(cpu_gemm_run(table, &g, NULL)); /* 1 * x + 0: x, but for the sign of -0 and quiet NaN */
        int wrong = 0;
        for (int i = 0; i < N; i++) {
          float x = (float)creal(value_get(floats[d], in, i)), y = (float)creal(value_get(floats[d], out, i));
          wrong += !(x == y || (isnan(x) && isnan(y)));
        }
        CHECK_INT(wrong, 0);
        for (int i = 0; i < N; i++) in32[i] = mx_bits_float((uint32_t)(base + i) << 16 | (uint32_t)(i * 7919 & 0xffff));
        table->finish[floats[d]](N, out, in32, NULL, 0, 1, 0);
        for (int i = 0; i < N; i++) {
          uint16_t want = floats[d] == MX_FLOAT16 ? mx_float_to_f16(in32[i]) : mx_float_to_bf16(in32[i]);
          wrong += out[i] != want;
        }
        CHECK_INT(wrong, 0);
      }
    }
  }
}

TEST(scratch_memory_that_is_not_there_is_an_error_not_a_wrong_product) {
  size_t limit = mx_memory_set_limit(mx_memory_active() + 100000);
  mx_memory_clear_cache();
  EACH_TABLE(table) {
    enum { SIZE = 200 };
    float *a = mx_calloc(SIZE * SIZE * 3, sizeof *a), *c = a + SIZE * SIZE;
    REQUIRE(a);
    struct cpu_gemm g = {.dtype = MX_FLOAT32, .m = SIZE, .n = SIZE, .k = SIZE, .a = a, .a_row = SIZE, .a_col = 1, .b = a,
                         .b_row = SIZE, .b_col = 1, .c = c};
    CHECK_ERROR(cpu_gemm_run(table, &g, NULL), MX_EMEMORY, "[malloc]");
    struct cpu_gemm_batch batch = {.ndim = 1, .shape = {2}};
    batch.b[0] = 1;
    CHECK_ERROR(cpu_gemm_run(table, &g, &batch), MX_EMEMORY, "[malloc]");
    g.m = g.n = 100;
    batch.shape[0] = 40;
    batch.b[0] = 0;
    batch.a[0] = 1;
    g.m = 90;
    mx_memory_set_limit(mx_memory_active() + 1000);
    g.c = mx_calloc(40 * 90 * 100, sizeof(float));
    CHECK_ERROR(cpu_gemm_run(table, &g, &batch), MX_EMEMORY, "[malloc]");
    mx_memory_set_limit(mx_memory_active() + 100000);
    mx_free(g.c);
    mx_free(a);
  }
  mx_memory_set_limit(limit);
}
