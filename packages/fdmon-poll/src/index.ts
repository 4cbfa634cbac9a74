export { type PollMonitorOptions, pollMonitor } from './poll-monitor.ts'
