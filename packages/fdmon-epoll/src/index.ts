export { type EpollMonitorOptions, epollMonitor } from './epoll-monitor.ts'
