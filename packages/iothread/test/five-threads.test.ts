import type { AioContextHandle, BottomHalfHandle } from '@aiokit/aio'
import { expect, test } from 'vitest'
import { defineTask } from '../src/index.ts'
import { RECEIVED, RETIRED, STOP, sentWord, wordCount } from './fixtures/tokens.mjs'
import { fixture, MONITORS, reached, start, words } from './harness.ts'

const THREADS = 5
/** Few, so that threads fall asleep again and again. */
const TOKENS = 7
const DURATION_MS = 10_000

interface Prepared {
  handle: AioContextHandle
  bottomHalves: BottomHalfHandle[]
}

test('N5, B1, B7: five threads schedule each other at random for 10 s, and nothing is lost or run twice', async () => {
  const seed = (Date.now() % 1e9) + 1
  const module = fixture('tokens.mjs')
  const prepare = defineTask<unknown, Prepared>(module, 'prepare')
  const meet = defineTask<Prepared[], void>(module, 'meet')
  const send = defineTask(module, 'send')
  const memory = words(wordCount(THREADS))
  // Each monitor, and one of them twice.
  const threads = Array.from({ length: THREADS }, (_, self) =>
    start(MONITORS[self % 3]!, { name: `${self}`, module }),
  )
  const prepared = await Promise.all(
    threads.map((thread, self) => thread.call(prepare, { words: memory, self, seed: seed + self })),
  )
  await Promise.all(threads.map((thread) => thread.call(meet, prepared)))
  for (let token = 0; token < TOKENS; token++) await threads[token % THREADS]!.call(send, undefined)

  // How long it goes on, not what it waits for.
  await new Promise((resolve) => setTimeout(resolve, DURATION_MS))
  Atomics.store(memory, STOP, 1)
  await reached(memory, RETIRED, TOKENS)
  await Promise.all(threads.map((thread) => thread.stop()))
  const sent = threads.map((_, self) => memory[sentWord(self)]!)
  expect(Math.min(...sent), `seed ${seed}`).toBeGreaterThan(0)
  expect([memory[RETIRED], memory[RECEIVED]], `seed ${seed}`).toEqual([
    TOKENS,
    sent.reduce((sum, count) => sum + count),
  ])
}, 60_000)
