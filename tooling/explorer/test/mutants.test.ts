import { expect, test } from 'vitest'
import { counterexample } from '../src/counterexample.ts'
import { explore } from '../src/explore.ts'
import { compile } from '../src/load.ts'
import { Machine } from '../src/machine.ts'
import { mutants } from './mutants.ts'
import { scenarios } from './scenarios/index.ts'

test.each(mutants)('$title: is found', async ({ title, patches, scenario: name }) => {
  const program = await compile(patches)
  const machine = new Machine()
  const scenario = scenarios[name](program.load(machine), machine)
  const exploration = explore(machine, scenario)
  expect(exploration.violation, 'nothing goes wrong with the mutant').not.toBeNull()
  const { message, schedule } = exploration.violation!
  // Such an error would show that the patch is wrong, and nothing about the order of accesses.
  expect(message).not.toMatch(/threw (Type|Reference)Error/)
  console.log(`${title}: ${message}, after ${schedule.length} accesses`)
  if (process.env['AIOKIT_SHOW'] !== undefined)
    console.log(counterexample(program, machine, scenario, exploration))
})
