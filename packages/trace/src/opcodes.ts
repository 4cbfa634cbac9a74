/** IORING_OP_... of <linux/io_uring.h>, in their order, up to Linux 6.16. */
const OPCODES =
  'nop readv writev fsync read_fixed write_fixed poll_add poll_remove sync_file_range sendmsg recvmsg timeout timeout_remove accept async_cancel link_timeout connect fallocate openat close files_update statx read write fadvise madvise send recv openat2 epoll_ctl splice provide_buffers remove_buffers tee shutdown renameat unlinkat mkdirat symlinkat linkat msg_ring fsetxattr setxattr fgetxattr getxattr socket uring_cmd send_zc sendmsg_zc read_multishot waitid futex_wait futex_wake futex_waitv fixed_fd_install ftruncate bind listen recv_zc epoll_wait readv_fixed writev_fixed pipe'.split(
    ' ',
  )

export function opcodeName(opcode: number): string {
  return OPCODES[opcode] ?? `operation ${opcode}`
}
