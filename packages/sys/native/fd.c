/* Descriptors of any kind: making them, reading, writing, flags, closing. */
#include "args.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

static napi_value sys_eventfd(napi_env env, napi_callback_info info) {
  ARGS(2);
  uint32_t initial;
  int32_t flags;
  REQUIRE(arg_bits(env, argv[0], &initial) && arg_int(env, argv[1], &flags));
  return returned(env, eventfd(initial, flags));
}

/* Adds a value, or 1: the whole of a notification, without a buffer on the JavaScript side. */
static napi_value sys_eventfd_write(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd;
  int64_t value = 1;
  REQUIRE(arg_int(env, argv[0], &fd));
  if (argc > 1) REQUIRE(arg_offset(env, argv[1], &value) && value >= 0);
  return returned(env, eventfd_write(fd, (eventfd_t)value));
}

/* Takes the counter. Its low half is as much as a number holds for certain. */
static napi_value sys_eventfd_read(napi_env env, napi_callback_info info) {
  ARGS(1);
  int32_t fd;
  eventfd_t value;
  REQUIRE(arg_int(env, argv[0], &fd));
  if (eventfd_read(fd, &value) != 0) return result(env, -errno);
  return wide_result(env, (uint32_t)value);
}

static napi_value sys_pipe2(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t flags;
  struct bytes out;
  REQUIRE(arg_bytes(env, argv[0], &out) && out.length >= sizeof(int[2]) && arg_int(env, argv[1], &flags));
  return returned(env, pipe2((int *)(void *)out.data, flags));
}

static napi_value sys_fcntl(napi_env env, napi_callback_info info) {
  ARGS(3);
  int32_t fd, command, value;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &command) && arg_int(env, argv[2], &value));
  /* Only commands whose argument is a number or nothing: with any other the kernel would take it for an address. */
  switch (command) {
    case F_DUPFD: case F_DUPFD_CLOEXEC: case F_GETFD: case F_SETFD: case F_GETFL: case F_SETFL:
    case F_GETPIPE_SZ: case F_SETPIPE_SZ:
      return returned(env, fcntl(fd, command, value));
    default:
      return result(env, -EINVAL);
  }
}

static napi_value sys_close(napi_env env, napi_callback_info info) {
  ARGS(1);
  int32_t fd;
  REQUIRE(arg_int(env, argv[0], &fd));
  return returned(env, close_owned(fd));
}

/* The kernel moves at most 0x7ffff000 bytes a call, so the count always fits. */
static napi_value sys_read(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t fd;
  struct bytes b;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_slice(env, argv + 1, &b));
  return returned(env, read(fd, b.data, b.length));
}

static napi_value sys_write(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t fd;
  struct bytes b;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_slice(env, argv + 1, &b));
  return returned(env, write(fd, b.data, b.length));
}

const struct method fd_methods[] = {
    {"eventfd", sys_eventfd}, {"eventfdWrite", sys_eventfd_write}, {"eventfdRead", sys_eventfd_read},
    {"pipe2", sys_pipe2},     {"fcntl", sys_fcntl},                {"close", sys_close},
    {"read", sys_read},       {"write", sys_write},                {NULL, NULL},
};
