/**
 * What is verified. A mutant is a mistake that the model makes when its name is defined; spin must find it.
 *
 * @typedef {object} Check
 * @property {string} model
 * @property {string[]} defines
 * @property {string} property
 * @property {boolean} formula whether the property is an LTL formula; otherwise assertions
 * @property {string | null} mutant
 */

const UNDONE = 'nothing is left undone'
const REST = 'the owner comes to rest'
const SERVED = 'whoever notifies is served'

const gate = (property, defines, mutant = null) => ({
  model: 'notify-gate.pml',
  defines,
  property,
  formula: property !== UNDONE,
  mutant,
})
const list = (mutant = null) => ({
  model: 'shared-list.pml',
  defines: [],
  property: UNDONE,
  formula: false,
  mutant,
})

const notifier = (property, defines, mutant = null) => ({
  model: 'event-notifier.pml',
  defines,
  property,
  formula: property === REST,
  mutant,
})

/** @type {Check[]} */
export const checks = [
  gate(UNDONE, []),
  gate(UNDONE, ['ATTACHED']),
  gate(REST, ['REST']),
  gate(REST, ['REST', 'ATTACHED']),
  gate(SERVED, ['SERVED']),
  gate(SERVED, ['SERVED', 'ATTACHED']),
  list(),
  notifier(UNDONE, []),
  notifier(UNDONE, ['POLLER']),
  notifier(REST, ['REST']),
  ...[
    'LOOKS_BEFORE_IT_STORES',
    'SKIPS_IF_NOTIFIED',
    'READS_DISPATCHING',
    'LOOKS_BEFORE_IT_RAISES',
    'A_FLAG_AND_NO_COUNT',
    'CHECK_CLEARS_EVERYTHING',
    'ACCEPTS_AFTER_BOTTOM_HALVES',
    'ACCEPTS_AFTER_DISPATCH',
  ].map((mutant) => gate(UNDONE, [], mutant)),
  ...[
    'CLEARS_THE_EVENTFD_AFTER_DISPATCH',
    'NEVER_NUDGES',
    'PREPARES_WITHOUT_LOOKING',
    'SAYS_AWAKE_AND_LETS_IT_SLEEP',
  ].map((mutant) => gate(UNDONE, ['ATTACHED'], mutant)),
  gate(SERVED, ['SERVED'], 'LOOKS_BEFORE_IT_STORES'),
  gate(SERVED, ['SERVED', 'ATTACHED'], 'PREPARES_WITHOUT_LOOKING'),
  ...['NEVER_CLEARS_NOTIFIED', 'NEVER_CLEARS_THE_EVENTFD'].map((mutant) => gate(REST, ['REST'], mutant)),
  ...[
    'SCHEDULE_ONLY_LOOKS',
    'SCHEDULE_STORES',
    'PUSHES_BEFORE_THE_BIT',
    'ACCEPTS_AFTER_THE_CALLBACK',
    'CANCEL_LOADS_AND_STORES',
    'CANCEL_CLEARS_BOTH_BITS',
    'GENERATION_STAYS',
    'RETIRE_STORES',
    'REUSES_A_PLACE_ON_THE_LIST',
    'PUSH_STORES_THE_HEAD',
    'LINKS_AFTER_THE_HEAD',
    'TAKES_BY_LOADING_AND_STORING',
    'READS_THE_LINK_LATE',
  ].map(list),
  ...[
    'LOOKS_BEFORE_IT_STORES',
    'SKIPS_IF_SET',
    'LOOKS_BEFORE_IT_SLEEPS',
    'NO_LAST_LOOK',
    'STOPS_WITHOUT_A_LOOK',
    'CLEARS_AFTER_THE_WORK',
    'TAKES_THE_FLAGS_FIRST',
    'DOORBELLS_ARE_EVENTS',
  ].map((mutant) => notifier(UNDONE, [], mutant)),
  ...['A_FLAG_AND_NO_COUNT', 'STARTS_WITHOUT_A_LOOK'].map((mutant) => notifier(UNDONE, ['POLLER'], mutant)),
  notifier(REST, ['REST'], 'READS_ONLY_WHAT_IS_SET'),
]

/** Defined in the models and no mutants. */
export const variants = ['ATTACHED', 'POLLER', 'REST', 'SERVED']
