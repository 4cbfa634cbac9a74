/* Regular files: positioned input and output, durability, space. */
#include "args.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static napi_value sys_pread(napi_env env, napi_callback_info info) {
  ARGS(5);
  int32_t fd;
  int64_t position;
  struct bytes b;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_slice(env, argv + 1, &b) && arg_offset(env, argv[4], &position));
  return returned(env, pread(fd, b.data, b.length, position));
}

static napi_value sys_pwrite(napi_env env, napi_callback_info info) {
  ARGS(5);
  int32_t fd;
  int64_t position;
  struct bytes b;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_slice(env, argv + 1, &b) && arg_offset(env, argv[4], &position));
  return returned(env, pwrite(fd, b.data, b.length, position));
}

typedef ssize_t (*vector_call)(int fd, const struct iovec *vectors, int count, off_t position, int flags);

static napi_value transfer(napi_env env, napi_callback_info info, vector_call call) {
  ARGS(4);
  int32_t fd, flags;
  int64_t position;
  struct iovec *vectors;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_offset(env, argv[2], &position) && arg_int(env, argv[3], &flags));
  int count = arg_vectors(env, argv[1], &vectors);
  ssize_t status = count < 0 ? count : call(fd, vectors, count, position, flags);
  if (count >= 0 && status < 0) status = -errno;
  free(vectors);
  return result(env, (int32_t)status);
}

static napi_value sys_preadv2(napi_env env, napi_callback_info info) { return transfer(env, info, preadv2); }

static napi_value sys_pwritev2(napi_env env, napi_callback_info info) { return transfer(env, info, pwritev2); }

static napi_value sys_fsync(napi_env env, napi_callback_info info) {
  ARGS(1);
  int32_t fd;
  REQUIRE(arg_int(env, argv[0], &fd));
  return returned(env, fsync(fd));
}

static napi_value sys_fdatasync(napi_env env, napi_callback_info info) {
  ARGS(1);
  int32_t fd;
  REQUIRE(arg_int(env, argv[0], &fd));
  return returned(env, fdatasync(fd));
}

static napi_value sys_fallocate(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t fd, mode;
  int64_t offset, length;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_int(env, argv[1], &mode) && arg_offset(env, argv[2], &offset) &&
          arg_offset(env, argv[3], &length));
  return returned(env, fallocate(fd, mode, offset, length));
}

static napi_value sys_lseek(napi_env env, napi_callback_info info) {
  ARGS(3);
  int32_t fd, whence;
  int64_t offset;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_offset(env, argv[1], &offset) && arg_int(env, argv[2], &whence));
  off_t at = lseek(fd, offset, whence);
  return wide_result(env, at < 0 ? -errno : (double)at);
}

/* A path is bytes with a NUL at the end, and no other is looked for: what is behind the first one is not part of it. */
static bool arg_path(napi_env env, napi_value v, struct bytes *out) {
  return arg_bytes(env, v, out) && out->length > 0 && out->data[out->length - 1] == 0;
}

static napi_value sys_openat(napi_env env, napi_callback_info info) {
  ARGS(4);
  int32_t dirfd, flags, mode;
  struct bytes path;
  REQUIRE(arg_int(env, argv[0], &dirfd) && arg_path(env, argv[1], &path) && arg_int(env, argv[2], &flags) &&
          arg_int(env, argv[3], &mode));
  return returned(env, openat(dirfd, (const char *)path.data, flags, (mode_t)mode));
}

static napi_value sys_statx(napi_env env, napi_callback_info info) {
  ARGS(5);
  int32_t dirfd, flags, mask;
  struct bytes path, out;
  REQUIRE(arg_int(env, argv[0], &dirfd) && arg_path(env, argv[1], &path) && arg_int(env, argv[2], &flags) &&
          arg_int(env, argv[3], &mask) && arg_bytes(env, argv[4], &out) && out.length >= sizeof(struct statx));
  return returned(env, statx(dirfd, (const char *)path.data, flags, (unsigned)mask, (struct statx *)(void *)out.data));
}

const struct method file_methods[] = {
    {"pread", sys_pread},         {"pwrite", sys_pwrite},   {"preadv2", sys_preadv2}, {"pwritev2", sys_pwritev2},
    {"fsync", sys_fsync},         {"fdatasync", sys_fdatasync}, {"fallocate", sys_fallocate}, {"lseek", sys_lseek},
    {"openat", sys_openat},       {"statx", sys_statx},     {NULL, NULL},
};
