import { execFile, spawnSync } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

const MAX_OUTPUT = 64 * 1024 * 1024
/** Longest path of the search; one that is longer is reported and fails. */
const DEPTH = 1_000_000

/** Makes sure that spin and a C compiler are there. Returns what is missing, in a sentence that says what to do, or null. */
export function missingTool() {
  if (!starts('cc', ['--version'])) return 'There is no C compiler: install gcc.'
  if (starts('spin', ['-V'])) return null
  if (process.getuid?.() === 0 && starts('apt-get', ['--version'])) {
    console.log('Installing spin.')
    const install = () => starts('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'spin'])
    if (install() || (starts('apt-get', ['update', '-qq']) && install())) return null
  }
  return 'spin, which verifies the models, is not installed: install it (Debian and Ubuntu: "apt-get install spin") and run "npm run verify-models -- --force".'
}

function starts(command, args) {
  const { status } = spawnSync(command, args, {
    stdio: 'ignore',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return status === 0
}

/** @returns {Promise<{ status: number, output: string }>} */
function run(cwd, command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ status, output: `${stdout}${stderr}${status === -1 ? error : ''}` })
    })
  })
}

/**
 * Searches all states of a model. What ends the search early other than an error in the model, is thrown.
 *
 * @param {string} file
 * @param {import('./checks.js').Check} check
 * @returns {Promise<{ states: number, seconds: number, violation: string | null, steps: number, trace: string,
 *   unreached: string[] }>}
 */
export async function search(file, { defines, mutant, formula }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'aiokit-models-'))
  try {
    const start = performance.now()
    const name = path.basename(file)
    await copyFile(file, path.join(folder, name))
    const options = [...defines, ...(mutant === null ? [] : [mutant])].map((each) => `-D${each}`)
    await expectSuccess(folder, 'spin', ['-a', ...options, name])
    // A formula is searched for with weak fairness: a thread that can go on does so at some time. Otherwise the search of
    // a mutant goes by breadth, so that its counterexample is a shortest one.
    const how = formula ? ['-DNFAIR=3'] : ['-DSAFETY', ...(mutant === null ? [] : ['-DBFS'])]
    await expectSuccess(folder, 'cc', ['-O1', '-w', ...how, '-o', 'pan', 'pan.c'])
    // -E: the loop of the owner has no end, which is no error; what is, is asserted.
    const { status, output } = await run(folder, './pan', [
      `-m${DEPTH}`,
      '-E',
      ...(formula ? ['-a', '-f'] : []),
    ])
    const errors = /errors: (\d+)/.exec(output)
    const states = /^\s*([\d.e+]+) states, stored/m.exec(output)
    if (status !== 0 || errors === null || states === null)
      throw new Error(`The search broke off:\n${output}`)
    const violation = errors[1] === '0' ? null : (/^pan:1: (.*)$/m.exec(output)?.[1] ?? 'an error')
    if (violation === null && /not completed|too small/.test(output))
      throw new Error(`The search is not complete:\n${output}`)
    const replay = ['-t', '-p', '-g', ...options, name]
    const trace = violation === null ? '' : (await run(folder, 'spin', replay)).output
    return {
      states: Number(states[1]),
      seconds: (performance.now() - start) / 1000,
      violation,
      steps: Number(/trail ends after (\d+) steps/.exec(trace)?.[1] ?? 0),
      trace,
      unreached: [...output.matchAll(/^\s+\S*pml:(\d+), state \d+, "(?!-end-)(.*)"$/gm)].map(
        ([, line, text]) => `${name}:${line} ${text}`,
      ),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function expectSuccess(folder, command, args) {
  const { status, output } = await run(folder, command, args)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`)
}
