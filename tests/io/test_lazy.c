/* Lazy loads: a larger array is read when it is asked for, from the file as it was, at any offset, on any stream. */
#include "io/files.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const mlx_stream plain = {NULL};
enum { N = 1 << 19 }; /* float32 of 2 MiB: several pieces of a parallel read */

static mlx_array numbers(mlx_dtype dtype) {
  mlx_array a = mlx_array_new();
  CHECK_OK(mlx_arange(&a, 0, N, 1, dtype, plain));
  CHECK_OK(mlx_array_eval(a));
  return a;
}

TEST(a_large_array_is_read_when_it_is_asked_for) {
  files_begin();
  mlx_array a = numbers(MLX_FLOAT32), b = mlx_array_new(), small = mlx_array_new_int(7), c = mlx_array_new();
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  CHECK_OK(mlx_save(files_path("small.npy"), small));
  CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
  CHECK_OK(mlx_load(&c, files_path("small.npy"), plain));
  CHECK(!mlx_ravel_array_is_evaluated(b));
  CHECK(mlx_ravel_array_is_evaluated(c));
  CHECK_OK(mlx_save(files_path("a.npy"), small)); /* replaces the name, not what b reads from */
  CHECK(same_array(a, b));
  CHECK_OK(mlx_load(&c, files_path("a.npy"), plain));
  CHECK(same_array(small, c));
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
  CHECK_OK(mlx_add(&c, b, b, plain));
  CHECK_OK(mlx_save(files_path("a.npy"), c)); /* over the file that it is computed from */
  CHECK(same_array(a, b));
  unlink(files_path("a.npy"));
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(c);
  mlx_array_free(small);
  files_end();
}

TEST(a_file_cut_after_it_was_loaded_is_an_error_where_the_array_is_asked_for) {
  files_begin();
  mlx_array a = numbers(MLX_FLOAT32), b = mlx_array_new(), c = mlx_array_new();
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
  CHECK_OK(mlx_negative(&c, b, plain));
  REQUIRE(!truncate(files_path("a.npy"), 1 << 20));
  CHECK_ERROR(mlx_array_eval(c), MX_ERUNTIME, "a.npy ends too early");
  CHECK_ERROR(mlx_array_eval(b), MX_ERUNTIME, "a.npy ends too early");
  REQUIRE(!truncate(files_path("a.npy"), 128 + 4 * N)); /* zeros now, but there again */
  CHECK_OK(mlx_array_eval(b));
  CHECK_NEAR(mlx_array_data_float32(b)[100], 100, 0);
  CHECK_NEAR(mlx_array_data_float32(b)[N - 1], 0, 0);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(c);
  files_end();
}

TEST(what_numbers_need_is_done_in_every_piece_of_a_large_read) {
  files_begin();
  struct bytes *b = calloc(1, sizeof *b);
  REQUIRE(b);
  char text[128];
  snprintf(text, sizeof text, "{'descr': '>i4', 'fortran_order': True, 'shape': (2, %d), }", N / 2);
  npy_make(b, 1, text, "", 0);
  size_t lead = b->n;
  unsigned char *file = malloc(lead + 4 * N);
  REQUIRE(file);
  memcpy(file, b->at, lead);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < 4; k++) file[lead + 4 * (size_t)i + (size_t)k] = (unsigned char)(i >> (24 - 8 * k));
  files_write(files_path("big.npy"), file, lead + 4 * N);
  mlx_array a = mlx_array_new(), flat = mlx_array_new();
  CHECK_OK(mlx_load(&a, files_path("big.npy"), plain));
  CHECK_OK(mlx_contiguous(&flat, a, false, plain));
  CHECK_OK(mlx_array_eval(flat));
  int wrong = 0;
  for (int r = 0; r < 2; r++)
    for (int i = 0; i < N / 2; i++) wrong += mlx_array_data_int32(flat)[r * (N / 2) + i] != 2 * i + r;
  CHECK_INT(wrong, 0);
  snprintf(text, sizeof text, "{'descr': '|b1', 'fortran_order': False, 'shape': (%d,), }", 4 * N);
  npy_make(b, 1, text, "", 0);
  REQUIRE(b->n <= lead);
  memcpy(file, b->at, b->n);
  memset(file + b->n, 0x82, 4 * N);
  files_write(files_path("bools.npy"), file, b->n + 4 * N);
  CHECK_OK(mlx_load(&a, files_path("bools.npy"), plain));
  CHECK_OK(mlx_array_eval(a));
  wrong = 0;
  for (int i = 0; i < 4 * N; i++) wrong += ((const unsigned char *)mlx_ravel_array_data(a))[i] != 1;
  CHECK_INT(wrong, 0);
  mlx_array_free(a);
  mlx_array_free(flat);
  free(file);
  free(b);
  files_end();
}

