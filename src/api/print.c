/* print.c: arrays as text, in MLX's form: array([[1, 2],\n       [3, 4]], dtype=int32); graphs as text and as dot. */
#include "api/handle.h"
#include "core/half.h"
#include "core/hash.h"
#include "eval/eval.h"
#include "graph/prim.h"
#include "graph/tape.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A growing text; failed once, it stays as it is. */
struct text {
  char *at;
  size_t n, cap;
  bool failed;
};
static void put(struct text *t, const char *format, ...) MX_PRINTF(2, 3);
static void put(struct text *t, const char *format, ...) {
  for (int tries = 0; tries < 2 && !t->failed; tries++) {
    va_list args;
    va_start(args, format);
    int need = vsnprintf(t->at ? t->at + t->n : NULL, t->cap - t->n, format, args);
    va_end(args);
    if ((size_t)need < t->cap - t->n) {
      t->n += (size_t)need;
      return;
    }
    size_t cap = 2 * t->cap + (size_t)need + 64;
    char *at = mx_realloc(t->at, cap);
    if (at) t->at = at, t->cap = cap;
    else t->failed = true;
  }
}

enum { SHOWN = 3, PRECISION = 6, MAX_PRECISION = 1000 };
static _Atomic int decimals = -1; /* how floating numbers are written: so many decimals, or (-1) six significant digits */

int mlx_ravel_set_print_precision(int precision) {
  if (precision > MAX_PRECISION)
    return mx_boundary(mx_fail(MX_EVALUE, "[printoptions] The precision is at most %d decimals, not %d.", MAX_PRECISION, precision));
  atomic_store_explicit(&decimals, precision < 0 ? -1 : precision, memory_order_relaxed);
  return MX_OK;
}
int mlx_ravel_print_precision(void) { return atomic_load_explicit(&decimals, memory_order_relaxed); }

static void put_float(struct text *t, double v) {
  int n = mlx_ravel_print_precision();
  if (isnan(v)) put(t, "nan");
  else if (n < 0) put(t, "%.*g", PRECISION, v);
  else put(t, "%.*f", n, v);
}

static void put_item(struct text *t, enum mx_dtype d, const void *p) {
  switch (d) {
  case MX_BOOL: put(t, "%s", *(const uint8_t *)p ? "True" : "False"); return;
  case MX_UINT8: put(t, "%" PRIu8, *(const uint8_t *)p); return;
  case MX_UINT16: put(t, "%" PRIu16, *(const uint16_t *)p); return;
  case MX_UINT32: put(t, "%" PRIu32, *(const uint32_t *)p); return;
  case MX_UINT64: put(t, "%" PRIu64, *(const uint64_t *)p); return;
  case MX_INT8: put(t, "%" PRId8, *(const int8_t *)p); return;
  case MX_INT16: put(t, "%" PRId16, *(const int16_t *)p); return;
  case MX_INT32: put(t, "%" PRId32, *(const int32_t *)p); return;
  case MX_INT64: put(t, "%" PRId64, *(const int64_t *)p); return;
  case MX_FLOAT16: put_float(t, (double)mx_f16_to_float(*(const uint16_t *)p)); return;
  case MX_BFLOAT16: put_float(t, (double)mx_bf16_to_float(*(const uint16_t *)p)); return;
  case MX_FLOAT32: put_float(t, (double)*(const float *)p); return;
  case MX_FLOAT64: put_float(t, *(const double *)p); return;
  default: {
    float re = ((const float *)p)[0], im = ((const float *)p)[1];
    put_float(t, (double)re);
    if (!signbit(im) || isnan(im)) put(t, "+");
    put_float(t, (double)im);
    put(t, "j");
  }
  }
}

/* Dimension d of the array at p. Depth is bounded by MX_MAX_NDIM. */
static void put_dim(struct text *t, const struct mx_tensor *x, int d, const char *p) {
  if (d == x->ndim) {
    put_item(t, x->dtype, p);
    return;
  }
  int64_t n = x->shape[d], step = x->strides[d] * (int64_t)mx_dtype_size(x->dtype);
  bool last = d == x->ndim - 1;
  put(t, "[");
  for (int64_t i = 0; i < n; i++) {
    bool skip = n > 2 * SHOWN && i == SHOWN;
    if (i) put(t, last ? ", " : ",\n%*s", last ? 0 : d + 7, "");
    if (skip) {
      put(t, "...");
      i = n - SHOWN - 1;
    } else {
      put_dim(t, x, d + 1, p + i * step);
    }
  }
  put(t, "]");
}

