import type { AioHandler, FdMonitor, ReadyList } from '@aiokit/fdmon'

/** A monitor that finds nothing, for those that find what they are told to. */
export class IdleMonitor implements FdMonitor {
  readonly name: FdMonitor['name'] = 'poll'
  readonly backendFd = -1
  readonly systemCalls = 0
  /** What the waits were told. */
  readonly timeouts: number[] = []

  update(handler: AioHandler, events: number): void {
    handler.events = events
  }

  wait(_ready: ReadyList, timeoutNs: number): void {
    this.timeouts.push(timeoutNs)
  }

  needWait(): boolean {
    return false
  }

  prepare(): boolean {
    return false
  }

  check(): boolean {
    return false
  }

  collect(): void {}

  close(): void {}
}
