/* closure.c: functions of the caller's as counted objects.
 * Invariant: dtor(payload) runs once, when the last closure, node or cache entry that holds it is gone. */
#include "api/handle.h"

typedef void (*any_function)(void);

struct closure {
  struct mx_object o;
  any_function plain, with_payload; /* one of the two */
  void *payload;
  void (*dtor)(void *);
};

static void closure_destroy(struct mx_object *o) {
  struct closure *c = (struct closure *)o;
  if (c->dtor) c->dtor(c->payload);
  mx_free(c);
}
static const struct mx_object_type closure_type = {.name = "Closure", .destroy = closure_destroy};

static void *closure_new(any_function plain, any_function with_payload, void *payload, void (*dtor)(void *)) {
  struct closure *c = mx_calloc(1, sizeof *c);
  if (!c) {
    if (dtor) dtor(payload);
    mx_boundary(MX_EMEMORY);
    return NULL;
  }
  *c = (struct closure){{1, &closure_type}, plain, with_payload, payload, dtor};
  return c;
}

struct mx_object *api_closure_object(void *ctx) { return ctx; }

/* A callback's answer as a status with a text, whatever it set. */
static int answer(int result) {
  if (!result) return MX_OK;
  if (mx_error_class()) return (int)mx_error_class();
  return mx_fail(MX_ECALLBACK, "[closure] The function reported an error.");
}
static int empty(void) { return mx_fail(MX_EVALUE, "[closure] The closure handle is empty."); }

/* For each kind: new, free, set, new_func, new_func_payload, and the call. PARAMS and ARGS are those of the function. */
#define CLOSURE(name, PARAMS, PARAMS_PAYLOAD, ARGS, ARGS_PAYLOAD)                                             \
  mlx_##name mlx_##name##_new(void) { return (mlx_##name){NULL}; }                                            \
  int mlx_##name##_free(mlx_##name cls) {                                                                     \
    mx_object_unref(cls.ctx);                                                                                 \
    return MX_OK;                                                                                             \
  }                                                                                                           \
  int mlx_##name##_set(mlx_##name *cls, const mlx_##name src) {                                               \
    struct mx_object *old = cls->ctx;                                                                         \
    cls->ctx = mx_object_ref(src.ctx);                                                                        \
    mx_object_unref(old);                                                                                     \
    return MX_OK;                                                                                             \
  }                                                                                                           \
  mlx_##name mlx_##name##_new_func(int (*fun) PARAMS) {                                                       \
    return (mlx_##name){closure_new((any_function)fun, NULL, NULL, NULL)};                                    \
  }                                                                                                           \
  mlx_##name mlx_##name##_new_func_payload(int (*fun) PARAMS_PAYLOAD, void *payload, void (*dtor)(void *)) {  \
    return (mlx_##name){closure_new(NULL, (any_function)fun, payload, dtor)};                                 \
  }                                                                                                           \
  static int call_##name(void *ctx, CALL_##name) {                                                            \
    struct closure *c = ctx;                                                                                  \
    if (!c) return empty();                                                                                   \
    mx_error_clear();                                                                                         \
    return answer(c->plain ? ((int(*) PARAMS)c->plain)ARGS : ((int(*) PARAMS_PAYLOAD)c->with_payload)ARGS_PAYLOAD); \
  }

#define CALL_closure mlx_vector_array *res, const mlx_vector_array in
CLOSURE(closure, (mlx_vector_array *, const mlx_vector_array), (mlx_vector_array *, const mlx_vector_array, void *), (res, in),
        (res, in, c->payload))
int mlx_closure_apply(mlx_vector_array *res, mlx_closure cls, const mlx_vector_array input) {
  return mx_boundary(call_closure(cls.ctx, res, input));
}

#define CALL_closure_kwargs mlx_vector_array *res, const mlx_vector_array in, const mlx_map_string_to_array kw
CLOSURE(closure_kwargs, (mlx_vector_array *, const mlx_vector_array, const mlx_map_string_to_array),
        (mlx_vector_array *, const mlx_vector_array, const mlx_map_string_to_array, void *), (res, in, kw), (res, in, kw, c->payload))
int mlx_closure_kwargs_apply(mlx_vector_array *res, mlx_closure_kwargs cls, const mlx_vector_array input_0,
                             const mlx_map_string_to_array input_1) {
  return mx_boundary(call_closure_kwargs(cls.ctx, res, input_0, input_1));
}

#define CALL_closure_value_and_grad mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_vector_array in
CLOSURE(closure_value_and_grad, (mlx_vector_array *, mlx_vector_array *, const mlx_vector_array),
        (mlx_vector_array *, mlx_vector_array *, const mlx_vector_array, void *), (res_0, res_1, in), (res_0, res_1, in, c->payload))
