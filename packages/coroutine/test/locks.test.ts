import { describe, expect, test } from 'vitest'
import { type Co, CoMutex, CoQueue, CoRwLock, Coroutine, CoSemaphore } from '../src/index.ts'
import { code } from './code.ts'

// Without a context: whoever wakes a coroutine runs it.

const entered = <T>(body: () => Co<T>, name = 'test'): Coroutine<T> => {
  const co = new Coroutine(body, { name })
  co.enter()
  return co
}

/** Takes something, stays until it is entered again, gives it back. */
const holder = (log: string[], name: string, take: () => Co<void>, give: () => void) =>
  entered(function* () {
    yield* take()
    log.push(name)
    try {
      yield
    } finally {
      give()
    }
    log.push(`${name}.`)
  }, name)

describe('CoMutex', () => {
  const start = (names: string) => {
    const mutex = new CoMutex()
    const log: string[] = []
    const cos = [...names].map((name) =>
      holder(
        log,
        name,
        () => mutex.lock(),
        () => mutex.unlock(),
      ),
    )
    return { mutex, log, cos }
  }

  test('C3: it is handed on in the order of asking, and belongs to the next before that one runs', () => {
    const { mutex, log, cos } = start('abc')
    expect([log, mutex.holder]).toEqual([['a'], cos[0]])
    cos[0]!.enter()
    expect([log, mutex.holder]).toEqual([['a', 'a.', 'b'], cos[1]])
    cos[1]!.enter()
    cos[2]!.enter()
    expect([log.join(''), mutex.locked]).toEqual(['aa.bb.cc.', false])
  })

  test('C3: who unlocks and locks again goes behind those that wait', () => {
    const { mutex, log, cos } = start('')
    const greedy = entered(function* () {
      for (let i = 0; i < 3; i++) {
        yield* mutex.lock()
        log.push(`greedy ${i}`)
        if (i === 0) cos.push(...start2())
        mutex.unlock()
      }
    })
    function start2() {
      return ['x', 'y'].map((name) =>
        entered(function* () {
          yield* mutex.lock()
          log.push(name)
          mutex.unlock()
        }),
      )
    }
    expect([log, greedy.done]).toEqual([['greedy 0', 'x', 'y', 'greedy 1', 'greedy 2'], true])
  })

  test('C3: unlocking what one does not hold is an error, so is locking it twice, and nothing changes', () => {
    const { mutex, cos } = start('a')
    const notHeld = code('ERR_AIO_CO_NOT_HELD')
    expect(() => mutex.unlock()).toThrow(notHeld)
    expect(() => new CoMutex().unlock()).toThrow(notHeld)
    expect(entered(() => attempt(() => mutex.unlock())).result).toEqual(notHeld)
    expect(mutex.holder).toBe(cos[0])
    const twice = entered(function* () {
      const own = new CoMutex()
      yield* own.lock()
      try {
        yield* own.lock()
      } catch (error) {
        return error
      } finally {
        own.unlock()
      }
      return null
    })
    expect(twice.result).toEqual(code('ERR_AIO_CO_DEADLOCK'))
  })

  test('C1: one that waits in it is woken by it alone', () => {
    const { cos } = start('ab')
    expect(() => cos[1]!.enter()).toThrow(code('ERR_AIO_CO_WAITING'))
  })

  test('C3: tryLock takes what is free', () => {
    const mutex = new CoMutex()
    const co = entered(function* () {
      const first = mutex.tryLock()
      const second = mutex.tryLock()
      mutex.unlock()
      return [first, second]
    })
    expect([co.result, mutex.locked]).toEqual([[true, false], false])
    expect(() => mutex.tryLock()).toThrow(code('ERR_AIO_NO_COROUTINE'))
  })

  test('C3: one that gives up leaves the line', () => {
    const { log, cos } = start('abc')
    cos[1]!.cancel()
    cos[0]!.enter()
    expect(log).toEqual(['a', 'a.', 'c'])
  })

  test('C3: given and cancelled before it could run: it is the next one that has it', () => {
    const mutex = new CoMutex()
    const log: string[] = []
    const first = entered(function* () {
      yield* mutex.lock()
      yield
      mutex.unlock()
      expect(mutex.holder).toBe(second)
      second.cancel()
      log.push('cancelled')
    })
    const wait = (name: string) =>
      holder(
        log,
        name,
        () => mutex.lock(),
        () => mutex.unlock(),
      )
    const second: Coroutine<void> = wait('second')
    const third = wait('third')
    first.enter()
    expect([log, mutex.holder]).toEqual([['cancelled', 'third'], third])
  })

  test('C3: a generator that is closed leaves the line, or hands on', () => {
    const { log, mutex, cos } = start('a')
    const closing = entered(function* () {
      const waiting = mutex.lock()
      waiting.next()
      waiting.return()
      yield
      return 'entered by hand'
    })
    closing.enter()
    expect(closing.result).toBe('entered by hand')
    cos[0]!.enter()
    expect([log, mutex.locked]).toEqual([['a', 'a.'], false])
  })
})

