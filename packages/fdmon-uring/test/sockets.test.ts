import { randomUUID } from 'node:crypto'
import { CQE_F_MORE, HUP, IN, OUT, type SqeMessage } from '@aiokit/fdmon'
import * as sys from '@aiokit/sys'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeAll, code, listener, TestRing, waitingPipe, waitingSockets } from './harness.ts'

const MSG_TRUNC = 0x20
const MSG_CTRUNC = 8
const SCM_RIGHTS = 1

test('U4: TCP connections are made, accepted, written, read and shut down', () => {
  using ring = new TestRing()
  const [server, address] = listener()
  const client = sys.check(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
  const accepted = ring.add((sqe) => sqe.prepAccept(server, sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK))
  expect(ring.run((sqe) => sqe.prepConnect(client, address))).toBe(0)
  ring.until(() => accepted.isDone)
  const peer = accepted.res
  expect(sys.fcntl(peer, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
  expect(sys.fcntl(peer, sys.F_GETFL, 0) & sys.O_NONBLOCK).toBe(sys.O_NONBLOCK)
  expect(ring.run((sqe) => sqe.prepRecv(peer, new Uint8Array(1), sys.MSG_DONTWAIT))).toBe(-sys.EAGAIN)
  expect(ring.run((sqe) => sqe.prepSend(client, Buffer.from('hello'), 0))).toBe(5)
  const buffer = Buffer.alloc(9, '-')
  expect(ring.run((sqe) => sqe.prepRecv(peer, buffer, sys.MSG_PEEK))).toBe(5)
  expect(buffer.toString()).toBe('hello----')
  expect(ring.run((sqe) => sqe.prepRecv(peer, buffer.subarray(5, 9), 0))).toBe(4)
  expect(buffer.toString()).toBe('hellohell')
  expect(ring.run((sqe) => sqe.prepShutdown(client, sys.SHUT_WR))).toBe(0)
  expect(ring.run((sqe) => sqe.prepRecv(peer, buffer, 0))).toBe(1)
  expect(ring.run((sqe) => sqe.prepRecv(peer, buffer, 0))).toBe(0)
  closeAll(client, peer, server)
  const late = sys.check(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
  expect(ring.run((sqe) => sqe.prepConnect(late, address))).toBe(-sys.ECONNREFUSED)
  closeAll(late)
})

test('U4: sending to a peer that has gone is an errno and no signal', () => {
  using ring = new TestRing()
  const [a, b] = waitingSockets()
  closeAll(b)
  expect(ring.run((sqe) => sqe.prepSend(a, new Uint8Array(1), 0))).toBe(-sys.EPIPE)
  expect(ring.run((sqe) => sqe.prepSendmsg(a, { buffers: [new Uint8Array(1)] }, 0))).toBe(-sys.EPIPE)
  closeAll(a)
})

test('U4: datagrams carry the address of their sender, and say when they were cut', () => {
  using ring = new TestRing()
  const bound = () => {
    const fd = sys.check(sys.socket(sys.AF_UNIX, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC, 0), 'socket')
    const name = `\0aiokit-${randomUUID()}`
    const address = sys.encodeAddress({ path: name })
    sys.check(sys.bind(fd, address), 'bind')
    return { fd, name, address }
  }
  const a = bound()
  const b = bound()
  const sent = { buffers: [Buffer.from('da'), Buffer.from('tagram')], address: b.address }
  expect(ring.run((sqe) => sqe.prepSendmsg(a.fd, sent, 0))).toBe(8)
  const address = new Uint8Array(sys.SOCKADDR_MAX).fill(0xee)
  const buffers = [Buffer.alloc(3), Buffer.alloc(4)]
  const message: SqeMessage = { buffers, address, control: new Uint8Array(64) }
  expect(ring.run((sqe) => sqe.prepRecvmsg(b.fd, message, 0))).toBe(7)
  expect(Buffer.concat(buffers).toString()).toBe('datagra')
  expect(message).toMatchObject({
    controlLength: 0,
    messageFlags: MSG_TRUNC,
    addressLength: a.address.length,
  })
  expect(sys.decodeAddress(address, message.addressLength!)).toEqual({ path: a.name })
  // Nothing of the memory that the kernel was lent beside that.
  expect(address.subarray(a.address.length).every((byte) => byte === 0xee)).toBe(true)
  // An address that has not enough room is cut, and says how long it is.
  const cut = new Uint8Array(10)
  ring.run((sqe) => sqe.prepSendmsg(a.fd, sent, 0))
  const short: SqeMessage = { buffers, address: cut }
  expect(ring.run((sqe) => sqe.prepRecvmsg(b.fd, short, 0))).toBe(7)
  expect(short).toMatchObject({ addressLength: a.address.length, controlLength: 0 })
  expect(cut).toEqual(a.address.subarray(0, 10))
  closeAll(a.fd, b.fd)
})

test('U4: ancillary data carries descriptors, and says when it was cut', () => {
  using ring = new TestRing()
  const [a, b] = waitingSockets()
  const [reader, writer] = waitingPipe()
  // struct cmsghdr: length, level, type; then the descriptor.
  const control = new Uint8Array(24)
  const words = new DataView(control.buffer)
  words.setBigUint64(0, 20n, true)
  words.setInt32(8, sys.SOL_SOCKET, true)
  words.setInt32(12, SCM_RIGHTS, true)
  words.setInt32(16, writer, true)
  const send = () =>
    expect(ring.run((sqe) => sqe.prepSendmsg(a, { buffers: [Buffer.from('x')], control }, 0))).toBe(1)
  send()
  const room = new Uint8Array(64)
  const message: SqeMessage = { buffers: [new Uint8Array(1)], control: room }
  expect(ring.run((sqe) => sqe.prepRecvmsg(b, message, 0))).toBe(1)
  expect(message).toMatchObject({ addressLength: 0, messageFlags: 0 })
  expect(message.controlLength).toBeGreaterThanOrEqual(20)
  const passed = new DataView(room.buffer).getInt32(16, true)
  expect(passed).not.toBe(writer)
  expect(sys.write(passed, Buffer.from('through'))).toBe(7)
  expect(sys.read(reader, new Uint8Array(10))).toBe(7)
  send()
  const small: SqeMessage = { buffers: [new Uint8Array(1)], control: new Uint8Array(8) }
  expect(ring.run((sqe) => sqe.prepRecvmsg(b, small, 0))).toBe(1)
  expect(small.messageFlags! & MSG_CTRUNC).toBe(MSG_CTRUNC)
  closeAll(a, b, reader, writer, passed)
})

test('U4: one accept request takes any number of connections, until it is cancelled', () => {
  using ring = new TestRing()
  const [server, address] = listener()
  const accepts = ring.add((sqe) => sqe.prepAcceptMultishot(server, sys.SOCK_CLOEXEC))
  const clients: number[] = []
  for (let i = 1; i <= 40; i++) {
    const client = sys.check(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0), 'socket')
    sys.check(sys.connect(client, address), 'connect')
    clients.push(client)
    if (i % 10 === 0) ring.until(() => accepts.results.length === i)
  }
  expect(accepts.flags.every((flags) => (flags & CQE_F_MORE) !== 0)).toBe(true)
  expect(accepts.request.pending).toBe(true)
  expect(new Set(accepts.results).size).toBe(40)
  for (const fd of accepts.results) expect(sys.fcntl(fd, sys.F_GETFD, 0)).toBe(sys.FD_CLOEXEC)
  const peers = [...accepts.results]
  accepts.request.cancel()
  ring.until(() => accepts.isDone)
  expect([accepts.results.length, accepts.results[40]]).toEqual([41, -sys.ECANCELED])
  expect(accepts.request.pending).toBe(false)
  closeAll(server, ...clients, ...peers)
})

test('U4: one receive request gets every message in a buffer of its group', () => {
  using ring = new TestRing()
  const [a, b] = waitingSockets(sys.SOCK_SEQPACKET)
  const group = ring.monitor.createBufferGroup(8, 100)
  const texts: string[] = []
  const ends: number[] = []
  const request = ring.monitor.addSqe((sqe) => sqe.prepRecvMultishot(b, group, 0), {
    complete(res, flags) {
      const bytes = group.bytes(res, flags)
      if (bytes === null) ends.push(res)
      else texts.push(Buffer.from(bytes).toString())
      // The second time it does nothing: the buffer is not given out twice.
      group.recycle(flags)
      group.recycle(flags)
    },
  })
  const sent = Array.from({ length: 100 }, (_, i) => `message ${i}`)
  for (const [i, text] of sent.entries()) {
    sys.send(a, Buffer.from(text), 0, text.length, 0)
    if (i % 7 === 0) ring.until(() => texts.length === i + 1)
  }
  ring.until(() => texts.length === 100)
  expect(texts).toEqual(sent)
  closeAll(a)
  ring.until(() => !request.pending)
  // The end of the stream takes no buffer, or gives an empty one.
  expect(ends.length + texts.filter((text) => text === '').length).toBe(1)
  group.close()
  group.close()
  expect(() => group.bytes(1, 1)).toThrow(code('ERR_AIO_CLOSED'))
  closeAll(b)
})

test('U4: when all buffers are out the request ends with ENOBUFS, and nothing is lost or overwritten', () => {
  using ring = new TestRing()
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2, 4, 16),
      fc.array(fc.record({ send: fc.nat(20), look: fc.boolean(), keep: fc.nat(20), bytes: fc.boolean() }), {
        maxLength: 20,
      }),
      (count, steps) => {
        const [a, b] = waitingSockets(sys.SOCK_SEQPACKET)
        const group = ring.monitor.createBufferGroup(count, 8)
        const out: { flags: number; bytes: Uint8Array; number: number; read: boolean }[] = []
        let sent = 0
        let received = 0
        let pending = false
        let read = true
        const add = () => {
          pending = true
          ring.monitor.addSqe((sqe) => sqe.prepRecvMultishot(b, group, 0), {
            complete(res, flags) {
              if ((flags & CQE_F_MORE) === 0) pending = false
              if (res < 0) {
                expect(res).toBe(-sys.ENOBUFS)
                expect(out.length).toBe(count)
                return
              }
              // A program may as well give back what it has not looked at.
              const bytes = read ? group.bytes(res, flags)! : new Uint8Array(0)
              out.push({ flags, bytes, number: received++, read })
              expect(out.length).toBeLessThanOrEqual(count)
            },
          })
        }
        add()
        for (const { send, look, keep, bytes } of steps) {
          read = bytes
          for (let i = 0; i < send; i++)
            sent += Number(sys.send(a, new Uint8Array(8).fill(sent & 0xff), 0, 8, sys.MSG_DONTWAIT) === 8)
          if (look) ring.look()
          for (const each of out)
            if (each.read) expect([...each.bytes]).toEqual(new Array(8).fill(each.number & 0xff))
          while (out.length > keep) group.recycle(out.shift()!.flags)
          if (!pending) add()
        }
        while (received < sent) {
          while (out.length > 0) group.recycle(out.pop()!.flags)
          if (!pending) add()
          ring.look()
        }
        expect(received).toBe(sent)
        closeAll(a)
        while (pending) {
          while (out.length > 0) group.recycle(out.pop()!.flags)
          ring.look()
        }
        group.close()
        closeAll(b)
      },
    ),
    { numRuns: 100 },
  )
})

