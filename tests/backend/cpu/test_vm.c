/* test_vm.c: tile programs and reductions against plain loops over every layout, and the promise about bits: the same for
 * any layout, thread count and way of cutting the work. */
#include "tensors.h"

#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"

#include <math.h>

static struct mx_program program_of(int nin, enum mx_dtype dtype) {
  struct mx_program p = {.nin = (uint8_t)nin, .nout = 1};
  for (int k = 0; k < nin; k++) p.in_dtype[k] = (uint8_t)dtype;
  return p;
}
/* Appends an instruction and makes it the output. Returns its value. */
static int instr(struct mx_program *p, int prim, enum mx_dtype key, enum mx_dtype dtype, int nsrc, int a, int b) {
  p->code[p->ninstr++] = (struct mx_instr){.prim = (uint8_t)prim, .key = (uint8_t)key, .dtype = (uint8_t)dtype, .nsrc = (uint8_t)nsrc,
                                           .src = {(uint8_t)a, (uint8_t)b}};
  return p->out[0] = (uint8_t)(p->nin + p->ninstr - 1);
}
static int run(const struct mx_program *p, int ndim, const int64_t *shape, uint32_t axes, struct mx_tensor *const *in,
               struct mx_tensor *const *out) {
  struct mx_program_run r = {.program = p, .ndim = ndim, .shape = shape, .reduce_axes = axes, .in = in, .out = out};
  return cpu_program_run(&r);
}
/* The element of t that stands over position `linear` of the shape. */
static double over(const struct mx_tensor *t, int ndim, const int64_t *shape, int64_t linear) {
  int64_t at = 0, step = 1;
  for (int d = ndim - 1, e = t->ndim - 1; e >= 0; d--, e--) {
    int64_t i = linear % shape[d];
    linear /= shape[d];
    at += t->shape[e] == 1 ? 0 : i * step;
    step *= t->shape[e];
  }
  return get(t, at);
}

/* a * b + c over a shape; each operand has this shape or a part of it, in any layout. */
static void check_map(enum mx_dtype dtype, int ndim, const int64_t *shape) {
  struct mx_program p = program_of(3, dtype);
  int product = instr(&p, MX_PRIM_multiply, dtype, dtype, 2, 0, 1);
  instr(&p, MX_PRIM_add, dtype, dtype, 2, product, 2);
  for (int round = 0; round < 12; round++) {
    struct mx_tensor *in[3], *out = tensor_new(dtype, ndim, shape, ROWS);
    for (int k = 0; k < 3; k++) {
      int64_t part[MX_MAX_NDIM], lead = random_below(4) ? 0 : random_below(ndim + 1);
      for (int d = 0; d < ndim; d++) part[d] = random_below(4) ? shape[d] : 1;
      in[k] = tensor_new(dtype, ndim - (int)lead, part + lead, round == 0 ? ROWS : (enum layout)random_below(LAYOUTS));
      fill_small(in[k]);
    }
    CHECK_OK(run(&p, ndim, shape, 0, in, &out));
    int64_t wrong = 0;
    for (int64_t i = 0; i < out->size; i++) {
      double want = over(in[0], ndim, shape, i) * over(in[1], ndim, shape, i) + over(in[2], ndim, shape, i);
      struct mx_tensor *one = tensor_new(dtype, 0, NULL, ROWS);
      set(one, 0, want);
      wrong += get(one, 0) != get(out, i);
      free(held[--held_count].memory);
    }
    CHECK_INT(wrong, 0);
    tensors_free();
  }
}

TEST(programs_read_every_layout_and_broadcast) {
  const enum mx_dtype dtypes[] = {MX_UINT8, MX_INT16, MX_FLOAT32, MX_FLOAT64, MX_BFLOAT16};
  for (int i = 0; i < MX_COUNT(dtypes); i++) {
    check_map(dtypes[i], 1, INTS(1));
    check_map(dtypes[i], 1, INTS(77));
    check_map(dtypes[i], 2, INTS(0, 4));
    check_map(dtypes[i], 2, INTS(300, 3));
    check_map(dtypes[i], 2, INTS(45, 517));
    check_map(dtypes[i], 3, INTS(70, 9, 67));
    check_map(dtypes[i], 4, INTS(3, 5, 2, 300));
    check_map(dtypes[i], 5, INTS(2, 1, 33, 4, 35));
  }
  check_map(MX_FLOAT32, 2, INTS(190, 200)); /* enough for threads */
  check_map(MX_FLOAT32, 3, INTS(5000, 2, 4));
}

