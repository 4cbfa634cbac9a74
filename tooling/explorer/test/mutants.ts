import type { Patch } from '../src/load.ts'
import type { ScenarioName } from './scenarios/index.ts'

export interface Mutant {
  readonly title: string
  readonly patches: readonly Patch[]
  /** Where it is found. */
  readonly scenario: ScenarioName
}

const GATE = 'packages/notifier/src/notify-gate.ts'
const NOTIFIER = 'packages/notifier/src/event-notifier.ts'
const WATCH = 'packages/notifier/src/notifier-watch.ts'
const LIST = 'packages/qlist/src/atomic-slist.ts'
const STATES = 'packages/bottom-halves/src/shared-states.ts'
const BOTTOM_HALVES = 'packages/bottom-halves/src/bottom-half-list.ts'
const REMOTE = 'packages/bottom-halves/src/remote-bottom-half.ts'
const LOOP = 'packages/aio/src/loop.ts'

const NOTIFIERS: ScenarioName = 'N1, N2, N3, N6: two notifiers and a context'
const POLLED: ScenarioName = 'N7, P6: two threads set a notifier that is polled'
const POLLED_TWICE: ScenarioName = 'N7, P6: a thread sets a notifier twice that is polled'
const WATCHED: ScenarioName = 'N7: a thread sets a notifier twice that is watched'
const TWICE: ScenarioName = 'B1: a thread that schedules twice'
const SAME: ScenarioName = 'B1, N5: two threads that schedule the same bottom half'
const REUSED: ScenarioName = 'B5: a place that is used again'
const PUSHES: ScenarioName = 'L6: two threads push and one takes'

const POOL_MEMORY = 'packages/thread-pool/src/pool-memory.ts'
const POOL_THREAD = 'packages/thread-pool/src/pool-thread.ts'
const THREAD_STATES = 'packages/thread-pool/src/thread-states.ts'
const REQUESTS = 'packages/thread-pool/src/requests.ts'
const ANSWERED: ScenarioName = 'W1, W3: a pool answers two requests'
const TAKEN: ScenarioName = 'W3: two threads run two requests at the same time'
const CANCELLED: ScenarioName = 'W4: a request of a pool is cancelled, and its slot used again'

