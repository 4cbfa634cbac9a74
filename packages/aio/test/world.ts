import { stat } from 'node:fs'
import { MessageChannel, type Worker } from 'node:worker_threads'
import type { BottomHalf } from '@aiokit/bottom-halves'
import * as sys from '@aiokit/sys'
import { pipe, socketPair } from '@aiokit/testing'
import { ManualClock, realtime, type Timer } from '@aiokit/timers'
import type { AioContext } from '../src/index.ts'
import { type Calls, Journal, type Kind } from './journal.ts'
import {
  type HandlerReaction,
  type Nesting,
  REACTIONS,
  type Reaction,
  SOURCES,
  type Step,
  type Turn,
} from './programs.ts'

interface Source {
  reader: number
  writer: number
  sent: number
}

/** So many events a source has at most: one that sends to itself comes to an end. */
const MOST_SENT = 40
/** Longer than anything takes that a program does; nothing else wakes a loop meanwhile. */
const STALL_MS = 5000

/** A context that Node's loop runs, or that runs it, and what a program does to it. */
export class World {
  readonly #ctx: AioContext
  readonly #journal: Journal
  readonly #elsewhere: Worker
  readonly #sources: Source[] = SOURCES.map(open)
  readonly #clock = new ManualClock()
  readonly #bottomHalves: BottomHalf[]
  readonly #timers: Timer[]
  /** How often each may do the same again, in one turn. */
  readonly #again: number[] = REACTIONS.map(() => 0)
  /** Scheduled, and not run yet. */
  readonly #scheduled = new Set<number>()
  /** For handlers and bottom halves of the world's own. */
  readonly #control = pipe()
  readonly #fromElsewhere = pipe()
  readonly #shared: BottomHalf
  #onControl: (() => void)[] = []
  /** What is certain to call back, sooner or later. */
  #pending = 0
  #wake: (() => void) | null = null

  /** Of the turn. */
  #start = 0

