/* vm_reduce.c: programs that end in a reduction.
 * Invariant: the canonical tree of tile_table.h, whatever the layout and the number of threads: for each result, the reduced
 * elements in row-major order of the reduced dimensions, cut in blocks of CPU_REDUCE_BLOCK; lanes within a block; lanes
 * pairwise; blocks pairwise. */
#include "backend/cpu/pool.h"
#include "backend/cpu/vm.h"
#include "core/error.h"

#include <string.h>

enum { COLUMNS = 128, PARALLEL_ELEMENTS = 1 << 15 };

struct reduction {
  struct vm vm;
  enum cpu_reduce_op op;
  enum mx_dtype value, acc;
  cpu_tile_fn widen; /* value -> acc; NULL when they are the same */
  void (*block)(int64_t n, void *acc, const void *src);
  void (*fold)(int64_t n, void *acc, const void *src);
  size_t acc_size, value_size;
  struct vm_space outer; /* the kept dimensions (in column mode without the last) */
  struct vm_space inner; /* rows: the reduced dimensions. columns: the last kept one */
  struct vm_space walk;  /* columns: the reduced dimensions */
  int64_t nouter, nreduced, nblocks, ncolumns, nctiles, width; /* width: columns of one tile */
  char *partials; /* [outer][column][block] accumulators (rows), [outer][block][column] (columns) */
};

static enum cpu_reduce_op op_of(int prim) {
  switch (prim) {
  case MX_PRIM_sum: return CPU_SUM;
  case MX_PRIM_prod: return CPU_PROD;
  case MX_PRIM_min: return CPU_MIN;
  case MX_PRIM_max: return CPU_MAX;
  case MX_PRIM_all: return CPU_ALL;
  default: return CPU_ANY;
  }
}

static int64_t product(const struct vm_space *s) {
  int64_t n = 1;
  for (int d = 0; d < s->ndim; d++) n *= s->shape[d];
  return n;
}

static void append(struct vm_space *to, const struct vm_space *from, int d, int nin) {
  to->shape[to->ndim] = from->shape[d];
  for (int k = 0; k < nin; k++) to->strides[k][to->ndim] = from->strides[k][d];
  to->ndim++;
}

static void offsets(const struct vm_space *s, int nin, int64_t index, int64_t *base) {
  for (int d = s->ndim - 1; d >= 0; d--) {
    int64_t at = index % s->shape[d];
    index /= s->shape[d];
    for (int k = 0; k < nin; k++) base[k] += at * s->strides[k][d];
  }
}

/* a[0] = the pairwise fold, in index order, of n accumulators that stand `step` bytes apart (each of `width` elements). */
static void fold_pairwise(const struct reduction *t, char *a, int64_t n, int64_t step, int64_t width) {
  while (n > 1) {
    int64_t half = n / 2;
    for (int64_t i = 0; i < half; i++) {
      if (i) memcpy(a + i * step, a + 2 * i * step, (size_t)width * t->acc_size);
      t->fold(width, a + i * step, a + (2 * i + 1) * step);
    }
    if (n & 1) memcpy(a + half * step, a + (n - 1) * step, (size_t)width * t->acc_size);
    n = half + (n & 1);
  }
}

/* The program's value for n elements, as accumulators; where it may, without a copy. */
static const char *values(const struct reduction *t, struct vm_worker *w, const struct vm_space *s, const int64_t *base, int64_t start,
                          int64_t n, char *wide) {
  vm_tile(w, s, base, start, n, NULL);
  const char *v = w->value[t->vm.p->out[0]];
  if (!t->widen) return v;
  t->widen(n, wide, v, NULL, NULL);
  return wide;
}

/* Rows: one block of one result. */
static void row_block(const struct reduction *t, struct vm_worker *w, const int64_t *base, int64_t block, void *acc) {
  _Alignas(64) char whole[CPU_REDUCE_BLOCK * 8];
  int64_t start = block * CPU_REDUCE_BLOCK;
  int64_t n = t->nreduced - start < CPU_REDUCE_BLOCK ? t->nreduced - start : CPU_REDUCE_BLOCK;
  if (n <= t->vm.tile) {
    t->block(n, acc, values(t, w, &t->inner, base, start, n, whole));
    return;
  }
  for (int64_t at = 0; at < n; at += t->vm.tile) { /* many live registers: the block comes in pieces */
    int64_t m = n - at < t->vm.tile ? n - at : t->vm.tile;
    char *to = whole + (size_t)at * t->acc_size;
    const char *v = values(t, w, &t->inner, base, start + at, m, to);
    if (v != to) memcpy(to, v, (size_t)m * t->acc_size);
  }
  t->block(n, acc, whole);
}

