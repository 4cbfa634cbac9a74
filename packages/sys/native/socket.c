/* Sockets. Addresses are encoded in TypeScript (src/socket-address.ts) and passed as bytes. */
#include "args.h"

#include <stdlib.h>
#include <sys/socket.h>

static napi_value sys_socket(napi_env env, napi_callback_info info) {
  ARGS(3);
  int32_t domain, type, protocol;
  REQUIRE(arg_int(env, argv[0], &domain) && arg_int(env, argv[1], &type) && arg_int(env, argv[2], &protocol));
  return returned(env, socket(domain, type, protocol));
}

static napi_value sys_socketpair(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t domain, type, protocol;
  struct bytes out;
  REQUIRE(arg_int(env, argv[0], &domain) && arg_int(env, argv[1], &type) && arg_int(env, argv[2], &protocol) &&
          arg_bytes(env, argv[3], &out) && out.length >= sizeof(int[2]));
  return returned(env, socketpair(domain, type, protocol, (int *)(void *)out.data));
}

static napi_value at_address(napi_env env, napi_callback_info info,
                             int (*call)(int, const struct sockaddr *, socklen_t)) {
  ARGS(2);
  int32_t fd;
  struct bytes address;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_bytes(env, argv[1], &address));
  return returned(env, call(fd, (struct sockaddr *)(void *)address.data, (socklen_t)address.length));
}

static napi_value sys_bind(napi_env env, napi_callback_info info) { return at_address(env, info, bind); }

static napi_value sys_connect(napi_env env, napi_callback_info info) { return at_address(env, info, connect); }

static napi_value sys_listen(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd, backlog;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &backlog));
  return returned(env, listen(fd, backlog));
}

static napi_value sys_accept4(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd, flags;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &flags));
  return returned(env, accept4(fd, NULL, NULL, flags));
}

static napi_value sys_shutdown(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd, how;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &how));
  return returned(env, shutdown(fd, how));
}

static napi_value sys_send(napi_env env, napi_callback_info info) {
  ARGS(5);
  int32_t fd, flags;
  struct bytes b;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_slice(env, argv + 1, &b) && arg_int(env, argv[4], &flags));
  /* A peer that has gone is an errno here, whatever the process does with SIGPIPE. */
  return returned(env, send(fd, b.data, b.length, flags | MSG_NOSIGNAL));
}

static napi_value sys_recv(napi_env env, napi_callback_info info) {
  ARGS(5);
  int32_t fd, flags;
  struct bytes b;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_slice(env, argv + 1, &b) && arg_int(env, argv[4], &flags));
  return returned(env, recv(fd, b.data, b.length, flags));
}

/* One message out of several views or into them; without addresses and without control data. */
static napi_value message(napi_env env, napi_callback_info info, bool is_send) {
  ARGS(3);
  int32_t fd, flags;
  struct msghdr header = {0};
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[2], &flags));
  int count = arg_vectors(env, argv[1], &header.msg_iov);
  ssize_t status = count;
  if (count >= 0) {
    header.msg_iovlen = (size_t)count;
    status = is_send ? sendmsg(fd, &header, flags | MSG_NOSIGNAL) : recvmsg(fd, &header, flags);
    if (status < 0) status = -errno;
  }
  free(header.msg_iov);
  return result(env, (int32_t)status);
}

static napi_value sys_sendmsg(napi_env env, napi_callback_info info) { return message(env, info, true); }

static napi_value sys_recvmsg(napi_env env, napi_callback_info info) { return message(env, info, false); }

/* Returns the length of the address, which may exceed that of the view (it is cut then). */
static napi_value name(napi_env env, napi_callback_info info, int (*call)(int, struct sockaddr *, socklen_t *)) {
  ARGS(2);
  int32_t fd;
  struct bytes out;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_bytes(env, argv[1], &out));
  socklen_t length = (socklen_t)out.length;
  return returned(env, call(fd, (struct sockaddr *)(void *)out.data, &length) < 0 ? -1 : (long)length);
}

static napi_value sys_getsockname(napi_env env, napi_callback_info info) { return name(env, info, getsockname); }

static napi_value sys_getpeername(napi_env env, napi_callback_info info) { return name(env, info, getpeername); }

/* Options whose value is an int, which are nearly all. */
static napi_value sys_getsockopt(napi_env env, napi_callback_info info) {
  ARGS(3);
  int32_t fd, level, name;
  int value = 0;
  socklen_t length = sizeof value;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &level) && arg_int(env, argv[2], &name));
  /* A value that is negative itself is not an error of this call: errno has nothing to say about it. */
  return result(env, getsockopt(fd, level, name, &value, &length) < 0 ? -errno : value);
}

static napi_value sys_setsockopt(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t fd, level, name, value;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &level) && arg_int(env, argv[2], &name) &&
          arg_int(env, argv[3], &value));
  return returned(env, setsockopt(fd, level, name, &value, sizeof value));
}

const struct method socket_methods[] = {
    {"socket", sys_socket},           {"socketpair", sys_socketpair},   {"bind", sys_bind},
    {"connect", sys_connect},         {"listen", sys_listen},           {"accept4", sys_accept4},
    {"shutdown", sys_shutdown},       {"send", sys_send},               {"recv", sys_recv},
    {"sendmsg", sys_sendmsg},         {"recvmsg", sys_recvmsg},
    {"getsockname", sys_getsockname}, {"getpeername", sys_getpeername}, {"getsockopt", sys_getsockopt},
    {"setsockopt", sys_setsockopt},   {NULL, NULL},
};
