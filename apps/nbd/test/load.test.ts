import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DiskModel } from '../src/load/disk-model.ts'
import type { Request } from '../src/load/load.ts'
import { Sweep } from '../src/load/sweep.ts'

const SIZE = 256 * 1024
const newRequest = (): Request => ({ isWrite: false, offset: 0, length: 0, startNs: 0 })

/** Runs a number of requests against a disk in memory, `depth` at a time. Returns whether each was right. */
function runOn(disk: Uint8Array, model: DiskModel, requests: number, depth: number): boolean {
  const slots = Array.from({ length: depth }, newRequest)
  const begin = (request: Request): void => {
    model.choose(request)
    if (!request.isWrite) return
    const payload = new Uint8Array(request.length)
    model.fill(request, payload, 0)
    disk.set(payload, request.offset)
  }
  slots.forEach(begin)
  let right = true
  for (let i = 0; i < requests; i++) {
    const request = slots[(i * 7) % depth]!
    const data = disk.slice(request.offset, request.offset + request.length)
    right = model.done(request, request.isWrite ? null : data, 0) && right
    begin(request)
  }
  return right
}

function sweep(disk: Uint8Array, model: DiskModel): boolean {
  const work = new Sweep(SIZE, 100 * 512, model)
  const request = newRequest()
  let right = true
  let end = 0
  for (let i = 0; i < work.requests; i++) {
    work.choose(request)
    expect(request.offset).toBe(end)
    end += request.length
    right = work.done(request, disk.slice(request.offset, end), 0) && right
  }
  expect(end).toBe(SIZE)
  return right
}

test('a disk that works is found right, and one wrong bit anywhere is found', () => {
  const disk = new Uint8Array(SIZE)
  const model = new DiskModel(SIZE, 16_384)
  expect(runOn(disk, model, 500, 2)).toBe(true)
  expect(sweep(disk, model)).toBe(true)
  fc.assert(
    fc.property(fc.nat(SIZE - 1), fc.nat(7), (at, bit) => {
      disk[at]! ^= 1 << bit
      expect(sweep(disk, model)).toBe(false)
      disk[at]! ^= 1 << bit
    }),
    { numRuns: 20 },
  )
})

test('a write that was lost, or went to another place, is found', () => {
  const disk = new Uint8Array(SIZE)
  const model = new DiskModel(SIZE, 16_384)
  runOn(disk, model, 500, 1)
  const request = newRequest()
  do model.choose(request)
  while (!request.isWrite)
  const payload = new Uint8Array(request.length)
  model.fill(request, payload, 0)
  expect(sweep(disk, model)).toBe(false)
  const elsewhere = request.offset === 0 ? request.length : 0
  const before = disk.slice(elsewhere, elsewhere + request.length)
  disk.set(payload, elsewhere)
  expect(sweep(disk, model)).toBe(false)
  disk.set(before, elsewhere)
  disk.set(payload, request.offset)
  expect(sweep(disk, model)).toBe(true)
})

test('no sector is in a write and in another request at the same time', () => {
  const model = new DiskModel(SIZE, 16_384)
  const active = new Set<Request>()
  for (let i = 0; i < 2000; i++) {
    const request = newRequest()
    model.choose(request)
    expect(request.length).toBeGreaterThan(0)
    expect(request.length).toBeLessThanOrEqual(16_384)
    expect(request.offset + request.length).toBeLessThanOrEqual(SIZE)
    for (const other of active) {
      const apart =
        other.offset + other.length <= request.offset || request.offset + request.length <= other.offset
      expect(apart || !(other.isWrite || request.isWrite)).toBe(true)
    }
    active.add(request)
    if (active.size === 2) {
      const [oldest] = active
      active.delete(oldest!)
      model.done(oldest!, null, 0)
    }
  }
})
