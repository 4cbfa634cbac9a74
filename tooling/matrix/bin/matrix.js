// Runs the tests of the packages on each Node that is supported, all with the one native binary that was built by the
// Node at hand: Node-API promises that it need not be built again.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { getNode, majors, versionOf } from './nodes.js'
import { environmentOf, packages, test } from './packages.js'

const help = `Usage: npm run test:matrix -- [version...] [package...]

Runs the tests of the packages (default: all) on these versions of Node (default: all), with one native binary.
Without the program of a version it is downloaded from npm and kept in ~/.cache/aiokit.

  versions  ${majors.map((major) => `${major} (${versionOf(major)})`).join(', ')}
  packages  ${[...packages.keys()].join(', ')}
`

function fail(message) {
  console.error(message)
  process.exit(1)
}

/** What of `words` is a version and what a package; of what is not named at all, everything. */
function choose(words) {
  for (const word of words) {
    if (majors.includes(word) || packages.has(word)) continue
    fail(`There is no version or package "${word}".\n\n${help}`)
  }
  const picked = (all) => {
    const some = all.filter((each) => words.includes(each))
    return some.length === 0 ? all : some
  }
  return { versions: picked(majors), names: picked([...packages.keys()]) }
}

/** The binary that `program` loads, after it has shown that it is the version that it should be. */
function binaryOf(program, version) {
  const script = `const { nativePath } = await import('@aiokit/sys')
    console.log(JSON.stringify([process.versions.node, nativePath]))`
  const { stdout, stderr } = spawnSync(program, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    env: environmentOf(program),
    encoding: 'utf8',
  })
  if (!stdout) fail(`Node ${version} does not load @aiokit/sys:\n${stderr}`)
  const [actual, binary] = JSON.parse(stdout)
  if (actual !== version) fail(`${program} is Node ${actual} instead of ${version}: remove it.`)
  return binary
}

function hash(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16)
}

const words = process.argv.slice(2)
if (words.includes('--help') || words.includes('-h')) {
  process.stdout.write(help)
  process.exit(0)
}
const { versions, names } = choose(words)

let programs
try {
  programs = versions.map(getNode)
} catch (error) {
  fail(error.message)
}
const binaries = new Set(programs.map((program, i) => binaryOf(program, versionOf(versions[i]))))
if (binaries.size > 1) fail(`The versions load different binaries: ${[...binaries].join(', ')}.`)
const [binary] = binaries
const built = hash(binary)
console.log(`${path.relative(process.cwd(), binary)}, sha256 ${built}...`)

const failures = []
for (const [i, major] of versions.entries()) {
  for (const name of names) {
    const label = `Node ${versionOf(major).padEnd(8)} ${name.padEnd(22)}`
    process.stdout.write(label)
    const { passed, skipped, failed, seconds, ok, output } = test(programs[i], packages.get(name))
    const counts = [`${passed} passed`]
    if (skipped > 0) counts.push(`${skipped} skipped`)
    if (failed > 0) counts.push(`${failed} failed`)
    console.log(`${ok ? ' ' : 'FAILED '}${counts.join(', ')}, ${seconds.toFixed(1)} s`)
    if (ok) continue
    failures.push(label.trim())
    console.log(output)
  }
}

// Somebody may have built in the meantime.
if (hash(binary) !== built) fail(`${binary} has changed while the tests ran: run them again.`)
if (failures.length > 0) fail(`Failed:\n  ${failures.join('\n  ')}`)
