import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import path from 'node:path'
import { type AioIo, sys } from 'aiokit'
import { Refusal } from '../refusal.ts'

/** Who is told how an operation of an image ended: a count of bytes, or -errno. */
export interface Completion {
  complete(result: number): void
}

/**
 * A raw disk image: a regular file or a block device.
 *
 * Its operations end when `done` is told, in any order; until then the bytes are to be left alone. Bytes of the pool,
 * such as those of chunks, are used as they are.
 */
export class Image {
  readonly path: string
  /** Bytes. Not necessarily a multiple of any block. */
  readonly size: number
  readonly readOnly: boolean
  readonly #io: AioIo
  readonly #fd: number

  /**
   * @param io carries out the operations
   * @throws Error `ENOENT`, `EACCES`, ... as `fs.openSync` does, or Refusal if it is no image
   */
  constructor(io: AioIo, file: string, readOnly: boolean) {
    this.#io = io
    this.path = path.resolve(file)
    this.readOnly = readOnly
    // A FIFO would block here until somebody opens its other end.
    this.#fd = openSync(file, (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK)
    try {
      const stat = fstatSync(this.#fd)
      if (!stat.isFile() && !stat.isBlockDevice())
        throw new Refusal(`${file} is neither a file nor a block device`)
      // st_size of a block device is 0.
      this.size = stat.isFile() ? stat.size : sys.check(sys.lseek(this.#fd, 0, sys.SEEK_END), 'lseek')
      // What works only as long as there are descriptors, such as starting threads, is done now.
      io.readAio(this.#fd, new Uint8Array(0), 0, () => {})
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
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

  /**
   * Makes everything durable and lets go of the file.
   *
   * @throws SystemError if it could not be made durable; the file is closed anyway
   */
  close(): void {
    const result = this.readOnly ? 0 : sys.fsync(this.#fd)
    closeSync(this.#fd)
    sys.check(result, 'fsync', this.path)
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
