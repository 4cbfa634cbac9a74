import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Verdict } from './goals.ts'
import type { Machine } from './machine.ts'
import type { Cell, Contender, Row } from './row.ts'
import type { Summary } from './statistics.ts'

/** Nanoseconds for one operation; or why there are none. */
export interface CellResult extends Cell, Partial<Summary> {
  ops?: number
  samples?: number[]
  /** The median of what the samples tell. */
  peakBytes?: number
  cpuNs?: number
  /** The same of what the row counts, for one operation. */
  count?: number
  unavailable?: string
  failed?: string
}

export interface RowResult extends Pick<Row, 'name' | 'title' | 'what' | 'op' | 'plot' | 'cpu' | 'counts'> {
  cases: string[]
  contenders: Pick<Contender, 'name' | 'kind'>[]
  cells: CellResult[]
  goals: Verdict[]
}

/** What a run writes. All times are nanoseconds. */
export interface Results {
  date: string
  machine: Machine
  rounds: number
  quick: boolean
  rows: RowResult[]
}

/** Undefined for a case that the contender does not do. */
export function findCell(row: RowResult, contender: string, theCase: string): CellResult | undefined {
  return row.cells.find((cell) => cell.contender === contender && cell.case === theCase)
}

export function writeFile(file: string, text: string): void {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
  writeFileSync(file, text)
}

/** Four digits say more than any sample does, and keep the differences of the committed file short. */
export function toJson(results: Results): string {
  const round = (_key: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value
  return `${JSON.stringify(results, round, 2)}\n`
}
