import { readFileSync } from 'node:fs'
import { createRequire, SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import type * as Aio from '@aiokit/aio'
import type * as BottomHalves from '@aiokit/bottom-halves'
import type * as Notifier from '@aiokit/notifier'
import type * as QList from '@aiokit/qlist'
import type * as ThreadPool from '@aiokit/thread-pool'
import { rolldown } from 'rolldown'
import type { PoolMemory } from '../../../packages/thread-pool/src/pool-memory.ts'
import type { PoolThread } from '../../../packages/thread-pool/src/pool-thread.ts'
import type { ThreadStates } from '../../../packages/thread-pool/src/thread-states.ts'
import type { Machine } from './machine.ts'

/** A change of the source that makes it wrong. */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string
  /** Is there exactly once. */
  readonly find: string
  readonly replace: string
}

/** The real code, over a simulated computer. */
export type Code = Pick<typeof Aio, 'AioContext' | 'RemoteContext'> &
  Pick<typeof BottomHalves, 'BottomHalfList' | 'RemoteBottomHalf' | 'SharedStates'> &
  Pick<typeof Notifier, 'EventNotifier' | 'NotifyGate'> &
  Pick<typeof QList, 'AtomicSList'> &
  Pick<typeof ThreadPool, 'ThreadPool'> & {
    readonly PoolMemory: typeof PoolMemory
    readonly PoolThread: typeof PoolThread
    readonly ThreadStates: typeof ThreadStates
  }

export interface Program {
  load(machine: Machine): Code
  /** Where in the sources a stack begins, as in "notify-gate.ts:120 notify"; null if it is not in the code. */
  locate(stack: string): string | null
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const ENTRY = '\0entry'
const POOL = `${root}packages/thread-pool/src/`
const WATCH = `${root}packages/notifier/src/notifier-watch.ts`
const entry = [
  ...['aio', 'bottom-halves', 'notifier', 'qlist', 'thread-pool'].map((name) => `@aiokit/${name}`),
  // Not exported by the package.
  ...['pool-memory', 'pool-thread', 'thread-states'].map((name) => `${POOL}${name}.ts`),
]
  .map((id) => `export * from '${id}'`)
  .join('\n')
const FILE = 'explored-code.cjs'

/** Numbers that are as large as is fast, and as small here as is of interest; each is defined once. */
const bounds: Readonly<Record<string, number>> = {
  SLOTS: 2,
  MAX_THREADS: 4,
  NAME_PLACES: 2,
  NAME_WORDS: 64,
  LEAST_LOOKS: 0,
  MOST: 0,
  LOOKS: 1,
}

const GLOBALS = [
  'Atomics',
  'Int32Array',
  'Float64Array',
  'Uint8Array',
  'DataView',
  'SharedArrayBuffer',
  'FinalizationRegistry',
  'process',
  'setImmediate',
] as const

/** Not explored, and put by something else: the kernel, and what is of no use where threads are not real. */
const stubs: Record<string, unknown> = {
  '@aiokit/timers': {
    realtime: { now: () => 0 },
    TimerList: class {
      createTimer = () => ({ mod() {}, del() {} })
      deadlineNs = () => -1
      run = () => false
    },
  },
  'node:crypto': { randomInt: () => 1, randomUUID: () => '' },
  'node:fs': {
    readFileSync() {
      throw new Error('there is no /proc')
    },
  },
}

/**
 * Compiles the sources of the packages, as they are or with `patches`.
 *
 * @throws if a patch does not fit
 */
export async function compile(patches: readonly Patch[] = []): Promise<Program> {
  const applied = new Set<Patch>()
  const bundle = await rolldown({
    input: ENTRY,
    platform: 'node',
    external: [/^node:/, '@aiokit/sys', '@aiokit/timers', '@aiokit/task'],
    plugins: [
      {
        name: 'sources',
        resolveId(id) {
          if (id === ENTRY) return id
          const name = /^@aiokit\/([a-z-]+)$/.exec(id)?.[1]
          return name === undefined ? null : `${root}packages/${name}/src/index.ts`
        },
        load(id) {
          if (id === ENTRY) return entry
          if (!id.startsWith(root)) return null
          let text = readFileSync(id, 'utf8')
          for (const patch of patches) {
            if (id !== root + patch.file) continue
            text = patched(text, patch)
            applied.add(patch)
          }
          if (id === WATCH) return bounded(text)
          return id.startsWith(POOL) ? bounded(withoutTurns(text)) : text
        },
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'cjs', sourcemap: true })
  await bundle.close()
  for (const patch of patches)
    if (!applied.has(patch)) throw new Error(`A mutant is out of date: ${patch.file} is not part of the code`)
  return program(output[0].code, new SourceMap(JSON.parse(JSON.stringify(output[0].map))))
}

/** Without turns of Node's loop, in which nothing happens: what is awaited is there at once. */
function withoutTurns(text: string): string {
  return text.replaceAll(/\b(?:async|await)\s+/g, '')
}

function bounded(text: string): string {
  let result = text
  for (const [name, bound] of Object.entries(bounds))
    result = result.replace(new RegExp(`(const ${name} = )\\d+$`, 'm'), `$1${bound}`)
  return result
}

function patched(text: string, { file, find, replace }: Patch): string {
  const parts = text.split(find)
  if (parts.length !== 2) {
    throw new Error(
      `A mutant is out of date: ${file} has ${parts.length - 1} times instead of once\n${find}\nChange the mutant so that it fits the code again.`,
    )
  }
  return parts.join(replace)
}

function program(code: string, map: SourceMap): Program {
  const parameters = ['exports', 'module', 'require', '__filename', ...GLOBALS]
  const script = new Script(`(function (${parameters}) {${code}\n})`, { filename: FILE })
  const real = createRequire(import.meta.url)
  return {
    load(machine) {
      const exports = {}
      const modules: Record<string, unknown> = {
        ...stubs,
        ...machine.threads.modules,
        '@aiokit/sys': machine.sys,
      }
      const require = (id: string): unknown => modules[id] ?? real(id)
      const globals = GLOBALS.map((name) => machine.globals[name])
      script.runInThisContext()(exports, { exports }, require, import.meta.filename, ...globals)
      return exports as Code
    },
    locate(stack) {
      const found = /at (?:new )?(?:(\S+) )?\(?explored-code\.cjs:(\d+):(\d+)/.exec(stack)
      if (found === null) return null
      const [, name = '', line, column] = found
      const place = map.findEntry(Number(line) - 1, Number(column) - 1)
      if (!('originalSource' in place)) return null
      const file = place.originalSource.split('/').at(-1)
      return `${file}:${place.originalLine + 1} ${name.replace(/^.*\./, '')}`
    },
  }
}
