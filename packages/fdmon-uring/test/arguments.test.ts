import { mkdtempSync, openSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { bufferPool } from '@aiokit/buffer-pool'
import type { Sqe } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { regularFile } from '@aiokit/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeAll, type TestRing as Ring, TestRing, waitingPipe, waitingSockets } from './harness.ts'

/** For each method what its arguments are; an argument in the wrong place is as wrong as a wrong value. */
const methods = {
  prepNop: [],
  prepRead: ['fd', 'view', 'position'],
  prepWrite: ['fd', 'view', 'position'],
  prepReadv: ['fd', 'views', 'position'],
  prepWritev: ['fd', 'views', 'position'],
  prepReadFixed: ['fd', 'view', 'position', 'number'],
  prepWriteFixed: ['fd', 'view', 'position', 'number'],
  prepFsync: ['fd', 'boolean'],
  // Of a real file it would fill the disk.
  prepFallocate: ['pipe', 'number', 'position', 'position'],
  prepOpenat: ['fd', 'path', 'number', 'number'],
  prepClose: ['none'],
  prepStatx: ['fd', 'path', 'number', 'number', 'view'],
  prepAccept: ['fd', 'number'],
  prepAcceptMultishot: ['fd', 'number'],
  prepConnect: ['fd', 'view'],
  prepSend: ['fd', 'view', 'number'],
  prepRecv: ['fd', 'view', 'number'],
  prepRecvMultishot: ['fd', 'group', 'number'],
  prepSendmsg: ['fd', 'message', 'number'],
  prepRecvmsg: ['fd', 'message', 'number'],
  prepShutdown: ['none', 'number'],
  prepSplice: ['fd', 'position', 'fd', 'position', 'number', 'number'],
  prepPollAdd: ['fd', 'number'],
  prepPollRemove: ['request'],
  prepTimeout: ['number', 'number'],
  prepLinkTimeout: ['number'],
  prepCancel: ['request'],
} as const satisfies Partial<Record<keyof Sqe, readonly string[]>>
type Kind = (typeof methods)[keyof typeof methods][number]

const numbers = fc.oneof(
  fc.constantFrom(
    ...[Number.NaN, Infinity, -Infinity, -0, 0, 1, -1, 0.5, -100, 255, 4096],
    ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e300, -(2 ** 31), -(2 ** 53)],
  ),
  fc.integer(),
  fc.double(),
)
const junk: fc.Arbitrary<unknown> = fc.oneof(
  numbers,
  fc.anything(),
  fc.constantFrom(undefined, null, '', '1', true, 1n, Symbol.iterator, () => 0, {}, [], new Date(), [[]]),
)

function good(kind: Kind, world: World): fc.Arbitrary<unknown> {
  switch (kind) {
    case 'fd':
      return fc.constantFrom(...world.fds, 999_999)
    case 'pipe':
      return fc.constant(world.fds[0])
    case 'none':
      return fc.constant(999_999)
    case 'view':
      return fc.nat(600).map((size) => new Uint8Array(size))
    case 'views':
      return fc.array(fc.nat(600).map((size) => new Uint8Array(size)))
    case 'position':
      return fc.constantFrom(-1, 0, 5, 10_000)
    case 'number':
      return fc.constantFrom(0, 1, 2, 3, 0x800)
    case 'boolean':
      return fc.boolean()
    case 'path':
      return fc.constantFrom('x', '.', '', 'x/y')
    case 'message':
      return fc.record(
        {
          buffers: fc.array(fc.nat(600).map((size) => new Uint8Array(size))),
          address: fc.nat(200).map((size) => new Uint8Array(size)),
          control: fc.nat(200).map((size) => new Uint8Array(size)),
        },
        { requiredKeys: ['buffers'] },
      )
    case 'group':
      return fc.constant(world.group)
    case 'request':
      return fc.constant(world.request)
  }
}

interface World {
  ring: Ring
  fds: number[]
  group: unknown
  request: unknown
}

test('X3: whatever a method is given, it throws an ERR_AIO error and submits nothing, or the request is answered', () => {
  const ring = new TestRing()
  const [reader, writer] = waitingPipe()
  const [a, b] = waitingSockets()
  const file = regularFile()
  const directory = openSync(mkdtempSync(path.join(os.tmpdir(), 'aiokit-')), 'r')
  const world: World = {
    ring,
    fds: [reader, writer, a, b, file, directory],
    group: ring.monitor.createBufferGroup(4, 64),
    request: ring.add((sqe) => sqe.prepTimeout(3600e9)).request,
  }
  ring.look()
  const call = fc.constantFrom(...(Object.keys(methods) as (keyof typeof methods)[])).chain((name) =>
    fc.record({
      name: fc.constant(name),
      arguments: fc.tuple(
        ...methods[name].map((kind: Kind) =>
          fc.oneof({ weight: 3, arbitrary: good(kind, world) }, { weight: 1, arbitrary: junk }),
        ),
      ),
      flags: fc.subarray(['link', 'hardlink', 'drain', 'async', 'fixedFile'] as const),
    }),
  )
  const opened: number[] = []
  const victim = bufferPool.allocate(4096).fill(0x5a)
  const calls = new Map<string, [thrown: number, answered: number]>()
  fc.assert(
    fc.property(call, ({ name, arguments: args, flags }) => {
      // Not of a descriptor that others use.
      if (name === 'prepClose' || name === 'prepShutdown')
        fc.pre(typeof args[0] !== 'number' || args[0] > 1000)
      const counts = calls.get(name) ?? [0, 0]
      calls.set(name, counts)
      const before = ring.fds.systemCalls
      let answer: ReturnType<Ring['add']>
      try {
        answer = ring.add((sqe) => {
          ;(sqe[name] as (...args: unknown[]) => void)(...args)
          for (const flag of flags) sqe[flag]()
        })
      } catch (error) {
        const { code: value } = error as { code?: string }
        if (!/^ERR_AIO_/.test(String(value))) throw error
        ring.look()
        // Nothing was left on the ring to be submitted.
        expect(ring.fds.systemCalls).toBe(before)
        counts[0]++
        return
      }
      answer.request.cancel()
      ring.until(() => answer.isDone)
      for (const res of answer.results)
        if (res >= 0 && (name === 'prepOpenat' || name.startsWith('prepAccept'))) opened.push(res)
      while (opened.length > 0) closeAll(opened.pop()!)
      expect(answer.request.pending).toBe(false)
      counts[1]++
    }),
    { numRuns: 6000 },
  )
  expect(calls.size).toBe(Object.keys(methods).length)
  for (const [name, [thrown, answered]] of calls) {
    if (name !== 'prepNop') expect(`${name} ${thrown > 0}`).toBe(`${name} true`)
    expect(`${name} ${answered > 0}`).toBe(`${name} true`)
  }
  expect(victim.every((byte) => byte === 0x5a)).toBe(true)
  ring.close()
  closeAll(reader, writer, a, b, file, directory)
  expect(sys.ioUringCount()).toBe(0)
})

test('X3: prep gets methods to fill the entry with, and nothing that has an address in it', () => {
  using ring = new TestRing()
  const seen: unknown[] = []
  ring.run((sqe) => {
    sqe.prepNop()
    for (
      let at: object | null = sqe;
      at !== null && at !== Object.prototype;
      at = Object.getPrototypeOf(at)
    ) {
      for (const key of Reflect.ownKeys(at)) seen.push(typeof Reflect.get(at, key, sqe))
    }
  })
  expect(new Set(seen)).toEqual(new Set(['function']))
})
