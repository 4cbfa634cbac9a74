import { defineTask, type Task } from '@aiokit/task'
import { expect, test } from 'vitest'
import { TaskFunctions } from '../src/task-functions.ts'
import { MAX_TASKS, TaskNumbers } from '../src/task-numbers.ts'

const nth = (i: number): Task => defineTask('/tasks.mjs', `task${i}`)

test('X6: of 100,000 tasks that nobody uses any more none is kept but the last', async () => {
  const numbers = new TaskNumbers()
  const made = Array.from({ length: 100_000 }, (_, i) => {
    const task = nth(i)
    numbers.numbered(task)
    return new WeakRef(task)
  })
  expect(numbers.count).toBe(MAX_TASKS)
  // What was dereferenced or made in this turn is kept for its end.
  await new Promise(setImmediate)
  globalThis.gc!()
  expect(made.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(10)
})

test('W1: a task has one number, by whichever object it is given', () => {
  const numbers = new TaskNumbers()
  const [first, second] = [nth(1), nth(2)]
  const { number } = numbers.numbered(first)
  expect(numbers.numbered(nth(1)).number).toBe(number)
  expect(numbers.numbered(second).number).not.toBe(number)
  expect(numbers.numbered(first)).toMatchObject({ module: 'file:///tasks.mjs', exportName: 'task1', number })
})

test('W1: a task that was forgotten never has the number of another', () => {
  const numbers = new TaskNumbers()
  const seen = new Map<number, string>()
  const kept = nth(0)
  for (let i = 0; i < 3 * MAX_TASKS; i++) {
    for (const task of [nth(i), nth(i % 7), kept]) {
      const { number, exportName } = numbers.numbered(task)
      expect(exportName).toBe(task.exportName)
      expect(seen.get(number) ?? exportName).toBe(exportName)
      seen.set(number, exportName)
    }
  }
})

test('X6: a thread keeps the last functions that it has loaded', () => {
  const functions = new TaskFunctions()
  for (let i = 0; i < 3 * MAX_TASKS; i++) {
    functions.add(i, () => i)
    expect(functions.get(i)!(undefined)).toBe(i)
    if (i > 0) expect(functions.get(i - 1)!(undefined)).toBe(i - 1)
  }
  expect(functions.count).toBe(MAX_TASKS)
  expect(functions.get(0)).toBe(undefined)
})
