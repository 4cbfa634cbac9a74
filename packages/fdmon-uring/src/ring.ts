import {
  check,
  close,
  EINVAL,
  ETIME,
  IO_URING_PARAMS_SIZE,
  IO_URING_RINGS,
  IO_URING_SQES,
  ioUringCancelAll,
  ioUringEnter,
  ioUringMap,
  ioUringRegisterEventfd,
  ioUringSetup,
  ioUringUnmap,
} from '@aiokit/sys'
import {
  CQ_CQES,
  CQ_EVENTFD_DISABLED,
  CQ_FLAGS,
  CQ_HEAD,
  CQ_TAIL,
  CQE_WORDS,
  PARAMS_CQ,
  PARAMS_CQ_ENTRIES,
  PARAMS_FLAGS,
  PARAMS_SQ,
  PARAMS_SQ_ENTRIES,
  SETUP_CLAMP,
  SETUP_COOP_TASKRUN,
  SETUP_CQSIZE,
  SETUP_DEFER_TASKRUN,
  SETUP_NO_SQARRAY,
  SETUP_SINGLE_ISSUER,
  SETUP_SUBMIT_ALL,
  SETUP_TASKRUN_FLAG,
  SQ_ARRAY,
  SQ_CQ_OVERFLOW,
  SQ_FLAGS,
  SQ_HEAD,
  SQ_TAIL,
  SQ_TASKRUN,
  SQE_LINKED,
  SQE_OPCODE,
  SQE_WORDS,
} from './uapi.ts'

const COMMON = SETUP_CQSIZE | SETUP_CLAMP | SETUP_SUBMIT_ALL | SETUP_TASKRUN_FLAG
const DEFERRED = COMMON | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN

/** From the newest kernels (6.6, 6.1) to the oldest that will do (6.0): each refuses flags that it does not know. */
const SETUPS = [DEFERRED | SETUP_NO_SQARRAY, DEFERRED, COMMON | SETUP_COOP_TASKRUN]

/**
 * A ring of io_uring(7): its two queues in memory that is shared with the kernel, and the system call that has the
 * kernel look at them.
 *
 * This thread alone submits, and the kernel looks at the submission queue only while io_uring_enter(2) runs in it: no
 * ordering is needed there. Completions may be written by other threads of the kernel while JavaScript runs (not when
 * it defers them to the call, but older ones cannot), hence the Atomics on that side.
 */
export class Ring {
  readonly fd: number
  /** How many submissions fit. */
  readonly entries: number
  /** The completions, `CQE_WORDS` 32-bit words each, from `cqeAt(position)`. */
  readonly cqes: Int32Array
  systemCalls = 0

  /** Both rings. The indexes into it are of 32-bit words. */
  readonly #words: Int32Array<ArrayBuffer>
  readonly #sqes: Int32Array<ArrayBuffer>
  readonly #sqHead: number
  readonly #sqTail: number
  readonly #sqFlags: number
  readonly #cqHead: number
  readonly #cqTail: number
  readonly #cqFlags: number
  readonly #cqes: number
  readonly #cqMask: number

  /** Entries from the submitted ones to here are written. Positions count on for ever, modulo 2**32. */
  #tail = 0
  #submitted = 0
  /** How many of the last entries are linked to one that is not written yet. */
  #chain = 0
  /** Completions up to here are read. */
  #read = 0
  /** See `enter`. */
  readonly #lead: number

