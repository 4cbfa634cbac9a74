/** From `src` as from `dist`: a worker is started from what was compiled. */
export const workerProgram: URL = new URL('../dist/bare-worker.cjs', import.meta.url)
