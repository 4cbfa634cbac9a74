import * as errors from '@aiokit/errors'
import { expect, test } from 'vitest'
import * as aiokit from '../src/index.ts'

test('what the packages check arguments and make errors with is not exported', () => {
  expect(Object.keys(errors).filter((name) => name in aiokit)).toEqual([])
})

test('X2: the code of a misuse has a type', () => {
  const code: aiokit.AioErrorCode = 'ERR_AIO_FDMON'
  expect(() => new aiokit.AioContext({ fdmon: 'kqueue' as never })).toThrow(expect.objectContaining({ code }))
})
