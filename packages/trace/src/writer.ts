// What writes a trace. A file of its own, which is loaded by its path when there is one to write: see load-writer.ts.
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs'
import path from 'node:path'
import {
  getEnvironmentData,
  isMainThread,
  setEnvironmentData,
  threadId,
  type Worker,
} from 'node:worker_threads'
import { aioError } from '@aiokit/errors'
import { endOf, metadata, tid } from './event-text.ts'
import { KEY } from './key.ts'
import { Recorder } from './recorder.ts'
import { newMemory, POSITION, ThreadMemory, TID, type TraceHandle, TraceState } from './shared-trace.ts'
import { isFile, ThreadLog, writeAll } from './thread-log.ts'
import { warn } from './warn.ts'

/** A trace that is being written. */
export interface Trace extends Disposable {
  /** An absolute path. */
  readonly file: string
  /**
   * Ends the trace, of all threads: the file is complete when this returns. May be called twice. The end of the thread that
   * has started it does the same.
   */
  stop(): void
}

/** What this thread does for the trace. */
let joined: ThreadTrace | null = null

/** The part that each thread has in a trace. */
class ThreadTrace {
  readonly handle: TraceHandle
  readonly #state: TraceState
  readonly #fd: number
  readonly #memory: ThreadMemory
  readonly #log: ThreadLog
  readonly #recorder: Recorder

  /** @param fd of the trace's file, which is closed at the end */
  constructor(handle: TraceHandle, fd: number, memory: ThreadMemory) {
    this.handle = handle
    this.#fd = fd
    this.#memory = memory
    this.#state = new TraceState(handle.memory)
    Atomics.store(memory.words, TID, tid)
    this.#log = new ThreadLog(memory, this.#state, fd, () => this.leave())
    const name = isMainThread ? 'main' : `worker ${threadId}`
    this.#log.append(`,\n${metadata('thread_name', name)}`, 0)
    this.#recorder = new Recorder(this.#log)
    process.on('worker', this.#started)
  }

  /** Records no more. */
  leave(): void {
    this.#recorder.stop()
    process.off('worker', this.#started)
    if (joined === this) joined = null
  }

  /** The thread ends. */
  readonly exit = (): void => {
    this.leave()
    if (!this.#state.stopped) this.collect(this.#memory, false)
  }

  /** What has not been written yet, of a thread that has ended or that does not stop for this. */
  collect(memory: ThreadMemory, isRunning: boolean): void {
    const threadTid = Atomics.load(memory.words, TID)
    if (isRunning) memory.lock()
    const copy = isRunning ? memory.copy() : memory
    if (isRunning) memory.unlock()
    new ThreadLog(copy, this.#state, this.#fd).end(() => endOf(threadTid))
    if (!isRunning) memory.free()
  }

  readonly #started = (worker: Worker): void => {
    const id = worker.threadId
    // One that ends in order has done it itself.
    worker.once('exit', () => {
      if (this.#state.stopped) return
      for (const memory of ThreadMemory.owned(this.handle.memory))
        if (memory.isOf(id)) this.collect(memory, false)
    })
  }
}

/** The thread that has started the trace. */
class OwnTrace implements Trace {
  readonly file: string
  readonly #thread: ThreadTrace
  readonly #state: TraceState
  readonly #fd: number
  #isOver = false

  constructor(file: string, writer: string) {
    this.file = path.resolve(file)
    this.#fd = open(this.file)
    const { dev: device, ino: inode } = fstatSync(this.#fd)
    const memory = newMemory()
    const handle: TraceHandle = { memory, file: this.file, device, inode, writer }
    this.#state = new TraceState(memory)
    const program = path.basename(process.argv[1] ?? 'node')
    const first = Buffer.from(`[\n${metadata('process_name', program)}`, 'latin1')
    this.#state.wide[POSITION] = BigInt(first.length)
    writeAll(this.#fd, first, 0)
    process.on('exit', this.#stop)
    this.#thread = new ThreadTrace(handle, this.#fd, ThreadMemory.claim(memory, threadId)!)
    joined = this.#thread
    setEnvironmentData(KEY, handle)
  }

  stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    process.off('exit', this.#stop)
    setEnvironmentData(KEY, undefined)
    this.#thread.leave()
    const whole = this.#state.stop()
    for (const memory of ThreadMemory.owned(this.#thread.handle.memory)) {
      // Who writes now is waited for, also if it is of no use any more.
      if (whole) this.#thread.collect(memory, true)
      else memory.lock()
    }
    this.#finish()
  }

  readonly #stop = (): void => {
    this.stop()
  };

  [Symbol.dispose](): void {
    this.stop()
  }

  #finish(): void {
    const end = Number(this.#state.end)
    try {
      ftruncateSync(this.#fd, end)
      writeAll(this.#fd, Buffer.from('\n]\n', 'latin1'), end)
    } catch (error) {
      warn(`The trace ${this.file} has no end: ${(error as Error).message}.`)
    } finally {
      closeSync(this.#fd)
    }
  }
}

/** @throws `ERR_AIO_TRACE_FILE`; `ERR_AIO_TRACE_RUNNING` if a trace is written already */
export function start(file: string, writer: string): Trace {
  const shared = getEnvironmentData(KEY) as unknown as TraceHandle | undefined
  if (shared !== undefined && !new TraceState(shared.memory).stopped) {
    throw aioError(
      'ERR_AIO_TRACE_RUNNING',
      `A trace is being written to ${shared.file} already, and there can be one at a time: stop it first.`,
    )
  }
  joined?.leave()
  return new OwnTrace(file, writer)
}

/** This thread takes part in a trace, if it does not yet and that is still written. Node closes the file with the thread. */
export function join(handle: TraceHandle): void {
  if (joined !== null || new TraceState(handle.memory).stopped) return
  let fd = -1
  try {
    fd = openSync(handle.file, constants.O_WRONLY)
    const memory = isFile(fd, handle.device, handle.inode)
      ? ThreadMemory.claim(handle.memory, threadId)
      : null
    if (memory !== null) {
      joined = new ThreadTrace(handle, fd, memory)
      process.on('exit', joined.exit)
      return
    }
    closeSync(fd)
    warn(`Thread ${threadId} is not in the trace ${handle.file}: too many are, or the file was replaced.`)
  } catch (error) {
    warn(`Thread ${threadId} is not in the trace ${handle.file}: ${(error as Error).message}.`)
  }
}

function open(file: string): number {
  let fd = -1
  try {
    // Not blocking, for what turns out to be a pipe.
    fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK)
    if (!fstatSync(fd).isFile()) throw new Error('it is no regular file')
    ftruncateSync(fd)
    return fd
  } catch (cause) {
    if (fd >= 0) closeSync(fd)
    throw aioError(
      'ERR_AIO_TRACE_FILE',
      `No trace can be written to ${file} (${(cause as Error).message}): name a file in a folder that you may write to.`,
      { cause },
    )
  }
}
