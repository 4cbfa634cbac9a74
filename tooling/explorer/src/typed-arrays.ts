/** What is done with the memory of the simulated computer. An address is that of a word. */
interface Memory {
  allocate(words: number): number
  read(address: number): number
  write(address: number, value: number): void
}

export class SharedBuffer {
  readonly base: number
  readonly byteLength: number

  constructor(base: number, byteLength: number) {
    this.base = base
    this.byteLength = byteLength
  }
}

/** As much of a typed array over shared memory as `Atomics` needs. */
export interface Words {
  addressOf(index: number): number
}

/** In the place of the typed arrays, and of those over memory of their own what there is really. */
export function makeTypedArrays(memory: Memory): Record<string, unknown> {
  class Buffer extends SharedBuffer {
    constructor(byteLength: number) {
      super(memory.allocate(byteLength / 4), byteLength)
    }
  }
  const isIndex = (key: string | symbol): key is string => typeof key === 'string' && /^-?\d+$/.test(key)

  /** Elements of so many words; the address of one that has two is that of the first. */
  const arrayOf = (
    wordsEach: number,
    convert: (value: number) => number,
    real: new (of: never) => object,
  ) => {
    const elements: ProxyHandler<SharedElements> = {
      get(array, key) {
        if (!isIndex(key)) return Reflect.get(array, key)
        return memory.read(array.addressOf(Number(key)))
      },
      set(array, key, value: number) {
        if (!isIndex(key)) throw new Error(`Setting ${String(key)} is not modelled`)
        memory.write(array.addressOf(Number(key)), convert(value))
        return true
      },
    }
    class SharedElements implements Words {
      readonly buffer: SharedBuffer
      readonly length: number
      readonly #first: number

      constructor(buffer: SharedBuffer, first = 0, length: number = buffer.byteLength / 4 / wordsEach) {
        this.buffer = buffer
        this.length = length
        this.#first = first
        // biome-ignore lint/correctness/noConstructorReturn: the elements are accessed by way of a proxy
        if (!(buffer instanceof SharedBuffer)) return new real(buffer as never) as SharedElements
        // biome-ignore lint/correctness/noConstructorReturn: the same
        return new Proxy(this, elements)
      }

      static get BYTES_PER_ELEMENT(): number {
        return 4 * wordsEach
      }

      // An arrow, so that it is called on the array and not on the proxy.
      readonly addressOf = (index: number): number => {
        if (!(Number.isInteger(index) && index >= 0 && index < this.length))
          throw new Error(`There is no element ${index}: there are ${this.length}`)
        return this.buffer.base + (this.#first + index) * wordsEach
      }

      readonly subarray = (begin: number, end: number): SharedElements =>
        new SharedElements(this.buffer, this.#first + begin, end - begin)
    }
    return SharedElements
  }

  /** Bytes in shared memory are accessed by nobody here. */
  const noBytes = (real: new (of: never) => object) =>
    class {
      constructor(of: unknown) {
        // biome-ignore lint/correctness/noConstructorReturn: what is not shared is real
        if (!(of instanceof SharedBuffer)) return new real(of as never)
      }
    }

  return {
    SharedArrayBuffer: Buffer,
    Int32Array: arrayOf(1, (value) => value | 0, Int32Array),
    Float64Array: arrayOf(2, (value) => value, Float64Array),
    Uint8Array: noBytes(Uint8Array),
    DataView: noBytes(DataView),
  }
}
