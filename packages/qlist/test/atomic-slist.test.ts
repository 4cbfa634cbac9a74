import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AtomicSList } from '../src/index.ts'
import { allocated, REPEATS } from './allocation.ts'

/** The accesses through which threads see each other. */
function pick({ load, store, exchange, compareExchange }: typeof Atomics) {
  return { load, store, exchange, compareExchange }
}

function shared(words: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT))
}

test('L6: gives out what was pushed, oldest first, whatever is pushed and however far each take is followed', () => {
  const ids = 8
  fc.assert(
    fc.property(
      // An id to push (if it is not on the list), or how many to take.
      fc.array(fc.oneof(fc.record({ push: fc.nat(ids - 1) }), fc.record({ take: fc.nat(ids + 1) }))),
      fc.boolean(),
      (sequence, headLast) => {
        const memory = shared(ids + 3)
        const [head, next] = headLast ? [ids + 1, 1] : [1, 3]
        const list = new AtomicSList(memory, head, next)
        const waiting: number[] = []
        const taken: number[] = []
        for (const action of sequence) {
          if ('push' in action) {
            if (waiting.includes(action.push) || taken.includes(action.push)) continue
            expect(list.push(action.push)).toBe(waiting.length === 0)
            waiting.push(action.push)
          } else {
            const iterable = list.takeAll()
            taken.push(...waiting.splice(0))
            let left = action.take
            if (left > 0) {
              for (const id of iterable) {
                expect(id).toBe(taken.shift())
                if (--left === 0) break
              }
              if (left > 0) expect(taken).toEqual([])
            }
          }
          expect(list.isEmpty).toBe(waiting.length + taken.length === 0)
        }
        expect([...list.takeAll()]).toEqual([...taken, ...waiting])
        // Its own words and no others.
        expect([...memory].filter((_, at) => at !== head && (at < next || at >= next + ids))).toEqual([0, 0])
      },
    ),
  )
})

test('L6: an id may be pushed as soon as it is given out; it comes with the next take', () => {
  const list = new AtomicSList(shared(5), 0, 1)
  for (const id of [2, 0, 3]) list.push(id)
  for (let round = 0; round < 3; round++) {
    const seen: number[] = []
    for (const id of list.takeAll()) {
      seen.push(id)
      list.push(id)
    }
    expect(seen).toEqual([2, 0, 3])
  }
})

test('L6: a take inside a take first finishes what the outer one had not given out', () => {
  const list = new AtomicSList(shared(5), 0, 1)
  for (const id of [0, 1, 2]) list.push(id)
  const seen: string[] = []
  for (const outer of list.takeAll()) {
    seen.push(`outer ${outer}`)
    if (outer === 0) {
      list.push(3)
      for (const inner of list.takeAll()) seen.push(`inner ${inner}`)
    }
  }
  expect(seen).toEqual(['outer 0', 'inner 1', 'inner 2', 'inner 3'])
})

test('L6: pushing, taking and iterating over what was taken allocate nothing', () => {
  const list = new AtomicSList(shared(5), 0, 1)
  let sum = 0
  const repeat = () => {
    for (let i = 0; i < REPEATS; i++) {
      list.push(1)
      list.push(3)
      for (const id of list.takeAll()) sum += id
    }
  }
  expect(allocated(repeat)).toBeLessThan(REPEATS)
  expect(sum % (4 * REPEATS)).toBe(0)
})

test('L6: other threads may come in between at every access', () => {
  const ids = 6
  const original = pick(Atomics)
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 8 }),
      // After each access: 0 for nothing, or what another thread does then.
      fc.array(fc.nat(4), { maxLength: 60 }),
      (operations, between) => {
        const memory = shared(ids + 1)
        const pushers = [0, 1, 2, 3].map(() => new AtomicSList(memory, 0, 1))
        const taker = new AtomicSList(memory, 0, 1)
        const onList = new Set<number>()
        let [depth, takes, wakes, isTaking] = [0, 0, 0, false]
        const push = () => {
          const id = Array.from({ length: ids }, (_, i) => i).find((i) => !onList.has(i))
          if (id === undefined) return
          onList.add(id)
          if (pushers[depth]!.push(id)) wakes++
        }
        const take = () => {
          if (isTaking) return
          isTaking = true
          const iterable = taker.takeAll()
          isTaking = false
          let count = 0
          for (const id of iterable) {
            count++
            expect(onList.delete(id)).toBe(true)
          }
          if (count > 0) takes++
        }
        const interrupt = () => {
          const what = depth < 3 ? between.shift() : 0
          depth++
          if (what === 1 || what === 2) push()
          if (what === 3) take()
          depth--
        }
        const through =
          <A extends unknown[], R>(access: (...args: A) => R) =>
          (...args: A): R => {
            interrupt()
            const result = access(...args)
            interrupt()
            return result
          }
        try {
          Object.assign(
            Atomics,
            Object.fromEntries(Object.entries(original).map(([k, f]) => [k, through(f as never)])),
          )
          for (const isPush of operations) isPush ? push() : take()
        } finally {
          Object.assign(Atomics, original)
        }
        take()
        expect([onList.size, wakes]).toEqual([0, takes])
      },
    ),
    { numRuns: 500 },
  )
})

