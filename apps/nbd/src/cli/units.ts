const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** A number of bytes for people: 1536 is "1.5 KiB". */
export function bytes(count: number): string {
  let unit = 0
  while (count >= 1024 && unit < UNITS.length - 1) {
    count /= 1024
    unit++
  }
  return `${Number(count.toFixed(1))} ${UNITS[unit]}`
}

/** A whole number with a separator for thousands. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Nanoseconds as microseconds for people. */
export function micros(ns: number): string {
  return (ns / 1000).toLocaleString('en-US', { maximumFractionDigits: ns < 100_000 ? 1 : 0 })
}

/** Nanoseconds with a unit for people: "812 µs", "1,234 ms", "75.3 s". */
export function duration(ns: number): string {
  if (ns < 1e6) return `${count(ns / 1e3)} µs`
  return ns < 10e9 ? `${count(ns / 1e6)} ms` : `${(ns / 1e9).toFixed(1)} s`
}

/** A part of a whole; of nothing it is nothing. */
export function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(1)}%`
}
