/* gemm.c: which product goes which way, batches, scratch memory, and the packed engine.
 * Invariant: k is cut at multiples of kc from its beginning, always; how m, n and the batch are cut never shows in a result. */
#include "backend/cpu/gemm.h"

#include "backend/cpu/pool.h"
#include "core/alloc.h"
#include "core/error.h"
#include "core/half.h"

#include <string.h>

enum {
  SUPER = 2048,          /* rows and columns packed at a time … */
  SUPER_K = 2048,        /* … and terms: the packed panels stay in the last cache */
  TASK_A_BYTES = 192 << 10, /* one task's rows of a, kc deep, stay in the second cache */
  TASK_COLS = 128,
  GROUP_BYTES = 64 << 10, /* panels of b that one task packs for itself */
  GROUP_STEP = 32,       /* terms packed in one go where neighbours are columns: a row's lines are then read together */
  DEEP = 512,            /* terms added in registers where few rows and columns have many, */
  DEEP_ROWS = 32,        /* and how many rows are few */
  DEEP_DOT_ROWS = 8,
  TINY_PIECE = 2048,     /* tiny products in one piece of work */
  HALF_ELEMENTS = 2048,  /* of each matrix of a small product of halves */
  PACK_ELEMENTS = 8192,  /* least to pack in one piece of work */
};
/* Multiply-adds below which a second thread does not pay, and above which one matrix of a batch feeds all threads. */
static const double SHARE_FROM = 4e5, WHOLE_FROM = 4e6;
/* Multiply-adds up to which a product goes without packing, and one with a vector. */
static const double SMALL_WORK = 16384, SMALL_VECTOR = 512;

const struct cpu_gemm_table *cpu_gemm_table(enum cpu_isa isa) {
  if (!cpu_isa_runs(isa)) return NULL;
  switch (isa) {
  case CPU_ISA_BASE:
    return &cpu_gemm_base;
#if defined(__x86_64__)
  case CPU_ISA_AVX2:
    return &cpu_gemm_avx2;
  case CPU_ISA_AVX512:
    return &cpu_gemm_avx512;
#elif defined(__aarch64__)
  case CPU_ISA_NEON:
    return &cpu_gemm_neon;
#endif
  default:
    return NULL;
  }
}

int cpu_scratch_take(struct cpu_scratch *s, int64_t bytes) {
  s->buf = NULL;
  s->data = s->local;
  if (bytes <= (int64_t)sizeof s->local) return MX_OK;
  int status = mx_buffer_new(&s->buf, (size_t)bytes, MX_MEMORY_HOST);
  if (status == MX_OK) s->data = s->buf->host;
  return status;
}
void cpu_scratch_give(struct cpu_scratch *s) { mx_buffer_unref(s->buf); }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t pieces_of(int64_t n, int64_t size) { return n / size + (n % size != 0); }
static int64_t round_up(int64_t n, int64_t to) { return pieces_of(n, to) * to; }
static double work_of(const struct cpu_gemm *g) { return (double)g->m * (double)g->n * (double)g->k; }

/* ---- the packed engine ---- */

struct job {
  const struct cpu_gemm *g;
  const struct cpu_gemm_table *table;
  const struct cpu_gemm_kernels *kn;
  size_t item;         /* bytes of an element in memory */
  char *pa, *pb;       /* packed panels of this super block */
  char *acc;           /* accumulators of this super block: c itself, or scratch for the halves */
  int64_t acc_row;     /* elements from row to row */
  int64_t i0, mi, j0, nj, p0, kp; /* the super block */
  int64_t mpad, npad;
  int64_t task_rows, task_cols, tasks_across;
  bool own_b;          /* b's panels have one user, the task: it packs them itself, into the first cache */
  bool apart;          /* acc is scratch: results are rounded from there */
  bool last;           /* of the super blocks along k */
};

static const struct cpu_gemm_kernels *kernels_for(const struct cpu_gemm_table *t, enum mx_dtype d) {
  return d == MX_FLOAT64 ? &t->real64 : d == MX_COMPLEX64 ? &t->complex64 : &t->real32;
}
static const char *at(const void *base, int64_t index, size_t item) { return (const char *)base + index * (int64_t)item; }

