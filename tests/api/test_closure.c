/* Closures of every kind, with and without a payload, and the transforms that take them. The function is x -> x² + y. */
#include "mlx/c/closure.h"
#include "mlx/c/compile.h"
#include "mlx/c/ops.h"
#include "mlx/c/transforms.h"

#include "ops/text.h"

static const mlx_stream s = {NULL};

static mlx_array at(const mlx_vector_array v, size_t i) {
  mlx_array a = mlx_array_new();
  CHECK_OK(mlx_vector_array_get(&a, v, i));
  return a;
}
#define TEXT_OF(vector, i, text) CHECK_STR(text_take(at(vector, i)), text)
static mlx_vector_array pair(const char *one, const char *two) {
  mlx_array a[2] = {text_put(one), text_put(two)};
  mlx_vector_array v = mlx_vector_array_new_data(a, 2);
  for (int i = 0; i < 2; i++) mlx_array_free(a[i]);
  return v;
}

static int square_plus(mlx_vector_array *res, const mlx_vector_array in) {
  mlx_array x = at(in, 0), y = at(in, 1), r = mlx_array_new();
  int status = mlx_square(&r, x, s) || mlx_add(&r, r, y, s) || mlx_vector_array_set_value(res, r);
  mlx_array_free(x);
  mlx_array_free(y);
  mlx_array_free(r);
  return status;
}
static int kwargs_function(mlx_vector_array *res, const mlx_vector_array in, const mlx_map_string_to_array kw) {
  mlx_array x = at(in, 0), y = mlx_array_new(), r = mlx_array_new();
  int status = mlx_map_string_to_array_get(&y, kw, "y") || mlx_add(&r, x, y, s) || mlx_vector_array_set_value(res, r);
  mlx_array_free(x);
  mlx_array_free(y);
  mlx_array_free(r);
  return status;
}
static int kwargs_payload(mlx_vector_array *res, const mlx_vector_array in, const mlx_map_string_to_array kw, void *count) {
  ++*(int *)count;
  return kwargs_function(res, in, kw);
}
static int two_results(mlx_vector_array *values, mlx_vector_array *grads, const mlx_vector_array in) {
  return square_plus(values, in) || mlx_vector_array_set(grads, in);
}
static int two_results_payload(mlx_vector_array *values, mlx_vector_array *grads, const mlx_vector_array in, void *count) {
  ++*(int *)count;
  return two_results(values, grads, in);
}
static int doubled(mlx_array *res, const mlx_array x) { return mlx_add(res, x, x, s); }
static void count_release(void *count) { *(int *)count += 100; }

