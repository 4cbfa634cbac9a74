import { type AioIo, sys } from 'aiokit'
import type { OpenFile } from './image-file.ts'

/** Who is told how an operation of an image ended: a count of bytes, or -errno. */
export interface Completion {
  complete(result: number): void
}

/**
 * A raw disk image as a loop sees it: what it does with the file through its own `io`. Loops of several threads share
 * the file.
 *
 * Its operations end when `done` is told, in any order; until then the bytes are to be left alone. Bytes of the pool,
 * such as those of chunks, are used as they are.
 */
export class Image {
  readonly file: OpenFile
  readonly #io: AioIo
  readonly #fd: number

  /** @param io carries out the operations */
  constructor(io: AioIo, file: OpenFile) {
    this.#io = io
    this.file = file
    this.#fd = file.fd
    // What works only as long as there are descriptors, such as starting threads, is done now.
    io.readAio(this.#fd, new Uint8Array(0), 0, () => {})
  }

  /** Reads `length` bytes at `position` to `offset` of `bytes`. Completes with `length`. */
  read(bytes: Uint8Array, offset: number, length: number, position: number, done: Completion): void {
    this.#move(true, bytes.subarray(offset, offset + length), position, length, done)
  }

  /**
   * Writes `length` bytes at `offset` of `bytes` to `position`. Completes with `length`.
   *
   * @param durable complete only when what was written survives a power cut (FUA)
   */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
    durable: boolean,
    done: Completion,
  ): void {
    const written: Completion = durable
      ? { complete: (result) => (result < 0 ? done.complete(result) : this.#sync(result, done)) }
      : done
    this.#move(false, bytes.subarray(offset, offset + length), position, length, written)
  }

  /** Completes with 0 when everything whose completion was told before survives a power cut. */
  flush(done: Completion): void {
    this.#sync(0, done)
  }

  /** Completes with `length` when all of `view` is read or written. */
  #move(isRead: boolean, view: Uint8Array, position: number, length: number, done: Completion): void {
    const moved = (res: number): void => {
      if (res < 0) done.complete(res)
      else if (res === view.length) done.complete(length)
      // Somebody has made the file shorter than it was when it was opened, or the disk is odd.
      else if (res === 0) done.complete(-sys.EIO)
      // The rest is not for want of trying: this tells what is wrong.
      else this.#move(isRead, view.subarray(res), position + res, length, done)
    }
    try {
      if (isRead) this.#io.readAio(this.#fd, view, position, moved)
      else this.#io.writeAio(this.#fd, view, position, moved)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_AIO_CLOSED') throw error
      // The context is being closed, and this goes on with an operation that it cancels.
      done.complete(-sys.ECANCELED)
    }
  }

  /** Completes with `result` in the end. Without times and the like: the size never changes. */
  #sync(result: number, done: Completion): void {
    try {
      this.#io.fdatasyncAio(this.#fd, (error) => done.complete(error < 0 ? error : result))
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_AIO_CLOSED') throw error
      done.complete(-sys.ECANCELED)
    }
  }
}
