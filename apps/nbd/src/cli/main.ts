import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { explanation } from '../explanation.ts'
import { benchCommand } from './bench-command.ts'
import { demoCommand } from './demo-command.ts'
import { serveCommand } from './serve-command.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const program = new Command('aiokit-nbd')
  .description('A network block device server on the event loop of aiokit.')
  .version(version)
  .addCommand(serveCommand())
  .addCommand(demoCommand())
  .addCommand(benchCommand())
  .addHelpText(
    'after',
    `
Examples:
  $ aiokit-nbd demo
  $ aiokit-nbd serve disk.img --socket /tmp/disk.sock
  $ aiokit-nbd bench --socket /tmp/disk.sock
  $ aiokit-nbd help serve`,
  )

// Who reads what is printed may have enough of it, as head(1) has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(1)
})

try {
  await program.parseAsync()
} catch (error) {
  console.error(`aiokit-nbd: ${explanation(error)}`)
  process.exitCode = 1
}
