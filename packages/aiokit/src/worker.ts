import { AioContext, type AioContextOptions } from 'aiokit'

/** What makes the context of an I/O thread, inside. It is the class that a program in there imports, and not a copy. */
export function newContext(options: AioContextOptions): AioContext {
  return new AioContext(options)
}
