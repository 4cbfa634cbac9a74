import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { getEnvironmentData, isMainThread, threadId } from 'node:worker_threads'
import { requireString } from '@aiokit/errors'
import { KEY } from './key.ts'
import type { TraceHandle } from './shared-trace.ts'
import type { Trace } from './writer.ts'

/**
 * Writes what all contexts of this thread do from now on, and those of threads that are started from now on, to `file`: a
 * trace in the Trace Event Format, which ui.perfetto.dev and chrome://tracing open. Until `stop()` or the end of the thread.
 *
 * The environment variable AIOKIT_TRACE does the same from the beginning.
 *
 * @throws `ERR_AIO_TRACE_FILE` if it cannot be written; `ERR_AIO_TRACE_RUNNING` if there is a trace already;
 *   `ERR_AIO_INVALID_ARG_TYPE`
 */
export function startTrace(file: string): Trace {
  requireString(file, 'file')
  // From `src` as from `dist`.
  const writer = fileURLToPath(new URL('../dist/writer.cjs', import.meta.url))
  return loadWriter(writer).start(file, writer)
}

/**
 * For what is loaded in each thread that is to be in a trace: begins to record if the process writes a trace, or if
 * AIOKIT_TRACE says that it should. Otherwise nothing is loaded. May be called again.
 *
 * What is wrong with the file is a warning: a program does not fail for it.
 */
export function joinTrace(): void {
  const shared = getEnvironmentData(KEY) as unknown as TraceHandle | undefined
  if (shared !== undefined) {
    // The same for all copies of this package in a thread, and for programs of threads that have it built in.
    loadWriter(shared.writer).join(shared)
    return
  }
  const file = process.env['AIOKIT_TRACE']
  if (!file) return
  try {
    startTrace(fileFor(file))
  } catch (error) {
    process.emitWarning(`AIOKIT_TRACE: ${(error as Error).message}`, {
      type: 'AioWarning',
      code: 'AIOKIT_TRACE',
    })
  }
}

function loadWriter(writer: string): typeof import('./writer.ts') {
  return createRequire(writer)(writer)
}

/** A thread whose process has no trace, since only threads of it use aiokit, writes one of its own. */
function fileFor(name: string): string {
  const file = name.replaceAll('{pid}', String(process.pid))
  if (isMainThread) return file
  const { dir, name: base, ext } = path.parse(file)
  return path.join(dir, `${base}.${threadId}${ext}`)
}
