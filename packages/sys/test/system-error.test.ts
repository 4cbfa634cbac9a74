import { readSync } from 'node:fs'
import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { check, close, read, SystemError } from '../src/index.ts'

test('X2: a system error has the code, errno, syscall and message that Node gives', () => {
  let ours: unknown
  let nodes: unknown
  try {
    check(read(999_999, new Uint8Array(1)), 'read')
  } catch (error) {
    ours = error
  }
  try {
    readSync(999_999, new Uint8Array(1))
  } catch (error) {
    nodes = error
  }
  const { code, errno, syscall, message } = nodes as SystemError
  expect(ours).toBeInstanceOf(SystemError)
  expect(ours).toMatchObject({ code, errno, syscall, message })
})

test('X2: every errno of the platform has a name, also those that libuv does not know', () => {
  for (const [name, value] of Object.entries(constants.errno)) {
    const { code, errno } = new SystemError(-value, 'test')
    expect(errno).toBe(-value)
    // EAGAIN and EWOULDBLOCK, ENOTSUP and EOPNOTSUPP, EDEADLK and EDEADLOCK share a number.
    expect((constants.errno as Record<string, number>)[code], name).toBe(value)
  }
})

test('X2: the stack begins at the caller, and a result that is no error comes back', () => {
  expect(check(7, 'read')).toBe(7)
  const attempt = () => check(close(-1), 'close')
  expect(attempt).toThrow(
    expect.objectContaining({ code: 'EBADF', stack: expect.stringMatching(/\n +at attempt/) }),
  )
})

test('X2: what is no result, no name or no detail is refused with a code', () => {
  const anything: never[] = [Symbol('odd'), 1n, {}, null, undefined, () => {}] as never[]
  const code = 'ERR_AIO_INVALID_ARG_TYPE'
  for (const odd of anything) {
    expect(() => check(odd, 'read')).toThrow(expect.objectContaining({ code }))
    expect(() => check(-1, odd)).toThrow(expect.objectContaining({ code }))
    expect(() => new SystemError(odd, 'read')).toThrow(expect.objectContaining({ code }))
    if (odd !== undefined) expect(() => check(-1, 'read', odd)).toThrow(expect.objectContaining({ code }))
  }
  for (const errno of [0, 1, -1.5, Number.NaN])
    expect(() => new SystemError(errno, 'read')).toThrow(
      expect.objectContaining({ code: 'ERR_AIO_OUT_OF_RANGE' }),
    )
})
