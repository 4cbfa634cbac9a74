export {
  type Abortable,
  abortReason,
  checkSignal,
  forgetAbort,
  listenForAbort,
  requireSignal,
} from './aborts.ts'
export { importTask, loadTask } from './load.ts'
export { isMoved, move } from './move.ts'
export {
  defineTask,
  requireTask,
  type Task,
  type TaskArgument,
  type TaskFunction,
  type TaskOf,
  type TaskResult,
} from './task.ts'
export { checkTaskOptions, type TaskOptions } from './task-options.ts'
export { packThrown, type ThrownMessage, unpackThrown } from './thrown.ts'
