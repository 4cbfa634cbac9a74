import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { aioError, describe } from '@aiokit/errors'
import type { Task, TaskFunction } from './task.ts'

const require = createRequire(import.meta.url)

/**
 * Loads the function of a task at once, without a turn of Node's loop; the second time it costs a look into the
 * module cache.
 *
 * @throws `ERR_AIO_TASK_MODULE` if the module cannot be loaded (the cause says why) or not at once, because it awaits
 *   something at its top level or is not just a file; `ERR_AIO_NO_TASK` if it has no such function
 */
export function loadTask(task: Task): TaskFunction {
  // A URL with a query or a hash is another module than its file.
  if (!/^file:[^?#]*$/.test(task.module)) {
    throw aioError(
      'ERR_AIO_TASK_MODULE',
      `Module ${task.module} cannot be loaded at once: give a file, without a query, or load it with importTask().`,
    )
  }
  try {
    return functionOf(task, require(fileURLToPath(task.module)))
  } catch (cause) {
    throw moduleError(task, cause)
  }
}

/**
 * Loads the function of a task, whatever its module is.
 *
 * @throws as `loadTask`, but a module may take its time
 */
export async function importTask(task: Task): Promise<TaskFunction> {
  try {
    return functionOf(task, await import(task.module))
  } catch (cause) {
    throw moduleError(task, cause)
  }
}

/** What modules export; of CommonJS modules it can be anything. */
interface Exports {
  [name: string]: unknown
  default?: Exports
}

function functionOf(task: Task, exports: Exports): TaskFunction {
  let found: unknown = exports?.[task.exportName]
  if (found === undefined && task.exportName === 'default') found = exports
  // import() gives CommonJS exports as the default one and finds only some of them by name.
  if (found === undefined) found = exports?.default?.[task.exportName]
  if (typeof found === 'function') return found as TaskFunction
  const names = Object.keys(exports ?? {}).join(', ')
  throw aioError(
    'ERR_AIO_NO_TASK',
    `Export "${task.exportName}" of ${task.module} is not a function but ${describe(found)}: it exports ${names === '' ? 'nothing' : names}.`,
  )
}

function moduleError(task: Task, cause: unknown): unknown {
  if ((cause as { code?: unknown } | null)?.code === 'ERR_AIO_NO_TASK') return cause
  const reason = cause instanceof Error ? cause.message : describe(cause)
  return aioError('ERR_AIO_TASK_MODULE', `Module ${task.module} cannot be loaded: ${reason}`, { cause })
}
