/* trace_file.h: MLX_TRACE=file.json writes what evaluation did, as Chrome and Perfetto read it. Internal to eval. */
#ifndef MX_EVAL_TRACE_FILE_H
#define MX_EVAL_TRACE_FILE_H

#include "program/fuse.h"

bool mx_trace_file_on(void);
int64_t mx_trace_file_now(void); /* microseconds, > 0 */
/* One event: name of op or fused program, shapes, bytes moved, thread, since `begin`. */
void mx_trace_file_step(const struct mx_step *s, struct mx_tensor *const *in, struct mx_tensor *const *out, int64_t begin);

#endif
