import type { AioStats } from 'aiokit'
import Table from 'cli-table3'
import type { Measured } from '../load/latency.ts'
import type { ServerStats } from '../server/nbd-server.ts'
import { count, duration, micros, percent } from './units.ts'

const PERCENTILES = ['p50', 'p90', 'p99', 'p99.9', 'max']

/** One row for each load: how much, how fast, and how long each took. */
export function loadTable(first: string, rows: readonly (readonly [string, Measured, number])[]): string {
  const head = [first, 'requests', 'requests/s', 'MiB/s', ...PERCENTILES.map((name) => `${name} µs`)]
  const table = newTable(head)
  for (const [name, measured, elapsedNs] of rows) {
    const seconds = elapsedNs / 1e9
    const { p50, p90, p99, p999, max } = measured
    table.push([
      name,
      count(measured.requests),
      count(measured.requests / seconds),
      count(measured.bytes / seconds / 2 ** 20),
      ...[p50, p90, p99, p999, max].map(micros),
    ])
  }
  return table.toString()
}

/** What the loops of a server that have served its clients have done, all of them together, and what it has cost. */
export function loopTable(stats: ServerStats, iothreads: number): string {
  const { requests, waits, pollHits, pollMisses, pollingNs, blockedNs, elapsedNs, wallNs, cpuNs } = stats
  const whose = iothreads === 0 ? "the server's loop" : `${iothreads} I/O thread${iothreads === 1 ? '' : 's'}`
  const table = newTable([whose, 'total', 'per request', 'share'])
  const times = (what: string, value: number, share = ''): void => {
    table.push([what, count(value), (value / requests).toFixed(3), share])
  }
  const time = (what: string, ns: number, share: string): void => {
    table.push([what, duration(ns), `${(ns / requests / 1000).toFixed(1)} µs`, share])
  }
  // Those that polling has ended never came to wait in the kernel.
  const all = waits + pollHits
  table.push(['requests', count(requests), '', ''])
  times('system calls to watch and wait', stats.systemCalls)
  times('waits', all)
  times('  ended by polling: hits', pollHits, `${percent(pollHits, all)} of waits`)
  times('  polled in vain: misses', pollMisses, `${percent(pollMisses, all)} of waits`)
  time('time spent polling', pollingNs, `${percent(pollingNs, elapsedNs)} of time`)
  time('time blocked', blockedNs, `${percent(blockedNs, elapsedNs)} of time`)
  time('CPU time of the server', cpuNs, `${percent(cpuNs, wallNs)} of a CPU`)
  times('polls', stats.polls)
  times('completions delivered', stats.completions)
  times('handlers dispatched', stats.dispatches)
  times('bottom halves run', stats.bottomHalves)
  times('eventfd writes', stats.eventfdWrites)
  times('eventfd writes avoided', stats.eventfdWritesAvoided)
  return table.toString()
}

/** Whether it was worth it that the loop of a client polls. */
export function pollingLine({ waits, pollHits, pollMisses, pollingNs }: AioStats): string {
  const all = waits + pollHits
  return `of ${count(all)} waits polling has ended ${count(pollHits)} (${percent(pollHits, all)}), and has not ${count(pollMisses)}; it took ${duration(pollingNs)}`
}

function newTable(head: string[]): InstanceType<typeof Table> {
  const colAligns = head.map((_, i) => (i === 0 ? ('left' as const) : ('right' as const)))
  // No colours: the table is for files and terminals alike. No lines between rows: all of it is to be seen at once.
  return new Table({ head, colAligns, style: { head: [], border: [], compact: true } })
}
