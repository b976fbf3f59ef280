/* gguf_values.c: the metadata of a GGUF file in memory.
 * Invariant: a value is whole or not there; a set that fails leaves the old one. */
#include "core/error.h"
#include "io/gguf.h"

#include <string.h>

static void value_free(struct mx_gguf_value *v) {
  mx_free(v->key);
  mx_unref(v->array);
  mx_free(v->text);
  mx_free(v->end);
}

void mx_gguf_clear(struct mx_gguf *g) {
  for (int64_t i = 0; i < g->n; i++) value_free(&g->at[i]);
  mx_free(g->at);
  *g = (struct mx_gguf){NULL, 0, 0};
}

struct mx_gguf_value *mx_gguf_find(const struct mx_gguf *g, const char *key) {
  for (int64_t i = 0; i < g->n; i++)
    if (!strcmp(g->at[i].key, key)) return &g->at[i];
  return NULL;
}

/* Puts a whole value (taken, its key too) in place. */
static int put(struct mx_gguf *g, struct mx_gguf_value *v) {
  struct mx_gguf_value *old = mx_gguf_find(g, v->key);
  if (old) {
    value_free(old);
    *old = *v;
    return MX_OK;
  }
  if (g->n == g->cap) {
    int64_t cap = g->cap ? 2 * g->cap : 16;
    struct mx_gguf_value *more = mx_realloc(g->at, (size_t)cap * sizeof *more);
    if (!more) {
      value_free(v);
      return MX_EMEMORY;
    }
    g->at = more, g->cap = cap;
  }
  g->at[g->n++] = *v;
  return MX_OK;
}

int mx_gguf_set_array(struct mx_gguf *g, const char *key, mx_array *a) {
  struct mx_gguf_value v = {.key = mx_strdup(key)};
  if (!v.key) return MX_EMEMORY;
  v.array = mx_ref(a);
  v.list = a->t.ndim > 0;
  return put(g, &v);
}

int mx_gguf_set_texts(struct mx_gguf *g, const char *key, const char *const *text, const size_t *length, int64_t n, bool list) {
  uint64_t total = 0;
  for (int64_t i = 0; i < n; i++) total += (length ? length[i] : strlen(text[i])) + 1;
  struct mx_gguf_value v = {.key = mx_strdup(key), .list = list, .n = n};
  v.text = v.key ? mx_malloc(total + 1) : NULL;
  v.end = v.text ? mx_malloc(((size_t)n + 1) * sizeof *v.end) : NULL;
  if (!v.end) {
    value_free(&v);
    return MX_EMEMORY;
  }
  uint64_t at = 0;
  for (int64_t i = 0; i < n; i++) {
    size_t m = length ? length[i] : strlen(text[i]);
    memcpy(v.text + at, text[i], m);
    v.end[i] = at += m;
    v.text[at++] = 0;
  }
  return put(g, &v);
}
