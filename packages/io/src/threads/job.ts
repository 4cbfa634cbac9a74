import { constants } from 'node:os'
import type { Native } from '@aiokit/sys'
import * as op from '../opcodes.ts'

// What a job is, as doubles: all that system calls take.
export const JOB_KIND = 0
export const JOB_FD = 1
/** Of what is read or written, in bytes; address and length are what `preadPiece` expects. */
export const JOB_ADDRESS = 2
/** Of a path: with the zero at its end. */
export const JOB_LENGTH = 3
export const JOB_POSITION = 4
export const JOB_FIRST = 5
export const JOB_SECOND = 6
export const JOB_RESULT = 7
const JOB_FIELDS = 8

/** The kernel refuses a path of so many bytes, whatever comes behind them. */
const PATH_MAX = 4096
const STATX_SIZE = 256
const STATX_OFFSET = PATH_MAX + 8
const PATH_SIZE = STATX_OFFSET + STATX_SIZE

const { EINTR } = constants.errno

/** Jobs by their number, in memory of the owner's and all workers'. */
export interface JobMemory {
  readonly fields: Float64Array<SharedArrayBuffer>
  /** A path for each, and behind it what statx answers. */
  readonly paths: Uint8Array<SharedArrayBuffer>
}

export function newJobMemory(count: number): JobMemory {
  return {
    fields: new Float64Array(new SharedArrayBuffer(8 * JOB_FIELDS * count)),
    paths: new Uint8Array(new SharedArrayBuffer(PATH_SIZE * count)),
  }
}

/** Where the fields of a job begin. */
export function fieldsAt(slot: number): number {
  return slot * JOB_FIELDS
}

/** Writes the path of a job, with a zero at its end. */
export function setPath({ fields, paths }: JobMemory, slot: number, path: string): void {
  const bytes = Buffer.from(`${path}\0`).subarray(0, PATH_MAX + 1)
  bytes[bytes.length - 1] = 0
  paths.set(bytes, slot * PATH_SIZE)
  fields[fieldsAt(slot) + JOB_LENGTH] = bytes.length
}

/** A worker's part: makes the system call of a job, and writes its result. */
export function runJob(sys: Native, memory: JobMemory, slot: number): void {
  const { fields } = memory
  const at = fieldsAt(slot)
  let res: number
  do {
    res = call(sys, memory, slot)
    // Linux has closed the descriptor by then: the number may be another file's.
  } while (res === -EINTR && fields[at + JOB_KIND] !== op.CLOSE)
  fields[at + JOB_RESULT] = res
}

function call(sys: Native, memory: JobMemory, slot: number): number {
  const { fields } = memory
  const at = fieldsAt(slot)
  const fd = fields[at + JOB_FD]!
  const position = fields[at + JOB_POSITION]!
  const first = fields[at + JOB_FIRST]!
  const second = fields[at + JOB_SECOND]!
  switch (fields[at + JOB_KIND]!) {
    case op.READ:
    case op.READV:
      return sys.preadPiece(fd, fields, 8 * (at + JOB_ADDRESS), position, 0)
    case op.WRITE:
    case op.WRITEV:
      return sys.pwritePiece(fd, fields, 8 * (at + JOB_ADDRESS), position, 0)
    case op.FSYNC:
      return sys.fsync(fd)
    case op.FDATASYNC:
      return sys.fdatasync(fd)
    case op.FALLOCATE:
      return sys.fallocate(fd, first, position, second)
    case op.OPENAT:
      return sys.openat(fd, pathOf(memory, slot), first, second)
    case op.STATX:
      return sys.statx(fd, pathOf(memory, slot), first, second, statxOf(memory, slot))
    case op.CLOSE:
      return sys.close(fd)
    default:
      throw new Error('not a job for a worker')
  }
}

function pathOf({ fields, paths }: JobMemory, slot: number): Uint8Array {
  const at = slot * PATH_SIZE
  return paths.subarray(at, at + fields[fieldsAt(slot) + JOB_LENGTH]!)
}

/** What statx answers to a job. */
export function statxOf({ paths }: JobMemory, slot: number): Uint8Array {
  return paths.subarray(slot * PATH_SIZE + STATX_OFFSET, (slot + 1) * PATH_SIZE)
}