  constructor(ctx: AioContext, elsewhere: Worker) {
    this.#ctx = ctx
    this.#journal = new Journal(ctx)
    this.#elsewhere = elsewhere
    this.#bottomHalves = REACTIONS.map((reaction, i) =>
      ctx.createBottomHalf(() => {
        this.#scheduled.delete(i)
        this.#called('bottom half', 'bottom halves', `${i}`)
        this.#react(reaction, () => this.#schedule(i), i)
      }),
    )
    this.#timers = REACTIONS.map((reaction, i) =>
      ctx.createTimer(this.#clock, () => {
        this.#called('timer', 'timers', `${i} at ${this.#clock.now()}`)
        this.#react(reaction, () => this.#timers[i]!.mod(this.#clock.now()), i)
      }),
    )
    ctx.setFdHandler(this.#control[0], {
      read: () => {
        take(this.#control[0])
        const call = this.#onControl.shift()!
        call()
      },
    })
    ctx.setFdHandler(this.#fromElsewhere[0], {
      read: () => {
        take(this.#fromElsewhere[0])
        this.#came('sent elsewhere')
      },
    })
    this.#shared = ctx.createBottomHalf(() => this.#came('scheduled elsewhere'), { shared: true })
  }

  /** Takes the steps of a turn, and waits until all that comes of it was called. @throws if it does not come */
  async take({ from, steps, elsewhere }: Turn): Promise<void> {
    this.#again.fill(2)
    const all = () => {
      this.#start = realtime.now()
      for (const step of steps) this.#take(step)
    }
    if (elsewhere !== null) {
      this.#pending++
      const [what, handle, bottomHalf] = [elsewhere, this.#ctx.handle, this.#shared.handle]
      this.#elsewhere.postMessage({ what, handle, bottomHalf, writer: this.#fromElsewhere[1] })
    }
    await new Promise<void>((resolve) => {
      const call = () => {
        all()
        resolve()
      }
      if (from === 'setTimeout') setTimeout(call)
      else if (from === 'setImmediate') setImmediate(call)
      else if (from === 'file') stat('/', call)
      else if (from === 'port') atPort(call)
      else if (from === 'bottom half') this.#ctx.scheduleOneshot(call)
      else if (from === 'timer') this.#ctx.createTimer(realtime, call).mod(realtime.now())
      else this.#atControl(call)
    })
    await this.#settled()
  }

  get calls(): Calls {
    return this.#journal.calls
  }

  close(): void {
    for (const one of [...this.#bottomHalves, this.#shared]) one.delete()
    for (const timer of this.#timers) timer.del()
    const fds = [
      this.#control,
      this.#fromElsewhere,
      ...this.#sources.map(({ reader, writer }) => [reader, writer]),
    ]
    for (const fd of fds.flat()) this.#ctx.setFdHandler(fd, null)
    this.#ctx.close()
    for (const fd of new Set(fds.flat())) sys.close(fd)
  }

  #take(step: Step): void {
    switch (step.do) {
      case 'watch':
        this.#watch(step.source, step.read, step.write)
        break
      case 'remove':
        this.#ctx.setFdHandler(this.#sources[step.source]!.reader, null)
        break
      case 'send':
        for (let i = 0; i < step.count; i++) this.#send(step.source)
        break
      case 'reopen': {
        const { reader, writer } = this.#sources[step.source]!
        this.#ctx.setFdHandler(reader, null)
        for (const fd of new Set([reader, writer])) sys.close(fd)
        this.#sources[step.source] = open(SOURCES[step.source]!)
        break
      }
      case 'schedule':
        this.#schedule(step.bottomHalf)
        break
      case 'schedule idle':
        this.#scheduled.add(step.bottomHalf)
        this.#bottomHalves[step.bottomHalf]!.scheduleIdle()
        break
      case 'cancel':
        this.#scheduled.delete(step.bottomHalf)
        this.#bottomHalves[step.bottomHalf]!.cancel()
        break
      case 'one-shot': {
        const { reaction } = step
        this.#pending++
        this.#ctx.scheduleOneshot(() => {
          this.#pending--
          this.#called('bottom half', 'bottom halves', `one-shot ${reaction}`)
          this.#react(reaction, () => {}, 0)
        })
        break
      }
      case 'arm':
        this.#timers[step.timer]!.mod(this.#clock.now() + step.inNs)
        break
      case 'delete':
        this.#timers[step.timer]!.del()
        break
      case 'advance':
        this.#clock.advance(step.byNs)
        break
      case 'real timers':
        for (const inNs of step.inNs) {
          this.#pending++
          const timer = this.#ctx.createTimer(realtime, () => this.#came('real timers', `in ${inNs}`))
          timer.mod(this.#start + inNs)
        }
        break
    }
  }

  #watch(source: number, reaction: HandlerReaction | null, writes: boolean): void {
    const { reader } = this.#sources[source]!
    const read = () => {
      this.#called('handler', `read ${source}`, `${take(reader)} ${reaction}`)
      if (reaction === 'remove') this.#ctx.setFdHandler(reader, null)
      else if (reaction === 'replace') this.#watch(source, 'nothing', false)
      else if (reaction === 'send') this.#send(source)
      else if (reaction === 'bottom half')
        this.#ctx.scheduleOneshot(() => this.#called('bottom half', `of ${source}`, 'ran'))
      else if (reaction !== null && reaction !== 'nothing') this.#nest(reaction)
    }
    const write = () => {
      this.#called('handler', `write ${source}`, String(reaction))
      this.#watch(source, reaction, false)
    }
    // The end of a pipe that is read is never writable.
    const canWrite = writes && SOURCES[source] !== 'pipe'
    const handlers = { ...(reaction === null ? {} : { read }), ...(canWrite ? { write } : {}) }
    this.#ctx.setFdHandler(reader, Object.keys(handlers).length > 0 ? handlers : null)
  }

  #send(index: number): void {
    const source = this.#sources[index]!
    if (source.sent++ >= MOST_SENT) return
    if (SOURCES[index] === 'eventfd') sys.eventfdWrite(source.writer)
    else sys.write(source.writer, new Uint8Array([source.sent]))
  }

  #schedule(i: number): void {
    this.#scheduled.add(i)
    this.#bottomHalves[i]!.schedule()
  }

  #react(reaction: Reaction, again: () => void, i: number): void {
    if (reaction === 'again') {
      if (this.#again[i]!-- > 0) again()
    } else if (reaction !== 'nothing') {
      this.#nest(reaction)
    }
  }

  #nest(how: Nesting): void {
    let waits = how !== 'poll'
    const over = () => {
      waits = false
    }
    if (how === 'poll') this.#ctx.poll(false)
    else if (how === 'wait for a bottom half') this.#ctx.scheduleOneshot(over)
    else this.#atControl(over)
    this.#ctx.waitWhile(() => waits)
  }

  #atControl(call: () => void): void {
    this.#onControl.push(call)
    sys.write(this.#control[1], new Uint8Array(1))
  }

  #came(source: string, text = 'came'): void {
    this.#pending--
    this.#called(null, source, text)
  }

  #called(kind: Kind | null, source: string, text: string): void {
    this.#journal.note(kind, source, text)
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  async #settled(): Promise<void> {
    const start = performance.now()
    // Wakes Node's loop as well, and so may have brought about itself what it ends the wait for.
    const timer = setTimeout(() => this.#wake?.(), STALL_MS)
    // Asleep until what is certain to come has come.
    while (this.#pending > 0 || this.#scheduled.size > 0 || this.#onControl.length > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (performance.now() - start >= STALL_MS) throw new Error('Something that is to be called is not.')
    }
    clearTimeout(timer)
    // What is ready is found by the next iteration that looks, and what that has brought about by those behind it.
    for (let calls = -1, quiet = 0; quiet < 4; quiet = calls === this.#journal.count ? quiet + 1 : 0) {
      calls = this.#journal.count
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

function open(kind: (typeof SOURCES)[number]): Source {
  if (kind === 'eventfd') {
    const fd = sys.check(sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK | sys.EFD_SEMAPHORE), 'eventfd')
    return { reader: fd, writer: fd, sent: 0 }
  }
  const [reader, writer] = kind === 'pipe' ? pipe() : socketPair()
  return { reader, writer, sent: 0 }
}

/** Takes one byte, or one event. Returns which. */
function take(fd: number): number {
  const buffer = new Uint8Array(8)
  // Only an eventfd refuses to give one byte.
  const count = sys.read(fd, buffer.subarray(0, 1))
  sys.check(count < 0 ? sys.read(fd, buffer) : count, 'read')
  return buffer[0]!
}

/** In a later phase of an iteration of Node's than other things. */
function atPort(call: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.once('message', () => {
    port1.close()
    call()
  })
  port2.postMessage(0)
}