/* Panels [begin, end): first those of a, then those of b. Packed: blocks of kc terms, in a block panel after panel. */
static void pack_some(void *ctx, int64_t begin, int64_t end) {
  const struct job *j = ctx;
  const struct cpu_gemm *g = j->g;
  const struct cpu_gemm_kernels *kn = j->kn;
  int64_t of_a = j->mpad / kn->mr;
  for (int64_t q = begin; q < end; q++) {
    bool is_a = q < of_a;
    int64_t width = is_a ? kn->mr : kn->nr, lane = (is_a ? q : q - of_a) * width;
    int lanes = (int)least(width, (is_a ? j->mi : j->nj) - lane);
    int64_t lane_stride = is_a ? g->a_row : g->b_col, k_stride = is_a ? g->a_col : g->b_row;
    const char *src = at(is_a ? g->a : g->b, ((is_a ? j->i0 : j->j0) + lane) * lane_stride + j->p0 * k_stride, j->item);
    for (int64_t p = 0; p < j->kp; p += kn->kc) {
      int64_t len = least(kn->kc, j->kp - p);
      char *dst = (is_a ? j->pa : j->pb) + (p * (is_a ? j->mpad : j->npad) + lane * len) * kn->size;
      (is_a ? j->table->pack_a : j->table->pack_b)[g->dtype](lanes, len, dst, at(src, p * k_stride, j->item), lane_stride, k_stride);
    }
  }
}

static void finish_rows(const struct job *j, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const struct cpu_gemm *g = j->g;
  for (int64_t i = row; i < row + rows; i++) {
    char *out = (char *)g->c + ((j->i0 + i) * g->n + j->j0 + col) * (int64_t)j->item;
    const char *acc = j->acc + (i * j->acc_row + col) * j->kn->size;
    const char *add = g->add ? at(g->add, (j->i0 + i) * g->add_row + (j->j0 + col) * g->add_col, j->item) : NULL;
    j->table->finish[g->dtype](cols, out, acc, add, g->add_col, g->alpha, g->beta);
  }
}

/* A few panels of b, len terms deep, for the task that calls. */
static void pack_group(const struct job *j, int64_t p, int64_t len, int64_t col, int64_t cols, char *dst) {
  const struct cpu_gemm *g = j->g;
  int64_t nr = j->kn->nr, step = g->b_col == 1 ? GROUP_STEP : len;
  for (int64_t q = 0; q < len; q += step) {
    for (int64_t c = 0; c < cols; c += nr) {
      const char *src = at(g->b, (j->j0 + col + c) * g->b_col + (j->p0 + p + q) * g->b_row, j->item);
      j->table->pack_b[g->dtype]((int)least(nr, cols - c), least(step, len - q), dst + (c * len + q * nr) * j->kn->size, src,
                                 g->b_col, g->b_row);
    }
  }
}

/* Rows of a times some panels of b, len terms from p on. */
static void multiply_panels(const struct job *j, int64_t p, int64_t len, int64_t row, int64_t rows, int64_t col, int64_t cols,
                            const char *b) {
  const struct cpu_gemm_kernels *kn = j->kn;
  for (int64_t c = 0; c < cols; c += kn->nr) {
    for (int64_t r = row; r < row + rows; r += kn->mr) {
      const char *a = j->pa + (p * j->mpad + r * len) * kn->size;
      char *out = j->acc + (r * j->acc_row + col + c) * kn->size;
      kn->tile(len, a, b + c * len * kn->size, out, j->acc_row, (int)least(kn->mr, row + rows - r),
               (int)least(kn->nr, cols - c), j->p0 + p > 0);
    }
  }
}

