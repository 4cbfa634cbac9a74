export { importTask, loadTask } from './load.ts'
export {
  defineTask,
  requireTask,
  type Task,
  type TaskArgument,
  type TaskFunction,
  type TaskResult,
} from './task.ts'
