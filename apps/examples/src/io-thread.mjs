// An I/O thread with a loop of its own: it goes on while the main thread is busy, and answers calls.
//
//     node apps/examples/src/io-thread.mjs         # busy for half a second
//     node apps/examples/src/io-thread.mjs 3000    # for three
//
// The thread has this module too, and with it what the exports share: `ticks` below is the thread's own. What is called in
// there finds the thread's context as AioContext.current.
import { isMainThread, threadId } from 'node:worker_threads'
import { AioContext, defineTask, IOThread, realtime } from 'aiokit'

let ticks = 0

/** In the thread: from now on counts, each millisecond. */
export function begin() {
  const ctx = AioContext.current
  const timer = ctx.createTimer(realtime, () => {
    ticks++
    timer.mod(realtime.now() + 1e6)
  })
  timer.mod(realtime.now() + 1e6)
  return `thread ${threadId}, context "${ctx.name}" on ${ctx.fdmonName}`
}

/** In the thread: how far it is. */
export const count = () => ticks

if (isMainThread) {
  const [ms = 500] = process.argv.slice(2).map(Number)
  const task = (name) => defineTask(import.meta.url, name)
  const thread = new IOThread({ name: 'ticker' })
  console.log('started:', await thread.call(task('begin'), undefined))

  const until = performance.now() + ms
  while (performance.now() < until); // nobody hears anything in this thread
  console.log(`main thread: busy for ${ms} ms, its own "ticks" is ${ticks}`)

  console.log(`I/O thread: ${await thread.call(task('count'), undefined)} ticks meanwhile`)
  await thread.stop()
  console.log('the end')
}
