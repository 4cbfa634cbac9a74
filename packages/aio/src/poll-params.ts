import { aioRangeError, aioTypeError, describe, requireNumber, requireObject } from '@aiokit/errors'

/** How a context polls before it sleeps (rules P1, P4). What is left out stays as it is. */
export interface PollParams {
  /** The longest it polls in one wait, in nanoseconds, from 0 to 2^53 - 1; 0: not at all. */
  maxNs?: number
  /**
   * How it learns for how long to poll. 'average' (the default): from the average of the last waits for each source, with a
   * probe now and then. 'grow': as QEMU does, by `grow` and `shrink`; taken if one of them is given.
   */
  rule?: 'average' | 'grow'
  /** The polling time is multiplied by this when polling for longer would have paid; 1 or more, 0 stands for 2. */
  grow?: number
  /** It is divided by this when polling does not pay; 1 or more, and 0 stops polling at once. */
  shrink?: number
}

/** All of them. */
export type PollSettings = Readonly<Required<PollParams>>

const VARIABLE = 'AIOKIT_POLL_MAX_NS'

/**
 * @param given which win over `base`
 * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_OUT_OF_RANGE`
 */
export function pollSettings(given: PollParams, name: string, base: PollSettings): PollSettings {
  const { maxNs = base.maxNs, grow, shrink, rule } = requireObject(given, name)
  requireNumber(maxNs, `${name}.maxNs`, 0, Number.MAX_SAFE_INTEGER)
  if (grow !== undefined) requireFactor(grow, `${name}.grow`)
  if (shrink !== undefined) requireFactor(shrink, `${name}.shrink`)
  if (rule !== undefined && rule !== 'average' && rule !== 'grow') {
    throw aioTypeError(
      'ERR_AIO_INVALID_ARG_TYPE',
      `"${name}.rule" must be 'average' or 'grow'. Received ${describe(rule)}.`,
    )
  }
  return {
    maxNs,
    grow: grow === 0 ? 2 : (grow ?? base.grow),
    shrink: shrink ?? base.shrink,
    rule: rule ?? (grow !== undefined || shrink !== undefined ? 'grow' : base.rule),
  }
}

function requireFactor(value: number, name: string): void {
  if (value !== 0) requireNumber(value, name, 1, Number.MAX_SAFE_INTEGER)
}

/**
 * What applies where a program says nothing: `maxNs`, or what the environment variable AIOKIT_POLL_MAX_NS says (P1).
 *
 * @throws `ERR_AIO_OUT_OF_RANGE` if that is no number of nanoseconds
 */
export function defaultPollSettings(maxNs: number): PollSettings {
  const text = process.env[VARIABLE]
  if (text !== undefined && text !== '') {
    maxNs = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(maxNs)) {
      throw aioRangeError(
        'ERR_AIO_OUT_OF_RANGE',
        `The environment variable ${VARIABLE} must be a whole number of nanoseconds, such as 32768, or 0 for no polling. It is "${text}".`,
      )
    }
  }
  return { maxNs, grow: 2, shrink: 0, rule: 'average' }
}
