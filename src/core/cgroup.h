/* cgroup.h: what the control groups around this process allow it, version 1 and 2.
 * Invariant: the least of all groups from our own up to the root counts; what cannot be read is no limit. */
#ifndef MX_CORE_CGROUP_H
#define MX_CORE_CGROUP_H

#include <stdint.h>

/* Where to look; tests give a tree of their own. */
struct mx_cgroup_place {
  const char *self; /* "/proc/self/cgroup" */
  const char *root; /* "/sys/fs/cgroup" */
};
extern const struct mx_cgroup_place mx_cgroup_system;

int64_t mx_cgroup_memory(const struct mx_cgroup_place *place); /* bytes; INT64_MAX = no limit */
int64_t mx_cgroup_cpus(const struct mx_cgroup_place *place);   /* whole CPUs, rounded up; INT64_MAX = no limit */
/* The first line of a small text file, without its newline; false when there is none. */
int mx_read_line(const char *path, char *line, int size);

#endif
