import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, expect, test } from 'vitest'
import {
  type Caller,
  call,
  callWith,
  captureScope,
  captureScopeIfHosted,
  countHosted,
  setCaller,
} from '../src/index.ts'

afterEach(() => void setCaller(null))

test('A3: unless somebody has said otherwise a callback is called directly, and throws to who calls', () => {
  const seen: unknown[] = []
  const target = {}
  function note(this: unknown, ...given: unknown[]): void {
    seen.push(this === target, given)
  }
  call(note, target, null)
  callWith(note, target, null, 1, 2)
  expect(seen).toEqual([true, [], true, [1, 2]])
  const error = new Error('mine')
  expect(() =>
    call(
      () => {
        throw error
      },
      null,
      null,
    ),
  ).toThrow(error)
})

test('A3: who runs the loop may call in another way, and the former caller comes back', () => {
  const calls: unknown[] = []
  const caller: Caller = (callback, target, scope, a, b) => {
    calls.push(scope)
    callback.call(target, a, b)
  }
  expect(setCaller(caller)).toBe(null)
  const scope = captureScope('TEST')
  callWith((a, b) => void calls.push(a, b), null, scope, 3, 4)
  call(() => void calls.push('called'), null, null)
  expect(calls).toEqual([scope, 3, 4, null, 'called'])
  expect(setCaller(null)).toBe(caller)
})

test('A3: the scope is that of the moment in which it was taken', () => {
  const storage = new AsyncLocalStorage<string>()
  const scope = storage.run('inside', () => captureScope('TEST'))
  expect(storage.run('outside', () => scope.runInAsyncScope(() => storage.getStore()))).toBe('inside')
})

test('A3: for what is called once a scope is taken only while a host loop runs something', () => {
  expect(captureScopeIfHosted('TEST')).toBe(null)
  countHosted(1)
  expect(captureScopeIfHosted('TEST')).not.toBe(null)
  countHosted(-1)
  expect(captureScopeIfHosted('TEST')).toBe(null)
})
