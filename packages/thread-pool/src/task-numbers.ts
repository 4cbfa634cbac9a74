import { requireTask, type Task } from '@aiokit/task'

/** The tasks that a pool has been given, by numbers, which fit into a request. */
export class TaskNumbers {
  readonly tasks: Task[] = []
  /** The objects that were given: to look at what is in them takes longer. */
  readonly #known: WeakMap<Task, number> = new WeakMap<Task, number>()
  readonly #byName: Map<string, number> = new Map<string, number>()
  readonly #added: (task: Task) => void

  /** @param added hears of each that is new, before its number is used */
  constructor(added: (task: Task) => void) {
    this.#added = added
  }

  /** @throws `ERR_AIO_INVALID_ARG_TYPE` */
  numberOf(task: Task): number {
    return this.#known.get(task) ?? this.#add(task)
  }

  #add(task: Task): number {
    requireTask(task)
    const name = JSON.stringify([task.module, task.exportName])
    let number = this.#byName.get(name)
    if (number === undefined) {
      number = this.tasks.length
      const copy = { module: task.module, exportName: task.exportName }
      this.tasks.push(copy)
      this.#byName.set(name, number)
      this.#added(copy)
    }
    this.#known.set(task, number)
    return number
  }
}
