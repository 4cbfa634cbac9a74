export { type UringMonitorOptions, uringMonitor } from './uring-monitor.ts'
