/* vm_load.c: tiles of inputs into registers, whatever their layout; and the loop over the code.
 * Invariant: a value that stands in its array contiguously is not copied. */
#include "backend/cpu/copy.h"
#include "backend/cpu/vm.h"

#include <string.h>

/* rows x cols elements, row stride sr, column stride sc, into a contiguous run, with no call for each row. */
static void load_rows(char *dst, const char *src, size_t size, int64_t rows, int64_t cols, int64_t sr, int64_t sc) {
  if (sc == 0 && cols > 1) {
    cpu_tile_table()->repeat[cpu_log2_size(size)](rows, cols, dst, src, sr);
    return;
  }
#define SHORT(bits)                                                                                           \
  {                                                                                                           \
    uint##bits##_t *d = (uint##bits##_t *)dst;                                                                \
    const uint##bits##_t *s = (const uint##bits##_t *)src;                                                    \
    for (int64_t r = 0; r < rows; r++, d += cols, s += sr)                                                    \
      for (int64_t c = 0; c < cols; c++) d[c] = s[c * sc];                                                    \
    return;                                                                                                   \
  }
  switch (size) {
  case 1: SHORT(8)
  case 2: SHORT(16)
  case 4: SHORT(32)
  default: SHORT(64)
  }
#undef SHORT
}

