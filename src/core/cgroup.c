/* cgroup.c: reads memory.max and cpu.max (version 2), memory.limit_in_bytes and cpu.cfs_quota_us (version 1).
 * Invariant: no allocation and no error: it serves the allocator itself. */
#include "core/cgroup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct mx_cgroup_place mx_cgroup_system = {"/proc/self/cgroup", "/sys/fs/cgroup"};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int read_text(const char *path, char *text, int size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  int used = 0;
  for (ssize_t got = 1; got > 0 && used < size - 1; used += (int)got) {
    got = read(fd, text + used, (size_t)(size - 1 - used));
    if (got < 0) got = 0;
  }
  close(fd);
  text[used] = 0;
  return used;
}

int mx_read_line(const char *path, char *line, int size) {
  if (!read_text(path, line, size)) return 0;
  line[strcspn(line, "\n")] = 0;
  return 1;
}

/* "max" or a number; version 1 writes "no limit" as a huge number or -1. */
static int64_t parse_amount(const char *text) {
  char *end;
  long long v = strtoll(text, &end, 10);
  return end == text || v < 0 ? INT64_MAX : v;
}

static int64_t memory_here(const char *dir, bool v2) {
  char path[4096 + 64], line[128];
  snprintf(path, sizeof path, "%s/%s", dir, v2 ? "memory.max" : "memory.limit_in_bytes");
  return mx_read_line(path, line, sizeof line) ? parse_amount(line) : INT64_MAX;
}

static int64_t cpus_here(const char *dir, bool v2) {
  char path[4096 + 64], line[128];
  long long quota = -1, period = 0;
  if (v2) {
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    if (!mx_read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2) return INT64_MAX;
  } else {
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
    if (!mx_read_line(path, line, sizeof line)) return INT64_MAX;
    quota = strtoll(line, NULL, 10);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
    if (!mx_read_line(path, line, sizeof line)) return INT64_MAX;
    period = strtoll(line, NULL, 10);
  }
  if (quota <= 0 || period <= 0) return INT64_MAX;
  return quota / period + (quota % period != 0);
}

/* From the group itself up to the mount point. In a container the path may name what the mount does not show; the mount's
 * own files are read in any case. */
static int64_t walk_up(const char *mount, const char *group, bool v2, int64_t (*here)(const char *, bool)) {
  char dir[4096];
  size_t base = strlen(mount);
  if (snprintf(dir, sizeof dir, "%s%s", mount, group) >= (int)sizeof dir) dir[base] = 0;
  int64_t found = INT64_MAX;
  for (;;) {
    found = least(found, here(dir, v2));
    char *slash = strrchr(dir + base, '/');
    if (!slash) return found;
    *slash = 0;
  }
}

static bool has_word(const char *list, const char *word) {
  size_t n = strlen(word);
  for (const char *p = list; (p = strstr(p, word)); p += n) {
    if ((p == list || p[-1] == ',') && (p[n] == 0 || p[n] == ',')) return true;
  }
  return false;
}

/* Lines are "hierarchy:controllers:path"; version 2 is "0::path". */
static int64_t search(const struct mx_cgroup_place *place, const char *controller, int64_t (*here)(const char *, bool)) {
  char text[8192], mount[2048];
  int64_t found = INT64_MAX;
  if (!read_text(place->self, text, sizeof text)) return found;
  char *rest = text;
  for (char *line; (line = strsep(&rest, "\n"));) {
    char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    list++;
    if (!strcmp(group, "/")) group = "";
    if (!*list) {
      snprintf(mount, sizeof mount, "%s", place->root);
      found = least(found, walk_up(mount, group, true, here));
      snprintf(mount, sizeof mount, "%s/unified", place->root);
      found = least(found, walk_up(mount, group, true, here));
    } else if (has_word(list, controller)) {
      snprintf(mount, sizeof mount, "%s/%s", place->root, controller);
      found = least(found, walk_up(mount, group, false, here));
      snprintf(mount, sizeof mount, "%s/%s", place->root, list);
      found = least(found, walk_up(mount, group, false, here));
    }
  }
  return found;
}

int64_t mx_cgroup_memory(const struct mx_cgroup_place *place) { return search(place, "memory", memory_here); }
int64_t mx_cgroup_cpus(const struct mx_cgroup_place *place) { return search(place, "cpu", cpus_here); }
