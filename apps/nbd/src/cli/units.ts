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
