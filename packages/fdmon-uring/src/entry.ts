import { aioError } from '@aiokit/errors'
import type { Sqe } from '@aiokit/fdmon'
import { PreparedSqe } from './prepared-sqe.ts'
import type { UringRequest } from './request.ts'
import {
  OP_ACCEPT,
  OP_CLOSE,
  OP_OPENAT,
  SQE_ADDRESS,
  SQE_BUFFER,
  SQE_FD,
  SQE_FIXED_FILE,
  SQE_LENGTH,
  SQE_LINKED,
  SQE_OFFSET,
  SQE_OP_FLAGS,
  SQE_OPCODE,
  SQE_SPLICE_FD,
  SQE_USER_DATA,
  SQE_WORDS,
} from './uapi.ts'

/**
 * The entry that `addSqe` fills: 64 bytes aside, which are copied to the ring when they are right. So a `prep` that
 * throws, or that makes other requests itself, leaves nothing half done in the ring.
 *
 * It has addresses in it, and is not for the program: that gets `sqe`, which fills it.
 */
export class Entry {
  readonly words: Int32Array = new Int32Array(SQE_WORDS)
  readonly sqe: Sqe = new PreparedSqe(this)
  /** It is to begin when all before it have ended, and those behind it when it has. */
  isDrain = false
  #request: UringRequest | null = null
  /** A `prep` method has taken the request, and then filled the entry. One that throws in between leaves no entry. */
  #isClaimed = false
  #isPrepared = false
  #flags = 0

  /** From now on it is for `request`. */
  begin(request: UringRequest): void {
    this.#request = request
    this.#isClaimed = false
    this.#isPrepared = false
    this.isDrain = false
    this.#flags = 0
    // What not all operations fill. One by one, of which fill() takes seven times as long.
    const { words } = this
    words[SQE_OFFSET] = 0
    words[SQE_OFFSET + 1] = 0
    words[SQE_ADDRESS] = 0
    words[SQE_ADDRESS + 1] = 0
    words[SQE_LENGTH] = 0
    words[SQE_OP_FLAGS] = 0
    words[SQE_BUFFER] = 0
    words[SQE_SPLICE_FD] = 0
  }

  /** It is filled. @throws `ERR_AIO_NOT_PREPARED` */
  end(userData: number, tag: number): void {
    if (!this.#isPrepared) {
      throw aioError(
        'ERR_AIO_NOT_PREPARED',
        'The function given to addSqe() must call one of the prep... methods of its argument, and that must not throw.',
      )
    }
    this.#request = null
    this.words[SQE_OPCODE]! |= this.#flags
    this.words[SQE_USER_DATA] = userData
    this.words[SQE_USER_DATA + 1] = tag
  }

  /** It was not filled after all. */
  abandon(): void {
    this.#request = null
  }

  /** Whether the next entry is linked to this one. */
  get isLinked(): boolean {
    return (this.#flags & SQE_LINKED) !== 0
  }

  /** Whether its result is a descriptor. */
  get givesDescriptor(): boolean {
    const opcode = this.words[SQE_OPCODE]! & 0xff
    return opcode === OP_ACCEPT || opcode === OP_OPENAT
  }

  /** The descriptor that it closes; -1 if it does not. Files by number it cannot. */
  get closes(): number {
    return (this.words[SQE_OPCODE]! & (0xff | SQE_FIXED_FILE)) === OP_CLOSE ? this.words[SQE_FD]! : -1
  }

  /** What it says, for a trace. */
  get operation(): { opcode: number; fd: number; offset: number } {
    const { words } = this
    return {
      opcode: words[SQE_OPCODE]! & 0xff,
      fd: words[SQE_FD]!,
      offset: words[SQE_OFFSET + 1]! * 0x1_0000_0000 + (words[SQE_OFFSET]! >>> 0),
    }
  }

  /** The request, for the one method that prepares it; when all that can be wrong with its arguments is ruled out. */
  claim(): UringRequest {
    const request = this.#requireRequest()
    if (this.#isClaimed) {
      throw aioError(
        'ERR_AIO_NOT_PREPARED',
        'An entry is prepared once: call addSqe() again for another request.',
      )
    }
    this.#isClaimed = true
    return request
  }

  /** Nothing can go wrong from here on. */
  write(opcode: number, fd: number): void {
    this.#isPrepared = true
    this.words[SQE_OPCODE] = opcode
    this.words[SQE_FD] = fd
  }

  flag(flag: number): void {
    this.#requireRequest()
    this.#flags |= flag
  }

  #requireRequest(): UringRequest {
    if (this.#request !== null) return this.#request
    throw aioError(
      'ERR_AIO_NOT_PREPARED',
      'A submission queue entry is good inside the function given to addSqe() only.',
    )
  }

  /** 64 bits in two halves; the assignment keeps the lower 32 bits of any integer. */
  wide(at: number, value: number): void {
    this.words[at] = value
    this.words[at + 1] = Math.floor(value / 0x1_0000_0000)
  }
}
