/* Clocks, as nanoseconds in a double: exact to the nanosecond up to 104 days, to 2 ns up to 208, and so on. */
#include "args.h"

#include <sys/timerfd.h>

static double nanoseconds(const struct timespec *ts) { return (double)ts->tv_sec * 1e9 + (double)ts->tv_nsec; }

static napi_value sys_monotonic_ns(napi_env env, napi_callback_info info) {
  struct timespec ts;
  (void)info;
  /* CLOCK_MONOTONIC cannot fail; it is answered by the vDSO without entering the kernel. */
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return wide_result(env, nanoseconds(&ts));
}

static napi_value sys_clock_gettime(napi_env env, napi_callback_info info) {
  INT_ARG(id);
  struct timespec ts;
  if (clock_gettime(id, &ts) < 0) return result(env, -errno);
  return wide_result(env, nanoseconds(&ts));
}

static napi_value sys_timerfd_create(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t clock, flags;
  REQUIRE(arg_int(env, argv[0], &clock) && arg_int(env, argv[1], &flags));
  return returned(env, timerfd_create(clock, flags));
}

static napi_value sys_timerfd_settime(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t fd, flags;
  struct itimerspec spec;
  struct timespec *value, *interval;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &flags) &&
          arg_timeout(env, argv[2], &spec.it_value, &value) && value &&
          arg_timeout(env, argv[3], &spec.it_interval, &interval) && interval);
  return returned(env, timerfd_settime(fd, flags, &spec, NULL));
}

const struct method clock_methods[] = {
    {"monotonicNs", sys_monotonic_ns},
    {"clockGettime", sys_clock_gettime},
    {"timerfdCreate", sys_timerfd_create},
    {"timerfdSettime", sys_timerfd_settime},
    {NULL, NULL},
};
