import { runScript } from '@aiokit/testing'
import { expect, test } from 'vitest'
import { MONITORS } from './support/server-process.ts'

const script = `
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { AioContext, openSocket, sys } from 'aiokit'
import { Listener } from './dist/server/listener.js'

const folder = mkdtempSync(tmpdir() + '/aiokit-nbd-test-')
const address = { path: folder + '/s' }
const ctx = new AioContext({ fdmon: process.env.MONITOR })
const accepted = []
const complaints = []
const listener = new Listener(ctx, address, (fd) => accepted.push(fd), (line) => complaints.push(line))
const client = openSocket(address)
const hogs = []
for (let fd = 0; fd >= 0; fd = sys.eventfd(0, 0)) if (fd > 0) hogs.push(fd)
sys.check(sys.connect(client, sys.encodeAddress(address)), 'connect')
for (let i = 0; i < 500; i++) ctx.poll(false)
const { dispatches } = ctx.stats()
for (const fd of hogs) sys.close(fd)
while (accepted.length === 0) ctx.poll(true)
listener.close()
ctx.close()
rmSync(folder, { recursive: true })
console.log(JSON.stringify({ dispatches, complaints, accepted: accepted.length }))
`

test.each(MONITORS)('on %s a client that cannot be accepted does not keep the loop busy', (monitor) => {
  const result = runScript(script, {
    cwd: new URL('..', import.meta.url).pathname,
    under: ['sh', '-c', 'ulimit -n 64; exec "$@"', 'sh'],
    env: { MONITOR: monitor },
  })
  expect(result.stderr).toBe('')
  const { dispatches, complaints, accepted } = JSON.parse(result.stdout)
  expect(dispatches).toBeGreaterThan(0)
  // One for each pause, of which there are as many as the machine is slow.
  expect(dispatches).toBeLessThan(50)
  expect(complaints).toEqual([expect.stringMatching(/^new clients have to wait: EMFILE: /)])
  expect(accepted).toBe(1)
})
