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

/** Names of properties that are remembered. */
const NAMES = 256

/** Written, and the value does not fit or is not plain. */
const NO = -1

/**
 * Small plain values as bytes in memory that threads share: what JSON can say, and undefined, NaN and -0. This is for
 * speed only. What `write` refuses (it says so) goes by a message: Date, Map, classes, holes, getters, the same object
 * twice. It runs no code of the program, so that what is refused can be cloned as if nothing had been looked at.
 *
 * What comes out is what `structuredClone` would have made of it.
 */
export class PlainData {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  #end = 0
  /** Objects that the value consists of: one that comes again has to be the same again. */
  readonly #seen: object[] = []
  /** Names of properties that were read, by their length, beginning and end. */
  readonly #names: string[] = new Array<string>(NAMES).fill('')

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = new Uint8Array(memory)
    this.#view = new DataView(memory)
  }

  /** Writes `value` at `start`; returns how many bytes it took, or -1 if it is not for this or takes more than `size`. */
  write(value: unknown, start: number, size: number): number {
    this.#at = start
    this.#end = start + size
    try {
      return this.#write(value) ? this.#at - start : NO
    } finally {
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
        if (types.isProxy(value) || this.#seen.includes(value)) return false
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
    for (let i = 0; i < array.length; i++) if (!this.#writeProperty(array, i)) return false
    return true
  }

  #writeObject(object: object): boolean {
    const names = Object.keys(object)
    if (!(names.length === 0 ? isEmptyPlain(object) : isPlain(object))) return false
    if (!this.#writeHead(OBJECT, names.length, 0)) return false
    for (const name of names) {
      // An assignment of this name would be one of the prototype.
      if (name === '__proto__' || !this.#writeString(name)) return false
      if (!this.#writeProperty(object, name)) return false
    }
    return true
  }

  #writeProperty(object: object, name: string | number): boolean {
    const property = Object.getOwnPropertyDescriptor(object, name)
    if (property === undefined || !property.enumerable) return false
    if (property.get !== undefined || property.set !== undefined) return false
    return this.#write(property.value)
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
    if (tag === LATIN1) return this.#readLatin1(length)
    let text = ''
    for (const end = this.#at + 2 * length; this.#at < end; this.#at += 2) {
      text += String.fromCharCode(this.#view.getUint16(this.#at, true))
    }
    return text
  }

  /** Eight at a time: each addition makes a string. */
  #readLatin1(length: number): string {
    const bytes = this.#bytes
    let at = this.#at
    const end = at + length
    this.#at = end
    let text = ''
    for (; at + 8 <= end; at += 8) {
      text += String.fromCharCode(
        bytes[at]!,
        bytes[at + 1]!,
        bytes[at + 2]!,
        bytes[at + 3]!,
        bytes[at + 4]!,
        bytes[at + 5]!,
        bytes[at + 6]!,
        bytes[at + 7]!,
      )
    }
    if (at + 4 <= end) {
      text += String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!)
      at += 4
    }
    for (; at < end; at++) text += String.fromCharCode(bytes[at]!)
    return text
  }

  /** The name of a property. One that is known costs less than a string made anew, which V8 has to look up besides. */
  #readName(): string {
    const bytes = this.#bytes
    const tag = bytes[this.#at++]!
    if (tag !== LATIN1) return this.#readString(tag)
    const length = this.#readLength()
    const start = this.#at
    const end = start + length
    const place = (length + 7 * bytes[start]! + 31 * bytes[end - 1]!) % NAMES
    const known = this.#names[place]!
    if (known.length === length) {
      let at = start
      while (at < end && known.charCodeAt(at - start) === bytes[at]) at++
      if (at === end) {
        this.#at = end
        return known
      }
    }
    const name = this.#readLatin1(length)
    this.#names[place] = name
    return name
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
      const name = this.#readName()
      const value = this.#read()
      // What the prototype of all objects has may not let itself be assigned.
      if (name in object) Object.defineProperty(object, name, { ...PLAIN, value })
      else object[name] = value
    }
    return object
  }
}

const tagOf = Object.prototype.toString

/**
 * Whether an object is nothing else than one of `{}`. Its prototype does not say: a Map can be given any. `types` tell of all
 * that a clone has its own idea of, and of most of what it refuses.
 */
function isPlain(object: object): boolean {
  return (
    Object.getPrototypeOf(object) === Object.prototype &&
    // Whose objects say what they are if they have no tag: Date, RegExp, Error, Boolean, Number, String, arguments.
    !(Symbol.toStringTag in object) &&
    tagOf.call(object) === '[object Object]' &&
    !(
      types.isMap(object) ||
      types.isSet(object) ||
      ArrayBuffer.isView(object) ||
      types.isAnyArrayBuffer(object) ||
      types.isBoxedPrimitive(object) ||
      types.isPromise(object) ||
      types.isWeakMap(object) ||
      types.isWeakSet(object) ||
      types.isGeneratorObject(object) ||
      types.isMapIterator(object) ||
      types.isSetIterator(object)
    )
  )
}

/** The same for one without properties, by what becomes of it: so there is nothing that it could be taken for. */
function isEmptyPlain(object: object): boolean {
  if (!isPlain(object)) return false
  try {
    return Object.getPrototypeOf(structuredClone(object)) === Object.prototype
  } catch {
    return false
  }
}
