// Watches a pipe by its descriptor: the lines that a child process prints, with the time at which each came.
//
//     node apps/examples/src/watch-pipe.mjs                           # a child that counts
//     node apps/examples/src/watch-pipe.mjs ping -c 3 localhost       # any command
//
// Node would make a stream of it. Here the descriptor is yours: the handler runs when it is readable, and reads as much
// as it likes. A FIFO is watched the same way: fs.openSync(path, O_RDONLY | O_NONBLOCK) gives the descriptor.
import { spawn } from 'node:child_process'
import { AioContext, sys } from 'aiokit'

const COUNT = 'for i in one two three; do echo $i; sleep 0.2; done'
const [command = 'sh', ...args] = process.argv.length > 2 ? process.argv.slice(2) : ['sh', '-c', COUNT]

const ctx = new AioContext()
ctx.attach() // Node's loop runs the context, so that signals and child processes go on as ever

const pipe = new Int32Array(2)
sys.check(sys.pipe2(pipe, sys.O_CLOEXEC), 'pipe2')
const [reader, writer] = pipe
const child = spawn(command, args, { stdio: ['inherit', writer, 'inherit'] })
child.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
sys.close(writer) // the child has the only one now: when it ends, so does the pipe

const buffer = new Uint8Array(4096)
const decoder = new TextDecoder()
const start = sys.monotonicNs()
let rest = ''

console.log(`watching descriptor ${reader} with ${ctx.fdmonName}`)
ctx.setFdHandler(reader, {
  read() {
    const count = sys.check(sys.read(reader, buffer), 'read')
    if (count === 0) return finish()
    const lines = (rest + decoder.decode(buffer.subarray(0, count), { stream: true })).split('\n')
    rest = lines.pop()
    const ms = ((sys.monotonicNs() - start) / 1e6).toFixed(1)
    for (const line of lines) console.log(`${ms.padStart(8)} ms  ${line}`)
  },
})

function finish() {
  process.off('SIGINT', finish)
  child.kill() // nothing happens if it has ended
  ctx.setFdHandler(reader, null)
  sys.close(reader)
  console.log(rest ? `the end, after "${rest}"` : 'the end')
  ctx.close()
}
process.on('SIGINT', finish)
