import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AnyList, type Element, fill, KINDS, some } from './kinds.ts'
import { type Step, steps, World } from './world.ts'

const safely = [
  { way: 'safe()', direction: 1 as const, begin: (list: AnyList) => list.safe() },
  { way: 'reversedSafe()', direction: -1 as const, begin: (list: AnyList) => list.reversedSafe?.() },
]

for (const kind of KINDS) {
  for (const { way, direction, begin } of safely) {
    describe.skipIf(begin(kind.create()) === undefined)(`${kind.name} ${way}`, () => {
      test('L5: visits once and in order what is not removed before its turn, whatever is removed', () => {
        fc.assert(
          fc.property(
            fc.nat(10),
            // For each visit what to remove: distances from the element visited, 0 being that one and 1 the next.
            fc.array(fc.array(fc.integer({ min: -3, max: 4 }), { maxLength: 4 }), { maxLength: 10 }),
            (count, removals) => {
              const list = kind.create()
              const elements = some(count)
              fill(list, elements)
              const order = direction === 1 ? elements : elements.toReversed()
              const visited: Element[] = []
              const due = new Set(order)
              for (const element of begin(list)!) {
                visited.push(element)
                const at = order.indexOf(element)
                for (const distance of removals[visited.length - 1] ?? []) {
                  const victim = order[at + distance]
                  if (victim === undefined) continue
                  list.safeRemove(victim.link)
                  if (distance > 0) due.delete(victim)
                }
              }
              expect(visited).toEqual([...due])
            },
          ),
        )
      })

      test('L5: goes on rightly under any operations on any lists, in iterations inside iterations', () => {
        const run = (world: World, script: Step[][], depth: number) => {
          const { list: at } = script[0]?.[0] ?? { list: 0 }
          const links = world.model[at]!
          const cursor = { upcoming: (direction === 1 ? links[0] : links.at(-1)) ?? null, direction }
          world.cursors.add(cursor)
          for (const element of begin(world.lists[at]!)!) {
            const link = cursor.upcoming
            expect(element).toBe(link?.owner)
            cursor.upcoming = world.after(link!, direction)
            for (const step of script.shift() ?? []) world.step(step)
            if (depth > 0 && script.length % 3 === 0) run(world, script, depth - 1)
            // What is inserted without end must not be visited without end.
            if (script.length === 0) break
          }
          world.cursors.delete(cursor)
          if (script.length > 0) expect(cursor.upcoming).toBe(null)
        }
        fc.assert(
          fc.property(
            fc.array(steps, { minLength: 5, maxLength: 20 }),
            fc.array(fc.array(steps, { maxLength: 4 }), { maxLength: 12 }),
            (before, script) => {
              const world = new World(kind)
              for (const step of before) world.step(step)
              run(world, script, 2)
            },
          ),
          { numRuns: 300 },
        )
      })

      test('L5: removing the current and the next and those after them leaves nothing to visit', () => {
        const list = kind.create()
        fill(list, some(4))
        let visits = 0
        for (const _ of begin(list)!) {
          visits++
          while (list.removeHead() !== null);
        }
        expect(visits).toBe(1)
      })

      test('L5: an iteration that is left early leaves nothing behind', () => {
        const list = kind.create()
        fill(list, some(3))
        const leave = () => {
          for (const _ of begin(list)!) break
        }
        for (let i = 0; i < 1000; i++) leave()
        globalThis.gc!()
        const before = process.memoryUsage().heapUsed
        for (let i = 0; i < 20_000; i++) leave()
        globalThis.gc!()
        expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000 * 8)
      })

      test('L5: nothing is looked at before the first step', () => {
        const list = kind.create()
        const iterable = begin(list)!
        fill(list, some(2))
        expect([...iterable].length).toBe(2)
      })
    })
  }
}

describe.each(KINDS)('$name', (kind) => {
  test('L1: plain iteration visits what is inserted after the current element', () => {
    const list = kind.create()
    const [a, b, c] = some(3) as [Element, Element, Element]
    fill(list, [a, c])
    const visited: string[] = []
    for (const element of list) {
      visited.push(element.name)
      if (element === a) list.insertAfter(a.link, b.link)
    }
    expect(visited).toEqual(['a', 'b', 'c'])
  })

  test('L5: plain iteration over an element that was removed says so and does not stop or stray', () => {
    const away = kind.create()
    for (const step of [1, 2]) {
      const list = kind.create()
      fill(list, some(3))
      const walk = (iterable: Iterable<Element>) => {
        for (const { link } of iterable) {
          list.remove(link)
          if (step === 2) away.insertHead(link)
        }
      }
      const gone = expect.objectContaining({
        code: 'ERR_AIO_LINK_NOT_ON_LIST',
        message: expect.stringContaining('safe()'),
      })
      expect(() => walk(list)).toThrow(gone)
      if (list.reversed) expect(() => walk(list.reversed!())).toThrow(gone)
    }
  })
})
