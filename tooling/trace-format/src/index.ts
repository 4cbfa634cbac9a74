// A checker of the Trace Event Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

/** One event of a trace, of those kinds that aiokit writes. */
export interface TraceEvent {
  readonly ph: 'B' | 'E' | 'b' | 'n' | 'e' | 'i' | 'C' | 'M'
  readonly name: string
  readonly cat: string
  readonly pid: number
  readonly tid: number
  /** In microseconds. */
  readonly ts: number
  readonly id: string
  readonly args: Readonly<Record<string, unknown>>
}

/** A span of a thread, with those inside of it. */
export interface TraceSlice {
  readonly name: string
  readonly cat: string
  readonly tid: number
  readonly beginUs: number
  endUs: number
  readonly args: Record<string, unknown>
  readonly inner: TraceSlice[]
}

/** What a request took. */
export interface TraceRequest {
  readonly name: string
  readonly cat: string
  readonly beginUs: number
  /** Infinite for one that has not ended. */
  endUs: number
  readonly args: Record<string, unknown>
}

export interface CheckedTrace {
  readonly events: readonly TraceEvent[]
  /** Of all threads, the outermost, in the order of their beginning. */
  readonly slices: readonly TraceSlice[]
  readonly requests: readonly TraceRequest[]
  /** By number. */
  readonly threads: ReadonlyMap<number, string>
  readonly process: string
}

const NAMED = new Set(['B', 'b', 'n', 'e', 'i', 'C', 'M'])
const ASYNC = new Set(['b', 'n', 'e'])

/**
 * Reads a trace as a viewer does, only that what a viewer would put up with is an error: it has to be JSON to the end, each
 * event has what its phase demands, time does not go back in a thread, all that begins in a thread ends, one inside the
 * other, and nothing ends that has not begun.
 *
 * @throws an Error that says which event is wrong
 */
export function checkTrace(text: string): CheckedTrace {
  const events = JSON.parse(text) as TraceEvent[]
  if (!Array.isArray(events)) throw new Error('a trace is an array of events')
  const open = new Map<number, TraceSlice[]>()
  const last = new Map<number, number>()
  const flying = new Map<string, TraceRequest>()
  const slices: TraceSlice[] = []
  const requests: TraceRequest[] = []
  const threads = new Map<number, string>()
  let process = ''
  for (const event of events) {
    const wrong = (what: string): never => {
      throw new Error(`${what}: ${JSON.stringify(event)}`)
    }
    const { ph, name, cat, pid, tid, ts, id, args } = event
    if (!NAMED.has(ph) && ph !== 'E') wrong('a phase that is none of ours')
    if (!Number.isInteger(pid) || !Number.isInteger(tid) || tid <= 0) wrong('pid and tid must be numbers')
    if (pid !== events[0]!.pid) wrong('another process')
    if (typeof ts !== 'number' || !(ts > 0)) wrong('ts must be microseconds')
    if (typeof args !== 'object' || args === null || Array.isArray(args)) wrong('args must be an object')
    if (NAMED.has(ph) && (typeof name !== 'string' || typeof cat !== 'string')) wrong('no name or category')
    if (ASYNC.has(ph) && !/^0x[0-9a-f]+$/.test(id)) wrong('an id must be hexadecimal')
    if (ts < (last.get(tid) ?? 0)) wrong('earlier than the one before in its thread')
    last.set(tid, ts)
    const stack = open.get(tid) ?? []
    open.set(tid, stack)
    const key = `${cat} ${id}`
    if (ph === 'B') {
      const slice = { name, cat, tid, beginUs: ts, endUs: Number.NaN, args: { ...args }, inner: [] }
      ;(stack.at(-1)?.inner ?? slices).push(slice)
      stack.push(slice)
    } else if (ph === 'E') {
      const slice = stack.pop() ?? wrong('an end without a beginning')
      slice.endUs = ts
      Object.assign(slice.args, args)
    } else if (ph === 'b') {
      if (flying.has(key)) wrong('a request with the id of another')
      const request = { name, cat, beginUs: ts, endUs: Number.POSITIVE_INFINITY, args: { ...args } }
      flying.set(key, request)
      requests.push(request)
    } else if (ph === 'n' || ph === 'e') {
      const request = flying.get(key) ?? wrong('of a request that has not begun')
      if (request.name !== name) wrong('a request changes its name')
      Object.assign(request.args, args)
      if (ph === 'n') continue
      request.endUs = ts
      flying.delete(key)
    } else if (ph === 'C') {
      for (const value of Object.values(args)) if (typeof value !== 'number') wrong('a counter counts')
    } else if (ph === 'i') {
      if ((event as unknown as { s: unknown }).s !== 't') wrong('an instant needs its scope')
    } else if (ph === 'M') {
      if (name === 'process_name') process = String(args['name'])
      else if (name === 'thread_name') threads.set(tid, String(args['name']))
      else wrong('metadata that no viewer knows')
    }
  }
  for (const [tid, stack] of open)
    if (stack.length > 0) throw new Error(`thread ${tid}: ${stack.length} spans do not end`)
  if (process === '') throw new Error('the process has no name')
  for (const tid of open.keys()) if (!threads.has(tid)) throw new Error(`thread ${tid} has no name`)
  return { events, slices, requests, threads, process }
}

/** Those that are somewhere in `slices`, those within others included. */
export function* allSlices(slices: readonly TraceSlice[]): Iterable<TraceSlice> {
  for (const slice of slices) {
    yield slice
    yield* allSlices(slice.inner)
  }
}
