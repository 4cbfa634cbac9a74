import { NotifyGate } from '@aiokit/notifier'
import fc from 'fast-check'
import { afterAll, expect, test, vi } from 'vitest'
import { type BottomHalf, BottomHalfList, ReentrancyGuard } from '../src/index.ts'

const gate = new NotifyGate()
afterAll(() => gate.close())
const newList = () => new BottomHalfList(gate)

test('B1: scheduled any number of times, a bottom half runs exactly once in a following run', () => {
  const list = newList()
  let runs = 0
  const bh = list.create(() => runs++)
  expect([list.isReady, list.run(), runs]).toEqual([false, false, 0])
  bh.schedule()
  bh.schedule()
  expect([list.isReady, runs]).toEqual([true, 0])
  expect([list.run(), runs, list.isReady]).toEqual([true, 1, false])
  expect([list.run(), runs]).toEqual([false, 1])
})

test('B2: one that reschedules itself runs once in each run', () => {
  const list = newList()
  let runs = 0
  const bh = list.create(() => {
    runs++
    bh.schedule()
  })
  bh.schedule()
  for (let i = 1; i <= 3; i++) expect([list.run(), runs, list.isReady]).toEqual([true, i, true])
  bh.cancel()
  expect([list.isReady, list.run()]).toEqual([false, false])
})

test('B3: they run in the order in which they were scheduled', () => {
  const list = newList()
  const order: number[] = []
  const bhs = [0, 1, 2, 3].map((i) => list.create(() => order.push(i)))
  for (const i of [2, 0, 3, 2, 1]) bhs[i]!.schedule()
  list.run()
  expect(order).toEqual([2, 0, 3, 1])
})

test('B4: a nested run first finishes what its parents had not run, then what is new', () => {
  const list = newList()
  const order: string[] = []
  const add = (name: string, callback = () => {}) =>
    list.create(() => {
      order.push(name)
      callback()
    })
  const late = add('late')
  const later = add('later')
  const bhs = [
    add('first'),
    add('nesting', () => {
      late.schedule()
      list.run()
      order.push('nested done')
      later.schedule()
    }),
    add('left over'),
  ]
  for (const bh of bhs) bh.schedule()
  list.run()
  expect(order).toEqual(['first', 'nesting', 'left over', 'late', 'nested done'])
  list.run()
  expect(order.at(-1)).toBe('later')
})

test('B5: a cancelled one does not run, and takes a new place when it is scheduled again', () => {
  const list = newList()
  const order: string[] = []
  const a = list.create(() => order.push('a'))
  const b = list.create(() => order.push('b'))
  a.schedule()
  b.schedule()
  a.cancel()
  a.schedule()
  list.run()
  expect(order).toEqual(['b', 'a'])
})

test('B5: delete from its own callback, before it ever ran, and twice', () => {
  const list = newList()
  let runs = 0
  const own = list.create(() => {
    runs++
    own.delete()
  })
  own.schedule()
  list.run()
  own.delete()
  const never = list.create(() => runs++)
  never.schedule()
  never.delete()
  never.delete()
  never.cancel()
  expect([list.isReady, list.run(), runs]).toEqual([false, false, 1])
  expect(() => own.schedule()).toThrow(expect.objectContaining({ code: 'ERR_AIO_BH_DELETED' }))
  expect(() => never.scheduleIdle()).toThrow(expect.objectContaining({ code: 'ERR_AIO_BH_DELETED' }))
})

test('B6: an idle one neither makes the list ready nor is progress; schedule() makes it an ordinary one', () => {
  const list = newList()
  let runs = 0
  const bh = list.create(() => runs++)
  bh.scheduleIdle()
  expect([list.isReady, list.isIdleScheduled]).toEqual([false, true])
  expect([list.run(), runs, list.isIdleScheduled]).toEqual([false, 1, false])
  bh.scheduleIdle()
  bh.schedule()
  expect([list.isReady, list.isIdleScheduled]).toEqual([true, false])
  expect([list.run(), runs]).toEqual([true, 2])
  bh.schedule()
  bh.scheduleIdle()
  expect([list.isReady, list.run(), runs]).toEqual([true, true, 3])
  bh.scheduleIdle()
  bh.cancel()
  expect([list.isIdleScheduled, list.run(), runs]).toEqual([false, false, 3])
})

test('B7: a one-shot runs once and is forgotten', () => {
  const list = newList()
  let runs = 0
  list.scheduleOneshot(() => runs++)
  list.scheduleOneshot(() => runs++)
  expect([list.run(), runs, list.run(), runs]).toEqual([true, 2, false, 2])
})

