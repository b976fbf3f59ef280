/* public.h: from the public handles to arrays and back. A public function begins a build, calls the builder of the same name
 * and returns through mx_build_return; nothing else happens there. */
#ifndef MX_OPS_PUBLIC_H
#define MX_OPS_PUBLIC_H

#include "mlx/c/mlx.h"
#include "ops/ops.h"
