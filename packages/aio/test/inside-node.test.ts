import { AsyncLocalStorage } from 'node:async_hooks'
import { exec, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, get } from 'node:http'
import { connect, createServer as createNetServer, type Server, Socket } from 'node:net'
import { promisify } from 'node:util'
import { MessageChannel, Worker } from 'node:worker_threads'
import * as sys from '@aiokit/sys'
import { pipe, readAll, regularFile } from '@aiokit/testing'
import { realtime } from '@aiokit/timers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AioContext } from '../src/index.ts'
import { hosted, newHosted } from './hosted.ts'

const remote = new URL('./fixtures/remote.mjs', import.meta.url)
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

function onceReadableBy(ctx: AioContext, fd: number, call: () => void): void {
  ctx.setFdHandler(fd, {
    read() {
      ctx.setFdHandler(fd, null)
      call()
    },
  })
}

describe.each(hosted)('inside Node, on %s by %s()', (_, host, make) => {
  let ctx: AioContext
  let open: number[]
  beforeEach(() => {
    ctx = newHosted(make, host)
    open = []
  })
  afterEach(() => {
    for (const fd of open) ctx.setFdHandler(fd, null)
    ctx.close()
    for (const fd of open) sys.close(fd)
  })

  const newPipe = () => {
    const ends = pipe()
    open.push(...ends)
    return ends
  }
  /** The reading end of a pipe in which there is something. */
  const readyPipe = (): number => {
    const [reader, writer] = newPipe()
    sys.write(writer, new Uint8Array(1))
    return reader
  }
  /** Calls `call` when `fd` is ready, once. */
  const onceReadable = (fd: number, call: () => void) => onceReadableBy(ctx, fd, call)
  /** Until `call` has called back, in as many iterations as it takes. */
  const whenCalled = (call: (back: () => void) => void) => new Promise<void>((resolve) => call(resolve))

  test('A4: the phases of an iteration: the context after Node’s sockets and files if attached, before them if it runs, and before setImmediate and timers', async () => {
    const order: string[] = []
    const node = new Socket({ fd: newPipe()[0], readable: true, writable: false })
    const writer = open.pop()!
    // Node closes it.
    open.pop()
    node.on('data', () => order.push('socket'))
    await nextTurn()
    await whenCalled((done) => {
      setTimeout(() => {
        sys.write(writer, new Uint8Array(1))
        const timer = ctx.createTimer(realtime, () => order.push('timer'))
        timer.mod(realtime.now())
        onceReadable(readyPipe(), () => order.push('handler'))
        ctx.scheduleOneshot(() => order.push('bottom half'))
        setImmediate(() => order.push('setImmediate'))
        setTimeout(() => {
          order.push('setTimeout')
          done()
        }, 1)
        // It is due when this iteration has come to timers.
        for (const start = performance.now(); performance.now() < start + 3; );
      }, 1)
    })
    node.destroy()
    sys.close(writer)
    const own = ['bottom half', 'handler', 'timer']
    expect(order).toEqual([
      ...(host === 'attach' ? ['socket', ...own] : [...own, 'socket']),
      'setImmediate',
      'setTimeout',
    ])
  })

  test('A3: ticks and promises run to their end after each callback, of one batch too, and not in a nested poll', async () => {
    const order: string[] = []
    const note = (name: string) => {
      order.push(name)
      process.nextTick(() => order.push(`${name} tick`))
      Promise.resolve().then(() => {
        order.push(`${name} promise`)
        process.nextTick(() => order.push(`${name} last`))
      })
    }
    const each = (name: string) => [name, `${name} tick`, `${name} promise`, `${name} last`]
    await nextTurn()
    ctx.scheduleOneshot(() => note('first'))
    ctx.scheduleOneshot(() => note('second'))
    for (let i = 0; i < 2; i++) onceReadable(readyPipe(), () => note(`handler`))
    // Found in a later iteration than the handlers.
    const timer = ctx.createTimer(realtime, () => note('timer'))
    while (order.length < 16) await nextTurn()
    timer.mod(realtime.now())
    while (order.length < 20) await nextTurn()
    await whenCalled((done) =>
      setTimeout(() => {
        ctx.scheduleOneshot(() => {
          note('outer')
          ctx.scheduleOneshot(() => note('nested'))
          ctx.poll(true)
          order.push('outer done')
        })
        ctx.scheduleOneshot(done)
      }, 1),
    )
    await nextTurn()
    expect(order).toEqual([
      ...['first', 'second', 'handler', 'handler', 'timer'].flatMap(each),
      'outer',
      'nested',
      'outer done',
      'outer tick',
      'nested tick',
      'outer promise',
      'nested promise',
      'outer last',
      'nested last',
    ])
  })

  /** Every kind of callback there is; each calls `call` once. */
  const kinds: Record<string, (call: () => void) => void> = {
    read: (call) => onceReadable(readyPipe(), call),
    write(call) {
      const [, writer] = newPipe()
      ctx.setFdHandler(writer, {
        write() {
          ctx.setFdHandler(writer, null)
          call()
        },
      })
    },
    'bottom half'(call) {
      const bh = ctx.createBottomHalf(() => {
        bh.delete()
        call()
      })
      bh.schedule()
    },
    'idle bottom half'(call) {
      const bh = ctx.createBottomHalf(() => {
        bh.delete()
        call()
      })
      bh.scheduleIdle()
    },
    'one-shot': (call) => ctx.scheduleOneshot(call),
    timer: (call) => ctx.createTimer(realtime, call).mod(realtime.now() + 1000),
    'shared bottom half'(call) {
      const bh = ctx.createBottomHalf(
        () => {
          bh.delete()
          ctx.endWork()
          call()
        },
        { shared: true },
      )
      ctx.beginWork()
      const gate = new Int32Array(new SharedArrayBuffer(4))
      new Worker(remote, {
        workerData: { handle: ctx.handle, bottomHalf: bh.handle, what: 'schedule', gate },
        execArgv: [],
      })
    },
    request(call) {
      if (ctx.hasIoUring)
        ctx.addSqe(
          (sqe) => sqe.prepTimeout(1000),
          () => call(),
        )
      else call()
    },
  }

  test.each(Object.keys(kinds))(
    'A3: the async context of a %s is that in which it was handed over',
    async (kind) => {
      const storage = new AsyncLocalStorage<string>()
      const seen: (string | undefined)[] = []
      await whenCalled((done) =>
        storage.run('mine', () =>
          kinds[kind]!(async () => {
            seen.push(storage.getStore())
            await nextTurn()
            seen.push(storage.getStore())
            done()
          }),
        ),
      )
      // Found by a poll inside a callback that has another, and one inside a callback of Node's.
      for (const inside of [
        (poll: () => void) => ctx.scheduleOneshot(poll),
        (poll: () => void) => setTimeout(poll),
      ]) {
        await whenCalled((done) =>
          storage.run('outer', () =>
            inside(() => {
              let called = false
              storage.run('nested', () =>
                kinds[kind]!(() => {
                  seen.push(storage.getStore())
                  called = true
                }),
              )
              ctx.waitWhile(() => !called)
              seen.push(storage.getStore())
              done()
            }),
          ),
        )
      }
      expect(seen).toEqual(['mine', 'mine', 'nested', 'outer', 'nested', 'outer'])
    },
  )

  test('A4: Node’s things go on, and can be awaited in callbacks', async () => {
    const server = createServer((request, response) => response.end(`you asked for ${request.url}`))
    const echo = createNetServer((socket) => socket.pipe(socket))
    const listen = async (one: Server) => {
      one.listen(0, '127.0.0.1')
      await once(one, 'listening')
      return (one.address() as { port: number }).port
    }
    const { port1, port2 } = new MessageChannel()
    const seen: unknown[] = []
    const things = [
      async () => {
        const port = await listen(server)
        const [response] = await once(get({ port, path: '/this', agent: false }), 'response')
        response.setEncoding('utf8')
        return (await response.toArray()).join('')
      },
      async () => {
        const client = connect(await listen(echo), '127.0.0.1')
        client.end('echo')
        client.setEncoding('utf8')
        return (await client.toArray()).join('')
      },
      async () => (await readFile(new URL(import.meta.url))).length > 0,
      async () => (await promisify(exec)('echo child')).stdout,
      async () => {
        const child = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] })
        child.stdin.end('through a pipe')
        return String(await child.stdout.toArray())
      },
      async () => {
        port2.postMessage('port')
        const [message] = await once(port1, 'message')
        port1.close()
        return message
      },
      async () => {
        const worker = new Worker(`require('node:worker_threads').parentPort.postMessage('worker')`, {
          eval: true,
        })
        // Node may call back for both at once.
        const exit = once(worker, 'exit')
        const [message] = await once(worker, 'message')
        await exit
        return message
      },
      async () => {
        const signal = once(process, 'SIGUSR2')
        process.kill(process.pid, 'SIGUSR2')
        await signal
        return 'signal'
      },
      () => new Promise((resolve) => setTimeout(resolve, 2, 'timeout')),
      () => new Promise((resolve) => process.nextTick(resolve, 'tick')),
    ]
    for (const thing of things) {
      await whenCalled((done) =>
        ctx.scheduleOneshot(async () => {
          seen.push(await thing())
          done()
        }),
      )
    }
    server.close()
    echo.close()
    expect(seen).toEqual([
      'you asked for /this',
      'echo',
      true,
      'child\n',
      'through a pipe',
      'port',
      'worker',
      'signal',
      'timeout',
      'tick',
    ])
  })

  test('F10, A4: what is always ready keeps neither Node’s things waiting nor the other callbacks', async () => {
    const counts = { handler: 0, file: 0, 'bottom half': 0 }
    ctx.setFdHandler(readyPipe(), { read: () => void counts.handler++ })
    const file = regularFile()
    open.push(file)
    ctx.setFdHandler(file, { read: () => void counts.file++ })
    const bh = ctx.createBottomHalf(() => {
      counts['bottom half']++
      bh.schedule()
    })
    bh.schedule()
    const [reader, writer] = newPipe()
    let answer = () => {}
    ctx.setFdHandler(reader, {
      read() {
        readAll(reader)
        answer()
      },
    })
    const { port1, port2 } = new MessageChannel()
    const rounds = 5
    for (let i = 0; i < rounds; i++) {
      sys.write(writer, new Uint8Array(1))
      port2.postMessage(0)
      await Promise.all([
        once(port1, 'message'),
        new Promise((resolve) => setTimeout(resolve, 1)),
        readFile(new URL(import.meta.url)),
        nextTurn(),
        whenCalled((back) => {
          answer = back
        }),
      ])
    }
    port1.close()
    bh.delete()
    ctx.setFdHandler(file, null)
    // All of a round may come in one iteration, and the last before the others are called in that.
    expect(Math.min(...Object.values(counts))).toBeGreaterThanOrEqual(rounds - 1)
  })

  test('X3: deferred calls, lists of the program’s own and contexts that it polls throw to who called them', async () => {
    const { deferCall, deferCallBegin, deferCallEnd } = await import('@aiokit/bottom-halves')
    using other = new AioContext({ fdmon: make() })
    const caught: unknown[] = []
    const attempt = (call: () => void) => {
      try {
        call()
      } catch (error) {
        caught.push((error as Error).message)
      }
    }
    const fail = (message: string) => () => {
      throw new Error(message)
    }
    await whenCalled((done) =>
      ctx.scheduleOneshot(() => {
        deferCallBegin()
        deferCall(fail('deferred'))
        attempt(deferCallEnd)
        other.scheduleOneshot(fail('polled'))
        attempt(() => other.poll(true))
        ctx.scheduleOneshot(fail('nested'))
        attempt(() => ctx.poll(true))
        done()
      }),
    )
    expect(caught).toEqual(['deferred', 'polled', 'nested'])
  })

  test.each(['detach or stop', 'close'])(
    'A1: %s in a callback, which goes on; nothing else is called',
    async (how) => {
      const { deferCall, deferCallBegin, deferCallEnd } = await import('@aiokit/bottom-halves')
      const another = newHosted(make, 'attach')
      const end = () => {
        if (how === 'close') another.close()
        else another.detach()
      }
      const order: string[] = []
      await whenCalled((done) => {
        another.scheduleOneshot(() => {
          deferCallBegin()
          deferCall(() => end())
          deferCall(() => order.push('deferred'))
          deferCallEnd()
          order.push('went on')
          Promise.resolve().then(done)
        })
        if (how !== 'close') another.scheduleOneshot(() => order.push('left'))
        another.createTimer(realtime, () => order.push('timer')).mod(realtime.now())
      })
      await nextTurn()
      await nextTurn()
      expect(order).toEqual(['deferred', 'went on'])
      if (how !== 'close') {
        another.poll(false)
        expect(order.slice(2).toSorted()).toEqual(['left', 'timer'])
      }
      another.close()
    },
  )

  test('A1: close() in a promise after a callback is allowed, in a poll inside of one it is refused', async () => {
    const other = newHosted(make, 'attach')
    let refused: unknown
    await whenCalled((done) =>
      other.scheduleOneshot(() => {
        other.scheduleOneshot(() => {
          try {
            other.close()
          } catch (error) {
            refused = error
          }
        })
        other.poll(true)
        Promise.resolve().then(() => {
          other.close()
          done()
        })
      }),
    )
    expect(refused).toMatchObject({ code: 'ERR_AIO_IN_CALLBACK' })
    expect(() => other.poll(false)).toThrow(expect.objectContaining({ code: 'ERR_AIO_CLOSED' }))
  })

  test('U6: close() in a callback, with requests in flight: each is answered before it returns', async ({
    skip,
  }) => {
    skip(!ctx.hasIoUring, 'there is no io_uring here')
    const other = newHosted(make, 'attach')
    const results: number[] = []
    const order: unknown[] = []
    await whenCalled((done) => {
      for (let i = 0; i < 3; i++) {
        other.addSqe(
          (sqe) => sqe.prepTimeout(1e12),
          (res) => results.push(res),
        )
      }
      other.scheduleOneshot(() => {
        other.close()
        order.push(results.length)
        done()
      })
    })
    expect([order, results]).toEqual([[3], [-sys.ECANCELED, -sys.ECANCELED, -sys.ECANCELED]])
  })

  test('A1: more contexts of the thread are attached beside it, and join and leave in each other’s callbacks', async () => {
    const order: string[] = []
    const others = [1, 2, 3].map(() => new AioContext({ fdmon: make() }))
    const [reader, writer] = newPipe()
    await whenCalled((done) => {
      others[1]!.scheduleOneshot(() => order.push('bottom half'))
      others[2]!.setFdHandler(reader, {
        read() {
          readAll(reader)
          order.push('handler')
          others[2]!.close()
          done()
        },
      })
      others[0]!
        .createTimer(realtime, () => {
          order.push('timer')
          others[1]!.attach()
          others[2]!.attach()
          others[0]!.close()
          sys.write(writer, new Uint8Array(1))
        })
        .mod(realtime.now() + 1000)
      ctx
        .createTimer(realtime, () => {
          order.push('first')
          others[0]!.attach()
        })
        .mod(realtime.now() + 1000)
    })
    expect(order).toEqual(['first', 'timer', 'bottom half', 'handler'])
    others[1]!.close()
  })
})
