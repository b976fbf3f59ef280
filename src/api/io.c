/* io.c: loading and saving by file name, or through the caller's own readers and writers. */
#include "api/handle.h"
#include "api/io.h"
#include "eval/eval.h"
#include "ops/ops.h"

#include <stdio.h>
#include <string.h>

struct channel {
  void *desc;
  mlx_io_vtable v;
};
static void *channel_new(void *desc, mlx_io_vtable vtable) {
  struct channel *c = mx_malloc(sizeof *c);
  if (!c) {
    if (vtable.free) vtable.free(desc);
    mx_boundary(MX_EMEMORY);
    return NULL;
  }
  *c = (struct channel){desc, vtable};
  return c;
}
static void channel_free(struct channel *c) {
  if (c && c->v.free) c->v.free(c->desc);
  mx_free(c);
}
static const char *channel_label(const struct channel *c) { return c && c->v.label ? c->v.label(c->desc) : "stream"; }
static int channel_text(mlx_string *str, const struct channel *c) {
  mlx_string s = mlx_string_new_data(channel_label(c));
  if (!s.ctx) return MX_EMEMORY;
  mlx_string_free(*str);
  *str = s;
  return MX_OK;
}
mlx_io_reader mlx_io_reader_new(void *desc, mlx_io_vtable vtable) { return (mlx_io_reader){channel_new(desc, vtable)}; }
int mlx_io_reader_descriptor(void **desc_, mlx_io_reader io) {
  *desc_ = io.ctx ? ((struct channel *)io.ctx)->desc : NULL;
  return MX_OK;
}
int mlx_io_reader_tostring(mlx_string *str_, mlx_io_reader io) { return channel_text(str_, io.ctx); }
int mlx_io_reader_free(mlx_io_reader io) {
  channel_free(io.ctx);
  return MX_OK;
}
mlx_io_writer mlx_io_writer_new(void *desc, mlx_io_vtable vtable) { return (mlx_io_writer){channel_new(desc, vtable)}; }
int mlx_io_writer_descriptor(void **desc_, mlx_io_writer io) {
  *desc_ = io.ctx ? ((struct channel *)io.ctx)->desc : NULL;
  return MX_OK;
}
int mlx_io_writer_tostring(mlx_string *str_, mlx_io_writer io) { return channel_text(str_, io.ctx); }
int mlx_io_writer_free(mlx_io_writer io) {
  channel_free(io.ctx);
  return MX_OK;
}

/* A reader as a source, from where it stands on: its size is where seeking to the end arrives. */
static int reader_read(struct mx_source *s, void *to, size_t n, uint64_t offset) {
  struct channel *c = s->ctx;
  c->v.read_at_offset(c->desc, to, n, (size_t)(s->base + offset));
  return c->v.good(c->desc) ? MX_OK : mx_fail(MX_ERUNTIME, "[load] Reading %s failed.", s->label);
}
int api_reader_source(struct mx_source *s, mlx_io_reader io, const mlx_stream stream) {
  struct channel *c = io.ctx;
  if (!c) return mx_fail(MX_EVALUE, "[load] The reader handle is empty.");
  if (!c->v.is_open || !c->v.good || !c->v.tell || !c->v.seek || !c->v.read_at_offset)
    return mx_fail(MX_EVALUE, "[load] The reader lacks is_open, good, tell, seek or read_at_offset.");
  if (!c->v.is_open(c->desc) || !c->v.good(c->desc)) return mx_fail(MX_ERUNTIME, "[load] The reader is not open.");
  uint64_t base = c->v.tell(c->desc);
  c->v.seek(c->desc, 0, SEEK_END);
  uint64_t end = c->v.tell(c->desc);
  c->v.seek(c->desc, (int64_t)base, SEEK_SET);
  if (!c->v.good(c->desc) || base > end || end > INT64_MAX)
    return mx_fail(MX_ERUNTIME, "[load] %s cannot be sought in.", channel_label(c));
  *s = (struct mx_source){.read = reader_read, .size = end - base, .base = base, .label = channel_label(c),
                          .stream = stream.ctx, .ctx = c};
  return MX_OK;
}
static int writer_write(struct mx_sink *s, const void *from, size_t n) {
  struct channel *c = s->ctx;
  c->v.write(c->desc, from, n);
  return c->v.good(c->desc) ? MX_OK : mx_fail(MX_ERUNTIME, "[save] Writing %s failed.", s->label);
}
int api_writer_sink(struct mx_sink *s, mlx_io_writer io) {
  struct channel *c = io.ctx;
  if (!c) return mx_fail(MX_EVALUE, "[save] The writer handle is empty.");
  if (!c->v.is_open || !c->v.good || !c->v.write) return mx_fail(MX_EVALUE, "[save] The writer lacks is_open, good or write.");
  if (!c->v.is_open(c->desc)) return mx_fail(MX_ERUNTIME, "[save] The writer is not open.");
  *s = (struct mx_sink){.write = writer_write, .label = channel_label(c), .ctx = c};
  return MX_OK;
}