/** Mistakes in the order or the kind of accesses; whoever makes one of them in earnest is to be told so by the tests. */
export const mutants: readonly Mutant[] = [
  {
    title: 'N1: notify() looks at notifyMe before it stores notified',
    scenario: NOTIFIERS,
    patches: [
      {
        file: GATE,
        find: `    Atomics.store(words, NOTIFIED, 1)
    // Not skipped if \`notified\` was set before: whoever set it may not write, because its thread was terminated first.
    if (Atomics.load(words, NOTIFY_ME) !== 0) this.#write()`,
        replace: `    const sleeps = Atomics.load(words, NOTIFY_ME) !== 0
    Atomics.store(words, NOTIFIED, 1)
    if (sleeps) this.#write()`,
      },
    ],
  },
  {
    title: 'N1: notify() skips the eventfd when notified was set',
    scenario: 'N1, N5: one of two threads is terminated',
    patches: [
      {
        file: GATE,
        find: `    Atomics.store(words, NOTIFIED, 1)
`,
        replace: `    if (Atomics.exchange(words, NOTIFIED, 1) !== 0) return
`,
      },
    ],
  },
  {
    title: 'N1: the bottom half is scheduled after the notification',
    scenario: TWICE,
    patches: [
      {
        file: REMOTE,
        find: `    if (!this.#states.schedule(this.#id, this.#generation)) return false
    this.#gate.notify()
    return true`,
        replace: `    this.#gate.notify()
    return this.#states.schedule(this.#id, this.#generation)`,
      },
    ],
  },
  {
    title: 'N2: beginWait() looks at notified before it raises notifyMe',
    scenario: NOTIFIERS,
    patches: [
      {
        file: GATE,
        find: `    Atomics.add(this.#words, NOTIFY_ME, SLEEPER)
    return Atomics.load(this.#words, NOTIFIED) === 0`,
        replace: `    const maySleep = Atomics.load(this.#words, NOTIFIED) === 0
    Atomics.add(this.#words, NOTIFY_ME, SLEEPER)
    return maySleep`,
      },
    ],
  },
  {
    title: 'N2: a poll sleeps although it was notified',
    scenario: NOTIFIERS,
    patches: [
      {
        file: LOOP,
        find: 'this.fds.wait(maySleep ? timeoutNs : 0)',
        replace: 'this.fds.wait(timeoutNs)',
      },
    ],
  },
  {
    title: 'N2: a flag and not a count of sleepers',
    scenario: 'N2: a poll inside the bracket of another',
    patches: [
      {
        file: GATE,
        find: 'Atomics.sub(this.#words, NOTIFY_ME, SLEEPER)',
        replace: 'Atomics.store(this.#words, NOTIFY_ME, 0)',
      },
    ],
  },
  {
    title: 'N2: endWait() does not lower notifyMe',
    scenario: 'N1: an owner that is awake is not written to',
    patches: [{ file: GATE, find: 'Atomics.sub(this.#words, NOTIFY_ME, SLEEPER)', replace: '' }],
  },
  {
    title: 'N4: hostCheck() does not lower notifyMe',
    scenario: 'N1: an owner that is awake is not written to',
    patches: [{ file: GATE, find: 'Atomics.and(this.#words, NOTIFY_ME, ~HOST)', replace: '' }],
  },
  {
    title: 'N5: what is looked at is whether the owner dispatches, and not whether it sleeps',
    scenario: 'B4, N5: a nested poll waits for what another thread schedules',
    patches: [
      // As if the outermost poll said "dispatching" while it runs callbacks: those that are nested say nothing.
      {
        file: LOOP,
        find: 'const maySleep = this.gate.beginWait()',
        replace: 'const maySleep = this.depth > 1 || this.gate.beginWait()',
      },
      {
        file: LOOP,
        find: '      this.gate.endWait()',
        replace: '      if (this.depth === 1) this.gate.endWait()',
      },
    ],
  },
  {
    title: 'N3: the notification is accepted after the dispatch',
    scenario: 'N3: a notification during the dispatch',
    patches: [
      {
        file: LOOP,
        find: `    if (signalled) this.accepts++
    this.gate.accept(signalled)
`,
        replace: `    this.#signalled = signalled
`,
      },
      {
        file: LOOP,
        find: '  depth = 0\n',
        replace: '  depth = 0\n  #signalled = false\n',
      },
      {
        file: LOOP,
        find: '      return this.dispatch()\n',
        replace: `      const progress = this.dispatch()
      this.gate.accept(this.#signalled)
      return progress
`,
      },
    ],
  },
  {
    title: 'N3: the notification is accepted after the bottom halves',
    scenario: 'N3: a notification during the dispatch',
    patches: [
      {
        file: LOOP,
        find: `    if (signalled) this.accepts++
    this.gate.accept(signalled)
`,
        replace: `    this.#signalled = signalled
`,
      },
      {
        file: LOOP,
        find: '  depth = 0\n',
        replace: '  depth = 0\n  #signalled = false\n',
      },
      {
        file: LOOP,
        find: '        return this.bottomHalves.run()\n',
        replace: `        try {
          return this.bottomHalves.run()
        } finally {
          this.gate.accept(this.#signalled)
        }
`,
      },
    ],
  },
  {
    title: 'N3: notified is not cleared',
    scenario: NOTIFIERS,
    patches: [
      {
        file: GATE,
        find: 'if (Atomics.load(this.#words, NOTIFIED) !== 0) Atomics.store(this.#words, NOTIFIED, 0)',
        replace: '',
      },
    ],
  },
  {
    title: 'N3: the eventfd is not cleared',
    scenario: NOTIFIERS,
    patches: [{ file: GATE, find: 'if (signalled) this.#notifier.take()', replace: '' }],
  },
  {
    title: 'N4: hostCheck() clears everything',
    scenario: 'N4: a host loop inside the bracket of a poll',
    patches: [
      {
        file: GATE,
        find: 'Atomics.and(this.#words, NOTIFY_ME, ~HOST)',
        replace: 'Atomics.store(this.#words, NOTIFY_ME, 0)',
      },
    ],
  },
  {
    title: 'N4: hostPrepare() does not look at notified',
    scenario: 'N4: a host loop whose callback schedules',
    patches: [
      {
        file: GATE,
        find: `    Atomics.or(this.#words, NOTIFY_ME, HOST)
    return Atomics.load(this.#words, NOTIFIED) === 0`,
        replace: `    Atomics.or(this.#words, NOTIFY_ME, HOST)
    return true`,
      },
    ],
  },
  {
    title: 'N4: hostPrepare() looks at notified before it raises notifyMe',
    scenario: 'N4: a host loop whose callback schedules',
    patches: [
      {
        file: GATE,
        find: `    Atomics.or(this.#words, NOTIFY_ME, HOST)
    return Atomics.load(this.#words, NOTIFIED) === 0`,
        replace: `    const maySleep = Atomics.load(this.#words, NOTIFIED) === 0
    Atomics.or(this.#words, NOTIFY_ME, HOST)
    return maySleep`,
      },
    ],
  },
  {
    title: 'N4: the owner does not nudge a host loop',
    scenario: 'N4: a host loop whose callback schedules',
    patches: [
      { file: BOTTOM_HALVES, find: 'if (this.#ready++ === 0) this.#gate.nudge()', replace: 'this.#ready++' },
    ],
  },
  {
    title: 'N4: what a poll leaves is not said to the host loop',
    scenario: 'N4: a host loop whose callback polls, and a bottom half throws',
    patches: [{ file: BOTTOM_HALVES, find: 'if (this.#ready > 0) this.#gate.nudge()', replace: '' }],
  },
  {
    title: 'N4: a poll forgets the host loop',
    scenario: 'N4: a host loop whose callback polls',
    patches: [
      {
        file: GATE,
        find: 'Atomics.sub(this.#words, NOTIFY_ME, SLEEPER)',
        replace: 'Atomics.store(this.#words, NOTIFY_ME, 0)',
      },
    ],
  },
  {
    title: 'N7: set() looks who needs the descriptor before it stores the flag',
    scenario: POLLED_TWICE,
    patches: [
      {
        file: NOTIFIER,
        find: '    Atomics.or(words, FLAGS, SET)\n',
        replace: '    const isNeeded = needsDescriptor(words)\n    Atomics.or(words, FLAGS, SET)\n',
      },
      {
        file: NOTIFIER,
        find: 'if (!needsDescriptor(words)) return',
        replace: 'if (!isNeeded) return',
      },
    ],
  },
  {
    title: 'N7: set() stores the flag',
    scenario: POLLED,
    patches: [
      {
        file: NOTIFIER,
        find: 'Atomics.or(words, FLAGS, SET)',
        replace: 'Atomics.store(words, FLAGS, SET)',
      },
    ],
  },
  {
    title: 'N7: set() writes an event',
    scenario: POLLED_TWICE,
    patches: [
      { file: NOTIFIER, find: "check(this.#eventfd.ring(), 'write')", replace: 'this.#eventfd.add()' },
    ],
  },
  {
    title: 'N7: testAndClear() takes the flag before it reads the descriptor',
    scenario: WATCHED,
    patches: [
      {
        file: NOTIFIER,
        find: `    const events = this.#eventfd.take()
    return (Atomics.exchange(words, FLAGS, 0) & SET) !== 0 || events > 0`,
        replace: `    const isSet = (Atomics.exchange(words, FLAGS, 0) & SET) !== 0
    return this.#eventfd.take() > 0 || isSet`,
      },
    ],
  },
  {
    title: 'N7: testAndClear() does not read the descriptor if the flag is not set',
    scenario: WATCHED,
    patches: [
      {
        file: NOTIFIER,
        find: '    const events = this.#eventfd.take()\n',
        replace:
          '    if (Atomics.load(words, FLAGS) === 0) return false\n    const events = this.#eventfd.take()\n',
      },
    ],
  },
  {
    title: 'N7: testAndClear() clears the flag without a look at it',
    scenario: WATCHED,
    patches: [
      {
        file: NOTIFIER,
        find: '    return (Atomics.exchange(words, FLAGS, 0) & SET) !== 0 || events > 0',
        replace: `    const isSet = (Atomics.load(words, FLAGS) & SET) !== 0
    Atomics.store(words, FLAGS, 0)
    return isSet || events > 0`,
      },
    ],
  },
  {
    title: 'P6: no last look when polling has ended',
    scenario: POLLED_TWICE,
    patches: [
      {
        file: WATCH,
        find: `    Atomics.add(this.#words, SLEEPERS, 1)
    Atomics.sub(this.#words, POLLERS, 1)
    this.#ringIfSet()`,
        replace: `    Atomics.add(this.#words, SLEEPERS, 1)
    Atomics.sub(this.#words, POLLERS, 1)`,
      },
    ],
  },
  {
    title: 'P6: the last look comes before polling has ended',
    scenario: POLLED_TWICE,
    patches: [
      {
        file: WATCH,
        find: `    Atomics.add(this.#words, SLEEPERS, 1)
    Atomics.sub(this.#words, POLLERS, 1)
    this.#ringIfSet()`,
        replace: `    this.#ringIfSet()
    Atomics.add(this.#words, SLEEPERS, 1)
    Atomics.sub(this.#words, POLLERS, 1)`,
      },
    ],
  },
  {
    title: 'N7: who stops polling leaves what is set to nobody',
    scenario: 'N7: who watched a notifier waits for its descriptor',
    patches: [
      {
        file: WATCH,
        find: `    Atomics.sub(this.#words, POLLERS, 1)
    if (isOpen) this.#ringIfSet()
  }

  /** From now on \`poll()\``,
        replace: `    Atomics.sub(this.#words, POLLERS, 1)
  }

  /** From now on \`poll()\``,
      },
    ],
  },
  {
    title: 'N7: who watches and does not poll is not counted',
    scenario: 'N7: another watcher dies while it polls a notifier',
    patches: [
      {
        file: 'packages/notifier/src/notifier-words.ts',
        find: 'Atomics.load(words, SLEEPERS) !== 0 || ',
        replace: '',
      },
    ],
  },
  {
    title: 'N7: who begins to watch does not look whether it was set',
    scenario: 'N7: another watcher dies while it polls a notifier',
    patches: [
      {
        file: WATCH,
        find: `    // It may have been set while others polled, of whom some were terminated since.
    this.#ringIfSet()
`,
        replace: '',
      },
    ],
  },
  {
    title: 'N7: who polls reads a doorbell that was for others',
    scenario: 'N7: another watcher dies while it polls a notifier',
    patches: [
      {
        file: WATCH,
        find: `    if (needsDescriptor(this.#words)) this.#ringIfSet()
`,
        replace: '',
      },
    ],
  },
  {
    title: 'B1: schedule() only looks when it was scheduled already',
    scenario: TWICE,
    patches: [
      {
        file: STATES,
        find: '      if (state >>> 2 !== generation) return false\n',
        replace:
          '      if (state >>> 2 !== generation) return false\n      if ((state & SCHEDULED) !== 0) return true\n',
      },
    ],
  },
  {
    title: 'B1: schedule() stores instead of comparing and exchanging',
    scenario: SAME,
    patches: [
      {
        file: STATES,
        find: 'if (Atomics.compareExchange(words, at, state, state | QUEUED | SCHEDULED) !== state) continue',
        replace: 'Atomics.store(words, at, state | QUEUED | SCHEDULED)',
      },
    ],
  },
  {
    title: 'B1: schedule() pushes before it sets the bit',
    scenario: SAME,
    patches: [
      {
        file: STATES,
        find: `      if (Atomics.compareExchange(words, at, state, state | QUEUED | SCHEDULED) !== state) continue
      // It is this thread that puts it on the list; if the bit was set before, it is the one that set it.
      if ((state & QUEUED) === 0) this.#list.push(id)`,
        replace: `      if ((state & QUEUED) === 0) this.#list.push(id)
      Atomics.or(words, at, QUEUED | SCHEDULED)`,
      },
    ],
  },
  {
    title: 'B1: the bits are cleared after the callback',
    scenario: TWICE,
    patches: [
      {
        file: STATES,
        find: 'return (Atomics.and(this.words, STATES + id, ~(QUEUED | SCHEDULED)) & SCHEDULED) !== 0',
        replace: 'return (Atomics.load(this.words, STATES + id) & SCHEDULED) !== 0',
      },
      {
        file: BOTTOM_HALVES,
        find: `        call(bh.run, bh, bh.scope, 'bottom half', bh)
`,
        replace: `        call(bh.run, bh, bh.scope, 'bottom half', bh)
      if (bh.place >= 0) Atomics.and(shared!.states.words, 2 + bh.place, ~3)
`,
      },
    ],
  },
  {
    title: 'B1: schedule() refuses',
    scenario: SAME,
    patches: [
      { file: STATES, find: 'if (state >>> 2 !== generation) return false', replace: 'return false' },
    ],
  },
  {
    title: 'B5: cancel() leaves what other threads have scheduled',
    scenario: 'B5: a schedule that is cancelled',
    patches: [{ file: STATES, find: 'Atomics.and(this.words, STATES + id, ~SCHEDULED)', replace: '' }],
  },
  {
    title: 'B5: accept() takes what was cancelled for scheduled',
    scenario: 'B5: a schedule that is cancelled',
    patches: [
      {
        file: STATES,
        find: 'return (Atomics.and(this.words, STATES + id, ~(QUEUED | SCHEDULED)) & SCHEDULED) !== 0',
        replace: 'return Atomics.and(this.words, STATES + id, ~(QUEUED | SCHEDULED)) !== 0',
      },
    ],
  },
  {
    title: 'B5: a place is used again while a thread that may die is to put it on the list',
    scenario: REUSED,
    patches: [{ file: STATES, find: 'return (state & QUEUED) === 0\n', replace: 'return true\n' }],
  },
  {
    title: 'B5: cancel() loads and stores',
    scenario: 'B5: a schedule that is cancelled',
    patches: [
      {
        file: STATES,
        find: 'Atomics.and(this.words, STATES + id, ~SCHEDULED)',
        replace: 'Atomics.store(this.words, STATES + id, Atomics.load(this.words, STATES + id) & ~SCHEDULED)',
      },
    ],
  },
  {
    title: 'B5: cancel() clears both bits',
    scenario: 'B5: a schedule that is cancelled',
    patches: [
      {
        file: STATES,
        find: 'Atomics.and(this.words, STATES + id, ~SCHEDULED)',
        replace: 'Atomics.and(this.words, STATES + id, ~(QUEUED | SCHEDULED))',
      },
    ],
  },
  {
    title: 'B5: retire() leaves the generation',
    scenario: REUSED,
    patches: [
      { file: STATES, find: '((state & ~SCHEDULED) + GENERATION) | 0', replace: 'state & ~SCHEDULED' },
    ],
  },
  {
    title: 'B5: retire() loads and stores',
    scenario: REUSED,
    patches: [
      {
        file: STATES,
        find: 'if (Atomics.compareExchange(words, at, state, next) === state) return (state & QUEUED) === 0',
        replace: `Atomics.store(words, at, next)
      return (state & QUEUED) === 0`,
      },
    ],
  },
  {
    title: 'B5: a place is used again while it is on the list, its bits cleared',
    scenario: REUSED,
    patches: [
      {
        file: STATES,
        find: '((state & ~SCHEDULED) + GENERATION) | 0',
        replace: '((state & ~(SCHEDULED | QUEUED)) + GENERATION) | 0',
      },
      { file: STATES, find: 'return (state & QUEUED) === 0\n', replace: 'return true\n' },
    ],
  },
  {
    title: 'L6: push() stores the head',
    scenario: PUSHES,
    patches: [
      {
        file: LIST,
        find: 'if (Atomics.compareExchange(memory, this.#head, newest, link) === newest) return newest === END',
        replace: `Atomics.store(memory, this.#head, link)
      return newest === END`,
      },
    ],
  },
  {
    title: 'L6: push() writes the link after the head',
    scenario: PUSHES,
    patches: [
      {
        file: LIST,
        find: `      memory[this.#next + id] = newest
`,
        replace: '',
      },
      {
        file: LIST,
        find: 'if (Atomics.compareExchange(memory, this.#head, newest, link) === newest) return newest === END',
        replace: `if (Atomics.compareExchange(memory, this.#head, newest, link) === newest) {
        memory[this.#next + id] = newest
        return newest === END
      }`,
      },
    ],
  },
  {
    title: 'L6: push() writes the link once and not for each attempt',
    scenario: PUSHES,
    patches: [
      {
        file: LIST,
        find: `    for (;;) {
      const newest = Atomics.load(memory, this.#head)`,
        replace: `    memory[this.#next + id] = Atomics.load(memory, this.#head)
    for (;;) {
      const newest = Atomics.load(memory, this.#head)`,
      },
      {
        file: LIST,
        find: `      memory[this.#next + id] = newest
`,
        replace: '',
      },
    ],
  },
  {
    title: 'L6: takeAll() loads and stores',
    scenario: PUSHES,
    patches: [
      {
        file: LIST,
        find: 'this.#taken.add(Atomics.exchange(this.#memory, this.#head, END))',
        replace: `const newest = Atomics.load(this.#memory, this.#head)
    Atomics.store(this.#memory, this.#head, END)
    this.#taken.add(newest)`,
      },
    ],
  },
  {
    title: 'L6: the link is read after the id was given out',
    scenario: PUSHES,
    patches: [
      {
        file: LIST,
        find: `    const link = this.#oldest
    if (link === END) return DONE
    // Before the id is given out: from then on it may be pushed, which writes this word.
    this.#oldest = this.#memory[this.#next + link - 1]!`,
        replace: `    if (this.#given !== END) this.#oldest = this.#memory[this.#next + this.#given - 1]!
    const link = this.#oldest
    this.#given = link
    if (link === END) return DONE`,
      },
      { file: LIST, find: '  #oldest = END\n', replace: '  #oldest = END\n  #given = END\n' },
    ],
  },
  {
    title: 'W1: the tail is moved before the slot is in the queue',
    scenario: ANSWERED,
    patches: [
      {
        file: POOL_MEMORY,
        find: '    words[QUEUE + (tail & (SLOTS - 1))] = slot\n',
        replace:
          '    Atomics.store(words, TAIL, (tail + 1) | 0)\n    words[QUEUE + (tail & (SLOTS - 1))] = slot\n',
      },
    ],
  },
  {
    title: 'W1: the tail is moved before the word of the slot says that it is queued',
    scenario: ANSWERED,
    patches: [
      {
        file: POOL_MEMORY,
        find: '    words[at(slot) + STATE] = queuedAt(tail)\n',
        replace:
          '    Atomics.store(words, TAIL, (tail + 1) | 0)\n    words[at(slot) + STATE] = queuedAt(tail)\n',
      },
    ],
  },
  {
    title: 'W1: what is finished is pushed before its word says so',
    scenario: ANSWERED,
    patches: [
      {
        file: POOL_THREAD,
        find: '    memory.setDone(slot, this.#thread)\n',
        replace: '',
      },
      {
        file: POOL_THREAD,
        find: 'if (memory.finished.push(slot)) this.#finished.schedule()',
        replace:
          'if (memory.finished.push(slot)) this.#finished.schedule()\n    memory.setDone(slot, this.#thread)',
      },
    ],
  },
  {
    title: 'W1: whoever finishes first tells nobody',
    scenario: ANSWERED,
    patches: [
      {
        file: POOL_THREAD,
        find: 'if (memory.finished.push(slot)) this.#finished.schedule()',
        replace: 'if (!memory.finished.push(slot)) this.#finished.schedule()',
      },
    ],
  },
  {
    title: 'W3: a thread looks at the queue before it says that it is asleep',
    scenario: TAKEN,
    patches: [
      {
        file: POOL_THREAD,
        find: '    this.#become(ASLEEP)\n',
        replace: '    const isEmpty = memory.queued === 0\n    this.#become(ASLEEP)\n',
      },
      {
        file: POOL_THREAD,
        find: '    if (memory.queued > 0) return false\n',
        replace: '    if (!isEmpty) return false\n',
      },
    ],
  },
  {
    title: 'W3: a thread that has found work wakes nobody',
    scenario: TAKEN,
    patches: [
      { file: POOL_THREAD, find: 'if (this.#memory.queued > 0) this.#states.wakeOne()', replace: '' },
    ],
  },
  {
    title: 'W3: a thread wakes others before it says that it is busy',
    scenario: TAKEN,
    patches: [
      {
        file: POOL_THREAD,
        find: `    this.#become(BUSY)
    // While`,
        replace: `    if (this.#memory.queued > 0) this.#states.wakeOne()
    this.#become(BUSY)
    // While`,
      },
      {
        file: POOL_THREAD,
        find: `    if (this.#memory.queued > 0) this.#states.wakeOne()
  }`,
        replace: '  }',
      },
    ],
  },
  {
    title: 'W3: two threads take the same request',
    scenario: TAKEN,
    patches: [
      {
        file: POOL_MEMORY,
        find: 'const taken = Atomics.compareExchange(words, at(slot) + STATE, queued, running) === queued',
        replace:
          'const taken = Atomics.load(words, at(slot) + STATE) === queued\n      if (taken) Atomics.store(words, at(slot) + STATE, running)',
      },
    ],
  },
  {
    title: 'W6: the head is moved before the request is taken',
    scenario: 'W6: a thread of a pool dies',
    patches: [
      {
        file: POOL_MEMORY,
        find: '      // The place is part of it',
        replace:
          '      Atomics.compareExchange(words, HEAD, head, (head + 1) | 0)\n      // The place is part of it',
      },
    ],
  },
  {
    title: 'W4: a request is withdrawn without a look at whether it has begun',
    scenario: CANCELLED,
    patches: [
      {
        file: POOL_MEMORY,
        find: 'return Atomics.compareExchange(this.#words, at(slot) + STATE, queued, FREE) === queued',
        replace:
          'if (Atomics.load(this.#words, at(slot) + STATE) !== queued) return false\n    Atomics.store(this.#words, at(slot) + STATE, FREE)\n    return true',
      },
    ],
  },
  {
    title: 'W2: a thread says that some sleep before it is asleep',
    scenario: ANSWERED,
    patches: [
      {
        file: THREAD_STATES,
        find: `    Atomics.store(this.#words, ofThread(thread) + STATE, state)
    // After the state: see someSleep().
    if (state === ASLEEP) Atomics.store(this.#words, SLEEP, 1)
`,
        replace: `    if (state === ASLEEP) Atomics.store(this.#words, SLEEP, 1)
    Atomics.store(this.#words, ofThread(thread) + STATE, state)
`,
      },
    ],
  },
  {
    title: 'W2: the owner forgets that some sleep when it has looked at them',
    scenario: ANSWERED,
    patches: [
      { file: THREAD_STATES, find: '    Atomics.store(words, SLEEP, 0)\n', replace: '' },
      {
        file: THREAD_STATES,
        find: '      return true\n    }\n    return false\n  }\n\n  /**\n   * Wakes',
        replace:
          '      return true\n    }\n    Atomics.store(words, SLEEP, 0)\n    return false\n  }\n\n  /**\n   * Wakes',
      },
    ],
  },
  {
    title: 'W3: a thread takes what it has not looked for since',
    scenario: ANSWERED,
    patches: [
      {
        file: POOL_MEMORY,
        find: 'if (((this.#knownTail - head) | 0) <= 0) {',
        replace: 'if (((this.#knownTail - head) | 0) < 0) {',
      },
    ],
  },
  {
    title: 'W2: a thread that is woken for nothing leaves',
    scenario: CANCELLED,
    patches: [
      {
        file: POOL_THREAD,
        find: '      if (!idleForLong && !states.isDismissed(this.#thread)) return false\n',
        replace: '',
      },
    ],
  },
  {
    title: 'W2: a thread that leaves does not count the others again',
    scenario: 'W2: idle threads leave, but not both',
    patches: [{ file: POOL_THREAD, find: '      return mayLeave()\n', replace: '      return true\n' }],
  },
  {
    title: 'W2: a thread that was woken leaves',
    scenario: 'W2: a thread leaves while there is something to do',
    patches: [
      {
        file: THREAD_STATES,
        find: 'if (!this.move(thread, ASLEEP, LOOKING)) return false',
        replace: 'if (this.stateOf(thread) !== ASLEEP) return false',
      },
    ],
  },
  {
    title: 'W2: a thread that is to go is not woken',
    scenario: 'W2: one thread of two is to go',
    patches: [
      {
        file: 'packages/thread-pool/src/threads.ts',
        find: 'if (dismissed) this.#states.wake(number)',
        replace: '',
      },
    ],
  },
  {
    title: 'W6: what a dead thread was at is left to it',
    scenario: 'W6: a thread of a pool dies',
    patches: [
      { file: REQUESTS, find: '} else if (state === RUNNING) {', replace: '} else if (state === -1) {' },
    ],
  },
  {
    title: 'W6: what a dead thread had finished and not said so is left to it',
    scenario: 'W6: a thread of a pool dies',
    patches: [{ file: REQUESTS, find: '      if (state === DONE) {', replace: '      if (state === -1) {' }],
  },
  {
    title: 'W8: a thread sleeps before it says what it wants',
    scenario: 'W1: an argument goes by message',
    patches: [
      {
        file: POOL_THREAD,
        find: '    states.want(this.#thread, slot)\n    this.#finished.schedule()\n',
        replace: '    this.#finished.schedule()\n    states.want(this.#thread, slot)\n',
      },
    ],
  },
]
