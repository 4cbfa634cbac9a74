import {
  CQE_F_MORE,
  type CqeHandler,
  type FdMonitor,
  FdTable,
  type Sqe,
  type SqeRequest,
} from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import { type UringMonitorOptions, uringMonitor } from '../src/index.ts'

/** Long enough for anything; a test that waits longer has lost a completion, and says so instead of hanging. */
const PATIENCE_NS = 10e9

type Ring = Required<FdMonitor>

/** What a request was answered. */
export interface Answer extends CqeHandler {
  readonly results: number[]
  readonly flags: number[]
  /** The first result. */
  readonly res: number
  /** Whether its last completion has come. */
  readonly isDone: boolean
}

class Recorder implements Answer {
  readonly results: number[] = []
  readonly flags: number[] = []

  get res(): number {
    return this.results[0] ?? Number.NaN
  }

  get isDone(): boolean {
    return this.flags.length > 0 && (this.flags.at(-1)! & CQE_F_MORE) === 0
  }

  complete(res: number, flags: number): void {
    if (this.isDone) throw new Error('a request was answered after its last completion')
    this.results.push(res)
    this.flags.push(flags)
  }
}

export const newAnswer = (): Answer => new Recorder()

/** A ring without an AioContext. */
export class TestRing implements Disposable {
  readonly fds: FdTable
  readonly monitor: Ring

  constructor(options: UringMonitorOptions = {}) {
    this.fds = new FdTable(uringMonitor(options), (handler) => {
      throw new Error(`descriptor ${handler.fd} was reported as closed`)
    })
    this.monitor = this.fds.monitor as Ring
  }

  /** Makes a request that records its answer. */
  add(prep: (sqe: Sqe) => void, answer: Answer = newAnswer()): Answer & { request: SqeRequest } {
    const request = this.monitor.addSqe(prep, answer)
    return Object.assign(answer, { request })
  }

  /** One look without waiting, and everything it finds delivered. */
  look(): void {
    this.fds.wait(0)
    this.monitor.dispatch()
    this.fds.dispatch()
  }

  /** Waits and delivers until `condition()` holds. */
  until(condition: () => boolean): void {
    const start = sys.monotonicNs()
    while (!condition()) {
      this.fds.wait(PATIENCE_NS)
      this.monitor.dispatch()
      this.fds.dispatch()
      if (sys.monotonicNs() - start > PATIENCE_NS) throw new Error('a request was never answered')
    }
  }

  /** Makes a request and waits for its answer. */
  run(prep: (sqe: Sqe) => void): number {
    const answer = this.add(prep)
    this.until(() => answer.isDone)
    if (answer.results.length !== 1) throw new Error(`${answer.results.length} answers`)
    return answer.res
  }

  close(): void {
    this.fds.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

export const code = (value: unknown): unknown => ({
  asymmetricMatch: (e: { code?: unknown }) => e?.code === value,
})

/** A pipe whose ends are not O_NONBLOCK: requests on it wait. */
export function waitingPipe(): [reader: number, writer: number] {
  const fds = new Int32Array(32)
  sys.check(sys.pipe2(fds, sys.O_CLOEXEC), 'pipe2')
  return [fds[0]!, fds[1]!]
}

/** Two connected sockets that are not O_NONBLOCK. */
export function waitingSockets(type: number = sys.SOCK_STREAM): [a: number, b: number] {
  const fds = new Int32Array(32)
  sys.check(sys.socketpair(sys.AF_UNIX, type | sys.SOCK_CLOEXEC, 0, fds), 'socketpair')
  return [fds[0]!, fds[1]!]
}

/** A socket that listens on a port of the loopback interface, and its address. */
export function listener(): [fd: number, address: Uint8Array] {
  const fd = sys.check(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
  sys.check(sys.bind(fd, sys.encodeAddress({ host: '127.0.0.1', port: 0 })), 'bind')
  sys.check(sys.listen(fd, 128), 'listen')
  const address = new Uint8Array(sys.SOCKADDR_MAX)
  return [fd, address.subarray(0, sys.check(sys.getsockname(fd, address), 'getsockname'))]
}

export function closeAll(...fds: number[]): void {
  for (const fd of fds) sys.check(sys.close(fd), 'close')
}
