import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Clock, type Timer, TimerList } from '../src/index.ts'

/** What the random programs below can do to timer `id`, outside of callbacks and in them. */
type Action =
  | { do: 'mod' | 'modAnticipate'; id: number; at: number }
  | { do: 'del'; id: number }
  | { do: 'create'; id: number }
  | { do: 'advance'; by: number }
  | { do: 'enable'; on: boolean }
  | { do: 'run' }
  | { do: 'throw' }

interface Subject {
  now: number
  enabled: boolean
  notified: number
  readonly fire: (id: number) => void
  create(id: number): void
  mod(id: number, at: number): void
  modAnticipate(id: number, at: number): void
  del(id: number): void
  run(): boolean
  deadline(): number
  expireTime(id: number): number
}

const TIMERS = 6

class Real implements Subject {
  now = 0
  notified = 0
  readonly fire: (id: number) => void
  readonly #clock = new Clock({ name: 'test', source: () => this.now })
  readonly #list = new TimerList(this.#clock, { notify: () => this.notified++ })
  readonly #timers: Timer[] = []

  constructor(fire: (id: number) => void) {
    this.fire = fire
    for (let id = 0; id < TIMERS; id++) this.create(id)
  }

  get enabled(): boolean {
    return this.#clock.enabled
  }

  set enabled(on: boolean) {
    this.#clock.setEnabled(on)
  }

  create(id: number): void {
    this.#timers[id]?.del()
    this.#timers[id] = this.#list.createTimer(() => this.fire(id))
  }

  mod(id: number, at: number): void {
    this.#timers[id]!.mod(at)
  }

  modAnticipate(id: number, at: number): void {
    this.#timers[id]!.modAnticipate(at)
  }

  del(id: number): void {
    this.#timers[id]!.del()
  }

  run(): boolean {
    return this.#list.run()
  }

  deadline(): number {
    return this.#list.deadlineNs()
  }

  expireTime(id: number): number {
    const timer = this.#timers[id]!
    expect(timer.pending).toBe(timer.expireTime >= 0)
    return timer.expireTime
  }
}

/** The rules, written down as plainly as possible. */
class Model implements Subject {
  now = 0
  notified = 0
  readonly fire: (id: number) => void
  #enabled = true
  #passes = 0
  #turn = 0
  #waiting: { id: number; at: number; turn: number }[] = []
  #queue: { id: number; at: number }[] = []

  constructor(fire: (id: number) => void) {
    this.fire = fire
  }

  get enabled(): boolean {
    return this.#enabled
  }

  set enabled(on: boolean) {
    if (on && !this.#enabled) this.notified++
    this.#enabled = on
  }

  create(id: number): void {
    this.del(id)
  }

  mod(id: number, at: number): void {
    const before = this.#nearest()
    this.del(id)
    this.#waiting.push({ id, at, turn: this.#turn++ })
    if (this.#passes === 0 && this.#nearest() < before) this.notified++
  }

  modAnticipate(id: number, at: number): void {
    const queued = this.#queue.find((entry) => entry.id === id)
    if (queued !== undefined) queued.at = Math.min(queued.at, at)
    else if (!this.#waiting.some((entry) => entry.id === id && entry.at <= at)) this.mod(id, at)
  }

  del(id: number): void {
    this.#waiting = this.#waiting.filter((entry) => entry.id !== id)
    this.#queue = this.#queue.filter((entry) => entry.id !== id)
  }

  run(): boolean {
    if (!this.#enabled) return false
    const due = this.#waiting.filter((entry) => entry.at <= this.now)
    this.#waiting = this.#waiting.filter((entry) => entry.at > this.now)
    this.#queue.push(...due.sort((a, b) => a.at - b.at || a.turn - b.turn))
    let ran = false
    this.#passes++
    try {
      while (this.#queue.length > 0 && this.#enabled) {
        const { id } = this.#queue.shift()!
        ran = true
        this.fire(id)
      }
    } finally {
      this.#passes--
    }
    return ran
  }

  deadline(): number {
    if (!this.#enabled || this.#nearest() === Number.POSITIVE_INFINITY) return -1
    return Math.max(0, this.#nearest() - this.now)
  }

  expireTime(id: number): number {
    return [...this.#queue, ...this.#waiting].find((entry) => entry.id === id)?.at ?? -1
  }

  #nearest(): number {
    return this.#queue.length > 0 ? Number.NEGATIVE_INFINITY : Math.min(...this.#waiting.map(({ at }) => at))
  }
}

/** Runs a program and returns everything that could be seen meanwhile. Each callback does the next of `scripts`. */
function trace(
  make: (fire: (id: number) => void) => Subject,
  program: Action[],
  scripts: Action[][],
): string[] {
  const seen: string[] = []
  let fired = 0
  let depth = 0
  const look = (what: string): void => {
    const times = Array.from({ length: TIMERS }, (_, id) => subject.expireTime(id))
    seen.push(
      `${'  '.repeat(depth)}${what} t=${subject.now} deadline=${subject.deadline()} notified=${subject.notified} [${times}]`,
    )
  }
  const act = (action: Action): void => {
    switch (action.do) {
      case 'advance':
        subject.now += action.by
        break
      case 'enable':
        subject.enabled = action.on
        break
      case 'throw':
        // Outside of callbacks there is nobody to throw at.
        if (depth > 0) throw new Error('from a callback')
        break
      case 'run':
        try {
          look(`ran ${subject.run()}`)
        } catch (error) {
          look(`threw ${(error as Error).message}`)
          // A nested pass passes it on to the callback that asked for it, half the time to its parent as well.
          if (depth > 0 && fired % 2 === 0) throw error
        }
        break
      case 'create':
      case 'del':
        subject[action.do](action.id)
        break
      default:
        subject[action.do](action.id, action.at)
    }
    look(JSON.stringify(action))
  }
  const subject = make((id) => {
    depth++
    try {
      look(`fired ${id}`)
      for (const action of scripts[fired++] ?? []) act(action)
    } finally {
      depth--
    }
  })
  for (const action of program) act(action)
  // Nothing may be left behind, whatever happened before.
  for (const action of [
    { do: 'enable', on: true },
    { do: 'advance', by: 1000 },
  ] as const)
    act(action)
  for (let i = 0; i < 100 && subject.deadline() === 0; i++) act({ do: 'run' })
  return seen
}

const id = fc.nat(TIMERS - 1)
const at = fc.nat(12)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('mod' as const, 'modAnticipate' as const), id, at }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('del' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('create' as const), id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), by: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'run' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('enable' as const), on: fc.boolean() }) },
)
const actionInCallback = fc.oneof(
  { weight: 16, arbitrary: action },
  { weight: 1, arbitrary: fc.constant({ do: 'throw' as const }) },
)

describe('T2 T3 T4 X1: any program of timers', () => {
  test('T2 T3 T4 X1: behaves as the rules written down plainly, callbacks that arm, delete, nest, stop and throw included', () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 30 }),
        fc.array(fc.array(actionInCallback, { maxLength: 6 }), { maxLength: 20 }),
        (program, scripts) => {
          expect(trace((fire) => new Real(fire), program, scripts)).toEqual(
            trace((fire) => new Model(fire), program, scripts),
          )
        },
      ),
      { numRuns: 400 },
    )
  })
})

