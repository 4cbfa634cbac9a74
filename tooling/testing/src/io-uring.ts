import * as sys from '@aiokit/sys'
import { runScript } from './child.ts'

/**
 * Whether the kernel gives this process an io_uring; tests that are about rings are left out where it does not, as in
 * most containers. All others pass on epoll.
 *
 * @throws if it does not, and the environment variable AIOKIT_REQUIRE_TOOLS is set, as it is in CI; but not inside
 * tooling/ringless, which forbids it on purpose
 */
export function hasIoUring(): boolean {
  const fd = sys.ioUringSetup(1, new Int32Array(sys.IO_URING_PARAMS_SIZE / 4))
  if (fd >= 0) {
    sys.close(fd)
    return true
  }
  if (process.env['AIOKIT_REQUIRE_TOOLS'] && !process.env['AIOKIT_RINGLESS']) {
    const reason = new sys.SystemError(fd, 'io_uring_setup').message
    throw new Error(
      `There is no io_uring (${reason}), and AIOKIT_REQUIRE_TOOLS says that no test may be left out.`,
    )
  }
  return false
}

/**
 * How many rings the main thread of a new process has for Node's own loops, where strace's counts (`when`) begin: libuv
 * of Node 22 and later makes one for each, to pass on its epoll_ctl(2). Needs strace.
 */
export function countRingsOfNode(): number {
  const { stderr } = runScript('', {
    cwd: import.meta.dirname,
    under: ['strace', '-qq', '-e', 'trace=io_uring_setup'],
  })
  return stderr.split('\n').filter((line) => line.startsWith('io_uring_setup(')).length
}

/**
 * Options of strace, which must trace io_uring_setup: Node's own loops get no rings, so that all calls are those of the
 * program, and libuv, which ends the process when one fails, makes none.
 */
export function refuseRingsOfNode(): string[] {
  const count = countRingsOfNode()
  return count === 0 ? [] : ['-e', `inject=io_uring_setup:error=ENOSYS:when=1..${count}`]
}
