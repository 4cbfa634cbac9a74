// What the picture shows: a server of a kind. A client in another thread asks; each time the server reads three blocks,
// has threads compute, and answers. Often, so that the last time everything is compiled.
import { openSync } from 'node:fs'
import { AioContext, defineTask, EventNotifier, IOThread } from 'aiokit'

const TIMES = 300
const BLOCK = 1 << 18

const tasks = new URL('./tasks.mjs', import.meta.url)
const compress = defineTask(tasks, 'compress')
const ctx = new AioContext({
  name: 'server',
  poll: { maxNs: 500_000, rule: 'grow' },
  threadPool: { max: 2, name: 'pool' },
})
const client = new IOThread({ name: 'client' })
await client.ready
const question = new EventNotifier()
const answer = new EventNotifier()
const fd = openSync(process.execPath)
const buffers = Array.from({ length: 3 }, () => ctx.io.allocate(BLOCK))
let served = 0

ctx.setEventNotifier(question, {
  read: function onQuestion() {
    question.testAndClear()
    let left = 5
    const done = () => {
      if (--left === 0) reply.schedule()
    }
    for (const [i, buffer] of buffers.entries()) ctx.io.readAio(fd, buffer, i * BLOCK, done)
    for (let i = 0; i < 2; i++) ctx.threadPool.submitAio(compress, 60 + 50 * i, done)
  },
})
const reply = ctx.createBottomHalf(function reply() {
  served++
  answer.set()
})
const call = client.call(defineTask(tasks, 'ask'), { question: question.fd, answer: answer.fd, times: TIMES })
ctx.waitWhile(() => served < TIMES)
await call
reply.delete()
ctx.setEventNotifier(question, null)
question.close()
answer.close()
ctx.close()
await client.stop()
