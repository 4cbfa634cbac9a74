import type { AioContext } from '@aiokit/aio'
import { ManualClock } from '@aiokit/timers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Co,
  CoMutex,
  CoQueue,
  CoRwLock,
  Coroutine,
  CoSemaphore,
  coJoin,
  coReschedule,
  coSchedule,
  coShield,
  coSleep,
  coTimeout,
} from '../src/index.ts'
import { monitors, newContext } from './monitors.ts'

// Random programs. What is taken one inside the other is so in one order (rwlock, mutex, semaphore), and waiting with a
// mutex or upgrading happens with nothing taken further in, so that a program cannot deadlock: every coroutine must end.

type Step =
  | { do: 'sleep'; ns: number }
  | { do: 'yield' }
  | { do: 'move'; to: number }
  | { do: 'cancel'; whom: number }
  | { do: 'next'; which: number }
  | { do: 'all'; which: number }
  | { do: 'wait'; which: number }
  | { do: 'join'; whom: number }
  | { do: 'child'; body: Step[] }
  | { do: 'timeout'; ns: number; body: Step[] }
  | { do: 'shield'; body: Step[] }
  | { do: 'rwlock'; write: boolean; change: boolean; body: Step[] }
  | { do: 'mutex'; wait: boolean; body: Step[] }
  | { do: 'semaphore'; count: number; body: Step[] }

const COROUTINES = 6
const CAPACITY = 3

const simple = [
  fc.record({ do: fc.constant('sleep' as const), ns: fc.nat(4) }),
  fc.record({ do: fc.constant('yield' as const) }),
  fc.record({ do: fc.constant('move' as const), to: fc.nat(1) }),
  fc.record({ do: fc.constant('cancel' as const), whom: fc.nat(COROUTINES - 1) }),
  fc.record({ do: fc.constant('next' as const), which: fc.nat(1) }),
  fc.record({ do: fc.constant('all' as const), which: fc.nat(1) }),
]
const outside = [
  fc.record({ do: fc.constant('wait' as const), which: fc.nat(1) }),
  // Only of those before it, so that no two wait for each other.
  fc.record({ do: fc.constant('join' as const), whom: fc.nat(COROUTINES - 1) }),
]

/** Bodies in which nothing below `level` is taken. */
const body = (level: number, depth: number): fc.Arbitrary<Step[]> => {
  const steps: fc.Arbitrary<Step>[] = [...simple]
  if (level === 0) steps.push(...outside)
  if (depth > 0) {
    const inner = (next: number) => body(next, depth - 1)
    steps.push(
      fc.record({ do: fc.constant('timeout' as const), ns: fc.nat(6), body: inner(level) }),
      fc.record({ do: fc.constant('shield' as const), body: inner(Math.max(level, 1)) }),
      fc.record({ do: fc.constant('child' as const), body: inner(3) }),
    )
    if (level < 1) {
      steps.push(
        fc.record({
          do: fc.constant('rwlock' as const),
          write: fc.boolean(),
          change: fc.boolean(),
          body: inner(1),
        }),
      )
    }
    if (level < 2)
      steps.push(fc.record({ do: fc.constant('mutex' as const), wait: fc.boolean(), body: inner(2) }))
    if (level < 3) {
      steps.push(
        fc.record({
          do: fc.constant('semaphore' as const),
          count: fc.integer({ min: 1, max: CAPACITY }),
          body: inner(3),
        }),
      )
    }
  }
  return fc.array(fc.oneof(...steps), { maxLength: 4 })
}

const programs = fc.record({
  bodies: fc.array(body(0, 3), { minLength: COROUTINES, maxLength: COROUTINES }),
  /** What happens from outside, one in each round. */
  outside: fc.array(fc.option(fc.record({ cancel: fc.nat(COROUTINES - 1), inCallback: fc.boolean() }))),
})

/** Who waits for something that one has at a time, in order, as the program itself sees it. */
class Line {
  holder: object | null = null
  readonly waiting: object[] = [];

