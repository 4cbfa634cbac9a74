/*
 * A server that sends back what it receives. It writes the port on which it listens to standard output, and ends with the
 * last of its connections.
 */
#include "echo.h"

int main(void) {
  static char buffer[4096];
  raise_descriptor_limit();
  int listener = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  must(bind(listener, (struct sockaddr *)&address, length), "bind");
  must(listen(listener, 1024), "listen");
  must(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
  int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(epfd, listener);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  long open = 0;
  do {
    struct epoll_event events[MAX_EVENTS];
    int found = must(epoll_wait(epfd, events, MAX_EVENTS, -1), "epoll_wait");
    for (int i = 0; i < found; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        watch(epfd, must(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept4"));
        open++;
        continue;
      }
      ssize_t count = recv(fd, buffer, sizeof buffer, 0);
      if (count > 0 && send(fd, buffer, (size_t)count, MSG_NOSIGNAL) == count) continue;
      must(close(fd), "close");
      open--;
    }
  } while (open > 0);
  return 0;
}
