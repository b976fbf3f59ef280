/* stream.h: devices and streams as plain records; eval gives streams their workers.
 * Invariant: streams are global, live until the process ends, and may be used from any thread. */
#ifndef MX_GRAPH_STREAM_H
#define MX_GRAPH_STREAM_H

#include <stdbool.h>

enum mx_device_type { MX_CPU, MX_GPU };
struct mx_device {
  enum mx_device_type type;
  int index;
};
struct mx_stream {
  int index; /* counts from 0 over all devices */
  struct mx_device device;
  void *queue; /* eval's worker of this stream, made on first need */
};

bool mx_device_is_available(struct mx_device d); /* MX_CPU index 0 always; MX_GPU when a GPU backend registered itself */
int mx_device_count(enum mx_device_type type);
struct mx_device mx_default_device(void);
int mx_set_default_device(struct mx_device d); /* MX_EVALUE when there is no such device */
/* This thread's default stream of a device (set by mx_set_default_stream, else the device's first), made on demand.
 * NULL with MX_EVALUE "… no GPU …" when the device is absent. */
struct mx_stream *mx_default_stream(struct mx_device d);
int mx_set_default_stream(struct mx_stream *s);
struct mx_stream *mx_stream_new(struct mx_device d);
int mx_stream_count(void);
struct mx_stream *mx_stream_at(int index); /* NULL when there is none */

#endif