  /**
   * @param entries of the submission queue; the completion queue takes `completions`
   * @throws SystemError: ENOSYS, EPERM, ENOMEM, EMFILE; EINVAL if the kernel is older than Linux 6.0
   */
  constructor(entries: number, completions: number) {
    const params = new Int32Array(IO_URING_PARAMS_SIZE / 4)
    this.fd = check(setup(entries, completions, params), 'io_uring_setup')
    this.systemCalls = 2
    this.entries = params[PARAMS_SQ_ENTRIES]!
    const cqEntries = params[PARAMS_CQ_ENTRIES]!
    const sq = params.subarray(PARAMS_SQ)
    const cq = params.subarray(PARAMS_CQ)
    const size = Math.max(cq[CQ_CQES]! + 4 * CQE_WORDS * cqEntries, sq[SQ_ARRAY]! + 4 * this.entries)
    try {
      this.#words = this.#map(IO_URING_RINGS, size)
      this.#sqes = this.#map(IO_URING_SQES, 4 * SQE_WORDS * this.entries)
    } catch (error) {
      close(this.fd)
      throw error
    }
    this.#sqHead = sq[SQ_HEAD]! / 4
    this.#sqTail = sq[SQ_TAIL]! / 4
    this.#sqFlags = sq[SQ_FLAGS]! / 4
    this.#cqHead = cq[CQ_HEAD]! / 4
    this.#cqTail = cq[CQ_TAIL]! / 4
    this.#cqFlags = cq[CQ_FLAGS]! / 4
    this.#cqes = cq[CQ_CQES]! / 4
    this.#cqMask = cqEntries - 1
    this.cqes = this.#words
    this.#lead = (params[PARAMS_FLAGS]! & SETUP_DEFER_TASKRUN) === 0 ? 0 : cqEntries / 4
    // The kernel submits in the order of this array, which is always the order of the entries.
    if ((params[PARAMS_FLAGS]! & SETUP_NO_SQARRAY) === 0)
      for (let i = 0; i < this.entries; i++) this.#words[sq[SQ_ARRAY]! / 4 + i] = i
  }

