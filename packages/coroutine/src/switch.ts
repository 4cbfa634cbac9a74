import { AioContext } from '@aiokit/aio'
import { coroutineRun } from '@aiokit/trace'
import type { Coroutine } from './coroutine.ts'
import { AWAKE, QUEUED } from './flags.ts'
import { notInCoroutine } from './misuse.ts'

// Of this thread: a coroutine never leaves it.

/** The innermost coroutine that runs; it may be in the middle of a poll, which makes it no longer `self`. */
let running: Coroutine<unknown> | null = null
/** The polls that were running when it was entered. */
let depth = 0
/** What it has woken since, in order, linked by `next`. */
let wokenFirst: Coroutine<unknown> | null = null
let wokenLast: Coroutine<unknown> | null = null

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

/**
 * Runs each until it yields or ends, `first` and those linked to it. What one of them wakes comes right after it, before
 * the others: depth first, as in the original. Never throws what a body throws.
 */
export function run(first: Coroutine<unknown>): void {
  const outer = running
  const outerDepth = depth
  const outerFirst = wokenFirst
  const outerLast = wokenLast
  let co: Coroutine<unknown> | null = first
  let rest: Coroutine<unknown> | null = null
  try {
    depth = AioContext.depth
    while (co !== null) {
      rest = co.next
      wokenFirst = wokenLast = null
      running = co
      if (coroutineRun.hasSubscribers) resumeTraced(co)
      else co.resume()
      co = wokenThen(rest)
    }
  } finally {
    if (co !== null) {
      // Only if the stack is full: those that have not had their turn get it where there is room again.
      co.next = wokenThen(rest)
      process.nextTick(run, co)
    }
    running = outer
    depth = outerDepth
    wokenFirst = outerFirst
    wokenLast = outerLast
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
    run(first)
    return
  }
  if (wokenLast === null) wokenFirst = first
  else wokenLast.next = first
  wokenLast = last
}