  *take(lock: () => Co<void>): Co<object> {
    const me = {}
    this.waiting.push(me)
    let through = false
    try {
      yield* lock()
      through = true
    } finally {
      if (!through) this.waiting.splice(this.waiting.indexOf(me), 1)
    }
    expect(this.holder).toBe(null)
    expect(this.waiting.shift()).toBe(me)
    this.holder = me
    return me
  }

  leave(me: object): void {
    expect(this.holder).toBe(me)
    this.holder = null
  }
}

// One for all programs: a context keeps a list for every clock that it has seen.
const clock = new ManualClock()

class World {
  readonly log: string[] = []
  readonly clock = clock
  readonly contexts: AioContext[]
  readonly coroutines: Coroutine<void>[] = []
  readonly children: Coroutine<void>[] = []
  // In the first one waits with a queue, which takes it again at times that only the library knows.
  readonly shared = new CoMutex()
  sharedHolder: object | null = null
  readonly mutex = new CoMutex()
  readonly line = new Line()
  readonly queues = [new CoQueue(), new CoQueue()]
  readonly rwlock = new CoRwLock()
  readonly semaphore = new CoSemaphore(CAPACITY)
  readers = 0
  writers = 0
  taken = 0

  constructor(contexts: AioContext[]) {
    this.contexts = contexts
  }

  *run(steps: Step[], id: string): Co<void> {
    for (const step of steps) {
      this.log.push(`${id} ${step.do} ${this.clock.now()}`)
      yield* this.step(step, id)
    }
  }

  *step(step: Step, id: string): Co<void> {
    const home = Coroutine.self!.ctx!
    switch (step.do) {
      case 'sleep':
        yield* coSleep(home, step.ns, this.clock)
        return
      case 'yield':
        coSchedule(home, Coroutine.self!)
        yield
        return
      case 'move':
        yield* coReschedule(this.contexts[step.to % this.contexts.length]!)
        return
      case 'cancel':
        this.coroutines[step.whom]?.cancel()
        return
      case 'next':
        this.queues[step.which]!.next()
        return
      case 'all':
        this.queues[step.which]!.restartAll()
        return
      case 'wait':
        yield* this.queues[step.which]!.wait()
        return
      case 'join': {
        const other = this.coroutines[step.whom]
        if (other === undefined || other === Coroutine.self || step.whom >= Number.parseInt(id, 10)) return
        try {
          yield* coJoin(other)
        } catch (error) {
          if (!other.done) throw error
          this.forgive(error)
        }
        return
      }
      case 'child': {
        const child: Coroutine<void> = new Coroutine(() => this.run(step.body, `${id}c`))
        this.children.push(child)
        child.enter()
        // Its errors are heard here or, if this is cut short, in the end.
        void child.promise.catch(() => {})
        return
      }
      case 'timeout':
        try {
          yield* coTimeout(home, step.ns, this.run(step.body, id), this.clock)
        } catch (error) {
          if ((error as { code: string }).code !== 'ERR_AIO_TIMEOUT') throw error
        }
        return
      case 'shield':
        yield* coShield(this.run(step.body, id))
        return
      case 'rwlock':
        yield* this.lockRw(step, id)
        return
      case 'mutex':
        if (step.wait) yield* this.lockShared(step.body, id)
        else {
          const me = yield* this.line.take(() => this.mutex.lock())
          try {
            yield* this.run(step.body, id)
          } finally {
            this.line.leave(me)
            this.mutex.unlock()
          }
        }
        return
      case 'semaphore':
        yield* this.semaphore.acquire(step.count)
        this.taken += step.count
        expect(this.taken).toBeLessThanOrEqual(CAPACITY)
        try {
          yield* this.run(step.body, id)
        } finally {
          this.taken -= step.count
          this.semaphore.release(step.count)
        }
        return
    }
  }

