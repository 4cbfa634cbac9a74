const UNITS = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
] as const

/** The unit in which `ns` is a number from 1 up to a thousand, and its size in nanoseconds. */
function unitFor(ns: number): readonly [name: string, size: number] {
  return UNITS.find(([, size]) => Math.abs(ns) >= size) ?? UNITS[3]
}

/** A duration to three digits: "1.23 µs". */
export function duration(ns: number): string {
  const [name, size] = unitFor(ns)
  return `${threeDigits(ns / size)} ${name}`
}

/** An amount of memory: "61.3 MiB". */
export function memory(bytes: number): string {
  return `${threeDigits(bytes / 2 ** 20)} MiB`
}

/** A ratio: two decimals up to ten, so that 1.1 and 1.2 can be told from what lies between. */
export function factor(value: number): string {
  return value < 10 ? value.toFixed(2) : threeDigits(value)
}

/** How often something comes: "1 in 1,000", or from one in ten on "0.25 each". */
export function oneIn(count: number): string {
  if (count === 0) return 'none'
  return count < 0.1 ? `1 in ${Math.round(1 / count).toLocaleString('en')}` : `${factor(count)} each`
}

function threeDigits(value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}

/** Cases that are numbers get separators: "10,000". */
export function caseName(name: string): string {
  return /^\d+$/.test(name) ? Number(name).toLocaleString('en') : name
}
