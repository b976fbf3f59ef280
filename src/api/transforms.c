/* transforms.c: evaluation and the transforms, over closures and vectors. */
#include "api/handle.h"
#include "eval/eval.h"

#include <string.h>

static int need(void *ctx, const char *op, const char *what) {
  return ctx ? MX_OK : mx_fail(MX_EVALUE, "[%s] The %s handle is empty.", op, what);
}

int mlx_eval(const mlx_vector_array outputs) {
  if (!outputs.ctx) return MX_OK;
  return mx_boundary(mx_eval(api_list(outputs)->at, api_list(outputs)->n));
}
int mlx_async_eval(const mlx_vector_array outputs) {
  if (!outputs.ctx) return MX_OK;
  return mx_boundary(mx_eval_async(api_list(outputs)->at, api_list(outputs)->n));
}

/* Gives two lists to two results, or neither. */
static int give_two(int status, mlx_vector_array *res_0, struct mx_list *a, mlx_vector_array *res_1, struct mx_list *b) {
  if (!status) status = api_vector_give(res_0, a);
  if (!status) status = api_vector_give(res_1, b);
  mx_list_clear(a);
  mx_list_clear(b);
  return mx_boundary(status);
}

int mlx_vjp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun, const mlx_vector_array primals,
            const mlx_vector_array cotangents) {
  struct mx_list values = {0}, grads = {0};
  struct mx_function f = api_function(fun);
  int status = need(fun.ctx, "vjp", "closure");
  if (!status) status = need(primals.ctx && cotangents.ctx ? fun.ctx : NULL, "vjp", "vector");
  if (!status)
    status = mx_vjp(&f, api_list(primals)->at, (int)api_list(primals)->n, api_list(cotangents)->at, (int)api_list(cotangents)->n,
                    &values, &grads);
  return give_two(status, res_0, &values, res_1, &grads);
}

int mlx_jvp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun, const mlx_vector_array primals,
            const mlx_vector_array tangents) {
  struct mx_list values = {0}, out = {0};
  struct mx_function f = api_function(fun);
  int status = need(fun.ctx, "jvp", "closure");
  if (!status) status = need(primals.ctx && tangents.ctx ? fun.ctx : NULL, "jvp", "vector");
  if (!status && api_list(primals)->n != api_list(tangents)->n)
    status = mx_fail(MX_EVALUE, "[jvp] %lld primals but %lld tangents were given.", (long long)api_list(primals)->n,
                     (long long)api_list(tangents)->n);
  if (!status) status = mx_jvp(&f, api_list(primals)->at, api_list(tangents)->at, (int)api_list(primals)->n, &values, &out);
  return give_two(status, res_0, &values, res_1, &out);
}

/* Closures that hold a closure and numbers. */
struct held {
  struct mx_object *fun;
  uint64_t id;
  bool shapeless;
  int32_t n;
  uint64_t numbers[]; /* argnums, or constants */
};
static void held_drop(void *p) {
  mx_object_unref(((struct held *)p)->fun);
  mx_free(p);
}
static struct held *held_new(void *fun, size_t n) {
  struct held *h = mx_calloc(1, sizeof *h + n * sizeof h->numbers[0]);
  if (!h) return NULL;
  h->fun = mx_object_ref(fun);
  h->n = (int32_t)n;
  return h;
}

static int call_value_and_grad(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_vector_array in, void *payload) {
  struct held *h = payload;
  int few[32], *argnums = h->n <= 32 ? few : mx_malloc((size_t)h->n * sizeof *argnums);
  if (!argnums) return MX_EMEMORY;
  for (int i = 0; i < h->n; i++) argnums[i] = (int)(int64_t)h->numbers[i];
  struct mx_list values = {0}, grads = {0};
  struct mx_function f = api_function((mlx_closure){h->fun});
  int status = mx_value_and_grad(&f, api_list(in)->at, (int)api_list(in)->n, argnums, h->n, &values, &grads);
  if (!status) status = api_vector_give(res_0, &values);
  if (!status) status = api_vector_give(res_1, &grads);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  if (argnums != few) mx_free(argnums);
  return status;
}

