import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { exitOnSignal } from './exit-on-signal.ts'
import { describeMachine } from './machine.ts'
import { draw } from './plot.ts'
import { showProgress } from './progress.ts'
import { report } from './report.ts'
import { type Results, toJson, writeFile } from './results.ts'
import type { Row } from './row.ts'
import { rows } from './rows/index.ts'
import { runRow, sampleCount } from './run-row.ts'

const MIN_ROUNDS = 5
const results = path.join(import.meta.dirname, '../results')

interface Options {
  rounds: number
  quick?: true
  list?: true
  json?: string
  svg?: string
}

const program = new Command('bench')
  .description('Measures aiokit and its peers on the same work, interleaved, and compares with the goals.')
  .argument('[row...]', 'rows to run (default: all)')
  .option('-r, --rounds <n>', `samples of each contender in each case`, positiveInteger, MIN_ROUNDS)
  .option('-q, --quick', 'few operations: shows that it works, not how fast it is')
  .option('-l, --list', 'list the rows and what they measure')
  .option('--json <file>', 'where the results go')
  .option('--svg <file>', 'where the plot goes')
  .addHelpText(
    'after',
    `
A run of all rows with at least ${MIN_ROUNDS} rounds writes results/latest.json and latest.svg, any other
results/local/last.json and last.svg. Only ratios within one run mean anything.`,
  )
  .action(main)

exitOnSignal()
await program.parseAsync()

async function main(names: string[], options: Options): Promise<void> {
  if (options.list) {
    for (const { name, title, what } of rows) console.log(`${name}: ${title}\n    ${what}\n`)
    return
  }
  const chosen = choose(names)
  const { rounds, quick = false } = options
  const run: Results = { date: new Date().toISOString(), machine: describeMachine(), rounds, quick, rows: [] }
  const { machine } = run
  console.log(
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load}; ` +
      `Linux ${machine.kernel}; Node ${machine.node}; ${rounds} rounds\n`,
  )
  for (const row of chosen) {
    const progress = showProgress(row.name, sampleCount(row, rounds))
    const result = await runRow(row, {
      rounds,
      quick,
      onSample: (step) =>
        progress.step(`round ${step.round + 1} of ${rounds}: ${step.contender}, ${step.case}`),
    })
    progress.stop()
    run.rows.push(result)
    console.log(report(result))
    if (result.cells.some((cell) => cell.failed !== undefined)) process.exitCode = 1
  }
  const isFull = chosen.length === rows.length && !quick && rounds >= MIN_ROUNDS
  const base = path.join(results, isFull ? 'latest' : 'local/last')
  const { json = `${base}.json`, svg = `${base}.svg` } = options
  writeFile(json, toJson(run))
  writeFile(svg, draw(run))
  console.log(`Results: ${path.relative('', json)}, ${path.relative('', svg)}`)
}

function choose(names: string[]): readonly Row[] {
  for (const name of names) {
    if (rows.every((row) => row.name !== name))
      program.error(`There is no row "${name}". The rows are: ${rows.map((row) => row.name).join(', ')}.`)
  }
  return names.length === 0 ? rows : rows.filter((row) => names.includes(row.name))
}

function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be an integer from 1.')
  return value
}
