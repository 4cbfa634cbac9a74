import * as sys from '@aiokit/sys'
import { regularFile, socketPair } from '@aiokit/testing'
import { ManualClock } from '@aiokit/timers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AioContext } from '../src/index.ts'
import { everywhere, newContext } from './monitors.ts'

const COUNT = 12
/** From here on they are regular files, which are always ready. */
const FIRST_FILE = 10
const socket = fc.nat(COUNT - 1)

/** What a handler does to itself when it is called; to do it to others, or to poll, would make the order matter. */
type Reaction = 'nothing' | 'consume' | 'remove' | 'only write'

/** One step of a program that is run on each monitor. */
type Step =
  | { do: 'set'; socket: number; read: boolean; write: boolean; reaction: Reaction }
  | { do: 'remove' | 'send' | 'drain' | 'fill' | 'hang up' | 'reopen' | 'bottom half'; socket: number }
  | { do: 'advance'; by: number }
  | { do: 'arm'; by: number }
  | { do: 'poll'; nested: boolean }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      socket,
      read: fc.boolean(),
      write: fc.boolean(),
      reaction: fc.constantFrom(
        'nothing' as const,
        'consume' as const,
        'remove' as const,
        'only write' as const,
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'remove' as const,
        'send' as const,
        'send' as const,
        'drain' as const,
        'fill' as const,
        'hang up' as const,
        'reopen' as const,
        'bottom half' as const,
      ),
      socket,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), by: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('arm' as const), by: fc.nat(100) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('poll' as const), nested: fc.boolean() }) },
)

/** Runs the program on one monitor; returns what each poll called. */
function run(ctx: AioContext, program: Step[]): string[][] {
  const open = (i: number): [number, number] =>
    i < FIRST_FILE ? socketPair() : [regularFile(), regularFile()]
  const pairs = Array.from({ length: COUNT }, (_, i) => open(i))
  const clock = new ManualClock()
  const calls: string[] = []
  const polls: string[][] = []
  const buffer = new Uint8Array(65_536)
  const timer = ctx.createTimer(clock, () => calls.push(`timer at ${clock.now()}`))
  const drain = (fd: number) => {
    while (sys.read(fd, buffer) > 0);
  }
  // Handlers of one poll may run in any order: everywhere differ in it, so it is sorted away.
  const poll = () => {
    const progress = ctx.poll(false)
    polls.push([...calls.splice(0).sort(), `progress ${progress}`])
  }
  for (const one of program) {
    if (!('socket' in one)) {
      if (one.do === 'advance') clock.advance(one.by)
      else if (one.do === 'arm') timer.mod(clock.now() + one.by)
      else {
        if (one.nested) ctx.scheduleOneshot(() => void calls.push(`nested ${ctx.poll(false)}`))
        poll()
      }
    } else if (one.do === 'set') {
      const { socket, reaction } = one
      const fd = pairs[socket]![0]
      const read = () => {
        calls.push(`read ${socket}`)
        if (reaction === 'consume') drain(fd)
        else if (reaction === 'remove') ctx.setFdHandler(fd, null)
        else if (reaction === 'only write') ctx.setFdHandler(fd, { write })
      }
      const write = () => void calls.push(`write ${socket}`)
      const handlers = { ...(one.read ? { read } : {}), ...(one.write ? { write } : {}) }
      ctx.setFdHandler(pairs[socket]![0], one.read || one.write ? handlers : null)
    } else {
      const [mine, peer] = pairs[one.socket]!
      if (one.do === 'remove') ctx.setFdHandler(mine, null)
      else if (one.do === 'send') sys.write(peer, new Uint8Array(1))
      else if (one.do === 'drain') drain(peer)
      else if (one.do === 'fill') while (one.socket < FIRST_FILE && sys.write(mine, buffer) > 0);
      else if (one.do === 'hang up') sys.shutdown(peer, sys.SHUT_RDWR)
      else if (one.do === 'bottom half') ctx.scheduleOneshot(() => calls.push(`bottom half ${one.socket}`))
      else {
        ctx.setFdHandler(mine, null)
        sys.close(mine)
        sys.close(peer)
        pairs[one.socket] = open(one.socket)
      }
    }
  }
  poll()
  timer.del()
  for (const [mine, peer] of pairs) {
    ctx.setFdHandler(mine, null)
    sys.close(mine)
    sys.close(peer)
  }
  return polls
}

test('F9: the same random operations give the same callbacks on every monitor', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), (program) => {
      const results = everywhere.map(([, make]) => {
        using ctx = newContext(make)
        return run(ctx, program)
      })
      for (const result of results) expect(result).toEqual(results[0])
    }),
    { numRuns: 400 },
  )
})
