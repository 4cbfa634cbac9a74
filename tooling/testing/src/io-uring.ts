import * as sys from '@aiokit/sys'

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
