import { qemuError, type Sample, Unavailable } from './row.ts'
import { runProgram } from './run-program.ts'

const BLOCK = 4096

/**
 * `qemu-img bench` with requests of 4 KiB. It has no random offsets, but each is a step further than the one before,
 * modulo the size: with a step of about 0.618 times the size they jump to and fro, and come to every block.
 *
 * @param image a file or an NBD URI
 * @param size of the image in bytes
 * @throws Unavailable without qemu-img, or if it cannot do here what `flags` ask for
 */
export async function qemuImgBench(
  image: string,
  size: number,
  ops: number,
  depth: number,
  flags: readonly string[] = [],
): Promise<Sample> {
  // Odd, as the number of blocks is a power of two in a full run.
  const step = BLOCK * (Math.floor((0.618 * size) / BLOCK) | 1)
  const counts = ['-c', String(ops), '-d', String(depth), '-s', String(BLOCK), '-S', String(step)]
  const output = await runProgram(
    'qemu-img',
    ['bench', '-f', 'raw', ...counts, ...flags, image],
    'qemu-utils',
  ).catch((error: Error) => {
    throw error instanceof Unavailable ? error : qemuError(error.message)
  })
  const seconds = /^Run completed in ([\d.]+) seconds/m.exec(output)?.[1]
  if (seconds === undefined) throw new Error(`qemu-img said something unexpected:\n${output}`)
  // It counts whole milliseconds.
  return { ns: (1e9 * Math.max(Number(seconds), 0.0005)) / ops, ops }
}