test('U4: a buffer group is of a size that there is memory for, and its number is used again', () => {
  using ring = new TestRing()
  for (const [count, size] of [
    [3, 16],
    [0, 16],
    [65_536, 16],
    [4, 0],
    [4, 1.5],
    [Number.NaN, 1],
  ] as const)
    expect(() => ring.monitor.createBufferGroup(count, size)).toThrow(code('ERR_AIO_OUT_OF_RANGE'))
  // The product is more than 32 bits, and more than the largest block.
  expect(() => ring.monitor.createBufferGroup(32_768, 2 ** 20)).toThrow(code('ERR_AIO_NO_MEMORY'))
  expect(() => ring.monitor.createBufferGroup(4, 0x7fff_f000)).toThrow(code('ERR_AIO_NO_MEMORY'))
  const first = ring.monitor.createBufferGroup(2, 16)
  const second = ring.monitor.createBufferGroup(32_768, 16)
  expect([first.id, second.id, second.size]).toEqual([0, 1, 16])
  first.close()
  expect(ring.monitor.createBufferGroup(1, 16).id).toBe(0)
})

test('U4: a poll request completes with what was seen, and can be removed', () => {
  using ring = new TestRing()
  const [reader, writer] = waitingPipe()
  expect(ring.run((sqe) => sqe.prepPollAdd(writer, OUT))).toBe(OUT)
  const waiting = ring.add((sqe) => sqe.prepPollAdd(reader, IN))
  ring.look()
  expect(ring.run((sqe) => sqe.prepPollRemove(waiting.request))).toBe(0)
  ring.until(() => waiting.isDone)
  expect(waiting.results).toEqual([-sys.ECANCELED])
  expect(ring.run((sqe) => sqe.prepPollRemove(waiting.request))).toBe(-2)
  const closing = ring.add((sqe) => sqe.prepPollAdd(reader, IN))
  ring.look()
  closeAll(writer)
  ring.until(() => closing.isDone)
  expect(closing.results).toEqual([HUP])
  closeAll(reader)
})
