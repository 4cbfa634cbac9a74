import { constants } from 'node:os'

const { errno } = constants

// The ones that code compares with; every number has a name through SystemError.
export const EPERM: number = errno.EPERM
export const ENOENT: number = errno.ENOENT
export const EINTR: number = errno.EINTR
export const EIO: number = errno.EIO
export const ENXIO: number = errno.ENXIO
export const EBADF: number = errno.EBADF
export const EAGAIN: number = errno.EAGAIN
export const ENOMEM: number = errno.ENOMEM
export const EEXIST: number = errno.EEXIST
export const EINVAL: number = errno.EINVAL
export const EMFILE: number = errno.EMFILE
export const ENFILE: number = errno.ENFILE
export const EFBIG: number = errno.EFBIG
export const ENOSPC: number = errno.ENOSPC
export const EROFS: number = errno.EROFS
export const EPIPE: number = errno.EPIPE
export const ENOSYS: number = errno.ENOSYS
export const ELOOP: number = errno.ELOOP
export const ENOBUFS: number = errno.ENOBUFS
export const EADDRINUSE: number = errno.EADDRINUSE
export const ECONNABORTED: number = errno.ECONNABORTED
export const ECONNRESET: number = errno.ECONNRESET
export const ECONNREFUSED: number = errno.ECONNREFUSED
export const EINPROGRESS: number = errno.EINPROGRESS
export const EDQUOT: number = errno.EDQUOT
export const EALREADY: number = errno.EALREADY
export const EBUSY: number = errno.EBUSY
export const ECANCELED: number = errno.ECANCELED
export const EFAULT: number = errno.EFAULT
export const ESPIPE: number = errno.ESPIPE
export const EISCONN: number = errno.EISCONN
export const EOPNOTSUPP: number = errno.EOPNOTSUPP
export const ETIME: number = errno.ETIME
