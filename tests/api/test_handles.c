/* Handles of what is not an array: vectors, strings, maps, devices, streams, names in graphs, threads. */
#include "mlx/c/cuda.h"
#include "mlx/c/device.h"
#include "mlx/c/error.h"
#include "mlx/c/graph_utils.h"
#include "mlx/c/map.h"
#include "mlx/c/metal.h"
#include "mlx/c/ops.h"
#include "mlx/c/random.h"
#include "mlx/c/ravel.h"
#include "mlx/c/stream.h"
#include "mlx/c/string.h"
#include "mlx/c/vector.h"

#include "core/error.h"
#include "ops/text.h"

#include <stdio.h>
#include <string.h>

static void quiet(const char *text, void *data) { (void)text, (void)data; }

/* The first dimension of element i; each kind of vector goes through the same calls. */
TEST(vectors_of_arrays) {
  mlx_array one = text_put("int32 (1,): 1"), two = text_put("int32 (2,): 1 2"), got = mlx_array_new(), pair[2] = {one, two};
  mlx_vector_array v = mlx_vector_array_new_data(pair, 2), w = mlx_vector_array_new_value(two);
  CHECK_INT(mlx_vector_array_size(v), 2);
  CHECK_OK(mlx_vector_array_append_data(v, pair, 2));
  CHECK_OK(mlx_vector_array_append_value(v, two));
  CHECK_INT(mlx_vector_array_size(v), 5);
  CHECK_OK(mlx_vector_array_get(&got, v, 3));
  CHECK(got.ctx == two.ctx);
  CHECK_OK(mlx_vector_array_set(&w, v));
  CHECK_INT(mlx_vector_array_size(w), 5);
  CHECK_OK(mlx_vector_array_set_data(&w, pair, 1));
  CHECK_INT(mlx_vector_array_size(w), 1);
  CHECK_INT(mlx_vector_array_size(v), 5);
  CHECK_OK(mlx_vector_array_set_value(&w, two));
  CHECK_OK(mlx_vector_array_get(&got, w, 0));
  CHECK(got.ctx == two.ctx);
  mlx_set_error_handler(quiet, NULL, NULL);
  CHECK_ERROR(mlx_vector_array_get(&got, v, 5), MX_EINDEX, "5");
  mlx_set_error_handler(NULL, NULL, NULL);
  CHECK(got.ctx == two.ctx);
  for (int i = 0; i < 2; i++) mlx_array_free(pair[i]);
  mlx_array_free(got);
  mlx_vector_array_free(v);
  mlx_vector_array_free(w);
}

TEST(vectors_of_vectors) {
  mlx_array one = text_put("int32 (1,): 1");
  mlx_vector_array inner[2] = {mlx_vector_array_new_value(one), mlx_vector_array_new()}, got = mlx_vector_array_new();
  mlx_vector_vector_array v = mlx_vector_vector_array_new(), w = mlx_vector_vector_array_new_data(inner, 2),
                          x = mlx_vector_vector_array_new_value(inner[0]);
  CHECK_INT(mlx_vector_vector_array_size(v), 0);
  CHECK_OK(mlx_vector_vector_array_append_value(v, inner[1]));
  CHECK_OK(mlx_vector_vector_array_append_data(v, inner, 2));
  CHECK_INT(mlx_vector_vector_array_size(v), 3);
  CHECK_OK(mlx_vector_vector_array_get(&got, v, 1));
  CHECK_INT(mlx_vector_array_size(got), 1);
  CHECK_OK(mlx_vector_vector_array_set(&x, w));
  CHECK_INT(mlx_vector_vector_array_size(x), 2);
  CHECK_OK(mlx_vector_vector_array_set_data(&x, inner, 1));
  CHECK_INT(mlx_vector_vector_array_size(x), 1);
  CHECK_OK(mlx_vector_vector_array_set_value(&x, inner[1]));
  CHECK_OK(mlx_vector_vector_array_get(&got, x, 0));
  CHECK_INT(mlx_vector_array_size(got), 0);
  mlx_vector_vector_array_free(v);
  mlx_vector_vector_array_free(w);
  mlx_vector_vector_array_free(x);
  mlx_vector_array_free(got);
  for (int i = 0; i < 2; i++) mlx_vector_array_free(inner[i]);
  mlx_array_free(one);
}

