/* Files and the caller's own streams: whole or not there, in place of links and devices, errors that name the file. */
#include "io/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const mlx_stream plain = {NULL};

TEST(a_path_that_cannot_be_read_is_an_error_that_names_it) {
  files_begin();
  mlx_array a = mlx_array_new();
  CHECK_ERROR(mlx_load(&a, files_path("none.npy"), plain), MX_ERUNTIME, "none.npy");
  CHECK_ERROR(mlx_load(&a, "/tmp", plain), MX_ERUNTIME, "not a regular file");
  CHECK_ERROR(mlx_load(&a, NULL, plain), MX_EVALUE, "NULL");
  REQUIRE(!mkfifo(files_path("pipe"), 0600));
  CHECK_ERROR(mlx_load(&a, files_path("pipe"), plain), MX_ERUNTIME, "not a regular file"); /* and does not wait for a writer */
  CHECK(!a.ctx);
  CHECK_INT(files_errors(), 4);
  files_end();
}

TEST(a_path_that_cannot_be_written_is_an_error_and_leaves_nothing) {
  files_begin();
  mlx_array a = mlx_array_new_int(1);
  CHECK_ERROR(mlx_save(files_path("none/a.npy"), a), MX_ERUNTIME, "a.npy");
  CHECK_ERROR(mlx_save("/tmp", a), MX_ERUNTIME, "folder");
  CHECK_ERROR(mlx_save("", a), MX_ERUNTIME, "");
  CHECK_ERROR(mlx_save(NULL, a), MX_EVALUE, "NULL");
  CHECK_ERROR(mlx_save(files_path("a.npy"), (mlx_array){NULL}), MX_EVALUE, "empty");
  CHECK_ERROR(mlx_save("/dev/full", a), MX_ERUNTIME, "No space left");
  CHECK_INT(files_count(), 0);
  mlx_array_free(a);
  files_end();
}

TEST(a_save_that_fails_leaves_the_file_of_before) {
  files_begin();
  mlx_map_string_to_array m = mlx_map_string_to_array_new();
  mlx_array a = mlx_array_new_int(1), b = mlx_array_new();
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  CHECK_OK(mlx_map_string_to_array_insert(m, "__metadata__", a));
  CHECK(mlx_save_safetensors(files_path("a.npy"), m, (mlx_map_string_to_string){NULL}) != 0);
  CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
  CHECK(same_array(a, b));
  CHECK_INT(files_count(), 1);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_map_string_to_array_free(m);
  files_end();
}

TEST(an_array_that_is_written_in_several_pieces_is_whole_on_disk) {
  files_begin();
  mlx_array a = mlx_array_new();
  int n = 5 << 20; /* of four bytes: two pieces of 8 MB and a rest */
  CHECK_OK(mlx_arange(&a, 0, n, 1, MLX_INT32, plain));
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  size_t size;
  char *data = files_read(files_path("a.npy"), &size);
  REQUIRE(size == 128 + 4 * (size_t)n);
  int wrong = 0;
  for (int i = 0; i < n; i++) {
    int32_t got;
    memcpy(&got, data + 128 + 4 * (size_t)i, 4);
    wrong += got != i;
  }
  CHECK_INT(wrong, 0);
  free(data);
  mlx_array_free(a);
  files_end();
}

TEST(devices_are_written_to_and_stay_what_they_are) {
  struct stat st;
  mlx_array a = mlx_array_new_int(1);
  CHECK_OK(mlx_save("/dev/null", a));
  CHECK(!stat("/dev/null", &st) && S_ISCHR(st.st_mode));
  mlx_array_free(a);
}

TEST(a_save_goes_through_a_link_and_keeps_the_mode) {
  files_begin();
  struct stat st;
  char link[400];
  mlx_array a = mlx_array_new_int(1), b = mlx_array_new_int(2), c = mlx_array_new();
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  mode_t mask = umask(022);
  umask(mask);
  CHECK(!stat(files_path("a.npy"), &st));
  CHECK_INT(st.st_mode & 0777, 0666 & ~mask);
  REQUIRE(!chmod(files_path("a.npy"), 0600));
  snprintf(link, sizeof link, "%s", files_path("link.npy"));
  REQUIRE(!symlink(files_path("a.npy"), link));
  CHECK_OK(mlx_save(link, b));
  CHECK(!lstat(link, &st) && S_ISLNK(st.st_mode));
  CHECK(!stat(files_path("a.npy"), &st));
  CHECK_INT(st.st_mode & 0777, 0600);
  CHECK_OK(mlx_load(&c, files_path("a.npy"), plain));
  CHECK(same_array(b, c));
  CHECK_INT(files_count(), 2);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(c);
  files_end();
}

