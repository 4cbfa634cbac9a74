/*
 * Descriptors that belong to a thread's objects, and are closed with the thread if it ends before they are.
 *
 * A worker that is terminated runs no JavaScript any more, so nobody calls close() for what it has open; the
 * environment's clean-up hook does. The table is of the process and not of a thread, because a descriptor may be
 * closed by another thread than the one that owns it.
 */
#include "args.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* By descriptor number: the environment that owns it, or NULL. */
static napi_env *owners;
static size_t owners_length;

static void set_owner(int fd, napi_env owner) {
  pthread_mutex_lock(&lock);
  if ((size_t)fd < owners_length) owners[fd] = owner;
  pthread_mutex_unlock(&lock);
}

void disown(int fd) {
  if (fd >= 0) set_owner(fd, NULL);
}

static int own(int fd, napi_env env) {
  pthread_mutex_lock(&lock);
  int status = 0;
  if ((size_t)fd >= owners_length) {
    size_t length = 2 * (size_t)fd + 64;
    napi_env *grown = realloc(owners, length * sizeof *owners);
    if (grown) {
      memset(grown + owners_length, 0, (length - owners_length) * sizeof *owners);
      owners = grown;
      owners_length = length;
    } else {
      status = -ENOMEM;
    }
  }
  if (status == 0) owners[fd] = env;
  pthread_mutex_unlock(&lock);
  return status;
}

static void close_owned(void *env) {
  pthread_mutex_lock(&lock);
  for (size_t fd = 0; fd < owners_length; fd++) {
    if (owners[fd] != env) continue;
    owners[fd] = NULL;
    close((int)fd);
  }
  pthread_mutex_unlock(&lock);
}

bool init_owned(napi_env env) { return napi_add_env_cleanup_hook(env, close_owned, env) == napi_ok; }

static napi_value sys_own(napi_env env, napi_callback_info info) {
  ARGS(1);
  int32_t fd;
  REQUIRE(arg_int(env, argv[0], &fd) && fd >= 0);
  /* Also keeps a made-up number from growing the table. */
  if (fcntl(fd, F_GETFD) < 0) return result(env, -errno);
  return result(env, own(fd, env));
}

static napi_value sys_disown(napi_env env, napi_callback_info info) {
  ARGS(1);
  int32_t fd;
  REQUIRE(arg_int(env, argv[0], &fd));
  disown(fd);
  return result(env, 0);
}

const struct method owned_methods[] = {{"own", sys_own}, {"disown", sys_disown}, {NULL, NULL}};
