/* backends.c: mx.metal, mx.cuda and mx.distributed, of which this library has none, and says so. */
#include "ops_handlers.h"

static PyObject *do_none(const struct function *f, PyObject **v) {
  (void)f, (void)v;
  Py_RETURN_FALSE;
}
static PyObject *do_nothing_known(const struct function *f, PyObject **v) {
  (void)f, (void)v;
  return PyDict_New();
}
static PyObject *do_start(const struct function *f, PyObject **v) {
  (void)f;
  const char *path = PyUnicode_Check(v[0]) ? PyUnicode_AsUTF8(v[0]) : NULL;
  if (!path) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "path: expected a string, not %R", Py_TYPE(v[0]));
  CHECK(mlx_metal_start_capture(path));
  Py_RETURN_NONE;
}

const struct function metal_functions[] = {
    {"is_available", "() -> bool",
     "Whether there is Metal: False, it is not on this system.\n\n"
     ">>> mx.metal.is_available()\n"
     "False",
     do_none, NULL, NULL},
    {"get_active_memory", "() -> int",
     "An older name of mx.get_active_memory.\n\n"
     ">>> mx.metal.get_active_memory() >= 0\n"
     "True",
     memory_get, F(mlx_get_active_memory), NULL},
    {"get_peak_memory", "() -> int",
     "An older name of mx.get_peak_memory.\n\n"
     ">>> mx.metal.get_peak_memory() >= 0\n"
     "True",
     memory_get, F(mlx_get_peak_memory), NULL},
    {"reset_peak_memory", "() -> None",
     "An older name of mx.reset_peak_memory.\n\n"
     ">>> mx.metal.reset_peak_memory()",
     memory_do, F(mlx_reset_peak_memory), NULL},
    {"get_cache_memory", "() -> int",
     "An older name of mx.get_cache_memory.\n\n"
     ">>> mx.metal.get_cache_memory() >= 0\n"
     "True",
     memory_get, F(mlx_get_cache_memory), NULL},
    {"set_memory_limit", "(limit: int) -> int",
     "An older name of mx.set_memory_limit.\n\n"
     ">>> mx.metal.set_memory_limit(mx.get_memory_limit()) > 0\n"
     "True",
     memory_set, F(mlx_set_memory_limit), NULL},
    {"set_cache_limit", "(limit: int) -> int",
     "An older name of mx.set_cache_limit.\n\n"
     ">>> mx.metal.set_cache_limit(mx.set_cache_limit(1 << 30))\n"
     "1073741824",
     memory_set, F(mlx_set_cache_limit), NULL},
    {"set_wired_limit", "(limit: int) -> int",
     "An older name of mx.set_wired_limit.\n\n"
     ">>> mx.metal.set_wired_limit(0)\n"
     "0",
     memory_set, F(mlx_set_wired_limit), NULL},
    {"clear_cache", "() -> None",
     "An older name of mx.clear_cache.\n\n"
     ">>> mx.metal.clear_cache()",
     memory_do, F(mlx_clear_cache), NULL},
    {"start_capture", "(path: str) -> None",
     "Raises RuntimeError: there is no Metal to capture; the environment's MLX_TRACE=file.json writes a trace.\n\n"
     ">>> mx.metal.start_capture('trace.gputrace')\n"
     "Traceback (most recent call last):\n"
     "RuntimeError: [metal.start_capture] There is no Metal on this system; MLX_TRACE=file.json writes a trace.",
     do_start, NULL, NULL},
    {"stop_capture", "() -> None",
     "Raises RuntimeError: there is no Metal to capture.\n\n"
     ">>> mx.metal.stop_capture()\n"
     "Traceback (most recent call last):\n"
     "RuntimeError: [metal.stop_capture] There is no Metal on this system; MLX_TRACE=file.json writes a trace.",
     memory_do, F(mlx_metal_stop_capture), NULL},
    {"device_info", "() -> dict[str, str | int]",
     "What is known of the Metal device: nothing, there is none. mx.device_info tells of the devices there are.\n\n"
     ">>> mx.metal.device_info()\n"
     "{}",
     do_nothing_known, NULL, NULL},
    {0}};

const struct function cuda_functions[] = {
    {"is_available", "() -> bool",
     "Whether there is CUDA: False, this library has no such backend yet.\n\n"
     ">>> mx.cuda.is_available()\n"
     "False",
     do_none, NULL, NULL},
    {0}};

const struct function distributed_functions[] = {
    {"is_available", "(backend: str = 'any') -> bool",
     "Whether processes can work together: False, this library has no such backend yet.\n\n"
     ">>> mx.distributed.is_available()\n"
     "False",
     do_none, NULL, NULL},
    {0}};
