/** What one sample is asked to do. */
export interface Request {
  /** The name of the case. */
  case: string
  /** Operations to time. */
  ops: number
  /** Operations to do before, so that the code is compiled and the caches are filled. */
  warmup: number
  /** The path of the row's file; empty if it has none. */
  file: string
}

/** What one sample found: nanoseconds for one operation, over so many of them. */
export interface Sample {
  ns: number
  ops: number
  /** The most memory that what was measured has had at any time, where the row looks at that. */
  peakBytes?: number
  /** Nanoseconds of processor time for one operation: of all that is measured, user and system; see `Row.cpu`. */
  cpuNs?: number
  /** How many of what the row counts came on one operation. */
  count?: number
}

export type Measure = (request: Request) => Sample | Promise<Sample>

/** One amount or manner of the row's work, such as "depth 32". */
export interface Case {
  name: string
  /** Operations to time in one sample of any contender that does not say otherwise. */
  ops: number
  /** Default a quarter of `ops`. */
  warmup?: number
}

export interface Contender {
  name: string
  /** `floor`: the bare system calls. Only colours depend on it. */
  kind: 'aiokit' | 'peer' | 'floor'
  /** Either a module that exports `measure` ... */
  load?: () => Promise<{ measure: Measure }>
  /** ... or a C program of the folder floor/, without its ending, ... */
  floor?: string
  /** ... and what it is told beside the request. */
  floorArgs?: readonly string[]
  /** Variables of the environment that its process must start with. */
  env?: Readonly<Record<string, string>>
  /** The names of the cases that it can do; default all. */
  cases?: readonly string[]
  /** Operations by case, where this contender needs another count to take about as long as the others. */
  ops?: Readonly<Record<string, number>>
}

/** One place of a row's table. */
export interface Cell {
  contender: string
  case: string
}

/**
 * What is to hold between two cells.
 *
 * - `atMost`: `of` takes at most `factor` times as long as `against`
 * - `faster`: `of` is at least `factor` times faster than `against`; 1 is "faster"
 * - `processor`: `of` has a processor for at most `factor` times as long as `against`, in a row that shows it
 * - `over`: `of` takes at most `ns` longer than `against`
 * - `seldom`: what the row counts comes on less than one of `oneIn` operations
 */
export type Goal = { of: Cell; as: string } & (
  | { kind: 'atMost'; factor: number; against: Cell }
  | { kind: 'faster'; factor: number; against: Cell }
  | { kind: 'processor'; factor: number; against: Cell }
  | { kind: 'over'; ns: number; against: Cell }
  | { kind: 'seldom'; oneIn: number }
)

/** One row of the benchmark: the same work for each contender, in each case. */
export interface Row {
  name: string
  /** A few words for the plot. */
  title: string
  /** What is done and what of it is timed: a person must be able to judge from this whether the row is fair. */
  what: string
  /** What one operation is: "time per <op>". */
  op: string
  /** `lines` for cases that are numbers, drawn with two logarithmic axes. */
  plot: 'bars' | 'lines'
  /** Whether processor time is shown beside the time: for what is bought with it. */
  cpu?: true
  /** What is counted beside the time. */
  counts?: string
  /** All contenders work on one file of so many MiB, with anything in it, all of which is in the page cache. */
  fileMiB?: number
  cases: readonly Case[]
  contenders: readonly Contender[]
  goals: readonly Goal[]
}

/** Thrown by a contender that cannot run here; the row goes on without it. */
export class Unavailable extends Error {}

/** What QEMU's programs say if they were built without what is asked for, or if the kernel refuses it. */
const QEMU_CANNOT = /not supported in this build|failed to init linux io_uring ring/

/** An error of one of QEMU's programs, by what it said. */
export function qemuError(message: string): Error {
  return QEMU_CANNOT.test(message) ? new Unavailable(message) : new Error(message)
}
