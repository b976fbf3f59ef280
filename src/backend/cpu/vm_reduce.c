/* vm_reduce.c: programs that end in a reduction.
 * Invariant: the canonical tree of tile_table.h, whatever the layout and the number of threads: for each result, the reduced
 * elements in row-major order of the reduced dimensions, cut in blocks of CPU_REDUCE_BLOCK; lanes within a block; lanes
 * pairwise; blocks pairwise. */
#include "backend/cpu/pool.h"
#include "backend/cpu/vm.h"
#include "core/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

enum {
  LANES = CPU_REDUCE_LANES,
  COLUMN_BYTES = 2048, /* of accumulators side by side: as many as there are lanes stay in L2 */
  SHORT_ROW = 256,     /* up to here several rows make a tile */
  SHORT_REDUCTION = 12, /* up to here many results side by side are better than one after the other */
  LONG_BLOCK = 8192,
  FIRST_BLOCKS = 32,    /* of a single truth: looked at before other threads are called */
};

struct reduction {
  enum mx_dtype value, acc;
  cpu_tile_fn widen; /* value -> acc; NULL when they are the same, or `block` takes values */
  void (*block)(int64_t n, void *acc, const void *src);
  void (*fold)(int64_t n, void *acc, const void *src);
  size_t acc_size, block_size; /* of an accumulator, of what `block` takes */
  /* Inputs that lie in order, and no code: a block is read where it stands, at `plain`. The code a product of two such: dot of both. */
  const char *plain, *plain_too;
  void (*dot)(int64_t n, void *acc, const void *a, const void *b);
  bool truth, settles; /* all, any: their value as soon as one element has it */
  int64_t first;       /* block of work */
  struct mx_tensor *truths;
  int64_t nouter, nreduced, nblocks, ncolumns, nctiles, width; /* width: columns of one tile */
  int64_t length;   /* of a block */
  int64_t together; /* of a tile: short rows, or reduced elements of every column */
  char *partials; /* [outer][block] accumulators (rows), [outer][block][column] (columns) */
  /* From here on large, and written before it is read: not cleared. */
  struct vm vm;
  struct vm_space outer; /* the kept dimensions (in column mode without the last) */
  struct vm_space inner; /* rows: the reduced dimensions. columns: the last kept one */
  struct vm_space walk;  /* columns: the reduced dimensions */
  struct vm_space run;   /* short rows: the kept, then the reduced dimensions; columns of one tile: the reduced, then the last kept */
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

static void append(struct vm_space *to, const struct vm_space *from, int d, int nin) {
  to->shape[to->ndim] = from->shape[d];
  for (int k = 0; k < nin; k++) to->strides[k][to->ndim] = from->strides[k][d];
  to->ndim++;
}

static void copy_space(struct vm_space *to, const struct vm_space *from, int ndim, int nin) {
  to->ndim = 0;
  for (int d = 0; d < ndim; d++) append(to, from, d, nin);
}

static void offsets(const struct vm_space *s, int nin, int64_t index, int64_t *base) {
  for (int d = s->ndim - 1; d >= 0; d--) {
    int64_t at = index;
    if (d > 0) at = index % s->shape[d], index /= s->shape[d];
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
  if (t->plain) return t->plain + (size_t)((base ? base[0] : 0) + start) * t->block_size;
  vm_load_linear(w, s, base, start, n);
  vm_compute(w, n, NULL);
  const char *v = w->value[t->vm.p->out[0]];
  if (!t->widen) return v;
  t->widen(n, wide, v, NULL, NULL);
  return wide;
}

/* The sum of n products from element `at` of input 0 and the corresponding one of the other. */
static void dot_block(const struct reduction *t, int64_t at, int64_t at_too, int64_t n, void *acc) {
  t->dot(n, acc, t->plain + (size_t)at * t->acc_size, t->plain_too + (size_t)at_too * t->acc_size);
}

/* Rows: one block of one result. */
static void row_block(const struct reduction *t, struct vm_worker *w, const int64_t *base, int64_t block, void *acc) {
  _Alignas(64) char whole[CPU_REDUCE_BLOCK * 8];
  int64_t start = block * t->length, n = t->nreduced - start < t->length ? t->nreduced - start : t->length;
  if (t->dot) {
    dot_block(t, base[0] + start, base[t->vm.p->nin - 1] + start, n, acc);
    return;
  }
  if (n <= t->vm.tile || t->plain) {
    t->block(n, acc, values(t, w, &t->inner, base, start, n, whole));
    return;
  }
  for (int64_t at = 0; at < n; at += t->vm.tile) { /* many live registers: the block comes in pieces */
    int64_t m = n - at < t->vm.tile ? n - at : t->vm.tile;
    char *to = whole + (size_t)at * t->block_size;
    const char *v = values(t, w, &t->inner, base, start + at, m, to);
    if (v != to) memcpy(to, v, (size_t)m * t->block_size);
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

/* Rows of all and any: until one element settles the result, whichever thread sees it. */
static void truths(void *ctx, int64_t begin, int64_t end) {
  const struct reduction *t = ctx;
  _Alignas(64) char regs[VM_REGS_BYTES];
  struct vm_worker w;
  _Atomic uint8_t *out = t->truths->data;
  vm_worker_begin(&w, &t->vm, regs);
  for (int64_t i = begin + t->first; i < end + t->first;) {
    int64_t base[MX_PROGRAM_INPUTS] = {0}, row = i / t->nblocks, stop = (row + 1) * t->nblocks;
    if (stop > end + t->first) stop = end + t->first;
    offsets(&t->outer, t->vm.p->nin, row, base);
    for (; i < stop && atomic_load_explicit(&out[row], memory_order_relaxed) != t->settles; i++) {
      uint8_t value;
      row_block(t, &w, base, i % t->nblocks, &value);
      if (!!value == t->settles) atomic_store_explicit(&out[row], t->settles, memory_order_relaxed);
    }
    i = stop;
  }
}

/* Short rows: several of a tile, each of one block. */
static void short_rows(void *ctx, int64_t begin, int64_t end) {
  const struct reduction *t = ctx;
  _Alignas(64) char regs[VM_REGS_BYTES], wide[VM_MAX_TILE * 8];
  struct vm_worker w;
  vm_worker_begin(&w, &t->vm, regs);
  for (int64_t i = begin; i < end; i++) {
    int64_t first = i * t->together, m = t->nouter - first < t->together ? t->nouter - first : t->together;
    char *acc = t->partials + (size_t)first * t->acc_size;
    int64_t n = t->nreduced;
    if (t->dot) {
      for (int64_t k = 0; k < m; k++) dot_block(t, (first + k) * n, (first + k) * n, n, acc + (size_t)k * t->acc_size);
      continue;
    }
    const char *v = values(t, &w, &t->run, NULL, first * n, m * n, wide);
    for (int64_t k = 0; k < m; k++) t->block(n, acc + (size_t)k * t->acc_size, v + (size_t)(k * n) * t->block_size);
  }
}

/* Columns: one block for `width` results side by side. A tile holds `together` reduced elements of each, which are some of the
 * lanes or all of them several times; lanes fold pairwise, j with j + half, halves falling. */
static void columns(void *ctx, int64_t begin, int64_t end) {
  const struct reduction *t = ctx;
  _Alignas(64) char regs[VM_REGS_BYTES], wide[VM_MAX_TILE * 8], lanes[LANES * COLUMN_BYTES];
  struct vm_worker w;
  int nin = t->vm.p->nin;
  vm_worker_begin(&w, &t->vm, regs);
  for (int64_t i = begin; i < end; i++) {
    int64_t ctile = i % t->nctiles, block = i / t->nctiles % t->nblocks, outer = i / t->nctiles / t->nblocks;
    int64_t first = ctile * t->width, width = t->ncolumns - first < t->width ? t->ncolumns - first : t->width;
    int64_t start = block * CPU_REDUCE_BLOCK, base[MX_PROGRAM_INPUTS] = {0};
    int64_t n = t->nreduced - start < CPU_REDUCE_BLOCK ? t->nreduced - start : CPU_REDUCE_BLOCK, there = n < LANES ? n : LANES;
    size_t row = (size_t)width * t->acc_size;
    offsets(&t->outer, nin, outer, base);
    for (int64_t at = 0; at < n; at += t->together) {
      int64_t m = n - at < t->together ? n - at : t->together, from[MX_PROGRAM_INPUTS];
      memcpy(from, base, (size_t)nin * sizeof *from);
      if (t->nctiles > 1) offsets(&t->walk, nin, start + at, from);
      const char *v = t->nctiles > 1 ? values(t, &w, &t->inner, from, first, width, wide)
                                     : values(t, &w, &t->run, from, (start + at) * width, m * width, wide);
      for (int64_t k = 0; k < m; k += LANES) {
        int64_t some = m - k < LANES ? m - k : LANES;
        char *acc = lanes + (size_t)((at + k) % LANES) * row;
        if (at + k < LANES) memcpy(acc, v + (size_t)k * row, (size_t)some * row);
        else t->fold(some * width, acc, v + (size_t)k * row);
      }
    }
    for (int64_t half = LANES / 2; half > 0; half /= 2) {
      if (there > half) t->fold((there - half) * width, lanes, lanes + (size_t)half * row);
      there = there < half ? there : half;
    }
    memcpy(t->partials + (size_t)((outer * t->nblocks + block) * t->ncolumns + first) * t->acc_size, lanes, row);
  }
}

/* Folds the blocks of every result and writes the results in their dtype. */
static void finish(struct reduction *t, const struct mx_tensor *out) {
  int64_t n = t->nouter * t->ncolumns;
  size_t row = (size_t)t->ncolumns * t->acc_size;
  for (int64_t o = 0; o < t->nouter && t->nblocks > 1; o++) {
    char *from = t->partials + (size_t)(o * t->nblocks) * row;
    fold_pairwise(t, from, t->nblocks, (int64_t)row, t->ncolumns);
    if (o) memmove(t->partials + (size_t)o * row, from, row);
  }
  if (t->partials == out->data) return;
  if (out->dtype == t->acc) memcpy(out->data, t->partials, (size_t)n * t->acc_size);
  else cpu_tile_table()->cast[t->acc][out->dtype](n, out->data, t->partials, NULL, NULL);
}

/* Columns or rows: along whichever of the innermost kept and reduced dimensions more inputs run. The bits are the same. */
static bool prefer_columns(const struct vm_space *kept, const struct vm_space *reduced, int64_t nreduced, int nin) {
  if (kept->ndim == 0 || kept->shape[kept->ndim - 1] < 2) return false;
  if (reduced->ndim == 0) return true;
  int columns_run = 0;
  for (int k = 0; k < nin; k++) {
    int64_t along = kept->strides[k][kept->ndim - 1], across = reduced->strides[k][reduced->ndim - 1];
    columns_run += (along == 1 && across != 0) - (across == 1 && along != 0);
  }
  return columns_run > 0 || (nreduced <= SHORT_REDUCTION && kept->shape[kept->ndim - 1] >= 4 * nreduced + 4);
}

/* Splits the space: kept and reduced dimensions. */
static bool split(struct reduction *t, const struct mx_program_run *r) {
  struct vm_space all, reduced;
  int nin = r->program->nin;
  vm_strides(r, &all);
  t->outer.ndim = reduced.ndim = 0;
  for (int d = 0; d < all.ndim; d++)
    append(r->reduce_axes >> d & 1 ? &reduced : &t->outer, &all, d, nin);
  vm_collapse(&t->outer, nin);
  vm_collapse(&reduced, nin);
  t->nreduced = vm_count(&reduced);
  t->length = CPU_REDUCE_BLOCK;
  t->nblocks = (t->nreduced + CPU_REDUCE_BLOCK - 1) / CPU_REDUCE_BLOCK;
  t->ncolumns = 1;
  bool by_columns = prefer_columns(&t->outer, &reduced, t->nreduced, nin);
  if (by_columns) {
    copy_space(&t->walk, &reduced, reduced.ndim, nin);
    t->inner.ndim = 0;
    append(&t->inner, &t->outer, --t->outer.ndim, nin);
    t->ncolumns = t->inner.shape[0];
  } else {
    copy_space(&t->inner, &reduced, reduced.ndim, nin);
  }
  t->nouter = vm_count(&t->outer);
  return by_columns;
}

static int choose(struct reduction *t, const struct mx_program_run *r) {
  const struct cpu_tile_table *table = cpu_tile_table();
  const struct mx_program *p = r->program;
  enum cpu_reduce_op op = op_of(p->reduce - 1);
  t->value = mx_program_value_dtype(p, p->out[0]);
  enum mx_dtype to = (enum mx_dtype)p->reduce_dtype;
  t->acc = to == MX_FLOAT16 || to == MX_BFLOAT16 ? MX_FLOAT32 : to;
  t->widen = t->value == t->acc ? NULL : table->cast[t->value][t->acc];
  t->block = table->reduce_block[op][t->acc];
  t->fold = table->reduce_fold[op][t->acc];
  t->acc_size = t->block_size = mx_dtype_size(t->acc);
  t->truth = op == CPU_ALL || op == CPU_ANY;
  t->settles = op == CPU_ANY;
  if (!t->block || !t->fold || (t->value != t->acc && !t->widen))
    return mx_fail(MX_ETYPE, "[reduce] This reduction is not defined for %s.", mx_dtype_name(t->value));
  return MX_OK;
}

/* Nothing to reduce: sum 0, prod 1, all true, any false. */
static int fill_empty(enum cpu_reduce_op op, const struct mx_tensor *out) {
  uint8_t one = op == CPU_PROD || op == CPU_ALL;
  if (op == CPU_MIN || op == CPU_MAX) return mx_fail(MX_EVALUE, "[reduce] Cannot take the min or max of an empty axis.");
  char value[8];
  cpu_tile_table()->cast[MX_BOOL][out->dtype](1, value, &one, NULL, NULL);
  size_t size = mx_dtype_size(out->dtype);
  for (int64_t i = 0; i < out->size; i++) memcpy((char *)out->data + (size_t)i * size, value, size);
  return MX_OK;
}

/* How the tiles go over the space, and the space they are read from. */
static void (*choose_walk(struct reduction *t, bool by_columns, int nin, const struct vm_space **space))(void *, int64_t, int64_t) {
  const struct vm_space *before = by_columns ? &t->walk : &t->outer;
  t->width = COLUMN_BYTES / (int64_t)t->acc_size;
  t->nctiles = (t->ncolumns + t->width - 1) / t->width;
  bool whole = by_columns ? t->nctiles == 1 : t->nreduced <= SHORT_ROW && before->ndim + t->inner.ndim <= MX_MAX_NDIM;
  *space = whole ? &t->run : &t->inner;
  if (whole) {
    copy_space(&t->run, before, before->ndim, nin);
    for (int d = 0; d < t->inner.ndim; d++) append(&t->run, &t->inner, d, nin);
    vm_collapse(&t->run, nin);
  }
  return by_columns ? columns : whole ? short_rows : rows;
}

/* Cuts the space in pieces of work; gives how many, and how many elements each has. */
static int64_t cut(struct reduction *t, void (*body)(void *, int64_t, int64_t), int64_t *each) {
  int64_t block = t->nreduced < t->length ? t->nreduced : t->length;
  if (body == columns) {
    if (t->nctiles == 1) t->width = t->ncolumns;
    if (t->width > t->vm.tile) t->width = t->vm.tile;
    t->nctiles = (t->ncolumns + t->width - 1) / t->width;
    for (t->together = t->nctiles > 1 ? 1 : CPU_REDUCE_BLOCK; t->together > 1 && t->together * t->width > t->vm.tile;) t->together /= 2;
    *each = block * t->width;
    return t->nouter * t->nblocks * t->nctiles;
  }
  if (body == short_rows) {
    t->together = t->vm.tile / t->nreduced ? t->vm.tile / t->nreduced : 1;
    *each = t->together * t->nreduced;
    return (t->nouter + t->together - 1) / t->together;
  }
  *each = block;
  return t->nouter * t->nblocks;
}

/* Blocks that need not pass through registers: read where they stand, added from their own width, multiplied on the way. */
static void choose_block(struct reduction *t, const struct vm_space *s) {
  const struct cpu_tile_table *table = cpu_tile_table();
  const struct mx_program *p = t->vm.p;
  int value = p->out[0];
  bool sum = t->block == table->reduce_block[CPU_SUM][t->acc], in_order = s->ndim <= 1;
  if (sum && t->widen && table->sum_narrow[t->value] && (t->acc == MX_INT32 || t->acc == MX_UINT32)) {
    t->block = table->sum_narrow[t->value];
    t->block_size = mx_dtype_size(t->value);
    t->widen = NULL;
  }
  for (int k = 0; k < p->nin && in_order; k++) in_order = s->ndim == 0 || s->strides[k][0] == 1;
  if (!in_order || t->widen) return;
  if (p->ninstr == 0 && p->nin == 1) {
    t->plain = t->vm.in_data[0];
    bool exact = !mx_dtype_is_inexact(t->acc) && !sum; /* truths and extremes of integers: no order to keep */
    if (exact && t->block != table->reduce_block[CPU_PROD][t->acc]) t->length = LONG_BLOCK;
    t->nblocks = (t->nreduced + t->length - 1) / t->length;
  }
  const struct mx_instr *in = &p->code[0];
  if (p->ninstr != 1 || value != p->nin || !sum || in->key != t->acc || (in->prim != MX_PRIM_square && in->prim != MX_PRIM_multiply)) return;
  t->dot = table->dot[t->acc];
  if (!t->dot) return;
  t->plain = t->vm.in_data[0];
  t->plain_too = t->vm.in_data[p->nin - 1];
}

/* All and any of long rows: one result is first looked for without other threads. */
static void run_truths(struct reduction *t, int64_t items, int64_t each) {
  memset(t->truths->data, !t->settles, (size_t)t->truths->size);
  int64_t share_from = vm_share_from(t->vm.p);
  if (t->nouter == 1 || items * each <= share_from) {
    int64_t n = items * each <= share_from || items < FIRST_BLOCKS ? items : FIRST_BLOCKS;
    truths(t, 0, n);
    t->first = n;
  }
  if (t->first < items) cpu_parallel_for(items - t->first, share_from / 2 / each + 1, truths, t);
}

int vm_reduce(const struct mx_program_run *r) {
  struct reduction t;
  const struct mx_tensor *out = r->out[0];
  memset(&t, 0, offsetof(struct reduction, vm));
  if (out->size == 0) return MX_OK;
  int status = choose(&t, r);
  if (status) return status;
  for (int d = 0; d < r->ndim; d++) /* at once: beside a dimension of 0 products of the others may overflow */
    if (r->shape[d] == 0) return fill_empty(op_of(r->program->reduce - 1), out);
  const struct vm_space *space;
  bool by_columns = split(&t, r);
  void (*body)(void *, int64_t, int64_t) = choose_walk(&t, by_columns, r->program->nin, &space);
  status = vm_prepare(&t.vm, r, space, VM_LINEAR, 0, 0);
  if (!status && by_columns && space == &t.run && t.vm.tile < t.ncolumns) status = vm_prepare(&t.vm, r, &t.inner, VM_LINEAR, 0, 0); /* in column tiles */
  if (status) return status;
  int64_t each, items;
  if (!by_columns) choose_block(&t, space);
  if (t.truth && body == rows) {
    t.truths = r->out[0];
    items = cut(&t, body, &each);
    run_truths(&t, items, each);
    return MX_OK;
  }
  int64_t nacc = out->size * t.nblocks;
  char few[1024];
  bool in_place = t.nblocks == 1 && out->dtype == t.acc, on_stack = nacc <= (int64_t)(sizeof few / 8);
  t.partials = in_place ? out->data : on_stack ? few : mx_malloc((size_t)nacc * t.acc_size);
  if (!t.partials) return MX_EMEMORY;
  items = cut(&t, body, &each);
  int64_t share_from = vm_share_from(r->program);
  if (items * each <= share_from) body(&t, 0, items);
  else cpu_parallel_for(items, share_from / 2 / each + 1, body, &t);
  finish(&t, out);
  if (!in_place && !on_stack) mx_free(t.partials);
  return MX_OK;
}
