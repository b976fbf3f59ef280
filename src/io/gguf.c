/* gguf.c: reading GGUF. Source: the GGUF specification, versions 2 and 3 (64-bit counts and lengths).
 * Invariant: a length or count is compared with what is left of the file before memory is taken for it. */
#include "io/gguf.h"

#include "core/error.h"
#include "io/gguf_types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 64 << 10, LONGEST_NAME = 65535 };

/* The header is read from front to back through a window. */
struct cursor {
  struct mx_source *s;
  uint64_t at, from; /* where reading goes on; where the window begins */
  size_t have;
  unsigned char *window;
};

static int bad(const struct mx_source *s, const char *what) { return mx_fail(MX_ERUNTIME, "[load_gguf] %s: %s.", s->label, what); }
static int bad_name(const struct mx_source *s, const char *name, const char *what) {
  return mx_fail(MX_ERUNTIME, "[load_gguf] %s: \"%.200s\": %s.", s->label, name, what);
}
static uint64_t left(const struct cursor *c) { return c->s->size - c->at; }

static int take(struct cursor *c, void *to, uint64_t n) {
  if (n > left(c)) return bad(c->s, "its header goes on past the end of the file");
  if (n > WINDOW) {
    int status = mx_source_read(c->s, to, n, c->at);
    c->at += n;
    return status;
  }
  if (c->at < c->from || c->at + n > c->from + c->have) {
    c->from = c->at;
    c->have = left(c) < WINDOW ? (size_t)left(c) : WINDOW;
    int status = mx_source_read(c->s, c->window, c->have, c->at);
    if (status) {
      c->have = 0;
      return status;
    }
  }
  if (n) memcpy(to, c->window + (c->at - c->from), (size_t)n);
  c->at += n;
  return MX_OK;
}
static int take_int(struct cursor *c, uint64_t *v, int bytes) {
  unsigned char b[8];
  int status = take(c, b, (uint64_t)bytes);
  *v = 0;
  for (int i = bytes; i-- && !status;) *v = *v << 8 | b[i];
  return status;
}

static bool is_utf8(const unsigned char *p, uint64_t n) {
  for (uint64_t i = 0; i < n;) {
    unsigned char b = p[i++];
    int more = b < 0x80 ? 0 : b >= 0xc2 && b < 0xe0 ? 1 : b >= 0xe0 && b < 0xf0 ? 2 : b >= 0xf0 && b < 0xf5 ? 3 : -1;
    if (more < 0 || (uint64_t)more > n - i) return false;
    unsigned char second = more ? p[i] : 0x80;
    if ((b == 0xe0 && second < 0xa0) || (b == 0xed && second > 0x9f) || (b == 0xf0 && second < 0x90) || (b == 0xf4 && second > 0x8f)) return false;
    for (; more; more--)
      if ((p[i++] & 0xc0) != 0x80) return false;
  }
  return true;
}

/* A key or a tensor's name, to be freed: UTF-8, without zeros. */
static int take_name(struct cursor *c, char **name) {
  uint64_t n;
  int status = take_int(c, &n, 8);
  if (status) return status;
  if (n > LONGEST_NAME || n > left(c)) return bad(c->s, "a name is longer than 65535 bytes or than the file");
  if (!(*name = mx_malloc(n + 1))) return MX_EMEMORY;
  status = take(c, *name, n);
  (*name)[n] = 0;
  if (!status && (memchr(*name, 0, (size_t)n) || !is_utf8((unsigned char *)*name, n))) status = bad(c->s, "a name is not UTF-8 or holds a zero");
  if (status) {
    mx_free(*name);
    *name = NULL;
  }
  return status;
}

