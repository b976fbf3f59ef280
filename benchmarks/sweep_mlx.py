"""The sweep's cases in MLX's interface, for Ravel and mlx: worker.py asks for them as attributes."""
import re

import mlx.core as mx

import sweep_rows

mx.set_default_device(mx.cpu)


def __getattr__(case):
    if "@" not in case:
        raise AttributeError(case)
    text, n = sweep_rows.expression(case.replace("~", " "), 0)
    inputs, side = sweep_rows.data(n, set(re.findall(r"\w+", text)))
    scope = {"xp": mx, "put": sweep_rows.put, "n": n, "side": side}
    for name, value in inputs.items():
        if name in ("file", "nx"):
            scope[name] = value
        else:
            scope[name] = mx.array(value, dtype=mx.float64) if value.dtype == "float64" else mx.array(value)
    if "g" in scope:
        scope["g"] = scope["g"].astype(mx.bfloat16)
    mx.eval([v for v in scope.values() if isinstance(v, mx.array)])
    run = eval("lambda: (" + text + ")", scope)
    return lambda: (lambda: mx.eval(run()))
