/*
 * Hooks into the loop that runs this thread's JavaScript (libuv's, for Node): called before it waits and after, told what
 * descriptors to wait for as well, and whether it may wait at all.
 *
 * One set of hooks for each environment, which is in one thread; only that thread comes here. They end with the
 * environment, whose clean-up waits until libuv has let go of them.
 */
#include "args.h"
#include "uv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A descriptor that the loop waits for: a duplicate, so that nobody can close it under libuv. */
struct watch {
  uv_handle_t *poll; /* NULL: free */
  int fd;
  bool fired;
};

struct host {
  napi_env env;
  uv_loop_t *loop;
  uv_handle_t *prepare, *check, *idle;
  napi_ref before, after;      /* JavaScript to call */
  napi_ref resource;           /* what async_hooks see as the origin of callbacks */
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  struct watch *watches;
  size_t watch_count;
  int closing; /* handles that libuv has not let go of, once the environment ends */
};

static struct host *host_of(napi_env env) {
  void *data = NULL;
  return napi_get_instance_data(env, &data) == napi_ok ? data : NULL;
}

/*
 * An error that nobody catches: 'uncaughtException', and the end of the thread if nobody listens for that. But null is what
 * execution that is being ended leaves, by `timeout` of node:vm or with its thread: V8 goes on with that when this returns.
 */
static void report(napi_env env) {
  napi_value error;
  napi_valuetype type;
  bool pending;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok && napi_typeof(env, error, &type) == napi_ok &&
      type != napi_null) {
    napi_fatal_exception(env, error);
  }
}

static void call_hook(struct host *host, napi_ref ref) {
  napi_handle_scope scope;
  napi_value function, receiver;
  if (napi_open_handle_scope(host->env, &scope) != napi_ok) return;
  if (napi_get_reference_value(host->env, ref, &function) == napi_ok && function &&
      napi_get_undefined(host->env, &receiver) == napi_ok &&
      napi_call_function(host->env, receiver, function, 0, NULL, NULL) != napi_ok) {
    report(host->env);
  }
  napi_close_handle_scope(host->env, scope);
}

static void before_wait(uv_handle_t *prepare) {
  struct host *host = uv_handle_get_data(prepare);
  call_hook(host, host->before);
}

static void after_wait(uv_handle_t *check) {
  struct host *host = uv_handle_get_data(check);
  call_hook(host, host->after);
}

static void on_idle(uv_handle_t *idle) { (void)idle; }

static void on_fired(uv_handle_t *poll, int status, int events) {
  (void)status;
  (void)events;
  /* The table may have moved, so the handle knows its place and not its entry. */
  struct host *host = uv_handle_get_data(poll);
  for (size_t i = 0; i < host->watch_count; i++) {
    if (host->watches[i].poll == poll) host->watches[i].fired = true;
  }
}

static void free_handle(uv_handle_t *handle) { free(handle); }

/* The environment ends: when the last handle is let go of, so is the host. */
static void free_at_end(uv_handle_t *handle) {
  struct host *host = uv_handle_get_data(handle);
  free(handle);
  if (--host->closing > 0) return;
  napi_async_cleanup_hook_handle cleanup = host->cleanup;
  free(host->watches);
  free(host);
  napi_remove_async_cleanup_hook(cleanup);
}

static void delete_reference(napi_env env, napi_ref reference) {
  if (reference) napi_delete_reference(env, reference);
}

/* What JavaScript has of it, as far as it came to that. */
static void forget(struct host *host) {
  if (host->context) napi_async_destroy(host->env, host->context);
  delete_reference(host->env, host->resource);
  delete_reference(host->env, host->before);
  delete_reference(host->env, host->after);
}

static void end(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  struct host *host = data;
  napi_set_instance_data(host->env, NULL, NULL, NULL);
  forget(host);
  host->closing = 3;
  for (size_t i = 0; i < host->watch_count; i++) {
    if (!host->watches[i].poll) continue;
    host->closing++;
    uv_close(host->watches[i].poll, free_at_end);
    close(host->watches[i].fd);
  }
  uv_close(host->prepare, free_at_end);
  uv_close(host->check, free_at_end);
  uv_close(host->idle, free_at_end);
}

