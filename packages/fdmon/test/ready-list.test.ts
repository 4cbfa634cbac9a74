import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AioHandler, ERR, FdCallbacks, type FdHandlers, HUP, IN, OUT, ReadyList } from '../src/index.ts'

const newHandler = (fd: number, handlers: FdHandlers) => new AioHandler(fd, new FdCallbacks(handlers))

const handler = (log: string[], name: string, kinds = 'read,write') => {
  const handlers: FdHandlers = {}
  for (const kind of kinds.split(',') as ('read' | 'write')[])
    handlers[kind] = () => void log.push(`${name} ${kind}`)
  return newHandler(0, handlers)
}

test('F2: which callbacks run follows from what was seen and what is registered, read before write', () => {
  const bits = fc.subarray([IN, OUT, ERR, HUP]).map((set) => set.reduce((a, b) => a | b, 0))
  fc.assert(
    fc.property(bits, fc.constantFrom('read', 'write', 'read,write'), (revents, kinds) => {
      const log: string[] = []
      const ready = new ReadyList()
      ready.add(handler(log, 'h', kinds), revents)
      const expected = [
        ...(revents & (IN | HUP | ERR) && kinds.includes('read') ? ['h read'] : []),
        ...(revents & (OUT | ERR) && kinds.includes('write') ? ['h write'] : []),
      ]
      expect(ready.isEmpty).toBe(expected.length === 0)
      expect(ready.dispatch()).toBe(expected.length > 0)
      expect(log).toEqual(expected)
      expect(ready.dispatched).toBe(expected.length)
    }),
  )
})

test('F6: what a nested dispatch has called is not called again by its parent', () => {
  const log: string[] = []
  const ready = new ReadyList()
  const nesting = newHandler(0, {
    read() {
      log.push('outer')
      ready.dispatch()
      log.push('outer done')
    },
    write: () => void log.push('write of the outer one'),
  })
  ready.add(nesting, IN | OUT)
  ready.add(handler(log, 'next'), IN)
  ready.dispatch()
  expect(log).toEqual(['outer', 'write of the outer one', 'next read', 'outer done'])
})

test('F10: one that is found ready again before its turn keeps its place, and the later look replaces the earlier', () => {
  const log: string[] = []
  const ready = new ReadyList()
  const first = handler(log, 'first')
  ready.add(first, IN)
  ready.add(handler(log, 'second'), IN)
  ready.add(first, OUT)
  ready.dispatch()
  expect(log).toEqual(['first write', 'second read'])
  ready.add(first, IN)
  ready.add(first, 0)
  expect(ready.isEmpty).toBe(true)
})

test('F10: one whose read is running goes to the end when a nested look finds it ready again', () => {
  const log: string[] = []
  const ready = new ReadyList()
  const nesting: AioHandler = newHandler(0, {
    read() {
      log.push('read')
      if (log.length > 1) return
      ready.add(nesting, IN | OUT)
      ready.dispatch()
    },
    write: () => void log.push('write'),
  })
  ready.add(nesting, IN | OUT)
  ready.add(handler(log, 'other'), IN)
  ready.dispatch()
  expect(log).toEqual(['read', 'other read', 'read', 'write'])
})

test('F4: one that is removed while ready is not due any more', () => {
  const log: string[] = []
  const ready = new ReadyList()
  const removed = handler(log, 'removed')
  ready.add(removed, IN | OUT)
  ready.remove(removed)
  expect([removed.isDue, ready.isEmpty, ready.dispatch(), log]).toEqual([false, true, false, []])
})

test('F4: callbacks that are replaced while ready are called in their new form, if there is one', () => {
  const log: string[] = []
  const ready = new ReadyList()
  const a = handler(log, 'old')
  const b = handler(log, 'old')
  ready.add(a, IN)
  ready.add(b, IN)
  a.callbacks = new FdCallbacks({ read: () => void log.push('new') })
  b.callbacks = new FdCallbacks({ write: () => void log.push('never') })
  expect(ready.dispatch()).toBe(true)
  expect(log).toEqual(['new'])
  expect(ready.isEmpty).toBe(true)
})

test('X1: a read that throws leaves the write of the same handler, and the others, to the next dispatch', () => {
  const log: string[] = []
  const ready = new ReadyList()
  const throwing = newHandler(0, {
    read() {
      throw new Error('read')
    },
    write: () => void log.push('write'),
  })
  ready.add(throwing, IN | OUT)
  ready.add(handler(log, 'other'), IN)
  expect(() => ready.dispatch()).toThrow('read')
  expect(ready.dispatch()).toBe(true)
  expect(log).toEqual(['write', 'other read'])
})

test('callbacks are called on the object that they were given in', () => {
  class Connection {
    reads = 0
    read() {
      this.reads++
    }
  }
  const connection = new Connection()
  const ready = new ReadyList()
  ready.add(newHandler(0, connection), IN)
  ready.dispatch()
  expect(connection.reads).toBe(1)
})

test('X3: what is no descriptor and what are no handlers is refused with a sentence', () => {
  const refused = (fd: unknown, handlers: unknown, code: string) =>
    expect(() => newHandler(fd as number, handlers as FdHandlers)).toThrow(expect.objectContaining({ code }))
  const read = () => {}
  refused(-1, { read }, 'ERR_AIO_OUT_OF_RANGE')
  refused(1.5, { read }, 'ERR_AIO_OUT_OF_RANGE')
  refused('1', { read }, 'ERR_AIO_INVALID_ARG_TYPE')
  refused(1, null, 'ERR_AIO_INVALID_ARG_TYPE')
  refused(1, read, 'ERR_AIO_INVALID_ARG_TYPE')
  refused(1, { read: 5 }, 'ERR_AIO_INVALID_ARG_TYPE')
  refused(1, {}, 'ERR_AIO_NO_CALLBACK')
  refused(1, { read, poll: () => true }, 'ERR_AIO_NO_CALLBACK')
  refused(1, { poll: () => true, pollReady: read }, 'ERR_AIO_NO_CALLBACK')
})

test('X3: each property of the handlers is read once', () => {
  const reads: string[] = []
  const handlers = new Proxy({ read() {}, write() {} } as FdHandlers, {
    get(target, name) {
      reads.push(String(name))
      return Reflect.get(target, name)
    },
  })
  new FdCallbacks(handlers)
  expect(reads).toEqual(['read', 'write', 'poll', 'pollReady', 'pollBegin', 'pollEnd', 'ref'])
})
