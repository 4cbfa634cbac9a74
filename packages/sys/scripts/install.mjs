// Runs when the package is installed: takes the prebuilt binary if there is one for this machine, else compiles.
import { createRequire } from 'node:module'
import { build, buildOutput, root } from './compile.mjs'

const require = createRequire(import.meta.url)

function hasPrebuilt() {
  try {
    const file = require('node-gyp-build').resolve(root)
    if (file === buildOutput) return false // may be older than its sources: build() looks
    require(file)
    return true
  } catch {
    return false
  }
}

// Elsewhere the package can be installed (a program may choose at run time) and says so at import.
if (process.platform === 'linux' && !hasPrebuilt()) {
  try {
    build()
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
