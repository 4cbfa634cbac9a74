import type { Contender } from './row.ts'

export const FONT = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"

/**
 * The plot stands on a card of its own, so that it can be read on any page; where the reader prefers dark the card is
 * dark, by the rules of `darkStyle`.
 */
export const colors = {
  card: '#ffffff',
  border: '#d1d9e0',
  text: '#1f2328',
  muted: '#59636e',
  line: '#e1e5ea',
  met: '#1a7f37',
  missed: '#cf222e',
} as const

const dark: Readonly<Record<keyof typeof colors, string>> = {
  card: '#0d1117',
  border: '#3d444d',
  text: '#f0f6fc',
  muted: '#9198a1',
  line: '#2a313c',
  met: '#3fb950',
  missed: '#f85149',
}

/** A style element that replaces each colour by its dark counterpart, wherever it was used. */
export function darkStyle(): string {
  const rules = Object.entries(colors).flatMap(([name, light]) => {
    const color = dark[name as keyof typeof colors]
    return [`[fill="${light}"]{fill:${color}}`, `[stroke="${light}"]{stroke:${color}}`]
  })
  return `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`
}

/** Of middle lightness, to be told from both cards. */
const palettes: Readonly<Record<Contender['kind'], readonly string[]>> = {
  aiokit: ['#2f81f7', '#86bbf9', '#1b4fa0', '#5a6fd8', '#a9a4f0', '#3a3f9e', '#2aa3c9', '#8fd3e8', '#176a86'],
  peer: ['#8c959f', '#c99a1f', '#9a6ee0', '#d26a2e', '#c65a94', '#2f9aa8'],
  floor: ['#3aa352'],
}

/** The colour of each contender by name: those of one kind take the colours of their palette in turn. */
export function contenderColors(
  contenders: readonly Pick<Contender, 'name' | 'kind'>[],
): (name: string) => string {
  const used = { aiokit: 0, peer: 0, floor: 0 }
  const byName = new Map(
    contenders.map(({ name, kind }) => {
      const palette = palettes[kind]
      return [name, palette[used[kind]++ % palette.length]!]
    }),
  )
  return (name) => byName.get(name)!
}
