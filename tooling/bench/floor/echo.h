/* What the echo server and its load have in common: where it listens, how long a message is. */
#ifndef AIOKIT_ECHO_H
#define AIOKIT_ECHO_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench.h"

#define MESSAGE 64
#define MAX_EVENTS 128

/* 127.0.0.1 */
static inline struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void watch(int epfd, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

#endif
