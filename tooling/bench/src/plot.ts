import { colors, darkStyle, FONT } from './colors.ts'
import type { Verdict } from './goals.ts'
import { drawChart } from './panel.ts'
import type { Results, RowResult } from './results.ts'

const COLUMN = 540
const PADDING = 28
const GAP = 48
const HEADING = 58
const FOOTER = 40

interface Panel {
  svg: string
  height: number
}

/** The rows in two columns on one card, as SVG. */
export function draw(results: Results): string {
  const columns = results.rows.length > 1 ? 2 : 1
  const width = 2 * PADDING + columns * COLUMN + (columns - 1) * GAP
  const ends = new Array<number>(columns).fill(PADDING)
  const panels = results.rows.map((row) => {
    const { svg, height } = drawPanel(row)
    // Each in the column that ends first, so that the card has no holes.
    const column = ends.indexOf(Math.min(...ends))
    const at = translate(PADDING + column * (COLUMN + GAP), ends[column]!)
    ends[column]! += height + GAP
    return `<g ${at}>${svg}</g>`
  })
  const height = Math.max(...ends) - GAP + FOOTER + PADDING
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    darkStyle(),
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${colors.card}" stroke="${colors.border}"/>`,
    ...panels,
    text(footer(results), PADDING, height - PADDING, 12, colors.muted),
    '</svg>\n',
  ].join('\n')
}

function drawPanel(row: RowResult): Panel {
  const chart = drawChart(row, COLUMN)
  const verdict = weightiest(row.goals)
  const lines = [
    text(row.title, 0, 15, 16, colors.text, 600),
    text(
      `${row.name}: time${row.cpu ? ' · processor time' : ''} per ${row.op}, shorter is better`,
      0,
      34,
      12,
      colors.muted,
    ),
  ]
  if (verdict !== undefined) {
    lines.push(text(`goal: ${verdict.text}`, 0, 51, 12, verdict.met ? colors.met : colors.missed))
  }
  return {
    svg: `${lines.join('')}<g ${translate(0, HEADING + 8)}>${chart.svg}</g>`,
    height: HEADING + 8 + chart.height,
  }
}

/** The goal that is missed by most or, if all are met, met by least. */
function weightiest(goals: readonly Verdict[]): Verdict | undefined {
  return goals.filter(({ strain }) => strain !== null).sort((a, b) => b.strain! - a.strain!)[0]
}

function footer({ date, machine, rounds, quick }: Results): string {
  const how = quick ? 'A QUICK RUN: NO MEASUREMENT' : `medians of ${rounds} interleaved rounds`
  return `${how} · ${machine.cpu}, ${machine.cores} cores · Linux ${machine.kernel} · Node ${machine.node} · ${date.slice(0, 10)}`
}

function translate(x: number, y: number): string {
  return `transform="translate(${x} ${y})"`
}

function text(content: string, x: number, y: number, size: number, color: string, weight = 400): string {
  const escaped = content.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]!)
  return `<text x="${x}" y="${y}" font-family="${FONT}" font-size="${size}" font-weight="${weight}" fill="${color}">${escaped}</text>`
}
