/* gil.c: the GIL for threads that may be none of Python's: a worker that drops the last hold on something of Python's.
 * Invariant: no thread is between gil_take and gil_give when the interpreter begins to end, and none comes in after that, but its own:
 * what they would have let go stays for the process's end. */
#include "core.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static _Atomic int inside;
static _Atomic bool ending;

bool gil_take(PyGILState_STATE *g) {
  atomic_fetch_add(&inside, 1);
  if (!atomic_load(&ending) || (Py_IsInitialized() && PyGILState_Check())) {
    *g = PyGILState_Ensure();
    return true;
  }
  atomic_fetch_sub(&inside, 1);
  return false;
}

void gil_give(PyGILState_STATE g) {
  PyGILState_Release(g);
  atomic_fetch_sub(&inside, 1);
}

static PyObject *close_door(PyObject *self, PyObject *ignored) {
  (void)self, (void)ignored;
  atomic_store(&ending, true);
  Py_BEGIN_ALLOW_THREADS;
  while (atomic_load(&inside) > 0) sched_yield();
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

static void nobody_inside(void) { atomic_store(&inside, 0); } /* a forked child has one thread */

int gil_init(void) {
  static PyMethodDef method = {"close_door", close_door, METH_NOARGS, NULL};
  PyObject *atexit = PyImport_ImportModule("atexit"), *f = atexit ? PyCFunction_New(&method, NULL) : NULL;
  PyObject *done = f ? PyObject_CallMethod(atexit, "register", "O", f) : NULL;
  int bad = !done || pthread_atfork(NULL, NULL, nobody_inside) ? -1 : 0;
  Py_XDECREF(done);
  Py_XDECREF(f);
  Py_XDECREF(atexit);
  return bad;
}