/* n texts into v; their bytes grow as they are read. */
static int take_texts(struct cursor *c, struct mx_gguf_value *v, uint64_t n) {
  if (n > left(c) / 8) return bad_name(c->s, v->key, "it has more strings than the file has room for");
  v->n = (int64_t)n;
  if (!(v->end = mx_malloc((n + 1) * sizeof *v->end))) return MX_EMEMORY;
  uint64_t at = 0, room = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t length;
    int status = take_int(c, &length, 8);
    if (status) return status;
    if (length > left(c)) return bad_name(c->s, v->key, "a string goes on past the end of the file");
    if (length >= room - at) {
      room = 2 * room + length + 64;
      char *more = mx_realloc(v->text, room);
      if (!more) return MX_EMEMORY;
      v->text = more;
    }
    if ((status = take(c, v->text + at, length))) return status;
    v->end[i] = at += length;
    v->text[at++] = 0;
  }
  return MX_OK;
}

static int take_numbers(struct cursor *c, struct mx_gguf_value *v, enum mx_dtype d, uint64_t n, bool list) {
  size_t size = mx_dtype_size(d);
  if (n > left(c) / size) return bad_name(c->s, v->key, "it has more elements than the file has room for");
  struct mx_stored t = {.dtype = d, .form = MX_LOAD_PLAIN, .ndim = list, .shape = {(int64_t)n}, .offset = c->at};
  mx_buffer *buf;
  int status = mx_buffer_new(&buf, n * size, MX_MEMORY_HOST);
  if (status) return status;
  status = take(c, buf->host, n * size);
  const unsigned char *b = buf->host;
  for (uint64_t i = 0; i < n && d == MX_BOOL && !status; i++)
    if (b[i] > 1) status = bad_name(c->s, v->key, "a bool is neither 0 nor 1");
  if (status) {
    mx_buffer_unref(buf);
    return status;
  }
  v->array = mx_array_leaf(t.shape, t.ndim, d, buf, buf->host, NULL);
  return v->array ? MX_OK : (int)mx_error_class();
}

static int take_value(struct cursor *c, struct mx_gguf_value *v) {
  uint64_t type, n = 1;
  int status = take_int(c, &type, 4);
  bool list = type == GGUF_ARRAY;
  if (!status && list && !(status = take_int(c, &type, 4))) status = take_int(c, &n, 8);
  if (status) return status;
  if (type >= GGUF_VALUE_TYPES) return bad_name(c->s, v->key, "its type is unknown");
  if (type == GGUF_ARRAY) return mx_fail(MX_EVALUE, "[load_gguf] %s: \"%.200s\": arrays inside arrays are not read.", c->s->label, v->key);
  v->list = list;
  return type == GGUF_STRING ? take_texts(c, v, n) : take_numbers(c, v, gguf_value_dtype((uint32_t)type), n, list);
}

static int take_metadata(struct cursor *c, struct mx_gguf *g, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) {
    if (g->n == g->cap) {
      int64_t cap = g->cap ? 2 * g->cap : 16;
      struct mx_gguf_value *more = mx_realloc(g->at, (size_t)cap * sizeof *more);
      if (!more) return MX_EMEMORY;
      g->at = more, g->cap = cap;
    }
    struct mx_gguf_value *v = &g->at[g->n];
    *v = (struct mx_gguf_value){0};
    int status = take_name(c, &v->key);
    if (status) return status;
    g->n++; /* from here on it is cleared with the rest */
    if ((status = take_value(c, v))) return status;
  }
  return MX_OK;
}

/* A tensor as the header tells of it. */
struct told {
  char *name;
  uint64_t bytes;
  struct mx_stored a;
};