int mlx_value_and_grad(mlx_closure_value_and_grad *res, const mlx_closure fun, const int *argnums, size_t argnums_num) {
  int status = need(fun.ctx, "value_and_grad", "closure");
  struct held *h = status ? NULL : held_new(fun.ctx, argnums_num);
  if (!h) return mx_boundary(status ? status : MX_EMEMORY);
  for (size_t i = 0; i < argnums_num; i++) h->numbers[i] = (uint64_t)(int64_t)argnums[i];
  mlx_closure_value_and_grad made = mlx_closure_value_and_grad_new_func_payload(call_value_and_grad, h, held_drop);
  if (!made.ctx) return MX_EMEMORY;
  mlx_closure_value_and_grad_free(*res);
  *res = made;
  return MX_OK;
}

static int replace_closure(mlx_closure *res, int (*call)(mlx_vector_array *, const mlx_vector_array, void *), struct held *h) {
  mlx_closure made = mlx_closure_new_func_payload(call, h, held_drop);
  if (!made.ctx) return MX_EMEMORY;
  mlx_closure_free(*res);
  *res = made;
  return MX_OK;
}

/* Compile */

static int call_compiled(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  struct held *h = payload;
  struct mx_list out = {0};
  struct mx_function f = api_function((mlx_closure){h->fun});
  int status = mx_compile_call(&f, h->id, h->numbers, h->n, h->shapeless, api_list(in)->at, (int)api_list(in)->n, &out);
  if (!status) status = api_vector_give(res, &out);
  mx_list_clear(&out);
  return status;
}

int mlx_detail_compile(mlx_closure *res, const mlx_closure fun, uintptr_t fun_id, bool shapeless, const uint64_t *constants,
                       size_t constants_num) {
  int status = need(fun.ctx, "compile", "closure");
  struct held *h = status ? NULL : held_new(fun.ctx, constants_num);
  if (!h) return mx_boundary(status ? status : MX_EMEMORY);
  h->id = fun_id;
  h->shapeless = shapeless;
  if (constants_num) memcpy(h->numbers, constants, constants_num * sizeof *constants);
  return replace_closure(res, call_compiled, h);
}
/* An id of its own for each call: a closure's address may be used again by another. */
int mlx_compile(mlx_closure *res, const mlx_closure fun, bool shapeless) {
  return mlx_detail_compile(res, fun, (uintptr_t)mx_compile_new_id(), shapeless, NULL, 0);
}
int mlx_detail_compile_clear_cache(void) {
  mx_compile_clear();
  return MX_OK;
}
int mlx_detail_compile_erase(uintptr_t fun_id) {
  mx_compile_erase(fun_id);
  return MX_OK;
}
int mlx_set_compile_mode(mlx_compile_mode mode) {
  if ((unsigned)mode > MLX_COMPILE_MODE_ENABLED) return mx_boundary(mx_fail(MX_EVALUE, "[compile] There is no mode %d.", (int)mode));
  mx_compile_set_mode((enum mx_compile_mode)mode);
  return MX_OK;
}
int mlx_disable_compile(void) { return mlx_set_compile_mode(MLX_COMPILE_MODE_DISABLED); }
int mlx_enable_compile(void) { return mlx_set_compile_mode(MLX_COMPILE_MODE_ENABLED); }
uint64_t mlx_ravel_compile_id(void) { return mx_compile_new_id(); }
int mlx_ravel_compile_call(mlx_vector_array *res, const mlx_closure fun, uint64_t id, const uint64_t *constants, size_t nconstants,
                           bool shapeless, const mlx_vector_array inputs) {
  struct mx_list out = {0};
  struct mx_function f = api_function(fun);
  int status = need(fun.ctx && inputs.ctx ? fun.ctx : NULL, "compile", "closure or vector");
  if (!status)
    status = mx_compile_call(&f, id, constants, (int64_t)nconstants, shapeless, api_list(inputs)->at, (int)api_list(inputs)->n, &out);
  if (!status) status = api_vector_give(res, &out);
  mx_list_clear(&out);
  return mx_boundary(status);
}