TEST(closures_are_called_copied_and_released) {
  mlx_vector_array in = pair("float32 (2,): 1 2", "float32 (2,): 10 20"), out = mlx_vector_array_new(), more = mlx_vector_array_new();
  mlx_closure f = mlx_closure_new_func(square_plus), g = mlx_closure_new(), u = mlx_closure_new_unary(doubled);
  CHECK_OK(mlx_closure_set(&g, f));
  mlx_closure_free(f);
  CHECK_OK(mlx_closure_apply(&out, g, in));
  TEXT_OF(out, 0, "float32 (2,): 11 24");
  mlx_array x = at(in, 0);
  mlx_vector_array first = mlx_vector_array_new_value(x);
  mlx_array_free(x);
  CHECK_OK(mlx_closure_apply(&out, u, first));
  TEXT_OF(out, 0, "float32 (2,): 2 4");
  mlx_map_string_to_array kw = mlx_map_string_to_array_new();
  mlx_array y = text_put("float32 (): 5");
  CHECK_OK(mlx_map_string_to_array_insert(kw, "y", y));
  int count = 0;
  mlx_closure_kwargs k = mlx_closure_kwargs_new_func(kwargs_function), l = mlx_closure_kwargs_new(),
                     p = mlx_closure_kwargs_new_func_payload(kwargs_payload, &count, count_release);
  CHECK_OK(mlx_closure_kwargs_apply(&out, k, in, kw));
  TEXT_OF(out, 0, "float32 (2,): 6 7");
  CHECK_OK(mlx_closure_kwargs_set(&l, p));
  mlx_closure_kwargs_free(p);
  CHECK_OK(mlx_closure_kwargs_apply(&out, l, in, kw));
  TEXT_OF(out, 0, "float32 (2,): 6 7");
  CHECK_INT(count, 1);
  mlx_closure_kwargs_free(l);
  CHECK_INT(count, 101);
  mlx_closure_value_and_grad v = mlx_closure_value_and_grad_new_func(two_results), w = mlx_closure_value_and_grad_new();
  CHECK_OK(mlx_closure_value_and_grad_set(&w, v));
  CHECK_OK(mlx_closure_value_and_grad_apply(&out, &more, w, in));
  TEXT_OF(out, 0, "float32 (2,): 11 24");
  TEXT_OF(more, 1, "float32 (2,): 10 20");
  mlx_closure_value_and_grad_free(w);
  w = mlx_closure_value_and_grad_new_func_payload(two_results_payload, &count, count_release);
  CHECK_OK(mlx_closure_value_and_grad_apply(&out, &more, w, in));
  mlx_closure_value_and_grad_free(w);
  CHECK_INT(count, 202);
  mlx_closure_value_and_grad_free(v);
  mlx_closure_kwargs_free(k);
  mlx_closure_free(g);
  mlx_closure_free(u);
  mlx_map_string_to_array_free(kw);
  mlx_array_free(y);
  mlx_vector_array_free(first);
  mlx_vector_array_free(in);
  mlx_vector_array_free(out);
  mlx_vector_array_free(more);
}

/* Rules of a custom function that tell themselves apart: each multiplies by a number of its own. */
static int scaled(mlx_vector_array *res, const mlx_vector_array from, size_t i, int by) {
  mlx_array x = at(from, i), r = mlx_array_new_int(by);
  int status = mlx_multiply(&r, r, x, s) || mlx_vector_array_append_value(*res, r);
  mlx_array_free(x);
  mlx_array_free(r);
  return status;
}
static int made(mlx_vector_array *res) {
  if (!res->ctx) *res = mlx_vector_array_new();
  return res->ctx ? 0 : 1;
}
static int my_vjp(mlx_vector_array *res, const mlx_vector_array primals, const mlx_vector_array cotangents, const mlx_vector_array outputs) {
  (void)primals, (void)outputs;
  return made(res) || scaled(res, cotangents, 0, 3) || scaled(res, cotangents, 0, 4);
}
static int my_jvp(mlx_vector_array *res, const mlx_vector_array primals, const mlx_vector_array tangents, const int *argnums, size_t n) {
  (void)primals, (void)argnums, (void)n;
  return made(res) || scaled(res, tangents, 0, 7);
}
static int my_vmap(mlx_vector_array *res, mlx_vector_int *axes, const mlx_vector_array in, const int *in_axes, size_t n) {
  (void)in_axes, (void)n;
  return made(res) || scaled(res, in, 0, 9) || mlx_vector_int_set_value(axes, 0);
}

