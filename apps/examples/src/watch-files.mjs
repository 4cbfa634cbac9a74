// Watches files by an inotify descriptor: what is made, written, renamed and removed, as the kernel tells it.
//
//     node apps/examples/src/watch-files.mjs               # this folder
//     node apps/examples/src/watch-files.mjs /etc /tmp     # others, or files
//
// It ends on Ctrl-C, or when nothing that it watches is there any more.
import path from 'node:path'
import { AioContext, sys } from 'aiokit'

const paths = process.argv.length > 2 ? process.argv.slice(2) : ['.']
const KINDS = {
  [sys.IN_CREATE]: 'made',
  [sys.IN_CLOSE_WRITE]: 'written',
  [sys.IN_MOVED_FROM]: 'renamed from',
  [sys.IN_MOVED_TO]: 'renamed to',
  [sys.IN_DELETE]: 'removed',
  [sys.IN_DELETE_SELF]: 'gone',
}
const mask = Object.keys(KINDS).reduce((all, kind) => all | Number(kind), 0)

const ctx = new AioContext()
ctx.attach()

const fd = sys.check(sys.inotifyInit1(sys.IN_CLOEXEC | sys.IN_NONBLOCK), 'inotify_init1')
/** What is watched, by the number of the watch. */
const watched = new Map()
for (const each of paths) {
  const watch = sys.inotifyAddWatch(fd, Buffer.from(`${each}\0`), mask)
  watched.set(sys.check(watch, 'inotify_add_watch', each), each)
}

const buffer = new Uint8Array(16 * sys.INOTIFY_EVENT_MAX)
ctx.setFdHandler(fd, {
  read() {
    const count = sys.read(fd, buffer)
    if (count === -sys.EAGAIN) return
    for (const { watch, mask, name } of sys.inotifyEvents(buffer, sys.check(count, 'read'))) {
      const kind = KINDS[mask & ~sys.IN_ISDIR]
      if (kind !== undefined) console.log(`${kind} ${path.join(watched.get(watch), name)}`)
      else if (mask & sys.IN_Q_OVERFLOW) console.log('(too much at once: some of it is lost)')
      else if (mask & sys.IN_IGNORED) watched.delete(watch)
    }
    if (watched.size === 0) finish()
  },
})
process.on('SIGINT', finish)
console.log(`watching ${paths.join(', ')} with ${ctx.fdmonName}`)

function finish() {
  process.off('SIGINT', finish)
  ctx.setFdHandler(fd, null)
  sys.close(fd)
  console.log('the end')
  ctx.close()
}
