import type { Request, Work } from './load.ts'
import { Random } from './random.ts'

const SECTOR = 512
const SECTOR_WORDS = SECTOR / 4

/** A sector that is in a WRITE on its way; fewer than that is how many READs it is in. */
const WRITING = 0xffff

/**
 * What a disk has to contain, and requests that find out whether it does.
 *
 * The disk was all zeroes to begin with. Each WRITE has a number, and what it writes to a sector follows from the two,
 * so that a sector that was written by the wrong request, at the wrong place, or not at all is noticed. No sector is
 * in a WRITE and in another request at the same time: what it has to contain would depend on the order.
 */
export class DiskModel implements Work {
  readonly maxLength: number
  /** By sector: the number of the WRITE that wrote it last, 0 for none. */
  readonly #versions: Uint32Array
  /** By sector: the requests that it is in. */
  readonly #users: Uint16Array
  readonly #random = new Random(0x2545f491)
  readonly #maxSectors: number
  #writes = 0

  /**
   * @param size bytes
   * @param maxLength of a request: at most an eighth of the disk in flight at a time, or `choose` takes long
   */
  constructor(size: number, maxLength: number) {
    const sectors = Math.floor(size / SECTOR)
    this.#versions = new Uint32Array(sectors)
    this.#users = new Uint16Array(sectors)
    this.#maxSectors = Math.max(1, Math.floor(maxLength / SECTOR))
    this.maxLength = this.#maxSectors * SECTOR
  }

  choose(request: Request): void {
    const isWrite = this.#random.below(2) === 0
    // As many short requests as long ones: each power of two is as likely as the others.
    const limit = 2 ** (1 + this.#random.below(Math.floor(Math.log2(this.#maxSectors)) + 1)) - 1
    const sectors = Math.min(1 + this.#random.below(limit), this.#maxSectors)
    let first: number
    do {
      first = this.#random.below(this.#versions.length - sectors + 1)
    } while (!this.#isFree(first, sectors, isWrite))
    for (let i = first; i < first + sectors; i++) this.#users[i] = isWrite ? WRITING : this.#users[i]! + 1
    request.isWrite = isWrite
    request.offset = first * SECTOR
    request.length = sectors * SECTOR
  }

  fill(request: Request, bytes: Uint8Array, at: number): void {
    const version = ++this.#writes
    const words = wordsOf(bytes, at, request.length)
    const first = request.offset / SECTOR
    for (let i = 0; i < request.length / SECTOR; i++) {
      this.#versions[first + i] = version
      let value = seed(first + i, version)
      for (let at = i * SECTOR_WORDS; at < (i + 1) * SECTOR_WORDS; at++) words[at] = value = next(value)
    }
  }

  done(request: Request, bytes: Uint8Array | null, at: number): boolean {
    const first = request.offset / SECTOR
    const sectors = request.length / SECTOR
    for (let i = first; i < first + sectors; i++) this.#users[i] = request.isWrite ? 0 : this.#users[i]! - 1
    return bytes === null || this.matches(request.offset, request.length, bytes, at)
  }

  /** Whether `length` bytes in `bytes` at `at` are what the disk has to contain at `offset`. */
  matches(offset: number, length: number, bytes: Uint8Array, at: number): boolean {
    const words = wordsOf(bytes, at, length)
    const first = offset / SECTOR
    for (let i = 0; i < length / SECTOR; i++) {
      const version = this.#versions[first + i]!
      let value = seed(first + i, version)
      for (let at = i * SECTOR_WORDS; at < (i + 1) * SECTOR_WORDS; at++) {
        value = next(value)
        if (words[at] !== (version === 0 ? 0 : value >>> 0)) return false
      }
    }
    return true
  }

  #isFree(first: number, sectors: number, isWrite: boolean): boolean {
    for (let i = first; i < first + sectors; i++) {
      if (this.#users[i] === WRITING || (isWrite && this.#users[i] !== 0)) return false
    }
    return true
  }
}

function wordsOf(bytes: Uint8Array, at: number, length: number): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset + at, length / 4)
}

/** Where the content of a sector begins; different for each sector and version. */
function seed(sector: number, version: number): number {
  return (Math.imul(sector, 0x9e3779b1) ^ Math.imul(version, 0x85ebca6b)) | 1
}

/** xorshift32: each word follows from the one before, and none is 0. */
function next(value: number): number {
  value ^= value << 13
  value ^= value >>> 17
  value ^= value << 5
  return value
}
