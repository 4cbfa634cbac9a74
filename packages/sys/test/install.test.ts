import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
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
