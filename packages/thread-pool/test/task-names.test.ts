import type { Task } from '@aiokit/task'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NAME_PLACES, WORDS } from '../src/pool-layout.ts'
import { TaskNames } from '../src/task-names.ts'

const newNames = (): TaskNames => new TaskNames(new Int32Array(new SharedArrayBuffer(4 * WORDS)))
const named = (module: string, exportName: string, number: number) =>
  ({ module, exportName, number }) as Task & { number: number }

test('W1: a thread reads what a task is called, or nothing', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          module: fc.string({ maxLength: 400, unit: 'binary' }),
          exportName: fc.string({ maxLength: 200 }),
        }),
      ),
      (tasks) => {
        const names = newNames()
        for (const [i, { module, exportName }] of tasks.entries()) names.write(named(module, exportName, i))
        for (const [i, { module, exportName }] of tasks.entries()) {
          const isShort = module.length + exportName.length <= 509
          expect(names.read(i)).toEqual(isShort ? { module, exportName } : null)
        }
        expect(names.read(tasks.length)).toBe(null)
      },
    ),
  )
})

test('W1: a name that gave its place to another is not found', () => {
  const names = newNames()
  names.write(named('file:///a.mjs', 'one', 5))
  names.write(named('file:///b.mjs', 'two', 5 + NAME_PLACES))
  expect(names.read(5)).toBe(null)
  expect(names.read(5 + NAME_PLACES)).toEqual({ module: 'file:///b.mjs', exportName: 'two' })
  names.write(named('x'.repeat(1000), 'three', 5 + 2 * NAME_PLACES))
  expect(names.read(5 + NAME_PLACES)).toBe(null)
})
