import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { workerData } from 'node:worker_threads'
import { aioError } from '@aiokit/errors'

/** What a system call wrapper takes as memory: the bytes of any view. */
export type Bytes = ArrayBufferView

/**
 * The functions of the native binary. None throws: each returns a count, a descriptor or 0, or -errno; arguments
 * of the wrong type or out of range give -EINVAL.
 */
export interface Native {
  readonly constants: Readonly<Record<string, number>>
  eventfd(initial: number, flags: number): number
  eventfdWrite(fd: number, value?: number): number
  eventfdRead(fd: number): number
  pipe2(fds: Int32Array, flags: number): number
  fcntl(fd: number, command: number, argument: number): number
  close(fd: number): number
  own(fd: number): number
  disown(fd: number): number
  duplicate(fd: number): number
  read(fd: number, view: Bytes, offset?: number, length?: number): number
  write(fd: number, view: Bytes, offset?: number, length?: number): number
  pread(fd: number, view: Bytes, offset: number, length: number, position: number): number
  pwrite(fd: number, view: Bytes, offset: number, length: number, position: number): number
  preadv2(fd: number, views: readonly Bytes[], position: number, flags: number): number
  pwritev2(fd: number, views: readonly Bytes[], position: number, flags: number): number
  preadPiece(fd: number, view: Bytes, offset: number, position: number, flags: number): number
  pwritePiece(fd: number, view: Bytes, offset: number, position: number, flags: number): number
  fsync(fd: number): number
  fdatasync(fd: number): number
  fallocate(fd: number, mode: number, offset: number, length: number): number
  lseek(fd: number, offset: number, whence: number): number
  openat(dirfd: number, path: Bytes, flags: number, mode: number): number
  statx(dirfd: number, path: Bytes, flags: number, mask: number, out: Bytes): number
  ppoll(fds: Bytes, count: number, timeoutNs: number): number
  epollCreate1(flags: number): number
  epollCtl(epfd: number, op: number, fd: number, events: number, dataLow: number, dataHigh: number): number
  epollWait(epfd: number, events: Bytes, max: number, timeoutMs: number): number
  epollPwait2(epfd: number, events: Bytes, max: number, timeoutNs: number): number
  socket(domain: number, type: number, protocol: number): number
  socketpair(domain: number, type: number, protocol: number, fds: Int32Array): number
  bind(fd: number, address: Bytes): number
  connect(fd: number, address: Bytes): number
  listen(fd: number, backlog: number): number
  accept4(fd: number, flags: number): number
  shutdown(fd: number, how: number): number
  send(fd: number, view: Bytes, offset: number, length: number, flags: number): number
  recv(fd: number, view: Bytes, offset: number, length: number, flags: number): number
  sendmsg(fd: number, views: readonly Bytes[], flags: number): number
  recvmsg(fd: number, views: readonly Bytes[], flags: number): number
  getsockname(fd: number, address: Bytes): number
  getpeername(fd: number, address: Bytes): number
  getsockopt(fd: number, level: number, name: number): number
  setsockopt(fd: number, level: number, name: number, value: number): number
  ioUringSetup(entries: number, params: Bytes): number
  ioUringMap(fd: number, region: number, size: number): ArrayBuffer | number
  ioUringUnmap(buffer: ArrayBuffer): number
  ioUringEnter(fd: number, submit: number, complete: number, timeoutNs: number): number
  ioUringCancelAll(fd: number): number
  ioUringProbe(fd: number, out: Bytes): number
  ioUringRegisterBuffers(fd: number, views: readonly Bytes[]): number
  ioUringUnregisterBuffers(fd: number): number
  ioUringRegisterFiles(fd: number, fds: Int32Array): number
  ioUringUnregisterFiles(fd: number): number
  ioUringUpdateFiles(fd: number, offset: number, fds: Int32Array): number
  ioUringRegisterEventfd(fd: number, eventfd: number): number
  ioUringRegisterBufferRing(fd: number, memory: Bytes, entries: number, group: number): number
  ioUringUnregisterBufferRing(fd: number, group: number): number
  ioUringCount(): number
  addressOf(view: Bytes): number
  monotonicNs(): number
  clockGettime(clock: number): number
  timerfdCreate(clock: number, flags: number): number
  timerfdSettime(fd: number, flags: number, valueNs: number, intervalNs: number): number
  inotifyInit1(flags: number): number
  inotifyAddWatch(fd: number, path: Bytes, mask: number): number
  inotifyRmWatch(fd: number, watch: number): number
  hostOpen(before: () => void, after: () => void): number
  hostRun(on: number): number
  hostKeep(on: number): number
  hostHurry(on: number): number
  hostWatch(fd: number): number
  hostUnwatch(watch: number): number
  hostTakeFired(watch: number): number
  hostBackend(): number
  hostTimeout(): number
  hostCall(callback: () => void): number
}

function load(): { native: Native; nativePath: string } {
  if (process.platform !== 'linux') {
    throw aioError(
      'ERR_AIO_PLATFORM',
      `@aiokit/sys works on Linux only, and this is ${process.platform}: run it in a Linux container or virtual machine.`,
    )
  }
  const require = createRequire(import.meta.url)
  try {
    const nativePath =
      told() ?? require('node-gyp-build').resolve(fileURLToPath(new URL('..', import.meta.url)))
    return { native: require(nativePath), nativePath }
  } catch (cause) {
    throw aioError(
      'ERR_AIO_NATIVE',
      'The native binary of @aiokit/sys is missing or does not load here: run "npm rebuild @aiokit/sys" with a C compiler installed.',
      { cause },
    )
  }
}

/** Where the binary is, in a thread whose owner has said so in its `workerData`: its program may have no package around it. */
function told(): string | undefined {
  const path: unknown = (workerData as { aiokitNative?: unknown } | null)?.aiokitNative
  return typeof path === 'string' ? path : undefined
}

const loaded: { native: Native; nativePath: string } = load()

export const native: Native = loaded.native

/**
 * The binary, for a thread that is to call its functions and loads no modules: `process.dlopen(module, nativePath)` there
 * makes `module.exports` a `Native`.
 */
export const nativePath: string = loaded.nativePath
