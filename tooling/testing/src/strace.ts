import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ChildResult } from './child.ts'

/** What a script begins with that is traced; it must have imported `sys`. */
export const MARK = `const mark = () => sys.fcntl(-1, sys.F_GETFD, 0)\n`

export interface Calls {
  /** How many, by name. */
  counts: Record<string, number>
  /** How often Node's loop was woken by its own doing, such as tasks of V8. Not in `counts`. */
  wakeups: number
  result: ChildResult
}

/**
 * System calls that the main thread of a script makes between its two calls of `mark()`. Not those by which Node's loop wakes
 * itself, and those that read a file: Node and V8 have things to do at any time.
 *
 * @param calls as for `strace -e trace=`
 * @param run runs the script, which begins with `MARK`, under that command
 */
export function countCalls(calls: string, run: (under: string[]) => ChildResult): Calls {
  const log = path.join(tmpdir(), `aiokit-calls-${process.pid}`)
  const result = run(['strace', '-qq', '-y', '-o', log, '-e', `trace=${calls},fcntl,openat`])
  const lines = readFileSync(log, 'utf8').split('\n')
  rmSync(log)
  const marks = lines.flatMap((line, i) => (line.startsWith('fcntl(-1,') ? [i] : []))
  // The lowest number that was free when the native binary was loaded: those below are Node's.
  const [first] = lines.flatMap((line) => /^openat\(.* = (\d+)<.*aiokit_sys.*>$/.exec(line)?.[1] ?? [])
  if (marks.length !== 2 || first === undefined) {
    throw new Error(`The script has not called mark() twice:\n${result.stdout}${result.stderr}`)
  }
  const counts: Record<string, number> = {}
  let wakeups = 0
  for (const line of lines.slice(marks[0]! + 1, marks[1])) {
    const [, name, fd, file] = /^(\w+)\((?:(\w+)<(\/?))?/.exec(line) ?? []
    if (name === undefined || (file === '/' && /^(openat|fstat|newfstatat|read|close)$/.test(name))) continue
    if (Number(fd) < Number(first) && /^(read|write)$/.test(name)) wakeups += name === 'read' ? 1 : 0
    else counts[name] = (counts[name] ?? 0) + 1
  }
  return { counts, wakeups, result }
}
