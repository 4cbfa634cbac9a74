// Watches a timerfd: a metronome by the kernel, which says how many beats were missed.
//
//     node apps/examples/src/timer-fd.mjs          # 8 beats, 100 ms apart
//     node apps/examples/src/timer-fd.mjs 20 5     # 20 beats, 5 ms apart
//
// Whatever poll(2) can wait for is watched like this: timerfd, eventfd, signalfd, inotify, pidfd, device files.
import { AioContext, sys } from 'aiokit'

const [beats = 8, ms = 100] = process.argv.slice(2).map(Number)
const interval = ms * 1e6 // nanoseconds, as all times here

const ctx = new AioContext()
ctx.attach()

const fd = sys.check(
  sys.timerfdCreate(sys.CLOCK_MONOTONIC, sys.TFD_CLOEXEC | sys.TFD_NONBLOCK),
  'timerfd_create',
)
const expirations = new BigUint64Array(1)
const start = sys.monotonicNs()
let beat = 0

ctx.setFdHandler(fd, {
  read() {
    const count = sys.read(fd, expirations)
    if (count === -sys.EAGAIN) return
    sys.check(count, 'read')
    beat += Number(expirations[0])
    const late = (sys.monotonicNs() - start - beat * interval) / 1e3
    const missed = expirations[0] > 1n ? `, ${expirations[0] - 1n} missed` : ''
    console.log(`beat ${beat}: ${late.toFixed(0)} µs late${missed}`)
    if (beat === 3) sleepFor(2.5 * interval)
    if (beat >= beats) finish()
  },
})
sys.check(sys.timerfdSettime(fd, 0, interval, interval), 'timerfd_settime')
console.log(`a beat every ${ms} ms, heard with ${ctx.fdmonName}`)

/** What a program should not do: nothing is heard meanwhile. */
function sleepFor(ns) {
  console.log('(asleep on the job)')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ns / 1e6)
}

function finish() {
  process.off('SIGINT', finish)
  ctx.setFdHandler(fd, null)
  sys.close(fd)
  console.log('the end')
  ctx.close()
}
process.on('SIGINT', finish)
