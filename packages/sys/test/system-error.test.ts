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
