// Loaded before a server begins, in each of its threads: the first one throws when the file is there.
const { existsSync } = require('node:fs')
const { threadId } = require('node:worker_threads')

if (threadId === 1) {
  setInterval(() => {
    if (existsSync(process.env.BREAK_FILE)) throw new Error('broken on purpose')
  }, 5)
}
