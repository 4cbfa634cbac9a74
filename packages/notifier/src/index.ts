export { EventNotifier, type EventNotifierHandle } from './event-notifier.ts'
export type { EventfdHandle } from './eventfd.ts'
export type { NotifierWatch } from './notifier-watch.ts'
export { NotifyGate, type NotifyGateHandle } from './notify-gate.ts'
