/* Eventfds watched by an epoll instance, each with a function to call: the least that any dispatcher does. */
#ifndef AIOKIT_WATCHED_H
#define AIOKIT_WATCHED_H

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"

/* As many as aiokit's monitor fetches at once. */
#define MAX_EVENTS 128

struct watched {
  int fd;
  void (*read)(struct watched *self);
};

static long dispatched;

static void clear(struct watched *self) {
  eventfd_t value;
  must(eventfd_read(self->fd, &value), "read");
  dispatched++;
}

static inline struct watched *watch_eventfds(int epfd, size_t count) {
  struct watched *all = allocate(count, sizeof *all);
  for (size_t i = 0; i < count; i++) {
    all[i].fd = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    all[i].read = clear;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    must(epoll_ctl(epfd, EPOLL_CTL_ADD, all[i].fd, &event), "epoll_ctl");
  }
  return all;
}

static inline void wait_and_dispatch(int epfd) {
  struct epoll_event events[MAX_EVENTS];
  int found = must(epoll_wait(epfd, events, MAX_EVENTS, -1), "epoll_wait");
  for (int i = 0; i < found; i++) {
    struct watched *ready = events[i].data.ptr;
    ready->read(ready);
  }
}

#endif
