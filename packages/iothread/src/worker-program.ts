/** From `src` as from `dist`: a worker is started from what was compiled. */
export const workerProgram: URL = new URL('../dist/worker.js', import.meta.url)
