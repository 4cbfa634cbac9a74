import { requireTask, type Task } from '@aiokit/task'

/** A task as a pool knows it. Its number fits into a request and is never another task's. */
export interface NumberedTask extends Task {
  readonly number: number
}

/** Tasks by name that are remembered: a program may make one after the other. */
export const MAX_TASKS = 1024

/** The numbers of the tasks that a pool is given. One that was forgotten gets another, and threads ask for it again. */
export class TaskNumbers {
  /** By the objects that were given: to look at what is in them takes longer. */
  readonly #known: WeakMap<Task, NumberedTask> = new WeakMap<Task, NumberedTask>()
  /** Those that came last are last. */
  readonly #byName: Map<string, NumberedTask> = new Map<string, NumberedTask>()
  readonly #added: (task: NumberedTask) => void
  #next = 0

  /** @param added hears of each that gets a number */
  constructor(added: (task: NumberedTask) => void = () => {}) {
    this.#added = added
  }

  /** Tasks remembered by name. */
  get count(): number {
    return this.#byName.size
  }

  /** @throws `ERR_AIO_INVALID_ARG_TYPE` */
  numbered(task: Task): NumberedTask {
    return this.#known.get(task) ?? this.#add(task)
  }

  #add(task: Task): NumberedTask {
    const { module, exportName } = requireTask(task)
    const name = JSON.stringify([module, exportName])
    let numbered = this.#byName.get(name)
    if (numbered === undefined) {
      numbered = { module, exportName, number: this.#next++ }
      this.#added(numbered)
    }
    this.#byName.delete(name)
    this.#byName.set(name, numbered)
    if (this.#byName.size > MAX_TASKS) this.#byName.delete(this.#byName.keys().next().value!)
    this.#known.set(task, numbered)
    return numbered
  }
}
