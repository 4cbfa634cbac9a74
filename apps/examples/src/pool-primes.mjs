// Work for the processor on the thread pool: counts primes, many pieces in flight, and gives up what Ctrl-C finds waiting.
//
//     node apps/examples/src/pool-primes.mjs               # below 8 million, in pieces of a million
//     node apps/examples/src/pool-primes.mjs 500 4         # below 500 million, with 4 threads: press Ctrl-C
//
// A task is an export of a module, since threads share no functions. Here it is this module: threads load it too, and
// `isMainThread` keeps them from running the program.
import { availableParallelism } from 'node:os'
import { isMainThread } from 'node:worker_threads'
import { AioContext, defineTask } from 'aiokit'

/** @param {{ from: number, to: number }} piece */
export function countPrimes({ from, to }) {
  let count = 0
  for (let n = Math.max(from, 2); n < to; n++) {
    let isPrime = true
    for (let d = 2; d * d <= n && isPrime; d++) isPrime = n % d !== 0
    if (isPrime) count++
  }
  return count
}

if (isMainThread) {
  const [millions = 8, threads = availableParallelism()] = process.argv.slice(2).map(Number)
  const ctx = new AioContext({ threadPool: { max: threads } })
  ctx.attach() // promises settle in Node's loop, which has to run the context for that
  /** @type {import('aiokit').TaskOf<typeof countPrimes>} */
  const task = defineTask(import.meta.url, 'countPrimes')
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort(new Error('Ctrl-C')))

  console.log(`${millions} pieces on ${threads} threads, heard of with ${ctx.fdmonName}`)
  let done = 0
  const pieces = Array.from({ length: millions }, async (_, i) => {
    const piece = { from: i * 1e6, to: (i + 1) * 1e6 }
    const count = await ctx.threadPool.submit(task, piece, { signal: stop.signal })
    console.log(`${`${++done}`.padStart(4)} of ${millions}: ${count} primes from ${piece.from}`)
    return count
  })

  const results = await Promise.allSettled(pieces)
  const counts = results.filter((result) => result.status === 'fulfilled').map((result) => result.value)
  const sum = counts.reduce((total, count) => total + count, 0)
  console.log(`${sum} primes; ${results.length - counts.length} pieces given up`)
  ctx.close()
}
