import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { hasIoUring, openDescriptors, runScript } from '@aiokit/testing'
import { allSlices, type CheckedTrace, checkTrace, type TraceSlice } from '@aiokit/trace-format'
import { afterAll, describe, expect, test } from 'vitest'
import { AioContext, realtime, startTrace } from '../src/index.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-trace-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = path.join(folder, 'trace.json')
const cwd = import.meta.dirname
const env = { AIOKIT_TRACE: file }
const endless = JSON.stringify(new URL('./fixtures/trace-endless.mjs', import.meta.url).href)
const tasks = JSON.stringify(new URL('./fixtures/trace-tasks.mjs', import.meta.url).href)

function written(name = file): CheckedTrace {
  return checkTrace(readFileSync(name, 'latin1'))
}

function named(trace: CheckedTrace, name: string): TraceSlice[] {
  return [...allSlices(trace.slices)].filter((slice) => slice.name === name)
}

describe('O1: the trace of a program', () => {
  const program = path.join(cwd, 'fixtures/trace-program.mjs')
  const endings = [
    ['close', 0],
    ['exit', 3],
    ['throw', 1],
    ['terminate', 0],
  ] as const

  test.each(endings)('that ends by %s', (ending, status) => {
    const child = spawnSync(process.execPath, [program, ending], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      encoding: 'utf8',
      timeout: 30_000,
    })
    expect(child).toMatchObject({ status, stderr: ending === 'throw' ? expect.anything() : '' })
    const trace = written()
    expect(trace.process).toBe('trace-program.mjs')
    expect([...trace.threads.values()].sort()).toEqual(['disk', 'main', 'workers'])

    // Nested: a poll of one calls a handler, which polls the other.
    const [handler] = named(trace, 'onNotified')
    expect(handler).toMatchObject({ cat: 'callback', args: { kind: 'descriptor', fd: expect.any(Number) } })
    const poll = handler!.inner.findLast(({ name }) => name === 'poll two')!
    // It waits before that, unless the timer is due already.
    expect(poll.inner.at(-1)).toMatchObject({ cat: 'callback', name: 'inner' })
    expect(named(trace, 'wait').length).toBeGreaterThan(0)
    expect(trace.slices).toContainEqual(
      expect.objectContaining({ name: 'poll one', inner: expect.arrayContaining([handler]) }),
    )
    expect(named(trace, 'thrower')).toMatchObject([{ args: { kind: 'bottom half' } }])
    expect(named(trace, 'sleeper').length).toBe(2)

    const requests = (cat: string) =>
      trace.requests
        .filter((request) => request.cat === cat)
        .map(({ name, args, endUs }) => [name, endUs < Number.POSITIVE_INFINITY, args])
    if (hasIoUring()) {
      const args = { ctx: 'one', fd: expect.any(Number), res: 16 }
      expect(requests('ring')).toEqual([0, 16, 32].map((offset) => ['read', true, { ...args, offset }]))
    }
    const pool = { ctx: 'one', module: expect.stringContaining('trace-tasks') }
    expect(requests('thread pool')).toEqual([
      ['double', true, pool],
      ['fail', true, { ...pool, error: 'Error' }],
      ['later', true, pool],
      ['double', true, { ...pool, cancelled: true, error: expect.anything() }],
    ])
    const workers = [...trace.threads].find(([, name]) => name === 'workers')![0]
    const ran = trace.slices.filter(({ tid }) => tid === workers).map(({ name, cat }) => [cat, name])
    expect(ran).toEqual(['double', 'fail', 'later'].map((name) => ['thread pool', name]))
    expect(
      trace.events.filter(({ name }) => name?.startsWith('iothread_')).map(({ name, args }) => [name, args]),
    ).toEqual(
      [['iothread_start', { name: 'disk' }]].concat(
        ending === 'close' || ending === 'terminate' ? [['iothread_stop', { name: 'disk' }]] : [],
      ),
    )
    // What was in the middle of it when the process ended is there too.
    if (ending === 'exit')
      expect(named(trace, 'last')[0]!.inner.map(({ name }) => name)).toEqual(['poll two'])
  })
})

test('O1: of several threads that write much at once nothing is lost, and nothing is there twice', () => {
  const child = runScript(
    `import { defineTask, IOThread } from 'aiokit'
     const threads = ['a', 'b', 'c'].map((name) => new IOThread({ name, execArgv: [] }))
     await Promise.all(threads.map((thread, i) => thread.call(defineTask(${tasks}, 'pollOften'), 3000 + i)))
     // One ends in order, one by its own process.exit(), one with the process.
     await threads[0].stop()
     await threads[1].call(defineTask(${tasks}, 'exit')).catch(() => {})`,
    { cwd, env },
  )
  expect(child).toMatchObject({ status: 0, stderr: '' })
  const trace = written()
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const tid = [...trace.threads].find(([, thread]) => thread === name)![0]
    expect(named(trace, 'again').filter((slice) => slice.tid === tid).length).toBe(3000 + i)
  }
})

