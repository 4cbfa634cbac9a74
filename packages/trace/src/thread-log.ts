import { fstatSync, writeSync } from 'node:fs'
import {
  BUFFER_SIZE,
  depthOf,
  FILL,
  fillOf,
  lengthOf,
  PIECE_LENGTH,
  PIECE_POSITION,
  POSITION,
  type ThreadMemory,
  type TraceState,
} from './shared-trace.ts'
import { warn } from './warn.ts'

/**
 * The events of one thread on their way to the file: in the thread's memory until that is full, and then a piece of the
 * file at a place of its own, so that threads need not wait for each other.
 *
 * A thread can be ended between any two calls of functions: the words in memory are written in an order in which another
 * thread can go on at any time, doing again what may have been done.
 */
export class ThreadLog {
  readonly #memory: ThreadMemory
  readonly #state: TraceState
  readonly #fd: number
  readonly #stopped: () => void

  /** @param stopped called when it turns out that the trace is not written any more */
  constructor(memory: ThreadMemory, state: TraceState, fd: number, stopped: () => void = () => {}) {
    this.#memory = memory
    this.#state = state
    this.#fd = fd
    this.#stopped = stopped
  }

  /** How many spans are open. */
  get depth(): number {
    return depthOf(Atomics.load(this.#memory.words, FILL))
  }

  /** @param event the text of one, in ASCII, short of the buffer. @param depth how many spans are open after it */
  append(event: string, depth: number): void {
    const { words, buffer } = this.#memory
    let length = lengthOf(Atomics.load(words, FILL))
    if (length + event.length > BUFFER_SIZE) {
      if (!this.flush()) return
      length = 0
    }
    buffer.write(event, length, 'latin1')
    Atomics.store(words, FILL, fillOf(length + event.length, depth))
  }

  /** Writes what there is to the file. Returns false if the trace has ended meanwhile. */
  flush(): boolean {
    this.#memory.lock()
    try {
      // Who has ended it takes what is here, when nobody writes any more.
      if (!this.#state.stopped) this.#write()
    } finally {
      this.#memory.unlock()
    }
    if (!this.#state.stopped) return true
    this.#stopped()
    return false
  }

  /** The thread records no more: ends its spans and writes everything, also when the trace is being ended. */
  end(closing: () => string): void {
    this.#memory.lock()
    this.#write()
    for (let { depth } = this; depth > 0; depth--) {
      const event = closing()
      const length = lengthOf(Atomics.load(this.#memory.words, FILL))
      if (length + event.length > BUFFER_SIZE) {
        this.#write()
        depth++
        continue
      }
      this.#memory.buffer.write(event, length, 'latin1')
      Atomics.store(this.#memory.words, FILL, fillOf(length + event.length, depth - 1))
    }
    this.#write()
    this.#memory.unlock()
  }

  #write(): void {
    const { words, wide } = this.#memory
    const length = lengthOf(Atomics.load(words, FILL))
    // Else it was begun by who was ended then, and is to be done again: nothing was added since.
    if (Atomics.load(words, PIECE_LENGTH) === 0) {
      if (length === 0) return
      // No function is called in between: there must be no piece of the file that nobody knows of.
      Atomics.store(wide, PIECE_POSITION, Atomics.add(this.#state.wide, POSITION, BigInt(length)))
      Atomics.store(words, PIECE_LENGTH, length)
    }
    this.#writePiece(Atomics.load(wide, PIECE_POSITION), Atomics.load(words, PIECE_LENGTH))
    // In this order: a piece that is written twice is the same, one that is added twice is not.
    Atomics.store(words, FILL, fillOf(0, depthOf(Atomics.load(words, FILL))))
    Atomics.store(words, PIECE_LENGTH, 0)
  }

  #writePiece(position: bigint, length: number): void {
    try {
      writeAll(this.#fd, this.#memory.buffer.subarray(0, length), Number(position))
    } catch (error) {
      this.#state.failed(position)
      if (this.#state.stop()) warn(`The trace ends early: ${(error as Error).message}.`)
    }
  }
}

/** @throws SystemError of node:fs */
export function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}

/** Whether `fd` is the file that is told by these. */
export function isFile(fd: number, device: number, inode: number): boolean {
  const { dev, ino } = fstatSync(fd)
  return dev === device && ino === inode
}
