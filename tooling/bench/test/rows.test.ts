import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { rows } from '../src/rows/index.ts'

test.each(rows)('$name: goals, counts and programs refer to what there is', (row) => {
  const contenders = row.contenders.map(({ name }) => name)
  const cases = row.cases.map(({ name }) => name)
  expect(new Set(contenders).size).toBe(contenders.length)
  expect(new Set(cases).size).toBe(cases.length)
  expect(row.goals.length).toBeGreaterThan(0)
  for (const goal of row.goals) {
    if (goal.kind === 'seldom') expect(row.counts).toBeDefined()
    if (goal.kind === 'processor') expect(row.cpu).toBe(true)
    for (const cell of goal.kind === 'seldom' ? [goal.of] : [goal.of, goal.against]) {
      const contender = row.contenders.find(({ name }) => name === cell.contender)
      expect(contender, cell.contender).toBeDefined()
      expect(contender!.cases ?? cases).toContain(cell.case)
    }
  }
  for (const { load, floor, ops, cases: some = [] } of row.contenders) {
    for (const name of some) expect(cases).toContain(name)
    expect([load, floor].filter((way) => way !== undefined).length).toBe(1)
    if (floor) expect(existsSync(path.join(import.meta.dirname, `../floor/${floor}.c`))).toBe(true)
    for (const name of Object.keys(ops ?? {})) expect(cases).toContain(name)
  }
  if (row.plot === 'lines') for (const name of cases) expect(Number(name)).toBeGreaterThan(0)
})
