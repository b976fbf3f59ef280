/* vm_plan.c: what a program run becomes before its first tile: a space of few dimensions, kernels, registers.
 * Invariant: two values share a register only when the first is never read again. */
#include "backend/cpu/divisor.h"
#include "backend/cpu/vm.h"

#include "core/compiler.h"
#include "core/error.h"

#include <string.h>

enum { VALUES = MX_PROGRAM_INPUTS + MX_PROGRAM_INSTRS };

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

void vm_collapse(struct vm_space *s, int nin) {
  int n = 0;
  for (int d = 0; d < s->ndim; d++) {
    if (s->shape[d] == 1) continue;
    bool merge = n > 0;
    for (int k = 0; k < nin && merge; k++) merge = s->strides[k][n - 1] == s->strides[k][d] * s->shape[d];
    if (!merge) n++;
    s->shape[n - 1] = merge ? s->shape[n - 1] * s->shape[d] : s->shape[d];
    for (int k = 0; k < nin; k++) s->strides[k][n - 1] = s->strides[k][d];
  }
  s->ndim = n;
}

int64_t vm_count(const struct vm_space *s) {
  int64_t n = 1;
  for (int d = 0; d < s->ndim; d++) n *= s->shape[d];
  return n;
}

int64_t vm_share_from(const struct mx_program *p) {
  enum { ELEMENTS = 1 << 15, BYTES = 1 << 17 };
  bool bytes = true; /* all the way, in vectors */
  for (int k = 0; k < p->nin; k++) bytes &= mx_dtype_size((enum mx_dtype)p->in_dtype[k]) == 1;
  for (int i = 0; i < p->ninstr; i++) {
    int prim = p->code[i].prim;
    bytes &= mx_dtype_size((enum mx_dtype)p->code[i].dtype) == 1;
    bytes &= prim != MX_PRIM_floor_divide && prim != MX_PRIM_remainder && prim != MX_PRIM_power;
  }
  return bytes ? BYTES : ELEMENTS;
}

/* How input k is read; sets its period where it has one. */
static enum vm_place place_input(struct vm *vm, const struct vm_space *s, int k) {
  const int64_t *strides = s->strides[k];
  int64_t period = 1, run = 1;
  bool contiguous = true;
  int first = 0;
  while (first < s->ndim && strides[first] == 0) first++;
  if (first == s->ndim) return VM_SCALAR;
  if (vm->mode == VM_BLOCKS) return VM_STRIDED;
  int64_t last = strides[s->ndim - 1];
  if (vm->mode == VM_ROWS) return last == 1 ? VM_CONTIGUOUS : last == 0 ? VM_SCALAR : VM_STRIDED;
  for (int d = s->ndim - 1; d >= 0; d--) {
    contiguous &= strides[d] == run;
    run *= s->shape[d];
    if (d >= first) period *= s->shape[d];
  }
  if (contiguous) return VM_CONTIGUOUS;
  vm->period[k] = period;
  return first > 0 && period <= VM_MIN_TILE ? VM_PERIODIC : VM_STRIDED;
}

/* The output among `may` that value v, the result of instruction i, may be computed in, or -1. An output that lies over an input
 * must wait until that input's last use. */
static int output_for(const struct mx_program_run *r, const int8_t *last, int v, int i, uint32_t may) {
  const struct mx_program *p = r->program;
  for (int o = 0; o < p->nout; o++) {
    if (p->out[o] != v || !(may >> o & 1)) continue;
    for (int k = 0; k < p->nin; k++)
      if (r->in[k]->data == r->out[o]->data && last[k] > i) return -1;
    return o;
  }
  return -1;
}

struct registers {
  int8_t last[VALUES], reg[VALUES], spare[VALUES];
  int nspare;
};

/* Operands of instruction i that are read for the last time give their registers back: before the result takes one, those
 * of its element size (it may be computed over them); after it, the others (size 0: any). */
static void give_back(struct registers *g, const struct mx_program *p, int i, size_t size) {
  for (int k = 0; k < p->code[i].nsrc; k++) {
    int u = p->code[i].src[k];
    if (g->last[u] != i || g->reg[u] < 0) continue;
    if (size && mx_dtype_size(mx_program_value_dtype(p, u)) != size) continue;
    g->spare[g->nspare++] = g->reg[u];
    g->reg[u] = -1;
  }
}

