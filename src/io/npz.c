/* npz.c: several npy files in a zip archive, stored or deflated, zip64 where sizes want it.
 * Source: PKWARE's APPNOTE 6.3 (4.3 local header, central directory, zip64). */
#include "core/error.h"
#include "io/formats.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

enum { LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50, STORED = 0, DEFLATED = 8 };

static uint64_t get(const unsigned char *p, int n) {
  uint64_t v = 0;
  for (int i = n - 1; i >= 0; i--) v = v << 8 | p[i];
  return v;
}
static unsigned char *set(unsigned char *p, uint64_t v, int n) {
  for (int i = 0; i < n; i++, v >>= 8) *p++ = (unsigned char)v;
  return p;
}
static int bad(const struct mx_source *s, const char *what) {
  return mx_fail(MX_ERUNTIME, "[load] %s is not a sound npz archive: %s.", s->label, what);
}

static uint32_t sum(uint32_t crc, const unsigned char *p, uint64_t n) {
  while (n) {
    uInt some = n < 1 << 30 ? (uInt)n : 1 << 30;
    crc = (uint32_t)crc32(crc, p, some);
    p += some, n -= some;
  }
  return crc;
}

/* A member as the central directory tells of it. */
struct member {
  int method;
  uint32_t crc;
  uint64_t packed, size, local;
  char *name; /* reading: its own, with .npy; writing: the entry's, without */
};

/* The npy inside a member as a source, read from front to back: unpacked straight to where it is wanted, summed on the way. */
struct unpack {
  struct mx_source npy;
  struct mx_source *archive;
  const struct member *m;
  uint64_t data, done; /* where the member's bytes begin; how many plain ones were given */
  uint64_t fed;        /* packed bytes given to inflate */
  uint32_t crc;
  bool ended; /* inflate has seen the end */
  z_stream z;
  unsigned char chunk[16384];
};

/* Up to n plain bytes; fewer only at the stream's end. */
static int inflate_to(struct unpack *u, unsigned char *to, size_t n, size_t *made) {
  *made = 0;
  while (*made < n && !u->ended) {
    if (!u->z.avail_in && u->fed < u->m->packed) {
      uint64_t left = u->m->packed - u->fed;
      size_t more = left < sizeof u->chunk ? (size_t)left : sizeof u->chunk;
      int status = mx_source_read(u->archive, u->chunk, more, u->data + u->fed);
      if (status) return status;
      u->z.next_in = u->chunk, u->z.avail_in = (uInt)more;
      u->fed += more;
    }
    uInt want = n - *made < 1 << 30 ? (uInt)(n - *made) : 1 << 30;
    u->z.next_out = to + *made, u->z.avail_out = want;
    int code = inflate(&u->z, Z_NO_FLUSH);
    uInt got = want - u->z.avail_out;
    *made += got;
    u->ended = code == Z_STREAM_END;
    if (!u->ended && (code != Z_OK || (!got && !u->z.avail_in && u->fed == u->m->packed))) return bad(u->archive, "a member is damaged");
  }
  return MX_OK;
}

static int unpack_read(struct mx_source *s, void *to, size_t n, uint64_t offset) {
  struct unpack *u = s->ctx;
  assert(offset == u->done);
  size_t made = n;
  int status = u->m->method == STORED ? mx_source_read(u->archive, to, n, u->data + offset) : inflate_to(u, to, n, &made);
  if (!status && made < n) status = bad(u->archive, "a member does not decompress to its stated size");
  if (status) return status;
  u->done += n;
  u->crc = sum(u->crc, to, n);
  return MX_OK;
}

/* What the npy left unread, then the sum and the end of the packed stream. */
static int unpack_finish(struct unpack *u) {
  unsigned char rest[4096];
  while (u->done < u->m->size) {
    uint64_t left = u->m->size - u->done;
    int status = unpack_read(&u->npy, rest, left < sizeof rest ? (size_t)left : sizeof rest, u->done);
    if (status) return status;
  }
  size_t made = 0;
  int status = u->m->method == DEFLATED ? inflate_to(u, rest, 1, &made) : MX_OK; /* the end mark may stand behind the last byte */
  if (status) return status;
  if (made) return bad(u->archive, "a member does not decompress to its stated size");
  return u->crc == u->m->crc ? MX_OK : bad(u->archive, "a member's checksum differs");
}

