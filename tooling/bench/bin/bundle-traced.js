// bundle-traced.js true|false FILE: AioContext and EventNotifier with all that they import, as they are or without a single
// trace point, for the row trace-off.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const [traced, file] = process.argv.slice(2)
const packages = path.join(import.meta.dirname, '../../../packages/')
const ENTRY = '\0entry'
let cut = 0

const build = await rolldown({
  input: ENTRY,
  platform: 'node',
  external: [/^node:/],
  plugins: [
    {
      name: 'trace-points',
      resolveId(id) {
        if (id === ENTRY) return id
        // It looks for the native binary beside itself; and a process has it once.
        const name = /^(?:@aiokit\/)?(aiokit|[a-z-]+)$/.exec(id)?.[1]
        if (name === undefined) return null
        const file = `${packages}${name}/dist/index.js`
        return name === 'sys' ? { id: pathToFileURL(file).href, external: true } : file
      },
      load(id) {
        if (id === ENTRY) return `export { AioContext, EventNotifier } from 'aiokit'`
        if (!id.startsWith(packages)) return null
        const text = readFileSync(id, 'utf8')
        if (traced === 'true' || id.startsWith(`${packages}trace/`)) return text
        return text.replace(/\b\w+\.hasSubscribers\b/g, () => {
          cut++
          return 'false'
        })
      },
    },
  ],
})
const { output } = await build.generate({
  format: 'esm',
  codeSplitting: false,
  minify: { compress: true, mangle: false, codegen: false },
})
await build.close()
const { code } = output[0]
if (traced !== 'true' && cut < 10) throw new Error(`only ${cut} trace points were found`)
writeFileSync(`${file}.${process.pid}`, code)
renameSync(`${file}.${process.pid}`, file)