static void rows(void *ctx, int64_t begin, int64_t end) {
  const struct reduction *t = ctx;
  _Alignas(64) char regs[VM_REGS_BYTES];
  struct vm_worker w;
  vm_worker_begin(&w, &t->vm, regs);
  for (int64_t i = begin; i < end; i++) {
    int64_t base[MX_PROGRAM_INPUTS] = {0};
    offsets(&t->outer, t->vm.p->nin, i / t->nblocks, base);
    row_block(t, &w, base, i % t->nblocks, t->partials + (size_t)i * t->acc_size);
  }
}

/* Columns: one block of rows for up to COLUMNS results side by side; lane j folds rows j, j + LANES, … */
static void column_block(const struct reduction *t, struct vm_worker *w, const int64_t *base, int64_t first, int64_t width,
                         int64_t block, char *lanes, char *acc) {
  _Alignas(64) char wide[COLUMNS * 8];
  int64_t start = block * CPU_REDUCE_BLOCK;
  int64_t n = t->nreduced - start < CPU_REDUCE_BLOCK ? t->nreduced - start : CPU_REDUCE_BLOCK;
  int64_t used = n < CPU_REDUCE_LANES ? n : CPU_REDUCE_LANES, step = t->width * (int64_t)t->acc_size;
  for (int64_t i = 0; i < n; i++) {
    int64_t at[MX_PROGRAM_INPUTS];
    memcpy(at, base, sizeof at);
    offsets(&t->walk, t->vm.p->nin, start + i, at);
    const char *v = values(t, w, &t->inner, at, first, width, wide);
    char *lane = lanes + (i % CPU_REDUCE_LANES) * step;
    if (i < CPU_REDUCE_LANES) memcpy(lane, v, (size_t)width * t->acc_size);
    else t->fold(width, lane, v);
  }
  /* j with j + half: lanes that got nothing are absent, as in a block of one row. */
  for (int64_t half = CPU_REDUCE_LANES / 2; half; half /= 2)
    for (int64_t j = 0; j < half && j + half < used; j++) t->fold(width, lanes + j * step, lanes + (j + half) * step);
  memcpy(acc, lanes, (size_t)width * t->acc_size);
}

static void columns(void *ctx, int64_t begin, int64_t end) {
  const struct reduction *t = ctx;
  _Alignas(64) char regs[VM_REGS_BYTES], lanes[CPU_REDUCE_LANES * COLUMNS * 8];
  struct vm_worker w;
  vm_worker_begin(&w, &t->vm, regs);
  for (int64_t i = begin; i < end; i++) {
    int64_t ctile = i % t->nctiles, block = i / t->nctiles % t->nblocks, outer = i / t->nctiles / t->nblocks;
    int64_t first = ctile * t->width, width = t->ncolumns - first < t->width ? t->ncolumns - first : t->width;
    int64_t base[MX_PROGRAM_INPUTS] = {0};
    offsets(&t->outer, t->vm.p->nin, outer, base);
    char *acc = t->partials + (size_t)((outer * t->nblocks + block) * t->ncolumns + first) * t->acc_size;
    column_block(t, &w, base, first, width, block, lanes, acc);
  }
}

/* Folds the blocks of every result and writes the results in their dtype. */
static int finish(struct reduction *t, const struct mx_tensor *out) {
  int64_t n = t->nouter * t->ncolumns;
  size_t row = (size_t)t->ncolumns * t->acc_size;
  for (int64_t o = 0; o < t->nouter && t->nblocks > 1; o++) {
    char *from = t->partials + (size_t)(o * t->nblocks) * row;
    fold_pairwise(t, from, t->nblocks, (int64_t)row, t->ncolumns);
    if (o) memmove(t->partials + (size_t)o * row, from, row);
  }
  if (out->dtype == t->acc) memcpy(out->data, t->partials, (size_t)n * t->acc_size);
  else cpu_tile_table()->cast[t->acc][out->dtype](n, out->data, t->partials, NULL, NULL);
  return MX_OK;
}

