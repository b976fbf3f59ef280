/* vm.c: tile programs on the CPU: a tile of every value at a time, in registers that stay in L1.
 * Invariant: what an element's value is does not depend on the tile it falls in, nor on the thread. */
#include "backend/cpu/vm.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "core/error.h"

#include <string.h>

enum { PARALLEL_ELEMENTS = 1 << 15 };

void vm_strides(const struct mx_program_run *r, struct vm_space *s) {
  s->ndim = r->ndim;
  for (int d = 0; d < r->ndim; d++) s->shape[d] = r->shape[d];
  for (int k = 0; k < r->program->nin; k++) {
    const struct mx_tensor *t = r->in[k];
    int lead = r->ndim - t->ndim;
    for (int d = 0; d < r->ndim; d++)
      s->strides[k][d] = d < lead || t->shape[d - lead] == 1 ? 0 : t->strides[d - lead];
  }
}

/* Beside a dimension of 0 the others may be so large that a product wraps; nothing is read then. */
static int64_t times(int64_t x, int64_t y) { return (int64_t)((uint64_t)x * (uint64_t)y); }

void vm_collapse(struct vm_space *s, int nin) {
  int n = 0;
  for (int d = 0; d < s->ndim; d++) {
    if (s->shape[d] == 1) continue;
    bool merge = n > 0;
    for (int k = 0; k < nin && merge; k++) merge = s->strides[k][n - 1] == times(s->strides[k][d], s->shape[d]);
    if (!merge) n++;
    s->shape[n - 1] = merge ? times(s->shape[n - 1], s->shape[d]) : s->shape[d];
    for (int k = 0; k < nin; k++) s->strides[k][n - 1] = s->strides[k][d];
  }
  s->ndim = n;
}

static enum vm_place classify(const struct vm_space *s, int k) {
  bool scalar = true;
  for (int d = 0; d < s->ndim; d++) scalar &= s->strides[k][d] == 0;
  if (scalar) return VM_SCALAR;
  return s->ndim == 1 && s->strides[k][0] == 1 ? VM_CONTIGUOUS : VM_STRIDED;
}

/* The output that value v, the result of instruction i, may be computed in, or -1. An output that lies over an input must
 * wait until that input's last use. */
static int direct_output(const struct mx_program_run *r, const int8_t *last, int v, int i) {
  const struct mx_program *p = r->program;
  for (int o = 0; o < p->nout; o++) {
    if (p->out[o] != v) continue;
    for (int k = 0; k < p->nin; k++)
      if (r->in[k]->data == r->out[o]->data && last[k] > i) return -1;
    return o;
  }
  return -1;
}

