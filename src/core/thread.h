/* thread.h: locks and threads, thin over pthreads, with errors as ours. */
#ifndef MX_CORE_THREAD_H
#define MX_CORE_THREAD_H

#include "core/compiler.h"
#include <pthread.h>
#include <stdbool.h>

typedef pthread_mutex_t mx_mutex;
typedef pthread_cond_t mx_cond;
#define MX_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define MX_COND_INIT PTHREAD_COND_INITIALIZER
static inline void mx_lock(mx_mutex *m) { pthread_mutex_lock(m); }
static inline void mx_unlock(mx_mutex *m) { pthread_mutex_unlock(m); }
static inline void mx_wait(mx_cond *c, mx_mutex *m) { pthread_cond_wait(c, m); }
static inline void mx_wake_all(mx_cond *c) { pthread_cond_broadcast(c); }
static inline void mx_wake_one(mx_cond *c) { pthread_cond_signal(c); }

/* Starts a detached-at-exit thread with all signals blocked; false when the system has none to give. */
bool mx_thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name);
/* CPUs this process may use: affinity mask and cgroup quota, at least 1. */
int mx_thread_cpus(void);

#endif