static size_t prepare_inputs(struct vm *vm, const struct mx_program_run *r, const struct vm_space *s, struct registers *g) {
  size_t widest = 1;
  for (int k = 0; k < vm->p->nin; k++) {
    vm->in_place[k] = place_input(vm, s, k);
    vm->in_data[k] = r->in[k]->data;
    vm->in_size[k] = mx_dtype_size((enum mx_dtype)vm->p->in_dtype[k]);
    if (vm->in_size[k] > widest) widest = vm->in_size[k];
    g->reg[k] = -1;
    if (vm->in_place[k] == VM_CONTIGUOUS) continue;
    vm->in_reg[k] = (int8_t)vm->nregs++;
    if (vm->in_place[k] == VM_STRIDED) g->reg[k] = vm->in_reg[k]; /* free again after its last use; the others are kept */
  }
  return widest;
}

/* Chains */

/* What is known before the first instruction is planned. */
struct outlook {
  const struct mx_program_run *run;
  uint32_t direct, stream;
  uint8_t reads[VALUES]; /* by how many operands; outputs are read by one more */
};

static bool is_among(int prim, bool binary) {
#define CASE(id) case MX_PRIM_##id:
  switch (prim) {
    CPU_CHAIN_UNARY(CASE) return !binary;
    CPU_CHAIN_BINARY(CASE) return binary;
  default: return false;
  }
#undef CASE
}

/* One value for a tile; other rows may have another. */
static bool is_scalar(const struct vm *vm, int value) { return value < vm->p->nin && vm->in_place[value] == VM_SCALAR; }

/* Sets step i, which takes value `from` (VM_NONE: it begins a chain, from any). False where it is not one for chains. */
static bool plan_step(struct vm *vm, const struct outlook *l, int i, int from) {
  const struct mx_instr *in = &vm->p->code[i];
  struct vm_step *s = &vm->steps[i];
  if (in->key != MX_FLOAT32 || in->dtype != MX_FLOAT32 || !is_among(in->prim, in->nsrc == 2)) return false;
  bool swapped = in->nsrc == 2 && (from == VM_NONE ? is_scalar(vm, in->src[0]) && !is_scalar(vm, in->src[1]) : in->src[1] == from);
  s->what = (uint16_t)CPU_CHAIN(in->prim, swapped);
  s->from = in->src[swapped];
  s->other = in->nsrc == 2 ? in->src[!swapped] : VM_NONE;
  bool constant = s->other < vm->p->nin && l->run->in[s->other]->size == 1;
  if (in->prim == MX_PRIM_divide && !swapped && constant && cpu_tile_table()->has_quotient &&
      cpu_divisor_split(*(const float *)vm->in_data[s->other], &s->hi, &s->lo))
    s->what = CPU_CHAIN_QUOTIENT;
  return from == VM_NONE || s->from == from;
}

/* The output that value v, the result of instruction i, may be computed in past the caches, or -1. */
static int streamed_output(const struct outlook *l, const struct registers *g, int v, int i) {
  if (!l->stream || l->reads[v] != 1 || g->last[v] != MX_PROGRAM_INSTRS) return -1;
  int o = output_for(l->run, g->last, v, i, l->stream);
  return o >= 0 && (uintptr_t)l->run->out[o]->data % 64 == 0 ? o : -1;
}

/* Of how many instructions the chain from i on is; 0: it is better run by its kernel. */
static int plan_chain(struct vm *vm, const struct outlook *l, const struct registers *g, int i) {
  int n = 0, v = VM_NONE;
  while (i + n < vm->p->ninstr && plan_step(vm, l, i + n, v)) {
    v = vm->p->nin + i + n++;
    if (l->reads[v] != 1 || g->last[v] == MX_PROGRAM_INSTRS) break;
  }
  if (n != 1 || vm->steps[i].what == CPU_CHAIN_QUOTIENT || streamed_output(l, g, v, i) >= 0) return n;
  return cpu_tile_table()->has_quotient && is_scalar(vm, vm->steps[i].other); /* with wide vectors: a load less */
}

/* Instruction i, or the chain that it begins: its kernel, and where its result goes. Returns the instruction after, or -1 where
 * there is no such kernel. */