int mlx_closure_value_and_grad_apply(mlx_vector_array *res_0, mlx_vector_array *res_1, mlx_closure_value_and_grad cls,
                                     const mlx_vector_array input) {
  return mx_boundary(call_closure_value_and_grad(cls.ctx, res_0, res_1, input));
}

#define CALL_closure_custom                                                                                   \
  mlx_vector_array *res, const mlx_vector_array a, const mlx_vector_array b, const mlx_vector_array d
CLOSURE(closure_custom, (mlx_vector_array *, const mlx_vector_array, const mlx_vector_array, const mlx_vector_array),
        (mlx_vector_array *, const mlx_vector_array, const mlx_vector_array, const mlx_vector_array, void *), (res, a, b, d),
        (res, a, b, d, c->payload))
int mlx_closure_custom_apply(mlx_vector_array *res, mlx_closure_custom cls, const mlx_vector_array input_0,
                             const mlx_vector_array input_1, const mlx_vector_array input_2) {
  return mx_boundary(call_closure_custom(cls.ctx, res, input_0, input_1, input_2));
}

#define CALL_closure_custom_jvp                                                                               \
  mlx_vector_array *res, const mlx_vector_array a, const mlx_vector_array b, const int *nums, size_t n
CLOSURE(closure_custom_jvp, (mlx_vector_array *, const mlx_vector_array, const mlx_vector_array, const int *, size_t),
        (mlx_vector_array *, const mlx_vector_array, const mlx_vector_array, const int *, size_t, void *), (res, a, b, nums, n),
        (res, a, b, nums, n, c->payload))
int mlx_closure_custom_jvp_apply(mlx_vector_array *res, mlx_closure_custom_jvp cls, const mlx_vector_array input_0,
                                 const mlx_vector_array input_1, const int *input_2, size_t input_2_num) {
  return mx_boundary(call_closure_custom_jvp(cls.ctx, res, input_0, input_1, input_2, input_2_num));
}

#define CALL_closure_custom_vmap                                                                              \
  mlx_vector_array *res, mlx_vector_int *axes, const mlx_vector_array a, const int *nums, size_t n
CLOSURE(closure_custom_vmap, (mlx_vector_array *, mlx_vector_int *, const mlx_vector_array, const int *, size_t),
        (mlx_vector_array *, mlx_vector_int *, const mlx_vector_array, const int *, size_t, void *), (res, axes, a, nums, n),
        (res, axes, a, nums, n, c->payload))
int mlx_closure_custom_vmap_apply(mlx_vector_array *res_0, mlx_vector_int *res_1, mlx_closure_custom_vmap cls,
                                  const mlx_vector_array input_0, const int *input_1, size_t input_1_num) {
  return mx_boundary(call_closure_custom_vmap(cls.ctx, res_0, res_1, input_0, input_1, input_1_num));
}

static int call_unary(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  int (*fun)(mlx_array *, const mlx_array) = *(int (**)(mlx_array *, const mlx_array))payload;
  if (mlx_vector_array_size(in) != 1)
    return mx_fail(MX_EVALUE, "[closure] The function takes one array, not %zu.", mlx_vector_array_size(in));
  mlx_array out = mlx_array_new();
  int status = fun(&out, (mlx_array){api_list(in)->at[0]});
  if (!status) status = mlx_vector_array_set_value(res, out);
  mlx_array_free(out);
  return status;
}
mlx_closure mlx_closure_new_unary(int (*fun)(mlx_array *, const mlx_array)) {
  int (**payload)(mlx_array *, const mlx_array) = mx_malloc(sizeof *payload);
  if (!payload) {
    mx_boundary(MX_EMEMORY);
    return (mlx_closure){NULL};
  }
  *payload = fun;
  return mlx_closure_new_func_payload(call_unary, payload, mx_free);
}

/* A closure as the transforms call it: arrays in, a list to append to. */
static int function_call(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  struct mx_list args = {(mx_array **)in, nin, nin}; /* borrowed for the call: the callee only reads it */
  mlx_vector_array res = {mx_calloc(1, sizeof(struct mx_list))};
  int status = res.ctx ? call_closure(ctx, &res, (mlx_vector_array){&args}) : MX_EMEMORY;
  for (int64_t i = 0; !status && res.ctx && i < api_list(res)->n; i++) status = mx_list_add(out, api_list(res)->at[i]);
  mlx_vector_array_free(res);
  return status;
}
struct mx_function api_function(const mlx_closure cls) { return (struct mx_function){function_call, cls.ctx}; }