test('O1: threads that are ended by force, wherever they are, leave a trace that is whole', () => {
  const child = runScript(
    `import { Worker } from 'node:worker_threads'
     import 'aiokit'
     const program = new URL(${endless})
     const start = () => new Worker(program, { execArgv: [] })
     // More than there can be at once, were their places not used again.
     for (let i = 0; i < 8; i++) {
       const workers = Array.from({ length: 2 }, start)
       await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
       for (let turn = 0; turn < i; turn++) await new Promise(setImmediate)
       await Promise.all(workers.map((worker) => worker.terminate()))
     }
     // And while they write the process ends.
     const last = start()
     last.once('message', () => process.exit(0))`,
    { cwd, env },
  )
  expect(child).toMatchObject({ status: 0, stderr: '' })
  const trace = written()
  expect(trace.threads.size).toBeGreaterThan(14)
  expect(named(trace, 'again').length).toBeGreaterThan(16)
})

test('O1: a thread whose process has no trace writes one of its own', () => {
  const child = runScript(
    `import { Worker } from 'node:worker_threads'
     const program = 'import("aiokit").then(({ AioContext }) => { const ctx = new AioContext(); ctx.poll(false); ctx.close() })'
     new Worker(program, { eval: true, execArgv: [] })`,
    { cwd, env: { AIOKIT_TRACE: path.join(folder, 'of {pid}.json') } },
  )
  expect(child).toMatchObject({ status: 0, stderr: '' })
  const names = [...spawnSync('ls', [folder], { encoding: 'utf8' }).stdout.matchAll(/^of \d+\.1\.json$/gm)]
  expect(names.length).toBe(1)
  expect(named(written(path.join(folder, names[0]![0])), 'poll aio').length).toBe(1)
})

