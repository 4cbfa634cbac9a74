/*
 * CASE of 1,000 eventfds are ready: wait, dispatch, clear. They are set before the clock is read; what reading the
 * clock costs is measured in the same way and taken off. A block in which the thread lost the processor to others
 * does not count.
 */
#include "watched.h"

#define COUNT 1000
#define BLOCK 2000

static uint32_t order[COUNT];

/* Nanoseconds of waiting and dispatching so many times. */
static double block(int epfd, struct watched *all, long ready, long waits) {
  static size_t at = 0;
  double total = 0;
  for (long wait = 0; wait < waits; wait++) {
    for (long i = 0; i < ready; i++) {
      must(eventfd_write(all[order[at]].fd, 1), "write");
      if (++at == COUNT) at = 0;
    }
    double start = wall_ns();
    wait_and_dispatch(epfd);
    total += wall_ns() - start;
  }
  return total;
}

/* What is seen of reading the clock between two readings: the least of some, for the reason of the blocks. */
static double clock_ns(void) {
  double least = 1e9;
  for (int i = 0; i < 20; i++) {
    double total = 0;
    for (int j = 0; j < BLOCK; j++) {
      double start = wall_ns();
      total += wall_ns() - start;
    }
    if (total / BLOCK < least) least = total / BLOCK;
  }
  return least;
}

int main(int argc, char **argv) {
  struct request request = parse_request(argc, argv);
  long ready = atol(request.name);
  long waits = BLOCK / ready;
  raise_descriptor_limit();
  int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct watched *all = watch_eventfds(epfd, COUNT);
  shuffled(order, COUNT);
  for (long done = 0; done < request.warmup; done += BLOCK) block(epfd, all, ready, waits);
  double counted = 0, everything = 0;
  long blocks = 0, events = 0;
  dispatched = 0;
  for (; events < request.ops; events += BLOCK) {
    double lost = lost_ns();
    double took = block(epfd, all, ready, waits);
    everything += took;
    if (lost_ns() > lost) continue;
    counted += took;
    blocks++;
  }
  if (dispatched != events) {
    fprintf(stderr, "dispatched %ld events instead of %ld\n", dispatched, events);
    return 1;
  }
  if (blocks == 0) {
    counted = everything;
    blocks = events / BLOCK;
  }
  answer(counted - (double)(blocks * waits) * clock_ns(), blocks * BLOCK);
  return 0;
}
