import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { hasCommand } from '@aiokit/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { CLEAN, Example, MONITORS } from './example.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'aiokit-examples-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(MONITORS)('on %s', (monitor) => {
  test('A1, F2: watch-pipe prints each line of a child when it comes, and ends with it', async () => {
    // The child goes on only when it hears that the last line was seen.
    const script = "echo one; read -r _; printf 'two\\nthr'; read -r _; echo ee; printf rest"
    const pipe = new Example('watch-pipe', { monitor, args: ['sh', '-c', script] })
    await pipe.said(new RegExp(`^watching descriptor \\d+ with ${monitor}\n`))
    await pipe.said(/ ms {2}one\n/)
    pipe.process.stdin!.write('\n')
    await pipe.said(/ ms {2}two\n/)
    pipe.process.stdin!.write('\n')
    await pipe.said(/ ms {2}three\nthe end, after "rest"\n$/)
    expect(await pipe.end()).toEqual(CLEAN)
  })

  test('X7: watch-pipe ends its child and itself on SIGINT', async () => {
    const pipe = new Example('watch-pipe', { monitor, args: ['sh', '-c', 'echo $$; exec sleep 1000'] })
    const [, pid] = await pipe.said(/ ms {2}(\d+)\n/)
    pipe.process.kill('SIGINT')
    expect(await pipe.end()).toEqual(CLEAN)
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
  })

  test('X2: watch-pipe says what is wrong with a command that there is not', async () => {
    const pipe = new Example('watch-pipe', { monitor, args: ['/nonexistent'] })
    expect(await pipe.end()).toEqual({ status: 1, stderr: 'spawn /nonexistent ENOENT\n' })
  })

  test('A1: timer-fd hears every beat of the kernel, those included that it slept through', async () => {
    const timer = new Example('timer-fd', { monitor, args: ['8', '20'] })
    expect(await timer.end()).toEqual(CLEAN)
    const [first, ...lines] = timer.lines
    expect(first).toBe(`a beat every 20 ms, heard with ${monitor}`)
    // A beat that was heard late stands for those before it, which it says.
    let last = 0
    for (const line of lines) {
      const [, beat, missed] = line.match(/^beat (\d+): -?\d+ µs late(?:, (\d+) missed)?$/) ?? []
      if (beat === undefined) continue
      expect(Number(beat)).toBe(last + 1 + Number(missed ?? 0))
      last = Number(beat)
    }
    expect(last).toBeGreaterThanOrEqual(8)
  })

  test('X7: timer-fd ends on SIGINT', async () => {
    const timer = new Example('timer-fd', { monitor, args: ['1000000', '20'] })
    // The first one that is heard: there may have been others.
    await timer.said(/beat \d+: /)
    timer.process.kill('SIGINT')
    expect(await timer.end()).toEqual(CLEAN)
    expect(timer.lines.at(-1)).toBe('the end')
  })

  test('A1: watch-files tells what becomes of files, each thing once and in order, until nothing is left to watch', async () => {
    const here = path.join(folder, monitor)
    mkdirSync(here)
    const watch = new Example('watch-files', { monitor, args: [here] })
    await watch.said(new RegExp(`^watching ${here} with ${monitor}\n`))
    writeFileSync(`${here}/one`, '')
    await watch.said(/written .*one\n/)
    renameSync(`${here}/one`, `${here}/two`)
    mkdirSync(`${here}/inner`)
    unlinkSync(`${here}/two`)
    await watch.said(/removed .*two\n/)
    rmdirSync(`${here}/inner`)
    rmdirSync(here)
    expect(await watch.end()).toEqual(CLEAN)
    expect(watch.lines.slice(1)).toEqual([
      ...[`made ${here}/one`, `written ${here}/one`, `renamed from ${here}/one`, `renamed to ${here}/two`],
      ...[`made ${here}/inner`, `removed ${here}/two`, `removed ${here}/inner`, `gone ${here}`, 'the end'],
    ])
  })

  test('X7: watch-files ends on SIGINT', async () => {
    const watch = new Example('watch-files', { monitor, args: [folder] })
    await watch.said(/^watching .*\n/)
    watch.process.kill('SIGINT')
    expect(await watch.end()).toEqual(CLEAN)
    expect(watch.lines.at(-1)).toBe('the end')
  })

  test('X2: watch-files says what it cannot watch', async () => {
    const watch = new Example('watch-files', { monitor, args: [folder, '/nonexistent'] })
    const { status, stderr } = await watch.end()
    expect(status).toBe(1)
    expect(stderr).toMatch('ENOENT: no such file or directory, inotify_add_watch /nonexistent')
  })
})

describe.skipIf(!hasCommand('script')).each(MONITORS)('on a terminal, on %s (needs script)', (monitor) => {
  // A terminal of its own for the example; what is at its other end is the standard input and output of script(1), whose
  // shell gets out of the way: one that stays hears of Ctrl-C too.
  const onTerminal = () =>
    new Example('serial-line', {
      monitor,
      under: (command) => ['script', '-qefc', `exec ${command}`, '/dev/null'],
    })

  test('F1, F2: serial-line answers line by line, as they come in, until it hears "bye"', async () => {
    const line = onTerminal()
    await line.said(new RegExp(`watched with ${monitor}: say something`))
    line.process.stdin!.write('hel')
    line.process.stdin!.write('lo\n')
    await line.said(/1: olleh\n/)
    line.process.stdin!.write('two\nthree\n')
    await line.said(/2: owt\n[\s\S]*3: eerht\n/)
    line.process.stdin!.write('bye\n')
    await line.said(/4: eyb\n[\s\S]*answered 4 lines\n/)
    expect(await line.end()).toEqual(CLEAN)
  })

  test('X7: serial-line ends on Ctrl-C', async () => {
    const line = onTerminal()
    await line.said(/say something/)
    line.process.stdin!.write('\x03')
    await line.said(/answered 0 lines\n/)
    expect(await line.end()).toEqual(CLEAN)
  })
})