/* Checkpoint and custom functions */

static int call_checkpoint(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  struct held *h = payload;
  struct mx_list out = {0};
  struct mx_function f = api_function((mlx_closure){h->fun});
  int status = mx_checkpoint_call(&f, h->fun, api_list(in)->at, (int)api_list(in)->n, &out);
  if (!status) status = api_vector_give(res, &out);
  mx_list_clear(&out);
  return status;
}
int mlx_checkpoint(mlx_closure *res, const mlx_closure fun) {
  int status = need(fun.ctx, "checkpoint", "closure");
  struct held *h = status ? NULL : held_new(fun.ctx, 0);
  if (!h) return mx_boundary(status ? status : MX_EMEMORY);
  return replace_closure(res, call_checkpoint, h);
}

struct rules {
  struct mx_custom_rules r;
  struct mx_object *fun, *vjp, *jvp, *vmap;
};
static void rules_destroy(struct mx_object *o) {
  struct rules *r = (struct rules *)o;
  mx_object_unref(r->fun);
  mx_object_unref(r->vjp);
  mx_object_unref(r->jvp);
  mx_object_unref(r->vmap);
  mx_free(r);
}
static const struct mx_object_type rules_type = {.name = "CustomRules", .destroy = rules_destroy};
static void rules_drop(void *p) { mx_object_unref(p); }

/* A vector over borrowed arrays, for the length of a call. */
#define BORROW(name, at_, n_) struct mx_list name##_list = {(mx_array **)(at_), n_, n_}; mlx_vector_array name = {&name##_list}

static int take_result(int status, mlx_vector_array res, struct mx_list *to) {
  for (int64_t i = 0; !status && res.ctx && i < api_list(res)->n; i++) status = mx_list_add(to, api_list(res)->at[i]);
  mlx_vector_array_free(res);
  return status;
}

static int rule_vjp(struct mx_custom_rules *r, mx_array *const *primals, int n, mx_array *const *cot, int ncot, mx_array *const *outputs,
                    int nout, struct mx_list *grads) {
  BORROW(p, primals, n);
  BORROW(c, cot, ncot);
  BORROW(o, outputs, nout);
  mlx_vector_array res = mlx_vector_array_new();
  return take_result(mlx_closure_custom_apply(&res, (mlx_closure_custom){((struct rules *)r)->vjp}, p, c, o), res, grads);
}
static int rule_jvp(struct mx_custom_rules *r, mx_array *const *primals, int n, mx_array *const *tangents, const int *argnums, int nargs,
                    struct mx_list *out) {
  BORROW(p, primals, n);
  BORROW(t, tangents, nargs);
  mlx_vector_array res = mlx_vector_array_new();
  int status = mlx_closure_custom_jvp_apply(&res, (mlx_closure_custom_jvp){((struct rules *)r)->jvp}, p, t, argnums, (size_t)nargs);
  return take_result(status, res, out);
}
static int rule_vmap(struct mx_custom_rules *r, mx_array *const *inputs, int n, const int *axes, struct mx_list *out, int *out_axes,
                     int nout) {
  BORROW(in, inputs, n);
  mlx_vector_array res = mlx_vector_array_new();
  mlx_vector_int ax = mlx_vector_int_new();
  int status = mlx_closure_custom_vmap_apply(&res, &ax, (mlx_closure_custom_vmap){((struct rules *)r)->vmap}, in, axes, (size_t)n);
  if (!status && mlx_vector_int_size(ax) != (size_t)nout)
    status = mx_fail(MX_EVALUE, "[custom_function] The vmap gave %zu axes for %d outputs.", mlx_vector_int_size(ax), nout);
  for (int k = 0; k < nout && !status; k++) status = mlx_vector_int_get(&out_axes[k], ax, (size_t)k);
  mlx_vector_int_free(ax);
  return take_result(status, res, out);
}