int vm_prepare(struct vm *vm, const struct mx_program_run *r, const struct vm_space *s, bool direct_out) {
  const struct mx_program *p = vm->p = r->program;
  const struct cpu_tile_table *table = cpu_tile_table();
  int8_t last[MX_PROGRAM_INPUTS + MX_PROGRAM_INSTRS], reg[MX_PROGRAM_INPUTS + MX_PROGRAM_INSTRS];
  int8_t spare[MX_PROGRAM_INPUTS + MX_PROGRAM_INSTRS];
  int nspare = 0;
  size_t widest = 1;
  vm->nregs = 0;
  memset(last, -1, sizeof last);
  for (int i = 0; i < p->ninstr; i++)
    for (int k = 0; k < p->code[i].nsrc; k++) last[p->code[i].src[k]] = (int8_t)i;
  for (int o = 0; o < p->nout; o++) last[p->out[o]] = MX_PROGRAM_INSTRS; /* stored at the end */
  for (int k = 0; k < p->nin; k++) {
    vm->in_place[k] = classify(s, k);
    vm->in_data[k] = r->in[k]->data;
    vm->in_size[k] = mx_dtype_size((enum mx_dtype)p->in_dtype[k]);
    if (vm->in_size[k] > widest) widest = vm->in_size[k];
    reg[k] = -1;
    if (vm->in_place[k] != VM_CONTIGUOUS) {
      vm->in_reg[k] = (int8_t)vm->nregs++;
      if (vm->in_place[k] == VM_STRIDED) reg[k] = vm->in_reg[k]; /* free again after its last use */
    }
  }
  for (int i = 0; i < p->ninstr; i++) {
    const struct mx_instr *in = &p->code[i];
    int v = p->nin + i;
    vm->code[i].fn = in->prim == MX_PRIM_astype ? table->cast[in->key][in->dtype] : table->op[in->prim][in->key];
    if (!vm->code[i].fn)
      return mx_fail(MX_ETYPE, "[eval] The operation number %d is not defined for %s.", in->prim, mx_dtype_name((enum mx_dtype)in->key));
    size_t size = mx_dtype_size((enum mx_dtype)in->dtype);
    if (size > widest) widest = size;
    for (int k = 0; k < in->nsrc; k++) { /* operands that end here may give their register to the result */
      int u = in->src[k];
      if (last[u] == i && reg[u] >= 0 && mx_dtype_size(mx_program_value_dtype(p, u)) == size) {
        spare[nspare++] = reg[u];
        reg[u] = -1;
      }
    }
    int o = direct_out ? direct_output(r, last, v, i) : -1;
    reg[v] = -1;
    vm->code[i].place = o >= 0 ? VM_OUTPUT : VM_REGISTER;
    vm->code[i].at = (int8_t)o;
    if (o < 0) vm->code[i].at = reg[v] = nspare ? spare[--nspare] : (int8_t)vm->nregs++;
    for (int k = 0; k < in->nsrc; k++) { /* the others free theirs only now */
      int u = in->src[k];
      if (last[u] == i && reg[u] >= 0) {
        spare[nspare++] = reg[u];
        reg[u] = -1;
      }
    }
  }
  size_t tile = VM_L1_BYTES / (widest * (size_t)(vm->nregs ? vm->nregs : 1)) & ~(size_t)(VM_MIN_TILE - 1);
  vm->tile = (int)(tile < VM_MIN_TILE ? VM_MIN_TILE : tile > VM_MAX_TILE ? VM_MAX_TILE : tile);
  vm->reg_bytes = MX_ALIGN_UP((size_t)vm->tile * widest, 64);
  return MX_OK;
}

static void splat(char *dst, const char *src, size_t size, int64_t n) {
  switch (size) {
  case 1: memset(dst, *src, (size_t)n); return;
  case 2: for (int64_t i = 0; i < n; i++) memcpy(dst + 2 * i, src, 2); return;
  case 4: for (int64_t i = 0; i < n; i++) memcpy(dst + 4 * i, src, 4); return;
  default: for (int64_t i = 0; i < n; i++) memcpy(dst + 8 * i, src, 8); return;
  }
}

static int log2_size(size_t size) { return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3; }

/* n elements of input k from linear index start, in the order of the space. */
static void load(char *dst, const char *src, size_t size, const struct vm_space *s, const int64_t *strides, int64_t start, int64_t n) {
  int64_t at[MX_MAX_NDIM], offset = 0;
  int last = s->ndim - 1;
  for (int d = last; d >= 0; d--) {
    at[d] = start % s->shape[d];
    start /= s->shape[d];
    offset += at[d] * strides[d];
  }
  const struct cpu_tile_table *table = cpu_tile_table();
  while (n > 0) {
    int64_t run = s->shape[last] - at[last], step = strides[last];
    if (run > n) run = n;
    const char *from = src + offset * (int64_t)size;
    if (step == 1) memcpy(dst, from, (size_t)run * size);
    else if (step == 0) splat(dst, from, size, run);
    else table->load_strided[log2_size(size)](run, dst, from, step);
    dst += (size_t)run * size;
    n -= run;
    offset += run * step;
    at[last] += run;
    for (int d = last; d > 0 && at[d] == s->shape[d]; d--) {
      offset += strides[d - 1] - at[d] * strides[d];
      at[d] = 0;
      at[d - 1]++;
    }
  }
}

