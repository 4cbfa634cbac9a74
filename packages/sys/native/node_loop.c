/* The loop of Node that runs the calling thread, for one that waits in its place. */
#include "args.h"

/* Of libuv, which is in Node and keeps these as they are; node_api.h comes without its header. */
struct uv_handle_s;
int uv_backend_fd(const struct uv_loop_s *loop);
int uv_backend_timeout(const struct uv_loop_s *loop);
void uv_walk(struct uv_loop_s *loop, void (*callback)(struct uv_handle_s *handle, void *argument), void *argument);
int uv_handle_get_type(const struct uv_handle_s *handle);
int uv_is_active(const struct uv_handle_s *handle);
int uv_idle_start(struct uv_handle_s *idle, void (*callback)(struct uv_handle_s *idle));
int uv_idle_stop(struct uv_handle_s *idle);
#define UV_IDLE 6

static napi_value sys_node_loop_fd(napi_env env, napi_callback_info info) {
  struct uv_loop_s *loop;
  (void)info;
  REQUIRE(napi_get_uv_event_loop(env, &loop) == napi_ok);
  return result(env, uv_backend_fd(loop));
}

struct idle {
  struct uv_handle_s *last;
  int count;
};

static void note_idle(struct uv_handle_s *handle, void *argument) {
  struct idle *idle = argument;
  if (uv_handle_get_type(handle) != UV_IDLE || !uv_is_active(handle)) return;
  idle->last = handle;
  idle->count++;
}

/* As Node's own. */
static void nothing(struct uv_handle_s *handle) { (void)handle; }

static napi_value sys_node_loop_timeout(napi_env env, napi_callback_info info) {
  struct uv_loop_s *loop;
  struct idle idle = {NULL, 0};
  int timeout;
  (void)info;
  REQUIRE(napi_get_uv_event_loop(env, &loop) == napi_ok);
  /* While immediates run Node has an idle handle active, whether others are to follow or not. A second is somebody else's. */
  uv_walk(loop, note_idle, &idle);
  if (idle.count != 1) return result(env, uv_backend_timeout(loop));
  uv_idle_stop(idle.last);
  timeout = uv_backend_timeout(loop);
  uv_idle_start(idle.last, nothing);
  return result(env, timeout);
}

const struct method node_loop_methods[] = {
    {"nodeLoopFd", sys_node_loop_fd},
    {"nodeLoopTimeout", sys_node_loop_timeout},
    {NULL, NULL},
};
