import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  defineTask,
  importTask,
  loadTask,
  packThrown,
  requireTask,
  type Task,
  type TaskOf,
  unpackThrown,
} from '../src/index.ts'
import { annotated, half, plain, spelled } from './fixtures/annotated.mjs'

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url)

describe('defineTask', () => {
  test('W1: a task is the full URL of a module and the name of an export', () => {
    const url = fixture('exports.mjs')
    const expected = { module: url.href, exportName: 'double' }
    expect(defineTask(url, 'double')).toEqual(expected)
    expect(defineTask(url.href, 'double')).toEqual(expected)
    expect(defineTask(url.pathname, 'double')).toEqual(expected)
    expect(defineTask(url).exportName).toBe('default')
  })

  test('W1: a task can be sent to another thread', () => {
    const { port1, port2 } = new MessageChannel()
    const task = defineTask<number, number>(fixture('exports.mjs'))
    port1.postMessage(task)
    expect(requireTask(receiveMessageOnPort(port2)!.message)).toEqual(task)
    port1.close()
  })

  test('X3: a relative module, a function and other things that are no task are refused', () => {
    expect(() => defineTask('./exports.mjs')).toThrow(
      expect.objectContaining({
        code: 'ERR_AIO_RELATIVE_MODULE',
        message: expect.stringContaining('new URL("./exports.mjs", import.meta.url)'),
      }),
    )
    for (const wrong of [null, 5, {}, Symbol('x')]) {
      expect(() => defineTask(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
      )
      expect(() => requireTask(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
      )
    }
    expect(() => defineTask(fixture('exports.mjs'), 5 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
    expect(() => requireTask((() => {}) as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }),
    )
  })

  test('W1: the types of a function become those of its task', () => {
    const typed = defineTask<(text: string) => Promise<number>>(fixture('exports.mjs'))
    expectTypeOf(typed).toEqualTypeOf<Task<string, number>>()
    expectTypeOf(defineTask<() => void>(fixture('exports.mjs'))).toEqualTypeOf<Task<undefined, void>>()
    expectTypeOf(defineTask<string, number>(fixture('exports.mjs'))).toEqualTypeOf<Task<string, number>>()
    expectTypeOf(defineTask(fixture('exports.mjs'))).toEqualTypeOf<Task<unknown, unknown>>()
    expectTypeOf<TaskOf<(text: string) => Promise<number>>>().toEqualTypeOf<Task<string, number>>()
    // What is wanted of it says what it is.
    const wanted: Task<string, number> = defineTask(fixture('exports.mjs'))
    expectTypeOf(wanted).toEqualTypeOf<Task<string, number>>()
    // @ts-expect-error It gives a number.
    wanted satisfies Task<string, string>
  })

  test('W1: in JavaScript an annotation makes a task typed, and without one it is anything', async () => {
    expectTypeOf(annotated).toEqualTypeOf<Task<number, number>>()
    expectTypeOf(spelled).toEqualTypeOf<Task<number, string>>()
    expectTypeOf<Parameters<NonNullable<typeof plain.types>>[0]>().toBeAny()
    expectTypeOf<ReturnType<NonNullable<typeof plain.types>>>().toBeAny()
    for (const task of [annotated, spelled, plain]) expect(await importTask(task)).toBe(half)
  })
})

describe.each([
  ['loadTask', async (task: Task) => loadTask(task)],
  ['importTask', importTask],
])('%s', (_name, load) => {
  test('W1: finds default and named exports, of modules and of CommonJS', async () => {
    expect((await load(defineTask(fixture('exports.mjs'))))(1)).toBe(2)
    expect((await load(defineTask(fixture('exports.mjs'), 'double')))(4)).toBe(8)
    expect((await load(defineTask(fixture('common.cjs'))))(1)).toBe(0)
    expect((await load(defineTask(fixture('common.cjs'), 'triple')))(2)).toBe(6)
  })

  test('W1: a missing export is an error that names those there are', async () => {
    await expect(load(defineTask(fixture('exports.mjs'), 'halve'))).rejects.toMatchObject({
      code: 'ERR_AIO_NO_TASK',
      message: expect.stringContaining('default, double, notAFunction'),
    })
    await expect(load(defineTask(fixture('exports.mjs'), 'notAFunction'))).rejects.toMatchObject({
      code: 'ERR_AIO_NO_TASK',
    })
  })

  test('W1: a module that cannot be loaded is an error with its cause', async () => {
    await expect(load(defineTask(fixture('broken.mjs')))).rejects.toMatchObject({
      code: 'ERR_AIO_TASK_MODULE',
      cause: expect.objectContaining({ message: 'broken on purpose' }),
    })
    await expect(load(defineTask(fixture('missing.mjs')))).rejects.toMatchObject({
      code: 'ERR_AIO_TASK_MODULE',
    })
  })
})

test('W1: a URL with a query names another module than its file, which cannot be loaded at once', async () => {
  const task = defineTask(new URL('?other', fixture('exports.mjs')), 'double')
  expect(() => loadTask(task)).toThrow(expect.objectContaining({ code: 'ERR_AIO_TASK_MODULE' }))
  expect(await importTask(task)).not.toBe(loadTask(defineTask(fixture('exports.mjs'), 'double')))
})

test('W1: what is thrown can be sent for sure, also if its getters give something once only', () => {
  let looks = 0
  const odd = {
    get once() {
      if (looks++ > 0) throw new Error('again')
      return 1
    },
  }
  const sent = structuredClone(packThrown(odd))
  expect(unpackThrown(sent)).toEqual({ once: 1 })
  looks = 0
  expect(unpackThrown(structuredClone(packThrown(Object.assign(new Error('e'), { odd }))))).toMatchObject({
    message: 'e',
    odd: { once: 1 },
  })
})

describe('modules that take their time', () => {
  test('importTask waits for them, loadTask says that it cannot', async () => {
    expect((await importTask(defineTask(fixture('late.mjs'), 'late')))(7)).toBe(7)
    expect((await importTask(defineTask('data:text/javascript,export default () => 3')))(0)).toBe(3)
    expect(() => loadTask(defineTask('data:text/javascript,export default () => 3'))).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_TASK_MODULE' }),
    )
  })
})
