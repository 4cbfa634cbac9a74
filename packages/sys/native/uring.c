/*
 * io_uring(7): making a ring, mapping it, entering it. The rings themselves are read and written from TypeScript.
 *
 * Only what the kernel takes by number or from a view can be asked for here: no argument of these functions is an
 * address. The submission queue entries do carry addresses, and whoever fills them answers for them.
 */
#include "args.h"

#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of the oldest distributions that this is compiled on. */
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#define SYS_io_uring_enter 426
#define SYS_io_uring_register 427
#endif
#define SETUP_CQSIZE (1u << 3)
#define SETUP_CLAMP (1u << 4)
#define SETUP_SUBMIT_ALL (1u << 7)
#define SETUP_COOP_TASKRUN (1u << 8)
#define SETUP_TASKRUN_FLAG (1u << 9)
#define SETUP_SINGLE_ISSUER (1u << 12)
#define SETUP_DEFER_TASKRUN (1u << 13)
#define SETUP_NO_SQARRAY (1u << 16)
#define ENTER_GETEVENTS (1u << 0)
#define ENTER_EXT_ARG (1u << 3)
#define REGISTER_PBUF_RING 22
#define UNREGISTER_PBUF_RING 23
#define REGISTER_SYNC_CANCEL 24
#define CANCEL_ALL (1u << 0)
#define CANCEL_ANY (1u << 2)

/* Flags that change neither the layout of the rings nor who owns their memory. */
static const uint32_t allowed_setup = SETUP_CQSIZE | SETUP_CLAMP | SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN |
                                      SETUP_TASKRUN_FLAG | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_NO_SQARRAY;

#define SQE_IO_DRAIN (1u << 1)

/* In user_data: the result of the request, unless it is an error, is a descriptor, which nobody has yet. */
#define GIVES_DESCRIPTOR (UINT64_C(1) << 33)

/* struct io_uring_params, whose size has been 120 bytes from the start. Of its reserved words nothing is used. */
#define PARAMS_SIZE sizeof(struct io_uring_params)
_Static_assert(PARAMS_SIZE == 120, "the size that src/uring.ts gives");

struct ring {
  struct io_uring_params params;
};

static int ring_register(int fd, unsigned opcode, void *argument, unsigned count) {
  return (int)syscall(SYS_io_uring_register, fd, opcode, argument, count);
}

/*
 * Cancels everything in flight that can be; what cannot, and what begins only because of it, is not waited for. A thread
 * of the kernel that was just about to wait when it was told to stop is told again by the next call: without a timeout
 * this one would wait for it for ever.
 */
static int cancel_all(int fd) {
  struct {
    uint64_t addr;
    int32_t fd;
    uint32_t flags;
    int64_t timeout_sec, timeout_nsec;
    uint8_t opcode, pad[7];
    uint64_t pad2[3];
  } request = {.fd = -1, .flags = CANCEL_ALL | CANCEL_ANY, .timeout_sec = 0, .timeout_nsec = 1000000};
  int status;
  do {
    status = ring_register(fd, REGISTER_SYNC_CANCEL, &request, 1);
  } while (status < 0 && errno == EINTR);
  return status < 0 && errno != ENOENT && errno != ETIME ? -errno : 0;
}

