/* Numbers that differ between architectures or that Node does not export come from the headers. */
#include "args.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <netinet/in.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define C(name) {#name, (double)(name)}

const struct constant constants[] = {
    C(EFD_CLOEXEC), C(EFD_NONBLOCK), C(EFD_SEMAPHORE),
    C(O_CLOEXEC), C(O_NONBLOCK), C(O_DIRECT),
    C(F_DUPFD_CLOEXEC), C(F_GETFD), C(F_SETFD), C(F_GETFL), C(F_SETFL), C(F_GETPIPE_SZ), C(F_SETPIPE_SZ), C(FD_CLOEXEC),
    C(POLLIN), C(POLLPRI), C(POLLOUT), C(POLLERR), C(POLLHUP), C(POLLNVAL),
    C(EPOLL_CLOEXEC), C(EPOLL_CTL_ADD), C(EPOLL_CTL_MOD), C(EPOLL_CTL_DEL), C(EPOLLIN), C(EPOLLOUT), C(EPOLLERR), C(EPOLLHUP),
    C(SEEK_SET), C(SEEK_CUR), C(SEEK_END), C(SEEK_DATA), C(SEEK_HOLE),
    C(FALLOC_FL_KEEP_SIZE), C(FALLOC_FL_PUNCH_HOLE), C(FALLOC_FL_ZERO_RANGE),
    C(RWF_NOWAIT), C(PIPE_BUF), C(AT_FDCWD), C(AT_EMPTY_PATH), C(AT_STATX_DONT_SYNC), C(STATX_TYPE),
    C(S_IFMT), C(S_IFREG), C(S_IFBLK), C(S_IFDIR), C(S_IFIFO), C(S_IFSOCK),
    {"STATX_MODE_OFFSET", offsetof(struct statx, stx_mode)},
    C(CLOCK_REALTIME), C(CLOCK_MONOTONIC), C(CLOCK_PROCESS_CPUTIME_ID), C(CLOCK_THREAD_CPUTIME_ID),
    C(TFD_CLOEXEC), C(TFD_NONBLOCK), C(TFD_TIMER_ABSTIME),
    C(IN_CLOEXEC), C(IN_NONBLOCK), C(IN_ACCESS), C(IN_MODIFY), C(IN_ATTRIB), C(IN_CLOSE_WRITE), C(IN_CLOSE_NOWRITE), C(IN_OPEN),
    C(IN_MOVED_FROM), C(IN_MOVED_TO), C(IN_CREATE), C(IN_DELETE), C(IN_DELETE_SELF), C(IN_MOVE_SELF), C(IN_UNMOUNT),
    C(IN_Q_OVERFLOW), C(IN_IGNORED), C(IN_ONLYDIR), C(IN_DONT_FOLLOW), C(IN_EXCL_UNLINK), C(IN_MASK_ADD), C(IN_ISDIR), C(IN_ONESHOT),
    C(AF_UNIX), C(AF_INET), C(AF_INET6), C(SOCK_STREAM), C(SOCK_DGRAM), C(SOCK_SEQPACKET), C(SOCK_NONBLOCK), C(SOCK_CLOEXEC),
    C(SOL_SOCKET), C(SO_REUSEADDR), C(SO_ERROR), C(SO_SNDBUF), C(SO_RCVBUF), C(SO_KEEPALIVE), C(SO_TYPE), C(SO_ACCEPTCONN),
    C(IPPROTO_TCP), C(TCP_NODELAY), C(IPPROTO_IPV6), C(IPV6_V6ONLY),
    C(MSG_DONTWAIT), C(MSG_PEEK), C(MSG_WAITALL), C(MSG_MORE), C(SHUT_RD), C(SHUT_WR), C(SHUT_RDWR), C(SOMAXCONN),
    /* struct epoll_event is packed on x86-64 and padded elsewhere. */
    {"EPOLL_EVENT_SIZE", sizeof(struct epoll_event)},
    {"EPOLL_DATA_OFFSET", offsetof(struct epoll_event, data)},
    {NULL, 0},
};
