import base from '@aiokit/vitest-config'
import { mergeConfig } from 'vitest/config'

export default mergeConfig(base, { test: { setupFiles: ['test/needs-ring.ts'] } })
