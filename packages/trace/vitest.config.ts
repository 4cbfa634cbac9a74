export { default } from '@aiokit/vitest-config'