/* One task: a rectangle of c, all of kp. */
static void multiply_some(void *ctx, int64_t begin, int64_t end) {
  const struct job *j = ctx;
  const struct cpu_gemm_kernels *kn = j->kn;
  _Alignas(64) char own[GROUP_BYTES];
  for (int64_t t = begin; t < end; t++) {
    int64_t row = t / j->tasks_across * j->task_rows, col = t % j->tasks_across * j->task_cols;
    int64_t rows = least(j->task_rows, j->mi - row), cols = least(j->task_cols, j->nj - col);
    for (int64_t p = 0; p < j->kp; p += kn->kc) {
      int64_t len = least(kn->kc, j->kp - p), group = GROUP_BYTES / (kn->nr * len * kn->size) * kn->nr;
      if (!j->own_b) {
        multiply_panels(j, p, len, row, rows, col, cols, j->pb + (p * j->npad + col * len) * kn->size);
        continue;
      }
      for (int64_t c = 0; c < cols; c += group) {
        pack_group(j, p, len, col + c, least(group, cols - c), own);
        multiply_panels(j, p, len, row, rows, col + c, least(group, cols - c), own);
      }
    }
    if (j->last && (j->g->add || j->apart)) finish_rows(j, row, rows, col, cols);
  }
}

static int64_t most_task_rows(const struct cpu_gemm_kernels *kn) { return TASK_A_BYTES / (kn->kc * kn->size) / kn->mr * kn->mr; }

/* Tasks small enough that every thread gets several, large enough that panels are used many times. */
static void choose_tasks(struct job *j) {
  const struct cpu_gemm_kernels *kn = j->kn;
  int64_t rows = most_task_rows(kn), cols = round_up(TASK_COLS, kn->nr);
  rows = round_up(pieces_of(j->mi, pieces_of(j->mi, rows)), kn->mr);
  cols = round_up(pieces_of(j->nj, pieces_of(j->nj, cols)), kn->nr);
  int64_t wanted = (int64_t)cpu_pool_threads() * 4;
  while (pieces_of(j->mi, rows) * pieces_of(j->nj, cols) < wanted) {
    if (cols > 4 * kn->nr) cols = round_up(cols / 2, kn->nr);
    else if (rows > 4 * kn->mr && !j->own_b) rows = round_up(rows / 2, kn->mr);
    else break;
  }
  j->task_rows = rows;
  j->task_cols = cols;
  j->tasks_across = pieces_of(j->nj, cols);
}

static void run_super_block(struct job *j) {
  const struct cpu_gemm_kernels *kn = j->kn;
  j->mpad = round_up(j->mi, kn->mr);
  j->npad = round_up(j->nj, kn->nr);
  int64_t panels = j->mpad / kn->mr + (j->own_b ? 0 : j->npad / kn->nr);
  if ((double)j->mi * (double)j->nj * (double)j->kp < SHARE_FROM) {
    j->task_rows = j->mi;
    j->task_cols = j->nj;
    j->tasks_across = 1;
    pack_some(j, 0, panels);
    multiply_some(j, 0, 1);
    return;
  }
  choose_tasks(j);
  cpu_parallel_for(panels, PACK_ELEMENTS / (kn->nr * j->kp) + 1, pack_some, j);
  cpu_parallel_for(pieces_of(j->mi, j->task_rows) * j->tasks_across, 1, multiply_some, j);
}

/* n in equal pieces of at most SUPER, each a multiple of step. */
static int64_t super_size(int64_t n, int64_t step) {
  return round_up(pieces_of(n, pieces_of(n, SUPER)), step);
}

