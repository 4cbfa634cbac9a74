import fc from 'fast-check'
import { expect } from 'vitest'
import { ListLink, QSimpleQ, QTailQ } from '../src/index.ts'
import { type AnyList, Element, type Kind, type Link, some } from './kinds.ts'

const INSERTED = 'ERR_AIO_LINK_INSERTED'
const NOT_ON_LIST = 'ERR_AIO_LINK_NOT_ON_LIST'
const NOT_EMPTY = 'ERR_AIO_LIST_NOT_EMPTY'
const SAME = 'ERR_AIO_SAME_LIST'
const ORDER = 'ERR_AIO_LINK_ORDER'

const LISTS = 3

export interface Step {
  /** Which operation, of those that the kind has. */
  op: number
  list: number
  other: number
  /** Choose links; mostly such as the operation accepts. */
  at: number
  link: number
}

export const steps: fc.Arbitrary<Step> = fc.record({
  op: fc.nat(1000),
  list: fc.nat(LISTS - 1),
  other: fc.nat(LISTS - 1),
  at: fc.nat(1000),
  link: fc.nat(1000),
})

/** `toEqual` for identical members; that one is too slow for what runs after each step. */
function same(actual: readonly unknown[], expected: readonly unknown[], what: string): void {
  if (actual.length === expected.length && actual.every((value, i) => value === expected[i])) return
  expect.fail(`${what}: expected [${expected.map(shown)}], received [${actual.map(shown)}]`)
}

function shown(value: unknown): string {
  if (value instanceof ListLink) return `link of ${shown(value.owner)}`
  return value instanceof Element ? value.name : String(value)
}

/** An iteration under way, as the model sees it. */
interface ModelCursor {
  upcoming: Link | null
  readonly direction: 1 | -1
}

/** Several lists of one kind and elements with two links each, beside a model of plain arrays of links. */
export class World {
  readonly lists: readonly AnyList[]
  readonly model: Link[][]
  readonly links: readonly Link[]
  readonly cursors: Set<ModelCursor> = new Set()
  /** A list of another kind, for links that are on none of `lists` and not free. Nothing may change it. */
  readonly #elsewhere: AnyList
  readonly #foreign: readonly Link[]
  readonly #ops: readonly Op[]

