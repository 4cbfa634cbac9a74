// The build step of a checkout: always from the sources here.
import { build } from './compile.mjs'

try {
  build()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
