/*
 * What is needed of libuv, which Node exports to addons. Declared here because headers of Node-API alone do not have it;
 * what is declared is of its stable interface (1.19 and later), and how large a handle is, it says itself.
 *
 * Weak: a host that has Node-API and no libuv, or one that lacks any of this, loads the rest, and host.c says that there
 * is no loop.
 */
#ifndef AIOKIT_UV_H
#define AIOKIT_UV_H

#include <stdbool.h>
#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef void (*uv_handle_cb)(uv_handle_t *handle);
typedef void (*uv_poll_cb)(uv_handle_t *handle, int status, int events);

/* enum uv_handle_type; checked by name before they are relied on. */
enum { UV_CHECK = 2, UV_IDLE = 6, UV_POLL = 8, UV_PREPARE = 9 };
enum { UV_READABLE = 1 };

#define UV_FUNCTIONS(F)                                                                    \
  F(size_t, uv_handle_size, (int type))                                                    \
  F(const char *, uv_handle_type_name, (int type))                                         \
  F(void *, uv_handle_get_data, (const uv_handle_t *handle))                               \
  F(void, uv_handle_set_data, (uv_handle_t *handle, void *data))                           \
  F(void, uv_ref, (uv_handle_t *handle))                                                   \
  F(void, uv_unref, (uv_handle_t *handle))                                                 \
  F(void, uv_close, (uv_handle_t *handle, uv_handle_cb done))                              \
  F(int, uv_prepare_init, (uv_loop_t *loop, uv_handle_t *prepare))                         \
  F(int, uv_prepare_start, (uv_handle_t *prepare, uv_handle_cb callback))                  \
  F(int, uv_prepare_stop, (uv_handle_t *prepare))                                          \
  F(int, uv_check_init, (uv_loop_t *loop, uv_handle_t *check))                             \
  F(int, uv_check_start, (uv_handle_t *check, uv_handle_cb callback))                      \
  F(int, uv_check_stop, (uv_handle_t *check))                                              \
  F(int, uv_idle_init, (uv_loop_t *loop, uv_handle_t *idle))                               \
  F(int, uv_idle_start, (uv_handle_t *idle, uv_handle_cb callback))                        \
  F(int, uv_idle_stop, (uv_handle_t *idle))                                                \
  F(int, uv_poll_init, (uv_loop_t *loop, uv_handle_t *poll, int fd))                       \
  F(int, uv_poll_start, (uv_handle_t *poll, int events, uv_poll_cb callback))              \
  F(int, uv_backend_fd, (const uv_loop_t *loop))                                           \
  F(int, uv_backend_timeout, (const uv_loop_t *loop))                                      \
  F(void, uv_update_time, (uv_loop_t *loop))

#define UV_DECLARE(type, name, parameters) __attribute__((weak)) type name parameters;
UV_FUNCTIONS(UV_DECLARE)
#undef UV_DECLARE

/* Whether all of them are there. */
static inline bool has_uv_functions(void) {
#define UV_AND(type, name, parameters) && name
  return true UV_FUNCTIONS(UV_AND);
#undef UV_AND
}

#endif
