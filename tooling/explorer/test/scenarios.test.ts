import { expect, test } from 'vitest'
import { counterexample } from '../src/counterexample.ts'
import { explore } from '../src/explore.ts'
import { compile } from '../src/load.ts'
import { Machine } from '../src/machine.ts'
import { scenarios } from './scenarios/index.ts'

const program = await compile()

test.each(Object.entries(scenarios))('%s', (name, make) => {
  const machine = new Machine()
  const scenario = make(program.load(machine), machine)
  const exploration = explore(machine, scenario)
  const { interleavings, states, longest } = exploration
  console.log(
    `${name}: ${interleavings.toExponential(1)} interleavings of up to ${longest} accesses, ${states.toLocaleString('en')} states`,
  )
  expect.assert(
    exploration.violation === null,
    `${name}: ${counterexample(program, machine, scenario, exploration)}`,
  )
})
