import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import path from 'node:path'
import { sys } from 'aiokit'
import { Refusal } from '../refusal.ts'

/** What loops need to know of an image's file; another thread can be sent it. */
export interface OpenFile {
  readonly fd: number
  readonly path: string
  /** Bytes. Not necessarily a multiple of any block. */
  readonly size: number
  readonly readOnly: boolean
}

/** The file of a raw disk image, open: a regular file or a block device. */
export class ImageFile implements OpenFile {
  readonly fd: number
  readonly path: string
  readonly size: number
  readonly readOnly: boolean

  /** @throws Error `ENOENT`, `EACCES`, ... as `fs.openSync` does, or Refusal if it is no image */
  constructor(file: string, readOnly: boolean) {
    this.path = path.resolve(file)
    this.readOnly = readOnly
    // A FIFO would block here until somebody opens its other end.
    this.fd = openSync(file, (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK)
    try {
      const stat = fstatSync(this.fd)
      if (!stat.isFile() && !stat.isBlockDevice())
        throw new Refusal(`${file} is neither a file nor a block device`)
      // st_size of a block device is 0.
      this.size = stat.isFile() ? stat.size : sys.check(sys.lseek(this.fd, 0, sys.SEEK_END), 'lseek')
    } catch (error) {
      closeSync(this.fd)
      throw error
    }
  }

  /**
   * Makes everything durable and lets go of the file, which nobody uses any more.
   *
   * @throws SystemError if it could not be made durable; the file is closed anyway
   */
  close(): void {
    const result = this.readOnly ? 0 : sys.fsync(this.fd)
    closeSync(this.fd)
    sys.check(result, 'fsync', this.path)
  }
}
