import { fileURLToPath } from 'node:url'
import { testInterruption, testMonitor } from '@aiokit/testing'
import { uringMonitor } from '../src/index.ts'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))

// What holds of any monitor: F1, F2, F3, F4, F7, F8, F10, M1, M2, X1, X5, X6; and under signals: M5.
testMonitor('io_uring', uringMonitor())
testInterruption('io_uring_enter', 'monitor.uringMonitor()', entry)
