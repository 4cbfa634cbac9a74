import Table from 'cli-table3'
import type { DemoResult } from '../demo/demo.ts'
import type { Measured } from '../load/latency.ts'
import { count, micros } from './units.ts'

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

/** What the server's loop, or those of its I/O threads together, have done for `requests`. */
export function loopTable(loop: DemoResult['loop'], requests: number, iothreads: number): string {
  const whose = iothreads === 0 ? "the server's loop" : `${iothreads} I/O threads`
  const table = newTable([whose, 'times', 'for each request'])
  const rows: [string, number][] = [
    ['polls', loop.polls],
    ['waits', loop.waits],
    ['system calls to watch and wait', loop.systemCalls],
    ['handlers dispatched', loop.dispatches],
    ['bottom halves run', loop.bottomHalves],
    ['eventfd writes', loop.eventfdWrites],
    ['eventfd writes avoided', loop.eventfdWritesAvoided],
  ]
  for (const [what, times] of rows) table.push([what, count(times), (times / requests).toFixed(3)])
  return table.toString()
}

function newTable(head: string[]): InstanceType<typeof Table> {
  const colAligns = head.map((_, i) => (i === 0 ? ('left' as const) : ('right' as const)))
  // No colours: the table is for files and terminals alike.
  return new Table({ head, colAligns, style: { head: [], border: [] } })
}
