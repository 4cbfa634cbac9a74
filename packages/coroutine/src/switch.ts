import { AioContext } from '@aiokit/aio'
import { coroutineRun } from '@aiokit/trace'
import type { Coroutine } from './coroutine.ts'
import { AWAKE, QUEUED, SCHEDULED } from './flags.ts'
import { notInCoroutine } from './misuse.ts'

// Of this thread: a coroutine never leaves it.

/** The innermost coroutine that runs; it may be in the middle of a poll, which makes it no longer `self`. */
let running: Coroutine<unknown> | null = null
/** The polls that were running when it was entered. */
let depth = 0
/** What it has woken since, in order, linked by `next`. */
let wokenFirst: Coroutine<unknown> | null = null
let wokenLast: Coroutine<unknown> | null = null
/** Those that are to run, or to end, and could not because the stack was full; linked by `next`. */
let postponed: Coroutine<unknown> | null = null
/** Calls of `run()` that are on the stack. */
let nesting = 0

/** Of every 16 calls of `run()`, one inside the other, one looks: with bodies that do little they take some 15 KB. */
const LOOK_AT = 15

/**
 * The coroutine whose code this is. What a poll calls that a coroutine makes in its body is not code of that coroutine:
 * it cannot yield for it. Whatever it wakes runs at once, since the coroutine may be polling for just that.
 */
export function self(): Coroutine<unknown> | null {
  return running !== null && depth === AioContext.depth ? running : null
}

/** @throws `ERR_AIO_NO_COROUTINE` */
export function requireSelf(): Coroutine<unknown> {
  const co = self()
  if (co === null) throw notInCoroutine()
  return co
}

/** The context that runs this code; the one that the coroutine was entered on if no poll is running. */
export function currentContext(): AioContext | null {
  return AioContext.current ?? self()?.home?.ctx ?? null
}

/** Whether it is time to look how much room there is on the stack: not each time, which would cost more than entering. */
export function isDeep(): boolean {
  return (nesting & LOOK_AT) === LOOK_AT
}

/**
 * Runs each until it yields or ends: `first` and those linked to it, or those that were postponed. What one of them wakes
 * comes right after it, before the others: depth first, as in the original. Never throws what a body throws.
 *
 * @throws RangeError if the stack is full; those that were woken and have not had their turn get it where there is room
 */
export function run(first: Coroutine<unknown> | null): void {
  const outer = running
  const outerDepth = depth
  const outerFirst = wokenFirst
  const outerLast = wokenLast
  let co: Coroutine<unknown> | null = first
  let rest: Coroutine<unknown> | null = null
  if (co === null) {
    co = postponed
    postponed = null
  }
  nesting++
  try {
    depth = AioContext.depth
    while (co !== null) {
      rest = co.next
      wokenFirst = wokenLast = null
      running = co
      try {
        if (coroutineRun.hasSubscribers) resumeTraced(co)
        else co.resume()
      } catch {
        // The stack was full: what has filled it is gone by now, unless all this is too deep in it.
        co.resume()
      }
      co = wokenThen(rest)
      if (postponed !== null) co = postponedThen(co)
    }
  } finally {
    if (co !== null) {
      // Nothing is called here, for which there may be no room.
      if (wokenLast !== null) {
        wokenLast.next = rest
        rest = wokenFirst
      }
      // Who entered one that has not begun hears that it was not; one that has scheduled itself is in another line.
      if (co.flags !== 0 && !(co.flags & SCHEDULED)) {
        co.next = rest
        rest = co
      }
      let last = rest
      while (last !== null && last.next !== null) last = last.next
      if (last !== null) {
        last.next = postponed
        postponed = rest
      }
    }
    nesting--
    running = outer
    depth = outerDepth
    wokenFirst = outerFirst
    wokenLast = outerLast
    // Else the one around this takes them.
    if (postponed !== null && outer === null) process.nextTick(run, null)
  }
}

function resumeTraced(co: Coroutine<unknown>): void {
  const span = coroutineRun.begin({ co })
  try {
    co.resume()
  } finally {
    coroutineRun.end(span)
  }
}

/** The line of those just woken and then `rest`. */
function wokenThen(rest: Coroutine<unknown> | null): Coroutine<unknown> | null {
  if (wokenLast === null) return rest
  wokenLast.next = rest
  return wokenFirst
}

/** Those that were postponed and then `rest`. */
function postponedThen(rest: Coroutine<unknown> | null): Coroutine<unknown> | null {
  const first = postponed!
  postponed = null
  let last = first
  while (last.next !== null) last = last.next
  last.next = rest
  return first
}

/** Something that coroutines wait for in line. */
interface Granting {
  /** Gives what there is to the first in line, takes it out of the line and returns it; null if it has to wait on. */
  grantNext(): Coroutine<unknown> | null
}

/**
 * Wakes all that can be given what they wait for. None of them runs before each has been given it, so that this may be
 * called where something is half done.
 */
export function wakeGranted(source: Granting): void {
  let first: Coroutine<unknown> | null = null
  let last: Coroutine<unknown> | null = null
  for (let co = source.grantNext(); co !== null; co = source.grantNext()) {
    if (!runsHere(co)) continue
    if (last === null) first = co
    else last.next = co
    last = co
  }
  if (first !== null) runAfterSelf(first, last!)
}

/**
 * Makes `co`, which has yielded, go on: at once in a callback of its own context, after the current coroutine inside of
 * one, else from a bottom half of its context (rule C2). Nothing if it is going to run anyway.
 */
export function wake(co: Coroutine<unknown>): void {
  if (runsHere(co)) runAfterSelf(co, co)
}

function runsHere(co: Coroutine<unknown>): boolean {
  if (co.flags & AWAKE) return false
  const { home } = co
  if (home !== null) {
    if (home.closed) co.leaveClosed()
    else if (home.ctx !== currentContext()) {
      home.schedule(co)
      return false
    }
  }
  co.flags |= QUEUED
  return true
}

function runAfterSelf(first: Coroutine<unknown>, last: Coroutine<unknown>): void {
  if (self() === null) {
    // If the stack is too full for the call, the next one takes them.
    last.next = postponed
    postponed = first
    run(null)
    return
  }
  if (wokenLast === null) wokenFirst = first
  else wokenLast.next = first
  wokenLast = last
}