TEST(a_program_of_no_instructions_copies) {
  EACH_LAYOUT(layout) {
    struct mx_program p = program_of(1, MX_INT16);
    struct mx_tensor *a = tensor_new(MX_INT16, 2, INTS(30, 1), layout), *out = tensor_new(MX_INT16, 3, INTS(2, 30, 40), ROWS);
    fill_bytes(a);
    CHECK_OK(run(&p, 3, INTS(2, 30, 40), 0, &a, &out));
    for (int64_t i = 0; i < out->size; i++) CHECK(same_element(out, i, a, i / 40 % 30));
    tensors_free();
  }
}

/* Eight outputs, results and inputs among them; many values alive, so that registers are few elements wide. */
TEST(programs_store_many_values_and_mix_dtypes) {
  struct mx_program p = program_of(2, MX_FLOAT32);
  int last = 0;
  for (int i = 0; i < 30; i++) last = instr(&p, i % 2 ? MX_PRIM_add : MX_PRIM_maximum, MX_FLOAT32, MX_FLOAT32, 2, i % 2 ? 1 : 0, last);
  int wide = instr(&p, MX_PRIM_astype, MX_FLOAT32, MX_FLOAT64, 1, last, 0);
  int less = instr(&p, MX_PRIM_less, MX_FLOAT32, MX_BOOL, 2, 0, 1);
  p.nout = 5;
  const int values[] = {0, last, wide, less, 2};
  const enum mx_dtype dtypes[] = {MX_FLOAT32, MX_FLOAT32, MX_FLOAT64, MX_BOOL, MX_FLOAT32};
  int64_t n = 5003;
  struct mx_tensor *in[2], *out[5];
  for (int k = 0; k < 2; k++) fill_small(in[k] = tensor_new(MX_FLOAT32, 1, &n, k ? GAPS : ROWS));
  for (int o = 0; o < 5; o++) p.out[o] = (uint8_t)values[o], out[o] = tensor_new(dtypes[o], 1, &n, ROWS);
  CHECK_OK(run(&p, 1, &n, 0, in, out));
  int64_t wrong = 0;
  for (int64_t i = 0; i < n; i++) {
    double a = get(in[0], i), b = get(in[1], i), x = a, first = 0;
    for (int k = 0; k < 30; k++) {
      x = k % 2 ? b + x : fmax(a, x);
      if (k == 0) first = x;
    }
    wrong += get(out[0], i) != a || get(out[1], i) != x || get(out[2], i) != x || get(out[3], i) != (a < b) || get(out[4], i) != first;
  }
  CHECK_INT(wrong, 0);
  tensors_free();
}

/* Donation: the output is an input's memory, which other instructions still read. */
TEST(an_output_may_lie_over_an_input) {
  const int64_t sizes[] = {1, 8, 1000, 100000};
  for (int s = 0; s < 4; s++) {
    struct mx_program p = program_of(2, MX_FLOAT32);
    int sum = instr(&p, MX_PRIM_add, MX_FLOAT32, MX_FLOAT32, 2, 0, 1);
    int square = instr(&p, MX_PRIM_square, MX_FLOAT32, MX_FLOAT32, 1, sum, 0);
    instr(&p, MX_PRIM_subtract, MX_FLOAT32, MX_FLOAT32, 2, square, 0); /* (a + b)² - a over a; a + b over b */
    p.nout = 2;
    p.out[1] = (uint8_t)sum;
    struct mx_tensor *in[2], *was[2];
    for (int k = 0; k < 2; k++) {
      fill_small(in[k] = tensor_new(MX_FLOAT32, 1, sizes + s, ROWS));
      was[k] = tensor_new(MX_FLOAT32, 1, sizes + s, ROWS);
      memcpy(was[k]->data, in[k]->data, (size_t)sizes[s] * 4);
    }
    CHECK_OK(run(&p, 1, sizes + s, 0, in, in));
    int64_t wrong = 0;
    for (int64_t i = 0; i < sizes[s]; i++) {
      double a = get(was[0], i), b = get(was[1], i);
      wrong += get(in[0], i) != (a + b) * (a + b) - a || get(in[1], i) != a + b;
    }
    CHECK_INT(wrong, 0);
    tensors_free();
  }
}

