import { readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'

// The text of trace events: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU ("Trace Event
// Format"), the JSON array format, ASCII only. Each begins with the comma that separates it from what is before.

export type Value = string | number | boolean | null | undefined

/** More of a name than this says nothing; and it has to fit in a buffer. */
const LONGEST = 200

/** The number that the kernel has for this thread, as `ps -L`, `perf` and `strace` show it. */
export const tid: number = kernelTid()

const where = `,"pid":${process.pid},"tid":${tid},"ts":`

/** Names come again and again. */
const quoted: Map<string, string> = new Map<string, string>()

function quote(text: string): string {
  let known = quoted.get(text)
  if (known === undefined) {
    known = toJson(text)
    if (quoted.size >= 1024) quoted.clear()
    quoted.set(text, known)
  }
  return known
}

function toJson(text: string): string {
  return JSON.stringify(text.slice(0, LONGEST)).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** CLOCK_MONOTONIC in microseconds, to the nanosecond: the same in all threads. */
function timestamp(): string {
  const [seconds, ns] = process.hrtime()
  const us = Math.floor(ns / 1000)
  return `${seconds * 1e6 + us}.${String(ns - us * 1000 + 1000).slice(1)}`
}

function value(given: Value): string {
  if (typeof given === 'string') return quote(given)
  // JSON has no infinity; undefined is not there.
  if (typeof given === 'number' && !Number.isFinite(given)) return quote(String(given))
  return String(given)
}

/** Names and values, by turns. */
function argsOf(list: readonly Value[]): string {
  let text = ''
  for (let i = 0; i < list.length; i += 2) {
    if (list[i + 1] === undefined) continue
    text += `${text === '' ? '' : ','}${quote(list[i] as string)}:${value(list[i + 1])}`
  }
  return text
}

/** One of the phases that need nothing but a name and a category. */
export function event(phase: string, category: string, name: string, args: readonly Value[]): string {
  return `,\n{"ph":"${phase}","cat":"${category}","name":${quote(name)}${where}${timestamp()},"args":{${argsOf(args)}}}`
}

/** At a moment of this thread. */
export function instant(category: string, name: string, args: readonly Value[]): string {
  return `,\n{"ph":"i","s":"t","cat":"${category}","name":${quote(name)}${where}${timestamp()},"args":{${argsOf(args)}}}`
}

/** The beginning (b), end (e) or a moment (n) of what goes on beside the thread, told from others by `id`. */
export function async(
  phase: 'b' | 'n' | 'e',
  category: string,
  name: string,
  id: string,
  args: readonly Value[],
): string {
  return `,\n{"ph":"${phase}","cat":"${category}","name":${quote(name)},"id":"${id}"${where}${timestamp()},"args":{${argsOf(args)}}}`
}

/** The end of the innermost span. */
export function end(args: readonly Value[]): string {
  return `,\n{"ph":"E"${where}${timestamp()},"args":{${argsOf(args)}}}`
}

/** The same for a thread that cannot do it. */
export function endOf(tidOfThread: number): string {
  return `,\n{"ph":"E","pid":${process.pid},"tid":${tidOfThread},"ts":${timestamp()},"args":{}}`
}

/** Without a comma: it may be the first. */
export function metadata(kind: 'process_name' | 'thread_name', name: string): string {
  return `{"ph":"M","cat":"__metadata","name":"${kind}"${where}${timestamp()},"args":{"name":${quote(name)}}}`
}

function kernelTid(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/')[2])
  } catch {
    return process.pid + threadId
  }
}
