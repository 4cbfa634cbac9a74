// What a coroutine is doing. None of them: it was made, or has yielded, and may be entered.

/** It runs, or has entered another that runs, or polls. */
export const RUNNING = 1
/** It was woken inside a coroutine and runs when that one yields or ends. */
export const QUEUED = 2
/** A bottom half of its context is going to enter it. It may set that itself and then yield. */
export const SCHEDULED = 4
/** It waits in something of this package, which alone wakes it. */
export const WAITING = 8
/** It was queued or scheduled for an error to be thrown at its yield: who was to wake it may come later and do nothing. */
export const INTERRUPTED = 16
export const ENDED = 32
/** It has ended with an error that nobody waited for, and a bottom half of its context is going to throw that. */
export const REPORTING = 64

/** It has ended, and those who wait for that have not all heard of it yet. */
export const ENDING = 128

/** It is going to run, or runs, or never will: nobody has to wake it. */
export const AWAKE: number = RUNNING | QUEUED | SCHEDULED | ENDED
