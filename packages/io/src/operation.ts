import type { AioContext, CqeHandler, SqeRequest } from '@aiokit/aio'
import { type Block, bufferOf, bufferPool, lengthOf, offsetOf } from '@aiokit/buffer-pool'
import { S_IFSOCK } from '@aiokit/sys'
import { fileType, isFile } from './file-type.ts'
import * as op from './opcodes.ts'

/** A request that was made, to cancel it. */
export interface IoRequest {
  /** False from the moment in which its callback is called. */
  readonly pending: boolean
  /**
   * Asks for an early end. The callback hears -ECANCELED, what was moved until then, or how it went if it was too late.
   * What a thread has begun runs to its end.
   */
  cancel(): void
}

export type IoDone = (res: number) => void

/** How operations are carried out. */
export interface IoBackend {
  /** Begins `operation`, or goes on with what is left of it. Its end is told by `operation.end()`, later. */
  start(operation: Operation): void
  cancel(operation: Operation): void
  /** For operations on the ring: what the kernel said. */
  completed(operation: Operation, res: number): void
  close(): void
}

/** How many operations are on their way. While there are any, an attached context keeps the process alive. */
export class Pending {
  count = 0
  readonly #ctx: AioContext

  constructor(ctx: AioContext) {
    this.#ctx = ctx
  }

  begin(): void {
    if (this.count === 0) this.#ctx.beginWork()
    this.count++
  }

  end(): void {
    if (--this.count === 0) this.#ctx.endWork()
  }
}

/** Who hears of the end of an operation in the place of a callback: an object needs no closure. */
export abstract class Waiter {
  abstract ended(operation: Operation, res: number): void

  /** Whether `value` is one. */
  static is(value: unknown): value is Waiter {
    return value instanceof Waiter
  }
}

/** One operation, of any kind: all have one shape, and those that need no more allocate no more. */
export class Operation implements IoRequest, CqeHandler {
  readonly kind: number
  readonly fd: number
  /** What is still to be moved: `view` for most, `views` for vectors. */
  view: ArrayBufferView | null = null
  views: readonly ArrayBufferView[] | null = null
  /** In the file, in bytes; -1: its own, or it has none. */
  position = -1
  /** Flags, a mode, a length: what else the system call takes. */
  first = 0
  second = 0
  path = ''

  /** Without a ring: the S_IF... of what is read or written. */
  fileType = 0
  /** It receives until the buffer is full. */
  isWhole = false

  /** Its request on the ring. */
  request: SqeRequest | null = null
  /** What it waits under until it is ready; -1 if it does not. */
  watchFd = -1
  /** Where it is among the workers' jobs; negative if it is not. */
  slot = -1
  /** Known, and still to be told. */
  result = 0
  /** Memory that a worker uses. */
  block: Block | null = null
  /** Whether what is read has to be copied from there. */
  isBorrowed = false
  /** On the ring: a request that waits for readiness is in the place of its own. */
  isPolling = false
  /** On the ring: it opens what could not be opened without waiting. */
  mayWait = false
  isCancelled = false

  readonly #backend: IoBackend
  readonly #all: Pending
  readonly #done: IoDone | Waiter
  /** Of the pool, and not given to anybody else before the end, although the program may have freed them. */
  #pinned: Block | null = null
  #morePinned: Block[] | null = null
  #moved = 0
  #pending = true

  constructor(backend: IoBackend, all: Pending, kind: number, fd: number, done: IoDone | Waiter) {
    this.#backend = backend
    this.#all = all
    this.kind = kind
    this.fd = fd
    this.#done = done
  }

  get pending(): boolean {
    return this.#pending
  }

  /** What its errors say that it was. */
  get name(): string {
    return op.NAMES[this.kind]!
  }

  cancel(): void {
    if (!this.#pending || this.isCancelled) return
    this.isCancelled = true
    this.#backend.cancel(this)
  }

  complete(res: number): void {
    this.#backend.completed(this, res)
  }

  /**
   * Takes note of a result. True if there is something left to do: a system call may move less than it was asked to,
   * and is called again for the rest, up to the end of the file. A stream gives what it has.
   */
  isShort(res: number): boolean {
    if (res <= 0) return false
    const { kind, view, position } = this
    const isRead = op.isReading(kind) && position >= 0
    const isAll = isRead || kind === op.WRITE || kind === op.WRITEV || kind === op.SEND || this.isWhole
    if (!isAll || res >= (view === null ? lengthOfAll(this.views!) : lengthOf(view))) return false
    if (position >= 0) {
      const type = fileType(this.fd)
      if (isRead && !isFile(type)) return false
      // A socket is at 0 and stays there.
      if (type !== S_IFSOCK) this.position += res
    }
    if (view === null) this.views = without(this.views!, res)
    else this.view = new Uint8Array(bufferOf(view), offsetOf(view) + res, lengthOf(view) - res)
    if (this.isCancelled) return false
    this.#moved += res
    return true
  }

  /** The result of everything, of which `res` is the last: an error is one only if nothing was moved before. */
  total(res: number): number {
    return this.#moved > 0 ? this.#moved + Math.max(0, res) : res
  }

  /** From here to the end the memory stays what it is, through all the parts of the operation. */
  pin(): void {
    if (this.view !== null) {
      this.#pinned = bufferPool.find(this.view)
      this.#pinned?.pin()
    } else if (this.views !== null) {
      this.#morePinned = this.views.map((view) => bufferPool.find(view)).filter((block) => block !== null)
      for (const block of this.#morePinned) block.pin()
    }
  }

  unpin(): void {
    this.#pinned?.unpin()
    this.#pinned = null
    if (this.#morePinned === null) return
    for (const block of this.#morePinned) block.unpin()
    this.#morePinned = null
  }

  /** Tells whoever asked. */
  end(res: number): void {
    this.unpin()
    this.#pending = false
    this.#all.end()
    const done = this.#done
    if (typeof done === 'function') done(res)
    else done.ended(this, res)
  }
}

function lengthOfAll(views: readonly ArrayBufferView[]): number {
  let length = 0
  for (const view of views) length += lengthOf(view)
  return length
}

/** The views without their first `count` bytes. */
function without(views: readonly ArrayBufferView[], count: number): ArrayBufferView[] {
  const rest: ArrayBufferView[] = []
  for (const view of views) {
    const length = lengthOf(view)
    if (count >= length) count -= length
    else {
      rest.push(new Uint8Array(bufferOf(view), offsetOf(view) + count, length - count))
      count = 0
    }
  }
  return rest
}
