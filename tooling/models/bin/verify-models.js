// Verifies the models, and that each mutant fails. "--show NAME" prints the counterexample of a mutant.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checks, variants } from './checks.js'
import { missingTool, search } from './spin.js'

/** @param {string} model */
const fileOf = (model) => fileURLToPath(new URL(`../${model}`, import.meta.url))

const { values } = parseArgs({ options: { show: { type: 'string' } } })

const missing = missingTool()
if (missing !== null) {
  console.error(missing)
  process.exit(process.env.AIOKIT_REQUIRE_TOOLS === '1' ? 1 : 0)
}
requireAllMutants()
if (values.show !== undefined) await show(values.show)
else await verifyAll()

/**
 * A mutant that nobody tries proves nothing, and neither does one that is not in the model. A property that no mutant
 * fails may be one that nothing fails.
 */
function requireAllMutants() {
  for (const { model, property } of checks) {
    const fails = (check) => check.model === model && check.property === property && check.mutant !== null
    if (!checks.some(fails)) fail(`No mutant of ${model} is tried for "${property}".`)
  }
  for (const model of new Set(checks.map((check) => check.model))) {
    const names = readFileSync(fileOf(model), 'utf8').matchAll(/^#\w*if.*/gm)
    const inModel = new Set([...names].flatMap(([line]) => line.match(/\b[A-Z_]{4,}\b/g) ?? []))
    const tried = new Set(checks.filter((check) => check.model === model).map(({ mutant }) => mutant))
    tried.delete(null)
    for (const name of inModel)
      if (!tried.has(name) && !variants.includes(name))
        fail(`${model} has a mutant ${name} that is not tried.`)
    for (const name of tried) if (!inModel.has(name)) fail(`${model} has no mutant ${name}.`)
  }
}

async function show(name) {
  const check = checks.find(({ mutant }) => mutant === name)
  if (check === undefined) fail(`There is no mutant ${name}.`)
  const { violation, trace } = await search(fileOf(check.model), check)
  console.log(`${trace}\n${violation}`)
}

async function verifyAll() {
  const queue = checks.entries()
  /** @type {string[][]} */
  const rows = []
  /** @type {string[]} */
  const failures = []
  const worker = async () => {
    for (const [i, check] of queue) {
      const { row, failure } = await verify(check)
      rows[i] = row
      if (failure !== null) failures.push(failure)
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, os.availableParallelism()) }, worker))
  print([['model', 'property', 'mutant', 'states', 'seconds', 'verdict'], ...rows])
  if (failures.length > 0) fail(`\n${failures.join('\n\n')}`)
}

async function verify(check) {
  const { model, defines, property, formula, mutant } = check
  const name = [model, ...defines.filter((define) => define !== 'REST' && define !== 'SERVED')].join(' ')
  const row = [name, property, mutant ?? '']
  try {
    const { states, seconds, violation, steps, trace, unreached } = await search(fileOf(model), check)
    row.push(states.toLocaleString('en'), seconds.toFixed(1))
    if (mutant !== null) {
      row.push(violation === null ? 'NOT FOUND' : `found, in ${steps} steps`)
      const failure = `The mutant ${mutant} of ${name} has no counterexample for "${property}".`
      return { row, failure: violation === null ? failure : null }
    }
    if (violation !== null) {
      row.push('FAILS')
      return { row, failure: `${name} fails: ${property}: ${violation}\n${trace}` }
    }
    // Only where all states are searched for themselves; the claim of a formula cuts some off.
    if (unreached.length > 0 && !formula) {
      row.push('NOT REACHED')
      return { row, failure: `${name} has statements that are never reached:\n${unreached.join('\n')}` }
    }
    row.push('holds')
    return { row, failure: null }
  } catch (error) {
    row.push('', '', 'NO VERDICT')
    return { row, failure: `${name} ${mutant ?? ''}: ${error.message}` }
  }
}

function print(table) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)))
  for (const row of table) {
    const cells = row.map((cell, i) =>
      i === 3 || i === 4 ? cell.padStart(widths[i]) : cell.padEnd(widths[i]),
    )
    console.log(cells.join('  ').trimEnd())
  }
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