TEST(vectors_of_integers) {
  int three[3] = {7, -8, 9}, got = 0;
  mlx_vector_int v = mlx_vector_int_new(), w = mlx_vector_int_new_data(three, 3), x = mlx_vector_int_new_value(4);
  CHECK_INT(mlx_vector_int_size(v), 0);
  CHECK_OK(mlx_vector_int_append_value(v, 1));
  CHECK_OK(mlx_vector_int_append_data(v, three, 3));
  CHECK_INT(mlx_vector_int_size(v), 4);
  CHECK_OK(mlx_vector_int_get(&got, v, 2));
  CHECK_INT(got, -8);
  CHECK_OK(mlx_vector_int_set(&x, w));
  CHECK_INT(mlx_vector_int_size(x), 3);
  CHECK_OK(mlx_vector_int_set_data(&x, three, 2));
  CHECK_INT(mlx_vector_int_size(x), 2);
  CHECK_OK(mlx_vector_int_set_value(&x, 5));
  CHECK_OK(mlx_vector_int_get(&got, x, 0));
  CHECK_INT(got, 5);
  mlx_vector_int_free(v);
  mlx_vector_int_free(w);
  mlx_vector_int_free(x);
}

TEST(vectors_of_strings) {
  const char *two[2] = {"a", "bc"};
  char *got = NULL;
  mlx_vector_string v = mlx_vector_string_new(), w = mlx_vector_string_new_data(two, 2), x = mlx_vector_string_new_value("x");
  CHECK_OK(mlx_vector_string_append_value(v, "first"));
  CHECK_OK(mlx_vector_string_append_data(v, two, 2));
  CHECK_INT(mlx_vector_string_size(v), 3);
  CHECK_OK(mlx_vector_string_get(&got, v, 2));
  CHECK_STR(got, "bc");
  CHECK_OK(mlx_vector_string_set(&x, w));
  CHECK_INT(mlx_vector_string_size(x), 2);
  CHECK_OK(mlx_vector_string_set_data(&x, two, 1));
  CHECK_INT(mlx_vector_string_size(x), 1);
  CHECK_OK(mlx_vector_string_set_value(&x, "y"));
  CHECK_OK(mlx_vector_string_get(&got, x, 0));
  CHECK_STR(got, "y");
  mlx_vector_string_free(v);
  mlx_vector_string_free(w);
  mlx_vector_string_free(x);
}

TEST(strings_and_maps) {
  mlx_string a = mlx_string_new_data("one"), c = mlx_string_new();
  CHECK_OK(mlx_string_set(&c, a));
  CHECK_STR(mlx_string_data(c), "one");
  mlx_string_free(a);
  mlx_string_free(c);
  mlx_array x = text_put("int32 (): 4"), got = mlx_array_new();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), n = mlx_map_string_to_array_new();
  CHECK_OK(mlx_map_string_to_array_insert(m, "x", x));
  CHECK_OK(mlx_map_string_to_array_set(&n, m));
  mlx_map_string_to_array_free(m);
  CHECK_OK(mlx_map_string_to_array_get(&got, n, "x"));
  CHECK_STR(text_take(got), "int32 (): 4");
  mlx_map_string_to_array_free(n);
  mlx_array_free(x);
  const char *said = NULL;
  mlx_map_string_to_string p = mlx_map_string_to_string_new(), q = mlx_map_string_to_string_new();
  CHECK_OK(mlx_map_string_to_string_insert(p, "key", "value"));
  CHECK_OK(mlx_map_string_to_string_set(&q, p));
  CHECK_OK(mlx_map_string_to_string_get(&said, q, "key"));
  CHECK_STR(said, "value");
  mlx_map_string_to_string_free(p);
  mlx_map_string_to_string_free(q);
}

