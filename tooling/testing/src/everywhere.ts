import { afterEach } from 'vitest'

/** What is asked of a context. */
interface Context {
  attach(): void
  run(): Promise<void>
  stop(): void
}

type Make = () => unknown

const hosts = new Map<Make, 'attach' | 'run'>()
let running: Context | null = null

/**
 * A list of monitors three times: for contexts that `poll()` alone runs, for those that are attached to Node's loop, and for
 * those that run it. What holds of `poll()` holds in each.
 */
export function everywhere<M extends Make>(
  monitors: readonly [name: string, make: M][],
): [name: string, make: M][] {
  // A thread can run one.
  afterEach(() => {
    running?.stop()
    running = null
  })
  const hosted = (host: 'attach' | 'run') =>
    monitors.map(([name, make]): [string, M] => {
      const another = (() => make()) as M
      hosts.set(another, host)
      return [`${name}, ${host === 'run' ? 'running' : 'attached'}`, another]
    })
  return [...monitors, ...hosted('attach'), ...hosted('run')]
}

/** Has a context run as the list says that `make` is of; of those that are to run, all but the first are attached. */
export function hostAs<C extends Context>(make: Make, ctx: C): C {
  const host = hosts.get(make)
  if (host === 'run' && running === null) {
    running = ctx
    void ctx.run()
  } else if (host !== undefined) {
    ctx.attach()
  }
  return ctx
}