/* Splits the space: kept and reduced dimensions. Columns when the innermost one is kept and wide enough to be worth it. */
static bool split(struct reduction *t, const struct mx_program_run *r) {
  struct vm_space all, kept = {0}, reduced = {0};
  int nin = r->program->nin;
  vm_strides(r, &all);
  int last = all.ndim - 1;
  while (last > 0 && all.shape[last] == 1) last--;
  bool by_columns = last >= 0 && !(r->reduce_axes >> last & 1) && all.shape[last] >= 8;
  for (int d = 0; d < all.ndim; d++)
    append(r->reduce_axes >> d & 1 ? &reduced : &kept, &all, d, nin);
  vm_collapse(&kept, nin);
  vm_collapse(&reduced, nin);
  t->nreduced = product(&reduced);
  t->nblocks = t->nreduced ? (t->nreduced + CPU_REDUCE_BLOCK - 1) / CPU_REDUCE_BLOCK : 1;
  t->ncolumns = 1;
  t->outer = kept;
  t->inner = reduced;
  if (by_columns) {
    t->outer.ndim--;
    t->walk = reduced;
    t->inner = (struct vm_space){0};
    append(&t->inner, &kept, kept.ndim - 1, nin);
    t->ncolumns = t->inner.shape[0];
  }
  t->nouter = product(&t->outer);
  return by_columns;
}

static int choose(struct reduction *t, const struct mx_program_run *r) {
  const struct cpu_tile_table *table = cpu_tile_table();
  const struct mx_program *p = r->program;
  t->op = op_of(p->reduce - 1);
  t->value = mx_program_value_dtype(p, p->out[0]);
  enum mx_dtype to = (enum mx_dtype)p->reduce_dtype;
  t->acc = to == MX_FLOAT16 || to == MX_BFLOAT16 ? MX_FLOAT32 : to;
  t->widen = t->value == t->acc ? NULL : table->cast[t->value][t->acc];
  t->block = table->reduce_block[t->op][t->acc];
  t->fold = table->reduce_fold[t->op][t->acc];
  t->acc_size = mx_dtype_size(t->acc);
  if (!t->block || !t->fold || (t->value != t->acc && !t->widen))
    return mx_fail(MX_ETYPE, "[reduce] This reduction is not defined for %s.", mx_dtype_name(t->value));
  return MX_OK;
}

/* Nothing to reduce: sum 0, prod 1, all true, any false. */
static int fill_empty(const struct reduction *t, const struct mx_tensor *out) {
  uint8_t one = t->op == CPU_PROD || t->op == CPU_ALL;
  if (t->op == CPU_MIN || t->op == CPU_MAX) return mx_fail(MX_EVALUE, "[reduce] Cannot take the min or max of an empty axis.");
  char value[8];
  cpu_tile_table()->cast[MX_BOOL][out->dtype](1, value, &one, NULL, NULL);
  size_t size = mx_dtype_size(out->dtype);
  for (int64_t i = 0; i < out->size; i++) memcpy((char *)out->data + (size_t)i * size, value, size);
  return MX_OK;
}

int vm_reduce(const struct mx_program_run *r) {
  struct reduction t = {0};
  int status = choose(&t, r);
  if (status) return status;
  bool by_columns = split(&t, r);
  if (t.nreduced == 0) return fill_empty(&t, r->out[0]);
  status = vm_prepare(&t.vm, r, &t.inner, false);
  if (status) return status;
  t.width = t.vm.tile < COLUMNS ? t.vm.tile : COLUMNS;
  t.nctiles = (t.ncolumns + t.width - 1) / t.width;
  int64_t results = t.nouter * t.ncolumns, nacc = results * t.nblocks;
  char few[1024];
  t.partials = nacc <= (int64_t)(sizeof few / 8) ? few : mx_malloc((size_t)nacc * t.acc_size);
  if (!t.partials) return MX_EMEMORY;
  int64_t items = t.nouter * t.nblocks * (by_columns ? t.nctiles : 1);
  int64_t each = by_columns ? t.width * (t.nreduced < CPU_REDUCE_BLOCK ? t.nreduced : CPU_REDUCE_BLOCK)
                            : (t.nreduced < CPU_REDUCE_BLOCK ? t.nreduced : CPU_REDUCE_BLOCK);
  void (*body)(void *, int64_t, int64_t) = by_columns ? columns : rows;
  if (items * each <= PARALLEL_ELEMENTS) body(&t, 0, items);
  else cpu_parallel_for(items, PARALLEL_ELEMENTS / 2 / each + 1, body, &t);
  status = finish(&t, r->out[0]);
  if (t.partials != few) mx_free(t.partials);
  return status;
}
