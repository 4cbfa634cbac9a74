// The packages whose tests are run, and how one of them is tested.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** All that is published or made with it, by name: the folder. */
export const packages = new Map(
  ['packages', 'apps']
    .flatMap((group) => readdirSync(path.join(root, group)).map((name) => path.join(root, group, name)))
    .filter((folder) => existsSync(path.join(folder, 'vitest.config.ts')))
    .map((folder) => [JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).name, folder]),
)

/** The environment in which everything that is called "node" is `program`. */
export function environmentOf(program) {
  const { NODE_OPTIONS: _, ...env } = process.env
  return { ...env, PATH: `${path.dirname(program)}:${env.PATH}` }
}

/**
 * Runs vitest, and with it the processes of the tests, under `program`.
 *
 * @param {string} folder of the package
 * @returns {{ passed: number, skipped: number, failed: number, seconds: number, ok: boolean, output: string }} `output`
 *   is what vitest wrote
 */
export function test(program, folder) {
  const vitest = createRequire(path.join(folder, 'package.json')).resolve('vitest/package.json')
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'aiokit-matrix-'))
  try {
    const report = path.join(temporary, 'report.json')
    const start = performance.now()
    const { status, signal, stdout, stderr } = spawnSync(
      program,
      [
        path.join(path.dirname(vitest), 'vitest.mjs'),
        'run',
        ...['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`],
      ],
      { cwd: folder, env: environmentOf(program), encoding: 'utf8', maxBuffer: 2 ** 28 },
    )
    const seconds = (performance.now() - start) / 1000
    // If vitest itself does not run there is none.
    const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
    const { numPassedTests: passed = 0, numPendingTests: skipped = 0, numFailedTests: failed = 0 } = counts
    const output = `${stdout}${stderr}${signal === null ? '' : `vitest was ended by ${signal}.\n`}`
    return { passed, skipped, failed, seconds, ok: status === 0 && passed > 0, output }
  } finally {
    rmSync(temporary, { recursive: true })
  }
}
