/** What a context has done since it was made (rule O2). Counts, but for those whose names end in `Ns`. */
export interface AioStats {
  /** Iterations: calls of `poll`, nested ones included, and what Node's loop has run. */
  polls: number
  /** Polls that went to sleep in the kernel, or would have if nothing had been ready. */
  waits: number
  /** System calls made to watch descriptors, to wait, and to take notifications. */
  systemCalls: number
  /** eventfd writes to wake this context, by any thread; modulo 2**32. */
  eventfdWrites: number
  /** Notifications, the context's own news included, that needed no eventfd write: it was awake. Modulo 2**32. */
  eventfdWritesAvoided: number
  /** Bottom halves run. */
  bottomHalves: number
  /** Callbacks of descriptors run: `read`, `write`, `pollReady`. */
  dispatches: number
  /** Completions of requests on the ring that were delivered. */
  completions: number
  /** Times that polling from userspace has found something: the context did not go to sleep. */
  pollHits: number
  /** Times that it has found nothing. */
  pollMisses: number
  /** Nanoseconds spent polling from userspace. */
  pollingNs: number
  /** Nanoseconds spent waiting in the kernel, if the context was made with `measure: true`; else null. */
  blockedNs: number | null
}
