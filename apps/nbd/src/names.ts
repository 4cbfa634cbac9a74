/** What watches the sockets. */
export type FdmonName = 'auto' | 'io_uring' | 'epoll' | 'poll'

/** How the image is read and written. */
export type AioName = 'auto' | 'io_uring' | 'threads'