TEST(outputs_past_the_caches_are_whole) {
  struct mx_program p = program_of(2, MX_FLOAT32);
  instr(&p, MX_PRIM_add, MX_FLOAT32, MX_FLOAT32, 2, 0, 1);
  int64_t shape[2] = {2100, 2101};
  struct mx_tensor *in[2], *out = tensor_new(MX_FLOAT32, 2, shape, ROWS);
  out->data = (char *)out->data + 4; /* not where lines begin */
  for (int turned = 0; turned < 2; turned++) {
    in[0] = tensor_new(MX_FLOAT32, 2, shape, ROWS);
    in[1] = tensor_new(MX_FLOAT32, 2, shape, turned ? TURNED : GAPS);
    for (int k = 0; k < 2; k++) fill_small(in[k]);
    CHECK_OK(run(&p, 2, shape, 0, in, &out));
    int64_t wrong = 0;
    for (int64_t i = 0; i < out->size; i++) wrong += get(out, i) != get(in[0], i) + get(in[1], i);
    CHECK_INT(wrong, 0);
  }
  tensors_free();
}

TEST(outputs_past_the_caches_are_whole_beside_a_row_of_any_length) {
  struct mx_program p = program_of(2, MX_FLOAT32);
  instr(&p, MX_PRIM_add, MX_FLOAT32, MX_FLOAT32, 2, 0, 1);
  static const int64_t lengths[] = {3, 24, 61};
  for (int l = 0; l < 3; l++) {
    int64_t n = lengths[l], shape[2] = {(9 << 19) / n, n};
    struct mx_tensor *out = tensor_new(MX_FLOAT32, 2, shape, ROWS);
    struct mx_tensor *in[2] = {tensor_new(MX_FLOAT32, 2, shape, ROWS), tensor_new(MX_FLOAT32, 1, shape + 1, ROWS)};
    for (int k = 0; k < 2; k++) fill_small(in[k]);
    CHECK_OK(run(&p, 2, shape, 0, in, &out));
    int64_t wrong = 0;
    for (int64_t i = 0; i < out->size; i++) wrong += get(out, i) != get(in[0], i) + get(in[1], i % n);
    CHECK_INT(wrong, 0);
    tensors_free();
  }
}

/* A constant divisor may become a factor; one that changes from row to row is none. */
TEST(quotients_by_one_value_and_by_one_a_row_are_quotients) {
  for (int kind = 0; kind < 4; kind++) { /* by one value, a row, a column, an array */
    struct mx_program p = program_of(2, MX_FLOAT32);
    int64_t shape[2] = {37, 700}, part[2] = {kind == 1 || kind == 3 ? 37 : 1, kind >= 2 ? 700 : 1}, folded[2] = {37, 1};
    struct mx_tensor *in[2] = {tensor_new(MX_FLOAT32, 2, shape, ROWS), tensor_new(MX_FLOAT32, 2, part, ROWS)};
    struct mx_tensor *out = tensor_new(MX_FLOAT32, 2, shape, ROWS), *most = tensor_new(MX_FLOAT32, 2, folded, ROWS);
    for (int k = 0; k < 2; k++) fill_small(in[k]);
    for (int64_t i = 0; i < in[1]->size; i++) set(in[1], i, (double)(2 * i + 3));
    instr(&p, MX_PRIM_divide, MX_FLOAT32, MX_FLOAT32, 2, 0, 1);
    CHECK_OK(run(&p, 2, shape, 0, in, &out));
    p.reduce = 1 + MX_PRIM_max;
    p.reduce_dtype = MX_FLOAT32;
    CHECK_OK(run(&p, 2, shape, 2, in, &most));
    int64_t wrong = 0;
    for (int64_t row = 0; row < 37; row++) {
      float top = -INFINITY;
      for (int64_t i = 700 * row; i < 700 * (row + 1); i++) {
        float want = (float)get(in[0], i) / (float)over(in[1], 2, shape, i);
        wrong += get(out, i) != want;
        top = want > top ? want : top;
      }
      wrong += get(most, row) != top;
    }
    CHECK_INT(wrong, 0);
    tensors_free();
  }
}