void vm_worker_begin(struct vm_worker *w, const struct vm *vm, char *regs) {
  w->vm = vm;
  w->regs = regs;
  for (int k = 0; k < vm->p->nin; k++) w->splat_n[k] = 0;
}

void vm_tile(struct vm_worker *w, const struct vm_space *s, const int64_t *base, int64_t start, int64_t n, char *const *outs) {
  const struct vm *vm = w->vm;
  const struct mx_program *p = vm->p;
  for (int k = 0; k < p->nin; k++) {
    const char *data = vm->in_data[k] + base[k] * (int64_t)vm->in_size[k];
    if (vm->in_place[k] == VM_CONTIGUOUS) {
      w->value[k] = data + start * (int64_t)vm->in_size[k];
      continue;
    }
    char *reg = w->regs + (size_t)vm->in_reg[k] * vm->reg_bytes;
    w->value[k] = reg;
    if (vm->in_place[k] == VM_SCALAR) {
      if (w->splat_of[k] == data && w->splat_n[k] >= n) continue;
      splat(reg, data, vm->in_size[k], n);
      w->splat_of[k] = data;
      w->splat_n[k] = n;
      continue;
    }
    load(reg, data, vm->in_size[k], s, s->strides[k], start, n);
  }
  for (int i = 0; i < p->ninstr; i++) {
    const struct mx_instr *in = &p->code[i];
    char *dst = vm->code[i].place == VM_OUTPUT ? outs[vm->code[i].at] : w->regs + (size_t)vm->code[i].at * vm->reg_bytes;
    const char *a = w->value[in->src[0]], *b = in->nsrc > 1 ? w->value[in->src[1]] : NULL;
    vm->code[i].fn(n, dst, a, b, in->nsrc > 2 ? w->value[in->src[2]] : NULL);
    w->value[p->nin + i] = dst;
  }
}

struct map_run {
  const struct vm *vm;
  const struct vm_space *space;
  struct mx_tensor *const *out;
  int64_t size;
};

static void map_tiles(void *ctx, int64_t begin, int64_t end) {
  const struct map_run *m = ctx;
  const struct mx_program *p = m->vm->p;
  _Alignas(64) char regs[VM_REGS_BYTES];
  struct vm_worker w;
  vm_worker_begin(&w, m->vm, regs);
  static const int64_t base[MX_PROGRAM_INPUTS];
  for (int64_t t = begin; t < end; t++) {
    int64_t start = t * m->vm->tile, n = m->size - start < m->vm->tile ? m->size - start : m->vm->tile;
    char *outs[MX_PROGRAM_OUTPUTS];
    for (int o = 0; o < p->nout; o++)
      outs[o] = (char *)m->out[o]->data + start * (int64_t)mx_dtype_size(m->out[o]->dtype);
    vm_tile(&w, m->space, base, start, n, outs);
    /* What is not yet in its output: inputs stored as they are go first, because an output may lie over one. */
    for (int inputs = 1; inputs >= 0; inputs--)
      for (int o = 0; o < p->nout; o++) {
        int v = p->out[o];
        if ((v < p->nin) == inputs && w.value[v] != outs[o]) memcpy(outs[o], w.value[v], (size_t)n * mx_dtype_size(m->out[o]->dtype));
      }
  }
}

int cpu_program_run(const struct mx_program_run *r) {
  if (r->program->reduce) return vm_reduce(r);
  struct vm_space space;
  struct vm vm;
  vm_strides(r, &space);
  vm_collapse(&space, r->program->nin);
  int status = vm_prepare(&vm, r, &space, true);
  if (status) return status;
  int64_t size = 1;
  for (int d = 0; d < space.ndim; d++) size *= space.shape[d];
  struct map_run m = {&vm, &space, r->out, size};
  int64_t tiles = (size + vm.tile - 1) / vm.tile;
  if (size <= PARALLEL_ELEMENTS) map_tiles(&m, 0, tiles);
  else cpu_parallel_for(tiles, (PARALLEL_ELEMENTS / 2 + vm.tile - 1) / vm.tile, map_tiles, &m);
  return MX_OK;
}
