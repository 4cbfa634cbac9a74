/*
 * Reads or writes of 4 KiB of FILE at random offsets, "depth N" of them in flight, on a ring of io_uring(7) by system
 * calls alone: one thread submits, task work is deferred to the call that waits, and everything that completions ask
 * for goes out with the next wait. WORK is read, write, or write+fsync: then 64 writes, an fdatasync(2), the next 64.
 */
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench.h"

#define BLOCK 4096
#define PICKS 65536
/* As many as aiokit's ring has. */
#define ENTRIES 256
#define WRITES_PER_FSYNC 64
/* In the place of a slot. */
#define FSYNC UINT64_MAX

/* Newer than the headers of some distributions: Linux 6.0 and 6.1. */
#define SINGLE_ISSUER (1u << 12)
#define DEFER_TASKRUN (1u << 13)

static struct {
  int fd;
  unsigned *sq_tail, *cq_head, *cq_tail;
  unsigned sq_mask, cq_mask, unsubmitted;
  struct io_uring_sqe *sqes;
  struct io_uring_cqe *cqes;
} ring;

static uint32_t picks[PICKS];
static size_t next_pick;
static unsigned char *buffers;
static int file;
static uint8_t opcode;

static void *map(size_t size, off_t offset) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, offset);
  if (memory == MAP_FAILED) must(-1, "mmap");
  return memory;
}

static void set_up_ring(void) {
  struct io_uring_params params = {
      .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | SINGLE_ISSUER | DEFER_TASKRUN,
      .cq_entries = 4 * ENTRIES,
  };
  ring.fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
  if (ring.fd < 0) unavailable("needs Linux 6.1 and to be allowed to use io_uring");
  size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  char *rings = map(sq_size > cq_size ? sq_size : cq_size, IORING_OFF_SQ_RING);
  ring.sqes = map(params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  ring.sq_tail = (unsigned *)(rings + params.sq_off.tail);
  ring.sq_mask = params.sq_entries - 1;
  ring.cq_head = (unsigned *)(rings + params.cq_off.head);
  ring.cq_tail = (unsigned *)(rings + params.cq_off.tail);
  ring.cq_mask = params.cq_entries - 1;
  ring.cqes = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
  unsigned *array = (unsigned *)(rings + params.sq_off.array);
  for (unsigned i = 0; i < params.sq_entries; i++) array[i] = i;
}

static struct io_uring_sqe *next_sqe(uint8_t op, uint64_t user_data) {
  struct io_uring_sqe *sqe = &ring.sqes[*ring.sq_tail & ring.sq_mask];
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = op;
  sqe->fd = file;
  sqe->user_data = user_data;
  __atomic_store_n(ring.sq_tail, *ring.sq_tail + 1, __ATOMIC_RELEASE);
  ring.unsubmitted++;
  return sqe;
}

static void transfer(uint64_t slot) {
  struct io_uring_sqe *sqe = next_sqe(opcode, slot);
  sqe->addr = (uint64_t)(uintptr_t)(buffers + slot * BLOCK);
  sqe->len = BLOCK;
  sqe->off = (uint64_t)picks[next_pick] * BLOCK;
  if (++next_pick == PICKS) next_pick = 0;
}

static void submit_and_wait(void) {
  int submitted;
  do {
    submitted = (int)syscall(SYS_io_uring_enter, ring.fd, ring.unsubmitted, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  } while (submitted < 0 && errno == EINTR);
  ring.unsubmitted -= (unsigned)must(submitted, "io_uring_enter");
}

static void check(int result, int expected) {
  if (result == expected) return;
  fprintf(stderr, "a request ended with %d\n", result);
  exit(1);
}

/* `count` transfers, `depth` of them in flight until no more are left to start. */
static void run_batch(long count, long depth) {
  long to_start = count, left = count;
  for (long slot = 0; slot < depth && to_start > 0; slot++, to_start--) transfer((uint64_t)slot);
  while (left > 0) {
    submit_and_wait();
    unsigned head = *ring.cq_head, tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++, left--) {
      struct io_uring_cqe *cqe = &ring.cqes[head & ring.cq_mask];
      check(cqe->res, BLOCK);
      if (to_start == 0) continue;
      to_start--;
      transfer(cqe->user_data);
    }
    __atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
  }
}

static void fsync_file(void) {
  next_sqe(IORING_OP_FSYNC, FSYNC)->fsync_flags = IORING_FSYNC_DATASYNC;
  submit_and_wait();
  while (*ring.cq_head == __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE)) submit_and_wait();
  check(ring.cqes[*ring.cq_head & ring.cq_mask].res, 0);
  __atomic_store_n(ring.cq_head, *ring.cq_head + 1, __ATOMIC_RELEASE);
}

static void run(long ops, long depth, int with_fsync) {
  if (!with_fsync) {
    run_batch(ops, depth);
    return;
  }
  for (long left = ops; left > 0; left -= WRITES_PER_FSYNC) {
    run_batch(left < WRITES_PER_FSYNC ? left : WRITES_PER_FSYNC, depth);
    fsync_file();
  }
}

int main(int argc, char **argv) {
  struct request request = parse_request(argc, argv);
  long depth;
  if (argc != 6 || sscanf(request.name, "depth %ld", &depth) != 1 || depth < 1 || depth > ENTRIES) {
    fprintf(stderr, "usage: %s 'depth N' OPS WARMUP FILE WORK\n", argv[0]);
    return 2;
  }
  int with_fsync = strcmp(argv[5], "write+fsync") == 0;
  opcode = strcmp(argv[5], "read") == 0 ? IORING_OP_READ : IORING_OP_WRITE;
  file = must(open(argv[4], (opcode == IORING_OP_READ ? O_RDONLY : O_RDWR) | O_CLOEXEC), argv[4]);
  struct stat status;
  must(fstat(file, &status), "fstat");
  random_numbers(picks, PICKS, (uint32_t)(status.st_size / BLOCK));
  buffers = aligned_alloc(BLOCK, (size_t)depth * BLOCK);
  if (!buffers) must(-1, "aligned_alloc");
  memset(buffers, 1, (size_t)depth * BLOCK);
  set_up_ring();
  run(request.warmup, depth, with_fsync);
  double start = wall_ns();
  run(request.ops, depth, with_fsync);
  answer(wall_ns() - start, request.ops);
  return 0;
}
