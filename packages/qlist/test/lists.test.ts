import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ListLink, QList, QTailQ } from '../src/index.ts'
import { allocated, REPEATS } from './allocation.ts'
import { fill, KINDS, some } from './kinds.ts'
import { steps, World } from './world.ts'

describe.each(KINDS)('$name', (kind) => {
  test('L1: does what plain arrays do, whatever the sequence of operations, right and wrong ones (L3, L4)', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 40 }), (sequence) => {
        const world = new World(kind)
        for (const step of sequence) world.step(step)
      }),
      { numRuns: 300 },
    )
  })

  test('L2: inserting and removing allocate nothing', () => {
    const [a, b, c, d] = some(4).map(({ link }) => link)
    const list = kind.create()
    const other = kind.create()
    const repeat = () => {
      for (let i = 0; i < REPEATS; i++) {
        list.insertHead(a!)
        list.insertAfter(a!, b!)
        other.insertHead(c!)
        list.concat(other)
        list.insertTail?.(d!)
        list.safeRemove(d!)
        list.remove(b!)
        other.move(list)
        list.swap(other)
        list.removeHead()
        list.removeHead()
      }
    }
    expect(allocated(repeat)).toBeLessThan(REPEATS)
    expect(list.isEmpty).toBe(true)
  })

  test('L4: what is no link is refused by name, and so is what is no list of this kind', () => {
    const list = kind.create()
    const [element] = some(1)
    const wrongType = expect.objectContaining({ name: 'TypeError', code: 'ERR_AIO_INVALID_ARG_TYPE' })
    for (const wrong of [element, undefined, null, 7, {}] as never[]) {
      expect(() => list.insertHead(wrong)).toThrow(wrongType)
      expect(() => list.remove(wrong)).toThrow(wrongType)
      expect(() => list.safeRemove(wrong)).toThrow(wrongType)
      expect(() => list.next(wrong)).toThrow(wrongType)
      expect(() => list.concat(wrong)).toThrow(wrongType)
      expect(() => list.swap(wrong)).toThrow(wrongType)
      expect(() => list.move(wrong)).toThrow(wrongType)
      if (list.prepend) expect(() => list.prepend!(wrong)).toThrow(wrongType)
    }
    const otherKind = list instanceof QTailQ ? new QList() : new QTailQ()
    fill(list, some(2))
    expect(() => list.swap(otherKind as never)).toThrow(wrongType)
    if (list.splitAfter) {
      expect(() => list.splitAfter!(list.first!.link, otherKind as never)).toThrow(wrongType)
    }
    expect([...list].length).toBe(2)
  })
})

test('L1: only objects can be on lists, since null means that there is none', () => {
  for (const owner of [null, undefined, 1, 'a'] as never[]) {
    expect(() => new ListLink(owner)).toThrow(expect.objectContaining({ code: 'ERR_AIO_INVALID_ARG_TYPE' }))
  }
  const callback = () => 1
  expect(new ListLink(callback).owner).toBe(callback)
})

test('L2: one element on lists of all four kinds at the same time', () => {
  const owner = { name: 'shared' }
  const lists = KINDS.map((kind) => kind.create())
  const links = lists.map(() => new ListLink(owner) as never as ListLink<never>)
  lists.forEach((list, i) => {
    list.insertHead(links[i] as never)
  })
  expect(lists.map((list) => list.removeHead())).toEqual([owner, owner, owner, owner])
  expect(links.some((link) => link.isInserted)).toBe(false)
})