  /** How many entries are written and not submitted. */
  get unsubmitted(): number {
    return (this.#tail - this.#submitted) | 0
  }

  /** No entry can be written before some are submitted. */
  get isFull(): boolean {
    return this.unsubmitted === this.entries
  }

  /** How many of the last entries are linked to one that is to follow. */
  get chain(): number {
    return this.#chain
  }

  /** True if `enter` is likely to hand over completions although there is nothing to wait for. */
  get hasWork(): boolean {
    return (Atomics.load(this.#words, this.#sqFlags) & (SQ_TASKRUN | SQ_CQ_OVERFLOW)) !== 0
  }

  /** True if completions that did not fit wait in the kernel. */
  get hasOverflow(): boolean {
    return (Atomics.load(this.#words, this.#sqFlags) & SQ_CQ_OVERFLOW) !== 0
  }

  /** True if there are completions to read. */
  get hasCompletions(): boolean {
    return Atomics.load(this.#words, this.#cqTail) !== this.#read
  }

  /**
   * Has the kernel write to an eventfd when there is something to read or to do, while `wakes` is true; at first it is.
   *
   * @throws SystemError ENOMEM
   */
  setEventfd(eventfd: number): void {
    this.systemCalls++
    check(ioUringRegisterEventfd(this.fd, eventfd), 'io_uring_register')
  }

  /** After it was set to true, look once more whether there is something already. */
  set wakes(on: boolean) {
    Atomics.store(this.#words, this.#cqFlags, on ? 0 : CQ_EVENTFD_DISABLED)
  }

  /** Writes an entry; only if the ring is not full. */
  push(sqe: Int32Array): void {
    this.#write(sqe, this.#tail)
    this.#tail = (this.#tail + 1) | 0
    if ((sqe[SQE_OPCODE]! & SQE_LINKED) !== 0) this.#chain++
    else this.#chain = 0
  }

  /** Writes an entry in front of a chain that is to go on; only if the ring is not full. */
  pushBeforeChain(sqe: Int32Array): void {
    let to = this.#tail
    for (let i = 0; i < this.#chain; i++) {
      const from = (to - 1) | 0
      this.#sqes.copyWithin(this.#indexOf(to), this.#indexOf(from), this.#indexOf(from) + SQE_WORDS)
      to = from
    }
    this.#write(sqe, to)
    this.#tail = (this.#tail + 1) | 0
  }

  /** The entry written last is not linked to what follows, whatever it said: what follows is not its own. */
  closeChain(): void {
    if (this.#chain === 0) return
    this.#chain = 0
    this.#sqes[this.#indexOf((this.#tail - 1) | 0) + SQE_OPCODE]! &= ~SQE_LINKED
  }

  /**
   * Submits what is written, but for a chain that goes on, and waits for `complete` completions; see `ioUringEnter`.
   * Returns how many were submitted, or -errno.
   *
   * A kernel that defers its work to this call does of it as much as `complete` asks for, and otherwise only about 20
   * items (IO_LOCAL_TW_DEFAULT_MAX, Linux 6.13): the rest would take another call for every 20. Asking for more than
   * there is would mean to wait for it. But what is waited for are completions that nobody has read: during the call, a
   * quarter of the queue that was read is said to be unread, and asked for on top. It is there already, and so the call
   * hands over as much and waits as if for `complete`. In the rest of the queue is room for what ends while it is
   * submitted, and for the work.
   */
  enter(complete: number, timeoutNs: number): number {
    const submit = this.unsubmitted - this.#chain
    this.#words[this.#sqTail] = this.#tail
    this.systemCalls++
    // The kernel first queues work and then sets the flag: if this thread has done the work in between, the flag stays
    // for nothing, for ever. What is queued before it is cleared here is done by this call; what comes later sets it.
    const hadWork = complete >= 0 && (Atomics.load(this.#words, this.#sqFlags) & SQ_TASKRUN) !== 0
    if (hadWork) Atomics.and(this.#words, this.#sqFlags, ~SQ_TASKRUN)
    const lead = complete >= 0 ? this.#lead : 0
    if (lead > 0) this.#words[this.#cqHead] = this.#read - lead
    const result = ioUringEnter(this.fd, submit, complete + lead, timeoutNs)
    // It did not come to the work: it would not submit all, or was refused as a whole.
    if (hadWork && result < submit && result !== -ETIME) Atomics.or(this.#words, this.#sqFlags, SQ_TASKRUN)
    // Also for who polls the ring's descriptor, which is readable as long as there is something unread.
    if (lead > 0) this.#words[this.#cqHead] = this.#read
    this.#submitted = this.#words[this.#sqHead]!
    return result
  }

  /** The position of the next completion to read; up to `completionsEnd()`, where there is none. */
  completionsBegin(): number {
    return this.#read
  }

  completionsEnd(): number {
    return Atomics.load(this.#words, this.#cqTail)
  }

  /** Where in `cqes` the completion at a position is. */
  cqeAt(position: number): number {
    return this.#cqes + (position & this.#cqMask) * CQE_WORDS
  }

  /** The completions before `position` are read: the kernel may use their places again. */
  completionsRead(position: number): void {
    this.#read = position
    Atomics.store(this.#words, this.#cqHead, position)
  }

  /** The entries that are written and not submitted, dropped: calls `each` with the offset of each in `words`. */
  drop(each: (words: Int32Array, at: number) => void): void {
    for (let at = this.#submitted; at !== this.#tail; at = (at + 1) | 0) each(this.#sqes, this.#indexOf(at))
    this.#tail = this.#submitted
    this.#chain = 0
  }

  /** Has the kernel cancel what is in flight, as far as it can. Returns 0 or -errno. */
  cancelAll(): number {
    this.systemCalls++
    return ioUringCancelAll(this.fd)
  }

  /** Closes the ring. Nothing else can be called after this. */
  close(): void {
    close(this.fd)
    ioUringUnmap(this.#words.buffer)
    ioUringUnmap(this.#sqes.buffer)
  }

  /** One by one, of which set() takes three times as long. The last four words are 0 in all entries. */
  #write(sqe: Int32Array, position: number): void {
    const to = this.#sqes
    const at = this.#indexOf(position)
    to[at] = sqe[0]!
    to[at + 1] = sqe[1]!
    to[at + 2] = sqe[2]!
    to[at + 3] = sqe[3]!
    to[at + 4] = sqe[4]!
    to[at + 5] = sqe[5]!
    to[at + 6] = sqe[6]!
    to[at + 7] = sqe[7]!
    to[at + 8] = sqe[8]!
    to[at + 9] = sqe[9]!
    to[at + 10] = sqe[10]!
    to[at + 11] = sqe[11]!
  }

  #indexOf(position: number): number {
    return (position & (this.entries - 1)) * SQE_WORDS
  }

  #map(region: number, size: number): Int32Array<ArrayBuffer> {
    this.systemCalls++
    const memory = ioUringMap(this.fd, region, size)
    if (typeof memory === 'number') check(memory, 'mmap')
    return new Int32Array(memory as ArrayBuffer)
  }
}

function setup(entries: number, completions: number, params: Int32Array): number {
  let fd = -EINVAL
  for (const flags of SETUPS) {
    params[PARAMS_FLAGS] = flags
    params[PARAMS_CQ_ENTRIES] = completions
    fd = ioUringSetup(entries, params)
    if (fd !== -EINVAL) break
  }
  return fd
}