int cpu_gemm_packed(const struct cpu_gemm_table *table, const struct cpu_gemm *g) {
  const struct cpu_gemm_kernels *kn = kernels_for(table, g->dtype);
  struct job j = {.g = g, .table = table, .kn = kn, .item = mx_dtype_size(g->dtype)};
  int64_t ms = super_size(g->m, kn->mr), ns = super_size(g->n, kn->nr), ks = least(g->k, SUPER_K / kn->kc * kn->kc);
  j.apart = j.item != (size_t)kn->size;
  j.own_b = g->m <= most_task_rows(kn);
  int64_t a_bytes = MX_ALIGN_UP(ms * ks * kn->size, (int64_t)64);
  int64_t b_bytes = j.own_b ? 0 : MX_ALIGN_UP(ns * ks * kn->size, (int64_t)64);
  struct cpu_scratch scratch;
  int status = cpu_scratch_take(&scratch, a_bytes + b_bytes + (j.apart ? ms * ns * kn->size : 0));
  if (status) return status;
  j.pa = scratch.data;
  j.pb = j.pa + a_bytes;
  for (j.j0 = 0; j.j0 < g->n; j.j0 += ns) {
    j.nj = least(ns, g->n - j.j0);
    for (j.i0 = 0; j.i0 < g->m; j.i0 += ms) {
      j.mi = least(ms, g->m - j.i0);
      j.acc = j.apart ? j.pb + b_bytes : (char *)g->c + (j.i0 * g->n + j.j0) * kn->size;
      j.acc_row = j.apart ? ns : g->n;
      for (j.p0 = 0; j.p0 < g->k; j.p0 += ks) {
        j.kp = least(ks, g->k - j.p0);
        j.last = j.p0 + j.kp == g->k;
        run_super_block(&j);
      }
    }
  }
  cpu_scratch_give(&scratch);
  return MX_OK;
}

/* ---- batches ---- */

/* A sum without terms is zero. */
static void fill_empty(const struct cpu_gemm_table *table, const struct cpu_gemm *g) {
  enum { CHUNK = 256 };
  static const double zeros[CHUNK]; /* also of the other accumulators */
  size_t item = mx_dtype_size(g->dtype);
  for (int64_t i = 0; i < g->m; i++) {
    for (int64_t j = 0; j < g->n; j += CHUNK) {
      const char *add = g->add ? at(g->add, i * g->add_row + j * g->add_col, item) : NULL;
      char *out = (char *)g->c + (i * g->n + j) * (int64_t)item;
      table->finish[g->dtype](least(CHUNK, g->n - j), out, zeros, add, g->add_col, g->alpha, g->beta);
    }
  }
}

/* Products of few terms, and those whose rows fill no vector, go without packing. */
static bool is_small(const struct cpu_gemm_kernels *kn, const struct cpu_gemm *g) {
  if (!kn->small || g->add || g->k * kn->lanes * kn->size > CPU_GEMM_SMALL_BYTES) return false;
  bool vector = cpu_gemm_is_vector(g);
  return work_of(g) <= (vector ? SMALL_VECTOR : SMALL_WORK) || (!vector && g->n <= kn->lanes);
}
struct small_job {
  const struct cpu_gemm_kernels *kn;
  const struct cpu_gemm *g;
};
static void small_some(void *ctx, int64_t begin, int64_t end) {
  const struct small_job *s = ctx;
  s->kn->small(s->g, begin, end);
}
static void small_product(const struct cpu_gemm_kernels *kn, const struct cpu_gemm *g) {
  double work = work_of(g);
  if (work < SHARE_FROM) {
    kn->small(g, 0, g->m);
    return;
  }
  struct small_job s = {kn, g};
  int64_t rows = (int64_t)(SHARE_FROM / 2 * (double)g->m / work) + 1;
  cpu_parallel_for(g->m, round_up(rows, 8), small_some, &s);
}

