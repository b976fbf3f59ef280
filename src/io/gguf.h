/* gguf.h: GGUF, the file format of ggml's models: typed metadata, then tensors, some of them in quantized blocks.
 * Invariant: nothing that a file says is believed before it is checked against the file's size, and memory is taken only in
 * proportion to bytes that are there. */
#ifndef MX_IO_GGUF_H
#define MX_IO_GGUF_H

#include "io/formats.h"

/* A metadata value: an array (0-d for a number or a bool, 1-d for a list of them), a text, or a list of texts. */
struct mx_gguf_value {
  char *key;
  mx_array *array; /* NULL: texts */
  bool list;       /* a list of numbers or texts; else one */
  int64_t n;
  char *text;    /* the texts one after another, each with a 0 behind it; they may hold zeros of their own */
  uint64_t *end; /* where text i ends; text i + 1 begins one byte later */
};
/* Metadata, in the file's order. */
struct mx_gguf {
  struct mx_gguf_value *at;
  int64_t n, cap;
};
void mx_gguf_clear(struct mx_gguf *g);
/* The value of a key, or NULL. */
struct mx_gguf_value *mx_gguf_find(const struct mx_gguf *g, const char *key);
/* Sets a key's value in place of an old one. Takes a reference of its own. */
int mx_gguf_set_array(struct mx_gguf *g, const char *key, mx_array *a);
/* n texts of these lengths (length NULL: they end with a 0); n is 1 unless list. */
int mx_gguf_set_texts(struct mx_gguf *g, const char *key, const char *const *text, const size_t *length, int64_t n, bool list);
static inline const char *mx_gguf_text(const struct mx_gguf_value *v, int64_t i, uint64_t *length) {
  uint64_t begin = i ? v->end[i - 1] + 1 : 0;
  *length = v->end[i] - begin;
  return v->text + begin;
}

/* Versions 2 and 3, little-endian. A tensor in packed blocks gives three arrays, name.weight, name.scales and name.biases;
 * other blocks give float16. g must be empty; on an error it is emptied. */
int mx_gguf_load(struct mx_source *s, struct mx_collector *c, struct mx_gguf *g);
/* Version 3. Metadata arrays are evaluated and row-contiguous, as the entries are. */
int mx_gguf_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, const struct mx_gguf *g);

#endif
