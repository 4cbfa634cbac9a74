// Makes the binaries that are published: prebuilds/linux-x64 and prebuilds/linux-arm64. Needs both compilers
// (Debian: gcc-x86-64-linux-gnu and gcc-aarch64-linux-gnu); run it on the oldest C library to be supported.
import path from 'node:path'
import { compile, root } from './compile.mjs'

const compilers = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' }

for (const [arch, cc] of Object.entries(compilers)) {
  const output = path.join(root, `prebuilds/linux-${arch}/aiokit_sys.glibc.node`)
  try {
    compile(output, cc)
    console.log(`prebuilds/linux-${arch}: built with ${cc}`)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
