import { fileURLToPath } from 'node:url'
import type { NbdCommand } from './server.ts'

function aiokitNbd(...flags: string[]): NbdCommand {
  const script = fileURLToPath(import.meta.resolve('aiokit-nbd/bin/aiokit-nbd.js'))
  return {
    program: process.execPath,
    args: (image, socket) => [script, 'serve', image, '--read-only', '--socket', socket, ...flags],
    install: 'Node',
  }
}

function nbdkit(...flags: string[]): NbdCommand {
  return {
    program: 'nbdkit',
    args: (image, socket) => ['--foreground', '--readonly', '--unix', socket, ...flags, 'file', image],
    install: 'nbdkit',
  }
}

/** As many clients as nbdcopy wants to be; and of its three ways to read the fastest. */
const QEMU_NBD_FLAGS = ['--persistent', '--read-only', '--shared=0', '--format=raw', '--aio=io_uring']

/**
 * Those that poll, for up to 32.768 µs before they sleep, as I/O threads do by default. Not on epoll: it cannot look at
 * sockets from userspace, and does not poll with them (rule P2).
 */
export const pollingServers: Readonly<Record<string, NbdCommand>> = {
  'aiokit-nbd, polling': aiokitNbd('--fdmon=auto', '--poll-max-ns=32768'),
}

/** All serve read-only. By the name of the contender. */
export const servers: Readonly<Record<string, NbdCommand>> = {
  'aiokit-nbd': aiokitNbd('--fdmon=auto'),
  'aiokit-nbd on epoll': aiokitNbd('--fdmon=epoll'),
  'qemu-nbd': {
    program: 'qemu-nbd',
    args: (image, socket) => [...QEMU_NBD_FLAGS, `--socket=${socket}`, image],
    install: 'qemu-utils',
  },
  nbdkit: nbdkit(),
  // Sixteen for each client, the default, are more than the page cache keeps waiting.
  'nbdkit --threads=1': nbdkit('--threads=1'),
}