TEST(a_name_as_long_as_names_may_be_is_saved) {
  files_begin();
  char name[256];
  memset(name, 'n', 255);
  name[255] = 0;
  mlx_array a = mlx_array_new_int(1);
  CHECK_OK(mlx_save(files_path(name), a));
  CHECK_INT(files_count(), 1);
  mlx_array_free(a);
  files_end();
}

TEST(saving_over_the_file_that_arrays_were_loaded_from_loses_nothing) {
  files_begin();
  mlx_array a = pattern(MLX_FLOAT32), b = mlx_array_new(), c = mlx_array_new(), twice = mlx_array_new();
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
  CHECK_OK(mlx_add(&twice, b, b, plain)); /* not yet computed when its source is replaced */
  CHECK_OK(mlx_save(files_path("a.npy"), twice));
  CHECK(same_array(a, b));
  CHECK_OK(mlx_load(&c, files_path("a.npy"), plain));
  CHECK(same_array(twice, c));
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(c);
  mlx_array_free(twice);
  files_end();
}

/* A stream of the caller's in memory. */
struct memory {
  char data[4096];
  size_t n, at, limit; /* reads past limit fail, writes past it too */
  bool open, good;
  int freed;
};
static bool m_open(void *p) { return ((struct memory *)p)->open; }
static bool m_good(void *p) { return ((struct memory *)p)->good; }
static size_t m_tell(void *p) { return ((struct memory *)p)->at; }
static void m_seek(void *p, int64_t off, int whence) {
  struct memory *m = p;
  m->at = (size_t)(off + (whence == SEEK_END ? (int64_t)m->n : whence == SEEK_CUR ? (int64_t)m->at : 0));
}
static void m_read_at(void *p, char *data, size_t n, size_t off) {
  struct memory *m = p;
  m->good = off + n <= m->limit;
  if (m->good) memcpy(data, m->data + off, n);
}
static void m_read(void *p, char *data, size_t n) {
  struct memory *m = p;
  m_read_at(p, data, n, m->at);
  m->at += n;
}
static void m_write(void *p, const char *data, size_t n) {
  struct memory *m = p;
  m->good = m->n + n <= m->limit;
  if (m->good) memcpy(m->data + m->n, data, n);
  if (m->good) m->n += n;
}
static const char *m_label(void *p) { return (void)p, "a memory of mine"; }
static void m_free(void *p) { ((struct memory *)p)->freed++; }
static const mlx_io_vtable vtable = {m_open, m_good, m_tell, m_seek, m_read, m_read_at, m_write, m_label, m_free};
static struct memory memory_new(void) { return (struct memory){.limit = 4096, .open = true, .good = true}; }

TEST(arrays_go_through_readers_and_writers_of_the_caller) {
  files_begin();
  mlx_array a = pattern(MLX_COMPLEX64), b = mlx_array_new();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = {NULL};
  mlx_map_string_to_string t = {NULL};
  CHECK_OK(mlx_map_string_to_array_insert(m, "a", a));
  for (int format = 0; format < 3; format++) {
    struct memory mem = memory_new();
    mlx_io_writer w = mlx_io_writer_new(&mem, vtable);
    CHECK_OK(format == 0   ? mlx_save_writer(w, a)
             : format == 1 ? mlx_save_safetensors_writer(w, m, t)
                           : mlx_ravel_save_npz_writer(w, m, true));
    mlx_io_writer_free(w);
    mlx_io_reader reader = mlx_io_reader_new(&mem, vtable);
    CHECK_OK(format == 0   ? mlx_load_reader(&b, reader, plain)
             : format == 1 ? mlx_load_safetensors_reader(&r, &t, reader, plain)
                           : mlx_ravel_load_npz_reader(&r, reader));
    if (format) CHECK_OK(mlx_map_string_to_array_get(&b, r, "a"));
    CHECK(same_array(a, b));
    mlx_io_reader_free(reader);
    CHECK_INT(mem.freed, 2);
  }
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  mlx_map_string_to_string_free(t);
  files_end();
}

TEST(a_reader_is_read_from_where_it_stands) {
  files_begin();
  struct memory mem = memory_new();
  mlx_array a = pattern(MLX_INT16), b = mlx_array_new();
  m_write(&mem, "prefix", 6);
  mlx_io_writer w = mlx_io_writer_new(&mem, vtable);
  CHECK_OK(mlx_save_writer(w, a));
  mem.at = 6;
  mlx_io_reader r = mlx_io_reader_new(&mem, vtable);
  CHECK_OK(mlx_load_reader(&b, r, plain));
  CHECK(same_array(a, b));
  mlx_io_writer_free(w);
  mlx_io_reader_free(r);
  mlx_array_free(a);
  mlx_array_free(b);
  files_end();
}

