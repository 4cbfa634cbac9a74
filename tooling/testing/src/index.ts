export { type ChildResult, descriptorLimit, hasCommand, runScript, type ScriptOptions } from './child.ts'
export {
  fill,
  openDescriptors,
  openDescriptorsBesideFiles,
  openSockets,
  pipe,
  readAll,
  regularFile,
  socketPair,
} from './descriptors.ts'
export { everywhere, hostAs } from './everywhere.ts'
export { countRingsOfNode, hasIoUring, refuseRingsOfNode } from './io-uring.ts'
export { memoryInUse } from './memory.ts'
export { testInterruption, testMonitor } from './monitor-suite.ts'
export { type Calls, countCalls, MARK } from './strace.ts'
