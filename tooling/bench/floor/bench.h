/*
 * What the floor programs have in common: arguments CASE OPS WARMUP and what the row has beside them, one JSON line as
 * the answer, and the random numbers of src/timing.ts.
 */
#ifndef AIOKIT_BENCH_H
#define AIOKIT_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct request {
  const char *name;
  long ops, warmup;
};

static inline struct request parse_request(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: %s CASE OPS WARMUP ...\n", argv[0]);
    exit(2);
  }
  return (struct request){argv[1], atol(argv[2]), atol(argv[3])};
}

/* The contender cannot run here, and the row goes on without it. */
static inline void unavailable(const char *why) {
  printf("{\"unavailable\":\"%s\"}\n", why);
  exit(0);
}

/* A system call that must not fail; without descriptors the contender is not available, anything else is a defect. */
static inline int must(int result, const char *what) {
  if (result >= 0) return result;
  if (errno == EMFILE || errno == ENFILE) unavailable("needs more descriptors: raise the limit, see ulimit -n");
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* As Node does when it starts. */
static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static inline double wall_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* What the thread has waited for a processor that others were using; see src/timing.ts. */
static inline double lost_ns(void) {
  static int fd = -2;
  char line[64];
  double ran, lost;
  if (fd == -2) fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = pread(fd, line, sizeof line - 1, 0);
  if (length <= 0) return 0;
  line[length] = 0;
  return sscanf(line, "%lf %lf", &ran, &lost) == 2 ? lost : 0;
}

/* For long stretches: stands still while others have the processor. */
static inline double now_ns(void) { return wall_ns() - lost_ns(); }

static inline void answer(double total_ns, long ops) {
  printf("{\"ns\":%.3f,\"ops\":%ld}\n", total_ns / (double)ops, ops);
}

/* For which the process has had a processor, all its threads together. */
static inline double cpu_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static inline void answer_with_cpu(double total_ns, double total_cpu_ns, long ops) {
  printf("{\"ns\":%.3f,\"ops\":%ld,\"cpuNs\":%.3f}\n", total_ns / (double)ops, ops, total_cpu_ns / (double)ops);
}

static inline void random_numbers(uint32_t *numbers, size_t count, uint32_t limit) {
  uint32_t state = 0x9e3779b9;
  for (size_t i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    numbers[i] = state % limit;
  }
}

static inline void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  return memory;
}

static inline void shuffled(uint32_t *order, size_t count) {
  uint32_t *random = allocate(count, sizeof *random);
  random_numbers(random, count, 0x7fffffff);
  for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
  for (size_t i = count - 1; i > 0; i--) {
    size_t j = random[i] % (i + 1);
    uint32_t swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  free(random);
}

#endif