static uv_handle_t *new_handle(struct host *host, int type) {
  uv_handle_t *handle = calloc(1, uv_handle_size(type));
  if (handle) uv_handle_set_data(handle, host);
  return handle;
}

/* Whether libuv is there, and is one that numbers its handles as uv.h does. */
static bool has_libuv(void) {
  static const struct {
    int type;
    const char *name;
  } types[] = {{UV_CHECK, "check"}, {UV_IDLE, "idle"}, {UV_POLL, "poll"}, {UV_PREPARE, "prepare"}};
  if (!has_uv_functions()) return false;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    const char *name = uv_handle_type_name(types[i].type);
    if (!name || strcmp(name, types[i].name) != 0) return false;
  }
  return true;
}

/* False leaves what there is to forget(). */
static bool refer(struct host *host, napi_value before, napi_value after) {
  napi_env env = host->env;
  napi_value resource, name;
  return napi_create_object(env, &resource) == napi_ok &&
         napi_create_string_utf8(env, "AIOKIT", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_create_reference(env, resource, 1, &host->resource) == napi_ok &&
         napi_create_reference(env, before, 1, &host->before) == napi_ok &&
         napi_create_reference(env, after, 1, &host->after) == napi_ok &&
         napi_async_init(env, resource, name, &host->context) == napi_ok;
}

static bool is_function(napi_env env, napi_value value) {
  napi_valuetype type;
  return value && napi_typeof(env, value, &type) == napi_ok && type == napi_function;
}

static napi_value sys_host_open(napi_env env, napi_callback_info info) {
  ARGS(2);
  REQUIRE(is_function(env, argv[0]) && is_function(env, argv[1]));
  if (host_of(env)) return result(env, -EEXIST);
  uv_loop_t *loop;
  if (!has_libuv() || napi_get_uv_event_loop(env, &loop) != napi_ok) return result(env, -ENOSYS);
  struct host *host = calloc(1, sizeof *host);
  if (!host) return result(env, -ENOMEM);
  host->env = env;
  host->loop = loop;
  host->prepare = new_handle(host, UV_PREPARE);
  host->check = new_handle(host, UV_CHECK);
  host->idle = new_handle(host, UV_IDLE);
  if (!host->prepare || !host->check || !host->idle || !refer(host, argv[0], argv[1]) ||
      napi_add_async_cleanup_hook(env, end, host, &host->cleanup) != napi_ok) {
    forget(host);
    free(host->prepare);
    free(host->check);
    free(host->idle);
    free(host);
    return result(env, -ENOMEM);
  }
  napi_set_instance_data(env, host, NULL, NULL);
  uv_prepare_init(loop, host->prepare);
  uv_check_init(loop, host->check);
  uv_idle_init(loop, host->idle);
  /* Whether the thread stays alive is what the prepare handle alone says: see hostKeep. */
  uv_unref(host->prepare);
  uv_unref(host->check);
  uv_unref(host->idle);
  return result(env, 0);
}

/* Declares `host`, for functions that need one. */
#define HOST()                      \
  struct host *host = host_of(env); \
  if (!host) return result(env, -ENODEV)

/* And the one argument, if it is an int. */
#define HOST_AND_INT(name) \
  INT_ARG(name);           \
  HOST()

/* And `watch`, which the argument is the place of. */
#define HOST_AND_WATCH()                       \
  HOST_AND_INT(place);                         \
  struct watch *watch = watch_at(host, place); \
  REQUIRE(watch)

static napi_value sys_host_run(napi_env env, napi_callback_info info) {
  HOST_AND_INT(on);
  if (on) {
    uv_prepare_start(host->prepare, before_wait);
    uv_check_start(host->check, after_wait);
  } else {
    uv_prepare_stop(host->prepare);
    uv_check_stop(host->check);
    uv_idle_stop(host->idle);
  }
  return result(env, 0);
}

static napi_value sys_host_keep(napi_env env, napi_callback_info info) {
  HOST_AND_INT(on);
  if (on) uv_ref(host->prepare);
  else uv_unref(host->prepare);
  return result(env, 0);
}

static napi_value sys_host_hurry(napi_env env, napi_callback_info info) {
  HOST_AND_INT(on);
  return result(env, on ? uv_idle_start(host->idle, on_idle) : uv_idle_stop(host->idle));
}

static napi_value sys_host_watch(napi_env env, napi_callback_info info) {
  HOST_AND_INT(fd);
  size_t place = 0;
  while (place < host->watch_count && host->watches[place].poll) place++;
  if (place == host->watch_count) {
    struct watch *grown = realloc(host->watches, (place + 4) * sizeof *grown);
    if (!grown) return result(env, -ENOMEM);
    memset(grown + place, 0, 4 * sizeof *grown);
    host->watches = grown;
    host->watch_count = place + 4;
  }
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return result(env, -errno);
  uv_handle_t *poll = new_handle(host, UV_POLL);
  int status = poll ? uv_poll_init(host->loop, poll, copy) : -ENOMEM;
  if (status < 0) {
    free(poll);
    close(copy);
    return result(env, status);
  }
  uv_unref(poll);
  status = uv_poll_start(poll, UV_READABLE, on_fired);
  if (status < 0) {
    uv_close(poll, free_handle);
    close(copy);
    return result(env, status);
  }
  host->watches[place] = (struct watch){poll, copy, false};
  return result(env, (int32_t)place);
}

static struct watch *watch_at(struct host *host, int32_t place) {
  bool found = place >= 0 && (size_t)place < host->watch_count && host->watches[place].poll;
  return found ? &host->watches[place] : NULL;
}

static napi_value sys_host_unwatch(napi_env env, napi_callback_info info) {
  HOST_AND_WATCH();
  uv_close(watch->poll, free_handle);
  close(watch->fd);
  *watch = (struct watch){0};
  return result(env, 0);
}

static napi_value sys_host_take_fired(napi_env env, napi_callback_info info) {
  HOST_AND_WATCH();
  bool fired = watch->fired;
  watch->fired = false;
  return result(env, fired);
}

static napi_value sys_host_backend(napi_env env, napi_callback_info info) {
  (void)info;
  HOST();
  return result(env, uv_backend_fd(host->loop));
}

static napi_value sys_host_timeout(napi_env env, napi_callback_info info) {
  (void)info;
  HOST();
  uv_update_time(host->loop);
  return result(env, uv_backend_timeout(host->loop));
}

static napi_value sys_host_call(napi_env env, napi_callback_info info) {
  ARGS(1);
  REQUIRE(is_function(env, argv[0]));
  HOST();
  napi_callback_scope scope;
  napi_value resource, receiver;
  if (napi_get_reference_value(env, host->resource, &resource) != napi_ok ||
      napi_get_undefined(env, &receiver) != napi_ok ||
      napi_open_callback_scope(env, resource, host->context, &scope) != napi_ok) {
    return result(env, -ECANCELED);
  }
  if (napi_call_function(env, receiver, argv[0], 0, NULL, NULL) != napi_ok) report(env);
  napi_close_callback_scope(env, scope);
  return result(env, 0);
}

const struct method host_methods[] = {
    {"hostOpen", sys_host_open},       {"hostRun", sys_host_run},
    {"hostKeep", sys_host_keep},       {"hostHurry", sys_host_hurry},
    {"hostWatch", sys_host_watch},     {"hostUnwatch", sys_host_unwatch},
    {"hostTakeFired", sys_host_take_fired}, {"hostBackend", sys_host_backend},
    {"hostTimeout", sys_host_timeout}, {"hostCall", sys_host_call},
    {NULL, NULL},
};
