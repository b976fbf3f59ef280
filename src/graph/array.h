/* array.h: an array is one output of a node; a node is one operation with its inputs and parameters.
 * Invariant: a node never changes what it computes; only its state, its data and (once done) its hold on its inputs change. */
#ifndef MX_GRAPH_ARRAY_H
#define MX_GRAPH_ARRAY_H

#include "core/alloc.h"
#include "core/dtype.h"

#include <stdatomic.h>

typedef struct mx_array mx_array;
typedef struct mx_node mx_node;
struct mx_prim;
struct mx_stream;

/* What a kernel sees: data with a layout. Strides are in elements and may be 0 or negative; data points at element [0,0,…]. */
struct mx_tensor {
  enum mx_dtype dtype;
  int32_t ndim;
  int64_t size; /* product of shape */
  int64_t *shape, *strides;
  void *data;
  mx_buffer *buf; /* who owns data; NULL: the node itself (scalars), or there is no data yet */
};

struct mx_array {
  struct mx_tensor t; /* shape and dtype from the start; strides, data and buf once the node is done */
  mx_node *node;
  _Atomic int32_t refs; /* holders of this output: together they hold its node once */
};

/* A parameter that is more than plain data: a closure, a file, a string. */
struct mx_object {
  _Atomic int32_t refs;
  const struct mx_object_type {
    const char *name;
    void (*destroy)(struct mx_object *o);
    bool (*equal)(const struct mx_object *a, const struct mx_object *b); /* NULL: only when the same */
    uint64_t (*hash)(const struct mx_object *o);                          /* NULL: its address */
  } *type;
};
struct mx_object *mx_object_ref(struct mx_object *o); /* NULL is fine */
void mx_object_unref(struct mx_object *o);

/* The parameters of a call: a plain head (compared as bytes: zero its padding), counted integers, an object. */
struct mx_params {
  const void *head;
  int32_t head_size;
  int32_t nints;
  const int64_t *ints;
  struct mx_object *obj;
};

/* A call of a primitive, as its rules see it. In infer, out is NULL. All pointers are borrowed. */
struct mx_call {
  const struct mx_prim *prim;
  struct mx_stream *stream;
  mx_array *const *in;
  mx_array *const *out;
  int32_t nin, nout;
  struct mx_params p;
};

enum mx_state { MX_LAZY, MX_CLAIMED, MX_DONE, MX_FAILED };
enum mx_node_flags {
  MX_NODE_PLACEHOLDER = 1, /* an input of a function being traced by compile or vmap: has no data, never will */
  MX_NODE_TRACER = 2,      /* an input of a function being differentiated: an identity where the walk stops */
};

/* A transform in progress. Nodes made from its inputs carry it: grad and jvp keep the inputs of what was evaluated meanwhile
 * until the end, compile and vmap refuse evaluation. */
enum mx_trace_kind { MX_TRACE_GRAD, MX_TRACE_COMPILE, MX_TRACE_VMAP };
struct mx_trace {
  _Atomic int32_t refs;
  enum mx_trace_kind kind;
  uint64_t id; /* grows: an inner trace has a larger one */
  struct mx_trace *parent;
  _Atomic bool active;
  mx_node **held; /* done nodes whose inputs are kept; guarded by the trace lock in trace.c */
  int64_t nheld, cap;
};
/* Begins a trace inside this thread's current one; NULL when memory is short. End also when the function failed. */
struct mx_trace *mx_trace_begin(enum mx_trace_kind kind);
void mx_trace_end(struct mx_trace *t); /* lets go of what was held (or hands it to an outer trace) and drops the reference */
struct mx_trace *mx_trace_current(void); /* this thread's innermost, or NULL; borrowed */