/* ---- reductions ---- */

/* The canonical tree of tile_table.h, in float32: what every sum must be, to the bit. */
static float canonical_sum(int64_t n, const float *x) {
  int64_t nblocks = (n + CPU_REDUCE_BLOCK - 1) / CPU_REDUCE_BLOCK;
  float *block = malloc((size_t)nblocks * sizeof *block), sum;
  for (int64_t b = 0; b < nblocks; b++) {
    const float *from = x + b * CPU_REDUCE_BLOCK;
    int64_t m = n - b * CPU_REDUCE_BLOCK < CPU_REDUCE_BLOCK ? n - b * CPU_REDUCE_BLOCK : CPU_REDUCE_BLOCK;
    float lane[CPU_REDUCE_LANES] = {0};
    for (int64_t i = 0; i < m; i++) lane[i % CPU_REDUCE_LANES] = i < CPU_REDUCE_LANES ? from[i] : lane[i % CPU_REDUCE_LANES] + from[i];
    for (int64_t half = CPU_REDUCE_LANES / 2; half; half /= 2)
      for (int64_t j = 0; j < half && j + half < m; j++) lane[j] += lane[j + half];
    block[b] = lane[0];
  }
  for (; nblocks > 1; nblocks = (nblocks + 1) / 2) {
    for (int64_t i = 0; i < nblocks / 2; i++) block[i] = block[2 * i] + block[2 * i + 1];
    if (nblocks & 1) block[nblocks / 2] = block[nblocks - 1];
  }
  sum = block[0];
  free(block);
  return sum;
}

/* Sums over every set of axes, every layout, one thread and many: each result is the canonical one. */
static void check_sums(int ndim, const int64_t *shape, enum layout layout) {
  struct mx_tensor *a = tensor_new(MX_FLOAT32, ndim, shape, layout);
  for (int64_t i = 0; i < a->size; i++) set(a, i, (double)random_bits32() / 1e9 - 1);
  float *row = malloc((size_t)a->size * sizeof *row);
  for (uint32_t axes = 1; axes < 1u << ndim; axes++) {
    int64_t kept[MX_MAX_NDIM], reduced = 1;
    for (int d = 0; d < ndim; d++) kept[d] = axes >> d & 1 ? 1 : shape[d], reduced *= axes >> d & 1 ? shape[d] : 1;
    struct mx_program p = program_of(1, MX_FLOAT32);
    p.reduce = 1 + MX_PRIM_sum;
    p.reduce_dtype = MX_FLOAT32;
    struct mx_tensor *out = tensor_new(MX_FLOAT32, ndim, kept, ROWS), *alone = tensor_new(MX_FLOAT32, ndim, kept, ROWS);
    CHECK_OK(run(&p, ndim, shape, axes, &a, &out));
    int before = cpu_pool_set_threads(1);
    CHECK_OK(run(&p, ndim, shape, axes, &a, &alone));
    cpu_pool_set_threads(before);
    CHECK(!memcmp(out->data, alone->data, (size_t)out->size * 4));
    int64_t wrong = 0;
    for (int64_t o = 0; o < out->size; o++) {
      int64_t at[MX_MAX_NDIM], n = 0;
      index_of(out, o, at);
      for (int64_t i = 0; i < reduced; i++) {
        int64_t rest = i;
        for (int d = ndim - 1; d >= 0; d--)
          if (axes >> d & 1) at[d] = rest % shape[d], rest /= shape[d];
        row[n++] = (float)get(a, linear_of(a, at));
      }
      wrong += canonical_sum(n, row) != (float)get(out, o);
    }
    CHECK_INT(wrong, 0);
    held_count -= 2;
    free(held[held_count].memory), free(held[held_count + 1].memory);
  }
  free(row);
  tensors_free();
}

