import type { AioHandler, FdMonitor, FdMonitorFactory } from '@aiokit/fdmon'
import type { ThreadApi } from './machine.ts'

const IN = 1

/** A monitor on simulated eventfds, in the place of those on system calls. */
export class SimulatedMonitor implements FdMonitor {
  readonly name = 'poll'
  readonly backendFd = -1
  readonly systemCalls = 0
  /** Of the thread that is to wait; none does in the setup. */
  api: ThreadApi | null = null
  readonly #handlers: AioHandler[] = []

  get factory(): FdMonitorFactory {
    return () => this
  }

  update(handler: AioHandler, events: number): void {
    if (handler.events === 0) this.#handlers.push(handler)
    if (events === 0) this.#handlers.splice(this.#handlers.indexOf(handler), 1)
    handler.events = events
  }

  wait(ready: { add(handler: AioHandler, revents: number): void }, timeoutNs: number): void {
    if (timeoutNs > 0) throw new Error('A wait that ends by itself is not modelled')
    const readable = this.api!.wait(
      this.#handlers.map(({ fd }) => fd),
      timeoutNs < 0,
    )
    for (const [i, handler] of this.#handlers.entries()) if (readable[i]) ready.add(handler, IN)
  }

  needWait(): boolean {
    return false
  }

  prepare(): boolean {
    return false
  }

  check(): boolean {
    return true
  }

  collect(ready: { add(handler: AioHandler, revents: number): void }): void {
    this.wait(ready, 0)
  }

  close(): void {}
}
