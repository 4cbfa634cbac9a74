// Packs every package and treats each tarball as a stranger would: installs it on its own into an empty project with
// plain npm, imports it, requires it where this Node can, and then takes the first snippet of its README, type-checks
// it and runs it.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const only = process.argv.slice(2)
const folder = await mkdtemp(path.join(tmpdir(), 'aiokit-packages-'))

async function packAll() {
  const tarballs = new Map()
  for (const name of await readdir(path.join(root, 'packages'))) {
    const { stdout } = await run('pnpm', ['pack', '--json', '--pack-destination', folder], {
      cwd: path.join(root, 'packages', name),
    })
    const packed = JSON.parse(stdout)
    tarballs.set(packed.name, {
      file: path.resolve(folder, packed.filename),
      source: path.join(root, 'packages', name),
    })
  }
  return tarballs
}

/** An empty project in which the packages of this repository are the tarballs and everything else is npm's. */
async function project(name, dependencies, tarballs) {
  const cwd = path.join(folder, name.replace('/', '-'))
  await mkdir(cwd, { recursive: true })
  const file = (dependency) => `file:${tarballs.get(dependency).file}`
  const overrides = Object.fromEntries(
    [...tarballs.keys()].filter((key) => !dependencies.includes(key)).map((key) => [key, file(key)]),
  )
  const manifest = {
    name: 'stranger',
    private: true,
    type: 'module',
    dependencies: Object.fromEntries(dependencies.map((key) => [key, file(key)])),
    overrides,
  }
  await writeFile(path.join(cwd, 'package.json'), JSON.stringify(manifest, null, 2))
  await run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline', '--loglevel=error'],
    { cwd },
  )
  return cwd
}

const node = (cwd, ...args) => run(process.execPath, args, { cwd, timeout: 30_000, input: '' })

/** The first JavaScript snippet of a README, and the packages of this repository that it imports. */
async function readmeSnippet(source) {
  const readme = await readFile(path.join(source, 'README.md'), 'utf8')
  const snippet = readme.match(/```(?:js|ts)\n([\s\S]*?)```/)?.[1]
  if (!snippet) throw new Error('README.md has no snippet to paste')
  const imports = [...snippet.matchAll(/from '((?:@aiokit\/|aiokit)[^']*)'/g)].map((match) => match[1])
  return { snippet, imports }
}

async function check(name, { source }, tarballs) {
  const { snippet, imports } = await readmeSnippet(source)
  let cwd = await project(name, [name], tarballs)
  await node(
    cwd,
    '-e',
    `import(${JSON.stringify(name)}).then((m) => { if (!Object.keys(m).length) throw new Error('exports nothing') })`,
  )
  const requires = process.features.require_module ?? false
  if (requires) {
    await node(
      cwd,
      '--no-warnings',
      '--input-type=commonjs',
      '-e',
      `if (!Object.keys(require(${JSON.stringify(name)})).length) throw new Error('exports nothing')`,
    )
  }
  if (imports.some((other) => other !== name))
    cwd = await project(name, [...new Set([name, ...imports])], tarballs)
  await writeFile(path.join(cwd, 'snippet.mjs'), snippet)
  await writeFile(
    path.join(cwd, 'types.mts'),
    `import type * as api from '${name}'\nexport type Names = keyof typeof api\n`,
  )
  const compilerOptions = {
    // The snippet is JavaScript: its calls are checked against the declarations, its own variables are not.
    checkJs: true,
    strict: false,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    typeRoots: [path.join(root, 'tooling/release/node_modules/@types')],
    types: ['node'],
  }
  await writeFile(
    path.join(cwd, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['snippet.mjs', 'types.mts'] }),
  )
  await run(path.join(root, 'node_modules/.bin/tsc'), ['-p', cwd], { cwd })
  await node(cwd, 'snippet.mjs')
  return requires ? 'import, require, types, README snippet' : 'import, types, README snippet'
}

let failed = 0
try {
  const tarballs = await packAll()
  const queue = [...tarballs].filter(([name]) => only.length === 0 || only.includes(name))
  let passed = 0
  await Promise.all(
    Array.from({ length: 2 }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [name, entry] = next
        try {
          console.log(`${name}: ${await check(name, entry, tarballs)}`)
          passed++
        } catch (error) {
          failed++
          console.error(`${name}: FAILED\n${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`)
        }
      }
    }),
  )
  console.log(`${passed} packages passed, ${failed} failed`)
} finally {
  await rm(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