struct mx_node {
  const struct mx_prim *prim; /* NULL: a leaf */
  struct mx_stream *stream;
  struct mx_trace *trace; /* the innermost trace among its inputs, or NULL; a reference */
  _Atomic int32_t refs;   /* outputs that somebody holds, and walkers */
  _Atomic uint8_t state;
  uint8_t flags;
  _Atomic bool detached; /* inputs were let go */
  _Atomic bool awaited;  /* some thread waits for it to leave the claimed state */
  uint64_t epoch;        /* eval's, under its claim lock: which walk saw it last, */
  uint32_t mark;         /* and its place there */
  int32_t nin, nout;
  mx_node *link;          /* in the list of the dying */
  _Atomic uint64_t claim; /* the walk that claimed it last; written before the state */
  mx_array **in;
  struct mx_params p; /* copies, inside this allocation; obj is a reference */
  struct mx_error *error; /* of a failed node */
  mx_array out[];         /* nout of them */
};

static inline mx_array *mx_ref(mx_array *a) {
  if (a && atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed) == 0) /* held by nobody so far: the caller holds the node */
    atomic_fetch_add_explicit(&a->node->refs, 1, memory_order_relaxed);
  return a;
}
void mx_unref(mx_array *a); /* NULL is fine; iterative: a graph of any depth dies in bounded stack */

static inline bool mx_is_done(const mx_array *a) {
  return atomic_load_explicit(&a->node->state, memory_order_acquire) == MX_DONE;
}
/* Takes references of a node's inputs into in[] (room for n->nin), of its object and of all its outputs, under the node's lock;
 * false (nothing taken) when its inputs were let go: it is a leaf then. The way for every walk but eval's own. */
bool mx_node_hold(mx_node *n, mx_array **in, struct mx_object **obj);
void mx_node_let_go(mx_node *n, mx_array *const *in, struct mx_object *obj); /* undoes a hold that said true */
/* Lets go of the inputs of a done node, unless an active trace still wants them. */
void mx_node_detach(mx_node *n);
/* Eval's detach in two halves: steal makes the node a leaf to every walker while n->in and its references stay the
 * thief's, who gives them back (unsteal) or drops them (mx_node_drop_stolen). False: a trace keeps them, or nothing there. */
bool mx_node_steal(mx_node *n);
void mx_node_unsteal(mx_node *n);
void mx_node_drop_stolen(mx_node *n);
/* The call that made this node; valid while it is held. outs must have room for n->nout pointers. */
struct mx_call mx_node_call(mx_node *n, mx_array *const *in, mx_array **outs);

/* Leaves. All return a new reference or NULL with the error set. */
mx_array *mx_array_leaf(const int64_t *shape, int ndim, enum mx_dtype dtype, mx_buffer *buf_take, void *data,
                        const int64_t *strides /* NULL: row-contiguous */);
mx_array *mx_array_from_copy(const void *data, const int64_t *shape, int ndim, enum mx_dtype dtype);
mx_array *mx_array_scalar_bytes(const void *value, enum mx_dtype dtype); /* 0-d, data inside the node */
mx_array *mx_array_scalar(double value, enum mx_dtype dtype);            /* value converted; integers must be exact below 2^53 */
mx_array *mx_array_placeholder(const int64_t *shape, int ndim, enum mx_dtype dtype, struct mx_trace *t);
/* An identity node over a that carries the trace: what grad and jvp hand to the function. */
mx_array *mx_array_tracer(mx_array *a, struct mx_trace *t);

/* Shapes. Product checked: MX_EVALUE "[op] …" when elements or bytes overflow. */
int mx_shape_size(const char *op, const int64_t *shape, int ndim, enum mx_dtype dtype, int64_t *size);
void mx_strides_contiguous(const int64_t *shape, int ndim, int64_t *strides);
bool mx_tensor_is_contiguous(const struct mx_tensor *t); /* row-major, no gaps; dimensions of size 1 do not count */
static inline bool mx_same_shape(const struct mx_tensor *a, const struct mx_tensor *b) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; i++)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}
/* Where a slice begins that starts at start[k] along axes[k] and at 0 along the others, in elements: clamped so that its `size` fits. */
int64_t mx_tensor_dynamic_offset(const struct mx_tensor *t, const int64_t *axes, int64_t naxes, const int64_t *size,
                                 const struct mx_tensor *start);
/* "(2,3)" into a caller's buffer of at least 64 bytes; long shapes are cut with "…". Returns text. */
enum { MX_SHAPE_TEXT = 192 };
const char *mx_shape_text(char text[MX_SHAPE_TEXT], const int64_t *shape, int ndim);

#endif
