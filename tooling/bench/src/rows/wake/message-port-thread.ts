import { parentPort } from 'node:worker_threads'

const port = parentPort!
port.on('message', (value: number | null) => {
  if (value === null) port.close()
  else port.postMessage(value + 1)
})
port.postMessage('ready')