test('X1: after a throw the rest is run by the next run, each once', () => {
  const list = newList()
  const order: string[] = []
  list.scheduleOneshot(() => order.push('a'))
  list.scheduleOneshot(() => {
    throw new Error('b')
  })
  list.scheduleOneshot(() => order.push('c'))
  expect(() => list.run()).toThrow('b')
  expect([order, list.isReady]).toEqual([['a'], true])
  list.run()
  expect([order, list.isReady]).toEqual([['a', 'c'], false])
})

test('B2: one rescheduled in a nested run that then threw is still not run again by the outer run', () => {
  const list = newList()
  let runs = 0
  const outer = list.create(() => {
    if (++runs > 1) return
    outer.schedule()
    expect(() => list.run()).toThrow('nested')
  })
  outer.schedule()
  list.scheduleOneshot(() => {
    throw new Error('nested')
  })
  list.run()
  expect([runs, list.isReady]).toEqual([1, true])
  list.run()
  expect(runs).toBe(2)
})

test('N4: news is for a host loop that is about to sleep, once for a burst', () => {
  using own = new NotifyGate()
  const list = new BottomHalfList(own)
  const bhs = Array.from({ length: 10 }, () => list.create(() => {}))
  for (const bh of bhs) bh.schedule()
  expect(own.writes).toBe(0)
  list.run()
  own.hostPrepare()
  for (const bh of bhs) bh.schedule()
  expect(own.writes).toBe(1)
  list.run()
  bhs[0]!.scheduleIdle()
  expect(own.writes).toBe(2)
})

test('N4: what a run leaves is news for a host loop: the poll of which it is part has taken the wakeup', () => {
  using own = new NotifyGate()
  const list = new BottomHalfList(own)
  let again = true
  const first = list.create(() => {
    if (again) first.schedule()
    again = false
  })
  const throws = list.create(() => {
    throw new Error('throws')
  })
  own.hostPrepare()
  first.schedule()
  list.create(() => {}).schedule()
  expect(own.writes).toBe(1)
  list.run()
  expect(own.writes).toBe(2)
  throws.schedule()
  list.scheduleOneshot(() => {})
  expect(() => list.run()).toThrow('throws')
  expect([own.writes, list.isReady]).toEqual([3, true])
  list.run()
  expect([own.writes, list.isReady]).toEqual([3, false])
})

test('N4, B6: making an idle one an ordinary one is news: a host loop must not wait the 10 ms out', () => {
  using own = new NotifyGate()
  const list = new BottomHalfList(own)
  const bh = list.create(() => {})
  bh.scheduleIdle()
  own.hostPrepare()
  bh.schedule()
  expect(own.writes).toBe(1)
})

test('B9: closing names those that were never deleted and one-shots that never ran', async () => {
  const warnings: Error[] = []
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(((
    message: string,
    options: object,
  ) => {
    warnings.push(Object.assign(new Error(message), options))
  }) as never)
  try {
    const list = newList()
    list.create(() => {}, { name: 'flush' })
    list.create(function named() {})
    list.create(() => {}).delete()
    list.scheduleOneshot(() => {}, 'wake')
    list.close()
    list.close()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatchObject({
      message: 'The loop was closed with bottom halves that were not deleted: flush, named, wake.',
      code: 'AIOKIT_BH_LEAKED',
    })
    newList().close()
    expect(warnings).toHaveLength(1)
  } finally {
    emitWarning.mockRestore()
  }
})

test('X4: a closed list that is kept does not keep its bottom halves', async () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  try {
    const list = newList()
    // Not in here: the frame of a function that is suspended may keep what it has touched.
    const leak = (schedule: boolean) => {
      const bh = list.create(() => {})
      if (schedule) bh.schedule()
      return new WeakRef(bh)
    }
    const leaked = [leak(false), leak(true)]
    list.close()
    // A WeakRef keeps its target until the end of the job that made it.
    await new Promise(setImmediate)
    globalThis.gc!()
    expect([leaked.map((ref) => ref.deref()), list.isReady]).toEqual([[undefined, undefined], false])
  } finally {
    emitWarning.mockRestore()
  }
})

test('X3: wrong types and use after close are errors', () => {
  const list = newList()
  const bh = list.create(() => {})
  expect(() => list.create(42 as never)).toThrow('"callback" must be a function. Received 42.')
  expect(() => list.scheduleOneshot(null as never)).toThrow(
    expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
  )
  bh.delete()
  const kept = list.create(() => {})
  kept.delete()
  list.close()
  expect(() => list.create(() => {})).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  expect(() => list.scheduleOneshot(() => {})).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
})

