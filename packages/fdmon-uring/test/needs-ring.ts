import { hasIoUring } from '@aiokit/testing'
import { beforeEach } from 'vitest'

const ring = hasIoUring()
beforeEach(({ skip }) => skip(!ring, 'there is no io_uring here'))
