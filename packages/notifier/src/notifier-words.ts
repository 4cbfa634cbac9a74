import { aioTypeError, describe } from '@aiokit/errors'

// The words that those who share an event notifier have in common. Nothing outside of this package reads or writes them.
/** The two bits below. */
export const FLAGS = 0
/** Watchers that wait for the descriptor. */
export const SLEEPERS = 1
/** Watchers that look at the flags instead. */
export const POLLERS = 2
const WORDS = 3

/** It was set, and nobody has taken that yet. */
export const SET = 1
/** Somebody writes to the descriptor because of that, or has done so. */
export const RUNG = 2

export function newWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT))
}

/** @throws `ERR_AIO_INVALID_ARG_TYPE` */
export function requireWords(words: unknown, handle: unknown): Int32Array {
  if (words instanceof Int32Array && words.buffer instanceof SharedArrayBuffer && words.length === WORDS)
    return words
  throw aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `"handle" must be what another notifier's \`handle\` gave. Received ${describe(handle)}.`,
  )
}

/**
 * Whether the descriptor has to be readable for as long as the notifier is set: some watcher waits for it, or there is none,
 * and then somebody may wait of whom nothing is known. Watchers that all look for themselves do without.
 */
export function needsDescriptor(words: Int32Array): boolean {
  return Atomics.load(words, SLEEPERS) !== 0 || Atomics.load(words, POLLERS) === 0
}
