import { types } from 'node:util'

// One byte says what comes next.
const UNDEFINED = 0
const NULL = 1
const FALSE = 2
const TRUE = 3
const INTEGER = 4
const DOUBLE = 5
const LATIN1 = 6
const UTF16 = 7
const ARRAY = 8
const OBJECT = 9

/** What lengths and counts have: two bytes. */
const MAX_LENGTH = 0xffff

const PLAIN = { enumerable: true, configurable: true, writable: true }

/** Written, and the value does not fit or is not plain. */
const NO = -1

/**
 * Small plain values as bytes in memory that threads share: what JSON can say, and undefined, NaN and -0. This is for
 * speed only. What `write` refuses (it says so) goes by a message: Date, Map, classes, holes, the same object twice.
 *
 * What comes out is what `structuredClone` would have made of it. (Of objects that were given the prototype of plain ones,
 * such as a Map, it would have known what they are.)
 */
export class PlainData {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  #end = 0
  #writing = false
  /** Objects that the value consists of: one that comes again has to be the same again. */
  readonly #seen: object[] = []

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = new Uint8Array(memory)
    this.#view = new DataView(memory)
  }

  /** Writes `value` at `start`; returns how many bytes it took, or -1 if it is not for this or takes more than `size`. */
  write(value: unknown, start: number, size: number): number {
    // A getter of a value that is being written submits another.
    if (this.#writing) return NO
    this.#writing = true
    this.#at = start
    this.#end = start + size
    try {
      return this.#write(value) ? this.#at - start : NO
    } finally {
      this.#writing = false
      if (this.#seen.length > 0) this.#seen.length = 0
    }
  }

  /** What was written at `start`. */
  read(start: number): unknown {
    this.#at = start
    return this.#read()
  }

  #write(value: unknown): boolean {
    switch (typeof value) {
      case 'number':
        return this.#writeNumber(value)
      case 'string':
        return this.#writeString(value)
      case 'boolean':
        return this.#writeByte(value ? TRUE : FALSE)
      case 'undefined':
        return this.#writeByte(UNDEFINED)
      case 'object':
        if (value === null) return this.#writeByte(NULL)
        if (this.#seen.includes(value) || types.isProxy(value) || types.isArgumentsObject(value)) return false
        this.#seen.push(value)
        return Array.isArray(value) ? this.#writeArray(value) : this.#writeObject(value)
      default:
        return false
    }
  }

  #writeByte(byte: number): boolean {
    if (this.#at === this.#end) return false
    this.#bytes[this.#at++] = byte
    return true
  }

  #writeHead(tag: number, length: number, bytes: number): boolean {
    if (length > MAX_LENGTH || this.#at + 3 + bytes > this.#end) return false
    this.#bytes[this.#at] = tag
    this.#bytes[this.#at + 1] = length & 0xff
    this.#bytes[this.#at + 2] = length >> 8
    this.#at += 3
    return true
  }

  #writeNumber(value: number): boolean {
    const isInteger = (value | 0) === value && (value !== 0 || 1 / value > 0)
    if (this.#at + (isInteger ? 5 : 9) > this.#end) return false
    this.#bytes[this.#at++] = isInteger ? INTEGER : DOUBLE
    if (isInteger) this.#view.setInt32(this.#at, value, true)
    else this.#view.setFloat64(this.#at, value, true)
    this.#at += isInteger ? 4 : 8
    return true
  }

  #writeString(text: string): boolean {
    const { length } = text
    if (!this.#writeHead(LATIN1, length, length)) return false
    const bytes = this.#bytes
    const start = this.#at
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0xff) {
        this.#at = start - 3
        return this.#writeWide(text)
      }
      bytes[start + i] = unit
    }
    this.#at += length
    return true
  }

  #writeWide(text: string): boolean {
    if (!this.#writeHead(UTF16, text.length, 2 * text.length)) return false
    for (let i = 0; i < text.length; i++, this.#at += 2)
      this.#view.setUint16(this.#at, text.charCodeAt(i), true)
    return true
  }

  #writeArray(array: readonly unknown[]): boolean {
    if (Object.getPrototypeOf(array) !== Array.prototype) return false
    // Neither holes nor names beside the indexes.
    if (Object.keys(array).length !== array.length || !this.#writeHead(ARRAY, array.length, 0)) return false
    for (let i = 0; i < array.length; i++) {
      if (!Object.hasOwn(array, i) || !this.#write(array[i])) return false
    }
    return true
  }

  #writeObject(object: object): boolean {
    // Of an object with any other prototype a clone has its own idea (Date, Map, Error, ...), or forgets the prototype.
    if (Object.getPrototypeOf(object) !== Object.prototype) return false
    const names = Object.keys(object)
    if (!this.#writeHead(OBJECT, names.length, 0)) return false
    for (const name of names) {
      // An assignment of this name would be one of the prototype.
      if (name === '__proto__' || !this.#writeString(name)) return false
      if (!this.#write((object as Record<string, unknown>)[name])) return false
    }
    return true
  }

  #read(): unknown {
    const tag = this.#bytes[this.#at++]
    switch (tag) {
      case NULL:
        return null
      case FALSE:
        return false
      case TRUE:
        return true
      case INTEGER:
        this.#at += 4
        return this.#view.getInt32(this.#at - 4, true)
      case DOUBLE:
        this.#at += 8
        return this.#view.getFloat64(this.#at - 8, true)
      case LATIN1:
      case UTF16:
        return this.#readString(tag)
      case ARRAY:
        return this.#readArray()
      case OBJECT:
        return this.#readObject()
      default:
        return undefined
    }
  }

  #readLength(): number {
    this.#at += 2
    return this.#bytes[this.#at - 2]! | (this.#bytes[this.#at - 1]! << 8)
  }

  #readString(tag: number): string {
    const length = this.#readLength()
    let text = ''
    if (tag === LATIN1) {
      for (const end = this.#at + length; this.#at < end; )
        text += String.fromCharCode(this.#bytes[this.#at++]!)
      return text
    }
    for (const end = this.#at + 2 * length; this.#at < end; this.#at += 2) {
      text += String.fromCharCode(this.#view.getUint16(this.#at, true))
    }
    return text
  }

  #readArray(): unknown[] {
    const length = this.#readLength()
    const array: unknown[] = []
    for (let i = 0; i < length; i++) array.push(this.#read())
    return array
  }

  #readObject(): object {
    const object: Record<string, unknown> = {}
    for (let left = this.#readLength(); left > 0; left--) {
      const name = this.#readString(this.#bytes[this.#at++]!)
      const value = this.#read()
      // What the prototype of all objects has may not let itself be assigned.
      if (name in object) Object.defineProperty(object, name, { ...PLAIN, value })
      else object[name] = value
    }
    return object
  }
}
