/* ops_handlers.h: how the regular kinds of operations are called; rows name one of these. */
#ifndef RAVEL_PYTHON_OPS_HANDLERS_H
#define RAVEL_PYTHON_OPS_HANDLERS_H

#include "core.h"

#include <string.h>

#define F(f) ((void (*)(void))(f))
typedef int (*unary_op)(mlx_array *, const mlx_array, const mlx_stream);
typedef int (*binary_op)(mlx_array *, const mlx_array, const mlx_array, const mlx_stream);
typedef int (*reduce_op)(mlx_array *, const mlx_array, bool, const mlx_stream);
typedef int (*reduce_axes_op)(mlx_array *, const mlx_array, const int *, size_t, bool, const mlx_stream);
typedef int (*var_op)(mlx_array *, const mlx_array, bool, int, const mlx_stream);
typedef int (*var_axes_op)(mlx_array *, const mlx_array, const int *, size_t, bool, int, const mlx_stream);
typedef int (*axis_op)(mlx_array *, const mlx_array, int, const mlx_stream);
typedef int (*reduce_axis_op)(mlx_array *, const mlx_array, int, bool, const mlx_stream);

/* Calls and wraps in a scope with `status` and `out`: out must be read after the call, so the two are apart. */
#define RESULT(call) ((status = (call)), array_result(status, out))

/* An argument that becomes an array, with what it may have needed made. */
struct arg {
  mlx_array h, made;
};
/* Reads argument o (weak beside `other`, which may be NULL) and a stream. */
static inline int take_arg(PyObject *o, PyObject *other, struct arg *a) {
  a->made = mlx_array_new();
  return other ? to_array_beside(o, other, &a->h, &a->made) : to_array(o, &a->h, &a->made);
}
/* The same where nothing is converted after it and the call evaluates nothing: no Python code runs that could rebind an array. */
static inline int take_last(PyObject *o, struct arg *a) {
  a->made = mlx_array_new();
  if (!Array_Check(o)) return to_array(o, &a->h, &a->made);
  a->h = H(o);
  return 0;
}
/* The row of a method, where that differs from the function of its name. */
static inline bool is_method(const struct function *f) { return !strncmp(f->signature, "(self", 5); }
static inline void drop_arg(struct arg *a) { mlx_array_free(a->made); }

/* linalg.c: what functions on matrices begin and end with. open: false with an exception, also below `rank` dimensions; close
 * lets go of a and gives out. */
struct linalg_frame {
  struct arg a;
  mlx_stream s;
  mlx_array out, second; /* empty at first */
};
bool linalg_open(struct linalg_frame *o, const struct function *f, PyObject *a, PyObject *stream, int rank);
PyObject *linalg_close(struct linalg_frame *o, int status);

PyObject *do_unary(const struct function *f, PyObject **v);   /* a, stream */
PyObject *do_binary(const struct function *f, PyObject **v);  /* a, b, stream */
PyObject *do_reduce(const struct function *f, PyObject **v);  /* a, axis, keepdims, stream; impl whole, impl2 axes */
PyObject *do_var(const struct function *f, PyObject **v);     /* a, axis, keepdims, ddof, stream[, correction before it] */
PyObject *do_argreduce(const struct function *f, PyObject **v); /* a, axis, keepdims, stream; impl whole, impl2 one axis */
PyObject *do_axis(const struct function *f, PyObject **v);    /* a, axis (None: flattened), stream; impl flattened, impl2 axis */
PyObject *vector_tuple(mlx_vector_array v, bool list);        /* its arrays as a tuple or list; frees v */
PyObject *do_sort(const struct function *f, PyObject **v);    /* a, axis, descending, stable, stream; impl flattened, impl2 axis */
PyObject *do_total(const struct function *f, PyObject **v);   /* a, axis, keepdims, dtype, stream; impl whole, impl2 axes */
PyObject *do_filled(const struct function *f, PyObject **v);  /* shape, dtype, stream; impl mlx_ones: ones, else zeros */
PyObject *do_filled_like(const struct function *f, PyObject **v); /* a, dtype, stream; impl mlx_ones_like: ones, else zeros */
PyObject *do_tensordot(const struct function *f, PyObject **v); /* a, b, axes, stream */
PyObject *do_vecdot(const struct function *f, PyObject **v);    /* a, b, axis, stream */
PyObject *do_round(const struct function *f, PyObject **v);   /* a, decimals, stream */
PyObject *do_astype(const struct function *f, PyObject **v);  /* a, dtype, stream */

#endif