static int take_tensor(struct cursor *c, struct told *t) {
  uint64_t ndim, type, v;
  int status = take_name(c, &t->name);
  if (!status) status = take_int(c, &ndim, 4);
  if (status) return status;
  if (ndim > MX_MAX_NDIM) return bad_name(c->s, t->name, "it has too many dimensions");
  t->a.ndim = (int)ndim;
  for (int i = t->a.ndim - 1; i >= 0; i--) { /* the fastest dimension stands first */
    if ((status = take_int(c, &v, 8))) return status;
    if (v > INT64_MAX) return bad_name(c->s, t->name, "a dimension is too large");
    t->a.shape[i] = (int64_t)v;
  }
  status = take_int(c, &type, 4);
  if (!status) status = take_int(c, &t->a.offset, 8);
  if (status) return status;
  bool listed = type < sizeof gguf_tensor_types / sizeof *gguf_tensor_types;
  const struct gguf_tensor_type *known = &gguf_tensor_types[listed ? type : 0];
  if (!listed || !known->known)
    return mx_fail(MX_ERUNTIME, "[load_gguf] %s: \"%.200s\": tensors of type %llu (%s) are not read.", c->s->label, t->name,
                   (unsigned long long)type, listed && known->name ? known->name : "unknown");
  t->a.dtype = (enum mx_dtype)known->dtype;
  t->a.form = (enum mx_load_form)known->form;
  int64_t size;
  if ((status = mx_shape_size("load_gguf", t->a.shape, t->a.ndim, t->a.dtype, &size))) return status;
  int block = mx_load_blocks[known->form].elements;
  if (block && (!ndim || t->a.shape[ndim - 1] % block))
    return mx_fail(MX_ERUNTIME, "[load_gguf] %s: \"%.200s\": its last dimension is no multiple of %d, the block of %s.", c->s->label, t->name,
                   block, known->name);
  t->bytes = mx_load_bytes(t->a.form, t->a.dtype, size);
  return MX_OK;
}

static int alignment_of(const struct mx_source *s, const struct mx_gguf *g, uint64_t *to) {
  const struct mx_gguf_value *v = mx_gguf_find(g, GGUF_ALIGNMENT_KEY);
  *to = GGUF_ALIGNMENT;
  if (!v) return MX_OK;
  if (!v->array || v->array->t.ndim || v->array->t.dtype != MX_UINT32) return bad_name(s, v->key, "it is not a uint32");
  *to = *(const uint32_t *)v->array->t.data;
  return *to && !(*to & (*to - 1)) ? MX_OK : bad_name(s, v->key, "it is not a power of two");
}

static int by_offset(const void *a, const void *b) {
  const struct told *x = a, *y = b;
  uint64_t p = x->a.offset, q = y->a.offset;
  return p != q ? (p < q ? -1 : 1) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}
static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Offsets become places in the file; sorted by them, so that tensors are read in the file's order. */
static int check_places(const struct cursor *c, struct told *t, uint64_t n, uint64_t alignment) {
  uint64_t data = c->at + (alignment - c->at % alignment) % alignment, end = 0;
  if (n) qsort(t, n, sizeof *t, by_offset);
  for (uint64_t i = 0; i < n; i++) {
    if (t[i].a.offset % alignment) return bad_name(c->s, t[i].name, "its data is not aligned");
    if (t[i].bytes && (data > c->s->size || t[i].a.offset > c->s->size - data || t[i].bytes > c->s->size - data - t[i].a.offset))
      return bad_name(c->s, t[i].name, "its data lies past the end of the file");
    if (!t[i].bytes) {
      t[i].a.offset = 0;
      continue;
    }
    if (t[i].a.offset < end) return bad_name(c->s, t[i].name, "it shares bytes with another tensor");
    end = t[i].a.offset + t[i].bytes;
    t[i].a.offset += data;
  }
  return MX_OK;
}

/* "blk.0.attn_q.weight" or "blk.0.attn_q" with another ending; to be freed. */
static char *sibling(const char *name, const char *ending) {
  size_t n = strlen(name), cut = n >= 7 && !strcmp(name + n - 7, ".weight") ? n - 7 : n;
  char *other = mx_malloc(cut + strlen(ending) + 1);
  if (other) snprintf(other, cut + strlen(ending) + 1, "%.*s%s", (int)cut, name, ending);
  return other;
}

/* Sorts names and refuses doubles. */
static int check_names(const struct mx_source *s, char **names, uint64_t n) {
  if (n) qsort(names, n, sizeof *names, by_text);
  for (uint64_t i = 1; i < n; i++)
    if (!strcmp(names[i - 1], names[i])) return bad_name(s, names[i], "the name stands twice (a packed tensor takes .scales and .biases too)");
  return MX_OK;
}

