import type { sys } from 'aiokit'

/** Where a server listens: a path, or host and port. */
export type Address = sys.SocketAddress

/** An address for people. */
export function describeAddress(address: Address): string {
  return 'path' in address ? address.path : `${address.host} port ${address.port}`
}

/** The address in the way that NBD clients take it, such as `nbd+unix:///?socket=/tmp/disk.sock`. */
export function uriOf(address: Address, exportName: string): string {
  const path = encodeURIComponent(exportName)
  if ('path' in address)
    return `nbd+unix:///${path}?socket=${encodeURIComponent(address.path).replaceAll('%2F', '/')}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `nbd://${host}:${address.port}/${path}`
}