/* n halves widened; neighbours where stride is 1. */
static void widen(const struct cpu_gemm_table *table, enum mx_dtype d, int64_t n, float *to, const uint16_t *from, int64_t stride) {
  int64_t nr = table->real32.nr, i = stride == 1 ? n / nr * nr : 0;
  if (i) table->pack_b[d]((int)nr, i / nr, to, from, 1, nr);
  for (; i < n; i++) to[i] = d == MX_FLOAT16 ? mx_f16_to_float(from[i * stride]) : mx_bf16_to_float(from[i * stride]);
}
static void widen_matrix(const struct cpu_gemm_table *table, enum mx_dtype d, int64_t rows, int64_t cols, float *to, const void *from,
                         int64_t row, int64_t col) {
  if (col == 1 && row == cols) widen(table, d, rows * cols, to, from, 1);
  else for (int64_t i = 0; i < rows; i++) widen(table, d, cols, to + i * cols, (const uint16_t *)from + i * row, col);
}
/* Small products of halves: widened, multiplied and rounded a few rows at a time, in memory that stays in the first cache. */
struct half_job {
  const struct cpu_gemm_table *table;
  const struct cpu_gemm *g;
};
static void half_some(void *ctx, int64_t begin, int64_t end) {
  const struct half_job *h = ctx;
  const struct cpu_gemm *g = h->g;
  _Alignas(64) float a[HALF_ELEMENTS], b[HALF_ELEMENTS], c[HALF_ELEMENTS];
  int64_t wide = g->k > g->n ? g->k : g->n, most = HALF_ELEMENTS / wide;
  widen_matrix(h->table, g->dtype, g->k, g->n, b, g->b, g->b_row, g->b_col);
  for (int64_t i = begin; i < end; i += most) {
    int64_t rows = least(most, end - i);
    widen_matrix(h->table, g->dtype, rows, g->k, a, at(g->a, i * g->a_row, 2), g->a_row, g->a_col);
    struct cpu_gemm one = {.dtype = MX_FLOAT32, .m = rows, .n = g->n, .k = g->k, .a = a, .b = b, .c = c, .a_row = g->k, .a_col = 1,
                           .b_row = g->n, .b_col = 1};
    h->table->real32.small(&one, 0, rows);
    h->table->finish[g->dtype](rows * g->n, (char *)g->c + i * g->n * 2, c, NULL, 0, 1, 0);
  }
}
static void small_halves(const struct cpu_gemm_table *table, const struct cpu_gemm *g) {
  struct half_job h = {table, g};
  double work = work_of(g) + 8 * (double)g->m * (double)g->k;
  int64_t rows = work < SHARE_FROM ? g->m : (int64_t)(SHARE_FROM / 2 * (double)g->m / work) + 1;
  cpu_parallel_for(g->m, rows, half_some, &h);
}

/* Few rows and columns, many terms: unpacked products of DEEP terms each, added up in order. */
struct deep_job {
  const struct cpu_gemm_kernels *kn;
  const struct cpu_gemm *g;
  char *sums;
};
static void deep_some(void *ctx, int64_t begin, int64_t end) {
  const struct deep_job *d = ctx;
  for (int64_t block = begin; block < end; block++) {
    struct cpu_gemm one = *d->g;
    int64_t p = block * DEEP;
    one.k = least(DEEP, one.k - p);
    one.a = at(one.a, p * one.a_col, (size_t)d->kn->size);
    one.b = at(one.b, p * one.b_row, (size_t)d->kn->size);
    one.c = d->sums + block * one.m * one.n * d->kn->size;
    d->kn->small(&one, 0, one.m);
  }
}
static bool is_deep(const struct cpu_gemm_kernels *kn, const struct cpu_gemm *g) {
  return kn->small && !g->add && g->k > DEEP && g->m <= DEEP_ROWS && g->n > 1 && g->n <= kn->lanes && g->b_col == 1 && g->b_row > 1;
}
static int deep_product(const struct cpu_gemm_kernels *kn, const struct cpu_gemm *g) {
  int64_t blocks = pieces_of(g->k, DEEP), n = g->m * g->n;
  struct cpu_scratch scratch;
  int status = cpu_scratch_take(&scratch, blocks * n * kn->size);
  if (status) return status;
  struct deep_job d = {kn, g, scratch.data};
  cpu_parallel_for(blocks, (int64_t)(SHARE_FROM / 2 / (double)(n * DEEP)) + 1, deep_some, &d);
  memcpy(g->c, d.sums, (size_t)(n * kn->size));
  for (int64_t block = 1; block < blocks; block++)
    for (int64_t i = 0; i < n; i++) {
      if (g->dtype == MX_FLOAT64) ((double *)g->c)[i] += ((const double *)d.sums)[block * n + i];
      else ((float *)g->c)[i] += ((const float *)d.sums)[block * n + i];
    }
  cpu_scratch_give(&scratch);
  return MX_OK;
}

