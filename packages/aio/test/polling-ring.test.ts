import { uringMonitor } from '@aiokit/fdmon-uring'
import * as sys from '@aiokit/sys'
import { hasIoUring } from '@aiokit/testing'
import { describe, expect, test } from 'vitest'
import { AioContext } from '../src/index.ts'

/** Polls for a minute as soon as something was heard once. */
const LONG = { maxNs: 60e9, grow: 1e9 }

/** A descriptor that is readable so long after it was set. */
function alarm(): { fd: number; set(ns: number): void; clear(): void } {
  const fd = sys.check(
    sys.timerfdCreate(sys.CLOCK_MONOTONIC, sys.TFD_NONBLOCK | sys.TFD_CLOEXEC),
    'timerfd_create',
  )
  const count = new Uint8Array(8)
  return {
    fd,
    set: (ns) => void sys.check(sys.timerfdSettime(fd, 0, ns, 0), 'timerfd_settime'),
    clear: () => void sys.read(fd, count),
  }
}

describe.skipIf(!hasIoUring())('on a ring', () => {
  test('P2, U1: requests are polled for, and delivered without a sleep', () => {
    using ctx = new AioContext({ fdmon: uringMonitor(), poll: LONG })
    const results: number[] = []
    const request = (): void => {
      const count = results.length
      ctx.addSqe(
        (sqe) => sqe.prepTimeout(1e6, 0),
        (res) => results.push(res),
      )
      while (results.length === count) ctx.poll(true)
    }
    for (let i = 0; i < 2; i++) request()
    const before = ctx.stats()
    for (let i = 0; i < 5; i++) request()
    const after = ctx.stats()
    expect(results).toEqual(Array(7).fill(-sys.ETIME))
    expect([after.waits, after.completions, after.pollHits]).toEqual([
      before.waits,
      before.completions + 5,
      before.pollHits + 5,
    ])
    // One to submit, one to have the kernel hand over what it has.
    expect(after.systemCalls - before.systemCalls).toBeLessThanOrEqual(10)
  })

  test('P2 (beyond): descriptors whose handlers have no poll are seen as well, without being looked at twice', () => {
    using ctx = new AioContext({ fdmon: uringMonitor(), poll: LONG })
    const { fd, set, clear } = alarm()
    let reads = 0
    ctx.setFdHandler(fd, {
      read() {
        clear()
        reads++
      },
    })
    const wait = (): void => {
      const count = reads
      set(1e6)
      while (reads === count) ctx.poll(true)
    }
    for (let i = 0; i < 2; i++) wait()
    const before = ctx.stats()
    for (let i = 0; i < 5; i++) wait()
    const after = ctx.stats()
    expect([after.waits, after.pollHits, after.dispatches]).toEqual([
      before.waits,
      before.pollHits + 5,
      before.dispatches + 5,
    ])
    expect(after.systemCalls - before.systemCalls).toBeLessThanOrEqual(10)
    ctx.setFdHandler(fd, null)
    sys.close(fd)
  })

  test('M7, P2: what was undone before the context polled calls nobody', () => {
    using ctx = new AioContext({ fdmon: uringMonitor(), poll: LONG })
    const { fd, set, clear } = alarm()
    const seen: boolean[] = []
    ctx.setFdHandler(fd, { read: () => void seen.push(sys.read(fd, new Uint8Array(8)) === 8) })
    for (let i = 0; i < 20; i++) {
      set(1)
      // It fires, and is taken back before anybody looks.
      while (sys.read(fd, new Uint8Array(8)) !== 8);
      clear()
      ctx.poll(true, 2e5)
      set(1e5)
      while (seen.length <= i) ctx.poll(true)
    }
    expect(seen).toEqual(Array(20).fill(true))
    ctx.setFdHandler(fd, null)
    sys.close(fd)
  })
})
