export type { BottomHalf, BottomHalfOptions, ReentrancyGuard } from '@aiokit/bottom-halves'
export type {
  BufferGroup,
  CqeHandler,
  FdHandlers,
  FdMonitor,
  FdMonitorFactory,
  Sqe,
  SqeMessage,
  SqeRequest,
} from '@aiokit/fdmon'
export type { Clock, Timer } from '@aiokit/timers'
export { AioContext, type AioContextOptions } from './aio-context.ts'
export type { AioStats } from './stats.ts'
