/* Waiting for readiness: ppoll(2) and epoll(7). */
#include "args.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 5.11; the same number on every architecture. Older headers and C libraries lack it. */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static napi_value sys_ppoll(napi_env env, napi_callback_info info) {
  ARGS(3);
  struct bytes fds;
  int32_t count;
  struct timespec ts, *timeout;
  REQUIRE(arg_bytes(env, argv[0], &fds) && arg_int(env, argv[1], &count) && arg_timeout(env, argv[2], &ts, &timeout));
  REQUIRE(count >= 0 && (size_t)count <= fds.length / sizeof(struct pollfd));
  return returned(env, ppoll((struct pollfd *)(void *)fds.data, (nfds_t)count, timeout, NULL));
}

static napi_value sys_epoll_create1(napi_env env, napi_callback_info info) {
  INT_ARG(flags);
  return returned(env, epoll_create1(flags));
}

static napi_value sys_epoll_ctl(napi_env env, napi_callback_info info) {
  ARGS(6);
  int32_t epfd, op, fd;
  uint32_t events, low, high;
  REQUIRE(arg_int(env, argv[0], &epfd) && arg_int(env, argv[1], &op) && arg_int(env, argv[2], &fd) &&
          arg_bits(env, argv[3], &events) && arg_bits(env, argv[4], &low) && arg_bits(env, argv[5], &high));
  /* The two halves are laid out as JavaScript will read them back, as 32-bit words in memory order. */
  uint32_t data[2] = {low, high};
  struct epoll_event event = {.events = events};
  memcpy(&event.data, data, sizeof data);
  return returned(env, epoll_ctl(epfd, op, fd, &event));
}

static bool event_buffer(napi_env env, napi_value view, napi_value max, struct bytes *events, int32_t *count) {
  return arg_bytes(env, view, events) && arg_int(env, max, count) && *count > 0 &&
         (size_t)*count <= events->length / sizeof(struct epoll_event);
}

static napi_value sys_epoll_wait(napi_env env, napi_callback_info info) {
  ARGS(4);
  struct bytes events;
  int32_t epfd, max, timeout_ms;
  REQUIRE(arg_int(env, argv[0], &epfd) && event_buffer(env, argv[1], argv[2], &events, &max) &&
          arg_int(env, argv[3], &timeout_ms));
  return returned(env, epoll_wait(epfd, (struct epoll_event *)(void *)events.data, max, timeout_ms));
}

static napi_value sys_epoll_pwait2(napi_env env, napi_callback_info info) {
  ARGS(4);
  struct bytes events;
  int32_t epfd, max;
  struct timespec ts, *timeout;
  REQUIRE(arg_int(env, argv[0], &epfd) && event_buffer(env, argv[1], argv[2], &events, &max) &&
          arg_timeout(env, argv[3], &ts, &timeout));
  return returned(env, syscall(SYS_epoll_pwait2, epfd, events.data, max, timeout, NULL, (size_t)0));
}

const struct method poll_methods[] = {
    {"ppoll", sys_ppoll},          {"epollCreate1", sys_epoll_create1}, {"epollCtl", sys_epoll_ctl},
    {"epollWait", sys_epoll_wait}, {"epollPwait2", sys_epoll_pwait2},   {NULL, NULL},
};
