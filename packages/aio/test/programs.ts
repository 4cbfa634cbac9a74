import fc from 'fast-check'

/** What can be waited for, each kind twice. */
export const SOURCES = ['pipe', 'socket', 'eventfd', 'pipe', 'socket', 'eventfd'] as const

/** What a handler does when it is called, after it has taken one byte (of an eventfd: one event). */
export type HandlerReaction = 'nothing' | 'remove' | 'replace' | 'send' | 'bottom half' | Nesting

/** What one does that waits in the middle of it. */
export type Nesting = 'poll' | 'wait for a bottom half' | 'wait for a handler'

/** What a bottom half or a timer does when it runs. */
export type Reaction = 'nothing' | 'again' | 'poll' | 'wait for a handler'

export type Step =
  | { do: 'watch'; source: number; read: HandlerReaction | null; write: boolean }
  | { do: 'send'; source: number; count: number }
  | { do: 'remove' | 'reopen'; source: number }
  | { do: 'schedule' | 'schedule idle' | 'cancel'; bottomHalf: number }
  | { do: 'one-shot'; reaction: Reaction }
  | { do: 'arm'; timer: number; inNs: number }
  | { do: 'delete'; timer: number }
  | { do: 'advance'; byNs: number }
  | { do: 'real timers'; inNs: number[] }

/** Whose callback the steps are taken in, one after the other. */
const from = ['setTimeout', 'setImmediate', 'file', 'port', 'bottom half', 'timer', 'handler'] as const

export interface Turn {
  from: (typeof from)[number]
  steps: Step[]
  /** Done by another thread at the same time. */
  elsewhere: 'send' | 'schedule' | null
}

const source = fc.nat(SOURCES.length - 1)
const reaction = fc.constantFrom<Reaction[]>('nothing', 'nothing', 'again', 'poll', 'wait for a handler')
/** Bottom halves and timers that are used again and again, by what they do. */
export const REACTIONS: readonly Reaction[] = ['nothing', 'again', 'poll', 'wait for a handler']
const index = fc.nat(REACTIONS.length - 1)

function step(handlerReactions: HandlerReaction[]): fc.Arbitrary<Step> {
  const read = fc.option(fc.constantFrom(...handlerReactions), { freq: 8 })
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('watch' as const), source, read, write: fc.boolean() }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('send' as const),
        source,
        count: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'reopen' as const), source }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'schedule' as const,
          'schedule' as const,
          'schedule idle' as const,
          'cancel' as const,
        ),
        bottomHalf: index,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('one-shot' as const), reaction }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('arm' as const), timer: index, inNs: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), timer: index }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), byNs: fc.nat(20) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('real timers' as const),
        inNs: fc.array(fc.integer({ min: -1, max: 1_500_000 }), { minLength: 1, maxLength: 3 }),
      }),
    },
  )
}

/** Programs whose handlers have these reactions. */
export function program(handlerReactions: HandlerReaction[]): fc.Arbitrary<Turn[]> {
  const turn = fc.record({
    from: fc.constantFrom(...from),
    steps: fc.array(step(handlerReactions), { minLength: 1, maxLength: 12, size: 'max' }),
    elsewhere: fc.constantFrom('send' as const, 'schedule' as const, null, null),
  })
  return fc.array(turn, { minLength: 1, maxLength: 6, size: 'max' })
}
