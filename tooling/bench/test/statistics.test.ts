import { describe, expect, test } from 'vitest'
import { judge } from '../src/goals.ts'
import type { Cell, Goal } from '../src/row.ts'
import { median, summarize } from '../src/statistics.ts'

test('the median is the middle sample, or the mean of the two in the middle, and the samples stay in order', () => {
  const samples = [5, 1, 100, 3, 2]
  expect(median(samples)).toBe(3)
  expect(samples).toEqual([5, 1, 100, 3, 2])
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
  expect(median([])).toBeNaN()
})

test('a summary has the median and the extremes', () => {
  expect(summarize([10, 30, 20])).toEqual({ median: 20, min: 10, max: 30 })
})

describe('a goal is judged by medians', () => {
  const cell = (contender: string): Cell => ({ contender, case: '10000' })
  const medians: Record<string, number | undefined> = { aiokit: 123, floor: 100, node: 400, none: undefined }
  const verdict = (rest: Partial<Goal> & { against: Cell }) =>
    judge(
      { of: cell('aiokit'), as: rest.against.contender, kind: 'atMost', factor: 1, ...rest } as Goal,
      ({ contender }) => {
        const median = medians[contender]
        return median === undefined ? undefined : { median }
      },
    )

  test('at most so many times as long', () => {
    expect(verdict({ kind: 'atMost', factor: 1.5, against: cell('floor') })).toEqual({
      text: '10,000: at most 1.5 x floor: 1.23, met',
      value: 1.23,
      limit: 1.5,
      met: true,
      strain: 1.23 / 1.5,
    })
    expect(verdict({ kind: 'atMost', factor: 1.23, against: cell('floor') }).met).toBe(true)
    expect(verdict({ kind: 'atMost', factor: 1.22, against: cell('floor') })).toMatchObject({
      text: '10,000: at most 1.22 x floor: 1.23, missed',
      met: false,
    })
  })

  test('at least so many times faster', () => {
    expect(verdict({ kind: 'faster', factor: 3, against: cell('node') })).toMatchObject({
      text: '10,000: at least 3 x faster than node: 3.25, met',
      met: true,
    })
    expect(verdict({ kind: 'faster', factor: 3.5, against: cell('node') }).met).toBe(false)
    expect(verdict({ kind: 'faster', factor: 1, against: cell('floor') })).toMatchObject({
      text: '10,000: faster than floor: 0.81, missed',
      met: false,
    })
  })

  test('faster means faster, not as fast', () => {
    expect(verdict({ kind: 'faster', factor: 1, against: cell('aiokit') }).met).toBe(false)
  })

  test('at most so much longer', () => {
    expect(verdict({ kind: 'over', ns: 23, against: cell('floor') })).toMatchObject({
      text: '10,000: at most 23.0 ns over floor: 23.0 ns, met',
      met: true,
    })
    expect(verdict({ kind: 'over', ns: 22, against: cell('floor') }).met).toBe(false)
  })

  test('processor time is judged for itself', () => {
    const figures = { median: 1, cpuNs: 105 }
    const goal: Goal = {
      kind: 'processor',
      factor: 1.05,
      of: cell('on'),
      against: cell('off'),
      as: 'polling off',
    }
    const judged = (off: { median: number; cpuNs?: number }) =>
      judge(goal, ({ contender }) => (contender === 'on' ? figures : off))
    expect(judged({ median: 0.5, cpuNs: 100 })).toMatchObject({
      text: '10,000: at most 1.05 x the processor time of polling off: 1.05, met',
      met: true,
    })
    expect(judged({ median: 2, cpuNs: 99 })).toMatchObject({ value: 1.06, met: false })
    expect(judged({ median: 2 }).met).toBe(null)
  })

  test('seldom means less often than one in so many', () => {
    const goal: Goal = { kind: 'seldom', oneIn: 1000, of: cell('aiokit'), as: 'a write' }
    const seldom = (count?: number) => judge(goal, () => (count === undefined ? {} : { median: 1, count }))
    expect(seldom(0.0005)).toEqual({
      text: '10,000: a write for less than 1 in 1,000: 1 in 2,000, met',
      value: 0.0005,
      limit: 0.001,
      met: true,
      strain: 0.5,
    })
    expect(seldom(0)).toMatchObject({
      text: '10,000: a write for less than 1 in 1,000: none, met',
      strain: 0,
    })
    expect(seldom(0.001).met).toBe(false)
    expect(seldom(0.25)).toMatchObject({ text: expect.stringMatching(/: 0\.25 each, missed$/), met: false })
    expect(seldom().met).toBe(null)
  })

  test('a missing contender leaves it open', () => {
    expect(verdict({ kind: 'atMost', factor: 2, against: cell('none') })).toEqual({
      text: '10,000: at most 2 x none: not measured',
      value: null,
      limit: 2,
      met: null,
      strain: null,
    })
  })
})
