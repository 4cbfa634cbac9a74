import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { hasIoUring } from '@aiokit/testing'
import { afterAll, expect, test } from 'vitest'
import type { Results, RowResult } from '../src/results.ts'
import { rows } from '../src/rows/index.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-bench-'))
const json = path.join(folder, 'results.json')
const svg = path.join(folder, 'deep/plot.svg')

/** What a goal says of what was measured; without io_uring not everything is. */
const MEASURED = /: [^:]+, (met|missed)$/
const NOT_ALL = /: not measured$|: [^:]+, (met|missed)$/
const ring = hasIoUring()

afterAll(() => rmSync(folder, { recursive: true }))

function bench(args: string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, [path.join(import.meta.dirname, '../bin/bench.js'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
}

function quick(names: string[], env?: Record<string, string>) {
  const { status, stdout, stderr } = bench(
    [...names, '--quick', '--rounds', '1', '--json', json, '--svg', svg],
    env,
  )
  expect(status, stderr).toBe(0)
  const results: Results = JSON.parse(readFileSync(json, 'utf8'))
  return { results, plot: readFileSync(svg, 'utf8'), stdout, stderr }
}

function expectMeasured(row: RowResult): void {
  for (const cell of row.cells) {
    expect(cell.failed, cell.contender).toBeUndefined()
    if (cell.unavailable !== undefined) continue
    expect(cell.median, cell.contender).toBeGreaterThan(0)
    // In a quick run it may be nothing that can be counted.
    expect(typeof cell.cpuNs, cell.contender).toBe(row.cpu ? 'number' : 'undefined')
  }
}

test('a quick run of two rows leaves results and a plot of both, in their own order', () => {
  const { results, plot, stdout, stderr } = quick(['nested', 'dispatch-floor'])
  expect(results).toMatchObject({
    quick: true,
    rounds: 1,
    machine: { node: process.version, kernel: expect.any(String), cpu: expect.any(String) },
  })
  expect(new Date(results.date).getTime()).toBeLessThanOrEqual(Date.now())
  expect(results.rows.map(({ name }) => name)).toEqual(['dispatch-floor', 'nested'])
  for (const row of results.rows) {
    expectMeasured(row)
    expect(row.cells.length).toBe(row.cases.length * row.contenders.length)
    expect(plot).toContain(row.title)
    for (const { text } of row.goals) {
      expect(text).toMatch(ring ? MEASURED : NOT_ALL)
      expect(stdout).toContain(`goal: ${text}`)
    }
  }
  expect(plot).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
  expect(plot).not.toMatch(/NaN|undefined|Infinity/)
  expect(plot).toContain('A QUICK RUN')
  expect(stderr).toContain('nested: round 1 of 1')
})

test('every row runs, and some show processor time', () => {
  const { results, plot, stdout } = quick([])
  expect(results.rows.map(({ name }) => name)).toEqual(rows.map(({ name }) => name))
  for (const row of results.rows) expectMeasured(row)
  expect(stdout).toContain('processor time')
  expect(plot).toContain('time · processor time per')
}, 600_000)

test('a contender that cannot run is named with the reason, and the others are measured', () => {
  const { results, plot, stdout } = quick(['dispatch-floor'], { CC: '/nonexistent/cc' })
  const [row] = results.rows
  for (const { contender, median, unavailable } of row!.cells) {
    if (contender === 'aiokit on io_uring' && !ring)
      expect(unavailable).toContain('io_uring cannot be used here')
    else if (contender.startsWith('aiokit')) expect(median).toBeGreaterThan(0)
    else expect([median, unavailable]).toEqual([undefined, expect.stringContaining('/nonexistent/cc')])
  }
  expect(row!.goals.every(({ met }) => met === null)).toBe(true)
  expect(stdout).toContain(
    'C on epoll was left out: needs a C compiler, and "/nonexistent/cc" could not be started',
  )
  expect(stdout).toContain('1.5 x the C floor, on epoll: not measured')
  expect(plot).toContain('not available')
  expect(plot).not.toMatch(/NaN|undefined|Infinity/)
})

test('a contender that breaks makes the run fail, after the others were measured', () => {
  const { status, stdout } = bench(
    ['dispatch-floor', '--quick', '--rounds', '1', '--json', json, '--svg', svg],
    { CC: 'cc --no-such-option' },
  )
  expect(status).toBe(1)
  expect(stdout).toMatch(/C on epoll failed: "cc" failed to compile .*no-such-option/s)
  const results: Results = JSON.parse(readFileSync(json, 'utf8'))
  const aiokit = results.rows[0]!.cells.find(({ contender }) => contender === 'aiokit on epoll')
  expect(aiokit!.median).toBeGreaterThan(0)
})

test('a row that does not exist is an error that names those that do', () => {
  const { status, stderr } = bench(['nested', 'dispatch-flor'])
  expect(status).toBe(1)
  expect(stderr).toContain('There is no row "dispatch-flor".')
  for (const { name } of rows) expect(stderr).toContain(name)
})

test('a bad number of rounds is refused', () => {
  for (const rounds of ['0', 'many']) {
    const { status, stderr } = bench(['nested', '--rounds', rounds])
    expect([status, stderr]).toEqual([1, expect.stringContaining('It must be an integer from 1.')])
  }
})

test('the list says what each row measures', () => {
  const { status, stdout } = bench(['--list'])
  expect(status).toBe(0)
  for (const { name, what } of rows) {
    expect(stdout).toContain(`${name}: `)
    expect(stdout).toContain(what)
  }
})
