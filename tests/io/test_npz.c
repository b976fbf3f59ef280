/* Archives of arrays: what is written reads back; archives that are cut, damaged, or promise more than they hold are refused. */
#include "io/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* An archive made by hand. Every field that a test wants to lie about is here. */
struct zip {
  struct bytes b, directory;
  int members;
};
struct entry {
  const char *name;
  int method;
  uint32_t crc;
  uint64_t packed, size;
  const void *data;
  size_t n; /* bytes of data really there */
};

static struct entry entry_of(const char *name, const struct bytes *npy) {
  return (struct entry){name, 0, (uint32_t)crc32(0, npy->at, (uInt)npy->n), npy->n, npy->n, npy->at, npy->n};
}
static void zip_point(struct zip *z, const struct entry *e, uint64_t local) { /* an entry of the directory */
  struct bytes *d = &z->directory;
  bytes_int(d, 0x02014b50, 4);
  bytes_int(d, 20, 2), bytes_int(d, 20, 2), bytes_int(d, 0, 2), bytes_int(d, (uint64_t)e->method, 2), bytes_int(d, 0, 4);
  bytes_int(d, e->crc, 4), bytes_int(d, e->packed, 4), bytes_int(d, e->size, 4);
  bytes_int(d, strlen(e->name), 2), bytes_int(d, 0, 2), bytes_int(d, 0, 2), bytes_int(d, 0, 8), bytes_int(d, local, 4);
  bytes_text(d, e->name);
  z->members++;
}
static uint64_t zip_add(struct zip *z, const struct entry *e) {
  uint64_t local = z->b.n;
  struct bytes *b = &z->b;
  bytes_int(b, 0x04034b50, 4);
  bytes_int(b, 20, 2), bytes_int(b, 0, 2), bytes_int(b, (uint64_t)e->method, 2), bytes_int(b, 0, 4);
  bytes_int(b, e->crc, 4), bytes_int(b, e->packed, 4), bytes_int(b, e->size, 4);
  bytes_int(b, strlen(e->name), 2), bytes_int(b, 0, 2);
  bytes_text(b, e->name);
  bytes_add(b, e->data, e->n);
  zip_point(z, e, local);
  return local;
}
static void zip_end(struct zip *z) {
  uint64_t at = z->b.n;
  bytes_add(&z->b, z->directory.at, z->directory.n);
  bytes_int(&z->b, 0x06054b50, 4);
  bytes_int(&z->b, 0, 4), bytes_int(&z->b, (uint64_t)z->members, 2), bytes_int(&z->b, (uint64_t)z->members, 2);
  bytes_int(&z->b, z->directory.n, 4), bytes_int(&z->b, at, 4), bytes_int(&z->b, 0, 2);
}
static int zip_load(mlx_map_string_to_array *m, struct zip *z) {
  files_write(files_path("x.npz"), z->b.at, z->b.n);
  return mlx_ravel_load_npz(m, files_path("x.npz"));
}
/* One member, as the test describes it. */
static int load_one(mlx_map_string_to_array *m, const struct entry *e) {
  static struct zip z;
  z.b.n = z.directory.n = 0, z.members = 0;
  zip_add(&z, e);
  zip_end(&z);
  return zip_load(m, &z);
}
static void npy_of_four(struct bytes *b) {
  npy_make(b, 1, "{'descr': '<i4', 'fortran_order': False, 'shape': (4,), }", (int32_t[]){1, 2, 3, 4}, 16);
}
static size_t deflated(const void *in, size_t n, unsigned char *out, size_t room) {
  z_stream z = {0};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  z.next_in = (Bytef *)(uintptr_t)in, z.avail_in = (uInt)n, z.next_out = out, z.avail_out = (uInt)room;
  CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
  size_t made = room - z.avail_out;
  deflateEnd(&z);
  return made;
}

