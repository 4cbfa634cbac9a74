import { type Block, bufferPool } from '@aiokit/buffer-pool'
import { aioError, aioRangeError, aioTypeError, describe, requireInteger } from '@aiokit/errors'
import {
  check,
  ioUringRegisterBuffers,
  ioUringRegisterFiles,
  ioUringUnregisterBuffers,
  ioUringUnregisterFiles,
} from '@aiokit/sys'
import { requireViews } from './views.ts'

/** As many as the native layer takes at once. */
const MAX_FILES = 32_768

/** The buffers and files that a ring has by number: IORING_REGISTER_BUFFERS, IORING_REGISTER_FILES. */
export class Registrations {
  readonly #ringFd: number
  /** What the registered buffers lie in. The kernel writes there for as long as they are registered. */
  #blocks: Block[] = []
  #hasBuffers = false
  #hasFiles = false

  constructor(ringFd: number) {
    this.#ringFd = ringFd
  }

  /** See `FdMonitor.registerBuffers`. */
  setBuffers(buffers: readonly ArrayBufferView[] | null): void {
    const views = buffers === null ? null : requireViews(buffers)
    if (views?.length === 0)
      throw aioRangeError('ERR_AIO_OUT_OF_RANGE', '"buffers" must have a view; null is for none.')
    const blocks = views === null ? [] : views.map(requireBlock)
    this.#dropBuffers()
    if (views === null) return
    check(ioUringRegisterBuffers(this.#ringFd, views), 'io_uring_register')
    this.#hasBuffers = true
    this.#blocks = blocks
    for (const block of blocks) block.pin()
  }

  /** See `FdMonitor.registerFiles`. */
  setFiles(fds: readonly number[] | Int32Array | null): void {
    const files = fds === null ? null : requireFiles(fds)
    this.#dropFiles()
    if (files === null) return
    check(ioUringRegisterFiles(this.#ringFd, files), 'io_uring_register')
    this.#hasFiles = true
  }

  /** Lets go of all. */
  clear(): void {
    this.#dropBuffers()
    this.#dropFiles()
  }

  #dropBuffers(): void {
    if (!this.#hasBuffers) return
    this.#hasBuffers = false
    ioUringUnregisterBuffers(this.#ringFd)
    for (const block of this.#blocks) block.unpin()
    this.#blocks = []
  }

  #dropFiles(): void {
    if (!this.#hasFiles) return
    this.#hasFiles = false
    ioUringUnregisterFiles(this.#ringFd)
  }
}

function requireBlock(view: ArrayBufferView, index: number): Block {
  const block = bufferPool.find(view)
  if (block !== null) return block
  throw aioError(
    'ERR_AIO_NOT_ALLOCATED',
    `"buffers[${index}]" must be memory of bufferPool.allocate(), which stays where it is.`,
  )
}

function requireFiles(fds: readonly number[] | Int32Array): Int32Array {
  if (!Array.isArray(fds) && !(fds instanceof Int32Array)) {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"fds" must be an array of descriptors, or null. Received ${describe(fds)}.`,
    )
  }
  const length = requireInteger(fds.length, 'the length of "fds"', 1, MAX_FILES)
  const files = new Int32Array(length)
  for (let i = 0; i < length; i++) files[i] = requireInteger(fds[i], `fds[${i}]`, -1, 0x7fff_ffff)
  return files
}
