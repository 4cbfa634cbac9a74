/* One eventfd of CASE becomes ready at a time: set, wait, dispatch, clear. All of it is timed. */
#include "watched.h"

#define PICKS 65536

static uint32_t picks[PICKS];

static void run(int epfd, struct watched *all, long ops) {
  for (long i = 0; i < ops; i++) {
    must(eventfd_write(all[picks[i % PICKS]].fd, 1), "write");
    wait_and_dispatch(epfd);
  }
}

int main(int argc, char **argv) {
  struct request request = parse_request(argc, argv);
  size_t count = (size_t)atol(request.name);
  raise_descriptor_limit();
  int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct watched *all = watch_eventfds(epfd, count);
  random_numbers(picks, PICKS, (uint32_t)count);
  run(epfd, all, request.warmup);
  double start = now_ns();
  run(epfd, all, request.ops);
  double total = now_ns() - start;
  if (dispatched != request.warmup + request.ops) {
    fprintf(stderr, "dispatched %ld events\n", dispatched);
    return 1;
  }
  answer(total, request.ops);
  return 0;
}
