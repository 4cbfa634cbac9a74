/*
 * Reading arguments and returning results.
 *
 * The contract of every function of this module: it never throws, it returns a count (or 0, or a descriptor)
 * or -errno. Arguments that are of the wrong type, not an integer, or out of range give -EINVAL; a buffer that
 * is too small for what the kernel would write into it gives -EINVAL as well, so that no argument can make the
 * kernel touch memory outside a view. Memory that a view shows may hold addresses, for a ring or as a piece (file.c).
 */
#ifndef AIOKIT_ARGS_H
#define AIOKIT_ARGS_H

#include <errno.h>
#include <math.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* The largest integer that a double holds exactly. */
#define MAX_SAFE 9007199254740991.0

static inline napi_value result(napi_env env, int32_t value) {
  napi_value v;
  return napi_create_int32(env, value, &v) == napi_ok ? v : NULL;
}

/* A result that may exceed 31 bits: a file offset, nanoseconds. */
static inline napi_value wide_result(napi_env env, double value) {
  napi_value v;
  return napi_create_double(env, value, &v) == napi_ok ? v : NULL;
}

/* The usual end of a system call wrapper. */
static inline napi_value returned(napi_env env, long value) {
  return result(env, value < 0 ? -errno : (int32_t)value);
}

static inline bool arg_double(napi_env env, napi_value v, double *out) {
  return v && napi_get_value_double(env, v, out) == napi_ok;
}

static inline bool arg_int(napi_env env, napi_value v, int32_t *out) {
  double d;
  if (!arg_double(env, v, &d) || !(d >= INT32_MIN && d <= INT32_MAX)) return false;
  *out = (int32_t)d;
  return *out == d;
}

/* Bit patterns: both 0xffffffff and -1 are accepted for all ones. */
static inline bool arg_bits(napi_env env, napi_value v, uint32_t *out) {
  double d;
  if (!arg_double(env, v, &d) || !(d >= INT32_MIN && d <= UINT32_MAX) || d != trunc(d)) return false;
  *out = d < 0 ? (uint32_t)(int32_t)d : (uint32_t)d;
  return true;
}

static inline bool arg_offset(napi_env env, napi_value v, int64_t *out) {
  double d;
  if (!arg_double(env, v, &d) || !(d >= -MAX_SAFE && d <= MAX_SAFE) || d != trunc(d)) return false;
  *out = (int64_t)d;
  return true;
}

/* Nanoseconds; negative or +Infinity is "for ever" and gives *out = NULL. */
static inline bool arg_timeout(napi_env env, napi_value v, struct timespec *ts, struct timespec **out) {
  double ns;
  if (!arg_double(env, v, &ns) || isnan(ns)) return false;
  if (ns < 0 || ns > 9.2e18) {
    *out = NULL;
    return true;
  }
  ts->tv_sec = (time_t)(ns / 1e9);
  ts->tv_nsec = (long)(ns - (double)ts->tv_sec * 1e9);
  if (ts->tv_nsec < 0) ts->tv_nsec = 0;
  if (ts->tv_nsec > 999999999) ts->tv_nsec = 999999999;
  *out = ts;
  return true;
}

struct bytes {
  uint8_t *data;
  size_t length;
};

/* The whole of a typed array, Buffer or DataView. A detached one has length 0. */
bool arg_bytes(napi_env env, napi_value v, struct bytes *out);

/* `length` bytes at `offset` of a view, from three consecutive arguments; undefined means 0 and "to the end". */
bool arg_slice(napi_env env, napi_value *view_offset_length, struct bytes *out);

/*
 * An array of up to IOV_MAX views as what readv(2) takes; `vectors` is to be freed, also after a failure. Returns how many
 * there are, -EINVAL or -ENOMEM.
 */
int arg_vectors(napi_env env, napi_value v, struct iovec **vectors);

/* A path is bytes with a NUL at the end, and no other is looked for: what is behind the first one is not part of it. */
bool arg_path(napi_env env, napi_value v, struct bytes *out);

/* Declares argv and fetches N arguments; those not passed are undefined. */
#define ARGS(n)            \
  napi_value argv[n];      \
  size_t argc = n;         \
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok) return result(env, -EINVAL)

#define REQUIRE(condition) \
  if (!(condition)) return result(env, -EINVAL)

/* Declares the one argument of a function that takes an int. */
#define INT_ARG(name) \
  ARGS(1);            \
  int32_t name;       \
  REQUIRE(arg_int(env, argv[0], &name))

/* owned.c: to be called once for each environment. */
bool init_owned(napi_env env);

/* uring.c: where in its memory a ring has what. */
struct ring;

/* owned.c: a ring, to be drained and closed with the thread of `env`, and `ring` freed; -errno if it cannot be noted. */
int own_ring(int fd, napi_env env, struct ring *ring);

/* owned.c: how many rings are open in the process. */
int count_rings(void);

/* owned.c: close(2), of a ring only when nothing is in flight any more. */
int close_owned(int fd);

/* uring.c: cancels what is in flight and waits for it. */
void drain_ring(int fd, const struct ring *ring);

struct method {
  const char *name;
  napi_callback call;
};

struct constant {
  const char *name;
  double value;
};

/* One table for each file; ended by a NULL name. module.c exports them all. */
extern const struct method fd_methods[], owned_methods[], file_methods[], poll_methods[], socket_methods[],
    uring_methods[], clock_methods[], host_methods[], inotify_methods[];
extern const struct constant constants[];

#endif
