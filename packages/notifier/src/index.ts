export { EventNotifier, type EventNotifierHandle } from './event-notifier.ts'
export { NotifyGate, type NotifyGateHandle } from './notify-gate.ts'
