/* transforms.h: functions of arrays made from functions of arrays. Graph in, graph out.
 * Invariant: on an error nothing is returned and every trace that was begun has ended. */
#ifndef MX_TRANSFORMS_TRANSFORMS_H
#define MX_TRANSFORMS_TRANSFORMS_H

#include "graph/build.h"

/* A growing list of references. */
struct mx_list {
  mx_array **at;
  int64_t n, cap;
};
int mx_list_add(struct mx_list *l, mx_array *a); /* takes a reference of its own */
void mx_list_clear(struct mx_list *l);           /* drops them and the memory */

/* A function of the user's: appends its results to out. Its failure is MX_ECALLBACK or the class it met. */
struct mx_function {
  int (*call)(void *ctx, mx_array *const *in, int nin, struct mx_list *out);
  void *ctx;
};

/* Values and vector-Jacobian products: grads[i] = sum over outputs k of cot[k]ᴴ… with respect to primals[i], of its shape;
 * zeros where nothing depends on it. cot: one for each output, of its shape. NULL cot: 1 for output 0, which must be a
 * scalar, 0 for the rest; then argnums (nargs of them, indices into primals) says which gradients are wanted. */
int mx_vjp(const struct mx_function *f, mx_array *const *primals, int n, mx_array *const *cot, int ncot, struct mx_list *values,
           struct mx_list *grads);
int mx_value_and_grad(const struct mx_function *f, mx_array *const *inputs, int n, const int *argnums, int nargs,
                      struct mx_list *values, struct mx_list *grads);
/* Values and Jacobian-vector products, forwards: tangents have the primals' shapes and dtypes. */
int mx_jvp(const struct mx_function *f, mx_array *const *primals, mx_array *const *tangents, int n, struct mx_list *values,
           struct mx_list *out_tangents);

/* vmap in two halves, as mlx-c has it. trace: runs f on placeholders that lack dimension in_axes[i] (-1: the input itself is
 * passed), gives those inputs and f's outputs. replace: the outputs for the real inputs, each batched at out_axes[k]. */
int mx_vmap_trace(const struct mx_function *f, mx_array *const *inputs, int n, const int *in_axes, struct mx_list *s_inputs,
                  struct mx_list *s_outputs);
int mx_vmap_replace(mx_array *const *inputs, mx_array *const *s_inputs, int n, mx_array *const *s_outputs, int nout,
                    const int *in_axes, const int *out_axes, struct mx_list *outputs);

/* Compile. fun_id names the function in the cache; constants are part of the key (what the binding baked in). Results are
 * outputs of one Compiled node. Inside another transform's trace of captured arrays the function simply runs. */
int mx_compile_call(const struct mx_function *f, uint64_t fun_id, const uint64_t *constants, int64_t nconstants, bool shapeless,
                    mx_array *const *in, int nin, struct mx_list *out);
void mx_compile_erase(uint64_t fun_id);
void mx_compile_clear(void);
uint64_t mx_compile_new_id(void);
enum mx_compile_mode { MX_COMPILE_DISABLED, MX_COMPILE_NO_SIMPLIFY, MX_COMPILE_NO_FUSE, MX_COMPILE_ENABLED };
void mx_compile_set_mode(enum mx_compile_mode mode); /* MLX_DISABLE_COMPILE in the environment starts it disabled */

/* A function with rules of its own. Each may be NULL: then the built-in way. vmap gives out_axes as it appends. */
struct mx_custom_rules {
  struct mx_object o; /* owns ctx of all three */
  int (*vjp)(struct mx_custom_rules *r, mx_array *const *primals, int n, mx_array *const *cot, int ncot, mx_array *const *outputs,
             int nout, struct mx_list *grads);
  int (*jvp)(struct mx_custom_rules *r, mx_array *const *primals, int n, mx_array *const *tangents, const int *argnums, int nargs,
             struct mx_list *out_tangents);
  int (*vmap)(struct mx_custom_rules *r, mx_array *const *inputs, int n, const int *axes, struct mx_list *outputs, int *out_axes,
              int nout);
};
int mx_custom_call(const struct mx_function *f, struct mx_custom_rules *rules, mx_array *const *in, int nin, struct mx_list *out);
/* f again in the backward pass instead of keeping what it computed. own (may be NULL) keeps f->ctx alive. */
int mx_checkpoint_call(const struct mx_function *f, struct mx_object *own, mx_array *const *in, int nin, struct mx_list *out);

#endif
