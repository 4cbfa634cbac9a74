import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { buildFloor } from './floor.ts'
import { type Contender, type Request, type Sample, Unavailable } from './row.ts'

const TIMEOUT_MS = 60_000
/** After the timeout: for one that does not hear SIGTERM because it never returns to Node's loop. */
const PATIENCE_MS = 5000

const run = promisify(execFile)
const script = path.join(import.meta.dirname, '../bin/sample.js')

/**
 * Runs one sample of `contender` in a process of its own, so that the compiled code and the garbage of one contender
 * are not another's.
 *
 * @throws Unavailable if it cannot run here; Error if it fails, with what it wrote
 */
export async function takeSample(row: string, contender: Contender, request: Request): Promise<Sample> {
  const words = [request.case, String(request.ops), String(request.warmup), request.file]
  const [command, args] =
    contender.floor === undefined
      ? [process.execPath, ['--expose-gc', script, row, contender.name, ...words]]
      : [buildFloor(contender.floor), [...words, ...(contender.floorArgs ?? [])]]
  // None of them is to change what is measured, but for those that the contender asks for.
  const unset = {
    NODE_OPTIONS: undefined,
    AIOKIT_FDMON: undefined,
    AIOKIT_TRACE: undefined,
    AIOKIT_POLL_MAX_NS: undefined,
    UV_THREADPOOL_SIZE: undefined,
  }
  const env = { ...process.env, ...unset, ...contender.env }
  let output: string
  const sampling = run(command, args, { env, timeout: TIMEOUT_MS })
  const kill = setTimeout(() => sampling.child.kill('SIGKILL'), TIMEOUT_MS + PATIENCE_MS)
  try {
    output = (await sampling).stdout
  } catch (error) {
    const { stderr, killed } = error as { stderr?: string; killed?: boolean }
    throw new Error(killed ? `took longer than ${TIMEOUT_MS / 1000} s` : stderr?.trim() || String(error))
  } finally {
    clearTimeout(kill)
  }
  const answer = JSON.parse(output) as Sample & { unavailable?: string }
  if (answer.unavailable !== undefined) throw new Unavailable(answer.unavailable)
  return answer
}
