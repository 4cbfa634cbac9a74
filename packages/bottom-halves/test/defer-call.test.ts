import { expect, test } from 'vitest'
import { deferCall, deferCallBegin, deferCallEnd } from '../src/index.ts'

test('B10: outside a section a call is made at once', () => {
  let calls = 0
  deferCall(() => calls++)
  expect(calls).toBe(1)
})

test('B10: inside, the same function is called once when the outermost section ends, in order of first asking', () => {
  const calls: string[] = []
  const a = () => void calls.push('a')
  const b = () => void calls.push('b')
  deferCallBegin()
  deferCall(a)
  deferCallBegin()
  deferCall(b)
  deferCall(a)
  deferCallEnd()
  deferCall(b)
  expect(calls).toEqual([])
  deferCallEnd()
  expect(calls).toEqual(['a', 'b'])
  deferCallBegin()
  deferCallEnd()
  expect(calls).toEqual(['a', 'b'])
})

test('B10: a deferred function is outside the section: what it defers is called at once', () => {
  const calls: string[] = []
  deferCallBegin()
  deferCall(() => {
    deferCall(() => calls.push('inner'))
    calls.push('outer')
  })
  deferCallEnd()
  expect(calls).toEqual(['inner', 'outer'])
})

test('B10, X1: every function is called even if some throw', () => {
  const calls: string[] = []
  deferCallBegin()
  deferCall(() => {
    throw new Error('one')
  })
  deferCall(() => void calls.push('between'))
  expect(() => deferCallEnd()).toThrow('one')
  expect(calls).toEqual(['between'])
  deferCallBegin()
  for (const name of ['one', 'two']) {
    deferCall(() => {
      throw new Error(name)
    })
  }
  expect(() => deferCallEnd()).toThrow(
    expect.objectContaining({ errors: [new Error('one'), new Error('two')] }),
  )
})

test('X3: an end without a begin, and what is no function, are errors', () => {
  expect(() => deferCallEnd()).toThrow(expect.objectContaining({ code: 'ERR_AIO_NOT_DEFERRING' }))
  expect(() => deferCall('x' as never)).toThrow('"fn" must be a function')
})
