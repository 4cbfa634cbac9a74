import { scenario } from '../../src/explore.ts'
import {
  allRan,
  describeGate,
  describeStates,
  type MakeScenario,
  OWNER,
  type Run,
  schedule,
  sharedWord,
} from './world.ts'

/**
 * Something else that is between its beginning and its end while a poll is about to sleep: another poll, or a host loop.
 * That nothing else may sleep meanwhile is not for it to say.
 */
export function inside(what: 'poll' | 'host'): MakeScenario {
  return (code, machine) =>
    scenario({
      threads: ['owner', 'thread 1'],
      setup() {
        const gate = new code.NotifyGate()
        describeGate(machine, gate.handle)
        return { gate, remote: new code.NotifyGate(gate.handle), work: sharedWord(machine, 'work') }
      },
      bodies: [
        ({ gate, work }, api) => {
          const look = (): void => {
            if (work.exchange(0) !== 0) api.record('done')
          }
          for (;;) {
            const maySleep = gate.beginWait()
            if (what === 'poll') {
              gate.beginWait()
              const [signalled] = api.wait([gate.fd], false)
              gate.endWait()
              gate.accept(signalled!)
              look()
            } else {
              gate.hostPrepare()
              gate.hostCheck()
            }
            const [signalled] = api.wait([gate.fd], maySleep)
            gate.endWait()
            gate.accept(signalled!)
            look()
          }
        },
        ({ remote, work }) => {
          work.exchange(1)
          remote.notify()
        },
      ],
      check: ({ records }) =>
        records[OWNER]!.length === 1 ? undefined : 'work is undone and the owner sleeps',
    })
}

/**
 * A host loop, as Node's is: prepare, sleep, callbacks of its own, check. It may sleep again without another prepare when
 * only a callback of its own was due. That callback schedules a bottom half, or polls.
 */
export function host(callback: 'schedules' | 'polls'): MakeScenario {
  return (code, machine) =>
    scenario({
      threads: ['owner', 'thread 1', 'timer'],
      setup() {
        const gate = new code.NotifyGate()
        const timer = new code.EventNotifier()
        const list = new code.BottomHalfList(gate)
        describeGate(machine, gate.handle)
        describeStates(machine, list.states.words)
        machine.describeFd(timer.fd, "the host's timer")
        const run: { callback: () => void } = { callback: () => {} }
        const bh = list.create(() => run.callback(), { shared: true })
        const states = new code.SharedStates(list.states.words)
        const remote = new code.RemoteBottomHalf(new code.NotifyGate(gate.handle), states, bh.handle)
        return { gate, timer, list, run, remote }
      },
      bodies: [
        ({ gate, timer, list, run }, api) => {
          let ran = false
          run.callback = () => {
            api.record({ bh: 'bh', saw: api.observe() } satisfies Run)
            ran = true
          }
          const own = list.create(() => api.record('own ran'))
          const poll = (): void => {
            const idle = !list.isReady
            const maySleep = gate.beginWait()
            const [signalled] = api.wait([gate.fd], idle && maySleep)
            gate.endWait()
            gate.accept(signalled!)
            list.run()
          }
          const onTimer = (): void => {
            timer.testAndClear()
            if (callback === 'schedules') {
              own.schedule()
              api.record('own scheduled')
            } else {
              while (!ran) poll()
            }
          }
          for (;;) {
            let sleep = !list.isReady
            if (!gate.hostPrepare()) sleep = false
            let signalled: boolean
            for (;;) {
              const [woken, due] = api.wait([gate.fd, timer.fd], sleep)
              signalled = woken!
              if (due) onTimer()
              if (signalled || !due) break
            }
            gate.hostCheck()
            gate.accept(signalled)
            list.run()
          }
        },
        ({ remote }, api) => schedule(api, 'bh', remote, callback === 'polls' ? 2 : 1),
        ({ timer }) => timer.set(),
      ],
      check(end) {
        const notes = end.records[OWNER]!
        if (notes.includes('own scheduled') && !notes.includes('own ran'))
          return 'a callback of the host loop scheduled a bottom half, and the host loop sleeps'
        const runs = notes.filter((note) => typeof note === 'object')
        return allRan({ ...end, records: [runs, end.records[1]!] })
      },
    })
}

/**
 * Between prepare and check a callback of the host loop polls, and that poll leaves something: what a bottom half has
 * scheduled while others were still to run, or what was behind one that threw.
 */
export function leftOver(by: 'scheduling' | 'throwing'): MakeScenario {
  return (code, machine) =>
    scenario({
      threads: ['owner', 'timer'],
      setup() {
        const gate = new code.NotifyGate()
        const timer = new code.EventNotifier()
        describeGate(machine, gate.handle)
        machine.describeFd(timer.fd, "the host's timer")
        return { gate, timer, list: new code.BottomHalfList(gate) }
      },
      bodies: [
        ({ gate, timer, list }, api) => {
          let turns = 0
          const first = list.create(() => {
            api.record('first')
            if (by === 'throwing') throw new Error('first')
            if (turns++ === 0) first.schedule()
          })
          const second = list.create(() => api.record('second'))
          const take = (signalled: boolean): void => {
            gate.accept(signalled)
            try {
              list.run()
            } catch {
              // An uncaughtException, and the loop goes on (A3).
            }
          }
          const onTimer = (): void => {
            timer.testAndClear()
            first.schedule()
            second.schedule()
            const [signalled] = api.wait([gate.fd], false)
            take(signalled!)
          }
          for (;;) {
            let sleep = !list.isReady
            if (!gate.hostPrepare()) sleep = false
            let signalled: boolean
            for (;;) {
              const [woken, due] = api.wait([gate.fd, timer.fd], sleep)
              signalled = woken!
              if (due) onTimer()
              if (signalled || !due) break
            }
            gate.hostCheck()
            take(signalled)
          }
        },
        ({ timer }) => timer.set(),
      ],
      check({ records }) {
        const ran = [...records[OWNER]!].sort().join()
        const all = by === 'throwing' ? 'first,second' : 'first,first,second'
        return ran === all ? undefined : `of ${all} only ${ran} ran, and the host loop sleeps`
      },
    })
}

/** Between its sleeps, and when no host loop sleeps on its behalf, the owner is not written to. */
export const awake: MakeScenario = (code, machine) =>
  scenario({
    threads: ['owner', 'thread 1'],
    setup() {
      const gate = new code.NotifyGate()
      const ended = new code.EventNotifier()
      describeGate(machine, gate.handle)
      machine.describeFd(ended.fd, 'the end of thread 1')
      return { gate, ended, remote: new code.NotifyGate(gate.handle), slept: sharedWord(machine, 'slept') }
    },
    bodies: [
      ({ gate, ended, slept }, api) => {
        gate.beginWait()
        gate.endWait()
        gate.hostPrepare()
        gate.hostCheck()
        slept.exchange(1)
        gate.nudge()
        api.wait([ended.fd], true)
        api.record(api.wait([gate.fd], false)[0])
      },
      ({ ended, remote, slept }, api) => {
        api.record(slept.load() === 1)
        remote.notify()
        ended.set()
      },
    ],
    check: ({ records: [written, isAwake] }) =>
      isAwake![0] === true && written![0] === true ? 'an owner that is awake is written to' : undefined,
  })
