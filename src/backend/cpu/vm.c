/* vm.c: tile programs on the CPU: a tile of every value at a time, in registers that stay in L1.
 * Invariant: what an element's value is does not depend on the tile it falls in, nor on the thread. */
#include "backend/cpu/vm.h"

#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/stream.h"

#include <string.h>

enum {
  LONG_ROW = 256,      /* from here on a tile is a piece of one row */
  BLOCK_ROWS = 32,     /* of a block; the input that runs along them is read 32 elements at a time */
  BAND = 8,
  BARE_TILE = 8192,    /* elements where no register limits them */
  BLOCK_ELEMENTS = 4096, /* from here on blocks pay */
};

struct map_run {
  const struct vm *vm;
  const struct vm_space *space;
  struct mx_tensor *const *out;
  int64_t out_strides[MX_MAX_NDIM]; /* of the space, in every output */
  int64_t size;                     /* linear: elements */
  int64_t rows, cols, items0, items1; /* planes: of one tile; tiles of one plane */
  uint32_t stream;                  /* bit o: output o goes past the caches */
};

/* What is not yet in its output goes there: `rows` runs of `cols`, `step` elements apart. Inputs stored as they are go
 * first, because an output may lie over one. */
static void store(const struct map_run *m, const struct vm_worker *w, char *const *outs, int64_t rows, int64_t cols, int64_t step) {
  const struct mx_program *p = m->vm->p;
  for (int inputs = 1; inputs >= 0; inputs--)
    for (int o = 0; o < p->nout; o++) {
      int v = p->out[o];
      if ((v < p->nin) != inputs || w->value[v] == outs[o]) continue;
      int64_t size = (int64_t)mx_dtype_size(m->out[o]->dtype);
      for (int64_t r = 0; r < rows; r++) {
        char *to = outs[o] + r * step * size;
        const char *from = w->value[v] + r * cols * size;
        if (m->stream >> o & 1) cpu_stream_copy(to, from, (size_t)(cols * size));
        else memcpy(to, from, (size_t)(cols * size));
      }
    }
}

static void map_linear(void *ctx, int64_t begin, int64_t end) {
  const struct map_run *m = ctx;
  const struct mx_program *p = m->vm->p;
  _Alignas(64) char regs[VM_REGS_BYTES];
  struct vm_worker w;
  vm_worker_begin(&w, m->vm, regs);
  for (int64_t t = begin; t < end; t++) {
    int64_t start = t * m->vm->tile, n = m->size - start < m->vm->tile ? m->size - start : m->vm->tile;
    char *outs[MX_PROGRAM_OUTPUTS];
    for (int o = 0; o < p->nout; o++)
      outs[o] = (char *)m->out[o]->data + start * (int64_t)mx_dtype_size(m->out[o]->dtype);
    vm_load_linear(&w, m->space, NULL, start, n);
    if (m->stream && m->vm->code[0].length < p->ninstr) vm_prefetch(&w, n); /* one chain: its loads run ahead by themselves */
    vm_compute(&w, n, outs);
    store(m, &w, outs, 1, n, 0);
  }
  if (m->stream) cpu_stream_end();
}

/* Rows and blocks: tile t of the planes that the last two dimensions span. */
static void map_planes(void *ctx, int64_t begin, int64_t end) {
  const struct map_run *m = ctx;
  const struct mx_program *p = m->vm->p;
  const struct vm_space *s = m->space;
  int q = s->ndim - 1, r = m->vm->mode == VM_BLOCKS ? q - 1 : q; /* dimensions before r are outside the plane */
  _Alignas(64) char regs[VM_REGS_BYTES];
  struct vm_worker w;
  vm_worker_begin(&w, m->vm, regs);
  for (int64_t t = begin; t < end; t++) {
    /* Down a band of few tiles: the lines that an input is read in one below the other are soon read on. */
    int64_t outer = t / (m->items0 * m->items1), rest = t % (m->items0 * m->items1), band = rest / (m->items0 * BAND);
    int64_t left = m->items1 - band * BAND, across = left < BAND ? left : BAND;
    rest -= band * BAND * m->items0;
    int64_t row = rest / across * m->rows, col = (band * BAND + rest % across) * m->cols;
    int64_t base[MX_PROGRAM_INPUTS], to = col;
    int64_t cols = s->shape[q] - col < m->cols ? s->shape[q] - col : m->cols, rows = 1;
    for (int k = 0; k < p->nin; k++) base[k] = col * s->strides[k][q];
    if (r < q) {
      rows = s->shape[r] - row < m->rows ? s->shape[r] - row : m->rows;
      to += row * m->out_strides[r];
      for (int k = 0; k < p->nin; k++) base[k] += row * s->strides[k][r];
    }
    for (int d = r - 1; d >= 0; d--) {
      int64_t at = outer % s->shape[d];
      outer /= s->shape[d];
      to += at * m->out_strides[d];
      for (int k = 0; k < p->nin; k++) base[k] += at * s->strides[k][d];
    }
    char *outs[MX_PROGRAM_OUTPUTS];
    for (int o = 0; o < p->nout; o++) outs[o] = (char *)m->out[o]->data + to * (int64_t)mx_dtype_size(m->out[o]->dtype);
    vm_load_plane(&w, s, base, rows, cols);
    vm_compute(&w, rows * cols, outs);
    store(m, &w, outs, rows, cols, r < q ? m->out_strides[r] : 0);
  }
  if (m->stream) cpu_stream_end();
}

