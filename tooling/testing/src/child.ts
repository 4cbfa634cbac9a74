import { spawnSync } from 'node:child_process'

export interface ScriptOptions {
  /** Where the script resolves its imports from: a folder of the package under test. */
  cwd: string
  env?: Record<string, string>
  /** A command in front of node, such as ['strace', '-c', ...] or ['prlimit', '--nofile=64']. */
  under?: string[]
  /** Options of node itself. */
  node?: string[]
  timeoutMs?: number
}

export interface ChildResult {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** For `under`: at most so many descriptors, of which Node itself has some 20. */
export function descriptorLimit(count: number): string[] {
  return ['sh', '-c', `ulimit -n ${count}; exec "$@"`, 'sh']
}

/** Runs an ES module given as text in a process of its own, with the real kernel and whatever `under` does to it. */
export function runScript(script: string, options: ScriptOptions): ChildResult {
  const [first, ...others] = options.under ?? []
  const command = [
    ...(first === undefined ? [] : [first]),
    // It would not hear the signal after the timeout, if it writes to a file, and nor would the script.
    ...(first === 'strace' ? ['-I2'] : []),
    ...others,
    process.execPath,
    ...(options.node ?? []),
    '--input-type=module',
    '-e',
    script,
  ]
  const { status, signal, stdout, stderr, error } = spawnSync(command[0]!, command.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    encoding: 'utf8',
    timeout: options.timeoutMs ?? 20_000,
    maxBuffer: 64 * 2 ** 20,
  })
  if (error && (error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') throw error
  return { status, signal, stdout, stderr }
}

/**
 * Whether a command is installed; tests that need one say so and are skipped when it is not.
 *
 * @throws if it is not installed and the environment variable AIOKIT_REQUIRE_TOOLS is set, as it is in CI
 */
export function hasCommand(name: string): boolean {
  const found = spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0
  if (!found && process.env['AIOKIT_REQUIRE_TOOLS']) {
    throw new Error(`"${name}" is not installed, and AIOKIT_REQUIRE_TOOLS says that no test may be left out.`)
  }
  return found
}
