/** The rows of the table that says what a server's loops have done: what is printed as the total, per request, and as share. */
export class LoopTable {
  readonly #rows: Map<string, string[]> = new Map<string, string[]>()

  /** @param stdout of `serve`, when it has ended, or of `demo`. @throws Error if there is no such table */
  constructor(stdout: string) {
    const start = stdout.search(/^│ (the server's loop|\d+ I\/O threads?) /m)
    if (start < 0) throw new Error(`no table of loops: ${stdout}`)
    for (const line of stdout.slice(start).split('\n')) {
      const [name, ...cells] = line
        .split('│')
        .slice(1, -1)
        .map((cell) => cell.trim())
      if (name !== undefined) this.#rows.set(name, cells)
    }
  }

  /** A count, or a time in its unit. */
  total(name: string): number {
    return this.#cell(name, 0)
  }

  perRequest(name: string): number {
    return this.#cell(name, 1)
  }

  /** In percent. */
  share(name: string): number {
    return this.#cell(name, 2)
  }

  #cell(name: string, column: number): number {
    const value = Number.parseFloat(this.#rows.get(name)?.[column]?.replaceAll(',', '') ?? '')
    if (Number.isNaN(value)) throw new Error(`no number in column ${column} of row "${name}"`)
    return value
  }
}
