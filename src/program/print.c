/* print.c: programs as text. */
#include "program/program.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const prim_names[MX_PRIM_COUNT] = {
#define P(id, name) name,
#include "graph/prims.def"
#undef P
};

struct printer {
  char *text;
  int64_t size, at;
};

static void put(struct printer *p, const char *format, ...) MX_PRINTF(2, 3);
static void put(struct printer *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int64_t room = p->at < p->size ? p->size - p->at : 0;
  p->at += vsnprintf(room ? p->text + p->at : NULL, (size_t)room, format, args);
  va_end(args);
}

int64_t mx_program_print(const struct mx_program *p, char *text, int64_t size) {
  struct printer out = {text, size, 0};
  for (int i = 0; i < p->nin; i++) put(&out, "v%d: input %d %s\n", i, i, mx_dtype_name((enum mx_dtype)p->in_dtype[i]));
  for (int i = 0; i < p->ninstr; i++) {
    const struct mx_instr *in = &p->code[i];
    put(&out, "v%d: %s %s", p->nin + i, prim_names[in->prim], mx_dtype_name((enum mx_dtype)in->dtype));
    for (int k = 0; k < in->nsrc; k++) put(&out, " v%d", in->src[k]);
    put(&out, "\n");
  }
  if (p->reduce)
    put(&out, "reduce %s %s v%d\n", prim_names[p->reduce - 1], mx_dtype_name((enum mx_dtype)p->reduce_dtype), p->out[0]);
  for (int i = 0; i < p->nout && !p->reduce; i++) put(&out, "store %d v%d\n", i, p->out[i]);
  return out.at;
}
