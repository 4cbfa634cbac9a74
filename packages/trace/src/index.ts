export { type TraceChannel, TraceSpan, traceChannel } from './channel.ts'
export * from './channels.ts'
export { joinTrace, startTrace } from './start-trace.ts'
export type { Trace } from './writer.ts'