TEST(arrays_of_each_dtype_come_back_from_npz_stored_and_compressed) {
  files_begin();
  for (int compress = 0; compress < 2; compress++) {
    mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = {NULL};
    for (int d = 0; d <= MLX_COMPLEX64; d++) {
      char name[32];
      snprintf(name, sizeof name, "d%d/\xc3\xa9", d);
      mlx_array a = pattern((mlx_dtype)d);
      CHECK_OK(mlx_map_string_to_array_insert(m, name, a));
      mlx_array_free(a);
    }
    CHECK_OK(mlx_ravel_save_npz(files_path("a.npz"), m, compress));
    CHECK_OK(mlx_ravel_load_npz(&r, files_path("a.npz")));
    for (int d = 0; d <= MLX_COMPLEX64; d++) {
      char name[32];
      snprintf(name, sizeof name, "d%d/\xc3\xa9", d);
      mlx_array a = mlx_array_new(), b = mlx_array_new();
      CHECK_OK(mlx_map_string_to_array_get(&a, m, name));
      CHECK_OK(mlx_map_string_to_array_get(&b, r, name));
      CHECK(same_array(a, b));
      mlx_array_free(a);
      mlx_array_free(b);
    }
    size_t n;
    char *file = files_read(files_path("a.npz"), &n);
    CHECK_INT(file[7] & 8, 8); /* general purpose bit 11: the names are UTF-8 */
    free(file);
    mlx_map_string_to_array_free(m);
    mlx_map_string_to_array_free(r);
  }
  CHECK_INT(files_count(), 1);
  files_end();
}

TEST(a_large_array_compresses_and_comes_back) {
  files_begin();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = {NULL};
  mlx_array a = mlx_array_new(), b = mlx_array_new();
  mlx_stream s = {NULL};
  CHECK_OK(mlx_arange(&a, 0, 300000, 1, MLX_INT32, s));
  CHECK_OK(mlx_map_string_to_array_insert(m, "a", a));
  CHECK_OK(mlx_ravel_save_npz(files_path("a.npz"), m, true));
  size_t n;
  free(files_read(files_path("a.npz"), &n));
  CHECK(n < 600000);
  CHECK_OK(mlx_ravel_load_npz(&r, files_path("a.npz")));
  CHECK_OK(mlx_map_string_to_array_get(&b, r, "a"));
  CHECK(same_array(a, b));
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  files_end();
}

TEST(archives_of_others_stored_or_deflated_are_read) {
  files_begin();
  struct bytes npy;
  npy_of_four(&npy);
  mlx_map_string_to_array m = {NULL};
  mlx_array a = mlx_array_new(), want = mlx_array_new_data((int32_t[]){1, 2, 3, 4}, (int[]){4}, 1, MLX_INT32);
  struct entry e = entry_of("x.npy", &npy);
  CHECK_OK(load_one(&m, &e));
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "x"));
  CHECK(same_array(a, want));
  unsigned char packed[512];
  e.method = 8, e.name = "without ending";
  e.n = e.packed = deflated(npy.at, npy.n, packed, sizeof packed), e.data = packed;
  CHECK_OK(load_one(&m, &e));
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "without ending"));
  CHECK(same_array(a, want));
  static struct zip none;
  zip_end(&none);
  CHECK_OK(zip_load(&m, &none));
  mlx_array_free(a);
  mlx_array_free(want);
  mlx_map_string_to_array_free(m);
  files_end();
}

TEST(a_member_that_lies_is_refused) {
  files_begin();
  struct bytes npy;
  npy_of_four(&npy);
  unsigned char packed[512];
  size_t small = deflated(npy.at, npy.n, packed, sizeof packed);
  mlx_map_string_to_array m = {NULL};
  struct entry sound = entry_of("x.npy", &npy), e = sound;
  e.crc ^= 1;
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "checksum");
  e = sound, e.size++;
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "contradict");
  e = sound, e.size = e.packed = 1 << 30;
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "");
  e = sound, e.method = 12;
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "unknown method");
  e = sound, e.size = e.packed = 20, e.n = 20, e.crc = (uint32_t)crc32(0, npy.at, 20);
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "ends too early");
  struct entry z = sound;
  z.method = 8, z.data = packed, z.n = z.packed = small;
  e = z, e.size++;
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "stated size");
  e = z, e.size--;
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "ends before its data");
  e = z, e.size = 0xfffffff0u; /* a bomb's promise */
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "contradict");
  e = z, e.packed--;
  CHECK_ERROR(load_one(&m, &e), MX_ERUNTIME, "");
  memset(packed, 0xff, 8);
  CHECK_ERROR(load_one(&m, &z), MX_ERUNTIME, "damaged");
  CHECK(!m.ctx);
  files_end();
}

