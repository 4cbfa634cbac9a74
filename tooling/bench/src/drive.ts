import type { AioContext } from 'aiokit'
import type { Request, Sample } from './row.ts'
import { now, timeCallbacks, timeLoop } from './timing.ts'

/** Who runs a context: calls of `poll(true)`, Node's loop, or `run()`. */
export type Mode = 'poll' | 'attach' | 'run'

export const modes: readonly Mode[] = ['poll', 'attach', 'run']

/** Has `ctx` run, warmed up, and timed. `work` does so many operations in its callbacks, and calls `done` after the last. */
export async function timeDriven(
  ctx: AioContext,
  mode: Mode,
  request: Request,
  work: (ops: number, done: () => void) => void,
  clock: () => number = now,
): Promise<Sample> {
  if (mode === 'poll') {
    const run = (ops: number) => {
      let running = true
      work(ops, () => {
        running = false
      })
      while (running) ctx.poll(true)
    }
    return timeLoop(request, run, clock)
  }
  let sample: Sample | undefined
  await drive(ctx, mode, async (done) => {
    sample = await timeCallbacks(request, work, clock)
    done()
  })
  return sample!
}

/** Has `ctx` run until `done` is called, which `begin` gets. */
export async function drive(ctx: AioContext, mode: Mode, begin: (done: () => void) => void): Promise<void> {
  if (mode === 'run') {
    const running = ctx.run()
    begin(() => ctx.stop())
    await running
  } else if (mode === 'attach') {
    ctx.attach()
    await new Promise<void>(begin)
    ctx.detach()
  } else {
    let running = true
    begin(() => {
      running = false
    })
    while (running) ctx.poll(true)
  }
}
