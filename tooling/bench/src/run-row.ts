import { judge } from './goals.ts'
import type { CellResult, RowResult } from './results.ts'
import { type Case, type Contender, type Row, Unavailable } from './row.ts'
import { median, summarize } from './statistics.ts'
import { takeSample } from './take-sample.ts'
import { TestFile } from './test-file.ts'

/** Of the operations of a full run, in a quick one. */
const QUICK = 1 / 50

export interface RunOptions {
  rounds: number
  /** Few operations: whether it works, not how fast it is. */
  quick: boolean
  /** Called before each sample. */
  onSample?: (step: { round: number; contender: string; case: string }) => void
}

/**
 * Measures a row: in each round one sample of every contender in every case, side by side, in the opposite order from
 * round to round, so that whatever else the machine does meanwhile is shared by all.
 */
export async function runRow(row: Row, { rounds, quick, onSample }: RunOptions): Promise<RowResult> {
  using file = row.fileMiB === undefined ? null : new TestFile(share(row.fileMiB, quick))
  const cells = row.cases.flatMap((theCase) =>
    contendersOf(row, theCase).map((contender) => ({
      contender,
      case: theCase,
      ops: operations(theCase, contender, quick),
      samples: [] as number[],
      peaks: [] as number[],
      cpus: [] as number[],
      counts: [] as number[],
    })),
  )
  const absent = new Map<Contender, Pick<CellResult, 'unavailable' | 'failed'>>()
  for (let round = 0; round < rounds; round++) {
    for (const cell of round % 2 === 0 ? cells : cells.toReversed()) {
      onSample?.({ round, contender: cell.contender.name, case: cell.case.name })
      if (absent.has(cell.contender)) continue
      try {
        const request = { case: cell.case.name, ...cell.ops, file: file?.path ?? '' }
        const { ns, peakBytes, cpuNs, count } = await takeSample(row.name, cell.contender, request)
        cell.samples.push(ns)
        if (peakBytes !== undefined) cell.peaks.push(peakBytes)
        if (row.cpu && cpuNs !== undefined) cell.cpus.push(cpuNs)
        if (count !== undefined) cell.counts.push(count)
      } catch (error) {
        const { message } = error as Error
        absent.set(
          cell.contender,
          error instanceof Unavailable ? { unavailable: message } : { failed: message },
        )
      }
    }
  }
  const results = cells.map(
    ({ contender, case: { name }, samples, peaks, cpus, counts, ops }): CellResult => {
      const place = { contender: contender.name, case: name }
      const why = absent.get(contender)
      if (why !== undefined) return { ...place, ...why }
      return {
        ...place,
        ops: ops.ops,
        samples,
        ...summarize(samples),
        ...(peaks.length === 0 ? {} : { peakBytes: median(peaks) }),
        ...(cpus.length === 0 ? {} : { cpuNs: median(cpus) }),
        ...(counts.length === 0 ? {} : { count: median(counts) }),
      }
    },
  )
  const goals = row.goals.map((goal) =>
    judge(goal, (place) =>
      results.find((cell) => cell.contender === place.contender && cell.case === place.case),
    ),
  )
  const { name, title, what, op, plot, cpu, counts, contenders } = row
  return {
    name,
    title,
    what,
    op,
    plot,
    ...(cpu === undefined ? {} : { cpu }),
    ...(counts === undefined ? {} : { counts }),
    cases: row.cases.map((theCase) => theCase.name),
    contenders: contenders.map(({ name, kind }) => ({ name, kind })),
    cells: results,
    goals,
  }
}

/** How many samples `runRow` takes. */
export function sampleCount(row: Row, rounds: number): number {
  return row.cases.reduce((sum, theCase) => sum + contendersOf(row, theCase).length, 0) * rounds
}

function contendersOf(row: Row, { name }: Case): Contender[] {
  return row.contenders.filter(({ cases }) => cases === undefined || cases.includes(name))
}

function operations(theCase: Case, contender: Contender, quick: boolean): { ops: number; warmup: number } {
  const full = contender.ops?.[theCase.name] ?? theCase.ops
  const warmup = Math.min(theCase.warmup ?? full / 4, full)
  return { ops: share(full, quick), warmup: share(warmup, quick) }
}

function share(amount: number, quick: boolean): number {
  return quick ? Math.ceil(amount * QUICK) : amount
}
