import { randomFillSync } from 'node:crypto'
import { closeSync, fsyncSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const MIB = 2 ** 20

/** A file of random bytes in a folder of its own, all of it in the page cache and on the disk. */
export class TestFile implements Disposable {
  readonly path: string
  readonly #folder: string
  readonly #remove = () => rmSync(this.#folder, { recursive: true, force: true })

  constructor(mebibytes: number) {
    this.#folder = mkdtempSync(path.join(tmpdir(), 'aiokit-bench-'))
    // Also when the run is ended in the middle.
    process.on('exit', this.#remove)
    this.path = path.join(this.#folder, 'file')
    const bytes = randomFillSync(Buffer.alloc(MIB))
    const fd = openSync(this.path, 'wx+')
    for (let i = 0; i < mebibytes; i++) writeSync(fd, bytes)
    // What is not on the disk yet would go there while somebody is measured.
    fsyncSync(fd)
    for (let i = 0; i < mebibytes; i++) readSync(fd, bytes, 0, MIB, i * MIB)
    closeSync(fd)
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    this.#remove()
  }
}
