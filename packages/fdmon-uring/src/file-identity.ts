import { EBADF, statx } from '@aiokit/sys'

// statx(2) of a descriptor, without asking a server far away for news of it.
const NO_PATH = new Uint8Array(1)
const AT_EMPTY_PATH = 0x1000
const AT_STATX_DONT_SYNC = 0x4000
const STATX_INO = 0x100
// struct statx, as 32-bit words
const STATX_WORDS = 64
const INO = 8
const DEVICE = 34

/** Device and inode, two words each; all 0 if nobody knows. */
const WORDS = 4

/**
 * Which file each slot's descriptor meant when it was noted, by device and inode. Files that share an inode cannot be
 * told apart: two eventfds, or one file opened twice.
 */
export class FileIdentities {
  readonly #statx: Int32Array = new Int32Array(STATX_WORDS)
  #known = new Int32Array(64 * WORDS)

  /** Notes what `fd` means now. Returns 0, or -EBADF if it is not open. */
  note(slot: number, fd: number): number {
    const at = slot * WORDS
    if (at >= this.#known.length) {
      const grown = new Int32Array(2 * at)
      grown.set(this.#known)
      this.#known = grown
    }
    const result = this.#look(fd)
    for (let i = 0; i < WORDS; i++) this.#known[at + i] = result === 0 ? this.#word(i) : 0
    return result === -EBADF ? result : 0
  }

  /** Whether `fd` is open and, as far as that can be known, what was noted. */
  isSame(slot: number, fd: number): boolean {
    const result = this.#look(fd)
    if (result !== 0) return result !== -EBADF
    const at = slot * WORDS
    let wasKnown = 0
    let differs = 0
    for (let i = 0; i < WORDS; i++) {
      wasKnown |= this.#known[at + i]!
      differs |= this.#known[at + i]! ^ this.#word(i)
    }
    return wasKnown === 0 || differs === 0
  }

  #look(fd: number): number {
    return statx(fd, NO_PATH, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, this.#statx)
  }

  #word(i: number): number {
    return this.#statx[i < 2 ? INO + i : DEVICE + i - 2]!
  }
}