test('X2, X3: options, names and guards of the wrong type are refused at creation, not found by a poll or the close', () => {
  const list = newList()
  const refused = (call: () => void, text: string) =>
    expect(call).toThrow(
      expect.objectContaining({
        code: 'ERR_AIO_INVALID_ARG_TYPE',
        message: expect.stringContaining(text),
      }),
    )
  const throwing = {
    toString() {
      throw new Error('not asked')
    },
  }
  for (const options of [null, 42, 'flush', () => {}])
    refused(() => list.create(() => {}, options as never), '"options" must be an object')
  for (const name of [null, 42, Symbol('s'), throwing]) {
    refused(() => list.create(() => {}, { name: name as never }), '"options.name" must be a string')
    refused(() => list.scheduleOneshot(() => {}, name as never), '"name" must be a string')
  }
  for (const guard of [null, {}, true])
    refused(
      () => list.create(() => {}, { guard: guard as never }),
      '"options.guard" must be a ReentrancyGuard',
    )
  for (const gate of [undefined, null, {}])
    refused(() => new BottomHalfList(gate as never), '"gate" must be the NotifyGate')
  expect([list.isReady, list.run()]).toEqual([false, false])
  list.create(() => {}, { guard: new ReentrancyGuard(), name: '' }).delete()
  // Nothing was made, so there is nothing to warn of.
  list.close()
})

test('B9: a callback whose name is no string is an anonymous one', () => {
  const list = newList()
  const bh = list.create(Object.defineProperty(() => {}, 'name', { value: Symbol('s') }))
  expect(bh.name).toBe('anonymous')
  bh.delete()
})

// What a callback of the model does when it runs.
type Action =
  | { kind: 'schedule' | 'scheduleIdle' | 'cancel' | 'delete'; target: number }
  | { kind: 'run' }
  | { kind: 'throw' }

const COUNT = 5
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('schedule', 'schedule', 'scheduleIdle', 'cancel', 'delete'),
    target: fc.nat(COUNT - 1),
  }),
  fc.record({ kind: fc.constant('run') }),
  fc.record({ kind: fc.constant('throw') }),
) as fc.Arbitrary<Action>

test('B1 to B6, X1: any sequence, nested and throwing, does what a plain array of runs does', () => {
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 30, size: 'max' }),
      fc.array(fc.array(action, { maxLength: 3 }), { maxLength: 40, size: 'max' }),
      (script, reactions) => {
        // The model: a queue of [bottom half, run in which it was scheduled], and how many runs there were.
        let queue: { id: number; idle: boolean; since: number }[] = []
        let runs = 0
        const deleted = new Set<number>()
        const expected: string[] = []
        const perform = (list: BottomHalfList, bhs: BottomHalf[], step: Action, depth: number) => {
          if (step.kind === 'throw') {
            if (depth > 0) throw new Error('expected')
          } else if (step.kind === 'run') {
            if (depth < 4) drive(list)
          } else if (deleted.has(step.target) && step.kind.startsWith('schedule')) {
            expect(() => bhs[step.target]![step.kind]()).toThrow()
          } else {
            bhs[step.target]![step.kind]()
            const queued = queue.find((entry) => entry.id === step.target)
            if (step.kind === 'schedule' && queued) queued.idle = false
            else if (step.kind.startsWith('schedule') && !queued)
              queue.push({ id: step.target, idle: step.kind !== 'schedule', since: runs })
            else if (!step.kind.startsWith('schedule')) queue = queue.filter((entry) => entry !== queued)
            if (step.kind === 'delete') deleted.add(step.target)
          }
          expect(list.isReady).toBe(queue.some((entry) => !entry.idle))
          expect(list.isIdleScheduled).toBe(queue.some((entry) => entry.idle))
        }
        let level = 0
        const ran: string[] = []
        const limits: number[] = []
        const drive = (list: BottomHalfList) => {
          limits.push(++runs)
          level++
          try {
            const before = ran.length
            let progress: boolean
            try {
              progress = list.run()
            } catch (error) {
              expect((error as Error).message).toBe('expected')
              return
            }
            // All that was due has run, and in a run that was its own or nested in it.
            expect(queue.filter((entry) => entry.since < limits.at(-1)!)).toEqual([])
            if (progress) expect(ran.length).toBeGreaterThan(before)
          } finally {
            level--
            limits.pop()
          }
        }
        const list = newList()
        const bhs: BottomHalf[] = Array.from({ length: COUNT }, (_, id) =>
          list.create(() => {
            ran.push(`${id}`)
            // The model says which one is next: the oldest that was scheduled before this run.
            const next = queue.find((entry) => entry.since < limits.at(-1)!)
            expected.push(`${next?.id}`)
            queue = queue.filter((entry) => entry !== next)
            for (const step of reactions[ran.length - 1] ?? []) perform(list, bhs, step, level)
          }),
        )
        for (const step of [...script, { kind: 'run' } as const]) perform(list, bhs, step, 0)
        expect(ran).toEqual(expected)
        for (const bh of bhs) bh.delete()
        list.close()
      },
    ),
    { numRuns: 1000 },
  )
})
