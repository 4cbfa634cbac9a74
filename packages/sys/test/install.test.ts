import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-install-'))
afterAll(() => rmSync(folder, { recursive: true }))

function install(name: string, environment: Record<string, string>) {
  const copy = path.join(folder, name)
  for (const part of ['native', 'scripts', 'package.json'])
    cpSync(path.join(root, part), path.join(copy, part), { recursive: true })
  return run(copy, environment)
}

function run(copy: string, environment: Record<string, string>) {
  return spawnSync(process.execPath, ['scripts/install.mjs'], {
    cwd: copy,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...environment },
  })
}

test('a missing compiler gives one sentence that says what to install', () => {
  const { status, stderr } = install('missing', { CC: 'no-such-compiler' })
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /^The C compiler "no-such-compiler" could not be started \(ENOENT\): install one .*\n$/,
  )
})

test('a compiler that fails says why', () => {
  const { status, stderr } = install('failing', { CC: 'cc -include no-such-header.h' })
  expect(status).toBe(1)
  expect(stderr).toContain('failed to compile @aiokit/sys')
  expect(stderr).toContain('no-such-header.h')
})

test('without a prebuilt binary it compiles, without a word', () => {
  const { status, stdout, stderr } = install('compiling', {})
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
})

test('it compiles again when a source, a flag, the compiler or the machine has changed, and only then', {
  // Five compilations, on a machine that may be busy with everything else.
  timeout: 180_000,
}, () => {
  expect(install('again', {}).status).toBe(0)
  const copy = path.join(folder, 'again')
  const binary = path.join(copy, 'build/Release/aiokit_sys.node')
  /** Whether the next installation makes a new file. */
  const compiles = (environment: Record<string, string> = {}) => {
    const before = statSync(binary).ino
    expect(run(copy, environment)).toMatchObject({ status: 0, stderr: '' })
    return statSync(binary).ino !== before
  }
  expect(compiles()).toBe(false)
  // As a checkout of another branch does, or a package that is unpacked: with a time that says nothing.
  const change = (file: string, text: string) => {
    appendFileSync(path.join(copy, file), text)
    utimesSync(path.join(copy, file), 1, 1)
  }
  change('native/fd.c', '/* changed */')
  expect([compiles(), compiles()], 'a source').toEqual([true, false])
  change('scripts/compile.mjs', '// changed')
  expect([compiles(), compiles()], 'the flags').toEqual([true, false])
  expect([compiles({ CC: 'cc -g0' }), compiles({ CC: 'cc -g0' })], 'CC').toEqual([true, false])
  writeFileSync(binary, 'what does not load is for another machine')
  expect([compiles({ CC: 'cc -g0' }), compiles({ CC: 'cc -g0' })], 'the machine').toEqual([true, false])
})

test('offsets and times have 64 bits, also on a machine whose words have 32', () => {
  const header = path.join(folder, 'wide.h')
  writeFileSync(
    header,
    '#if _FILE_OFFSET_BITS != 64 || _TIME_BITS != 64\n#error 32 bits where a machine has no more\n#endif\n',
  )
  expect(install('wide', { CC: `cc -include ${header}` })).toMatchObject({ status: 0, stderr: '' })
})
