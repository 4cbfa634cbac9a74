/** Takes about so many microseconds. */
export const compress = (us) => {
  const end = performance.now() + us / 1000
  while (performance.now() < end);
}

/** A client: asks a context of another thread, waits for its answer, and a little, and asks again. */
export const ask = async ({ question, answer, times }) => {
  const { AioContext, EventNotifier, realtime } = await import('aiokit')
  const ctx = AioContext.current
  const asking = EventNotifier.fromFd(question)
  const answered = EventNotifier.fromFd(answer)
  let answers = 0
  const timer = ctx.createTimer(realtime, function ask() {
    asking.set()
  })
  ctx.setEventNotifier(answered, {
    read: function onAnswer() {
      answered.testAndClear()
      answers++
      timer.mod(realtime.now() + 200_000)
    },
  })
  timer.mod(0)
  ctx.waitWhile(() => answers < times)
  timer.del()
  ctx.setEventNotifier(answered, null)
}
