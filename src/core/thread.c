/* thread.c: starting threads and counting the CPUs we may use.
 * Invariant: a thread of ours never takes a signal that is meant for the program. */
#include "core/thread.h"

#include "core/cgroup.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

/* Less than the usual 8 MB: address space may be capped, and nothing of ours recurses. */
enum { STACK_BYTES = 2 << 20 };

bool mx_thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name) {
  pthread_attr_t attr;
  if (pthread_attr_init(&attr)) return false;
  pthread_attr_setstacksize(&attr, STACK_BYTES);
  sigset_t all, before;
  sigfillset(&all);
  /* Faults belong to the thread that makes them: a crash handler must see them. */
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGFPE);
  sigdelset(&all, SIGILL);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(thread, &attr, main, arg) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
#ifdef __linux__
  if (started && name) pthread_setname_np(*thread, name);
#endif
  return started;
}

#ifdef __linux__
/* The kernel's mask may be wider than cpu_set_t: grow the set until it fits. */
static int64_t affinity_cpus(void) {
  enum { MOST = 1 << 16 };
  static const int tries[] = {CPU_SETSIZE, 8192, MOST};
  for (int i = 0; i < MX_COUNT(tries); i++) {
    _Alignas(cpu_set_t) unsigned char bits[MOST / 8] = {0};
    size_t bytes = (size_t)tries[i] / 8;
    if (sched_getaffinity(0, bytes, (cpu_set_t *)bits) == 0) return CPU_COUNT_S(bytes, (cpu_set_t *)bits);
    if (errno != EINVAL) break;
  }
  return sysconf(_SC_NPROCESSORS_ONLN);
}
#else
static int64_t affinity_cpus(void) { return sysconf(_SC_NPROCESSORS_ONLN); }
#endif

int mx_thread_cpus(void) {
  int64_t cpus = affinity_cpus(), quota = mx_cgroup_cpus(&mx_cgroup_system);
  if (quota < cpus) cpus = quota;
  return cpus < 1 ? 1 : (int)cpus;
}
