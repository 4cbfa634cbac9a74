import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  BUFFER_SIZE,
  FILL,
  fillOf,
  lengthOf,
  newMemory,
  PIECE_LENGTH,
  PIECE_POSITION,
  POSITION,
  ThreadMemory,
  TraceState,
} from '../src/shared-trace.ts'
import { ThreadLog, writeAll } from '../src/thread-log.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-thread-log-'))
const file = path.join(folder, 'log')
afterAll(() => rmSync(folder, { recursive: true }))

/** A log of its own memory on the file, which is empty. */
class Fixture implements Disposable {
  readonly fd: number = openSync(file, 'w')
  readonly shared: SharedArrayBuffer = newMemory()
  readonly state: TraceState = new TraceState(this.shared)
  readonly memory: ThreadMemory = ThreadMemory.claim(this.shared, 7)!
  readonly log: ThreadLog = new ThreadLog(this.memory, this.state, this.fd)

  get written(): string {
    return readFileSync(file, 'latin1')
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}

describe('O1: what a thread was about to write when it was ended by force is in the file once', () => {
  const steps = [
    'nothing was begun',
    'its place was settled',
    'it was written',
    'it was taken off',
    'it was done',
  ]
  test.each(steps.map((name, step) => [name, step] as const))('when %s', (_, step) => {
    using of = new Fixture()
    const { memory, state } = of
    of.log.append('first,', 0)
    of.log.flush()
    of.log.append('second,', 2)
    const length = lengthOf(Atomics.load(memory.words, FILL))
    // As flush() does, up to some point.
    if (step >= 1) {
      memory.wide[PIECE_POSITION] = Atomics.add(state.wide, POSITION, BigInt(length))
      memory.words[PIECE_LENGTH] = length
    }
    if (step >= 2) writeAll(of.fd, memory.buffer.subarray(0, length), Number(memory.wide[PIECE_POSITION]))
    if (step >= 3) memory.words[FILL] = fillOf(0, 2)
    if (step >= 4) memory.words[PIECE_LENGTH] = 0
    // Another thread has written behind it.
    if (step >= 1) writeAll(of.fd, Buffer.from('other,'), Number(Atomics.add(state.wide, POSITION, 6n)))

    // It is found by its number.
    const found = [...ThreadMemory.owned(of.shared)].find((one) => one.isOf(7))!
    new ThreadLog(found, state, of.fd).end(() => 'end,')
    expect(of.written).toBe(step >= 1 ? 'first,second,other,end,end,' : 'first,second,end,end,')
    found.free()
    expect([...ThreadMemory.owned(of.shared)]).toEqual([])
  })
})

test('O1: who is ended while it writes does not keep others waiting for long', () => {
  using of = new Fixture()
  of.log.append('mine,', 0)
  of.memory.lock()
  of.log.end(() => '')
  expect(of.written).toBe('mine,')
})

test('O1: more than fits is written in pieces, and the ends of very many spans are as well', () => {
  using of = new Fixture()
  const event = 'x'.repeat(999)
  for (let i = 0; i < 200; i++) of.log.append(event, 200)
  expect(of.written.length).toBeGreaterThan(2 * BUFFER_SIZE)
  of.log.end(() => event)
  expect(of.written).toBe(event.repeat(400))
})

test('O1: of a trace that has ended no thread writes any more, and it is told', () => {
  using of = new Fixture()
  let told = 0
  const log = new ThreadLog(of.memory, of.state, of.fd, () => told++)
  log.append('late', 0)
  of.state.stop()
  expect(log.flush()).toBe(false)
  expect([of.written, told]).toEqual(['', 1])
})

test('O1: what cannot be written ends the trace at the first piece that is missing', () => {
  using of = new Fixture()
  of.state.failed(300n)
  of.state.failed(100n)
  of.state.failed(200n)
  expect(of.state.end).toBe(100n)
})

test('O1: a place is for one thread, and for another when it is free', () => {
  const shared = newMemory()
  const all: ThreadMemory[] = []
  for (let next = ThreadMemory.claim(shared, 1); next !== null; next = ThreadMemory.claim(shared, 1))
    all.push(next)
  expect(all.length).toBeGreaterThan(256)
  all[5]!.free()
  expect(ThreadMemory.claim(shared, 9)!.buffer.byteOffset).toBe(all[5]!.buffer.byteOffset)
})
