import { bufferPool } from '@aiokit/buffer-pool'
import { epollMonitor } from '@aiokit/fdmon-epoll'
import { pollMonitor } from '@aiokit/fdmon-poll'
import { uringMonitor } from '@aiokit/fdmon-uring'
import * as sys from '@aiokit/sys'
import { hasIoUring, pipe, regularFile } from '@aiokit/testing'
import { beforeEach, expect, test } from 'vitest'
import { AioContext } from '../src/index.ts'

const code = (value: string) => expect.objectContaining({ code: value })
beforeEach(({ skip }) => skip(!hasIoUring(), 'there is no io_uring here'))
const onRing = (options = {}) => new AioContext({ fdmon: uringMonitor(), ...options })

test('U1: a completion is delivered in a poll, and is progress', () => {
  using ctx = onRing()
  const seen: number[][] = []
  const request = ctx.addSqe(
    (sqe) => sqe.prepNop(),
    (...answer) => void seen.push(answer),
  )
  expect([seen, request.pending]).toEqual([[], true])
  expect(ctx.poll(true)).toBe(true)
  expect([seen, request.pending]).toEqual([[[0, 0]], false])
  const object = {
    results: [] as number[],
    complete(res: number) {
      this.results.push(res)
    },
  }
  ctx.addSqe((sqe) => sqe.prepNop(), object)
  ctx.waitWhile(() => object.results.length === 0)
  expect([object.results, ctx.poll(false)]).toEqual([[0], false])
})

test('U2: what a parent poll had seen and not delivered, a nested poll delivers, once', () => {
  using ctx = onRing()
  const order: string[] = []
  for (let i = 0; i < 6; i++) {
    ctx.addSqe(
      (sqe) => sqe.prepNop(),
      () => {
        order.push(`begin ${i}`)
        // At the second level, and from a bottom half of the first.
        if (i === 0) expect(ctx.poll(true)).toBe(true)
        if (i === 2) ctx.scheduleOneshot(() => order.push(`${ctx.poll(false)}`))
        if (i === 2) ctx.poll(true)
        order.push(`end ${i}`)
      },
    )
  }
  ctx.waitWhile(() => order.length < 12)
  expect(order.filter((each) => each.startsWith('begin')).length).toBe(6)
  expect(order.indexOf('end 0')).toBeGreaterThan(order.indexOf('begin 5'))
  expect(order.indexOf('end 2')).toBeGreaterThan(order.indexOf('begin 5'))
})

test('U2: a handler that waits for another request, in a nested poll, gets it', () => {
  using ctx = onRing()
  const [reader, writer] = pipe()
  sys.fcntl(reader, sys.F_SETFL, 0)
  const buffer = Buffer.alloc(10)
  let depth = 0
  const answers: number[] = []
  const nest = () => {
    ctx.addSqe(
      (sqe) => sqe.prepNop(),
      () => {
        if (++depth < 50) {
          const { length } = answers
          nest()
          ctx.waitWhile(() => answers.length === length)
        } else {
          ctx.addSqe(
            (sqe) => sqe.prepRead(reader, buffer, -1),
            (res) => void answers.push(res),
          )
          sys.write(writer, Buffer.from('abc'))
          ctx.waitWhile(() => answers.length === 0)
        }
        answers.push(0)
      },
    )
  }
  nest()
  ctx.waitWhile(() => answers.length < 51)
  expect(answers[0]).toBe(3)
  for (const fd of [reader, writer]) sys.close(fd)
})

test('X1, U2: a handler that throws leaves the rest to the next poll, which does not wait', () => {
  using ctx = onRing()
  const seen: number[] = []
  for (let i = 0; i < 5; i++)
    ctx.addSqe(
      (sqe) => sqe.prepNop(),
      () => {
        seen.push(i)
        if (i % 2 === 1) throw new Error(`${i}`)
      },
    )
  expect(() => ctx.poll(true)).toThrow('1')
  expect(() => ctx.poll(true)).toThrow('3')
  expect([ctx.poll(true), seen]).toEqual([true, [0, 1, 2, 3, 4]])
})

