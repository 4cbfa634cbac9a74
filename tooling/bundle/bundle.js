#!/usr/bin/env node
// Makes dist/index.js of src/index.ts and all that it imports, for the package in this folder and, as `tsc -b` does, for
// those that its tsconfig.json refers to: Node takes most of a millisecond to load a module, and an import of aiokit would
// load a hundred. What one package imports from another stays an import, so that a class is one class for both.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { rolldown } from 'rolldown'

/**
 * What is made of src/<name>.ts, where there is one: the package, and the programs of its worker threads. A bare one has
 * everything that it needs in itself, and is CommonJS: while Node loads ECMAScript modules it has files open, which nobody
 * closes if the thread is ended then. So is what a package loads only if it is asked for, which require() does at once.
 */
const ENTRIES = [
  { name: 'index', format: 'esm', external: /^[^./]/ },
  { name: 'worker', format: 'esm', external: /^[^./]/ },
  { name: 'bare-worker', format: 'cjs', external: /^node:/ },
  { name: 'writer', format: 'cjs', external: /^node:/ },
]

/** This folder and all that it refers to, each once, and behind what it refers to: a bare program has that in itself. */
function projects(folder, found = new Set()) {
  if (found.has(folder)) return found
  const { references = [] } = JSON.parse(readFileSync(path.join(folder, 'tsconfig.json'), 'utf8'))
  for (const reference of references) projects(path.resolve(folder, reference.path), found)
  return found.add(folder)
}

/** Each entry is bundled for itself: a part that two have in common would be one more file to load. */
async function bundle(folder, input, { name, format, external }) {
  const build = await rolldown({
    cwd: folder,
    input,
    external,
    platform: 'node',
    tsconfig: false,
    transform: { target: 'es2023' },
    logLevel: 'warn',
    onLog: (_level, log) => {
      throw new Error(log.message)
    },
  })
  const { output } = await build.generate({
    file: path.join(folder, `dist/${name}.${format === 'cjs' ? 'cjs' : 'js'}`),
    format,
    sourcemap: true,
    codeSplitting: false,
  })
  await build.close()
  for (const file of output) write(path.join(folder, 'dist', file.fileName), file.code ?? file.source)
}

/** Only what is new, and at once: the tests of another package may be running with what is there. */
function write(file, text) {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  mkdirSync(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, text)
  renameSync(temporary, file)
}

for (const folder of projects(process.cwd())) {
  for (const entry of ENTRIES) {
    const input = path.join(folder, `src/${entry.name}.ts`)
    if (existsSync(input)) await bundle(folder, input, entry)
  }
}
