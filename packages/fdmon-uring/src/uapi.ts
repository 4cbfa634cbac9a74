// Numbers of io_uring(7), linux/io_uring.h: the same on every architecture.

// io_uring_setup(2), flags
export const SETUP_CQSIZE: number = 1 << 3
export const SETUP_CLAMP: number = 1 << 4
export const SETUP_SUBMIT_ALL: number = 1 << 7
export const SETUP_COOP_TASKRUN: number = 1 << 8
export const SETUP_TASKRUN_FLAG: number = 1 << 9
export const SETUP_SINGLE_ISSUER: number = 1 << 12
export const SETUP_DEFER_TASKRUN: number = 1 << 13
export const SETUP_NO_SQARRAY: number = 1 << 16

// struct io_uring_params, as 32-bit words
export const PARAMS_SQ_ENTRIES = 0
export const PARAMS_CQ_ENTRIES = 1
export const PARAMS_FLAGS = 2
/** struct io_sqring_offsets: byte offsets into the rings. */
export const PARAMS_SQ = 10
export const SQ_HEAD = 0
export const SQ_TAIL = 1
export const SQ_FLAGS = 4
export const SQ_ARRAY = 6
/** struct io_cqring_offsets: byte offsets into the rings. */
export const PARAMS_CQ = 20
export const CQ_HEAD = 0
export const CQ_TAIL = 1
export const CQ_CQES = 5
export const CQ_FLAGS = 6
/** In the flags of the completion queue: the eventfd of the ring is not written to. */
export const CQ_EVENTFD_DISABLED = 1

// The flags word of the submission ring: what io_uring_enter(2) would find.
/** Completions did not fit and wait in the kernel. */
export const SQ_CQ_OVERFLOW: number = 1 << 1
/** The kernel has work to hand over. */
export const SQ_TASKRUN: number = 1 << 2

// struct io_uring_sqe, 64 bytes, as 32-bit words
export const SQE_WORDS = 16
/** opcode, flags, ioprio: 8, 8 and 16 bits. */
export const SQE_OPCODE = 0
export const SQE_FD = 1
/** off, addr2 */
export const SQE_OFFSET = 2
/** addr, splice_off_in */
export const SQE_ADDRESS = 4
export const SQE_LENGTH = 6
/** rw_flags and all its other names */
export const SQE_OP_FLAGS = 7
export const SQE_USER_DATA = 8
/** buf_index or buf_group, and personality: 16 bits each. */
export const SQE_BUFFER = 10
/** splice_fd_in, file_index */
export const SQE_SPLICE_FD = 11

// struct io_uring_cqe, 16 bytes, as 32-bit words
export const CQE_WORDS = 4
export const CQE_USER_DATA = 0
export const CQE_RES = 2
export const CQE_FLAGS = 3

// Of the flags of an entry, in the second byte of its first word
export const SQE_FIXED_FILE: number = 1 << 8
export const SQE_IO_LINK: number = 1 << 10
export const SQE_IO_HARDLINK: number = 1 << 11
export const SQE_LINKED: number = SQE_IO_LINK | SQE_IO_HARDLINK
export const SQE_ASYNC: number = 1 << 12
export const SQE_BUFFER_SELECT: number = 1 << 13

// Operations
export const OP_NOP = 0
export const OP_READV = 1
export const OP_WRITEV = 2
export const OP_FSYNC = 3
export const OP_READ_FIXED = 4
export const OP_WRITE_FIXED = 5
export const OP_POLL_ADD = 6
export const OP_POLL_REMOVE = 7
export const OP_SENDMSG = 9
export const OP_RECVMSG = 10
export const OP_TIMEOUT = 11
export const OP_ACCEPT = 13
export const OP_ASYNC_CANCEL = 14
export const OP_LINK_TIMEOUT = 15
export const OP_CONNECT = 16
export const OP_FALLOCATE = 17
export const OP_OPENAT = 18
export const OP_CLOSE = 19
export const OP_STATX = 21
export const OP_READ = 22
export const OP_WRITE = 23
export const OP_SEND = 26
export const OP_RECV = 27
export const OP_SPLICE = 30
export const OP_SHUTDOWN = 34

// Flags of single operations
export const FSYNC_DATASYNC = 1
/** In ioprio of accept. */
export const ACCEPT_MULTISHOT = 1
/** In ioprio of recv. */
export const RECV_MULTISHOT = 2

// Of a completion's flags
export const CQE_F_BUFFER = 1
/** The number of the buffer that was chosen is above. */
export const CQE_BUFFER_SHIFT = 16
