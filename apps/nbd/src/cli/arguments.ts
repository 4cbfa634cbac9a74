import { lookup } from 'node:dns/promises'
import type { PollParams } from 'aiokit'
import { InvalidArgumentError, Option } from 'commander'
import type { Address } from '../address.ts'
import { MAX_STRING } from '../protocol/constants.ts'

/** The options that say where a server is. */
export interface AddressOptions {
  socket?: string
  port?: number
  host: string
}

/** The options that say how loops poll before they sleep; undefined: as they do by default. */
export interface PollOptions {
  pollMaxNs?: number
  pollGrow?: number
  pollShrink?: number
}

const MAX_IOTHREADS = 64
/** How a server's loops poll if nothing says how. */
export const DEFAULT_POLLING = 'none, 32768 in I/O threads'
/** A second: nobody who has a request waits for longer than that without sleeping. */
const MAX_POLL_NS = 1e9
const MAX_POLL_FACTOR = 1000

/** A parser for commander: an integer from `min` to `max`. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It has to be a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

/** A parser for commander: bytes, as in 4096, 64k, 256M or 1G. */
export function size(text: string): number {
  const match = /^(\d+)([kmgt]?)(i?b)?$/i.exec(text)
  const value = match ? Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ') : 0
  if (value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It has to be a number of bytes, such as 4096, 64k, 256M or 1G.')
  }
  return value
}

/** A parser for commander: seconds, as nanoseconds. */
export function seconds(text: string): number {
  const value = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || value > 1e6)
    throw new InvalidArgumentError('It has to be a number of seconds.')
  return value * 1e9
}

/** A parser for commander: numbers with commas between them. */
export function depths(text: string): number[] {
  return text.split(',').map(integer(1, 1024))
}

/** A parser for commander. */
export function exportName(text: string): string {
  if (Buffer.byteLength(text) > MAX_STRING) {
    throw new InvalidArgumentError(`It has to be at most ${MAX_STRING} bytes long.`)
  }
  return text
}

export function socketOption(): Option {
  return new Option('-s, --socket <path>', 'Unix socket').conflicts('port')
}

export function portOption(description: string, lowest: number): Option {
  return new Option('-p, --port <number>', description).argParser(integer(lowest, 65_535))
}

export function hostOption(): Option {
  return new Option('--host <name>', 'name or address that goes with --port').default('127.0.0.1')
}

export function fdmonOption(): Option {
  return new Option(
    '--fdmon <monitor>',
    'what watches the sockets: auto is io_uring, or else epoll, or else poll',
  )
    .choices(['auto', 'io_uring', 'epoll', 'poll'])
    .default('auto')
}

export function aioOption(): Option {
  return new Option('--aio <how>', 'how the image is read and written: auto is io_uring if the monitor is')
    .choices(['auto', 'io_uring', 'threads'])
    .default('auto')
}

export function iothreadsOption(): Option {
  return new Option(
    '--iothreads <number>',
    'threads that clients are spread over, each with a loop of its own; 0: none, one loop does it all',
  )
    .argParser(integer(0, MAX_IOTHREADS))
    .default(0)
}

/** @param byDefault what applies where neither these nor AIOKIT_POLL_MAX_NS say anything, for people */
export function pollOptions(byDefault: string): Option[] {
  const maxNs = `longest time to poll before sleeping: saves waking up, costs CPU, and sees sockets on io_uring only; 0: none (default: AIOKIT_POLL_MAX_NS, or else ${byDefault})`
  const grow = 'multiplies the polling time when a longer one would have paid (default: 2)'
  const shrink = 'divides it when it did not pay; 0: back to none (default: 0)'
  return [
    new Option('--poll-max-ns <ns>', maxNs).argParser(integer(0, MAX_POLL_NS)),
    new Option('--poll-grow <factor>', grow).argParser(integer(1, MAX_POLL_FACTOR)),
    new Option('--poll-shrink <factor>', shrink).argParser(integer(0, MAX_POLL_FACTOR)),
  ]
}

/** Those of them that were given. */
export function pollParams({ pollMaxNs, pollGrow, pollShrink }: PollOptions): PollParams {
  return {
    ...(pollMaxNs !== undefined && { maxNs: pollMaxNs }),
    ...(pollGrow !== undefined && { grow: pollGrow }),
    ...(pollShrink !== undefined && { shrink: pollShrink }),
  }
}

/** The address of a server, or null if none was given. */
export async function addressOf(options: AddressOptions): Promise<Address | null> {
  if (options.socket !== undefined) return { path: options.socket }
  if (options.port === undefined) return null
  const { address } = await lookup(options.host)
  return { host: address, port: options.port }
}
