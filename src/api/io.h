/* io.h: what the files that load and save share. Internal to api. */
#ifndef MX_API_IO_H
#define MX_API_IO_H

#include "io/formats.h"
#include "mlx/c/mlx.h"

/* A reader as a source, from where it stands on; a writer as a sink. */
int api_reader_source(struct mx_source *s, mlx_io_reader io, const mlx_stream stream);
int api_writer_sink(struct mx_sink *s, mlx_io_writer io);

/* Arrays, row-contiguous and computed, with borrowed names; entries own a reference each. Free also after a failure. */
struct api_prepared {
  struct mx_entry *e;
  int64_t n;
};
int api_prepare(const mlx_map_string_to_array map, struct api_prepared *p);
int api_prepare_array(struct api_prepared *p, const char *name, mx_array *a);
void api_prepared_free(struct api_prepared *p);

#endif