/* A hole of six gigabytes stands before the tensor: offsets are 64-bit, and what is not used is not read. */
TEST(a_tensor_behind_a_hole_of_gigabytes_is_read_alone) {
  files_begin();
  static const char json[] = "{\"hole\":{\"dtype\":\"U8\",\"shape\":[6000000000],\"data_offsets\":[0,6000000000]},"
                             "\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[6000000000,6000000008]}}";
  static struct bytes b;
  safetensors_make(&b, json, "", 0);
  files_write(files_path("sparse.safetensors"), b.at, b.n);
  int fd = open(files_path("sparse.safetensors"), O_WRONLY);
  REQUIRE(fd >= 0);
  float x[2] = {1.5f, -2};
  CHECK_INT(pwrite(fd, x, sizeof x, (off_t)(b.n + 6000000000)), sizeof x);
  close(fd);
  mlx_map_string_to_array m = {NULL};
  mlx_map_string_to_string t = {NULL};
  mlx_array a = mlx_array_new();
  CHECK_OK(mlx_load_safetensors(&m, &t, files_path("sparse.safetensors"), plain));
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "x"));
  CHECK_OK(mlx_array_eval(a));
  CHECK_NEAR(mlx_array_data_float32(a)[1], -2, 0);
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "hole"));
  CHECK(mlx_ravel_array_shape(a)[0] == 6000000000 && !mlx_ravel_array_is_evaluated(a));
  mlx_array_free(a);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_string_free(t);
  files_end();
}

TEST(more_files_than_descriptors_can_be_loaded) {
  files_begin();
  enum { FILES = 300 };
  struct rlimit before, few = {200, 0};
  REQUIRE(!getrlimit(RLIMIT_NOFILE, &before));
  few.rlim_max = before.rlim_max;
  mlx_array a = numbers(MLX_INT8), *many = calloc(FILES, sizeof *many);
  REQUIRE(many);
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  CHECK(!setrlimit(RLIMIT_NOFILE, &few));
  for (int i = 0; i < FILES; i++) CHECK(!mlx_load(&many[i], files_path("a.npy"), plain));
  CHECK(!setrlimit(RLIMIT_NOFILE, &before));
  int lazy = 0;
  for (int i = 0; i < FILES; i++) lazy += !mlx_ravel_array_is_evaluated(many[i]);
  CHECK_INT(lazy, 100);
  CHECK(same_array(a, many[0]));
  CHECK(same_array(a, many[FILES - 1]));
  for (int i = 0; i < FILES; i++) mlx_array_free(many[i]);
  mlx_array_free(a);
  free(many);
  files_end();
}

TEST(a_mapped_file_is_the_array) {
  files_begin();
  mlx_array a = numbers(MLX_FLOAT32), b = mlx_array_new(), c = mlx_array_new(), one = mlx_array_new_float32(1);
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  REQUIRE(!setenv("MLX_MMAP", "1", 1));
  int status = mlx_load(&b, files_path("a.npy"), plain);
  unsetenv("MLX_MMAP");
  CHECK_OK(status);
  CHECK(mlx_ravel_array_is_evaluated(b));
  CHECK_OK(mlx_save(files_path("a.npy"), one)); /* another file under the name */
  CHECK(same_array(a, b));
  CHECK_OK(mlx_add(&c, b, one, plain)); /* b's memory is the file's: it is never written over */
  mlx_array_free(b);
  CHECK_OK(mlx_array_eval(c));
  CHECK_NEAR(mlx_array_data_float32(c)[N - 1], N, 0);
  mlx_array_free(a);
  mlx_array_free(c);
  mlx_array_free(one);
  files_end();
}

