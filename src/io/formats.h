/* formats.h: npy, npz and safetensors (gguf.h has GGUF). Small arrays are read at once; larger ones of a file are lazy: they
 * hold the file open and are read when they are asked for, so that it may be replaced or removed meanwhile.
 * Invariant: nothing that a file says is believed before it is checked against the file's size. */
#ifndef MX_IO_FORMATS_H
#define MX_IO_FORMATS_H

#include "graph/array.h"
#include "graph/load.h"
#include "io/stream.h"

/* What a file's arrays are given to; copies the name, takes the reference. Non-zero stops. */
struct mx_collector {
  int (*array)(struct mx_collector *c, const char *name, mx_array *a_take);
  int (*text)(struct mx_collector *c, const char *name, const char *value); /* metadata; may be NULL */
};
/* What a file is written from: the i-th array and its name. Arrays are evaluated and row-contiguous. */
struct mx_entry {
  const char *name;
  mx_array *array;
};

int mx_npy_load(struct mx_source *s, mx_array **out);
int mx_npy_save(struct mx_sink *s, mx_array *a);
enum { MX_NPY_HEADER = 1024 };
size_t mx_npy_header(char text[MX_NPY_HEADER], const mx_array *a); /* what stands before the data; its length */
int mx_npz_load(struct mx_source *s, struct mx_collector *c);
int mx_npz_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, bool compress);
int mx_safetensors_load(struct mx_source *s, struct mx_collector *c);
int mx_safetensors_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, const char *const *keys, const char *const *values,
                        int64_t npairs);

/* A stored array. Its bytes, mx_load_bytes of them, are known to lie inside the source. */
struct mx_stored {
  enum mx_dtype dtype;
  enum mx_load_form form;
  int ndim;
  int64_t shape[MX_MAX_NDIM];
  uint64_t offset;
};
/* The array (three of them for a form that stays packed), each a reference. */
int mx_stored_load(struct mx_source *s, const struct mx_stored *t, mx_array **out);

#endif
