// Names and values of the NBD protocol, doc/proto.md of NetworkBlockDevice/nbd. 64-bit magic numbers are halves.

/** "NBDMAGIC", the first eight bytes a server sends. */
export const NBD_MAGIC_HIGH = 0x4e42444d
export const NBD_MAGIC_LOW = 0x41474943
/** "IHAVEOPT", the next eight, and the begin of each option of the client. */
export const OPTION_MAGIC_HIGH = 0x49484156
export const OPTION_MAGIC_LOW = 0x454f5054
export const OPTION_REPLY_MAGIC_HIGH = 0x0003e889
export const OPTION_REPLY_MAGIC_LOW = 0x045565a9
export const REQUEST_MAGIC = 0x25609513
export const SIMPLE_REPLY_MAGIC = 0x67446698

// Handshake flags of the server (16 bits) and of the client (32 bits): the same two bits.
export const FLAG_FIXED_NEWSTYLE = 0x1
export const FLAG_NO_ZEROES = 0x2

// Transmission flags.
export const FLAG_HAS_FLAGS = 0x1
export const FLAG_READ_ONLY = 0x2
export const FLAG_SEND_FLUSH = 0x4
export const FLAG_SEND_FUA = 0x8
export const FLAG_CAN_MULTI_CONN = 0x100

// Options.
export const OPT_EXPORT_NAME = 1
export const OPT_ABORT = 2
export const OPT_LIST = 3
export const OPT_INFO = 6
export const OPT_GO = 7

// Replies to options; those with the highest bit set are errors.
export const REP_ACK = 1
export const REP_SERVER = 2
export const REP_INFO = 3
export const REP_ERROR_BIT = 0x8000_0000
export const REP_ERR_UNSUP = 0x8000_0001
export const REP_ERR_INVALID = 0x8000_0003
export const REP_ERR_UNKNOWN = 0x8000_0006

// Information about an export.
export const INFO_EXPORT = 0
export const INFO_NAME = 1
export const INFO_DESCRIPTION = 2
export const INFO_BLOCK_SIZE = 3

// Commands and their flags.
export const CMD_READ = 0
export const CMD_WRITE = 1
export const CMD_DISC = 2
export const CMD_FLUSH = 3
export const CMD_TRIM = 4
export const CMD_FLAG_FUA = 0x1

// Errors of replies. They look like Linux' errno and are the same on every system.
export const NBD_OK = 0
export const NBD_EPERM = 1
export const NBD_EIO = 5
export const NBD_ENOMEM = 12
export const NBD_EINVAL = 22
export const NBD_ENOSPC = 28

// Sizes in bytes.
export const OPTION_HEADER_SIZE = 16
export const OPTION_REPLY_HEADER_SIZE = 20
export const REQUEST_SIZE = 28
export const REPLY_SIZE = 16
/** Zeroes after the answer to OPT_EXPORT_NAME, for clients that do not ask to be spared. */
export const EXPORT_NAME_PADDING = 124
/** Longest name of an export, and longest of any other string. */
export const MAX_STRING = 4096
/** Longest READ or WRITE that a server has to take from a client that was told nothing else: 32 MiB. */
export const MAX_PAYLOAD = 33_554_432
