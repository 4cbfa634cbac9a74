import type { Measure } from '../../row.ts'
import { measureProcess } from './measure.ts'

const program = `
  import { AioContext } from 'aiokit'
  const ctx = new AioContext()
  ctx.poll(false)
  ctx.close()`

export const measure: Measure = measureProcess('--input-type=module', '-e', program)