TEST(rules_of_custom_functions_are_the_callers) {
  mlx_vector_array in = pair("float32 (2,): 1 2", "float32 (2,): 10 20"), out = mlx_vector_array_new(), grads = mlx_vector_array_new();
  mlx_array ones = text_put("float32 (2,): 1 1");
  mlx_vector_array seed = mlx_vector_array_new_value(ones);
  mlx_closure f = mlx_closure_new_func(square_plus), only_vjp = mlx_closure_new(), all = mlx_closure_new();
  mlx_closure_custom v = mlx_closure_custom_new_func(my_vjp), v2 = mlx_closure_custom_new();
  mlx_closure_custom_jvp j = mlx_closure_custom_jvp_new_func(my_jvp), j2 = mlx_closure_custom_jvp_new();
  mlx_closure_custom_vmap m = mlx_closure_custom_vmap_new_func(my_vmap), m2 = mlx_closure_custom_vmap_new();
  CHECK_OK(mlx_closure_custom_set(&v2, v));
  CHECK_OK(mlx_closure_custom_jvp_set(&j2, j));
  CHECK_OK(mlx_closure_custom_vmap_set(&m2, m));
  CHECK_OK(mlx_closure_custom_apply(&grads, v2, in, seed, out));
  TEXT_OF(grads, 1, "float32 (2,): 4 4");
  mlx_vector_array_free(grads);
  grads = mlx_vector_array_new();
  CHECK_OK(mlx_closure_custom_jvp_apply(&grads, j2, in, in, (int[]){0, 1}, 2));
  TEXT_OF(grads, 0, "float32 (2,): 7 14");
  mlx_vector_array_free(grads);
  grads = mlx_vector_array_new();
  mlx_vector_int axes = mlx_vector_int_new();
  CHECK_OK(mlx_closure_custom_vmap_apply(&grads, &axes, m2, in, (int[]){0, 0}, 2));
  TEXT_OF(grads, 0, "float32 (2,): 9 18");
  CHECK_INT(mlx_vector_int_size(axes), 1);
  CHECK_OK(mlx_custom_vjp(&only_vjp, f, v));
  CHECK_OK(mlx_vjp(&out, &grads, only_vjp, in, seed));
  TEXT_OF(out, 0, "float32 (2,): 11 24");
  TEXT_OF(grads, 0, "float32 (2,): 3 3");
  TEXT_OF(grads, 1, "float32 (2,): 4 4");
  CHECK_OK(mlx_custom_function(&all, f, v, j, m));
  CHECK_OK(mlx_jvp(&out, &grads, all, in, in));
  TEXT_OF(grads, 0, "float32 (2,): 7 14");
  mlx_closure_free(f), mlx_closure_free(only_vjp), mlx_closure_free(all);
  mlx_closure_custom_free(v), mlx_closure_custom_free(v2), mlx_closure_custom_jvp_free(j), mlx_closure_custom_jvp_free(j2);
  mlx_closure_custom_vmap_free(m), mlx_closure_custom_vmap_free(m2), mlx_vector_int_free(axes);
  mlx_vector_array_free(in), mlx_vector_array_free(out), mlx_vector_array_free(grads), mlx_vector_array_free(seed);
  mlx_array_free(ones);
}

static int traced;
static int counting(mlx_vector_array *res, const mlx_vector_array in) {
  traced++;
  return square_plus(res, in);
}
TEST(compiled_functions_are_traced_once_unless_compiling_is_off) {
  mlx_vector_array in = pair("float32 (2,): 1 2", "float32 (2,): 10 20"), out = mlx_vector_array_new();
  mlx_closure f = mlx_closure_new_func(counting), g = mlx_closure_new(), h = mlx_closure_new();
  traced = 0;
  CHECK_OK(mlx_compile(&g, f, false));
  for (int i = 0; i < 3; i++) CHECK_OK(mlx_closure_apply(&out, g, in));
  TEXT_OF(out, 0, "float32 (2,): 11 24");
  CHECK_INT(traced, 1);
  CHECK_OK(mlx_detail_compile(&h, f, 77, false, NULL, 0));
  for (int i = 0; i < 2; i++) CHECK_OK(mlx_closure_apply(&out, h, in));
  CHECK_INT(traced, 2);
  CHECK_OK(mlx_detail_compile_clear_cache());
  CHECK_OK(mlx_closure_apply(&out, h, in));
  CHECK_INT(traced, 3);
  CHECK_OK(mlx_set_compile_mode(MLX_COMPILE_MODE_DISABLED));
  for (int i = 0; i < 2; i++) CHECK_OK(mlx_closure_apply(&out, g, in));
  CHECK_INT(traced, 5);
  CHECK_OK(mlx_set_compile_mode(MLX_COMPILE_MODE_ENABLED));
  TEXT_OF(out, 0, "float32 (2,): 11 24");
  CHECK_OK(mlx_detail_compile_erase(77));
  mlx_closure_free(f), mlx_closure_free(g), mlx_closure_free(h);
  mlx_vector_array_free(in), mlx_vector_array_free(out);
}
