import type { Task } from '@aiokit/task'
import { NAME_PLACES, NAME_WORDS, NAMES } from './pool-layout.ts'
import type { NumberedTask } from './task-numbers.ts'

// The words of a place: the number of the task plus 1, or 0 while it is written; the lengths of both parts; their characters.
const NUMBER = 0
const MODULE_LENGTH = 1
const EXPORT_LENGTH = 2
const TEXT = 3
const MOST_TEXT: number = NAME_WORDS - TEXT

/**
 * What the latest tasks of a pool are called, for threads that do not know them: in shared memory, so that a task begins also
 * while its owner does not poll. A thread that does not find one here (its name is long, or many came later) asks the owner.
 */
export class TaskNames {
  readonly #words: Int32Array

  constructor(words: Int32Array) {
    this.#words = words
  }

  /** Owner: before the first request of the task is queued. */
  write({ module, exportName, number }: NumberedTask): void {
    const words = this.#words
    const at = placeOf(number)
    Atomics.store(words, at + NUMBER, 0)
    if (module.length + exportName.length > MOST_TEXT) return
    words[at + MODULE_LENGTH] = module.length
    words[at + EXPORT_LENGTH] = exportName.length
    const text = module + exportName
    for (let i = 0; i < text.length; i++) words[at + TEXT + i] = text.charCodeAt(i)
    Atomics.store(words, at + NUMBER, idOf(number))
  }

  /** Thread: null if it is not here. */
  read(number: number): Task | null {
    const words = this.#words
    const at = placeOf(number)
    if (Atomics.load(words, at + NUMBER) !== idOf(number)) return null
    const middle = Math.min(words[at + MODULE_LENGTH]!, MOST_TEXT)
    const end = Math.min(middle + words[at + EXPORT_LENGTH]!, MOST_TEXT)
    let text = ''
    for (let i = 0; i < end; i++) text += String.fromCharCode(words[at + TEXT + i]!)
    // The owner may have begun to write another one meanwhile. Not a load: what was read before must not be read after it.
    if (Atomics.add(words, at + NUMBER, 0) !== idOf(number)) return null
    return { module: text.slice(0, middle), exportName: text.slice(middle) } as Task
  }
}

function placeOf(number: number): number {
  return NAMES + (number % NAME_PLACES) * NAME_WORDS
}

/** Another one for each of 2**31 tasks in turn, and never 0. */
function idOf(number: number): number {
  return (number % 0x7fff_ffff) + 1
}
