import type { Row } from '../row.ts'
import { bh } from './bh/row.ts'
import { dispatchFloor } from './dispatch-floor/row.ts'
import { dispatchScale } from './dispatch-scale/row.ts'
import { echo, echoProcessor } from './echo/row.ts'
import { fileRead, fileWrite, fileWriteFsync } from './file-io/row.ts'
import { hostCost } from './host-cost/row.ts'
import { nbd, nbdCopy } from './nbd/row.ts'
import { nested } from './nested/row.ts'
import { notifyBurst } from './notify-burst/row.ts'
import { idleHandlers, mixedSources, slowDevice } from './polling/row.ts'
import { poolNumber, poolObject } from './pool/row.ts'
import { start } from './start/row.ts'
import { timers } from './timers/row.ts'
import { traceOff } from './trace-off/row.ts'
import { wakeBlocking, wakePolling } from './wake/row.ts'

/** In the order in which they run and are drawn. */
export const rows: readonly Row[] = [
  dispatchScale,
  dispatchFloor,
  bh,
  hostCost,
  nested,
  timers,
  notifyBurst,
  wakeBlocking,
  wakePolling,
  mixedSources,
  slowDevice,
  idleHandlers,
  poolNumber,
  poolObject,
  fileRead,
  fileWrite,
  fileWriteFsync,
  echo,
  echoProcessor,
  nbd,
  nbdCopy,
  start,
  traceOff,
]
