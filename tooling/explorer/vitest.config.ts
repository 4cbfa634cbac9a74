import config from '@aiokit/vitest-config'
import { mergeConfig } from 'vitest/config'

/** A scenario is as much to compute as it has states: half a minute, and more where others want the processors. */
export default mergeConfig(config, { test: { testTimeout: 300_000 } })