/* A bomb: the archive is small, each member is sound, and they are all the same bytes. */
TEST(members_that_share_their_bytes_are_refused) {
  files_begin();
  static struct zip z;
  static char zeros[40000];
  static struct bytes npy;
  unsigned char packed[512];
  npy_make(&npy, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (40000,), }", zeros, sizeof zeros);
  struct entry e = entry_of("a.npy", &npy);
  e.method = 8, e.data = packed, e.n = e.packed = deflated(npy.at, npy.n, packed, sizeof packed);
  uint64_t at = zip_add(&z, &e);
  for (int i = 0; i < 300; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    e.name = name;
    zip_point(&z, &e, at);
  }
  zip_end(&z);
  mlx_map_string_to_array m = {NULL};
  CHECK_ERROR(zip_load(&m, &z), MX_ERUNTIME, "overlap");
  CHECK(!m.ctx);
  files_end();
}

TEST(an_archive_cut_anywhere_is_refused) {
  files_begin();
  static struct zip z;
  struct bytes npy;
  npy_of_four(&npy);
  struct entry e = entry_of("x.npy", &npy);
  zip_add(&z, &e);
  zip_end(&z);
  mlx_map_string_to_array m = {NULL};
  for (size_t n = 0; n < z.b.n; n++) {
    files_write(files_path("x.npz"), z.b.at, n);
    CHECK_ERROR(mlx_ravel_load_npz(&m, files_path("x.npz")), MX_ERUNTIME, "x.npz");
  }
  CHECK(!m.ctx);
  files_end();
}

/* Every byte of a sound archive, changed in turn: the array of before, another one, or an error. */
TEST(an_archive_with_any_byte_changed_gives_arrays_or_an_error) {
  files_begin();
  static struct zip z;
  struct bytes npy;
  unsigned char packed[512];
  npy_of_four(&npy);
  struct entry e = entry_of("x.npy", &npy);
  e.method = 8, e.data = packed, e.n = e.packed = deflated(npy.at, npy.n, packed, sizeof packed);
  zip_add(&z, &e);
  zip_end(&z);
  mlx_map_string_to_array m = {NULL};
  int refused = 0;
  for (size_t i = 0; i < z.b.n; i++) {
    unsigned char was = z.b.at[i];
    for (int k = 0; k < 3; k++) {
      z.b.at[i] = (unsigned char[]){0xff, (unsigned char)~was, (unsigned char)(was + 1)}[k];
      refused += zip_load(&m, &z) != 0;
    }
    z.b.at[i] = was;
  }
  CHECK(refused > 300);
  mlx_map_string_to_array_free(m);
  files_end();
}

TEST(zip64_records_are_read_and_their_lies_refused) {
  files_begin();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = {NULL};
  mlx_array a = pattern(MLX_FLOAT32);
  CHECK_OK(mlx_map_string_to_array_insert(m, "a", a));
  CHECK_OK(mlx_ravel_save_npz(files_path("a.npz"), m, false)); /* always written with zip64 records */
  size_t n;
  unsigned char *file = (unsigned char *)files_read(files_path("a.npz"), &n);
  int refused = 0;
  for (size_t i = n - 22 - 20 - 56; i < n; i++) {
    unsigned char was = file[i];
    file[i] ^= 0xff;
    files_write(files_path("b.npz"), file, n);
    refused += mlx_ravel_load_npz(&r, files_path("b.npz")) != 0;
    file[i] = was;
  }
  CHECK(refused > 20);
  memset(file + n - 22 - 20 - 56 + 32, 0xff, 8); /* 2^64 - 1 members */
  files_write(files_path("b.npz"), file, n);
  CHECK_ERROR(mlx_ravel_load_npz(&r, files_path("b.npz")), MX_ERUNTIME, "b.npz");
  free(file);
  mlx_array_free(a);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  files_end();
}
