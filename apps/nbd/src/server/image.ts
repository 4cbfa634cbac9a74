import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import path from 'node:path'
import { sys } from 'aiokit'
import { Refusal } from '../refusal.ts'

/** Who is told how an operation of an image ended: a count of bytes, or -errno. */
export interface Completion {
  complete(result: number): void
}

/**
 * A raw disk image: a regular file or a block device.
 *
 * Its operations are synchronous: `done` is told before they return. Callers do not rely on that; they leave the
 * bytes alone until `done` is told, so that the work can move to a ring or to other threads.
 */
export class Image {
  readonly path: string
  /** Bytes. Not necessarily a multiple of any block. */
  readonly size: number
  readonly readOnly: boolean
  readonly #fd: number

  /**
   * @throws Error `ENOENT`, `EACCES`, ... as `fs.openSync` does, or Refusal if it is no image
   */
  constructor(file: string, readOnly: boolean) {
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
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
  }

  /** Reads `length` bytes at `position` to `offset` of `bytes`. Completes with `length`. */
  read(bytes: Uint8Array, offset: number, length: number, position: number, done: Completion): void {
    done.complete(this.#read(bytes, offset, length, position))
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
    const result = this.#write(bytes, offset, length, position)
    done.complete(durable && result >= 0 ? this.#sync(result) : result)
  }

  /** Completes with 0 when everything whose completion was told before survives a power cut. */
  flush(done: Completion): void {
    done.complete(this.#sync(0))
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

  #read(bytes: Uint8Array, offset: number, length: number, position: number): number {
    let done = 0
    while (done < length) {
      const count = sys.pread(this.#fd, bytes, offset + done, length - done, position + done)
      // Somebody has made the file shorter than it was when it was opened.
      if (count === 0) return -sys.EIO
      if (count > 0) done += count
      else if (count !== -sys.EINTR) return count
    }
    return length
  }

  #write(bytes: Uint8Array, offset: number, length: number, position: number): number {
    let done = 0
    while (done < length) {
      const count = sys.pwrite(this.#fd, bytes, offset + done, length - done, position + done)
      if (count === 0) return -sys.EIO
      if (count > 0) done += count
      else if (count !== -sys.EINTR) return count
    }
    return length
  }

  /** Returns `result`, or -errno. Without times and the like: the size never changes. */
  #sync(result: number): number {
    const error = sys.fdatasync(this.#fd)
    return error < 0 ? error : result
  }
}
