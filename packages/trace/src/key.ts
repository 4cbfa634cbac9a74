/** Of the environment data of threads (see node:worker_threads) that says what trace the process writes. */
export const KEY = 'aiokit:trace'
