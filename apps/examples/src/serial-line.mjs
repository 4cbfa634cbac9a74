// Talks over a serial line by its descriptor: answers each line that comes in, until one says "bye".
//
//     node apps/examples/src/serial-line.mjs                        # your terminal, which is one too: type something
//     node apps/examples/src/serial-line.mjs /dev/ttyUSB0 115200    # a real one, at its speed
//
// A line that is slow takes only a part of what is written. The rest waits for `write`, which is watched for no longer
// than that: a line that has room is always writable, and the loop would never sleep.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { AioContext, sys } from 'aiokit'

const [path = '/dev/tty', speed] = process.argv.slice(2)
if (speed !== undefined) execFileSync('stty', ['-F', path, speed, 'raw', '-echo'], { stdio: 'inherit' })
const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)

const ctx = new AioContext()
ctx.attach()

const input = Buffer.alloc(256)
let line = ''
let count = 0
let output = Buffer.alloc(0)

function read() {
  const length = sys.read(fd, input)
  if (length === -sys.EAGAIN) return
  if (length === 0 || length === -sys.EIO) return finish() // hung up
  for (const char of input.toString('latin1', 0, sys.check(length, 'read'))) {
    if (char !== '\n' && char !== '\r') line += char
    else if (line !== '') answer()
  }
}

function answer() {
  const said = line
  line = ''
  send(`${++count}: ${[...said].reverse().join('')}\r\n`)
  if (said === 'bye') finish()
}

function send(text) {
  output = Buffer.concat([output, Buffer.from(text, 'latin1')])
  write()
}

function write() {
  const written = sys.write(fd, output)
  if (written !== -sys.EAGAIN) output = output.subarray(sys.check(written, 'write'))
  ctx.setFdHandler(fd, output.length > 0 ? { read, write } : { read })
}

function finish() {
  process.off('SIGINT', finish)
  ctx.setFdHandler(fd, null)
  closeSync(fd)
  console.log(`answered ${count} lines`)
  ctx.close()
}
process.on('SIGINT', finish)
send(`${path} is descriptor ${fd}, watched with ${ctx.fdmonName}: say something\r\n`)