/* The same where terms are neighbours on both sides: every row of a times all of b, as a vector. */
static bool is_deep_dot(const struct cpu_gemm_kernels *kn, const struct cpu_gemm *g) {
  return kn->small && !g->add && g->k > DEEP && g->m <= DEEP_DOT_ROWS && g->n <= kn->lanes && g->a_col == 1 && g->b_row == 1 &&
         !cpu_gemm_is_vector(g);
}
static int deep_dot_product(const struct cpu_gemm_table *table, const struct cpu_gemm *g) {
  size_t item = mx_dtype_size(g->dtype);
  int status = MX_OK;
  for (int64_t i = 0; i < g->m && !status; i++) {
    struct cpu_gemm one = *g;
    one.m = 1;
    one.a = at(g->a, i * g->a_row, item);
    one.c = (char *)g->c + i * g->n * (int64_t)item;
    status = cpu_gemm_vector(table, &one);
  }
  return status;
}

static int one_product(const struct cpu_gemm_table *table, const struct cpu_gemm *g) {
  if (!mx_dtype_is_inexact(g->dtype)) {
    cpu_gemm_integer(g);
    return MX_OK;
  }
  if (g->k == 0) {
    fill_empty(table, g);
    return MX_OK;
  }
  const struct cpu_gemm_kernels *kn = kernels_for(table, g->dtype);
  if ((size_t)kn->size == mx_dtype_size(g->dtype) && is_small(kn, g)) {
    small_product(kn, g);
    return MX_OK;
  }
  if ((size_t)kn->size == mx_dtype_size(g->dtype)) {
    struct cpu_gemm turned = *g; /* a column is as well a row */
    if (g->n == 1) {
      turned.m = 1, turned.n = g->m, turned.a = g->b, turned.b = g->a;
      turned.a_col = g->b_row, turned.b_row = g->a_col, turned.b_col = g->a_row;
    }
    if (is_deep(kn, &turned)) return deep_product(kn, &turned);
  }
  if (is_deep_dot(kn, g)) return deep_dot_product(table, g);
  if (mx_dtype_size(g->dtype) == 2 && is_small(kn, g) && g->k * g->n <= HALF_ELEMENTS && g->k <= HALF_ELEMENTS / 8) {
    small_halves(table, g);
    return MX_OK;
  }
  return cpu_gemm_is_vector(g) ? cpu_gemm_vector(table, g) : cpu_gemm_packed(table, g);
}

struct batch_job {
  const struct cpu_gemm_table *table;
  const struct cpu_gemm *g;
  const struct cpu_gemm_batch *batch;
  _Atomic int failed;
  struct mx_error error; /* of the first that failed */
};

/* A run of tiny products, evenly spaced. */
static void tiny_products(void *ctx, int64_t begin, int64_t end) {
  struct batch_job *b = ctx;
  size_t item = mx_dtype_size(b->g->dtype);
  struct cpu_gemm one = *b->g;
  one.a = at(one.a, begin * b->batch->a[0], item);
  one.b = at(one.b, begin * b->batch->b[0], item);
  one.c = (char *)one.c + begin * one.m * one.n * (int64_t)item;
  kernels_for(b->table, one.dtype)->tiny(&one, end - begin, b->batch->a[0], b->batch->b[0]);
}
static bool is_tiny(const struct cpu_gemm_table *table, const struct cpu_gemm *g, const struct cpu_gemm_batch *batch) {
  bool real = g->dtype == MX_FLOAT32 || g->dtype == MX_FLOAT64;
  return real && batch->ndim == 1 && !g->add && g->k > 0 && g->m <= CPU_GEMM_TINY && g->n <= CPU_GEMM_TINY && g->k <= CPU_GEMM_TINY &&
         kernels_for(table, g->dtype)->tiny;
}