static int call_custom(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  struct rules *r = payload;
  struct mx_list out = {0};
  struct mx_function f = api_function((mlx_closure){r->fun});
  int status = mx_custom_call(&f, &r->r, api_list(in)->at, (int)api_list(in)->n, &out);
  if (!status) status = api_vector_give(res, &out);
  mx_list_clear(&out);
  return status;
}

int mlx_custom_function(mlx_closure *res, const mlx_closure fun, const mlx_closure_custom fun_vjp, const mlx_closure_custom_jvp fun_jvp,
                        const mlx_closure_custom_vmap fun_vmap) {
  int status = need(fun.ctx, "custom_function", "closure");
  struct rules *r = status ? NULL : mx_calloc(1, sizeof *r);
  if (!r) return mx_boundary(status ? status : MX_EMEMORY);
  r->r.o.refs = 1;
  r->r.o.type = &rules_type;
  r->fun = mx_object_ref(fun.ctx);
  r->vjp = mx_object_ref(fun_vjp.ctx), r->jvp = mx_object_ref(fun_jvp.ctx), r->vmap = mx_object_ref(fun_vmap.ctx);
  r->r.vjp = r->vjp ? rule_vjp : NULL;
  r->r.jvp = r->jvp ? rule_jvp : NULL;
  r->r.vmap = r->vmap ? rule_vmap : NULL;
  mlx_closure made = mlx_closure_new_func_payload(call_custom, r, rules_drop);
  if (!made.ctx) return MX_EMEMORY;
  mlx_closure_free(*res);
  *res = made;
  return MX_OK;
}
int mlx_custom_vjp(mlx_closure *res, const mlx_closure fun, const mlx_closure_custom fun_vjp) {
  return mlx_custom_function(res, fun, fun_vjp, (mlx_closure_custom_jvp){NULL}, (mlx_closure_custom_vmap){NULL});
}

/* vmap */

int mlx_detail_vmap_trace(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun, const mlx_vector_array inputs,
                          const int *in_axes, size_t in_axes_num) {
  struct mx_list s_in = {0}, s_out = {0};
  struct mx_function f = api_function(fun);
  int status = need(fun.ctx && inputs.ctx ? fun.ctx : NULL, "vmap", "closure or vector");
  if (!status && (size_t)api_list(inputs)->n != in_axes_num)
    status = mx_fail(MX_EVALUE, "[vmap] %lld inputs but %zu in_axes were given.", (long long)api_list(inputs)->n, in_axes_num);
  if (!status) status = mx_vmap_trace(&f, api_list(inputs)->at, (int)in_axes_num, in_axes, &s_in, &s_out);
  return give_two(status, res_0, &s_in, res_1, &s_out);
}
int mlx_detail_vmap_replace(mlx_vector_array *res, const mlx_vector_array inputs, const mlx_vector_array s_inputs,
                            const mlx_vector_array s_outputs, const int *in_axes, size_t in_axes_num, const int *out_axes,
                            size_t out_axes_num) {
  struct mx_list out = {0};
  int status = need(inputs.ctx && s_inputs.ctx && s_outputs.ctx ? inputs.ctx : NULL, "vmap", "vector");
  if (!status && ((size_t)api_list(inputs)->n != in_axes_num || (size_t)api_list(s_inputs)->n != in_axes_num ||
                  (size_t)api_list(s_outputs)->n != out_axes_num))
    status = mx_fail(MX_EVALUE, "[vmap] The numbers of inputs, outputs and axes differ.");
  if (!status)
    status = mx_vmap_replace(api_list(inputs)->at, api_list(s_inputs)->at, (int)in_axes_num, api_list(s_outputs)->at,
                             (int)out_axes_num, in_axes, out_axes, &out);
  if (!status) status = api_vector_give(res, &out);
  mx_list_clear(&out);
  return mx_boundary(status);
}
