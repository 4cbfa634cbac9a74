import { defineConfig } from 'vitest/config'
import { DefaultReporter } from 'vitest/node'

/** What failed, and the counts. Where the whole repository is tested, what has passed is of no interest. */
class FailuresReporter extends DefaultReporter {
  printTestModule() {}
}

/**
 * Every test file runs in a process of its own: a blocking poll stops the whole thread, and native state
 * (descriptors, the per-process io_uring flag) must not leak from one file into the next.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    isolate: true,
    maxWorkers: 2,
    testTimeout: 60_000,
    execArgv: ['--expose-gc'],
    reporters: process.env.TURBO_HASH ? [new FailuresReporter()] : ['default'],
  },
})
