/** Requests that are in shared memory at a time; a power of two. */
export const SLOTS = 8192

/** Threads of a pool. */
export const MAX_THREADS = 256

// The memory of a pool, in words: one cache line for what the owner writes most, one for what the threads do, and so on.
export const TAIL = 0
export const HEAD = 16
export const FINISHED = 32
/** What the threads are told of how many of them there are to be. */
export const SETTINGS = 48
/** What the owner looks at all the time, and threads write now and then. */
export const CALLS = 64
export const THREADS = 80
export const THREAD_WORDS = 16
export const QUEUE: number = THREADS + MAX_THREADS * THREAD_WORDS
export const LINKS: number = QUEUE + SLOTS
/** The memory of a slot is used, and so taken from the system, only when the slot is. */
export const SLOT_WORDS = 128
export const FIRST_SLOT: number = Math.ceil((LINKS + SLOTS) / SLOT_WORDS) * SLOT_WORDS
/** Names of tasks, see task-names.ts; memory of the system's as well only when they are used. */
export const NAMES: number = FIRST_SLOT + SLOTS * SLOT_WORDS
export const NAME_PLACES = 128
export const NAME_WORDS = 512
export const WORDS: number = NAMES + NAME_PLACES * NAME_WORDS
