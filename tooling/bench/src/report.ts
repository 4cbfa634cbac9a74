import { styleText } from 'node:util'
import Table from 'cli-table3'
import { caseName, duration, memory, oneIn } from './format.ts'
import type { CellResult, RowResult } from './results.ts'

const WIDTH = 100

/** A row as a person reads it in a terminal. */
export function report(row: RowResult): string {
  const hasPeaks = row.cells.some(({ peakBytes }) => peakBytes !== undefined)
  const peakHead = hasPeaks ? ['peak memory'] : []
  const cpuHead = row.cpu ? ['processor time'] : []
  const countHead = row.counts === undefined ? [] : [row.counts]
  const table = new Table({
    head: ['', 'contender', `median per ${row.op}`, 'least', 'most', ...cpuHead, ...peakHead, ...countHead],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const name of row.cases) {
    const cells = row.cells.filter((cell) => cell.case === name)
    for (const [i, cell] of cells.entries())
      table.push([i === 0 ? caseName(name) : '', cell.contender, ...figures(cell, row, hasPeaks)])
  }
  const lines = [
    styleText('bold', `${row.name}: ${row.title}`),
    ...wrap(row.what).map((line) => styleText('gray', line)),
    table.toString(),
    ...row.goals.map(({ text, met }) => {
      const line = `  goal: ${text}`
      return met === null ? styleText('gray', line) : styleText(met ? 'green' : 'red', line)
    }),
    ...reasons(row),
  ]
  return `${lines.join('\n')}\n`
}

function figures(cell: CellResult, row: RowResult, hasPeaks: boolean): string[] {
  const { median, min, max, cpuNs, peakBytes, count, failed } = cell
  const cpu = row.cpu ? [cpuNs === undefined ? '' : duration(cpuNs)] : []
  const peak = hasPeaks ? [peakBytes === undefined ? '' : memory(peakBytes)] : []
  const counted = row.counts !== undefined ? [count === undefined ? '' : oneIn(count)] : []
  const others = [...cpu, ...peak, ...counted]
  if (median === undefined) return [failed === undefined ? 'not available' : 'failed', '', '', ...others]
  return [duration(median), duration(min!), duration(max!), ...others]
}

/** Why contenders are missing, once for each. */
function reasons(row: RowResult): string[] {
  const lines = row.cells.flatMap(({ contender, unavailable, failed }) => {
    if (unavailable !== undefined) return [styleText('yellow', `  ${contender} was left out: ${unavailable}`)]
    return failed === undefined ? [] : [styleText('red', `  ${contender} failed: ${failed}`)]
  })
  return [...new Set(lines)]
}

function wrap(text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line.length + word.length < WIDTH) lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
