/* Regular files: positioned input and output, durability, space. */
#include "args.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

/*
 * A piece of memory that a view describes: two doubles, address and length. As with the entries of a ring, whoever fills
 * them in answers for them; a thread can use the memory of another one so, without an object of its own that holds it.
 */
static bool arg_piece(napi_env env, napi_value *view_offset, struct iovec *out) {
  struct bytes b;
  int64_t offset;
  double piece[2];
  if (!arg_bytes(env, view_offset[0], &b) || !arg_offset(env, view_offset[1], &offset)) return false;
  if (offset < 0 || b.length < sizeof piece || (uint64_t)offset > b.length - sizeof piece) return false;
  memcpy(piece, b.data + offset, sizeof piece);
  if (!(piece[0] >= 0 && piece[0] <= MAX_SAFE && piece[1] >= 0 && piece[1] <= MAX_SAFE)) return false;
  out->iov_base = (void *)(uintptr_t)piece[0];
  out->iov_len = (size_t)piece[1];
  return true;
}

static napi_value transfer_piece(napi_env env, napi_callback_info info, vector_call call) {
  ARGS(5);
  int32_t fd, flags;
  int64_t position;
  struct iovec iov;
  REQUIRE(arg_int(env, argv[0], &fd) && arg_piece(env, argv + 1, &iov) && arg_offset(env, argv[3], &position) &&
          arg_int(env, argv[4], &flags));
  return returned(env, call(fd, &iov, 1, position, flags));
}

static napi_value sys_pread_piece(napi_env env, napi_callback_info info) { return transfer_piece(env, info, preadv2); }

static napi_value sys_pwrite_piece(napi_env env, napi_callback_info info) { return transfer_piece(env, info, pwritev2); }

static napi_value sys_fsync(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
  return returned(env, fsync(fd));
}

static napi_value sys_fdatasync(napi_env env, napi_callback_info info) {
  INT_ARG(fd);
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
    {"pread", sys_pread},           {"pwrite", sys_pwrite},           {"preadv2", sys_preadv2},
    {"pwritev2", sys_pwritev2},     {"preadPiece", sys_pread_piece},  {"pwritePiece", sys_pwrite_piece},
    {"fsync", sys_fsync},           {"fdatasync", sys_fdatasync},     {"fallocate", sys_fallocate},
    {"lseek", sys_lseek},           {"openat", sys_openat},           {"statx", sys_statx},
    {NULL, NULL},
};