static void products(void *ctx, int64_t begin, int64_t end) {
  struct batch_job *b = ctx;
  const struct cpu_gemm_batch *batch = b->batch;
  size_t item = mx_dtype_size(b->g->dtype);
  for (int64_t index = begin; index < end; index++) {
    int64_t rest = index, a = 0, bb = 0, add = 0;
    for (int d = batch->ndim - 1; d >= 0; d--) {
      int64_t x = rest % batch->shape[d];
      rest /= batch->shape[d];
      a += x * batch->a[d];
      bb += x * batch->b[d];
      add += x * batch->add[d];
    }
    struct cpu_gemm one = *b->g;
    one.a = at(one.a, a, item);
    one.b = at(one.b, bb, item);
    one.add = one.add ? at(one.add, add, item) : NULL;
    one.c = (char *)one.c + index * one.m * one.n * (int64_t)item;
    if (one_product(b->table, &one) == MX_OK) continue;
    struct mx_error e = mx_error_take();
    if (atomic_exchange(&b->failed, 1)) mx_error_release(&e);
    else b->error = e;
    return;
  }
}

/* Batch dimensions over which b stays the same and the rows of a and of add go on evenly are more rows: x @ W of a stack
 * of matrices x is one product. */
static void rows_from_batch(struct cpu_gemm *g, struct cpu_gemm_batch *batch) {
  while (batch->ndim > 0) {
    int d = batch->ndim - 1;
    int64_t count = batch->shape[d];
    if (count != 1) {
      if (batch->b[d] != 0) break;
      if (g->m == 1) {
        g->a_row = batch->a[d];
        g->add_row = batch->add[d];
      } else if (batch->a[d] != g->m * g->a_row || batch->add[d] != g->m * g->add_row) {
        break;
      }
      g->m *= count;
    }
    batch->ndim--;
  }
}

/* Neighbouring dimensions of the batch along which all go on evenly become one. */
static void merge_batch(const struct cpu_gemm *g, struct cpu_gemm_batch *batch) {
  int n = 0;
  for (int d = 0; d < batch->ndim; d++) {
    int64_t size = batch->shape[d];
    if (size == 1) continue;
    bool merge = n > 0 && batch->a[n - 1] == batch->a[d] * size && batch->b[n - 1] == batch->b[d] * size &&
                 (!g->add || batch->add[n - 1] == batch->add[d] * size);
    if (!merge) n++;
    batch->shape[n - 1] = merge ? batch->shape[n - 1] * size : size;
    batch->a[n - 1] = batch->a[d], batch->b[n - 1] = batch->b[d], batch->add[n - 1] = batch->add[d];
  }
  batch->ndim = n;
}

int cpu_gemm_run(const struct cpu_gemm_table *table, const struct cpu_gemm *given, const struct cpu_gemm_batch *given_batch) {
  struct cpu_gemm g = *given;
  if (!g.add) g.add_row = g.add_col = 0;
  if (g.m == 0 || g.n == 0) return MX_OK;
  if (!given_batch || given_batch->ndim == 0) return one_product(table, &g);
  struct cpu_gemm_batch batch = *given_batch;
  int64_t count = 1;
  for (int d = 0; d < batch.ndim; d++) {
    if (!g.add) batch.add[d] = 0;
    if (batch.shape[d] == 0) return MX_OK;
  }
  rows_from_batch(&g, &batch);
  merge_batch(&g, &batch);
  for (int d = 0; d < batch.ndim; d++) count *= batch.shape[d];
  if (count == 1) return one_product(table, &g);
  struct batch_job job = {.table = table, .g = &g, .batch = &batch};
  double work = work_of(&g) + 1;
  if (is_tiny(table, &g, &batch)) {
    cpu_parallel_for(count, TINY_PIECE, tiny_products, &job);
  } else if (work < WHOLE_FROM) {
    cpu_parallel_for(count, (int64_t)(SHARE_FROM / 2 / work) + 1, products, &job);
  } else {
    products(&job, 0, count);
  }
  if (!job.failed) return MX_OK;
  int status = mx_error_raise(&job.error);
  mx_error_release(&job.error);
  return status;
}
