import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hosted, newHosted } from './hosted.ts'
import type { Calls } from './journal.ts'
import { type HandlerReaction, program, type Turn } from './programs.ts'
import { World } from './world.ts'

let elsewhere: Worker
beforeAll(() => {
  elsewhere = new Worker(new URL('./fixtures/elsewhere.mjs', import.meta.url), { execArgv: [] })
})
afterAll(() => elsewhere.terminate())

/** What a program calls on one monitor, attached or running. */
async function run([, host, make]: (typeof hosted)[number], turns: readonly Turn[]): Promise<Calls> {
  const world = new World(newHosted(make, host), elsewhere)
  try {
    for (const turn of turns) await world.take(turn)
  } finally {
    world.close()
  }
  return world.calls
}

/** The same for all of them, which agree in what `pick` takes of it. */
const agree = (reactions: HandlerReaction[], pick: (calls: Calls) => unknown) =>
  fc.assert(
    fc.asyncProperty(program(reactions), async (turns) => {
      let expected: unknown
      for (const world of hosted) {
        const calls = pick(await run(world, turns))
        expected ??= calls
        expect(calls, world.slice(0, 2).join()).toEqual(expected)
      }
    }),
    // One that stalls takes long to shrink.
    { numRuns: 60, interruptAfterTimeLimit: 30_000 },
  )

const quiet: HandlerReaction[] = ['nothing', 'nothing', 'remove', 'replace', 'send', 'bottom half']

test('A2, A4: the same random operations give the same iterations on every monitor, attached and running', () =>
  agree(quiet, (calls) => calls))

// Which handlers are called by the poll and which by its parent is a matter of their order, which is not promised.
test('A2, A5: with polls in all kinds of callbacks every source gives the same calls in the same order', () =>
  agree([...quiet, 'poll', 'wait for a bottom half', 'wait for a handler'], (calls) => calls.bySource))