/* How to cut the space in tiles. For blocks, the dimension that an input runs along becomes the last but one. */
static enum vm_mode choose_mode(struct map_run *m, struct vm_space *s, int nin) {
  int last = s->ndim - 1;
  int64_t run = 1;
  bool linear = true;
  for (int d = last; d >= 0; d--) m->out_strides[d] = run, run *= s->shape[d];
  m->size = run;
  for (int k = 0; k < nin; k++) {
    bool contiguous = true, scalar = true;
    for (int d = 0; d <= last; d++) {
      contiguous &= s->strides[k][d] == m->out_strides[d];
      scalar &= s->strides[k][d] == 0;
    }
    linear &= contiguous || scalar;
  }
  if (linear) return VM_LINEAR;
  int along = -1;
  for (int k = 0; k < nin && along < 0 && s->shape[last] >= 8 && run >= BLOCK_ELEMENTS; k++) {
    if (s->strides[k][last] >= -1 && s->strides[k][last] <= 1) continue;
    for (int d = 0; d < last; d++)
      if (s->strides[k][d] == 1 && s->shape[d] >= 8) along = d;
  }
  if (along < 0) return s->shape[last] >= LONG_ROW ? VM_ROWS : VM_LINEAR;
  for (int d = along; d < last - 1; d++) {
    int64_t t = s->shape[d];
    s->shape[d] = s->shape[d + 1], s->shape[d + 1] = t;
    t = m->out_strides[d];
    m->out_strides[d] = m->out_strides[d + 1], m->out_strides[d + 1] = t;
    for (int k = 0; k < nin; k++) {
      t = s->strides[k][d];
      s->strides[k][d] = s->strides[k][d + 1], s->strides[k][d + 1] = t;
    }
  }
  return VM_BLOCKS;
}

/* Rows are cut evenly; blocks as wide as the tile allows. */
static int64_t cut_planes(struct map_run *m, const struct vm_space *s, enum vm_mode mode) {
  int last = s->ndim - 1;
  int64_t tile = m->vm->tile, n = s->shape[last], n0 = mode == VM_BLOCKS ? s->shape[last - 1] : 1;
  m->rows = mode == VM_ROWS ? 1 : n0 < BLOCK_ROWS ? n0 : BLOCK_ROWS;
  int64_t most = tile / m->rows;
  if (mode == VM_BLOCKS && most > 16) most -= most % 16; /* whole lines */
  int64_t parts = (n + most - 1) / most;
  m->cols = mode == VM_ROWS ? MX_ALIGN_UP((n + parts - 1) / parts, 16) : most;
  if (m->cols > most) m->cols = most;
  if (m->cols > n) m->cols = n;
  m->items0 = (n0 + m->rows - 1) / m->rows;
  m->items1 = (n + m->cols - 1) / m->cols;
  return m->size / n / n0 * m->items0 * m->items1;
}

/* Outputs that only pass through the caches on their way out: large ones, not those that lie over an input just read. */
static uint32_t streamed(const struct mx_program_run *r, int64_t size) {
  uint32_t stream = 0;
  for (int o = 0; o < r->program->nout; o++) {
    bool over = size * (int64_t)mx_dtype_size(r->out[o]->dtype) < CPU_STREAM_BYTES;
    for (int k = 0; k < r->program->nin; k++) over |= r->in[k]->data == r->out[o]->data;
    stream |= over ? 0 : 1u << o;
  }
  return stream;
}