describe('T2: many timers due at once', () => {
  /** Deadlines as they come: from one stretch, in crowds, all the same, far apart. */
  const deadline = fc.oneof(
    fc.nat(1_000_000),
    fc.nat(3),
    fc.constant(500),
    fc.double({ min: 0, max: 1e18, noNaN: true }),
    fc.constantFrom(0, Number.MIN_VALUE, 2 * Number.MIN_VALUE),
  )

  function sortedByRule(deadlines: number[]): number[] {
    return deadlines.map((_, i) => i).sort((a, b) => deadlines[a]! - deadlines[b]! || a - b)
  }

  test('T2: run by deadline, then by arming', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(deadline, { maxLength: 300, size: 'max' }),
          fc.array(fc.nat(1_000_000), { maxLength: 300, size: 'max' }),
          fc.array(fc.nat(3), { minLength: 100, maxLength: 300, size: 'max' }),
        ),
        (deadlines) => {
          const list = new TimerList(new Clock({ name: 'test', source: () => 1e18 }), { notify: () => {} })
          const ran: number[] = []
          deadlines.forEach((at, i) => {
            list.createTimer(() => ran.push(i)).mod(at)
          })
          expect(list.run()).toBe(deadlines.length > 0)
          expect(ran).toEqual(sortedByRule(deadlines))
          list.close()
        },
      ),
      { numRuns: 150 },
    )
  })

  test('T2: as time goes on each runs in its pass, those deleted and moved meanwhile do not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(1000), moved: fc.option(fc.nat(1000)) }), {
          maxLength: 400,
          size: 'max',
        }),
        (timers) => {
          let now = 0
          const list = new TimerList(new Clock({ name: 'test', source: () => now }), { notify: () => {} })
          const ran: [number, number][] = []
          const made = timers.map(({ at }, i) => {
            const timer = list.createTimer(() => ran.push([now, i]))
            timer.mod(at)
            return timer
          })
          timers.forEach(({ moved }, i) => {
            if (moved === null) return
            if (moved % 2 === 0) made[i]!.mod(moved)
            else made[i]!.del()
          })
          for (; now <= 1000; now += 50) list.run()
          const expected = timers
            .map(({ at, moved }, i) => ({
              at: moved ?? at,
              i,
              turn: moved === null ? i : i + 1000,
              gone: moved,
            }))
            .filter(({ gone }) => gone === null || gone % 2 === 0)
            .sort((a, b) => a.at - b.at || a.turn - b.turn)
            .map(({ at, i }) => [Math.ceil(at / 50) * 50, i])
          expect(ran).toEqual(expected)
          expect(list.deadlineNs()).toBe(-1)
          list.close()
        },
      ),
      { numRuns: 50 },
    )
  })
})
