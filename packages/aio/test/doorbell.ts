import type { FdHandlers } from '@aiokit/fdmon'
import { EventNotifier } from '@aiokit/notifier'

/** Something that can be rung so that its descriptor is readable, or so that only who looks at it knows. */
export class Doorbell implements Disposable {
  readonly log: string[] = []
  readonly notifier: EventNotifier = new EventNotifier()
  rung = false
  /** What is done besides, by `read` and `pollReady`. */
  onHeard: () => void = () => {}
  /** What is done besides, by `pollEnd`. */
  onEnd: () => void = () => {}
  looks = 0

  readonly handlers: FdHandlers = {
    read: () => {
      this.notifier.testAndClear()
      this.log.push('read')
      this.onHeard()
    },
    poll: () => {
      this.looks++
      return this.rung
    },
    pollReady: () => {
      this.rung = false
      this.log.push('pollReady')
      this.onHeard()
    },
    pollBegin: () => void this.log.push('begin'),
    pollEnd: () => {
      this.log.push('end')
      this.onEnd()
    },
  }

  get fd(): number {
    return this.notifier.fd
  }

  [Symbol.dispose](): void {
    this.notifier.close()
  }
}