static int unpack_npy(struct mx_source *s, const struct member *m, uint64_t data, mx_array **a) {
  struct unpack u = {.archive = s, .m = m, .data = data};
  u.npy = (struct mx_source){.read = unpack_read, .size = m->size, .label = s->label, .stream = s->stream, .ctx = &u};
  if (m->method == DEFLATED && inflateInit2(&u.z, -MAX_WBITS) != Z_OK) return mx_fail(MX_EMEMORY, "[load] No memory to decompress %s.", s->label);
  int status = mx_npy_load(&u.npy, a);
  if (!status && (status = unpack_finish(&u))) mx_unref(*a);
  if (m->method == DEFLATED) inflateEnd(&u.z);
  return status;
}

static int load_member(struct mx_source *s, const struct member *m, struct mx_collector *c) {
  unsigned char h[30];
  int status = mx_source_read(s, h, sizeof h, m->local);
  if (status) return status;
  if (get(h, 4) != LOCAL) return bad(s, "a member is not where the directory says");
  uint64_t data = m->local + 30 + get(h + 26, 2) + get(h + 28, 2);
  if (data > s->size || m->packed > s->size - data) return bad(s, "a member ends after the file does");
  if (m->method != STORED && m->method != DEFLATED) return bad(s, "a member is packed by an unknown method");
  /* Deflate cannot do better than 1032 to 1: a larger promise is a lie, and is not worth the memory. */
  if (m->method == STORED ? m->size != m->packed : m->size / 1032 > m->packed + 64) return bad(s, "a member's sizes contradict each other");
  mx_array *a = NULL;
  if ((status = unpack_npy(s, m, data, &a))) return status;
  size_t n = strlen(m->name);
  if (n > 4 && !strcmp(m->name + n - 4, ".npy")) m->name[n - 4] = 0;
  return c->array(c, m->name, a);
}

/* Finds the central directory: the end record is in the last 64 KiB. */
static int find_directory(struct mx_source *s, uint64_t *at, uint64_t *count) {
  unsigned char tail[65536 + 22], e[56];
  uint64_t n = s->size < sizeof tail ? s->size : sizeof tail;
  if (n < 22) return bad(s, "it is too short");
  int status = mx_source_read(s, tail, n, s->size - n);
  if (status) return status;
  int64_t i = (int64_t)n - 22;
  while (i >= 0 && get(tail + i, 4) != END) i--;
  if (i < 0) return bad(s, "it has no directory");
  *count = get(tail + i + 10, 2);
  *at = get(tail + i + 16, 4);
  if ((*at == 0xffffffffu || *count == 0xffff) && i >= 20 && get(tail + i - 20, 4) == LOCATOR64) {
    uint64_t where = get(tail + i - 12, 8);
    if ((status = mx_source_read(s, e, sizeof e, where))) return status;
    if (get(e, 4) != END64) return bad(s, "its directory's end is missing");
    *count = get(e + 32, 8);
    *at = get(e + 48, 8);
  }
  return MX_OK;
}

/* The zip64 extra field replaces, in order, the sizes and the offset that stand as all ones. */
static void read_extra(const unsigned char *x, size_t n, struct member *m) {
  while (n >= 4) {
    size_t len = (size_t)get(x + 2, 2);
    if (len + 4 > n) return;
    const unsigned char *p = x + 4, *end = p + len;
    if (get(x, 2) == 1) {
      uint64_t *fields[3] = {&m->size, &m->packed, &m->local};
      for (int k = 0; k < 3; k++)
        if (*fields[k] == 0xffffffffu && end - p >= 8) *fields[k] = get(p, 8), p += 8;
    }
    x += len + 4, n -= len + 4;
  }
}