int mlx_array_tostring(mlx_string *str, const mlx_array arr) {
  int status = mlx_array_eval(arr);
  if (status) return status;
  const struct mx_tensor *x = &((mx_array *)arr.ctx)->t;
  struct text t = {0};
  put(&t, "array(");
  if (x->size == 0 && x->ndim == 1) put(&t, "[]");
  else if (x->size == 0 && x->shape[0] == 0) put(&t, "[]");
  else put_dim(&t, x, 0, x->data);
  put(&t, ", dtype=%s)", mx_dtype_name(x->dtype));
  if (t.failed) {
    mx_free(t.at);
    return mx_boundary(MX_EMEMORY);
  }
  mlx_string_free(*str);
  *str = api_string_take(t.at);
  return MX_OK;
}

/* Names of arrays in drawings: those given, else A, B, …, Z, A1, … in the order of first use. */
struct namer {
  int64_t n, cap;
  struct name {
    const mx_array *a;
    char *text;
  } *at;
  int64_t *slots; /* 4 * cap places by the array's address, each an index into at and 1; a drawing may have a million names */
};

mlx_node_namer mlx_node_namer_new(void) {
  struct namer *s = mx_calloc(1, sizeof *s);
  if (!s) mx_boundary(MX_EMEMORY);
  return (mlx_node_namer){s};
}
int mlx_node_namer_free(mlx_node_namer namer) {
  struct namer *s = namer.ctx;
  for (int64_t i = 0; s && i < s->n; i++) mx_free(s->at[i].text);
  if (s) mx_free(s->at), mx_free(s->slots);
  mx_free(s);
  return MX_OK;
}
/* The array's slot, or the free one where it belongs. */
static int64_t *slot_of(const struct namer *s, const mx_array *a) {
  uint64_t mask = (uint64_t)(4 * s->cap - 1), i = mx_hash_mix(0, (uint64_t)(uintptr_t)a) & mask;
  while (s->slots[i] && s->at[s->slots[i] - 1].a != a) i = (i + 1) & mask;
  return &s->slots[i];
}
static int add_name(struct namer *s, const mx_array *a, const char *text) {
  if (s->n == s->cap) {
    int64_t cap = s->cap ? 2 * s->cap : 16;
    struct name *at = mx_realloc(s->at, (size_t)cap * sizeof *at);
    int64_t *slots = at ? mx_calloc((size_t)(4 * cap), sizeof *slots) : NULL;
    if (at) s->at = at;
    if (!slots) return MX_EMEMORY;
    mx_free(s->slots);
    s->slots = slots, s->cap = cap;
    for (int64_t i = 0; i < s->n; i++) *slot_of(s, s->at[i].a) = i + 1;
  }
  char *copy = mx_strdup(text);
  if (!copy) return MX_EMEMORY;
  s->at[s->n++] = (struct name){a, copy};
  *slot_of(s, a) = s->n; /* a second name takes the place of the first */
  return MX_OK;
}
static const char *find_name(struct namer *s, const mx_array *a) {
  int64_t slot = s->n ? *slot_of(s, a) : 0;
  if (slot) return s->at[slot - 1].text;
  char text[24];
  int64_t k = s->n;
  if (k < 26) snprintf(text, sizeof text, "%c", (char)('A' + k));
  else snprintf(text, sizeof text, "%c%lld", (char)('A' + k % 26), (long long)(k / 26));
  return add_name(s, a, text) ? "?" : s->at[s->n - 1].text;
}
int mlx_node_namer_set_name(mlx_node_namer namer, const mlx_array arr, const char *name) {
  mx_array *a = api_array(arr, "set_name");
  if (!a || !namer.ctx || !name) return mx_boundary(a ? mx_fail(MX_EVALUE, "[set_name] The namer or the name is empty.") : MX_EVALUE);
  return mx_boundary(add_name(namer.ctx, a, name));
}
int mlx_node_namer_get_name(const char **name, mlx_node_namer namer, const mlx_array arr) {
  mx_array *a = api_array(arr, "get_name");
  if (!a || !namer.ctx) return mx_boundary(a ? mx_fail(MX_EVALUE, "[get_name] The namer is empty.") : MX_EVALUE);
  *name = find_name(namer.ctx, a);
  return MX_OK;
}