/* Collecting into maps. */
struct maps {
  struct mx_collector c;
  mlx_map_string_to_array arrays;
  mlx_map_string_to_string texts;
};
static int collect_array(struct mx_collector *c, const char *name, mx_array *a) {
  return api_map_put(((struct maps *)c)->arrays.ctx, name, a);
}
static int collect_text(struct mx_collector *c, const char *name, const char *value) {
  return api_map_put_text(((struct maps *)c)->texts.ctx, name, value);
}
static int load_maps(int status, struct mx_source *s, int (*load)(struct mx_source *, struct mx_collector *), mlx_map_string_to_array *res_0,
                     mlx_map_string_to_string *res_1) {
  if (status) return mx_boundary(status);
  struct maps m = {{collect_array, collect_text}, mlx_map_string_to_array_new(), {NULL}};
  if (m.arrays.ctx) m.texts = mlx_map_string_to_string_new();
  if (!m.texts.ctx) { /* the handler was told by new */
    mlx_map_string_to_array_free(m.arrays);
    return MX_EMEMORY;
  }
  if (!status) status = load(s, &m.c);
  if (!status) {
    mlx_map_string_to_array old = *res_0;
    *res_0 = m.arrays, m.arrays = old;
    if (res_1) {
      mlx_map_string_to_string old_text = *res_1;
      *res_1 = m.texts, m.texts = old_text;
    }
  }
  mlx_map_string_to_array_free(m.arrays);
  mlx_map_string_to_string_free(m.texts);
  return mx_boundary(status);
}
static int load_maps_file(const char *file, int (*load)(struct mx_source *, struct mx_collector *), mlx_map_string_to_array *res_0,
                          mlx_map_string_to_string *res_1, const mlx_stream stream) {
  struct mx_source s;
  int status = mx_source_open(&s, file, stream.ctx);
  if (status) return mx_boundary(status);
  status = load_maps(status, &s, load, res_0, res_1);
  mx_source_close(&s);
  return status;
}

static int load_array(int status, struct mx_source *s, mlx_array *res) {
  mx_array *a = NULL;
  if (!status) status = mx_npy_load(s, &a);
  if (!status) api_put(&res->ctx, a);
  return mx_boundary(status);
}
int mlx_load(mlx_array *res, const char *file, const mlx_stream s) {
  struct mx_source src;
  int status = mx_source_open(&src, file, s.ctx);
  if (status) return mx_boundary(status);
  status = load_array(status, &src, res);
  mx_source_close(&src);
  return status;
}
int mlx_load_reader(mlx_array *res, mlx_io_reader in_stream, const mlx_stream s) {
  struct mx_source src;
  return load_array(api_reader_source(&src, in_stream, s), &src, res);
}
int mlx_load_safetensors(mlx_map_string_to_array *res_0, mlx_map_string_to_string *res_1, const char *file, const mlx_stream s) {
  return load_maps_file(file, mx_safetensors_load, res_0, res_1, s);
}
int mlx_load_safetensors_reader(mlx_map_string_to_array *res_0, mlx_map_string_to_string *res_1, mlx_io_reader in_stream, const mlx_stream s) {
  struct mx_source src;
  return load_maps(api_reader_source(&src, in_stream, s), &src, mx_safetensors_load, res_0, res_1);
}
int mlx_ravel_load_npz(mlx_map_string_to_array *res, const char *file) { return load_maps_file(file, mx_npz_load, res, NULL, (mlx_stream){NULL}); }
int mlx_ravel_load_npz_reader(mlx_map_string_to_array *res, mlx_io_reader in_stream) {
  struct mx_source src;
  return load_maps(api_reader_source(&src, in_stream, (mlx_stream){NULL}), &src, mx_npz_load, res, NULL);
}