function* attempt(f: () => void): Co<unknown> {
  try {
    f()
  } catch (error) {
    return error
  }
  return null
}

describe('CoQueue', () => {
  const waiting = (queue: CoQueue, log: string[], name: string, mutex?: CoMutex) =>
    entered(function* () {
      if (mutex !== undefined) yield* mutex.lock()
      try {
        yield* queue.wait(mutex)
        log.push(name)
      } finally {
        mutex?.unlock()
      }
    }, name)

  test('C3: next wakes one, restartAll all that wait then, in order', () => {
    const queue = new CoQueue()
    const log: string[] = []
    expect([queue.isEmpty, queue.next()]).toEqual([true, false])
    for (const name of 'abc') waiting(queue, log, name)
    expect([queue.isEmpty, queue.next(), log.join('')]).toEqual([false, true, 'a'])
    queue.restartAll()
    expect([queue.isEmpty, log.join('')]).toEqual([true, 'abc'])
  })

  test('C3: restartAll does not wake again who waits again', () => {
    const queue = new CoQueue()
    let woken = 0
    for (let i = 0; i < 3; i++) {
      entered(function* () {
        for (;;) {
          yield* queue.wait()
          woken++
        }
      })
    }
    queue.restartAll()
    expect(woken).toBe(3)
  })

  test('C3: the mutex is free meanwhile and held again afterwards', () => {
    const queue = new CoQueue()
    const mutex = new CoMutex()
    const log: string[] = []
    for (const name of 'ab') waiting(queue, log, name, mutex)
    expect(mutex.locked).toBe(false)
    entered(function* () {
      yield* mutex.lock()
      queue.restartAll()
      expect(log).toEqual([])
      mutex.unlock()
    })
    expect([log, mutex.locked]).toEqual([['a', 'b'], false])
  })

  test('C3: with a mutex that is not held it is an error, before anything is done', () => {
    const queue = new CoQueue()
    expect(() => entered(() => queue.wait(new CoMutex())).result).toThrow(code('ERR_AIO_CO_NOT_HELD'))
    expect(() => entered(() => queue.wait({} as never)).result).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
    expect(queue.isEmpty).toBe(true)
  })

  test('C3: one that is cut short has the mutex again when it hears of it', () => {
    const queue = new CoQueue()
    const mutex = new CoMutex()
    const co = waiting(queue, [], 'a', mutex)
    const other = holder(
      [],
      'b',
      () => mutex.lock(),
      () => mutex.unlock(),
    )
    co.cancel()
    co.cancel()
    expect([co.done, queue.isEmpty]).toEqual([false, true])
    other.enter()
    expect(() => co.result).toThrow(code('ERR_AIO_CANCELED'))
    expect(mutex.locked).toBe(false)
  })

  test('C3: a wake-up that came to one that was being cut short goes to the next', () => {
    const queue = new CoQueue()
    const log: string[] = []
    const [a] = [...'abc'].map((name) => waiting(queue, log, name))
    entered(function* () {
      queue.next()
      a!.cancel()
    })
    expect([log, a!.done]).toEqual([['b'], true])
  })
})

