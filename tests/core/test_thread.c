/* test_thread.c: CPUs by affinity and control group; signals stay with the program's threads. */
#include "../test.h"

#include "core/cgroup.h"
#include "core/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fake /sys/fs/cgroup below a temporary directory. */
struct tree {
  char root[64], self[96];
};
static struct tree tree_new(const char *self_text) {
  struct tree t = {.root = "/tmp/ravel_cgroup_XXXXXX"};
  REQUIRE(mkdtemp(t.root));
  snprintf(t.self, sizeof t.self, "%s/self", t.root);
  FILE *f = fopen(t.self, "w");
  REQUIRE(f);
  fputs(self_text, f);
  fclose(f);
  return t;
}
static void tree_write(const struct tree *t, const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof full, "%s/%s", t->root, path);
  for (char *p = full + strlen(t->root) + 1; (p = strchr(p, '/')); *p++ = '/') {
    *p = 0;
    mkdir(full, 0700);
  }
  FILE *f = fopen(full, "w");
  REQUIRE(f);
  fputs(text, f);
  fclose(f);
}
static void tree_remove(const struct tree *t) {
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", t->root);
  CHECK_INT(system(command), 0);
}

TEST(version_2_limits_are_the_least_on_the_way_up) {
  struct tree t = tree_new("0::/user/box/job\n");
  struct mx_cgroup_place place = {t.self, t.root};
  CHECK_INT(mx_cgroup_memory(&place), INT64_MAX);
  CHECK_INT(mx_cgroup_cpus(&place), INT64_MAX);
  tree_write(&t, "user/box/job/memory.max", "max\n");
  tree_write(&t, "user/box/memory.max", "1000000\n");
  tree_write(&t, "user/memory.max", "2000000\n");
  tree_write(&t, "user/box/job/cpu.max", "max 100000\n");
  tree_write(&t, "user/cpu.max", "250000 100000\n");
  CHECK_INT(mx_cgroup_memory(&place), 1000000);
  CHECK_INT(mx_cgroup_cpus(&place), 3);
  tree_write(&t, "cpu.max", "50000 100000\n"); /* as a container sees its own group: at the mount point */
  CHECK_INT(mx_cgroup_cpus(&place), 1);
  tree_remove(&t);
}

TEST(version_1_limits_are_found_under_their_controllers) {
  struct tree t = tree_new("5:memory:/box\n4:cpu,cpuacct:/box/in\n3:cpuset:/\n0::/\n");
  struct mx_cgroup_place place = {t.self, t.root};
  tree_write(&t, "memory/box/memory.limit_in_bytes", "3000000\n");
  tree_write(&t, "memory/memory.limit_in_bytes", "9223372036854771712\n");
  tree_write(&t, "cpu,cpuacct/box/in/cpu.cfs_quota_us", "-1\n");
  tree_write(&t, "cpu,cpuacct/box/in/cpu.cfs_period_us", "100000\n");
  tree_write(&t, "cpu,cpuacct/box/cpu.cfs_quota_us", "400000\n");
  tree_write(&t, "cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  CHECK_INT(mx_cgroup_memory(&place), 3000000);
  CHECK_INT(mx_cgroup_cpus(&place), 4);
  tree_remove(&t);
}

TEST(files_that_make_no_sense_are_no_limit) {
  struct tree t = tree_new("nonsense\n::\n0::/x\n:cpu:\n");
  struct mx_cgroup_place place = {t.self, t.root};
  tree_write(&t, "x/memory.max", "lots\n");
  tree_write(&t, "x/cpu.max", "100000 0\n");
  CHECK_INT(mx_cgroup_memory(&place), INT64_MAX);
  CHECK_INT(mx_cgroup_cpus(&place), INT64_MAX);
  place.self = "/nowhere/at/all";
  CHECK_INT(mx_cgroup_memory(&place), INT64_MAX);
  tree_remove(&t);
}

#ifdef __linux__
TEST(the_affinity_mask_bounds_the_cpus) {
  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CHECK(mx_thread_cpus() >= 1 && mx_thread_cpus() <= CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &before)) continue;
    CPU_SET(i, &one);
    break;
  }
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK_INT(mx_thread_cpus(), 1);
  sched_setaffinity(0, sizeof before, &before);
}
#endif

static void *look_at_signals(void *arg) {
  sigset_t *mask = arg;
  pthread_sigmask(SIG_SETMASK, NULL, mask);
  return NULL;
}
TEST(our_threads_block_signals_and_leave_the_starters_mask_alone) {
  sigset_t before, after, theirs;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  pthread_t id;
  REQUIRE(mx_thread_start(&id, look_at_signals, &theirs, "test-signals"));
  pthread_join(id, NULL);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  CHECK_INT(sigismember(&theirs, SIGINT), 1);
  CHECK_INT(sigismember(&theirs, SIGTERM), 1);
  CHECK_INT(sigismember(&theirs, SIGSEGV), 0);
  CHECK_INT(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
}
