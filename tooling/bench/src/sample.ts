import { parseArgs } from 'node:util'
import { exitOnSignal } from './exit-on-signal.ts'
import { type Sample, Unavailable } from './row.ts'
import { rows } from './rows/index.ts'
import { TestFile } from './test-file.ts'

// One sample of one contender, in a process of its own: prints one JSON line.

exitOnSignal()
const { positionals } = parseArgs({ allowPositionals: true })
const [rowName, contenderName, caseName, ops, warmup, path] = positionals
const row = rows.find(({ name }) => name === rowName)
const contender = row?.contenders.find(({ name }) => name === contenderName)
const theCase = row?.cases.find(({ name }) => name === caseName)
if (row === undefined || contender?.load === undefined || theCase === undefined) {
  throw new Error(
    'usage: sample.js ROW CONTENDER CASE [OPS [WARMUP [FILE]]], with the names that the row has',
  )
}
for (const [name, value] of Object.entries(contender.env ?? {})) {
  if (process.env[name] !== value) throw new Error(`this contender needs ${name}=${value} in its environment`)
}

const count = Number(ops ?? theCase.ops)
using file = path || row.fileMiB === undefined ? null : new TestFile(row.fileMiB)
const request = {
  case: theCase.name,
  ops: count,
  warmup: Number(warmup ?? theCase.warmup ?? Math.ceil(count / 4)),
  file: file?.path ?? path ?? '',
}
const { measure } = await contender.load()
let answer: Sample | { unavailable: string }
try {
  answer = await measure(request)
} catch (error) {
  if (!(error instanceof Unavailable)) throw error
  answer = { unavailable: error.message }
}
console.log(JSON.stringify(answer))
