export type {
  BottomHalf,
  BottomHalfHandle,
  BottomHalfOptions,
  ReentrancyGuard,
  RemoteBottomHalf,
} from '@aiokit/bottom-halves'
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
export { type AsyncFeed, Feed, type FeedOptions, type FeedSource } from './feed.ts'
export { defaultPollSettings, type PollParams, type PollSettings, pollSettings } from './poll-params.ts'
export { type AioContextHandle, type LoopHandle, RemoteContext } from './remote-context.ts'
export type { RunOptions } from './runner.ts'
export type { AioStats } from './stats.ts'
