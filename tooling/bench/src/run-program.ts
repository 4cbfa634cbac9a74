import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Unavailable } from './row.ts'

const run = promisify(execFile)

/**
 * Runs a program to its end and returns what it wrote to its standard output.
 *
 * @param install the package that has it
 * @throws Unavailable if it is not installed; Error with what it wrote to standard error if it fails
 */
export async function runProgram(program: string, args: readonly string[], install: string): Promise<string> {
  try {
    return (await run(program, args)).stdout
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') throw new Unavailable(`needs ${program}: install ${install}`)
    throw new Error(stderr?.trim() || String(error))
  }
}
