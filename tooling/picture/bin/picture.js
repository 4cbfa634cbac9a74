// Runs src/program.mjs with AIOKIT_TRACE and draws the fastest of the times that its server was asked for something, as a
// viewer would show it: packages/trace/trace.svg.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { allSlices, checkTrace } from '@aiokit/trace-format'
import { draw } from '../src/draw.js'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-picture-'))
const file = path.join(folder, 'trace.json')
try {
  execFileSync(process.execPath, [path.join(import.meta.dirname, '../src/program.mjs')], {
    env: { ...process.env, AIOKIT_TRACE: file },
    stdio: 'inherit',
    timeout: 30_000,
  })
  const trace = checkTrace(readFileSync(file, 'latin1'))
  const slices = [...allSlices(trace.slices)]
  const named = (name) => slices.filter((slice) => slice.name === name)
  const questions = named('onQuestion')
  const times = named('reply').map((reply, i) => ({ question: questions[i], reply }))
  // When the machine has done nothing else, of those in which the server polls for the answers and then sleeps.
  const took = ({ question, reply }) => reply.endUs - question.beginUs
  const has = (cat, { question, reply }) =>
    slices.some((one) => one.cat === cat && one.beginUs > question.endUs && one.endUs < reply.beginUs)
  const some = times.filter((one) => has('polling', one) && has('wait', one))
  const { question, reply } = some.sort((a, b) => took(a) - took(b))[0]
  const around = (reply.endUs - question.beginUs) / 8
  const svg = draw(trace, question.beginUs - 1.5 * around, reply.endUs + around)
  writeFileSync(path.join(import.meta.dirname, '../../../packages/trace/trace.svg'), svg)
} finally {
  rmSync(folder, { recursive: true })
}
