import { expect, test } from 'vitest'
import { counterexample } from '../src/counterexample.ts'
import { explore, type Scenario, scenario } from '../src/explore.ts'
import { compile } from '../src/load.ts'
import { Machine, type ThreadApi } from '../src/machine.ts'

const program = await compile()
const machine = new Machine()
const { globals } = machine

function twoThreads(
  body: (words: Int32Array, api: ThreadApi, thread: number) => void,
  check: Scenario['check'] = () => undefined,
): Scenario {
  return scenario({
    threads: ['one', 'two'],
    setup() {
      const words = new globals.Int32Array(new globals.SharedArrayBuffer(8))
      machine.describe(words, (i) => `word ${'xy'[i]}`)
      return words
    },
    bodies: [(words, api) => body(words, api, 0), (words, api) => body(words, api, 1)],
    check,
  })
}

test('every order is tried once', () => {
  const twoAccesses = twoThreads((words) => {
    globals.Atomics.add(words, 0, 1)
    globals.Atomics.add(words, 1, 1)
  })
  // 4! / (2! * 2!)
  expect(explore(machine, twoAccesses)).toMatchObject({ violation: null, interleavings: 6, longest: 4 })
})

test('an update that is lost in one order of several is found, in as few steps as there are', () => {
  const increments = twoThreads(
    (words, api) => {
      globals.Atomics.store(words, 0, globals.Atomics.load(words, 0) + 1)
      api.record(globals.Atomics.load(words, 0))
    },
    ({ records }) => (records.flat().includes(2) ? undefined : 'an update is lost'),
  )
  const exploration = explore(machine, increments)
  expect(exploration.violation).toMatchObject({ message: 'an update is lost' })
  expect(exploration.violation!.schedule).toHaveLength(6)
  const shown = counterexample(program, machine, increments, exploration)
  expect(shown.match(/load word x: 0/g)).toHaveLength(2)
  expect(shown.match(/store word x, 1 \(now 1\)/g)).toHaveLength(2)
})

test('plain memory may be read only after what a thread has done before an atomic write', () => {
  const message = (publish: (words: Int32Array) => void): Scenario =>
    twoThreads((words, _, thread) => {
      if (thread === 0) publish(words)
      else if (globals.Atomics.load(words, 1) !== 0) words[0]!
    })
  const inOrder = message((words) => {
    words[0] = 1
    globals.Atomics.store(words, 1, 1)
  })
  const theOtherWay = message((words) => {
    globals.Atomics.store(words, 1, 1)
    words[0] = 1
  })
  expect(explore(machine, inOrder).violation).toBeNull()
  expect(explore(machine, theOtherWay).violation?.message).toMatch(/^data race of \w+ with \w+ on word x$/)
})

test('a thread is sure to see what was published before a write that it has read, and no more', () => {
  const seen = new Set<string>()
  const published = twoThreads(
    (words, api, thread) => {
      if (thread === 0) {
        api.publish()
        globals.Atomics.store(words, 0, 1)
        api.publish()
      } else {
        api.record(globals.Atomics.load(words, 0))
        api.record(api.observe()[0])
      }
    },
    ({ records }) => void seen.add(String(records[1])),
  )
  expect(explore(machine, published).violation).toBeNull()
  expect([...seen].sort()).toEqual(['0,0', '1,1'])
})

test('an error, and a thread that goes on for ever, are violations', () => {
  const throws = twoThreads((words) => {
    if (globals.Atomics.exchange(words, 0, 1) === 1) throw new Error('second')
  })
  expect(explore(machine, throws).violation?.message).toMatch(/threw Error: second$/)
  const spins = twoThreads((words, _, thread) => {
    if (thread === 0) while (globals.Atomics.load(words, 0) === 0);
  })
  expect(explore(machine, spins).violation?.message).toBe('one never comes to rest')
})

test('a thread that may be terminated need not go on', () => {
  const waits = twoThreads(
    (words, api, thread) => api.record(globals.Atomics.exchange(words, 0, thread + 1)),
    ({ ended, records }) => (ended[0] || records[1]!.length === 1 ? undefined : 'both are missing'),
  )
  expect(explore(machine, waits).violation).toBeNull()
  expect(explore(machine, { ...waits, mortal: [0, 1] }).violation?.message).toBe('both are missing')
})

