import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { REPEATS, retained } from './allocation.ts'
import { type AnyList, type Element, fill, KINDS, some } from './kinds.ts'
import { type Step, steps, World } from './world.ts'

const forward = KINDS.map((kind) => ({
  ...kind,
  way: 'safe',
  direction: 1 as const,
  begin: (list: AnyList) => list.safe(),
}))
const backward = KINDS.filter((kind) => kind.create().reversedSafe).map((kind) => ({
  ...kind,
  way: 'reversedSafe',
  direction: -1 as const,
  begin: (list: AnyList) => list.reversedSafe!(),
}))

describe.each([...forward, ...backward])('$name $way()', ({ begin, direction, ...kind }) => {
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
          for (const element of begin(list)) {
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
      for (const element of begin(world.lists[at]!)) {
        const link = cursor.upcoming
        if (element !== link?.owner) expect.fail(`came to ${element.name} instead of ${link?.owner.name}`)
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
    for (const _ of begin(list)) {
      visits++
      while (list.removeHead() !== null);
    }
    expect(visits).toBe(1)
  })

  test('L5: an iteration that is left early leaves nothing behind, also when the outer one is left first', () => {
    const list = kind.create()
    fill(list, some(3))
    const repeat = () => {
      for (let i = 0; i < REPEATS; i++) {
        const inner = begin(list)[Symbol.iterator]()
        for (const _ of begin(list)) {
          inner.next()
          break
        }
        inner.return!()
      }
    }
    expect(retained(repeat)).toBeLessThan(REPEATS)
  })

  test.each((['concat', 'prepend'] as const).filter((join) => join in kind.create()))(
    'L5: follows its elements to another list with %s, also when they are removed there',
    (join) => {
      const [x, a, b, c, d, e] = some(6) as [Element, Element, Element, Element, Element, Element]
      const order = direction === 1 ? [a, b, c, d, e] : [e, d, c, b, a]
      const list = kind.create()
      const target = kind.create()
      fill(list, [a, b, c, d, e])
      fill(target, [x])
      const visited: Element[] = []
      for (const element of begin(list)) {
        visited.push(element)
        if (element === order[0]) target[join]!(list)
        if (element === order[1]) target.remove(order[2]!.link)
        if (visited.length === 4) break
      }
      expect(visited).toEqual([order[0], order[1], order[3], order[4]])
    },
  )

  test.runIf('splitAfter' in kind.create())(
    'L5: follows its elements on either side of a split, also when they are removed there',
    () => {
      for (const isFrontFirst of [true, false]) {
        const elements = some(6)
        const [a, b, c, d, e, f] = elements as [Element, Element, Element, Element, Element, Element]
        const list = kind.create()
        const front = kind.create()
        fill(list, elements)
        const inFront: Element[] = []
        const behind: Element[] = []
        const iterators = [begin(list)[Symbol.iterator](), begin(list)[Symbol.iterator]()] as const
        // One is to come to the middle of the front next, the other to the middle of the rest; open in either order.
        const [ofFront, ofRest] = isFrontFirst ? iterators : [iterators[1], iterators[0]]
        for (const iterator of iterators) {
          const stop = (direction === 1) === (iterator === ofFront) ? 1 : 4
          for (let i = 0; i < stop; i++) iterator.next()
        }
        list.splitAfter!(c.link, front)
        front.remove(b.link)
        list.remove(e.link)
        for (let step = ofFront.next(); !step.done; step = ofFront.next()) inFront.push(step.value)
        for (let step = ofRest.next(); !step.done; step = ofRest.next()) behind.push(step.value)
        expect([inFront, behind]).toEqual(direction === 1 ? [[c], [f]] : [[a], [d]])
      }
    },
  )

  test('L5: nothing is looked at before the first step', () => {
    const list = kind.create()
    const iterable = begin(list)
    fill(list, some(2))
    expect([...iterable].length).toBe(2)
  })
})

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