/* The entry of the directory at *at, which moves on; its name is to be freed. */
static int read_entry(struct mx_source *s, uint64_t *at, struct member *m) {
  unsigned char h[46], extra[512];
  int status = mx_source_read(s, h, sizeof h, *at);
  if (status) return status;
  size_t name = (size_t)get(h + 28, 2), more = (size_t)get(h + 30, 2), comment = (size_t)get(h + 32, 2);
  if (get(h, 4) != CENTRAL) return bad(s, "its directory is damaged");
  *m = (struct member){(int)get(h + 10, 2), (uint32_t)get(h + 16, 4), get(h + 20, 4), get(h + 24, 4), get(h + 42, 4), mx_malloc(name + 1)};
  if (!m->name) return MX_EMEMORY;
  m->name[name] = 0;
  size_t some = more < sizeof extra ? more : sizeof extra;
  status = mx_source_read(s, m->name, name, *at + 46);
  if (!status) status = mx_source_read(s, extra, some, *at + 46 + name);
  if (!status) read_extra(extra, some, m);
  *at += 46 + name + more + comment;
  return status;
}

int mx_npz_load(struct mx_source *s, struct mx_collector *c) {
  uint64_t at, count, packed = 0;
  int status = find_directory(s, &at, &count);
  for (uint64_t i = 0; i < count && !status; i++) {
    struct member m = {0};
    status = read_entry(s, &at, &m);
    /* Members that share bytes let a small archive unpack to any size. */
    if (!status && m.packed > s->size - packed) status = bad(s, "its members overlap");
    packed += m.packed;
    if (!status) status = load_member(s, &m, c);
    mx_free(m.name);
  }
  return status;
}

/* Writing: sizes and sums stand before the bytes, so they are found first; a member's packed bytes alone are held in memory. */

/* A member in two pieces: the npy header, and the array's own data. */
struct pieces {
  char head[MX_NPY_HEADER];
  const unsigned char *at[2];
  uint64_t n[2];
};
static void pieces_of(struct pieces *p, mx_array *a) {
  p->n[0] = mx_npy_header(p->head, a);
  p->at[0] = (unsigned char *)p->head;
  p->at[1] = a->t.data;
  p->n[1] = (uint64_t)a->t.size * mx_dtype_size(a->t.dtype);
}

struct packed {
  unsigned char *at;
  uint64_t n, room;
};
/* Room for more packed bytes; *to gets what may be written. */
static int grow(struct packed *p, uInt *to) {
  if (p->n == p->room) {
    uint64_t room = p->room + p->room / 2 + 65536;
    unsigned char *more = mx_realloc(p->at, room);
    if (!more) return MX_EMEMORY;
    p->at = more, p->room = room;
  }
  *to = p->room - p->n < 1 << 30 ? (uInt)(p->room - p->n) : 1 << 30;
  return MX_OK;
}
static int deflate_all(const struct pieces *p, struct packed *out) {
  z_stream z = {0};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return mx_fail(MX_EMEMORY, "[savez] No memory to compress.");
  int code = Z_OK, status = MX_OK, k = 0;
  uint64_t given = 0;
  while (code == Z_OK && !status) {
    while (!z.avail_in && k < 2) {
      uint64_t left = p->n[k] - given;
      z.next_in = (Bytef *)(uintptr_t)(p->at[k] + given);
      z.avail_in = left < 1 << 30 ? (uInt)left : 1 << 30;
      given += z.avail_in;
      if (given == p->n[k]) k++, given = 0;
    }
    uInt room;
    if ((status = grow(out, &room))) break;
    z.next_out = out->at + out->n, z.avail_out = room;
    code = deflate(&z, k < 2 ? Z_NO_FLUSH : Z_FINISH);
    out->n += room - z.avail_out;
  }
  deflateEnd(&z);
  return status || code == Z_STREAM_END ? status : mx_fail(MX_ERUNTIME, "[savez] Compressing failed.");
}

