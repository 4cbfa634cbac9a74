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

struct owned {
  napi_env env;      /* NULL: nobody's */
  struct ring *ring; /* NULL: no ring */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct owned *table; /* by descriptor number */
static size_t table_length;
static int rings;

/* Returns what the ring looks like, which is the caller's now; NULL if it was none. With the lock held. */
static struct ring *take(size_t fd) {
  struct ring *ring = table[fd].env ? table[fd].ring : NULL;
  table[fd] = (struct owned){0};
  rings -= ring != NULL;
  return ring;
}

static int own(int fd, napi_env env, struct ring *ring) {
  int status = 0;
  pthread_mutex_lock(&lock);
  if ((size_t)fd >= table_length) {
    size_t length = 2 * (size_t)fd + 64;
    struct owned *grown = realloc(table, length * sizeof *table);
    if (grown) {
      memset(grown + table_length, 0, (length - table_length) * sizeof *table);
      table = grown;
      table_length = length;
    } else {
      status = -ENOMEM;
    }
  }
  if (status == 0) {
    /* A ring under this number that was closed by other means is gone: its memory may go, too. */
    free(take((size_t)fd));
    table[fd] = (struct owned){env, ring};
    rings += ring != NULL;
  }
  pthread_mutex_unlock(&lock);
  return status;
}

int own_ring(int fd, napi_env env, struct ring *ring) { return own(fd, env, ring); }

int count_rings(void) {
  pthread_mutex_lock(&lock);
  int count = rings;
  pthread_mutex_unlock(&lock);
  return count;
}

static struct ring *disown(int fd) {
  pthread_mutex_lock(&lock);
  struct ring *ring = fd >= 0 && (size_t)fd < table_length ? take((size_t)fd) : NULL;
  pthread_mutex_unlock(&lock);
  return ring;
}

/* Of a ring, when nothing is in flight any more. */
static int drain_and_close(int fd, struct ring *ring) {
  if (ring) drain_ring(fd, ring);
  free(ring);
  return close(fd);
}

int close_owned(int fd) {
  /* Disowned first: as soon as it is closed, another thread may get the number and own it. */
  return drain_and_close(fd, disown(fd));
}

static void close_all(void *env) {
  for (size_t fd = 0;; fd++) {
    pthread_mutex_lock(&lock);
    while (fd < table_length && table[fd].env != env) fd++;
    bool found = fd < table_length;
    struct ring *ring = found ? take(fd) : NULL;
    pthread_mutex_unlock(&lock);
    if (!found) return;
    drain_and_close((int)fd, ring);
  }
}

bool init_owned(napi_env env) { return napi_add_env_cleanup_hook(env, close_all, env) == napi_ok; }

static napi_value sys_own(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
  REQUIRE(fd >= 0);
  /* Also keeps a made-up number from growing the table. */
  if (fcntl(fd, F_GETFD) < 0) return result(env, -errno);
  return result(env, own(fd, env, NULL));
}

/* In one call: a thread that is terminated between the two would leave the duplicate open for ever. */
static napi_value sys_duplicate(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return result(env, -errno);
  int status = own(copy, env, NULL);
  if (status < 0) close(copy);
  return result(env, status < 0 ? status : copy);
}

static napi_value sys_disown(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
  free(disown(fd));
  return result(env, 0);
}

const struct method owned_methods[] = {{"own", sys_own}, {"disown", sys_disown}, {"duplicate", sys_duplicate}, {NULL, NULL}};
