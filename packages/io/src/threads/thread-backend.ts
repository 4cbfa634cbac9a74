import type { AioContext } from '@aiokit/aio'
import { fileType, isFile } from '../file-type.ts'
import * as op from '../opcodes.ts'
import type { IoBackend, Operation } from '../operation.ts'
import { readCached } from './cached-read.ts'
import { Deliveries } from './deliveries.ts'
import { Streams } from './streams.ts'
import { Workers } from './workers.ts'

/** Operations without a ring: on files by worker threads, on everything else when it is ready. */
export class ThreadBackend implements IoBackend {
  readonly #ctx: AioContext
  readonly #threads: number
  readonly #deliveries: Deliveries
  readonly #streams: Streams
  /** Made for the first file. */
  #workers: Workers | null = null

  /** @param threads at most */
  constructor(ctx: AioContext, threads: number) {
    this.#ctx = ctx
    this.#threads = threads
    this.#deliveries = new Deliveries(ctx)
    this.#streams = new Streams(ctx, this.#deliveries)
  }

  start(operation: Operation): void {
    const res = readCached(operation)
    if (res < 0) {
      if (isForStreams(operation)) this.#streams.start(operation)
      else this.#startWorker(operation)
    } else if (operation.isShort(res)) {
      this.#startWorker(operation)
    } else {
      this.#deliveries.add(operation, res)
    }
  }

  cancel(operation: Operation): void {
    if (operation.watchFd >= 0) this.#streams.cancel(operation)
    else this.#workers?.cancel(operation)
  }

  completed(): void {
    throw new Error('there is no ring')
  }

  close(): void {
    this.#streams.close()
    this.#workers?.close()
    try {
      this.#deliveries.flush()
    } finally {
      this.#deliveries.close()
    }
  }

  #startWorker(operation: Operation): void {
    this.#workers ??= new Workers(this.#ctx, this.#threads, this.#deliveries)
    this.#workers.start(operation)
  }
}

function isForStreams(operation: Operation): boolean {
  switch (operation.kind) {
    case op.RECV:
    case op.SEND:
    case op.ACCEPT:
    case op.CONNECT:
    case op.SHUTDOWN:
      return true
    case op.READ:
    case op.WRITE:
    case op.READV:
    case op.WRITEV:
      operation.fileType = fileType(operation.fd)
      return !isFile(operation.fileType)
    default:
      return false
  }
}
