/* Two threads send a number to and fro, each spinning on a word that the other writes. All of it is timed. */
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "bench.h"

/* Looks after which a thread lets others have the processor: the other side may be waiting for one. */
#define LOOKS 20000

static struct {
  alignas(128) atomic_long ping;
  alignas(128) atomic_long pong;
} words;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Returns the word when it is no longer `old`. */
static long await_other(atomic_long *word, long old) {
  for (long looks = 1;; looks++) {
    long value = atomic_load_explicit(word, memory_order_acquire);
    if (value != old) return value;
    if (looks % LOOKS == 0) sched_yield();
    relax();
  }
}

static void *answer_all(void *unused) {
  for (long last = 0;;) {
    last = await_other(&words.ping, last);
    if (last < 0) return unused;
    atomic_store_explicit(&words.pong, last, memory_order_release);
  }
}

static long sent;

static void run(long ops) {
  for (long end = sent + ops; sent < end;) {
    sent++;
    atomic_store_explicit(&words.ping, sent, memory_order_release);
    long value = await_other(&words.pong, sent - 1);
    if (value != sent) {
      fprintf(stderr, "%ld came back instead of %ld\n", value, sent);
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  struct request request = parse_request(argc, argv);
  pthread_t other;
  if (pthread_create(&other, NULL, answer_all, NULL) != 0) unavailable("needs a second thread");
  run(request.warmup);
  double cpu = cpu_ns(), start = wall_ns();
  run(request.ops);
  double ns = wall_ns() - start;
  cpu = cpu_ns() - cpu;
  atomic_store(&words.ping, -1);
  pthread_join(other, NULL);
  answer_with_cpu(ns, cpu, request.ops);
  return 0;
}
