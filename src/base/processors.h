/* How many processors this process may use. */
#ifndef BASE_PROCESSORS_H
#define BASE_PROCESSORS_H

/* The smaller of the affinity mask's count and the control groups' quota (rounded up), at least 1. Read once.
 */
int processors_allowed(void);

/* What the quota alone allows, INT_MAX without one. Read once. */
int processors_within_quota(void);

/* Processors that the CPU quotas of a process's control groups and all groups above them leave it, rounded
 * up: v2's cpu.max, v1's cpu.cfs_quota_us over cpu.cfs_period_us. `groups` is /proc/self/cgroup or a file
 * like it, `mount` the folder where the controllers are mounted. INT_MAX without a quota. */
int processors_quota(const char *groups, const char *mount);

#endif
