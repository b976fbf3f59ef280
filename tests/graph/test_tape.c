/* The tape: what it holds stays, whatever becomes of the graph meanwhile. */
#include "graph/tape.h"

#include "eval/eval.h"
#include "graph/build.h"
#include "graph/load.h"
#include "graph/params.h"
#include "graph/prim.h"
#include "test.h"

#include <string.h>

static int destroyed;
static void destroy(struct mx_object *o) {
  (void)o;
  destroyed++;
}
static int fill(struct mx_reader *r, void *to, size_t n, uint64_t offset) {
  (void)r, (void)offset;
  memset(to, 3, n);
  return MX_OK;
}
static const struct mx_object_type type = {.name = "Fill", .destroy = destroy};

TEST(a_node_on_a_tape_keeps_its_object_though_it_is_computed_meanwhile) {
  struct mx_reader r = {.o = {1, &type}, .read = fill};
  struct mx_load_params head = {0, MX_LOAD_PLAIN, MX_UINT8};
  mx_build b;
  mx_array *a = NULL;
  destroyed = 0;
  mx_build_begin(&b, NULL);
  mx_array *made = mx_apply(&b, &mx_prim_load, NULL, 0,
                            &(struct mx_params){.head = &head, .head_size = sizeof head, .ints = (int64_t[]){4}, .nints = 1, .obj = &r.o});
  CHECK_OK(mx_build_end(&b, made, &a));
  mx_object_unref(&r.o); /* the node's now */
  struct mx_tape tape;
  CHECK_OK(mx_tape_collect(&tape, &a, 1, NULL, NULL));
  CHECK_OK(mx_eval_one(a));
  CHECK_INT(((unsigned char *)a->t.data)[3], 3);
  CHECK_INT(destroyed, 0);
  mx_array *out;
  CHECK(mx_tape_call(&tape.list[0], &out).p.obj == &r.o);
  CHECK(out == a);
  mx_tape_free(&tape);
  CHECK_INT(destroyed, 1); /* a computed array lets go of where it came from */
  mx_unref(a);
  CHECK_INT(destroyed, 1);
}
