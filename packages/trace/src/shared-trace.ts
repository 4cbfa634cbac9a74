// The memory of a trace: what all threads that write to the file have in common. A thread that ends by force cannot write
// what it has, so that it lies here, where another thread finds it.

/** Threads at once; others are not recorded. */
const MAX_THREADS = 288
/** What a thread keeps before it writes, in bytes. Pages that nobody has used take no memory. */
export const BUFFER_SIZE = 65_536

// 32-bit words of the whole.
/** 0 while it is written. */
const STOPPED = 0
// 64-bit words of the whole.
/** Where the next piece of the file goes. */
export const POSITION = 1
/** The first piece that could not be written; negative if there is none. */
const FAILED_AT = 2

const HEADER_BYTES = 64
const THREAD_BYTES = 64 + BUFFER_SIZE

// 32-bit words of a thread.
/** `threadId` of node:worker_threads and 1; 0: nobody's. */
const OWNER = 0
/** The kernel's number of the thread. */
export const TID = 1
/** 1 while what is recorded is being written to the file. */
const LOCK = 2
/** Bytes in the buffer, and how many spans are open: in one word, so that they always fit. */
export const FILL = 3
/** Bytes that are just being written, at PIECE_POSITION. */
export const PIECE_LENGTH = 4
// 64-bit words of a thread.
export const PIECE_POSITION = 3

const DEPTH_SHIFT = 17

export function fillOf(length: number, depth: number): number {
  return length | (depth << DEPTH_SHIFT)
}

export function lengthOf(fill: number): number {
  return fill & ((1 << DEPTH_SHIFT) - 1)
}

export function depthOf(fill: number): number {
  return fill >>> DEPTH_SHIFT
}

/** What a thread finds in its environment data (see node:worker_threads) while its process writes a trace. */
export interface TraceHandle {
  readonly memory: SharedArrayBuffer
  /** An absolute path, and what tells that it is still the same file. */
  readonly file: string
  readonly device: number
  readonly inode: number
  /** The module that writes. */
  readonly writer: string
}

export function newMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(HEADER_BYTES + MAX_THREADS * THREAD_BYTES)
  new TraceState(memory).wide[FAILED_AT] = -1n
  return memory
}

/** The words of the whole. */
export class TraceState {
  readonly words: Int32Array<SharedArrayBuffer>
  readonly wide: BigInt64Array<SharedArrayBuffer>

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.wide = new BigInt64Array(memory, 0, HEADER_BYTES / 8)
  }

  get stopped(): boolean {
    return Atomics.load(this.words, STOPPED) !== 0
  }

  /** No thread begins to write any more. Returns false if it was so before. */
  stop(): boolean {
    return Atomics.exchange(this.words, STOPPED, 1) === 0
  }

  /** What was to be at `position` is not: what comes behind it is lost. */
  failed(position: bigint): void {
    for (;;) {
      const known = Atomics.load(this.wide, FAILED_AT)
      if (known >= 0n && known <= position) return
      if (Atomics.compareExchange(this.wide, FAILED_AT, known, position) === known) return
    }
  }

  /** Where the file ends. */
  get end(): bigint {
    const failed = Atomics.load(this.wide, FAILED_AT)
    return failed >= 0n ? failed : Atomics.load(this.wide, POSITION)
  }
}

/** The words and the buffer of one thread. */
export class ThreadMemory {
  readonly words: Int32Array<SharedArrayBuffer>
  readonly wide: BigInt64Array<SharedArrayBuffer>
  readonly buffer: Buffer

  constructor(memory: SharedArrayBuffer, index: number) {
    const at = HEADER_BYTES + index * THREAD_BYTES
    this.words = new Int32Array(memory, at, (THREAD_BYTES - BUFFER_SIZE) / 4)
    this.wide = new BigInt64Array(memory, at, (THREAD_BYTES - BUFFER_SIZE) / 8)
    this.buffer = Buffer.from(memory, at + THREAD_BYTES - BUFFER_SIZE, BUFFER_SIZE)
  }

  /** One that is nobody's, for the thread `threadId`; null if there is none. */
  static claim(memory: SharedArrayBuffer, threadId: number): ThreadMemory | null {
    for (let i = 0; i < MAX_THREADS; i++) {
      const thread = new ThreadMemory(memory, i)
      if (Atomics.compareExchange(thread.words, OWNER, 0, threadId + 1) === 0) return thread
    }
    return null
  }

  /** Those that are somebody's. */
  static *owned(memory: SharedArrayBuffer): Iterable<ThreadMemory> {
    for (let i = 0; i < MAX_THREADS; i++) {
      const thread = new ThreadMemory(memory, i)
      if (Atomics.load(thread.words, OWNER) !== 0) yield thread
    }
  }

  isOf(threadId: number): boolean {
    return Atomics.load(this.words, OWNER) === threadId + 1
  }

  /** As it is now, and not locked, which this has to be. */
  copy(): ThreadMemory {
    const memory = new SharedArrayBuffer(HEADER_BYTES + THREAD_BYTES)
    const copy = new ThreadMemory(memory, 0)
    // The words first: what they tell of the buffer stays as it is.
    copy.words.set(this.words)
    copy.buffer.set(this.buffer)
    copy.unlock()
    return copy
  }

  /** It is nobody's any more. */
  free(): void {
    Atomics.store(this.words, FILL, 0)
    Atomics.store(this.words, PIECE_LENGTH, 0)
    Atomics.store(this.words, LOCK, 0)
    Atomics.store(this.words, OWNER, 0)
  }

  /**
   * Waits until nobody else is writing what is here, but not for long: who was may have been ended in the middle. It can go
   * on then, for whatever it had begun to write is written again to the same place.
   */
  lock(): void {
    const deadline = Date.now() + LOCK_TIMEOUT_MS
    while (Atomics.compareExchange(this.words, LOCK, 0, 1) !== 0) {
      if (Date.now() >= deadline) return
      Atomics.wait(this.words, LOCK, 1, LOCK_TIMEOUT_MS / 10)
    }
  }

  unlock(): void {
    Atomics.store(this.words, LOCK, 0)
    Atomics.notify(this.words, LOCK)
  }
}

const LOCK_TIMEOUT_MS = 2000