test.each([
  ['poll', () => pollMonitor()],
  ['epoll', () => epollMonitor()],
])('U3: on %s there is no ring, and everything that needs one says so', (name, make) => {
  using ctx = new AioContext({ fdmon: make(), name: 'ringless' })
  expect(ctx.hasIoUring).toBe(false)
  for (const call of [
    () =>
      ctx.addSqe(
        (sqe) => sqe.prepNop(),
        () => {},
      ),
    () => ctx.createBufferGroup(2, 16),
    () => ctx.registerBuffers(null),
    () => ctx.registerFiles([0]),
  ]) {
    expect(call).toThrow(code('ERR_AIO_NO_IO_URING'))
    expect(call).toThrow(new RegExp(`ringless.*${name}.*hasIoUring`))
  }
  using ring = onRing()
  expect(ring.hasIoUring).toBe(true)
})

test('U4: buffers and files that are registered with the context are used by their numbers', () => {
  using ctx = onRing()
  const file = regularFile()
  const buffer = bufferPool.allocate(100).fill(7)
  ctx.registerBuffers([buffer])
  ctx.registerFiles([-1, file])
  const answers: number[] = []
  ctx.addSqe(
    (sqe) => {
      sqe.prepWriteFixed(1, buffer, 5, 0)
      sqe.fixedFile()
    },
    (res) => void answers.push(res),
  )
  ctx.waitWhile(() => answers.length === 0)
  const back = Buffer.alloc(200)
  expect([answers, sys.pread(file, back, 0, 200, 0), back[4], back[104]]).toEqual([[100], 105, 0, 7])
  ctx.registerBuffers(null)
  ctx.registerFiles(null)
  bufferPool.free(buffer)
  sys.close(file)
})

test('U6, X4: closing a context calls every handler once, and throws what the first of them threw', () => {
  const ctx = onRing()
  const seen: number[] = []
  for (let i = 0; i < 10; i++)
    ctx.addSqe(
      (sqe) => sqe.prepTimeout(3600e9),
      (res) => {
        seen.push(res)
        ctx.close()
        expect(() =>
          ctx.addSqe(
            (sqe) => sqe.prepNop(),
            () => {},
          ),
        ).toThrow(code('ERR_AIO_CLOSED'))
        expect(() => ctx.poll(false)).toThrow(code('ERR_AIO_CLOSED'))
        if (i >= 3) throw new Error(`from ${i}`)
      },
    )
  ctx.poll(false)
  expect(() => ctx.close()).toThrow('from 3')
  expect(seen).toEqual(new Array(10).fill(-sys.ECANCELED))
  for (const call of [
    () =>
      ctx.addSqe(
        (sqe) => sqe.prepNop(),
        () => {},
      ),
    () => ctx.registerBuffers(null),
    () => ctx.registerFiles(null),
  ])
    expect(call).toThrow(code('ERR_AIO_CLOSED'))
})

test('U7: aioMaxBatch says how many requests wait for company', () => {
  for (const [aioMaxBatch, expected] of [
    [0, 0],
    [1, 60],
    [20, 3],
  ] as const) {
    using ctx = onRing({ aioMaxBatch })
    let answered = 0
    ctx.poll(false)
    const before = ctx.stats().systemCalls
    for (let i = 0; i < 60; i++)
      ctx.addSqe(
        (sqe) => sqe.prepNop(),
        () => void answered++,
      )
    expect(ctx.stats().systemCalls - before).toBe(expected)
    ctx.poll(true)
    ctx.waitWhile(() => answered < 60)
    // All that was not submitted in batches went out with the one wait.
    expect(ctx.stats().systemCalls - before).toBeLessThanOrEqual(expected + 1)
  }
  for (const aioMaxBatch of [-1, 0.5, 2 ** 31])
    expect(() => onRing({ aioMaxBatch })).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
})

test('U4: a context that is notified while a request waits to be drained wakes up', () => {
  using ctx = onRing()
  const order: string[] = []
  ctx.addSqe(
    (sqe) => sqe.prepTimeout(3600e9),
    () => void order.push('before'),
  )
  ctx.addSqe(
    (sqe) => {
      sqe.prepNop()
      sqe.drain()
    },
    () => void order.push('drained'),
  )
  ctx.poll(false)
  ctx.notify()
  expect(ctx.poll(true)).toBe(false)
  ctx.scheduleOneshot(() => void order.push('bottom half'))
  ctx.poll(true)
  expect(order).toEqual(['bottom half'])
})
