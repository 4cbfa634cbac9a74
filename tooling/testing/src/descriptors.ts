import { randomUUID } from 'node:crypto'
import { openSync, readdirSync, readlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as sys from '@aiokit/sys'

/** The reading and the writing end of a new pipe, non-blocking. */
export function pipe(): [reader: number, writer: number] {
  const fds = new Int32Array(32)
  sys.check(sys.pipe2(fds, sys.O_CLOEXEC | sys.O_NONBLOCK), 'pipe2')
  return [fds[0]!, fds[1]!]
}

/** Two connected stream sockets, non-blocking. */
export function socketPair(): [a: number, b: number] {
  const fds = new Int32Array(32)
  sys.check(
    sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK, 0, fds),
    'socketpair',
  )
  return [fds[0]!, fds[1]!]
}

/** A descriptor of a regular file that is gone from the file system already. */
export function regularFile(): number {
  const file = path.join(tmpdir(), `aiokit-${randomUUID()}`)
  const fd = openSync(file, 'wx+')
  unlinkSync(file)
  return fd
}

/** Takes everything that can be read from `fd` without blocking. Returns the count. */
export function readAll(fd: number): number {
  const buffer = new Uint8Array(65_536)
  let total = 0
  for (;;) {
    const count = sys.read(fd, buffer)
    if (count <= 0) return total
    total += count
  }
}

/** Writes to `fd` until it would block. Returns the count. */
export function fill(fd: number): number {
  const buffer = new Uint8Array(4096)
  let total = 0
  for (;;) {
    const count = sys.write(fd, buffer)
    if (count <= 0) return total
    total += count
  }
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  // Less the one that reads the folder.
  return readdirSync('/proc/self/fd').length - 1
}

/** The same without files: a thread that is terminated while Node loads a module leaves those open that Node reads. */
export function openDescriptorsBesideFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => !linkOf(fd).startsWith('/')).length
}

/** How many of them are sockets: threads that start or end meanwhile have none. */
export function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith('socket:')).length
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '/closed by now'
  }
}
