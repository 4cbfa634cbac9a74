import { expect, test } from 'vitest'
import {
  type AioHandler,
  type FdMonitor,
  type FdMonitorFactory,
  type FdMonitorHost,
  FdTable,
  type FdWatch,
  IN,
} from '../src/index.ts'

/** A monitor that watches nothing: what it finds, and what it does wrong, is up to the test. */
class ScriptedMonitor implements FdMonitor {
  readonly name = 'poll'
  readonly backendFd = -1
  systemCalls = 0
  isClosed = false
  readonly watched: Set<AioHandler> = new Set<AioHandler>()
  refuse: ((handler: AioHandler) => Error | null) | null = null

  update(handler: AioHandler, events: number): void {
    this.systemCalls++
    const error = events === 0 ? null : this.refuse?.(handler)
    if (error) throw error
    if (events === 0) this.watched.delete(handler)
    else this.watched.add(handler)
    handler.events = events
  }

  wait(): void {
    this.systemCalls++
  }

  needWait(): boolean {
    return false
  }

  prepare(): boolean {
    return false
  }

  check(): boolean {
    return false
  }

  collect(): void {}

  close(): void {
    this.isClosed = true
    for (const handler of this.watched) handler.events = 0
  }
}

/** A factory, and what it made and was given. */
function scripted() {
  const monitor = new ScriptedMonitor()
  let host: FdMonitorHost | undefined
  const factory: FdMonitorFactory = (theirs) => {
    host = theirs
    return monitor
  }
  return { monitor, factory, host: () => host! }
}

const badDescriptor = () => Object.assign(new Error('closed'), { code: 'EBADF' })
const code = (value: string) => expect.objectContaining({ code: value })

test('M3: a successor takes over what is watched; who was closed meanwhile is reported; the former one is closed', () => {
  const closed: number[] = []
  const first = scripted()
  const second = scripted()
  second.monitor.refuse = ({ fd }) => (fd === 5 ? badDescriptor() : null)
  using fds = new FdTable(first.factory, (handler) => closed.push(handler.fd))
  const handlers = [4, 5, 6].map((fd) => fds.set(fd, { read() {} }))
  fds.wait(0)
  expect(first.host().replace(second.factory)).toBe(second.monitor)
  expect(handlers.map(({ events }) => events)).toEqual([IN, 0, IN])
  expect([closed, first.monitor.isClosed, second.monitor.isClosed]).toEqual([[5], true, false])
  expect(fds.systemCalls, 'the calls of both').toBe(4 + 3)
  expect(() => fds.set(5, { read() {} })).toThrow('closed')
  expect(fds.monitor).toBe(second.monitor)
})

test('F8: whatever the reports of several closed descriptors do, all are forgotten and all are reported', () => {
  const reported: number[] = []
  const { monitor, factory, host } = scripted()
  using fds = new FdTable(factory, (handler) => {
    reported.push(handler.fd)
    expect(() => fds.remove(5)).not.toThrow()
    throw new Error(`closed ${handler.fd}`)
  })
  const handlers = [4, 5].map((fd) => fds.set(fd, { read() {} }))
  for (const handler of handlers) monitor.update(handler, 0)
  expect(() => host().closed(handlers)).toThrow('closed 4')
  expect(reported).toEqual([4, 5])
  expect(fds.set(4, { read() {} })).not.toBe(handlers[0])
})

test('P6, F8: who watches by a descriptor hears when handlers come and go, and whether it is still open', () => {
  const { monitor, factory, host } = scripted()
  const log: string[] = []
  const watch = (name: string): FdWatch => ({
    start: () => void log.push(`${name} starts`),
    stop: (isOpen) => void log.push(`${name} stops${isOpen ? '' : ', closed'}`),
    poll: () => true,
    begin: () => void log.push(`${name} begins`),
    end: () => void log.push(`${name} ends`),
  })
  const heard = () => log.splice(0).join('; ')
  const fds = new FdTable(factory, () => {})
  const handler = fds.set(4, { read() {} }, watch('a'))
  fds.polled.add(handler)
  fds.polled.begin()
  expect([heard(), fds.unpollable]).toEqual(['a starts; a begins', 0])
  expect(fds.polled.look()).toBe(true)
  monitor.refuse = badDescriptor
  expect(() => fds.set(4, { read() {} }, watch('b'))).toThrow('closed')
  expect(() => fds.set(4, {}, watch('b'))).toThrow(code('ERR_AIO_NO_CALLBACK'))
  expect(heard()).toBe('')
  monitor.refuse = null
  fds.set(4, { read() {} }, watch('b'))
  expect(heard()).toBe('a stops; b starts; a ends')
  fds.set(5, { read() {}, write() {} }, watch('c'))
  fds.set(6, { read() {}, poll: () => false, pollReady() {} }, watch('d'))
  expect(fds.unpollable, 'with a write it is not looked at').toBe(1)
  fds.remove(5)
  host().closed([fds.get(6)!])
  expect(heard()).toBe('c starts; d starts; c stops; d stops, closed')
  fds.close()
  expect(heard()).toBe('b stops')
})

test('X3: a closed table says so, forgets what was ready, and may be closed again', () => {
  const { monitor, factory } = scripted()
  monitor.wait = () => {}
  const fds = new FdTable(
    (host) => {
      factory(host)
      monitor.wait = ((ready: { add(handler: AioHandler, revents: number): void }) => {
        for (const handler of monitor.watched) ready.add(handler, IN)
      }) as never
      return monitor
    },
    () => {},
  )
  fds.set(4, { read: () => expect.fail('called after close') })
  fds.wait(0)
  expect(fds.hasReady).toBe(true)
  fds.close()
  fds.close()
  expect([fds.hasReady, fds.dispatch()]).toEqual([false, false])
  for (const use of [() => fds.set(4, { read() {} }), () => fds.wait(0), () => fds.collect()])
    expect(use).toThrow(code('ERR_AIO_CLOSED'))
  expect(() => fds.remove(4)).not.toThrow()
})

test('X2, X3: what is no monitor, no factory and no timeout is refused with a sentence', () => {
  for (const monitor of [null, {}, 5, { update() {} }]) {
    expect(() => new FdTable((() => monitor) as never, () => {})).toThrow(
      expect.objectContaining({
        code: 'ERR_AIO_INVALID_ARG_TYPE',
        message: expect.stringContaining('must return an FdMonitor'),
      }),
    )
  }
  expect(() => new FdTable(null as never, () => {})).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  expect(() => new FdTable(scripted().factory, null as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  using fds = new FdTable(scripted().factory, () => {})
  expect(() => fds.wait(Number.NaN)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  expect(() => fds.wait('1' as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
})
