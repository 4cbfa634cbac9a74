import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as aiokit from 'aiokit'
import { bundle } from '../../bundle-traced.ts'
import { type Measure, Unavailable } from '../../row.ts'
import { timeLoop } from '../../timing.ts'
import { EVENT, HALVES, LOOK, REQUEST } from './row.ts'

type Aiokit = Pick<typeof aiokit, 'AioContext' | 'EventNotifier'>

/** @param traced with its trace points, or without */
export async function ofBuild(traced: boolean): Promise<Measure> {
  const build: Aiokit = await import(bundle(traced))
  return (request) => measureOf(build, request)
}

export const traced: Measure = (request) => {
  const file = path.join(tmpdir(), `aiokit-trace-${process.pid}.json`)
  const trace = aiokit.startTrace(file)
  try {
    return measureOf(aiokit, request)
  } finally {
    trace.stop()
    rmSync(file)
  }
}

function measureOf(build: Aiokit, request: Parameters<Measure>[0]): ReturnType<Measure> {
  // The others are the same on each monitor.
  using ctx = new build.AioContext({ fdmon: request.case === REQUEST ? 'io_uring' : 'epoll' })
  if (request.case === REQUEST && !ctx.hasIoUring) throw new Unavailable(ctx.fdmonFallback!.message)
  if (request.case === HALVES) return halves(ctx, request)
  if (request.case === EVENT) return event(ctx, new build.EventNotifier(), request)
  if (request.case === REQUEST) return requests(ctx, request)
  if (request.case !== LOOK) throw new Error(`no such case: ${request.case}`)
  return timeLoop(request, (ops) => {
    for (let i = 0; i < ops; i++) ctx.poll(false)
  })
}

function halves(ctx: aiokit.AioContext, request: Parameters<Measure>[0]): ReturnType<Measure> {
  let left = 0
  const bottomHalves = Array.from({ length: 1000 }, () => ctx.createBottomHalf(() => void left--))
  const sample = timeLoop(request, (ops) => {
    left = ops
    while (left > 0) {
      for (const bh of bottomHalves) bh.schedule()
      ctx.poll(true)
    }
  })
  for (const bh of bottomHalves) bh.delete()
  return sample
}

function event(
  ctx: aiokit.AioContext,
  notifier: aiokit.EventNotifier,
  request: Parameters<Measure>[0],
): ReturnType<Measure> {
  let left = 0
  ctx.setEventNotifier(notifier, {
    read() {
      notifier.testAndClear()
      left--
    },
  })
  const sample = timeLoop(request, (ops) => {
    left = ops
    while (left > 0) {
      notifier.set()
      ctx.poll(true)
    }
  })
  ctx.setEventNotifier(notifier, null)
  notifier.close()
  return sample
}

function requests(ctx: aiokit.AioContext, request: Parameters<Measure>[0]): ReturnType<Measure> {
  let left = 0
  const handler = { complete: () => void left-- }
  return timeLoop(request, (ops) => {
    left = ops
    while (left > 0) {
      const before = left
      for (let i = 0; i < 32; i++) ctx.addSqe((sqe) => sqe.prepNop(), handler)
      while (left > before - 32) ctx.poll(true)
    }
  })
}