  constructor(kind: Kind) {
    this.lists = Array.from({ length: LISTS }, kind.create)
    this.model = this.lists.map(() => [])
    const elements = some(6)
    const stranger = new Element('stranger')
    this.links = [...elements, stranger].flatMap((element) => element.links)
    this.#foreign = [stranger.links[0]!, stranger.links[1]!, elements[0]!.links[1]!]
    this.#elsewhere = this.lists[0] instanceof QTailQ ? new QSimpleQ<Element>() : new QTailQ<Element>()
    for (const link of this.#foreign) this.#elsewhere.insertTail!(link)
    this.#ops = OPS.filter(({ name }) => name in this.lists[0]!)
  }

  /** Performs the step on the lists and on the model; the two must agree. */
  step(step: Step): void {
    const op = this.#ops[step.op % this.#ops.length]!
    const { call, refused, result, effect } = op.plan(this, step)
    let outcome: unknown
    let code: unknown = null
    try {
      outcome = call()
    } catch (error) {
      code = (error as { code?: unknown }).code ?? error
    }
    same([code], [refused ?? null], `error of ${op.name}`)
    if (code === null) {
      if (result !== undefined) same([outcome], [result], `result of ${op.name}`)
      effect?.()
    }
    this.check()
  }

  /** Everything that can be seen of the lists is as in the model. */
  check(): void {
    const inserted = new Set<Link>(this.#foreign)
    this.lists.forEach((list, i) => {
      const links = this.model[i]!
      const owners = links.map(({ owner }) => owner)
      const backwards = owners.toReversed()
      same([list.isEmpty, list.first], [links.length === 0, owners[0] ?? null], 'isEmpty, first')
      same([...list], owners, 'iteration')
      same([...list.safe()], owners, 'safe iteration')
      same(
        links.map((link) => list.next(link)),
        links.map((_, at) => owners[at + 1] ?? null),
        'next',
      )
      if ('last' in list) same([list.last], [owners.at(-1) ?? null], 'last')
      if (list.insertBefore) {
        same(
          links.map(({ prev }) => prev),
          links.map((_, at) => links[at - 1] ?? null),
          'links backwards',
        )
      }
      if (list.prev) {
        same(
          links.map((link) => list.prev!(link)),
          links.map((_, at) => owners[at - 1] ?? null),
          'prev',
        )
      }
      if (list.reversed) same([...list.reversed()], backwards, 'reverse iteration')
      if (list.reversedSafe) same([...list.reversedSafe()], backwards, 'safe reverse iteration')
      for (const link of links) inserted.add(link)
    })
    same(
      [...this.#elsewhere],
      this.#foreign.map(({ owner }) => owner),
      'a list of another kind',
    )
    for (const link of this.links) {
      same([link.isInserted], [inserted.has(link)], 'isInserted')
      // What is off holds on to nothing.
      if (!link.isInserted) same([link.next, link.prev], [null, null], 'a cleared link')
    }
  }

  isInserted(link: Link): boolean {
    return this.#foreign.includes(link) || this.model.some((links) => links.includes(link))
  }

  /** Which link to use where one of list `i` is wanted; sometimes one that is not. */
  on(i: number, choice: number): Link {
    const links = this.model[i]!
    return links.length > 0 && choice % 6 !== 0
      ? links[choice % links.length]!
      : this.links[choice % this.links.length]!
  }

  /** Which link to use where a free one is wanted; sometimes one that is not. */
  free(choice: number): Link {
    const links = this.links.filter((link) => !this.isInserted(link))
    return links.length > 0 && choice % 6 !== 0
      ? links[choice % links.length]!
      : this.links[choice % this.links.length]!
  }

  /** The model of removing. */
  cut(link: Link): void {
    const links = this.model.find((candidate) => candidate.includes(link))!
    for (const cursor of this.cursors) {
      if (cursor.upcoming === link) cursor.upcoming = this.after(link, cursor.direction)
    }
    links.splice(links.indexOf(link), 1)
  }

  after(link: Link, direction: 1 | -1): Link | null {
    const links = this.model.find((candidate) => candidate.includes(link))!
    return links[links.indexOf(link) + direction] ?? null
  }
}

interface Plan {
  call: () => unknown
  /** The code of the error to expect, if any; then nothing may change. */
  refused?: string | null
  result?: Element | null | undefined
  effect?: () => void
}

interface Op {
  readonly name: keyof AnyList & string
  plan(world: World, step: Step): Plan
}

const OPS: readonly Op[] = [
  {
    name: 'insertHead',
    plan(world, { list, link: choice }) {
      const link = world.free(choice)
      return {
        call: () => world.lists[list]!.insertHead(link),
        refused: world.isInserted(link) ? INSERTED : null,
        effect: () => world.model[list]!.unshift(link),
      }
    },
  },
  {
    name: 'insertTail',
    plan(world, { list, link: choice }) {
      const link = world.free(choice)
      return {
        call: () => world.lists[list]!.insertTail!(link),
        refused: world.isInserted(link) ? INSERTED : null,
        effect: () => world.model[list]!.push(link),
      }
    },
  },
  ...(['insertBefore', 'insertAfter'] as const).map(
    (name): Op => ({
      name,
      plan(world, step) {
        const at = world.on(step.list, step.at)
        const link = world.free(step.link)
        const links = world.model[step.list]!
        return {
          call: () => world.lists[step.list]![name]!(at, link),
          refused: !links.includes(at) ? NOT_ON_LIST : world.isInserted(link) ? INSERTED : null,
          effect: () => links.splice(links.indexOf(at) + (name === 'insertAfter' ? 1 : 0), 0, link),
        }
      },
    }),
  ),
  ...(['next', 'prev'] as const).map(
    (name): Op => ({
      name,
      plan(world, step) {
        const at = world.on(step.list, step.at)
        const links = world.model[step.list]!
        return {
          call: () => world.lists[step.list]![name]!(at),
          refused: links.includes(at) ? null : NOT_ON_LIST,
          result: links[links.indexOf(at) + (name === 'next' ? 1 : -1)]?.owner ?? null,
        }
      },
    }),
  ),
  {
    name: 'remove',
    plan(world, step) {
      const link = world.on(step.list, step.at)
      return {
        call: () => world.lists[step.list]!.remove(link),
        refused: world.model[step.list]!.includes(link) ? null : NOT_ON_LIST,
        effect: () => world.cut(link),
      }
    },
  },
  {
    name: 'safeRemove',
    plan(world, step) {
      const link = step.link % 2 === 0 ? world.on(step.list, step.at) : world.free(step.at)
      const isHere = world.model[step.list]!.includes(link)
      return {
        call: () => world.lists[step.list]!.safeRemove(link),
        refused: world.isInserted(link) && !isHere ? NOT_ON_LIST : null,
        effect: () => isHere && world.cut(link),
      }
    },
  },
  {
    name: 'removeHead',
    plan(world, { list }) {
      const link = world.model[list]![0]
      return {
        call: () => world.lists[list]!.removeHead(),
        result: link?.owner ?? null,
        effect: () => link && world.cut(link),
      }
    },
  },
  {
    name: 'removeAfter',
    plan(world, step) {
      const at = world.on(step.list, step.at)
      const links = world.model[step.list]!
      const link = links[links.indexOf(at) + 1]
      return {
        call: () => world.lists[step.list]!.removeAfter!(at),
        refused: links.includes(at) ? null : NOT_ON_LIST,
        result: link?.owner ?? null,
        effect: () => link && world.cut(link),
      }
    },
  },
  {
    name: 'removeSeveral',
    plan(world, step) {
      const links = world.model[step.list]!
      const left = world.on(step.list, step.at)
      const right = world.on(step.list, step.link)
      const [from, to] = [links.indexOf(left), links.indexOf(right)]
      return {
        call: () => world.lists[step.list]!.removeSeveral!(left, right),
        refused: from < 0 || to < 0 ? NOT_ON_LIST : to < from ? ORDER : null,
        effect: () => {
          for (const link of links.slice(from, to + 1)) world.cut(link)
        },
      }
    },
  },
  ...(['concat', 'prepend'] as const).map(
    (name): Op => ({
      name,
      plan(world, { list, other }) {
        return {
          call: () => world.lists[list]![name]!(world.lists[other]!),
          refused: list === other ? SAME : null,
          effect: () => {
            const taken = world.model[other]!.splice(0)
            if (name === 'concat') world.model[list]!.push(...taken)
            else world.model[list]!.unshift(...taken)
          },
        }
      },
    }),
  ),
  {
    name: 'splitAfter',
    plan(world, step) {
      const link = world.on(step.list, step.at)
      const links = world.model[step.list]!
      const into = world.model[step.other]!
      return {
        call: () => world.lists[step.list]!.splitAfter!(link, world.lists[step.other]!),
        refused: !links.includes(link) ? NOT_ON_LIST : into.length > 0 ? NOT_EMPTY : null,
        effect: () => into.push(...links.splice(0, links.indexOf(link) + 1)),
      }
    },
  },
  {
    name: 'swap',
    plan(world, { list, other }) {
      return {
        call: () => world.lists[list]!.swap(world.lists[other]!),
        effect: () => {
          const links = world.model[list]!
          world.model[list] = world.model[other]!
          world.model[other] = links
        },
      }
    },
  },
  {
    name: 'move',
    plan(world, { list, other }) {
      const links = world.model[list]!
      return {
        call: () => world.lists[list]!.move(world.lists[other]!),
        refused: links.length > 0 ? NOT_EMPTY : null,
        effect: () => links.push(...world.model[other]!.splice(0)),
      }
    },
  },
]