TEST(sums_are_the_canonical_tree_to_the_bit_over_any_axes_and_layout) {
  EACH_LAYOUT(layout) {
    check_sums(1, INTS(1), layout);
    check_sums(1, INTS(31), layout);
    check_sums(1, INTS(70001), layout);
    check_sums(2, INTS(2500, 9), layout);
    check_sums(2, INTS(37, 1300), layout);
    check_sums(2, INTS(1100, 64), layout);
    check_sums(3, INTS(40, 7, 50), layout);
    check_sums(4, INTS(5, 1, 3, 90), layout);
  }
}

/* Fused or by itself: the same reduction of the same values. */
TEST(a_reduction_has_the_same_bits_fused_and_alone) {
  int64_t shape[2] = {700, 900};
  for (uint32_t axes = 1; axes < 4; axes++) {
    struct mx_tensor *in[2], *mid = tensor_new(MX_FLOAT32, 2, shape, ROWS);
    int64_t kept[2] = {axes & 1 ? 1 : 700, axes & 2 ? 1 : 900};
    struct mx_tensor *fused = tensor_new(MX_FLOAT32, 2, kept, ROWS), *alone = tensor_new(MX_FLOAT32, 2, kept, ROWS);
    for (int k = 0; k < 2; k++) {
      in[k] = tensor_new(MX_FLOAT32, 2, shape, k ? TURNED : ROWS);
      for (int64_t i = 0; i < in[k]->size; i++) set(in[k], i, (double)random_bits32() / 1e9 - 1);
    }
    struct mx_program p = program_of(2, MX_FLOAT32), q = program_of(1, MX_FLOAT32);
    int value = instr(&p, MX_PRIM_subtract, MX_FLOAT32, MX_FLOAT32, 2, 0, 1);
    instr(&p, MX_PRIM_square, MX_FLOAT32, MX_FLOAT32, 1, value, 0);
    CHECK_OK(run(&p, 2, shape, 0, in, &mid));
    p.reduce = q.reduce = 1 + MX_PRIM_sum;
    p.reduce_dtype = q.reduce_dtype = MX_FLOAT32;
    CHECK_OK(run(&p, 2, shape, axes, in, &fused));
    CHECK_OK(run(&q, 2, shape, axes, &mid, &alone));
    CHECK(!memcmp(fused->data, alone->data, (size_t)alone->size * 4));
    tensors_free();
  }
}

static double fold(int prim, double acc, double x) {
  switch (prim) {
  case MX_PRIM_sum: return acc + x;
  case MX_PRIM_prod: return acc * x;
  case MX_PRIM_min: return isnan(acc) || acc < x ? acc : x;
  case MX_PRIM_max: return isnan(acc) || acc > x ? acc : x;
  case MX_PRIM_all: return acc != 0 && x != 0;
  default: return acc != 0 || x != 0;
  }
}
static enum mx_dtype reduced_dtype(int prim, enum mx_dtype d) {
  if (prim == MX_PRIM_all || prim == MX_PRIM_any) return MX_BOOL;
  if (prim != MX_PRIM_sum && prim != MX_PRIM_prod) return d;
  if (d == MX_BOOL || d == MX_INT8 || d == MX_INT16) return MX_INT32;
  return d == MX_UINT8 || d == MX_UINT16 ? MX_UINT32 : d;
}