/* Both headers carry the sizes in the zip64 field, so that one form serves all. */
static int put_header(struct mx_sink *s, bool central, const struct member *m) {
  unsigned char h[64], *p = set(h, central ? CENTRAL : LOCAL, 4);
  size_t name = strlen(m->name);
  if (central) p = set(p, 45, 2);
  p = set(p, 45, 2);
  p = set(p, 0x800, 2); /* the name is UTF-8 */
  p = set(p, (uint64_t)m->method, 2);
  p = set(p, 0, 2);
  p = set(p, 0x21, 2); /* 1980-01-01 */
  p = set(p, m->crc, 4);
  p = set(p, 0xffffffffu, 4);
  p = set(p, 0xffffffffu, 4);
  p = set(p, name + 4, 2);
  p = set(p, central ? 28 : 20, 2);
  if (central) p = set(p, 0, 10), p = set(p, 0xffffffffu, 4);
  int status = mx_sink_write(s, h, (size_t)(p - h));
  if (!status) status = mx_sink_write(s, m->name, name);
  if (!status) status = mx_sink_write(s, ".npy", 4);
  p = set(h, 1, 2);
  p = set(p, central ? 24 : 16, 2);
  p = set(p, m->size, 8);
  p = set(p, m->packed, 8);
  if (central) p = set(p, m->local, 8);
  return status ? status : mx_sink_write(s, h, (size_t)(p - h));
}

static int save_member(struct mx_sink *s, const struct mx_entry *e, bool compress, struct member *m) {
  struct pieces p;
  struct packed packed = {NULL, 0, 0};
  pieces_of(&p, e->array);
  m->size = m->packed = p.n[0] + p.n[1];
  m->method = compress ? DEFLATED : STORED;
  m->local = s->written;
  m->crc = sum(sum(0, p.at[0], p.n[0]), p.at[1], p.n[1]);
  int status = compress ? deflate_all(&p, &packed) : MX_OK;
  if (!status && compress) m->packed = packed.n;
  if (!status) status = put_header(s, false, m);
  if (!status && compress) status = mx_sink_write(s, packed.at, packed.n);
  for (int k = 0; k < 2 && !status && !compress; k++) status = mx_sink_write(s, p.at[k], p.n[k]);
  mx_free(packed.at);
  return status;
}

int mx_npz_save(struct mx_sink *s, const struct mx_entry *e, int64_t n, bool compress) {
  struct member *m = mx_calloc((size_t)n + 1, sizeof *m);
  int status = m ? MX_OK : MX_EMEMORY;
  for (int64_t i = 0; i < n && !status; i++) {
    m[i].name = (char *)(uintptr_t)e[i].name;
    if (strlen(e[i].name) > 65535 - 4) status = mx_fail(MX_EVALUE, "[savez] A name is longer than 65531 bytes.");
    if (!status) status = save_member(s, &e[i], compress, &m[i]);
  }
  unsigned char h[128];
  uint64_t start = s->written;
  for (int64_t i = 0; i < n && !status; i++) status = put_header(s, true, &m[i]);
  uint64_t size = s->written - start, end = s->written;
  unsigned char *p = set(h, END64, 4);
  p = set(p, 44, 8), p = set(p, 45, 2), p = set(p, 45, 2), p = set(p, 0, 8);
  p = set(p, (uint64_t)n, 8), p = set(p, (uint64_t)n, 8), p = set(p, size, 8), p = set(p, start, 8);
  p = set(p, LOCATOR64, 4), p = set(p, 0, 4), p = set(p, end, 8), p = set(p, 1, 4);
  p = set(p, END, 4), p = set(p, 0, 4);
  uint64_t few = n < 0xffff ? (uint64_t)n : 0xffff;
  p = set(p, few, 2), p = set(p, few, 2), p = set(p, 0xffffffffu, 4), p = set(p, 0xffffffffu, 4), p = set(p, 0, 2);
  if (!status) status = mx_sink_write(s, h, (size_t)(p - h));
  mx_free(m);
  return status;
}
