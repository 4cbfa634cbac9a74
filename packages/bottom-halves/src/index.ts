export { BottomHalf, type BottomHalfOptions } from './bottom-half.ts'
export { BottomHalfList, IDLE_INTERVAL_NS } from './bottom-half-list.ts'
export { deferCall, deferCallBegin, deferCallEnd } from './defer-call.ts'
export { ReentrancyGuard } from './reentrancy-guard.ts'
