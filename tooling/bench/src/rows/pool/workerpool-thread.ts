import workerpool from 'workerpool'
import { number, object, thread } from './tasks.ts'

workerpool.worker({ number, object, thread })
