import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { buildFloor } from './floor.ts'
import { type Contender, type Request, type Sample, Unavailable } from './row.ts'

const TIMEOUT_MS = 60_000

const run = promisify(execFile)
const script = path.join(import.meta.dirname, '../bin/sample.js')

/**
 * Runs one sample of `contender` in a process of its own, so that the compiled code and the garbage of one contender
 * are not another's.
 *
 * @throws Unavailable if it cannot run here; Error if it fails, with what it wrote
 */
export async function takeSample(row: string, contender: Contender, request: Request): Promise<Sample> {
  const numbers = [request.case, String(request.ops), String(request.warmup)]
  const [command, args] =
    contender.floor === undefined
      ? [process.execPath, ['--expose-gc', script, row, contender.name, ...numbers]]
      : [buildFloor(contender.floor), numbers]
  // Neither is to change what is measured.
  const env = { ...process.env, NODE_OPTIONS: '', AIOKIT_FDMON: '' }
  let output: string
  try {
    output = (await run(command, args, { env, timeout: TIMEOUT_MS })).stdout
  } catch (error) {
    const { stderr, killed } = error as { stderr?: string; killed?: boolean }
    throw new Error(killed ? `took longer than ${TIMEOUT_MS / 1000} s` : stderr?.trim() || String(error))
  }
  const answer = JSON.parse(output) as Sample & { unavailable?: string }
  if (answer.unavailable !== undefined) throw new Unavailable(answer.unavailable)
  return answer
}
