export { type Callback, type Caller, call, callWith, setCaller } from './call.ts'
export { captureScope, captureScopeIfHosted, countHosted, isHosted } from './scope.ts'
