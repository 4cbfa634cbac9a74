import type { TaskFunction } from '@aiokit/task'
import { MAX_TASKS } from './task-numbers.ts'

/** The functions that a thread has loaded, by the numbers of their tasks: the last so many, the others are loaded again. */
export class TaskFunctions {
  readonly #byNumber: Map<number, TaskFunction> = new Map<number, TaskFunction>()
  /** The one before is likely to be the next. */
  #lastNumber = -1
  #last: TaskFunction | undefined

  get count(): number {
    return this.#byNumber.size
  }

  get(number: number): TaskFunction | undefined {
    if (number === this.#lastNumber) return this.#last
    const run = this.#byNumber.get(number)
    if (run !== undefined) this.#remember(number, run)
    return run
  }

  add(number: number, run: TaskFunction): void {
    this.#byNumber.set(number, run)
    if (this.#byNumber.size > MAX_TASKS) this.#byNumber.delete(this.#byNumber.keys().next().value!)
    this.#remember(number, run)
  }

  #remember(number: number, run: TaskFunction): void {
    this.#lastNumber = number
    this.#last = run
  }
}