test('a thread that sleeps on a word is woken by what comes later, and by nothing else', () => {
  const sleeps = (wake: (words: Int32Array) => void, timeoutMs?: number): Scenario =>
    twoThreads(
      (words, api, thread) => {
        if (thread === 0) wake(words)
        else api.record(globals.Atomics.wait(words, 0, 0, timeoutMs))
      },
      ({ ended, records }) => {
        seen.add(String(records[1]))
        return ended[1] ? undefined : 'it sleeps'
      },
    )
  const seen = new Set<string>()
  const inOrder = (words: Int32Array): void => {
    globals.Atomics.store(words, 0, 1)
    globals.Atomics.notify(words, 0)
  }
  const theOtherWay = (words: Int32Array): void => {
    globals.Atomics.notify(words, 0)
    globals.Atomics.store(words, 0, 1)
  }
  expect(explore(machine, sleeps(inOrder)).violation).toBeNull()
  expect([...seen].sort()).toEqual(['not-equal', 'ok'])
  expect(explore(machine, sleeps(theOtherWay)).violation?.message).toBe('it sleeps')
  // That it ends by itself at some time is no excuse.
  expect(explore(machine, sleeps(theOtherWay, 1)).violation?.message).toBe('it sleeps')
})

test('a thread that is terminated anywhere hangs up its lifeline', () => {
  const seen = new Set<string>()
  const dies = scenario({
    threads: ['one', 'two'],
    mortal: [1],
    setup() {
      const lifeline = Number((machine.sys['eventfd'] as () => number)())
      return { words: new globals.Int32Array(new globals.SharedArrayBuffer(4)), lifeline }
    },
    bodies: [
      ({ words, lifeline }, api) => {
        api.wait([lifeline], true)
        api.record(globals.Atomics.load(words, 0))
      },
      ({ words, lifeline }, api) => {
        api.lifeline(lifeline)
        globals.Atomics.store(words, 0, 1)
        globals.Atomics.store(words, 0, 2)
        api.wait([99], true)
      },
    ],
    check({ records }) {
      seen.add(String(records[0]))
      return undefined
    },
  })
  expect(explore(machine, dies).violation).toBeNull()
  expect([...seen].sort()).toEqual(['', '0', '1', '2'])
})

test('a thread may go round for ever if it says that it is where it was', () => {
  const rounds = (says: boolean): Scenario =>
    twoThreads((words, api, thread) => {
      if (thread === 1) globals.Atomics.store(words, 0, 1)
      else
        do if (says) api.at('')
        while (globals.Atomics.load(words, 0) === 0)
    })
  expect(explore(machine, rounds(true)).violation).toBeNull()
  expect(explore(machine, rounds(false)).violation?.message).toBe('one never comes to rest')
})

test('a plain write of a word that is read atomically is refused, unless it is said to be so', () => {
  const writes = (relaxed: readonly number[]): Scenario => ({
    ...twoThreads((words, _, thread) => {
      if (thread === 0) words[0] = 1
      else globals.Atomics.load(words, 0)
    }),
    setup() {
      const words = new globals.Int32Array(new globals.SharedArrayBuffer(8))
      machine.describe(words, String, { relaxed })
      return words
    },
  })
  expect(explore(machine, writes([0])).violation).toBeNull()
  expect(() => explore(machine, writes([]))).toThrow('has to be described as relaxed')
})

test('a mutant that does not fit the code any more is refused', async () => {
  const file = 'packages/notifier/src/notify-gate.ts'
  await expect(compile([{ file, find: 'no such text', replace: '' }])).rejects.toThrow(
    'A mutant is out of date',
  )
  await expect(compile([{ file, find: 'Atomics', replace: '' }])).rejects.toThrow('A mutant is out of date')
  const elsewhere = { file: 'packages/notifier/src/no-such-file.ts', find: 'x', replace: '' }
  await expect(compile([elsewhere])).rejects.toThrow('A mutant is out of date')
})
