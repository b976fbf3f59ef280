/* formats.h: npy, npz and safetensors. Loading reads the data at once: a file may be replaced or removed afterwards.
 * Invariant: nothing that a file says is believed before it is checked against the file's size. */
#ifndef MX_IO_FORMATS_H
#define MX_IO_FORMATS_H

#include "graph/array.h"
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
int mx_npz_load(struct mx_source *s, struct mx_collector *c);
int mx_npz_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, bool compress);
int mx_safetensors_load(struct mx_source *s, struct mx_collector *c);
int mx_safetensors_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, const char *const *keys, const char *const *values,
                        int64_t npairs);

/* A new array of this shape and dtype whose data a reader fills. */
mx_array *mx_io_array(const int64_t *shape, int ndim, enum mx_dtype dtype);
/* What a file filled, made sound: any non-zero byte of a bool is true, and kernels count on 1. */
void mx_io_sound(mx_array *a);

#endif