void api_prepared_free(struct api_prepared *p) {
  for (int64_t i = 0; i < p->n; i++) mx_unref(p->e[i].array);
  mx_free(p->e);
}
int api_prepare_array(struct api_prepared *p, const char *name, mx_array *a) {
  struct mx_entry *e = mx_realloc(p->e, (size_t)(p->n + 1) * sizeof *e);
  if (!e) return MX_EMEMORY;
  p->e = e;
  mx_build b;
  mx_build_begin(&b, NULL);
  mx_array *flat = NULL;
  int status = mx_build_end(&b, mx_contiguous(&b, a), &flat);
  if (!status) status = mx_eval_one(flat);
  if (status) {
    mx_unref(flat);
    return status;
  }
  p->e[p->n++] = (struct mx_entry){name, flat};
  return MX_OK;
}
int api_prepare(const mlx_map_string_to_array map, struct api_prepared *p) {
  const char *key;
  void *a;
  int status = map.ctx ? MX_OK : mx_fail(MX_EVALUE, "[save] The map handle is empty.");
  for (size_t i = 0; !status && api_map_at(map.ctx, i, &key, &a); i++) status = api_prepare_array(p, key, a);
  return status;
}

static int save_array(struct mx_sink *s, const mlx_array a) {
  struct api_prepared p = {NULL, 0};
  int status = a.ctx ? MX_OK : mx_fail(MX_EVALUE, "[save] The array handle is empty.");
  if (!status) status = api_prepare_array(&p, "", a.ctx);
  if (!status) status = mx_npy_save(s, p.e[0].array);
  api_prepared_free(&p);
  return status;
}
/* Evaluation comes before the file is opened: a failed computation leaves no trace on disk. */
int mlx_save(const char *file, const mlx_array a) {
  struct mx_sink s;
  int status = a.ctx ? mx_eval_one(a.ctx) : mx_fail(MX_EVALUE, "[save] The array handle is empty.");
  if (!status) status = mx_sink_open(&s, file);
  if (status) return mx_boundary(status);
  return mx_boundary(mx_sink_close(&s, save_array(&s, a)));
}
int mlx_save_writer(mlx_io_writer out_stream, const mlx_array a) {
  struct mx_sink s;
  int status = api_writer_sink(&s, out_stream);
  return mx_boundary(status ? status : mx_sink_close(&s, save_array(&s, a)));
}

static int save_tensors(struct mx_sink *s, const struct api_prepared *p, const mlx_map_string_to_string metadata) {
  const char *key;
  void *value;
  size_t n = 0;
  while (api_map_at(metadata.ctx, n, &key, &value)) n++;
  const char **keys = mx_malloc((2 * n + 1) * sizeof *keys), **values = keys + n;
  if (!keys) return MX_EMEMORY;
  for (size_t i = 0; i < n && api_map_at(metadata.ctx, i, &keys[i], &value); i++) values[i] = value;
  int status = mx_safetensors_save(s, p->e, p->n, keys, values, (int64_t)n);
  mx_free(keys);
  return status;
}
int mlx_save_safetensors(const char *file, const mlx_map_string_to_array param, const mlx_map_string_to_string metadata) {
  struct api_prepared p = {NULL, 0};
  struct mx_sink s;
  int status = api_prepare(param, &p);
  if (!status && !(status = mx_sink_open(&s, file))) status = mx_sink_close(&s, save_tensors(&s, &p, metadata));
  api_prepared_free(&p);
  return mx_boundary(status);
}
int mlx_save_safetensors_writer(mlx_io_writer in_stream, const mlx_map_string_to_array param, const mlx_map_string_to_string metadata) {
  struct api_prepared p = {NULL, 0};
  struct mx_sink s;
  int status = api_prepare(param, &p);
  if (!status) status = api_writer_sink(&s, in_stream);
  if (!status) status = mx_sink_close(&s, save_tensors(&s, &p, metadata));
  api_prepared_free(&p);
  return mx_boundary(status);
}
int mlx_ravel_save_npz(const char *file, const mlx_map_string_to_array arrays, bool compress) {
  struct api_prepared p = {NULL, 0};
  struct mx_sink s;
  int status = api_prepare(arrays, &p);
  if (!status && !(status = mx_sink_open(&s, file))) status = mx_sink_close(&s, mx_npz_save(&s, p.e, p.n, compress));
  api_prepared_free(&p);
  return mx_boundary(status);
}
int mlx_ravel_save_npz_writer(mlx_io_writer out_stream, const mlx_map_string_to_array arrays, bool compress) {
  struct api_prepared p = {NULL, 0};
  struct mx_sink s;
  int status = api_prepare(arrays, &p);
  if (!status) status = api_writer_sink(&s, out_stream);
  if (!status) status = mx_sink_close(&s, mx_npz_save(&s, p.e, p.n, compress));
  api_prepared_free(&p);
  return mx_boundary(status);
}
