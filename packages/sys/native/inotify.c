/* Watching files: inotify(7). Its events are read(2) like anything else, and taken apart in TypeScript (src/inotify.ts). */
#include "args.h"

#include <sys/inotify.h>

static napi_value sys_inotify_init1(napi_env env, napi_callback_info info) {
  INT_ARG(flags);
  return returned(env, inotify_init1(flags));
}

static napi_value sys_inotify_add_watch(napi_env env, napi_callback_info info) {
  ARGS(3);
  int32_t fd;
  struct bytes path;
  uint32_t mask;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_path(env, argv[1], &path) && arg_bits(env, argv[2], &mask));
  return returned(env, inotify_add_watch(fd, (const char *)path.data, mask));
}

static napi_value sys_inotify_rm_watch(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd, watch;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &watch));
  return returned(env, inotify_rm_watch(fd, watch));
}

const struct method inotify_methods[] = {
    {"inotifyInit1", sys_inotify_init1},
    {"inotifyAddWatch", sys_inotify_add_watch},
    {"inotifyRmWatch", sys_inotify_rm_watch},
    {NULL, NULL},
};
