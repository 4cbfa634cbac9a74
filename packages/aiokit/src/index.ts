export type { AioStats } from '@aiokit/aio'
export * from '@aiokit/bottom-halves'
// What throws them is for the packages; a program looks at `error.code`.
export type { AioErrorCode } from '@aiokit/errors'
export * from '@aiokit/fdmon'
export * from '@aiokit/fdmon-epoll'
export * from '@aiokit/fdmon-poll'
export * from '@aiokit/notifier'
export * from '@aiokit/qlist'
// System calls have the names that they have everywhere (read, close, ...), which would say too little here.
export * as sys from '@aiokit/sys'
export * from '@aiokit/timers'
export { AioContext, type AioContextOptions } from './aio-context.ts'
export { AUTO_EPOLL_AT, chooseMonitor, type FdMonitorChoice } from './choose-monitor.ts'
