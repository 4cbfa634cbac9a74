import { type Bytes, native } from './native.ts'

// io_uring(7), for whoever drives a ring: @aiokit/fdmon-uring does. All return -errno on failure. What is written to the
// mapped memory is the kernel's to obey: an address in an entry of the submission queue can be of anything.

/** sizeof(struct io_uring_params), in bytes. */
export const IO_URING_PARAMS_SIZE = 120

/** `region` of `ioUringMap`: both rings, or the entries of the submission queue. */
export const IO_URING_RINGS = 0
export const IO_URING_SQES = 1

/**
 * In the upper half of a request's `user_data`: its result, unless it is negative, is a descriptor. Those in completions
 * that nobody has taken are closed with the ring. Who takes one clears this bit in the completion, for good: places that
 * were read may be read again at the end.
 */
export const IO_URING_GIVES_DESCRIPTOR = 2

/**
 * io_uring_setup(2). `params` holds struct io_uring_params, and gets the kernel's answer. Flags are taken as far as they
 * change neither the layout nor the owner of the memory (-EINVAL otherwise). Linux 6.0 or later (-EINVAL before).
 *
 * The descriptor belongs to this thread. `close()`, and the end of the thread, first cancel what is in flight and wait
 * until the kernel has let go of its memory.
 */
export const ioUringSetup: (entries: number, params: Bytes) => number = native.ioUringSetup

/** Maps `size` bytes of a ring, until the ArrayBuffer is collected or given to `ioUringUnmap`; also after the ring is closed. */
export const ioUringMap: (fd: number, region: number, size: number) => ArrayBuffer | number =
  native.ioUringMap

/** Detaches an ArrayBuffer that `ioUringMap` gave, and unmaps it at once. */
export const ioUringUnmap: (buffer: ArrayBuffer) => number = native.ioUringUnmap

/**
 * io_uring_enter(2): submits `submit` entries, then has the kernel hand over completions and waits until there are
 * `complete` or `timeoutNs` has passed (negative: for ever). `complete` 0 only looks; -1 does not even that. Returns how
 * many were submitted; what ended the wait (-ETIME, -EINTR) only if there were none.
 */
export const ioUringEnter: (fd: number, submit: number, complete: number, timeoutNs: number) => number =
  native.ioUringEnter

/**
 * IORING_REGISTER_SYNC_CANCEL of everything, for a millisecond at most. What the disk is busy with goes on, and what is
 * cancelled may be followed by the next of a chain: repeat it until all is answered.
 */
export const ioUringCancelAll: (fd: number) => number = native.ioUringCancelAll

/** IORING_REGISTER_PROBE: fills struct io_uring_probe, 16 bytes and 8 for each opcode. */
export const ioUringProbe: (fd: number, out: Bytes) => number = native.ioUringProbe

/** IORING_REGISTER_BUFFERS. The pages stay pinned until they are unregistered or the ring is closed. */
export const ioUringRegisterBuffers: (fd: number, views: readonly Bytes[]) => number =
  native.ioUringRegisterBuffers

/** IORING_UNREGISTER_BUFFERS */
export const ioUringUnregisterBuffers: (fd: number) => number = native.ioUringUnregisterBuffers

/** IORING_REGISTER_EVENTFD: adds to the counter of an eventfd whenever io_uring_enter(2) would find something new. Once for a ring. */
export const ioUringRegisterEventfd: (fd: number, eventfd: number) => number = native.ioUringRegisterEventfd

/** IORING_REGISTER_FILES. -1 leaves a place empty. */
export const ioUringRegisterFiles: (fd: number, fds: Int32Array) => number = native.ioUringRegisterFiles

/** IORING_UNREGISTER_FILES */
export const ioUringUnregisterFiles: (fd: number) => number = native.ioUringUnregisterFiles

/** IORING_REGISTER_FILES_UPDATE, from place `offset` on. Returns how many were updated. */
export const ioUringUpdateFiles: (fd: number, offset: number, fds: Int32Array) => number =
  native.ioUringUpdateFiles

/** IORING_REGISTER_PBUF_RING: a ring of buffers to choose from, of 16 bytes for each entry, in page-aligned memory. */
export const ioUringRegisterBufferRing: (
  fd: number,
  memory: Bytes,
  entries: number,
  group: number,
) => number = native.ioUringRegisterBufferRing

/** IORING_UNREGISTER_PBUF_RING */
export const ioUringUnregisterBufferRing: (fd: number, group: number) => number =
  native.ioUringUnregisterBufferRing

/** How many rings this process has open, in all threads. */
export const ioUringCount: () => number = native.ioUringCount

/** The address of a view in memory. It means something only for memory that does not move: not for small arrays. */
export const addressOf: (view: Bytes) => number = native.addressOf