TEST(a_load_runs_on_the_stream_it_was_given) {
  files_begin();
  mlx_array a = numbers(MLX_FLOAT32), b = mlx_array_new(), c = mlx_array_new();
  mlx_device cpu = mlx_device_new_type(MLX_CPU, 0);
  mlx_stream other = mlx_stream_new_device(cpu);
  CHECK_OK(mlx_save(files_path("a.npy"), a));
  CHECK_OK(mlx_load(&b, files_path("a.npy"), other));
  CHECK_OK(mlx_add(&c, b, b, plain));
  CHECK_OK(mlx_array_eval(c));
  CHECK_NEAR(mlx_array_data_float32(c)[N - 1], 2.0 * (N - 1), 0);
  CHECK(same_array(a, b));
  mlx_stream_free(other);
  mlx_device_free(cpu);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(c);
  files_end();
}

/* Four threads ask for the same lazy arrays at once, in another order each; one of the files is cut. */
enum { SHARED = 12 };
struct reading {
  mlx_array *arrays;
  int start, wrong;
};
static void *read_all(void *p) {
  struct reading *r = p;
  for (int i = 0; i < SHARED; i++) {
    int k = (i + r->start) % SHARED, status = mlx_array_eval(r->arrays[k]);
    r->wrong += k == 5 ? status != MX_ERUNTIME : status || mlx_array_data_float32(r->arrays[k])[N - 1] != N - 1;
  }
  /* One fails and gives back what the second waits for while the third claims it. */
  for (int i = 0; i < 300; i++) r->wrong += mlx_array_eval(r->arrays[5]) != MX_ERUNTIME;
  return NULL;
}
TEST(threads_may_ask_for_the_same_lazy_arrays) {
  files_begin();
  mlx_array a = numbers(MLX_FLOAT32), many[SHARED];
  struct reading r[4];
  pthread_t threads[4];
  for (int k = 0; k < SHARED; k++) {
    char name[16];
    snprintf(name, sizeof name, "%d.npy", k);
    CHECK_OK(mlx_save(files_path(name), a));
    many[k] = mlx_array_new();
    CHECK_OK(mlx_load(&many[k], files_path(name), plain));
  }
  REQUIRE(!truncate(files_path("5.npy"), 1 << 20));
  for (int i = 0; i < 4; i++) {
    r[i] = (struct reading){many, 3 * i, 0};
    REQUIRE(!pthread_create(&threads[i], NULL, read_all, &r[i]));
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 4; i++) CHECK_INT(r[i].wrong, 0);
  for (int k = 0; k < SHARED; k++) mlx_array_free(many[k]);
  mlx_array_free(a);
  files_end();
}

TEST_TORTURE(lazy_loads_survive_any_allocation_that_fails) {
  files_begin();
  mlx_array a = mlx_array_new(), b = mlx_array_new();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = {NULL};
  int status = m.ctx ? mlx_arange(&a, 0, 17000, 1, MLX_FLOAT32, plain) : MX_EMEMORY;
  if (!status) status = mlx_map_string_to_array_insert(m, "a", a);
  if (!status) status = mlx_save(files_path("a.npy"), a);
  if (!status) status = mlx_load(&b, files_path("a.npy"), plain);
  if (!status) status = mlx_array_eval(b);
  if (!status) status = mlx_ravel_save_npz(files_path("a.npz"), m, false);
  if (!status) status = mlx_ravel_load_npz(&r, files_path("a.npz"));
  CHECK(status == MX_OK || status == MX_EMEMORY);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  files_end();
  CHECK_OK(status);
}
