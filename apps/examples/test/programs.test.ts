import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { sys } from 'aiokit'
import { describe, expect, test } from 'vitest'
import { CLEAN, Example, MONITORS } from './example.ts'

function blockingPipe(): [reader: number, writer: number] {
  const fds = new Int32Array(2)
  sys.check(sys.pipe2(fds, sys.O_CLOEXEC), 'pipe2')
  return [fds[0]!, fds[1]!]
}

/** Ends when somebody has read enough of it, and closes the descriptor. */
async function writeAll(fd: number, text: string): Promise<void> {
  const stream = createWriteStream('', { fd })
  stream.end(text)
  await once(stream, 'close')
}

/** What it has sent so far, and `until` it matches. */
async function heard(response: IncomingMessage, pattern: RegExp): Promise<void> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += chunk
    if (pattern.test(text)) return
  }
  throw new Error(`It ended without ${pattern}: ${text}`)
}

describe.each(MONITORS)('on %s', (monitor) => {
  test('F6, B4: read-config-sync waits for all files at once in a callback, and nothing of Node’s runs meanwhile', async () => {
    const pipes = Array.from({ length: 2 }, blockingPipe)
    const config = new Example('read-config-sync', {
      monitor,
      args: ['/dev/fd/3', '/dev/fd/4'],
      descriptors: pipes.map(([reader]) => reader),
    })
    for (const [reader] of pipes) sys.close(reader)
    await config.said(/reading 2 files\n/)
    // More than a pipe holds: who reads one after the other would wait for the first for ever.
    await writeAll(pipes[1]![1], JSON.stringify({ b: 'x'.repeat(200_000) }))
    await writeAll(pipes[0]![1], '{"a":"é"}')
    expect(await config.end()).toEqual(CLEAN)
    expect(config.output).toMatch(
      new RegExp(
        `^${monitor}: reading 2 files\n2 settings: a b\ntook .* ticked \\d+ times\na promise, and\na timer of Node: .*\n$`,
      ),
    )
  })

  test('X1, X2: what read-config-sync throws in the middle of a callback says what failed', async () => {
    const config = new Example('read-config-sync', { monitor, args: ['/dev/null', '/proc/self/mem'] })
    const { status, stderr } = await config.end()
    expect(status).toBe(1)
    expect(stderr).toMatch(/SystemError: EIO: i\/o error, read\n/)
  })

  test('U4, A1: tcp-echo gives all clients back what they send, and ends with them on SIGINT', async () => {
    const server = new Example('tcp-echo', { monitor, args: ['0'] })
    const [, port] = await server.said(
      new RegExp(
        `^127.0.0.1:(\\d+) by ${monitor === 'io_uring' ? 'io_uring' : 'threads'}, heard with ${monitor}\n`,
      ),
    )
    const idle = connect(Number(port), '127.0.0.1')
    idle.write('hi')
    expect(String((await once(idle, 'data'))[0])).toBe('hi')
    const text = 'x'.repeat(300_000)
    const answers = [1, 2, 3].map(async () => {
      const client = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
      client.end(text)
      return Buffer.concat(await client.toArray()).toString() === text
    })
    expect(await Promise.all(answers)).toEqual([true, true, true])
    await server.said(/(client \d+: echoed 300000 bytes\n){3}/)
    const closed = once(idle.resume(), 'close')
    server.process.kill('SIGINT')
    await closed
    expect(await server.end()).toEqual(CLEAN)
    expect(server.output).toMatch(/client \d+: cut short after 2 bytes\nthe end\n$/)
  })

  test('A1, A3: http-beside sends what the context samples to all who listen, until SIGINT', async () => {
    const server = new Example('http-beside', { monitor, args: ['0', '5'] })
    const [, url] = await server.said(/^(http:\/\/localhost:\d+)\n/)
    const responses = await Promise.all(
      [1, 2].map(async () => (await once(get(url!, { agent: false }), 'response'))[0] as IncomingMessage),
    )
    const three = new RegExp(`^sampled with ${monitor}\n(load [\\d.]+, \\d+ polls\n){3}`)
    await Promise.all(responses.map((response) => heard(response, three)))
    const last = (await once(get(url!, { agent: false }), 'response'))[0] as IncomingMessage
    server.process.kill('SIGINT')
    await heard(last, /the end\n$/)
    expect(await server.end()).toEqual(CLEAN)
    expect(server.lines.at(-1)).toBe('the end')
  })

  test('W1, A1: pool-primes counts on several threads', async () => {
    const pool = new Example('pool-primes', { monitor, args: ['3', '2'] })
    expect(await pool.end()).toEqual(CLEAN)
    expect(pool.lines[0]).toBe(`3 pieces on 2 threads, heard of with ${monitor}`)
    expect(pool.lines.at(-1)).toBe('216816 primes; 0 pieces given up')
  })

  test('W4: pool-primes gives up on SIGINT what has not begun', async () => {
    const pool = new Example('pool-primes', { monitor, args: ['200', '1'] })
    await pool.said(/1 of 200: 78498 primes from 0\n/)
    pool.process.kill('SIGINT')
    expect(await pool.end()).toEqual(CLEAN)
    const [, given] = pool.lines.at(-1)!.match(/primes; (\d+) pieces given up$/)!
    expect(Number(given)).toBe(200 - pool.lines.filter((line) => line.includes(' of 200: ')).length)
    expect(Number(given)).toBeGreaterThan(0)
  })

  test('A4: io-thread goes on ticking while the main thread is busy', async () => {
    const thread = new Example('io-thread', { monitor, args: ['300'] })
    expect(await thread.end()).toEqual(CLEAN)
    expect(thread.output).toMatch(
      new RegExp(
        `^started: thread \\d+, context "ticker" on ${monitor}\nmain thread: busy for 300 ms, its own "ticks" is 0\n` +
          'I/O thread: [1-9]\\d* ticks meanwhile\nthe end\n$',
      ),
    )
  })
})
