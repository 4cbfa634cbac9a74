export { type FdCallback, FdCallbacks, type FdHandlers, type FdWatch } from './callbacks.ts'
export { ERR, HUP, IN, OUT } from './events.ts'
export { FdTable } from './fd-table.ts'
export { AioHandler } from './handler.ts'
export { restartInterrupted } from './interrupted.ts'
export type { FdMonitor, FdMonitorFactory, FdMonitorHost } from './monitor.ts'
export { PolledHandlers } from './polled-handlers.ts'
export { ReadyList } from './ready-list.ts'
export {
  type BufferGroup,
  CQE_F_MORE,
  type CqeHandler,
  type Sqe,
  type SqeMessage,
  type SqeRequest,
} from './sqe.ts'
