/* replay.h: a traced graph built again on other inputs. Internal to transforms. */
#ifndef MX_TRANSFORMS_REPLAY_H
#define MX_TRANSFORMS_REPLAY_H

#include "transforms/transforms.h"

/* Appends `outputs` with from[i] replaced by to[i]; what does not depend on a replaced array is shared, not built again.
 * merge: equal calls become one node (common subexpressions), no-op nodes go. */
int mx_replay(mx_array *const *from, mx_array *const *to, int n, mx_array *const *outputs, int nout, bool merge, struct mx_list *out);

#endif