test('L6: words and ids that do not fit are refused', () => {
  const memory = shared(4)
  const outOfRange = expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' })
  const wrongType = expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' })
  expect(() => new AtomicSList(new Int32Array(4), 0, 1)).toThrow(wrongType)
  expect(() => new AtomicSList(new Uint32Array(memory.buffer) as never, 0, 1)).toThrow(wrongType)
  expect(() => new AtomicSList(undefined as never, 0, 1)).toThrow(wrongType)
  expect(() => new AtomicSList(memory, '0' as never, 1)).toThrow(wrongType)
  // Not "from 0 to -1": no index would do.
  for (const words of [0, 1]) expect(() => new AtomicSList(shared(words), 0, 1)).toThrow('"memory" must have')
  for (const [head, next] of [
    [-1, 1],
    [4, 1],
    [0, -1],
    [0, 4],
    [0.5, 1],
    [2, 2],
  ] as const) {
    expect(() => new AtomicSList(memory, head, next)).toThrow(outOfRange)
  }
  // Words 1 to 3 hold ids 0 to 2; with the head behind them, only ids 0 and 1 have a word.
  const list = new AtomicSList(memory, 0, 1)
  const headBehind = new AtomicSList(shared(4), 3, 1)
  for (const id of [-1, 3, 1.5, Number.NaN]) expect(() => list.push(id)).toThrow(outOfRange)
  expect(() => headBehind.push(2)).toThrow(outOfRange)
  expect([list.isEmpty, headBehind.isEmpty]).toEqual([true, true])
  expect([list.push(2), headBehind.push(1)]).toEqual([true, true])
})

test('L6: pushing the id that was pushed last is noticed', () => {
  const list = new AtomicSList(shared(4), 0, 1)
  list.push(1)
  expect(() => list.push(1)).toThrow(expect.objectContaining({ code: 'ERR_AIO_ID_PUSHED' }))
  expect([...list.takeAll()]).toEqual([1])
})

test('L6: with several threads pushing nothing is lost, doubled or overtaken, and no wake-up is missing', async () => {
  const workers = 3
  const ids = 40
  const pushes = 30_000
  const head = 2
  const next = 3
  const memory = shared(next + workers * ids)
  const [flags, numbers, wake] = [shared(workers * ids), shared(workers * ids), shared(1)]
  const threads = Array.from(
    { length: workers },
    (_, i) =>
      new Worker(new URL('./fixtures/push.mjs', import.meta.url), {
        workerData: { memory, head, next, flags, numbers, wake, firstId: i * ids, ids, pushes },
      }),
  )
  const failed = new Promise<never>((_, reject) => {
    for (const thread of threads) thread.once('error', reject)
  })
  const online = threads.map((thread) => new Promise((resolve) => thread.once('online', resolve)))
  const list = new AtomicSList(memory, head, next)
  const received = new Array<number>(workers).fill(0)
  try {
    await Promise.race([Promise.all(online), failed])
    for (let total = 0, takes = 1; total < workers * pushes; takes++) {
      // Sometimes sleeps until it is woken, and mostly takes as often as it can.
      const maySleep = takes % 50 === 0
      const seen = Atomics.load(wake, 0)
      const before = total
      for (const id of list.takeAll()) {
        const worker = Math.floor(id / ids)
        const number = ++received[worker]!
        // Written without atomics before the push: the push publishes it.
        if (numbers[id] !== number)
          throw new Error(`push ${numbers[id]} of worker ${worker} came as its number ${number}`)
        total++
        Atomics.store(flags, id, 0)
        Atomics.notify(flags, id)
        if (takes % 5 === 0) break
      }
      if (maySleep && total === before && Atomics.wait(wake, 0, seen, 10_000) === 'timed-out') {
        throw new Error(`nobody woke the taker after ${total} ids`)
      }
    }
    expect(received).toEqual(new Array(workers).fill(pushes))
    expect(list.isEmpty).toBe(true)
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
})
