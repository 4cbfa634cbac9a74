import { readFileSync } from 'node:fs'

/**
 * Bytes that are kept alive, in JavaScript and by malloc(3) in the main thread: to within a few hundred KB the same
 * whatever the machine has to do, unlike the resident set, in which there is also what V8 has not given back yet. Needs
 * --expose-gc.
 */
export async function memoryInUse(): Promise<number> {
  // The first finds what is dead, whose finalizers Node calls in a turn of its loop, and the second has that swept.
  for (let i = 0; i < 2; i++) {
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  const [, begin = '0', end = '0'] =
    /^(\w+)-(\w+) .*\[heap\]$/m.exec(readFileSync('/proc/self/maps', 'latin1')) ?? []
  return heapUsed + external + Number.parseInt(end, 16) - Number.parseInt(begin, 16)
}
