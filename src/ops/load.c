/* load.c: the Load primitive: an array whose data a reader gives when it is asked for. io makes its calls. */
#include "graph/load.h"

#include "core/error.h"
#include "graph/params.h"
#include "graph/prim.h"

#include <string.h>

static int infer_load(const struct mx_call *c, struct mx_spec *out) {
  const struct mx_load_params *p = c->p.head;
  if (c->nin || c->p.head_size != sizeof *p || !c->p.obj || c->p.nints > MX_MAX_NDIM || p->form < 0 || p->form >= MX_LOAD_FORMS)
    return mx_fail(MX_EVALUE, "[load] The call is malformed.");
  const struct mx_load_block *b = &mx_load_blocks[p->form];
  *out = (struct mx_spec){.dtype = (enum mx_dtype)p->dtype, .ndim = c->p.nints};
  memcpy(out->shape, c->p.ints, (size_t)c->p.nints * sizeof *out->shape);
  if (!b->elements) return MX_OK;
  int64_t *last = out->shape + out->ndim - 1;
  if (!out->ndim || *last % b->elements) return mx_fail(MX_EVALUE, "[load] The last dimension is no multiple of %d.", b->elements);
  out->dtype = MX_FLOAT16;
  if (!b->bits) return MX_OK;
  out[1] = out[2] = out[0];
  out[1].shape[out->ndim - 1] = out[2].shape[out->ndim - 1] = *last / b->elements;
  out->dtype = MX_UINT32;
  *last = *last / 32 * b->bits;
  return MX_OK;
}

const struct mx_prim mx_prim_load = {.id = MX_PRIM_load, .name = "Load", .kind = MX_GENERAL, .infer = infer_load};