/* n elements from linear index start, in the order of the space. */
static void load(char *dst, const char *src, size_t size, const struct vm_space *s, const int64_t *strides, int64_t start, int64_t n) {
  int64_t at[MX_MAX_NDIM], offset = 0;
  int last = s->ndim - 1;
  for (int d = last; d >= 0; d--) {
    at[d] = start % s->shape[d];
    start /= s->shape[d];
    offset += at[d] * strides[d];
  }
  while (n > 0) {
    int64_t cols = s->shape[last], run = cols - at[last];
    if (run > n) run = n;
    const char *from = src + offset * (int64_t)size;
    int64_t rows = last > 0 && run == cols && (cols <= 32 || strides[last] == 0) ? s->shape[last - 1] - at[last - 1] : 1;
    if (rows > n / run) rows = n / run;
    if (rows > 1) { /* whole rows: short ones, or of one value each */
      load_rows(dst, from, size, rows, cols, strides[last - 1], strides[last]);
      at[last - 1] += rows - 1;
      offset += (rows - 1) * strides[last - 1];
    } else {
      cpu_copy_run(size, run, dst, 1, from, strides[last]);
    }
    dst += (size_t)(rows * run) * size;
    n -= rows * run;
    offset += run * strides[last];
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
  for (int k = 0; k < vm->p->nin; k++) w->kept[k] = NULL;
}

static char *register_of(const struct vm_worker *w, int k) { return w->regs + (size_t)w->vm->in_reg[k] * w->vm->reg_bytes; }

/* Does the register of input k hold n elements of this already? If not, it is about to. */
static bool is_kept(struct vm_worker *w, int k, const char *data, int64_t phase, int64_t n) {
  if (w->kept[k] == data && w->kept_phase[k] == phase && w->kept_n[k] >= n) return true;
  w->kept[k] = data;
  w->kept_phase[k] = phase;
  w->kept_n[k] = n;
  return false;
}

void vm_load_linear(struct vm_worker *w, const struct vm_space *s, const int64_t *base, int64_t start, int64_t n) {
  const struct vm *vm = w->vm;
  for (int k = 0; k < vm->p->nin; k++) {
    int64_t size = (int64_t)vm->in_size[k];
    const char *data = vm->in_data[k] + (base ? base[k] * size : 0);
    if (vm->in_place[k] == VM_CONTIGUOUS) {
      w->value[k] = data + start * size;
      continue;
    }
    char *reg = register_of(w, k);
    w->value[k] = reg;
    if (vm->in_place[k] == VM_SCALAR) {
      if (vm->bare) w->value[k] = data;
      else if (!is_kept(w, k, data, 0, n)) cpu_splat(vm->in_size[k], n, reg, data);
    } else if (vm->in_place[k] == VM_PERIODIC) {
      if (!is_kept(w, k, data, start % vm->period[k], n)) load(reg, data, vm->in_size[k], s, s->strides[k], start, n);
    } else {
      load(reg, data, vm->in_size[k], s, s->strides[k], start, n);
    }
  }
}

void vm_load_plane(struct vm_worker *w, const struct vm_space *s, const int64_t *base, int64_t rows, int64_t cols) {
  const struct vm *vm = w->vm;
  for (int k = 0; k < vm->p->nin; k++) {
    size_t size = vm->in_size[k];
    const char *data = vm->in_data[k] + base[k] * (int64_t)size;
    if (vm->in_place[k] == VM_CONTIGUOUS) {
      w->value[k] = data;
      continue;
    }
    char *reg = register_of(w, k);
    w->value[k] = reg;
    if (vm->in_place[k] == VM_SCALAR) {
      if (!is_kept(w, k, data, 0, rows * cols)) cpu_splat(size, rows * cols, reg, data);
      continue;
    }
    int64_t sc = s->strides[k][s->ndim - 1], sr = rows > 1 ? s->strides[k][s->ndim - 2] : 0;
    if (sr == 1 && sc != 1) {
      cpu_turn(size, rows, cols, reg, cols, data, sc);
      continue;
    }
    for (int64_t r = 0; r < rows; r++) {
      const char *from = data + r * sr * (int64_t)size;
      if (rows > 1 && sc == 1) /* rows lie too far apart for the hardware to foresee the next tile's */
        for (int64_t at = cols * (int64_t)size; at < 2 * cols * (int64_t)size; at += 64) __builtin_prefetch(from + at, 0, 2);
      cpu_copy_run(size, cols, reg + (size_t)(r * cols) * size, 1, from, sc);
    }
  }
}

void vm_prefetch(const struct vm_worker *w, int64_t n) {
  for (int k = 0; k < w->vm->p->nin; k++) {
    int64_t bytes = n * (int64_t)w->vm->in_size[k];
    if (w->vm->in_place[k] != VM_CONTIGUOUS) continue;
    for (int64_t i = bytes; i < 2 * bytes; i += 64) __builtin_prefetch(w->value[k] + i, 0, 2);
  }
}

static void run_chain(const struct vm_worker *w, int first, int length, int64_t n, char *dst, bool stream) {
  struct cpu_chain_step steps[MX_PROGRAM_INSTRS];
  for (int k = 0; k < length; k++) {
    const struct vm_step *s = &w->vm->steps[first + k];
    bool unary = s->other == VM_NONE;
    steps[k] = (struct cpu_chain_step){unary ? NULL : (const float *)w->value[s->other], s->hi, s->lo, s->what,
                                       !unary && s->other < w->vm->p->nin && w->vm->in_place[s->other] == VM_SCALAR};
  }
  cpu_tile_table()->chain(n, (float *)dst, (const float *)w->value[w->vm->steps[first].from], steps, length, stream);
}

void vm_compute(struct vm_worker *w, int64_t n, char *const *outs) {
  const struct vm *vm = w->vm;
  const struct mx_program *p = vm->p;
  for (int i = 0; i < p->ninstr; i += vm->code[i].length) {
    const struct vm_code *c = &vm->code[i];
    const struct mx_instr *in = &p->code[i];
    char *dst = c->place != VM_REGISTER ? outs[c->at] : w->regs + (size_t)c->at * vm->reg_bytes;
    if (c->fn) c->fn(n, dst, w->value[in->src[0]], in->nsrc > 1 ? w->value[in->src[1]] : NULL, in->nsrc > 2 ? w->value[in->src[2]] : NULL);
    else run_chain(w, i, c->length, n, dst, c->place == VM_STREAMED);
    w->value[p->nin + i + c->length - 1] = dst;
  }
}