describe('CoRwLock', () => {
  const start = (lock = new CoRwLock()) => {
    const log: string[] = []
    const read = (name: string) =>
      holder(
        log,
        name,
        () => lock.rdlock(),
        () => lock.unlock(),
      )
    const write = (name: string) =>
      holder(
        log,
        name,
        () => lock.wrlock(),
        () => lock.unlock(),
      )
    return { lock, log, read, write }
  }

  test('C3: readers share, a writer has it alone, and nobody passes a writer that waits', () => {
    const { lock, log, read, write } = start()
    const [a, b, w, c, d, x] = [read('a'), read('b'), write('w'), read('c'), read('d'), write('x')]
    expect([log.join(''), lock.readers, lock.writing]).toEqual(['ab', 2, false])
    a!.enter()
    b!.enter()
    expect([log.join(''), lock.readers, lock.writing]).toEqual(['aba.b.w', 0, true])
    w!.enter()
    expect([log.slice(5).join(''), lock.readers]).toEqual(['w.cd', 2])
    for (const co of [c, d, x]) co!.enter()
    expect([log.slice(8).join(''), lock.writing]).toEqual(['c.d.xx.', false])
  })

  test('C3: a writer that gives up lets the readers behind it in', () => {
    const { log, read, write } = start()
    const [, w] = [read('a'), write('w'), read('b')]
    expect(log).toEqual(['a'])
    w!.cancel()
    expect(log).toEqual(['a', 'b'])
  })

  test('C3: upgrading at once if alone, else at the end of the line; downgrading lets readers in', () => {
    const { lock, log, read, write } = start()
    const upgrading = () =>
      entered(function* () {
        yield* lock.rdlock()
        yield
        yield* lock.upgrade()
        log.push('upgraded')
        yield
        lock.downgrade()
        log.push('downgraded')
        yield
        lock.unlock()
      })
    const alone = upgrading()
    alone.enter()
    expect([log, lock.writing]).toEqual([['upgraded'], true])
    const a = read('a')
    alone.enter()
    // What was let in runs when this one yields.
    expect(log).toEqual(['upgraded', 'downgraded', 'a'])
    alone.enter()
    log.length = 0
    const queued = upgrading()
    const w = write('w')
    queued.enter()
    expect([log, lock.readers]).toEqual([[], 1])
    a.enter()
    expect(log).toEqual(['a.', 'w'])
    w.enter()
    expect(log).toEqual(['a.', 'w', 'w.', 'upgraded'])
    queued.enter()
    queued.enter()
    expect([queued.done, lock.readers, lock.writing]).toEqual([true, 0, false])
  })

  test('C3: an upgrade that is cut short reads again', () => {
    const { lock, read } = start()
    const a = read('a')
    const co = entered(function* () {
      yield* lock.rdlock()
      try {
        yield* lock.upgrade()
      } finally {
        expect([lock.writing, lock.readers]).toEqual([false, 2])
        lock.unlock()
      }
    })
    expect(lock.readers).toBe(1)
    co.cancel()
    expect([co.done, lock.readers]).toEqual([true, 1])
    expect(() => co.result).toThrow(code('ERR_AIO_CANCELED'))
    a.enter()
    expect(lock.readers).toBe(0)
  })

  test('C3: what one does not hold cannot be unlocked, upgraded or downgraded, and is held once', () => {
    const { lock, read } = start()
    read('a')
    const notHeld = code('ERR_AIO_CO_NOT_HELD')
    expect(() => lock.unlock()).toThrow(notHeld)
    expect(() => lock.downgrade()).toThrow(notHeld)
    expect(entered(() => attempt(() => lock.unlock())).result).toEqual(notHeld)
    expect(() => entered(() => lock.upgrade()).result).toThrow(notHeld)
    for (const again of [() => lock.rdlock(), () => lock.wrlock()]) {
      const co = entered(function* () {
        yield* lock.rdlock()
        try {
          yield* again()
        } finally {
          lock.unlock()
        }
      })
      expect(() => co.result).toThrow(code('ERR_AIO_CO_DEADLOCK'))
    }
    expect(lock.readers).toBe(1)
  })
})

describe('CoSemaphore', () => {
  const taking = (semaphore: CoSemaphore, log: string[], name: string, count: number) =>
    holder(
      log,
      name,
      () => semaphore.acquire(count),
      () => semaphore.release(count),
    )

  test('C3: in order of asking: who wants little does not pass who wants much', () => {
    const semaphore = new CoSemaphore(3)
    const log: string[] = []
    const [a, b, c, d] = [3, 2, 2, 1].map((count, i) => taking(semaphore, log, 'abcd'[i]!, count))
    expect([log.join(''), semaphore.available, semaphore.tryAcquire()]).toEqual(['a', 0, false])
    a!.enter()
    expect([log.join(''), semaphore.available, semaphore.tryAcquire()]).toEqual(['aa.b', 1, false])
    b!.enter()
    expect([log.slice(3).join(''), semaphore.available]).toEqual(['b.cd', 0])
    c!.enter()
    d!.enter()
    expect([semaphore.available, semaphore.tryAcquire(3), semaphore.available]).toEqual([3, true, 0])
  })

  test('C3: one that gives up lets those behind it have what is there', () => {
    const semaphore = new CoSemaphore(1)
    const log: string[] = []
    const big = taking(semaphore, log, 'big', 2)
    taking(semaphore, log, 'small', 1)
    expect(log).toEqual([])
    big.cancel()
    expect(log).toEqual(['small'])
  })

  test('C3: one that is cut short after it was given its share gives it back', () => {
    const semaphore = new CoSemaphore(0)
    const log: string[] = []
    const [a] = ['a', 'b'].map((name) => taking(semaphore, log, name, 1))
    entered(function* () {
      semaphore.release()
      a!.cancel()
    })
    expect([log, semaphore.available]).toEqual([['b'], 0])
  })

  test('X3: counts that are none are refused', () => {
    const range = code('ERR_AIO_OUT_OF_RANGE')
    expect(() => new CoSemaphore(-1)).toThrow(range)
    expect(() => new CoSemaphore('1' as never)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
    const semaphore = new CoSemaphore(1)
    expect(() => semaphore.release(0)).toThrow(range)
    expect(() => semaphore.tryAcquire(0.5)).toThrow(range)
    expect(() => entered(() => semaphore.acquire(0)).result).toThrow(range)
    expect(() => semaphore.release(Number.MAX_SAFE_INTEGER)).toThrow(range)
    expect(semaphore.available).toBe(1)
  })
})