TEST(streams_that_fail_lie_or_lack_functions_are_errors) {
  files_begin();
  struct memory mem = memory_new();
  mlx_array a = pattern(MLX_INT16), b = mlx_array_new();
  mlx_map_string_to_array m = {NULL};
  mlx_map_string_to_string t = {NULL};
  mlx_io_writer w = mlx_io_writer_new(&mem, vtable);
  mlx_io_reader r = mlx_io_reader_new(&mem, vtable), hollow = mlx_io_reader_new(&mem, (mlx_io_vtable){0});
  CHECK_OK(mlx_save_writer(w, a));
  mem.limit = mem.n - 1; /* the stream claims one byte more than it gives */
  CHECK_ERROR(mlx_load_reader(&b, r, plain), MX_ERUNTIME, "a memory of mine");
  mem.good = true;
  CHECK_ERROR(mlx_save_writer(w, a), MX_ERUNTIME, "a memory of mine");
  mem.good = true, mem.open = false;
  CHECK_ERROR(mlx_load_reader(&b, r, plain), MX_ERUNTIME, "not open");
  CHECK_ERROR(mlx_save_writer(w, a), MX_ERUNTIME, "not open");
  mem.open = true, mem.at = 5000;
  CHECK_ERROR(mlx_load_reader(&b, r, plain), MX_ERUNTIME, "sought");
  CHECK_ERROR(mlx_load_reader(&b, hollow, plain), MX_EVALUE, "lacks");
  CHECK_ERROR(mlx_load_reader(&b, (mlx_io_reader){NULL}, plain), MX_EVALUE, "empty");
  CHECK_ERROR(mlx_load_safetensors_reader(&m, &t, (mlx_io_reader){NULL}, plain), MX_EVALUE, "empty");
  CHECK_ERROR(mlx_save_writer((mlx_io_writer){NULL}, a), MX_EVALUE, "empty");
  CHECK_INT(files_errors(), 9);
  CHECK(!b.ctx);
  mlx_io_reader_free(r);
  mlx_io_reader_free(hollow);
  mlx_io_writer_free(w);
  mlx_array_free(a);
  files_end();
}

TEST(readers_and_writers_tell_their_label_and_descriptor) {
  files_begin();
  struct memory mem = memory_new();
  mlx_io_writer w = mlx_io_writer_new(&mem, vtable);
  mlx_io_reader r = mlx_io_reader_new(&mem, vtable);
  mlx_string s = mlx_string_new();
  void *d = NULL;
  CHECK_OK(mlx_io_reader_tostring(&s, r));
  CHECK_STR(mlx_string_data(s), "a memory of mine");
  CHECK_OK(mlx_io_writer_tostring(&s, w));
  CHECK_OK(mlx_io_reader_descriptor(&d, r));
  CHECK(d == &mem);
  d = NULL;
  CHECK_OK(mlx_io_writer_descriptor(&d, w));
  CHECK(d == &mem);
  mlx_string_free(s);
  mlx_io_reader_free(r);
  mlx_io_writer_free(w);
  CHECK_INT(mem.freed, 2);
  CHECK_INT(mlx_io_reader_free((mlx_io_reader){NULL}), 0);
  CHECK_INT(mlx_io_writer_free((mlx_io_writer){NULL}), 0);
  files_end();
}

TEST_TORTURE(saving_and_loading_survive_any_allocation_that_fails) {
  files_begin();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = {NULL};
  mlx_map_string_to_string t = {NULL};
  mlx_array a = mlx_array_new_int(3);
  int status = m.ctx && a.ctx ? mlx_map_string_to_array_insert(m, "a", a) : MX_EMEMORY;
  if (!status) status = mlx_save_safetensors(files_path("a.safetensors"), m, t);
  if (!status) status = mlx_load_safetensors(&r, &t, files_path("a.safetensors"), plain);
  if (!status) status = mlx_ravel_save_npz(files_path("a.npz"), m, true);
  if (!status) status = mlx_ravel_load_npz(&r, files_path("a.npz"));
  if (!status) status = mlx_save(files_path("a.npy"), a);
  if (!status) status = mlx_load(&a, files_path("a.npy"), plain);
  CHECK(status == MX_OK || status == MX_EMEMORY);
  mlx_array_free(a);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  mlx_map_string_to_string_free(t);
  files_end();
  CHECK_OK(status);
}