/* Submits, then waits for a completion, but not for ever. Returns as io_uring_enter(2) does, errno included. */
static long enter_for(int fd, unsigned submit, long ns) {
  struct timespec timeout = {.tv_nsec = ns};
  struct {
    uint64_t sigmask;
    uint32_t sigmask_size, min_wait_usec;
    uint64_t ts;
  } extended = {.ts = (uint64_t)(uintptr_t)&timeout};
  return syscall(SYS_io_uring_enter, fd, submit, 1, ENTER_GETEVENTS | ENTER_EXT_ARG, &extended, sizeof extended);
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/*
 * The memory of requests goes when this returns, so none may be in flight then. Those that the disk is busy with cannot
 * be cancelled, and cancelling one of a chain may begin the next. So a request that does nothing is put behind all of
 * them, to begin when they have ended; until it has, whatever comes up is cancelled. Completions are thrown away, and
 * with them the descriptors that they bring.
 */
void drain_ring(int fd, const struct ring *ring) {
  const struct io_uring_params *p = &ring->params;
  if (cancel_all(fd) < 0) return; /* no ring, or another thread's */
  size_t size = larger(p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
                       p->sq_off.array + p->sq_entries * sizeof(uint32_t));
  size_t sqes_size = p->sq_entries * sizeof(struct io_uring_sqe);
  char *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
  struct io_uring_sqe *sqes = mmap(NULL, sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
  if (rings != MAP_FAILED && sqes != MAP_FAILED) {
    uint32_t *sq_head = (uint32_t *)(void *)(rings + p->sq_off.head), *sq_tail = (uint32_t *)(void *)(rings + p->sq_off.tail);
    uint32_t *cq_head = (uint32_t *)(void *)(rings + p->cq_off.head), *cq_tail = (uint32_t *)(void *)(rings + p->cq_off.tail);
    struct io_uring_cqe *cqes = (struct io_uring_cqe *)(void *)(rings + p->cq_off.cqes);
    const uint64_t mark = UINT64_MAX;
    /* In the place of what was written and not submitted, which nobody waits for any more. */
    uint32_t at = *sq_head, index = at & (p->sq_entries - 1);
    sqes[index] = (struct io_uring_sqe){.opcode = IORING_OP_NOP, .flags = SQE_IO_DRAIN, .fd = -1, .user_data = mark};
    if (!(p->flags & SETUP_NO_SQARRAY)) ((uint32_t *)(void *)(rings + p->sq_off.array))[index] = index;
    __atomic_store_n(sq_tail, at + 1, __ATOMIC_RELEASE);
    for (bool done = false; !done;) {
      long status = enter_for(fd, at + 1 - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE), 1000000);
      if (status < 0 && errno != ETIME && errno != EINTR && errno != EAGAIN && errno != EBUSY && errno != ENOMEM) break;
      uint32_t head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
      if (head == tail) cancel_all(fd);
      for (; head != tail; head++) {
        struct io_uring_cqe *cqe = &cqes[head & (p->cq_entries - 1)];
        if (cqe->user_data == mark) done = true;
        else if ((cqe->user_data & GIVES_DESCRIPTOR) && cqe->res >= 0) close_owned(cqe->res);
        /* Who still has the memory mapped shall not take for its own what is closed here. */
        cqe->user_data = 0;
      }
      __atomic_store_n(cq_head, tail, __ATOMIC_RELEASE);
    }
  }
  if (rings != MAP_FAILED) munmap(rings, size);
  if (sqes != MAP_FAILED) munmap(sqes, sqes_size);
}

static napi_value sys_io_uring_setup(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t entries;
  struct bytes params;
  REQUIRE(arg_int(env, argv[0], &entries) && entries > 0 && arg_bytes(env, argv[1], &params) &&
          params.length >= PARAMS_SIZE);
  /* A copy: a view on the heap may move while the kernel writes. It is kept for drain_ring. */
  struct ring *ring = malloc(sizeof *ring);
  if (!ring) return result(env, -ENOMEM);
  memcpy(&ring->params, params.data, PARAMS_SIZE);
  int fd = -1, status = -EINVAL;
  if ((ring->params.flags & ~allowed_setup) == 0) {
    fd = (int)syscall(SYS_io_uring_setup, (unsigned)entries, &ring->params);
    status = fd < 0 ? -errno : 0;
  }
  /* Without this call (Linux 6.0) the memory of requests could not be waited for when the thread ends. */
  if (status == 0) status = cancel_all(fd);
  if (status == 0) {
    memcpy(params.data, &ring->params, PARAMS_SIZE);
    status = own_ring(fd, env, ring);
  }
  if (status < 0) {
    if (fd >= 0) close(fd);
    free(ring);
    return result(env, status);
  }
  return result(env, fd);
}

struct mapping {
  void *memory; /* NULL when it is unmapped */
  size_t size;
};

/* Tells ArrayBuffers that were made here from all others. */
static const napi_type_tag mapping_tag = {0x8f2d1c5ba3e94e07, 0x9a61b7f04c3d52e8};

static void unmap(struct mapping *mapping) {
  if (mapping->memory) munmap(mapping->memory, mapping->size);
  mapping->memory = NULL;
}

static void finalize_mapping(napi_env env, void *memory, void *hint) {
  (void)env;
  (void)memory;
  unmap(hint);
  free(hint);
}

/* An ArrayBuffer over the rings (region 0) or over the submission queue entries (region 1), unmapped when collected. */
static napi_value sys_io_uring_map(napi_env env, napi_callback_info info) {
  ARGS(3);
  int32_t fd, region, size;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &region) && arg_int(env, argv[2], &size) && size > 0 &&
          (region == 0 || region == 1));
  struct mapping *mapping = malloc(sizeof *mapping);
  if (!mapping) return result(env, -ENOMEM);
  off_t offset = region == 0 ? (off_t)IORING_OFF_SQ_RING : (off_t)IORING_OFF_SQES;
  void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
  if (memory == MAP_FAILED) {
    free(mapping);
    return result(env, -errno);
  }
  *mapping = (struct mapping){memory, (size_t)size};
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, memory, (size_t)size, finalize_mapping, mapping, &buffer) != napi_ok) {
    unmap(mapping);
    free(mapping);
    return result(env, -ENOMEM);
  }
  if (napi_wrap(env, buffer, mapping, NULL, NULL, NULL) != napi_ok ||
      napi_type_tag_object(env, buffer, &mapping_tag) != napi_ok) {
    return result(env, -ENOMEM);
  }
  return buffer;
}