describe('startTrace', () => {
  const poll = (name: string): void => {
    using ctx = new AioContext({ name })
    ctx.poll(false)
  }

  test('O1: is for what happens between start and stop, once and again, and leaves no descriptor', () => {
    poll('before')
    const descriptors = openDescriptors()
    for (let i = 0; i < 5; i++) {
      const name = path.join(folder, `started-${i}.json`)
      using trace = startTrace(name)
      expect(trace.file).toBe(name)
      poll('in between')
      trace.stop()
      poll('after')
      expect(written(name).slices.map((slice) => slice.name)).toEqual(['poll in between'])
    }
    expect(openDescriptors()).toBe(descriptors)
  })

  test('O1: stopped inside of callbacks it ends what is open', () => {
    const name = path.join(folder, 'inside.json')
    const trace = startTrace(name)
    using ctx = new AioContext({ name: 'one' })
    ctx.scheduleOneshot(function stopping() {
      trace.stop()
      trace.stop()
    })
    ctx.poll(true)
    const [slice] = written(name).slices
    expect(slice).toMatchObject({ name: 'poll one', inner: [{ name: 'stopping' }] })
  })

  test('O1: started inside of callbacks it knows only what begins', () => {
    const name = path.join(folder, 'begun.json')
    using ctx = new AioContext({ name: 'one' })
    let trace: ReturnType<typeof startTrace> | undefined
    ctx.scheduleOneshot(() => {
      trace = startTrace(name)
    })
    ctx.poll(true)
    ctx.poll(false)
    trace!.stop()
    expect(written(name).slices.map((slice) => slice.name)).toEqual(['poll one'])
  })

  test('O1: one at a time', () => {
    using _trace = startTrace(file)
    expect(() => startTrace(file)).toThrow(expect.objectContaining({ code: 'ERR_AIO_TRACE_RUNNING' }))
  })

  test('O1: stopped while threads go on, it has what they have done, and later ones can be traced', () => {
    const child = runScript(
      `import { defineTask, IOThread, startTrace } from 'aiokit'
       const trace = startTrace(${JSON.stringify(file)})
       const thread = new IOThread({ name: 'first', execArgv: [] })
       await thread.call(defineTask(${tasks}, 'pollOften'), 500)
       const going = thread.call(defineTask(${tasks}, 'pollOften'), 5000)
       await new Promise(setImmediate)
       trace.stop()
       const other = startTrace(${JSON.stringify(`${file}.second`)})
       const later = new IOThread({ name: 'second', execArgv: [] })
       await Promise.all([going, later.call(defineTask(${tasks}, 'pollOften'), 100)])
       await thread.stop()
       await later.stop()
       other.stop()`,
      { cwd },
    )
    expect(child).toMatchObject({ status: 0, stderr: '' })
    expect(named(written(), 'again').length).toBeGreaterThanOrEqual(500)
    const second = written(`${file}.second`)
    expect([...second.threads.values()].sort()).toEqual(['main', 'second'])
    expect(named(second, 'again').length).toBe(100)
  })

  test('X2: what cannot be written to is refused in a sentence, and stays as it is', () => {
    const code = 'ERR_AIO_TRACE_FILE'
    const descriptors = openDescriptors()
    for (const name of ['/dev/null', folder, path.join(folder, 'no/such/folder.json')]) {
      expect(() => startTrace(name)).toThrow(expect.objectContaining({ code }))
    }
    expect(() => startTrace(7 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
    expect(openDescriptors()).toBe(descriptors)
  })
})

test('X2: with AIOKIT_TRACE it is a warning, and the program goes on', () => {
  const child = runScript(
    `import { AioContext } from 'aiokit'; new AioContext().close(); console.log('done')`,
    {
      cwd,
      env: { AIOKIT_TRACE: '/no/such/folder/trace.json' },
    },
  )
  expect(child).toMatchObject({ status: 0, stdout: 'done\n' })
  expect(child.stderr).toMatch(
    /AioWarning: AIOKIT_TRACE: No trace can be written to \/no\/such\/folder\/trace\.json/,
  )
  expect(child.stderr.split('\n').filter((line) => line.includes('Warning')).length).toBe(1)
})

test('O1: on a full disk the trace ends early, says so, and is whole', () => {
  const child = runScript(
    `import { AioContext } from 'aiokit'
     const ctx = new AioContext()
     for (let i = 0; i < 20_000; i++) ctx.poll(false)
     ctx.close()`,
    // Of 512 bytes each: two pieces of the file.
    { cwd, env, under: ['sh', '-c', 'ulimit -f 300; exec "$@"', 'sh'] },
  )
  expect(child.status).toBe(0)
  expect(child.stderr).toMatch(/AIOKIT_TRACE\] AioWarning: The trace ends early: EFBIG/)
  // What was open where it was cut has no end.
  const events = JSON.parse(readFileSync(file, 'latin1')) as { ph: string }[]
  const count = (phase: string): number => events.filter(({ ph }) => ph === phase).length
  expect(count('B')).toBeGreaterThan(500)
  expect(count('B') - count('E')).toBeOneOf([0, 1])
})

test('O1: names that JSON or JavaScript make trouble of are names', () => {
  const name = path.join(folder, 'names.json')
  const trace = startTrace(name)
  using ctx = new AioContext({ name: '"\\\n\u0000\u{1f4a1}\ud800' })
  const odd = [
    Object.defineProperty(() => {}, 'name', { value: Symbol('none') }),
    Object.defineProperty(() => {}, 'name', {
      get() {
        throw new Error('no name')
      },
    }),
    Object.defineProperty(() => {}, 'name', { value: 'é'.repeat(100_000) }),
  ]
  for (const callback of odd) ctx.createTimer(realtime, callback).mod(0)
  ctx.poll(true)
  trace.stop()
  const [poll] = written(name).slices
  expect(poll!.name).toBe('poll "\\\n\u0000\u{1f4a1}\ud800')
  expect(poll!.inner.map((slice) => slice.name)).toEqual(['anonymous', 'anonymous', 'é'.repeat(200)])
})

test('O1: while nothing is traced, nothing that writes is loaded', () => {
  const script = (start: string) => `import { createRequire } from 'node:module'
    import { AioContext } from 'aiokit'
    ${start}
    new AioContext().close()
    console.log(Object.keys(createRequire(import.meta.url).cache).filter((name) => name.includes('writer')).length)`
  expect(runScript(script(''), { cwd }).stdout).toBe('0\n')
  expect(runScript(script(''), { cwd, env }).stdout).toBe('1\n')
})

test('O1: while nobody listens no message is made, in a million events', () => {
  const { stdout, stderr } = runScript(
    `import { subscribe } from 'node:diagnostics_channel'
     import { AioContext } from 'aiokit'
     const ctx = new AioContext({ fdmon: 'epoll' })
     const halves = Array.from({ length: 1000 }, () => ctx.createBottomHalf(() => {}))
     const run = () => {
       for (let i = 0; i < 1000; i++) {
         for (const bh of halves) bh.schedule()
         ctx.poll(false)
       }
     }
     const allocated = () => {
       run()
       run()
       gc()
       const before = process.memoryUsage().heapUsed
       run()
       return process.memoryUsage().heapUsed - before
     }
     const off = allocated()
     let last
     subscribe('aiokit:aio_callback_begin', (message) => {
       last = message
     })
     console.log(JSON.stringify({ off, on: allocated() }))
     process.exit()`,
    // Nothing is collected meanwhile.
    { cwd, node: ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'] },
  )
  expect(stderr).toBe('')
  const { off, on } = JSON.parse(stdout)
  // Polls may make something, of which there are a thousand; callbacks do not, of which there are a million: the smallest
  // object has 12 bytes.
  expect(off).toBeLessThan(8_000_000)
  expect(on).toBeGreaterThan(20_000_000)
})

test('O1: what is recorded takes no more memory the longer it goes on', () => {
  const { stdout } = runScript(
    `import { AioContext } from 'aiokit'
     const ctx = new AioContext()
     const used = () => { for (let i = 0; i < 20_000; i++) ctx.poll(false); gc(); return process.memoryUsage() }
     used()
     const before = used()
     used()
     const after = used()
     console.log(after.heapUsed - before.heapUsed + after.external - before.external)`,
    { cwd, env, node: ['--expose-gc'] },
  )
  expect(Number(stdout)).toBeLessThan(500_000)
  writeFileSync(file, '')
})