static void label(char text[256], const mx_array *a) {
  char shape[MX_SHAPE_TEXT];
  snprintf(text, 256, "%s %s", mx_shape_text(shape, a->t.shape, a->t.ndim), mx_dtype_name(a->t.dtype));
}

/* A name inside dot's quotes. */
static void put_name(FILE *os, struct namer *s, const mx_array *a) {
  for (const char *c = find_name(s, a); *c; c++) {
    if (*c == '"' || *c == '\\') fputc('\\', os);
    fputc(*c, os);
  }
}
/* The definition of an array's own node in the drawing. */
static void dot_array(FILE *os, struct namer *s, const mx_array *a) {
  char text[256];
  label(text, a);
  fputc('"', os);
  put_name(os, s, a);
  fprintf(os, "\" [label=\"");
  put_name(os, s, a);
  fprintf(os, "\\n%s\"];", text);
}

static void dot_node(FILE *os, struct namer *s, const struct mx_tape_node *tn) {
  const mx_node *n = tn->node;
  if (!tn->in) {
    fprintf(os, "  { rank=source; ");
    dot_array(os, s, &n->out[0]);
    fprintf(os, " }\n");
    return;
  }
  fprintf(os, "  \"%p\" [label=\"%s\", shape=rectangle];\n", (const void *)n, n->prim->name);
  for (int k = 0; k < n->nin; k++) {
    fprintf(os, "  \"");
    put_name(os, s, tn->in[k]);
    fprintf(os, "\" -> \"%p\";\n", (const void *)n);
  }
  for (int k = 0; k < n->nout; k++) {
    fprintf(os, "  ");
    dot_array(os, s, &n->out[k]);
    fprintf(os, "\n  \"%p\" -> \"", (const void *)n);
    put_name(os, s, &n->out[k]);
    fprintf(os, "\";\n");
  }
}

static void line_node(FILE *os, struct namer *s, const struct mx_tape_node *tn) {
  const mx_node *n = tn->node;
  if (!tn->in) return;
  fprintf(os, "%s ", n->prim->name);
  for (int k = 0; k < n->nin; k++) fprintf(os, "%s%s", k ? ", " : "", find_name(s, tn->in[k]));
  fprintf(os, " ->");
  for (int k = 0; k < n->nout; k++) {
    char text[256];
    label(text, &n->out[k]);
    fprintf(os, "%s %s [%s]", k ? "," : "", find_name(s, &n->out[k]), text);
  }
  fputc('\n', os);
}

static int draw(FILE *os, const mlx_node_namer namer, const mlx_vector_array outputs, bool dot) {
  struct mx_tape tape;
  mlx_node_namer own = namer.ctx ? namer : mlx_node_namer_new();
  if (!own.ctx || !outputs.ctx) return mx_boundary(own.ctx ? mx_fail(MX_EVALUE, "[export] The vector is empty.") : MX_EMEMORY);
  int status = mx_tape_collect(&tape, api_list(outputs)->at, api_list(outputs)->n, NULL, NULL);
  if (!status) {
    if (dot) fprintf(os, "digraph {\n");
    for (int64_t i = 0; i < tape.n; i++) (dot ? dot_node : line_node)(os, own.ctx, &tape.list[i]);
    if (dot) fprintf(os, "}\n");
    if (ferror(os)) status = mx_fail(MX_ERUNTIME, "[export] Writing failed.");
    mx_tape_free(&tape);
  }
  if (!namer.ctx) mlx_node_namer_free(own);
  return mx_boundary(status);
}
int mlx_export_to_dot(FILE *os, const mlx_node_namer namer, const mlx_vector_array outputs) { return draw(os, namer, outputs, true); }
int mlx_print_graph(FILE *os, const mlx_node_namer namer, const mlx_vector_array outputs) { return draw(os, namer, outputs, false); }