/* Unmaps at once what sys_io_uring_map gave. The ArrayBuffer is detached first: nobody can reach the memory any more. */
static napi_value sys_io_uring_unmap(napi_env env, napi_callback_info info) {
  ARGS(1);
  bool is_buffer = false, is_ours = false;
  void *mapping;
  REQUIRE(napi_is_arraybuffer(env, argv[0], &is_buffer) == napi_ok && is_buffer);
  REQUIRE(napi_check_object_type_tag(env, argv[0], &mapping_tag, &is_ours) == napi_ok && is_ours &&
          napi_unwrap(env, argv[0], &mapping) == napi_ok);
  if (napi_detach_arraybuffer(env, argv[0]) != napi_ok) return result(env, -EBUSY);
  unmap(mapping);
  return result(env, 0);
}

static napi_value sys_io_uring_enter(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t fd, submit, complete;
  struct timespec ts, *timeout;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &submit) && submit >= 0 &&
          arg_int(env, argv[2], &complete) && arg_timeout(env, argv[3], &ts, &timeout));
  if (complete < 0) return returned(env, syscall(SYS_io_uring_enter, fd, submit, 0, 0, NULL, 0));
  if (complete == 0 || timeout == NULL) {
    return returned(env, syscall(SYS_io_uring_enter, fd, submit, complete, ENTER_GETEVENTS, NULL, 0));
  }
  struct {
    uint64_t sigmask;
    uint32_t sigmask_size, min_wait_usec;
    uint64_t ts;
  } extended = {.ts = (uint64_t)(uintptr_t)timeout};
  return returned(env, syscall(SYS_io_uring_enter, fd, submit, complete, ENTER_GETEVENTS | ENTER_EXT_ARG, &extended,
                               sizeof extended));
}

static napi_value sys_io_uring_cancel_all(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
  return result(env, cancel_all(fd));
}

static napi_value sys_io_uring_probe(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd;
  struct bytes out;
  /* struct io_uring_probe: 16 bytes and 8 for each opcode. */
  REQUIRE(arg_int(env, argv[0], &fd) && arg_bytes(env, argv[1], &out) && out.length >= 16 + 8);
  size_t count = (out.length - 16) / 8;
  if (count > 256) count = 256;
  uint8_t probe[16 + 8 * 256] = {0};
  int status = ring_register(fd, IORING_REGISTER_PROBE, probe, (unsigned)count);
  if (status < 0) return result(env, -errno);
  memcpy(out.data, probe, 16 + 8 * count);
  return result(env, 0);
}

static napi_value sys_io_uring_register_buffers(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd;
  struct iovec *vectors;
  REQUIRE(arg_int(env, argv[0], &fd));
  int status = arg_vectors(env, argv[1], &vectors);
  if (status == 0) status = -EINVAL;
  if (status > 0) status = ring_register(fd, IORING_REGISTER_BUFFERS, vectors, (unsigned)status) < 0 ? -errno : 0;
  free(vectors);
  return result(env, status);
}