/* One input, one output, no code. */
static int run_copy(const struct mx_program_run *r) {
  int64_t shape[MX_MAX_NDIM], strides[MX_MAX_NDIM], zeros[MX_MAX_NDIM];
  struct mx_tensor to = *r->out[0], from = *r->in[0];
  int lead = r->ndim - from.ndim;
  memcpy(shape, r->shape, (size_t)r->ndim * sizeof *shape);
  mx_strides_contiguous(shape, r->ndim, strides);
  for (int d = 0; d < r->ndim; d++) zeros[d] = d < lead || from.shape[d - lead] == 1 ? 0 : from.strides[d - lead];
  to.ndim = from.ndim = r->ndim;
  to.shape = from.shape = shape;
  to.strides = strides;
  from.strides = zeros;
  from.size = to.size;
  return to.data == from.data ? MX_OK : cpu_copy(&from, &to);
}

static bool is_one_number(const struct mx_tensor *t) {
  for (int d = 0; d < t->ndim; d++)
    if (t->strides[d] != 0 && t->shape[d] != 1) return false;
  return true;
}

/* A single operation on few elements, where each operand lies as the output does or is one number: its kernel, on the arrays
 * themselves. False, nothing done, where that is not so. */
static bool run_single(const struct mx_program_run *r) {
  const struct mx_program *p = r->program;
  const struct mx_instr *in = &p->code[0];
  int64_t n = 1;
  for (int d = 0; d < r->ndim; d++) n *= r->shape[d];
  if (p->ninstr != 1 || p->nout != 1 || p->out[0] != p->nin || (n > BARE_TILE && n > vm_share_from(p))) return false;
  cpu_tile_fn fn = vm_kernel(in);
  _Alignas(64) char numbers[3][VM_MAX_TILE * 8];
  const void *at[3] = {NULL, NULL, NULL};
  for (int k = 0; k < in->nsrc; k++) {
    const struct mx_tensor *t = r->in[in->src[k]];
    at[k] = t->data;
    if (t->size == n && mx_tensor_is_contiguous(t)) continue;
    if (!is_one_number(t) || n > VM_MAX_TILE) return false;
    cpu_splat(mx_dtype_size(t->dtype), n, numbers[k], t->data);
    at[k] = numbers[k];
  }
  if (fn) fn(n, r->out[0]->data, at[0], at[1], at[2]);
  return fn != NULL;
}

int cpu_program_run(const struct mx_program_run *r) {
  const struct mx_program *p = r->program;
  if (p->reduce) return vm_reduce(r);
  for (int d = 0; d < r->ndim; d++) /* at once: beside a dimension of 0 products of the others may overflow */
    if (r->shape[d] == 0) return MX_OK;
  if (run_single(r)) return MX_OK;
  if (p->ninstr == 0 && p->nin == 1 && p->nout == 1) return run_copy(r);
  struct vm_space space;
  struct vm vm;
  struct map_run m;
  vm_strides(r, &space);
  vm_collapse(&space, p->nin);
  enum vm_mode mode = choose_mode(&m, &space, p->nin);
  m.stream = streamed(r, m.size);
  int status = vm_prepare(&vm, r, &space, mode, mode == VM_BLOCKS ? 0 : ~m.stream, mode == VM_LINEAR ? m.stream : 0);
  if (status) return status;
  if (vm.bare || (mode == VM_LINEAR && vm.nregs == 0)) vm.tile = BARE_TILE;
  m.vm = &vm;
  m.space = &space;
  m.out = r->out;
  for (int k = 0; k < p->nin && mode == VM_LINEAR; k++) { /* so that a periodic input begins each tile alike, on a line if it can */
    int period = vm.in_place[k] == VM_PERIODIC ? (int)vm.period[k] : 1, lines = 16 * period / (1 << __builtin_ctz((unsigned)period | 16));
    vm.tile -= vm.tile % (vm.tile >= lines ? lines : period);
  }
  int64_t tiles = mode == VM_LINEAR ? (m.size + vm.tile - 1) / vm.tile : cut_planes(&m, &space, mode);
  void (*body)(void *, int64_t, int64_t) = mode == VM_LINEAR ? map_linear : map_planes;
  int64_t share_from = vm_share_from(p);
  if (m.size <= share_from) body(&m, 0, tiles);
  else cpu_parallel_for(tiles, (share_from / 2 + vm.tile - 1) / vm.tile, body, &m);
  return MX_OK;
}