static int check_all_names(const struct mx_source *s, const struct told *t, uint64_t n, const struct mx_gguf *g) {
  uint64_t count = 0, room = 3 * n > (uint64_t)g->n ? 3 * n : (uint64_t)g->n;
  char **names = mx_malloc((room + 1) * sizeof *names);
  if (!names) return MX_EMEMORY;
  for (int64_t i = 0; i < g->n; i++) names[count++] = g->at[i].key;
  int status = check_names(s, names, count);
  count = 0; /* those were borrowed, these are not */
  for (uint64_t i = 0; i < n && !status; i++) {
    static const char *const endings[3] = {NULL, ".scales", ".biases"};
    for (int k = 0; k < mx_load_outputs(t[i].a.form) && !status; k++)
      if (!(names[count] = k ? sibling(t[i].name, endings[k]) : mx_strdup(t[i].name))) status = MX_EMEMORY;
      else count++;
  }
  if (!status) status = check_names(s, names, count);
  for (uint64_t i = 0; i < count; i++) mx_free(names[i]);
  mx_free(names);
  return status;
}

static int give(struct mx_source *s, const struct told *t, struct mx_collector *c) {
  mx_array *a[3];
  int status = mx_stored_load(s, &t->a, a), n = mx_load_outputs(t->a.form);
  if (status) return status;
  status = c->array(c, t->name, a[0]);
  for (int k = 1; k < n; k++) {
    char *name = status ? NULL : sibling(t->name, k == 1 ? ".scales" : ".biases");
    if (name) status = c->array(c, name, a[k]);
    else mx_unref(a[k]), status = status ? status : MX_EMEMORY;
    mx_free(name);
  }
  return status;
}

static int load_tensors(struct cursor *cur, uint64_t n, const struct mx_gguf *g, struct mx_collector *c) {
  struct told *t = NULL;
  uint64_t have = 0, room = 0, alignment;
  int status = alignment_of(cur->s, g, &alignment);
  while (have < n && !status) {
    if (have == room) {
      room = room ? 2 * room : 16;
      struct told *more = mx_realloc(t, room * sizeof *t);
      if (!more) {
        status = MX_EMEMORY;
        break;
      }
      t = more;
    }
    memset(&t[have], 0, sizeof *t);
    status = take_tensor(cur, &t[have++]);
  }
  if (!status) status = check_places(cur, t, n, alignment);
  if (!status) status = check_all_names(cur->s, t, n, g);
  for (uint64_t i = 0; i < n && !status; i++) status = give(cur->s, &t[i], c);
  for (uint64_t i = 0; i < have; i++) mx_free(t[i].name);
  mx_free(t);
  return status;
}

static int load(struct cursor *cur, struct mx_collector *c, struct mx_gguf *g) {
  unsigned char magic[4];
  uint64_t version, tensors, values;
  int status = take(cur, magic, 4);
  if (!status && memcmp(magic, "GGUF", 4)) status = bad(cur->s, "its first bytes are not GGUF");
  if (!status) status = take_int(cur, &version, 4);
  if (!status && version >> 16 && !(version & 0xffff)) status = bad(cur->s, "it is big-endian; little-endian files are read");
  if (!status && (version < 2 || version > GGUF_VERSION))
    status = mx_fail(MX_ERUNTIME, "[load_gguf] %s: its version is %llu; versions 2 and 3 are read.", cur->s->label, (unsigned long long)version);
  if (!status) status = take_int(cur, &tensors, 8);
  if (!status) status = take_int(cur, &values, 8);
  if (status) return status;
  /* The least that one takes: a key's length, a type and a byte; a name's length, ndim, type and offset. */
  if (values > left(cur) / 13 || tensors > left(cur) / 24) return bad(cur->s, "it counts more than the file has room for");
  status = take_metadata(cur, g, values);
  return status ? status : load_tensors(cur, tensors, g, c);
}

int mx_gguf_load(struct mx_source *s, struct mx_collector *c, struct mx_gguf *g) {
  struct cursor cur = {.s = s, .window = mx_malloc(WINDOW)};
  if (!cur.window) return MX_EMEMORY;
  int status = load(&cur, c, g);
  mx_free(cur.window);
  if (status) mx_gguf_clear(g);
  return status;
}