static napi_value sys_io_uring_unregister_buffers(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
  return returned(env, ring_register(fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
}

static napi_value sys_io_uring_register_files(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd;
  struct bytes files;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_bytes(env, argv[1], &files) && files.length >= sizeof(int32_t));
  return returned(env, ring_register(fd, IORING_REGISTER_FILES, files.data, (unsigned)(files.length / sizeof(int32_t))));
}

static napi_value sys_io_uring_unregister_files(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
  return returned(env, ring_register(fd, IORING_UNREGISTER_FILES, NULL, 0));
}

static napi_value sys_io_uring_update_files(napi_env env, napi_callback_info info) {
  ARGS(3);
  int32_t fd;
  uint32_t offset;
  struct bytes files;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_bits(env, argv[1], &offset) && arg_bytes(env, argv[2], &files) &&
          files.length >= sizeof(int32_t));
  struct {
    uint32_t offset, reserved;
    uint64_t fds;
  } update = {.offset = offset, .fds = (uint64_t)(uintptr_t)files.data};
  return returned(env, ring_register(fd, IORING_REGISTER_FILES_UPDATE, &update, (unsigned)(files.length / sizeof(int32_t))));
}

static napi_value sys_io_uring_register_eventfd(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd, event;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &event));
  return returned(env, ring_register(fd, IORING_REGISTER_EVENTFD, &event, 1));
}

static napi_value sys_io_uring_register_buffer_ring(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t fd, entries, group;
  struct bytes memory;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_bytes(env, argv[1], &memory) && arg_int(env, argv[2], &entries) &&
          arg_int(env, argv[3], &group));
  REQUIRE(entries > 0 && entries <= 32768 && memory.length >= 16 * (size_t)entries && group >= 0 && group <= 0xffff);
  struct {
    uint64_t ring_addr;
    uint32_t ring_entries;
    uint16_t bgid, flags;
    uint64_t reserved[3];
  } registration = {
      .ring_addr = (uint64_t)(uintptr_t)memory.data, .ring_entries = (uint32_t)entries, .bgid = (uint16_t)group};
  return returned(env, ring_register(fd, REGISTER_PBUF_RING, &registration, 1));
}

static napi_value sys_io_uring_unregister_buffer_ring(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd, group;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &group) && group >= 0 && group <= 0xffff);
  struct {
    uint64_t ring_addr;
    uint32_t ring_entries;
    uint16_t bgid, flags;
    uint64_t reserved[3];
  } registration = {.bgid = (uint16_t)group};
  return returned(env, ring_register(fd, UNREGISTER_PBUF_RING, &registration, 1));
}

/* How many rings this process has: the choice between a ring and none is made for all of it. */
static napi_value sys_io_uring_count(napi_env env, napi_callback_info info) {
  (void)info;
  return result(env, count_rings());
}

/* Where a view is in memory, for a field of a submission queue entry. Only memory that does not move makes sense. */
static napi_value sys_address_of(napi_env env, napi_callback_info info) {
  ARGS(1);
  struct bytes b;
  REQUIRE(arg_bytes(env, argv[0], &b));
  return wide_result(env, (double)(uintptr_t)b.data);
}

const struct method uring_methods[] = {
    {"ioUringSetup", sys_io_uring_setup},
    {"ioUringMap", sys_io_uring_map},
    {"ioUringUnmap", sys_io_uring_unmap},
    {"ioUringEnter", sys_io_uring_enter},
    {"ioUringCancelAll", sys_io_uring_cancel_all},
    {"ioUringProbe", sys_io_uring_probe},
    {"ioUringRegisterBuffers", sys_io_uring_register_buffers},
    {"ioUringUnregisterBuffers", sys_io_uring_unregister_buffers},
    {"ioUringRegisterFiles", sys_io_uring_register_files},
    {"ioUringUnregisterFiles", sys_io_uring_unregister_files},
    {"ioUringUpdateFiles", sys_io_uring_update_files},
    {"ioUringRegisterEventfd", sys_io_uring_register_eventfd},
    {"ioUringRegisterBufferRing", sys_io_uring_register_buffer_ring},
    {"ioUringUnregisterBufferRing", sys_io_uring_unregister_buffer_ring},
    {"ioUringCount", sys_io_uring_count},
    {"addressOf", sys_address_of},
    {NULL, NULL},
};
