import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { aioTypeError, describe, requireString } from '@aiokit/errors'

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, so only any admits every function of one argument
export type TaskFunction = (argument: any) => unknown

/** What a task takes: `undefined` if its function has no parameter. */
export type TaskArgument<F extends TaskFunction> = Parameters<F> extends [] ? undefined : Parameters<F>[0]

/** What a task gives: a promise is waited for. */
export type TaskResult<F extends TaskFunction> = Awaited<ReturnType<F>>

/**
 * A function that any thread can find: the export of a module. Threads share no functions, but they can load the same
 * modules. Structured-cloneable; made by `defineTask()`.
 *
 * `A` is what it takes and `R` what it gives; they exist for the compiler only.
 */
export interface Task<A = unknown, R = unknown> {
  /** A URL, in full. */
  readonly module: string
  readonly exportName: string
  /** Never there. A method, for a task of anything to be one of `unknown`. */
  types?(argument: A): R
}

/** The task of a function: what `defineTask<F>()` gives, for annotations. */
export type TaskOf<F extends TaskFunction> = Task<TaskArgument<F>, TaskResult<F>>

/**
 * Names a function for other threads (rule W1). Nothing is loaded here.
 *
 *     const hash = defineTask<typeof import('./hash.ts').hash>(new URL('./hash.js', import.meta.url), 'hash')
 *     const hash = defineTask<string, number>('/opt/app/hash.js', 'hash')
 *
 * JavaScript has no type arguments: there an annotation says the same, `TaskOf<typeof hash>` or `Task<string, number>`.
 *
 * @param module a URL, as an object or a string, or an absolute path; threads have no directory that a relative one
 *   could be relative to
 * @param exportName default 'default', which of a CommonJS module that exports nothing of this name is all of its exports
 * @throws `ERR_AIO_INVALID_ARG_TYPE`, `ERR_AIO_RELATIVE_MODULE`
 */
// This one first: it is what annotations are inferred by, and without any JavaScript has `any` of it and not `unknown`.
export function defineTask<A, R>(module: URL | string, exportName?: string): Task<A, R>
export function defineTask<F extends TaskFunction>(module: URL | string, exportName?: string): TaskOf<F>
export function defineTask(module: URL | string, exportName: string = 'default'): Task {
  return { module: urlOf(module), exportName: requireString(exportName, 'exportName') }
}

/**
 * Returns `value` if it is a task, also one that came from another thread.
 *
 * @throws `ERR_AIO_INVALID_ARG_TYPE`
 */
export function requireTask<A, R>(value: Task<A, R>, name: string = 'task'): Task<A, R> {
  if (typeof value?.module === 'string' && typeof value.exportName === 'string') return value
  throw aioTypeError(
    'ERR_AIO_INVALID_ARG_TYPE',
    `"${name}" must be what defineTask() gave: other threads cannot be sent functions. Received ${describe(value)}.`,
  )
}

function urlOf(module: URL | string): string {
  if (module instanceof URL) return module.href
  requireString(module, 'module')
  if (path.isAbsolute(module)) return pathToFileURL(module).href
  if (URL.canParse(module)) return new URL(module).href
  throw aioTypeError(
    'ERR_AIO_RELATIVE_MODULE',
    `"module" must be a URL or an absolute path: write new URL(${JSON.stringify(module)}, import.meta.url). Received ${describe(module)}.`,
  )
}
