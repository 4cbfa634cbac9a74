// The build step of a checkout: always from the sources here.
import { buildOutput, compile } from './compile.mjs'

try {
  compile(buildOutput)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
