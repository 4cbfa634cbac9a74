import cliProgress from 'cli-progress'
import { count } from './units.ts'

export interface Progress {
  update(done: number): void
  stop(): void
}

/** A bar on a terminal; elsewhere a line at each quarter of the way. */
export function progressOf(total: number, stream: NodeJS.WriteStream = process.stdout): Progress {
  return stream.isTTY ? bar(total, stream) : lines(total, stream)
}

function bar(total: number, stream: NodeJS.WriteStream): Progress {
  const format = '{bar} {percentage}% | {value} of {total} requests, verified | {duration_formatted}'
  const shown = new cliProgress.SingleBar(
    { format, stream, hideCursor: true },
    cliProgress.Presets.shades_classic,
  )
  shown.start(total, 0)
  return { update: (done) => shown.update(done), stop: () => shown.stop() }
}

function lines(total: number, stream: NodeJS.WriteStream): Progress {
  let shown = 0
  return {
    update(done) {
      const quarters = Math.floor((4 * done) / total)
      if (quarters <= shown) return
      shown = quarters
      stream.write(`${25 * quarters}%: ${count(done)} of ${count(total)} requests, verified\n`)
    },
    stop() {},
  }
}