static int plan_code(struct vm *vm, const struct outlook *l, struct registers *g, int i) {
  const struct mx_program *p = vm->p;
  const struct mx_instr *in = &p->code[i];
  struct vm_code *c = &vm->code[i];
  int chain = plan_chain(vm, l, g, i), end = chain ? i + chain - 1 : i, v = p->nin + end;
  c->length = (uint8_t)(end - i + 1);
  c->fn = chain ? NULL : vm_kernel(in);
  if (!chain && !c->fn) return -1;
  size_t size = mx_dtype_size((enum mx_dtype)in->dtype);
  for (int k = i; k <= end; k++) {
    g->reg[p->nin + k] = -1;
    give_back(g, p, k, size);
  }
  int streamed = chain ? streamed_output(l, g, v, end) : -1, o = streamed >= 0 ? streamed : output_for(l->run, g->last, v, end, l->direct);
  c->place = streamed >= 0 ? VM_STREAMED : o >= 0 ? VM_OUTPUT : VM_REGISTER;
  c->at = (int8_t)o;
  if (o < 0) c->at = g->reg[v] = g->nspare ? g->spare[--g->nspare] : (int8_t)vm->nregs++;
  for (int k = i; k <= end; k++) give_back(g, p, k, 0);
  return end + 1;
}

/* See vm.h: a chain that begins with a scalar would read on behind it. */
static bool is_bare(const struct vm *vm) {
  const struct vm_code *c = &vm->code[0];
  if (vm->mode != VM_LINEAR || vm->p->ninstr == 0 || c->fn || c->length != vm->p->ninstr || c->place == VM_REGISTER) return false;
  for (int k = 0; k < vm->p->nin; k++)
    if (vm->in_place[k] != VM_CONTIGUOUS && vm->in_place[k] != VM_SCALAR) return false;
  return vm->in_place[vm->steps[0].from] == VM_CONTIGUOUS;
}

int vm_prepare(struct vm *vm, const struct mx_program_run *r, const struct vm_space *s, enum vm_mode mode, uint32_t direct, uint32_t stream) {
  const struct mx_program *p = vm->p = r->program;
  struct registers g;
  struct outlook l = {.run = r, .direct = direct, .stream = stream};
  g.nspare = 0;
  vm->nregs = 0;
  vm->mode = mode;
  memset(g.last, -1, (size_t)(p->nin + p->ninstr));
  memset(l.reads, 0, (size_t)(p->nin + p->ninstr));
  for (int i = 0; i < p->ninstr; i++)
    for (int k = 0; k < p->code[i].nsrc; k++) g.last[p->code[i].src[k]] = (int8_t)i, l.reads[p->code[i].src[k]]++;
  for (int o = 0; o < p->nout; o++) g.last[p->out[o]] = MX_PROGRAM_INSTRS, l.reads[p->out[o]]++; /* stored at the end */
  size_t widest = prepare_inputs(vm, r, s, &g);
  for (int i = 0, next; i < p->ninstr; i = next) {
    const struct mx_instr *in = &p->code[i];
    size_t size = mx_dtype_size((enum mx_dtype)in->dtype);
    if (size > widest) widest = size;
    next = plan_code(vm, &l, &g, i);
    if (next < 0)
      return mx_fail(MX_ETYPE, "[eval] The operation number %d is not defined for %s.", in->prim, mx_dtype_name((enum mx_dtype)in->key));
  }
  vm->bare = is_bare(vm);
  /* Blocks outgrow the first cache for the sake of longer rows, of which memory delivers more in the same time. */
  size_t room = mode == VM_BLOCKS ? VM_REGS_BYTES : VM_L1_BYTES, most = mode == VM_BLOCKS && widest > 1 ? 4 * VM_MAX_TILE : VM_MAX_TILE;
  size_t tile = room / (widest * (size_t)(vm->nregs ? vm->nregs : 1)) & ~(size_t)(VM_MIN_TILE - 1);
  vm->tile = (int)(tile < VM_MIN_TILE ? VM_MIN_TILE : tile > most ? most : tile);
  vm->reg_bytes = MX_ALIGN_UP((size_t)vm->tile * widest, 64);
  return MX_OK;
}