  *lockRw({ write, change, body }: { write: boolean; change: boolean; body: Step[] }, id: string): Co<void> {
    let writing = write
    const begin = () => {
      if (writing) this.writers++
      else this.readers++
      expect([this.writers > 1, this.writers > 0 && this.readers > 0]).toEqual([false, false])
    }
    const end = () => {
      if (writing) this.writers--
      else this.readers--
    }
    yield* write ? this.rwlock.wrlock() : this.rwlock.rdlock()
    begin()
    try {
      yield* this.run(body, id)
      if (change && writing) {
        end()
        writing = false
        this.rwlock.downgrade()
        begin()
        yield* this.run(body, id)
      } else if (change) {
        end()
        try {
          yield* this.rwlock.upgrade()
          writing = true
        } finally {
          begin()
        }
        yield* this.run(body, id)
      }
    } finally {
      end()
      this.rwlock.unlock()
    }
  }

  *lockShared(body: Step[], id: string): Co<void> {
    const me = {}
    const begin = () => {
      expect(this.sharedHolder).toBe(null)
      this.sharedHolder = me
    }
    const end = () => {
      expect(this.sharedHolder).toBe(me)
      this.sharedHolder = null
    }
    yield* this.shared.lock()
    begin()
    try {
      yield* this.run(body, id)
      end()
      try {
        yield* this.queues[0]!.wait(this.shared)
      } finally {
        begin()
      }
      yield* this.run(body, id)
    } finally {
      end()
      this.shared.unlock()
    }
  }

  /** Cancelled is as wanted; anything else is a failure of the test. */
  forgive(error: unknown): void {
    if ((error as { code?: string }).code !== 'ERR_AIO_CANCELED') throw error
  }

  get ended(): boolean {
    return this.coroutines.every((co) => co.done) && this.children.every((co) => co.done)
  }

  pollAll(): void {
    for (let progress = true; progress; ) {
      progress = false
      for (const ctx of this.contexts) progress = ctx.poll(false) || progress
    }
  }
}

function play(
  program: { bodies: Step[][]; outside: ({ cancel: number; inCallback: boolean } | null)[] },
  contexts: AioContext[],
): string[] {
  clock.set(0)
  const world = new World(contexts)
  for (const [i, steps] of program.bodies.entries()) {
    const co = new Coroutine(() => world.run(steps, `${i}`), { name: `${i}` })
    world.coroutines.push(co)
    coSchedule(contexts[i % contexts.length]!, co)
  }
  for (let round = 0; !world.ended; round++) {
    expect(round, 'somebody was forgotten').toBeLessThan(1000)
    world.pollAll()
    const event = program.outside[round]
    if (event) {
      const cancel = () => world.coroutines[event.cancel]!.cancel()
      if (event.inCallback) contexts[0]!.scheduleOneshot(cancel)
      else cancel()
    } else {
      for (const queue of world.queues) queue.next()
    }
    world.pollAll()
    world.clock.advance(1)
  }
  world.pollAll()
  for (const co of [...world.coroutines, ...world.children]) {
    expect([co.locksHeld, co.shields]).toEqual([0, 0])
    try {
      co.result
    } catch (error) {
      world.forgive(error)
    }
  }
  const { mutex, shared, rwlock, semaphore, queues, line } = world
  expect([mutex.locked, shared.locked, rwlock.readers, rwlock.writing, semaphore.available]).toEqual([
    false,
    false,
    0,
    false,
    CAPACITY,
  ])
  expect([world.readers, world.writers, world.taken, line.waiting.length]).toEqual([0, 0, 0, 0])
  expect(queues.every((queue) => queue.isEmpty)).toBe(true)
  return world.log
}

describe('random programs', () => {
  const numRuns = 300
  test('C3: mutual exclusion, order, nothing lost and nobody forgotten, the same with every monitor', () => {
    const contexts = monitors.map(([, make]) => newContext(make))
    fc.assert(
      fc.property(programs, (program) => {
        const [first, ...others] = contexts.map((ctx) => play(program, [ctx]))
        for (const log of others) expect(log).toEqual(first)
      }),
      { numRuns },
    )
    for (const ctx of contexts) ctx.close()
  })

  test.each(monitors)('C1, C2, C3: the same with coroutines in two contexts, on %s', (_, make) => {
    const contexts = [newContext(make), newContext(make)]
    fc.assert(
      fc.property(programs, (program) => void play(program, contexts)),
      { numRuns },
    )
    for (const ctx of contexts) ctx.close()
  })
})
