import { parseArgs } from 'node:util'
import { type Sample, Unavailable } from './row.ts'
import { rows } from './rows/index.ts'

// One sample of one contender, in a process of its own: prints one JSON line.

const { positionals } = parseArgs({ allowPositionals: true })
const [rowName, contenderName, caseName, ops, warmup] = positionals
const row = rows.find(({ name }) => name === rowName)
const contender = row?.contenders.find(({ name }) => name === contenderName)
const theCase = row?.cases.find(({ name }) => name === caseName)
if (contender?.load === undefined || theCase === undefined) {
  throw new Error('usage: sample.js ROW CONTENDER CASE [OPS [WARMUP]], with the names that the row has')
}

const count = Number(ops ?? theCase.ops)
const request = {
  case: theCase.name,
  ops: count,
  warmup: Number(warmup ?? theCase.warmup ?? Math.ceil(count / 4)),
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
