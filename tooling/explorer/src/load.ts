import { readFileSync } from 'node:fs'
import { createRequire, SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import type * as Aio from '@aiokit/aio'
import type * as BottomHalves from '@aiokit/bottom-halves'
import type * as Notifier from '@aiokit/notifier'
import type * as QList from '@aiokit/qlist'
import { rolldown } from 'rolldown'
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
  Pick<typeof QList, 'AtomicSList'>

export interface Program {
  load(machine: Machine): Code
  /** Where in the sources a stack begins, as in "notify-gate.ts:120 notify"; null if it is not in the code. */
  locate(stack: string): string | null
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const ENTRY = '\0entry'
const entry = ['aio', 'bottom-halves', 'notifier', 'qlist']
  .map((name) => `export * from '@aiokit/${name}'`)
  .join('\n')
const FILE = 'explored-code.cjs'

const GLOBALS = ['Atomics', 'Int32Array', 'SharedArrayBuffer', 'FinalizationRegistry'] as const

/** Not explored, and put by something else: the kernel, and what is of no use where threads are not real. */
const stubs: Record<string, unknown> = {
  '@aiokit/timers': { TimerList: class {} },
  '@aiokit/task': {},
  'node:crypto': { randomInt: () => 1, randomUUID: () => '' },
  'node:fs': {
    readFileSync() {
      throw new Error('there is no /proc')
    },
  },
  'node:worker_threads': {
    isMainThread: true,
    BroadcastChannel: class {
      unref(): void {}
      close(): void {}
    },
    receiveMessageOnPort: () => undefined,
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
          return text
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
  const parameters = ['exports', 'module', 'require', ...GLOBALS]
  const script = new Script(`(function (${parameters}) {${code}\n})`, { filename: FILE })
  const real = createRequire(import.meta.url)
  return {
    load(machine) {
      const exports = {}
      const require = (id: string): unknown => (id === '@aiokit/sys' ? machine.sys : (stubs[id] ?? real(id)))
      const globals = GLOBALS.map((name) => machine.globals[name])
      script.runInThisContext()(exports, { exports }, require, ...globals)
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
