import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import * as sys from '../src/index.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-sys-'))
afterAll(() => rmSync(folder, { recursive: true }))

const bytesOf = (name: string) => Buffer.from(`${name}\0`)
const open = () => sys.check(sys.inotifyInit1(sys.IN_CLOEXEC | sys.IN_NONBLOCK), 'inotify_init1')

/** All that there is to read, in parts of `size` bytes. */
function readEvents(fd: number, size: number): sys.InotifyEvent[] {
  const events: sys.InotifyEvent[] = []
  // Not at the beginning of its memory.
  const buffer = new Uint8Array(size + 3).subarray(3)
  for (;;) {
    const count = sys.read(fd, buffer)
    if (count === -sys.EAGAIN) return events
    events.push(...sys.inotifyEvents(buffer, sys.check(count, 'read')))
  }
}

test('what happens in a folder is told with its names, in order, also when it is read in small parts', () => {
  let folders = 0
  const name = fc
    .stringMatching(/^[^/\0]{1,40}$/)
    .filter((name) => !['.', '..', 'to'].includes(name) && Buffer.from(name).toString() === name)
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: sys.INOTIFY_EVENT_MAX, max: 2000 }),
      (names, size) => {
        const here = path.join(folder, `${++folders}`)
        mkdirSync(here)
        const fd = open()
        const mask = sys.IN_CREATE | sys.IN_DELETE | sys.IN_MOVED_FROM | sys.IN_MOVED_TO | sys.IN_CLOSE_WRITE
        const watch = sys.check(sys.inotifyAddWatch(fd, bytesOf(here), mask), 'inotify_add_watch')
        const expected: object[] = []
        for (const name of names) {
          const file = path.join(here, name)
          writeFileSync(file, 'x')
          expected.push({ watch, mask: sys.IN_CREATE, cookie: 0, name })
          expected.push({ watch, mask: sys.IN_CLOSE_WRITE, cookie: 0, name })
          renameSync(file, `${here}/to`)
          expected.push({ watch, mask: sys.IN_MOVED_FROM, cookie: expect.any(Number), name })
          expected.push({ watch, mask: sys.IN_MOVED_TO, cookie: expect.any(Number), name: 'to' })
          unlinkSync(`${here}/to`)
          expected.push({ watch, mask: sys.IN_DELETE, cookie: 0, name: 'to' })
        }
        const events = readEvents(fd, size)
        expect(events).toEqual(expected)
        // Both halves of a renaming have the same cookie, and no other has it.
        const cookies = events.filter(({ cookie }) => cookie !== 0).map(({ cookie }) => cookie)
        expect(new Set(cookies).size).toBe(names.length)
        expect(sys.inotifyRmWatch(fd, watch)).toBe(0)
        expect(readEvents(fd, size)).toEqual([{ watch, mask: sys.IN_IGNORED, cookie: 0, name: '' }])
        sys.close(fd)
      },
    ),
    { numRuns: 30 },
  )
})

test('a file is watched itself, once if so asked; a folder says that it is one', () => {
  const fd = open()
  const file = path.join(folder, 'file')
  writeFileSync(file, '')
  // The highest bit makes it negative in JavaScript.
  const watch = sys.check(sys.inotifyAddWatch(fd, bytesOf(file), sys.IN_MODIFY | sys.IN_ONESHOT), 'add')
  for (let i = 0; i < 2; i++) writeFileSync(file, 'x')
  expect(readEvents(fd, 300)).toEqual([
    { watch, mask: sys.IN_MODIFY, cookie: 0, name: '' },
    { watch, mask: sys.IN_IGNORED, cookie: 0, name: '' },
  ])
  sys.check(sys.inotifyAddWatch(fd, bytesOf(folder), sys.IN_CREATE), 'add')
  mkdirSync(path.join(folder, 'inner'))
  expect(readEvents(fd, 300)).toMatchObject([{ mask: sys.IN_CREATE | sys.IN_ISDIR, name: 'inner' }])
  expect(sys.fcntl(fd, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
  sys.close(fd)
})

test('X2: what cannot be watched is -errno', () => {
  const fd = open()
  const file = path.join(folder, 'plain')
  writeFileSync(file, '')
  expect(sys.inotifyAddWatch(fd, bytesOf(path.join(folder, 'missing')), sys.IN_OPEN)).toBe(-sys.ENOENT)
  expect(sys.inotifyAddWatch(fd, bytesOf(folder), 0)).toBe(-sys.EINVAL)
  expect(sys.inotifyAddWatch(fd, Buffer.from(folder), sys.IN_OPEN)).toBe(-sys.EINVAL)
  expect(sys.inotifyAddWatch(99_999, bytesOf(folder), sys.IN_OPEN)).toBe(-sys.EBADF)
  expect(sys.inotifyRmWatch(fd, 7)).toBe(-sys.EINVAL)
  expect(sys.inotifyInit1(1)).toBe(-sys.EINVAL)
  sys.close(fd)
})

test('X3: what is no whole event is refused', () => {
  const header = new Uint8Array(new Uint32Array([1, sys.IN_OPEN, 0, 16]).buffer)
  const bytes = new Uint8Array([...header, ...Buffer.from('name'.padEnd(16, '\0'))])
  expect(sys.inotifyEvents(bytes, 32)).toEqual([{ watch: 1, mask: sys.IN_OPEN, cookie: 0, name: 'name' }])
  expect(sys.inotifyEvents(bytes, 0)).toEqual([])
  const code = (value: string) => expect.objectContaining({ code: value })
  for (let length = 1; length < 32; length++)
    expect(() => sys.inotifyEvents(bytes, length)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  for (const length of [33, -sys.EAGAIN, 0.5, Number.NaN])
    expect(() => sys.inotifyEvents(bytes, length)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  for (const wrong of [null, [1], new DataView(bytes.buffer), bytes.buffer] as unknown[])
    expect(() => sys.inotifyEvents(wrong as Uint8Array, 0)).toThrow(code('ERR_AIO_INVALID_ARG_TYPE'))
  // Whatever the bytes are, it ends, with events or an error that says so.
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (any) => {
      try {
        return sys.inotifyEvents(any, any.length).length <= any.length / 16
      } catch (error) {
        return (error as { code: string }).code === 'ERR_AIO_OUT_OF_RANGE'
      }
    }),
  )
})