TEST(devices_and_streams) {
  mlx_device d = mlx_device_new(), cpu = mlx_device_new_type(MLX_CPU, 0);
  mlx_device_type type = MLX_GPU;
  mlx_string text = mlx_string_new();
  int index = -1;
  CHECK_OK(mlx_device_set(&d, cpu));
  CHECK(mlx_device_equal(d, cpu));
  CHECK_OK(mlx_device_get_type(&type, d));
  CHECK_INT(type, MLX_CPU);
  CHECK_OK(mlx_device_tostring(&text, d));
  CHECK(strstr(mlx_string_data(text), "cpu"));
  mlx_string_free(text);
  mlx_stream own = mlx_stream_new_device(cpu), s = mlx_stream_new();
  CHECK_OK(mlx_stream_set(&s, own));
  CHECK(mlx_stream_equal(s, own));
  CHECK_OK(mlx_stream_get_index(&index, s));
  CHECK(index > 0); /* 0 is the default stream */
  mlx_stream_free(s);
  mlx_stream_free(own);
  mlx_device_info info = mlx_device_info_new();
  bool there = false;
  CHECK_OK(mlx_device_info_get(&info, cpu));
  CHECK_OK(mlx_device_info_has_key(&there, info, "architecture"));
  CHECK(there);
  CHECK_OK(mlx_device_info_has_key(&there, info, "no such key"));
  CHECK(!there);
  mlx_device_info_free(info);
  mlx_device_free(cpu);
  mlx_device_free(d);
}

TEST(there_is_no_gpu_and_that_is_said) {
  bool metal = true, cuda = true;
  CHECK_OK(mlx_metal_is_available(&metal));
  CHECK_OK(mlx_cuda_is_available(&cuda));
  CHECK(!metal && !cuda);
  mlx_set_error_handler(quiet, NULL, NULL);
  mlx_stream s = mlx_default_gpu_stream_new();
  CHECK(!s.ctx);
  CHECK_INT(mlx_ravel_error_class(), MLX_RAVEL_VALUE);
  CHECK(strstr(mlx_ravel_error_text(), "gpu"));
  mlx_ravel_error_clear();
  CHECK_INT(mlx_ravel_error_class(), MLX_RAVEL_OK);
  mlx_set_error_handler(NULL, NULL, NULL);
}

TEST(graphs_print_with_the_names_they_are_given) {
  mlx_array a = text_put("float32 (2,): 1 2"), sum = mlx_array_new();
  CHECK_OK(mlx_exp(&sum, a, (mlx_stream){NULL}));
  mlx_node_namer names = mlx_node_namer_new();
  const char *name = NULL;
  char text[512] = "";
  CHECK_OK(mlx_node_namer_set_name(names, a, "samples"));
  CHECK_OK(mlx_node_namer_get_name(&name, names, a));
  CHECK_STR(name, "samples");
  mlx_vector_array outputs = mlx_vector_array_new_value(sum);
  FILE *f = fmemopen(text, sizeof text, "w");
  CHECK_OK(mlx_print_graph(f, names, outputs));
  fclose(f);
  CHECK(strstr(text, "samples") && strstr(text, "Exp"));
  mlx_vector_array_free(outputs);
  mlx_node_namer_free(names);
  mlx_array_free(sum);
  mlx_array_free(a);
}

TEST(threads_and_the_random_state_are_read_and_set) {
  int threads = mlx_ravel_threads();
  CHECK(threads >= 1);
  CHECK_INT(mlx_ravel_set_threads(1), threads);
  CHECK_INT(mlx_ravel_threads(), 1);
  CHECK_INT(mlx_ravel_set_threads(threads), 1);
  CHECK(strlen(mlx_ravel_version()) >= 5);
  const mlx_stream s = {NULL};
  mlx_array none = {NULL}, state = mlx_array_new(), one = mlx_array_new(), two = mlx_array_new(), same = mlx_array_new();
  CHECK_OK(mlx_random_seed(3));
  CHECK_OK(mlx_ravel_random_state(&state));
  CHECK_OK(mlx_random_bits(&one, (int[]){2}, 1, 4, none, s));
  CHECK_OK(mlx_ravel_set_random_state(state));
  CHECK_OK(mlx_random_bits(&two, (int[]){2}, 1, 4, none, s));
  CHECK_OK(mlx_array_equal(&same, one, two, false, s));
  CHECK_STR(text_take(same), "bool (): true");
  mlx_array_free(one);
  mlx_array_free(two);
  mlx_array_free(state);
}
