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
#include <sys/uio.h>
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

/* struct io_uring_params, whose size has been 120 bytes from the start. */
#define PARAMS_SIZE 120
#define PARAMS_FLAGS 2

static int ring_register(int fd, unsigned opcode, void *argument, unsigned count) {
  return (int)syscall(SYS_io_uring_register, fd, opcode, argument, count);
}

/* Cancels everything in flight and returns when the kernel has let go of all memory that it was given. */
static int cancel_all(int fd) {
  struct {
    uint64_t addr;
    int32_t fd;
    uint32_t flags;
    int64_t timeout_sec, timeout_nsec;
    uint8_t opcode, pad[7];
    uint64_t pad2[3];
  } request = {.fd = -1, .flags = CANCEL_ALL | CANCEL_ANY, .timeout_sec = -1, .timeout_nsec = -1};
  int status;
  do {
    status = ring_register(fd, REGISTER_SYNC_CANCEL, &request, 1);
  } while (status < 0 && errno == EINTR);
  return status < 0 && errno != ENOENT ? -errno : 0;
}

void drain_ring(int fd) { cancel_all(fd); }

static napi_value sys_io_uring_setup(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t entries;
  struct bytes params;
  REQUIRE(arg_int(env, argv[0], &entries) && entries > 0 && arg_bytes(env, argv[1], &params) &&
          params.length >= PARAMS_SIZE);
  /* A copy: a view on the heap may move while the kernel writes. */
  uint32_t copy[PARAMS_SIZE / sizeof(uint32_t)];
  memcpy(copy, params.data, PARAMS_SIZE);
  REQUIRE((copy[PARAMS_FLAGS] & ~allowed_setup) == 0);
  int fd = (int)syscall(SYS_io_uring_setup, (unsigned)entries, copy);
  if (fd < 0) return result(env, -errno);
  /* Without this call (Linux 6.0) the memory of requests could not be waited for when the thread ends. */
  int status = cancel_all(fd);
  if (status == 0) status = own_ring(fd, env);
  if (status < 0) {
    close(fd);
    return result(env, status);
  }
  memcpy(params.data, copy, PARAMS_SIZE);
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
  ARGS(1);
  int32_t fd;
  REQUIRE(arg_int(env, argv[0], &fd));
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
  uint32_t count;
  REQUIRE(arg_int(env, argv[0], &fd) && napi_get_array_length(env, argv[1], &count) == napi_ok && count > 0 &&
          count <= 1024);
  struct iovec *vectors = calloc(count, sizeof *vectors);
  napi_value *views = calloc(count, sizeof *views);
  long status = vectors && views ? 0 : -ENOMEM;
  /* All are fetched before any is looked at: fetching may call a getter, which may detach another one. */
  for (uint32_t i = 0; i < count && status == 0; i++) {
    if (napi_get_element(env, argv[1], i, &views[i]) == napi_ok) continue;
    napi_value exception;
    napi_get_and_clear_last_exception(env, &exception);
    status = -EINVAL;
  }
  for (uint32_t i = 0; i < count && status == 0; i++) {
    struct bytes b;
    if (arg_bytes(env, views[i], &b)) vectors[i] = (struct iovec){.iov_base = b.data, .iov_len = b.length};
    else status = -EINVAL;
  }
  if (status == 0 && ring_register(fd, IORING_REGISTER_BUFFERS, vectors, count) < 0) status = -errno;
  free(vectors);
  free(views);
  return result(env, (int32_t)status);
}

static napi_value sys_io_uring_unregister_buffers(napi_env env, napi_callback_info info) {
  ARGS(1);
  int32_t fd;
  REQUIRE(arg_int(env, argv[0], &fd));
  return returned(env, ring_register(fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
}

static napi_value sys_io_uring_register_files(napi_env env, napi_callback_info info) {
  ARGS(2);
  int32_t fd;
  struct bytes files;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_bytes(env, argv[1], &files) && files.length >= sizeof(int32_t));
  return returned(env, ring_register(fd, IORING_REGISTER_FILES, files.data, (unsigned)(files.length / sizeof(int32_t))));
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
    {"ioUringUpdateFiles", sys_io_uring_update_files},
    {"ioUringRegisterBufferRing", sys_io_uring_register_buffer_ring},
    {"ioUringUnregisterBufferRing", sys_io_uring_unregister_buffer_ring},
    {"ioUringCount", sys_io_uring_count},
    {"addressOf", sys_address_of},
    {NULL, NULL},
};
