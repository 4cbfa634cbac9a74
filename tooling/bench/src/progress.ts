import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  step(what: string): void
  stop(): void
}

/** On standard error: a bar in a terminal, a line for each round elsewhere. */
export function showProgress(row: string, samples: number): Progress {
  if (!process.stderr.isTTY) {
    let last = ''
    return {
      step(what) {
        const round = what.split(':')[0]!
        if (round !== last) process.stderr.write(`${row}: ${round}\n`)
        last = round
      },
      stop() {},
    }
  }
  const bar = new SingleBar(
    // Seldom, because drawing takes time from what is measured.
    { format: `${row} {bar} {value}/{total} {what}`, clearOnComplete: true, hideCursor: true, fps: 2 },
    Presets.shades_classic,
  )
  bar.start(samples, 0, { what: '' })
  let taken = 0
  return {
    step: (what) => bar.update(taken++, { what }),
    stop: () => bar.stop(),
  }
}
