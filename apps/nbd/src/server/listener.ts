import { lstatSync, unlinkSync } from 'node:fs'
import { type AioContext, IN, listen, localAddress, openSocket, realtime, sys, type Timer } from 'aiokit'
import type { Address } from '../address.ts'

/** Clients accepted in one turn, so that a crowd at the door does not keep those inside from being served. */
const ACCEPTS_PER_TURN = 32

/** How long to leave clients waiting when there is no descriptor or no memory for them. */
const PAUSE_NS = 100e6

/** How often to complain about that. */
const COMPLAINT_INTERVAL_NS = 60e9

/** For so long a socket is asked whether it is still somebody's. */
const LETTING_GO_NS = 2e9

const SHORTAGES: readonly number[] = [sys.EMFILE, sys.ENFILE, sys.ENOMEM, sys.ENOBUFS]

const FLAGS = sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK

/** A listening socket on a context. */
export class Listener {
  /** Where it listens: with the port that the system has chosen if it was asked for port 0. */
  readonly address: Address
  readonly #ctx: AioContext
  readonly #fd: number
  readonly #accepted: (fd: number) => void
  readonly #complain: (message: string) => void
  readonly #pause: Timer
  #complainedNs = Number.NEGATIVE_INFINITY
  /** Which file the Unix socket is, so that it is not another one that is removed in the end. */
  readonly #inode: number

  /**
   * @param accepted gets each client's socket, which is not blocking
   * @param complain gets a line for the log when clients have to be left waiting
   * @throws SystemError, EADDRINUSE if somebody listens there
   */
  constructor(
    ctx: AioContext,
    address: Address,
    accepted: (fd: number) => void,
    complain: (message: string) => void,
  ) {
    this.#ctx = ctx
    this.#accepted = accepted
    this.#complain = complain
    this.#fd = listenAt(address)
    try {
      this.address = localAddress(this.#fd)
      this.#inode = 'path' in address ? inodeOf(address.path) : -1
      this.#pause = ctx.createTimer(realtime, () => this.#listen())
      this.#listen()
    } catch (error) {
      sys.close(this.#fd)
      throw error
    }
  }

  /** Stops listening and removes the socket from the file system. */
  close(): void {
    this.#pause.del()
    this.#ctx.setFdHandler(this.#fd, null)
    if ('path' in this.address && inodeOf(this.address.path) === this.#inode) unlinkSync(this.address.path)
    sys.close(this.#fd)
  }

  #listen(): void {
    this.#ctx.setFdHandler(this.#fd, { read: () => this.#accept() })
  }

  #accept(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN; i++) {
      const fd = sys.accept4(this.#fd, FLAGS)
      if (fd >= 0) {
        this.#accepted(fd)
      } else if (SHORTAGES.includes(-fd)) {
        this.#rest(fd)
        return
      } else if (fd === -sys.EAGAIN) {
        return
      }
      // What else there is in accept(2) concerns a client that was gone before it was accepted.
    }
  }

  /** The client stays in the queue and would be reported over and over: look away for a moment. */
  #rest(result: number): void {
    this.#ctx.setFdHandler(this.#fd, null)
    const now = realtime.now()
    this.#pause.mod(now + PAUSE_NS)
    if (now - this.#complainedNs < COMPLAINT_INTERVAL_NS) return
    this.#complainedNs = now
    this.#complain(`new clients have to wait: ${new sys.SystemError(result, 'accept').message}`)
  }
}

/** Also where a server that did not end well has left its socket behind. */
function listenAt(address: Address): number {
  const options = { ...address, flags: sys.SOCK_NONBLOCK }
  try {
    return listen(options)
  } catch (error) {
    if (!('path' in address) || (error as sys.SystemError).code !== 'EADDRINUSE' || !isDeadSocket(address))
      throw error
    unlinkSync(address.path)
    return listen(options)
  }
}

/**
 * True for a socket that nobody answers at. The kernel lets go of one only some time after its process was killed, if that
 * had a ring: until then it takes connections, which end when it does.
 */
function isDeadSocket(address: { path: string }): boolean {
  if (!lstatSync(address.path).isSocket()) return false
  const deadline = realtime.now() + LETTING_GO_NS
  do {
    const probe = openSocket(address, sys.SOCK_NONBLOCK)
    try {
      const result = sys.connect(probe, sys.encodeAddress(address))
      if (result === -sys.ECONNREFUSED) return true
      if (result < 0 || !hasEnded(probe, deadline)) return false
    } finally {
      sys.close(probe)
    }
  } while (realtime.now() < deadline)
  return false
}

/** Waits for the end of a connection; false if there is a greeting instead, or nothing. */
function hasEnded(fd: number, deadline: number): boolean {
  const pollfd = new Int32Array([fd, IN])
  if (sys.ppoll(pollfd, 1, Math.max(0, deadline - realtime.now())) <= 0) return false
  const received = sys.recv(fd, new Uint8Array(1), 0, 1, 0)
  return received === 0 || received === -sys.ECONNRESET
}

/** -1 if there is no such file. */
function inodeOf(file: string): number {
  return lstatSync(file, { throwIfNoEntry: false })?.ino ?? -1
}
