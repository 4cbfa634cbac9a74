/**
 * What a Worker of this package runs. It is a file of its own beside the one that all else is bundled into, and this
 * module is as far from `dist` as that one, so that the address holds in both.
 */
export const workerProgram: URL = new URL('../dist/bare-worker.cjs', import.meta.url)