TEST(every_reduction_of_every_dtype_along_rows_and_columns) {
  static const int prims[] = {MX_PRIM_sum, MX_PRIM_prod, MX_PRIM_min, MX_PRIM_max, MX_PRIM_all, MX_PRIM_any};
  for (int i = 0; i < MX_COUNT(prims); i++)
    for (int d = 0; d < MX_DTYPE_COUNT; d++) EACH_LAYOUT(layout) for (uint32_t axes = 1; axes < 4; axes++) {
      enum mx_dtype dtype = (enum mx_dtype)d;
      bool truth = prims[i] == MX_PRIM_all || prims[i] == MX_PRIM_any;
      if (truth && dtype != MX_BOOL) continue;
      int64_t shape[2] = {11, 37}, kept[2] = {axes & 1 ? 1 : 11, axes & 2 ? 1 : 37};
      struct mx_tensor *a = tensor_new(dtype, 2, shape, layout), *out = tensor_new(reduced_dtype(prims[i], dtype), 2, kept, ROWS);
      for (int64_t k = 0; k < a->size; k++) /* small enough that every partial result is exact */
        set(a, k, prims[i] == MX_PRIM_prod ? (random_below(60) ? 1 : 2) : (double)random_below(3));
      if (!truth && prims[i] != MX_PRIM_prod && mx_dtype_is_inexact(dtype) && random_below(2)) set(a, random_below(a->size), NAN);
      struct mx_program p = program_of(1, dtype);
      p.reduce = (uint8_t)(1 + prims[i]);
      p.reduce_dtype = (uint8_t)out->dtype;
      CHECK_OK(run(&p, 2, shape, axes, &a, &out));
      for (int64_t o = 0; o < out->size; o++) {
        double want = 0;
        bool first = true;
        for (int64_t k = 0; k < a->size; k++) {
          int64_t place = (axes & 1 ? 0 : k / 37) * kept[1] + (axes & 2 ? 0 : k % 37);
          if (place != o) continue;
          want = first ? get(a, k) : fold(prims[i], want, get(a, k));
          first = false;
        }
        struct mx_tensor *rounded = tensor_new(out->dtype, 0, NULL, ROWS);
        set(rounded, 0, want);
        CHECK_NEAR(get(out, o), get(rounded, 0), 0);
        free(held[--held_count].memory);
      }
      tensors_free();
    }
}

TEST(half_sums_accumulate_in_float32_and_round_once) {
  const enum mx_dtype dtypes[] = {MX_FLOAT16, MX_BFLOAT16};
  for (int i = 0; i < 2; i++) {
    int64_t n = 5000, one = 1;
    struct mx_tensor *a = tensor_new(dtypes[i], 1, &n, ROWS), *out = tensor_new(dtypes[i], 1, &one, ROWS), *want = tensor_new(dtypes[i], 1, &one, ROWS);
    float *row = malloc((size_t)n * sizeof *row);
    for (int64_t k = 0; k < n; k++) set(a, k, (double)random_below(1000) / 999), row[k] = (float)get(a, k);
    struct mx_program p = program_of(1, dtypes[i]);
    p.reduce = 1 + MX_PRIM_sum;
    p.reduce_dtype = (uint8_t)dtypes[i];
    CHECK_OK(run(&p, 1, &n, 1, &a, &out));
    set(want, 0, canonical_sum(n, row));
    CHECK(same_element(out, 0, want, 0));
    free(row);
    tensors_free();
  }
}

TEST(empty_reductions_give_the_neutral_element) {
  const int prims[] = {MX_PRIM_sum, MX_PRIM_prod, MX_PRIM_all, MX_PRIM_any};
  const double neutral[] = {0, 1, 1, 0};
  for (int i = 0; i < 4; i++) {
    enum mx_dtype dtype = i < 2 ? MX_FLOAT16 : MX_BOOL;
    struct mx_tensor *a = tensor_new(dtype, 2, INTS(3, 0), ROWS), *out = tensor_new(dtype, 2, INTS(3, 1), ROWS);
    struct mx_program p = program_of(1, dtype);
    p.reduce = (uint8_t)(1 + prims[i]);
    p.reduce_dtype = (uint8_t)dtype;
    CHECK_OK(run(&p, 2, INTS(3, 0), 2, &a, &out));
    for (int64_t k = 0; k < 3; k++) CHECK_NEAR(get(out, k), neutral[i], 0);
    tensors_free();
  }
}
