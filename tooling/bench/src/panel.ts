import { BarChart, type BarSeriesOption, LineChart, type LineSeriesOption } from 'echarts/charts'
import {
  GridComponent,
  type GridComponentOption,
  LegendComponent,
  type LegendComponentOption,
} from 'echarts/components'
import { type ComposeOption, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { colors, contenderColors, FONT } from './colors.ts'
import { duration } from './format.ts'
import { type CellResult, findCell, type RowResult } from './results.ts'

use([BarChart, LineChart, GridComponent, LegendComponent, SVGRenderer])

type Option = ComposeOption<BarSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption>

const BAR = 15
const BAR_GAP = 3
const CASE_GAP = 14
const LEGEND_LINE = 22
const LINES_HEIGHT = 230
/** Right of the bars, for their labels. */
const LABEL_WIDTH = 84
/** The same with processor times. */
const WIDE_LABEL_WIDTH = 160

/** The chart of one row, as an SVG element, and its height. */
export function drawChart(row: RowResult, width: number): { svg: string; height: number } {
  const legendHeight = row.contenders.length > 1 ? legendLines(row, width) * LEGEND_LINE + 8 : 0
  const barsHeight = row.cases.length * (row.contenders.length * (BAR + BAR_GAP) + CASE_GAP)
  const height = legendHeight + (row.plot === 'lines' ? LINES_HEIGHT : barsHeight)
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  const option = row.plot === 'lines' ? lines(row) : bars(row)
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: FONT, color: colors.text },
    legend: {
      show: legendHeight > 0,
      left: 0,
      top: 0,
      padding: 0,
      icon: 'roundRect',
      itemWidth: 12,
      itemHeight: 12,
      itemGap: 16,
      textStyle: { color: colors.text, fontSize: 12, fontFamily: FONT },
    },
    ...option,
    grid: {
      left: 0,
      right: row.cpu ? WIDE_LABEL_WIDTH : LABEL_WIDTH,
      top: legendHeight + (row.plot === 'lines' ? 8 : 0),
      bottom: 0,
      outerBoundsMode: 'same',
      outerBoundsContain: 'axisLabel',
    },
  } satisfies Option)
  const svg = chart.renderToSVGString()
  chart.dispose()
  return { svg, height }
}

/** A guess of how many lines the legend takes: there is no font to measure here. */
function legendLines(row: RowResult, width: number): number {
  const text = row.contenders.reduce((sum, { name }) => sum + 34 + 5.7 * name.length, 0)
  return Math.ceil(text / width)
}

/** Horizontal bars, a group for each case, the values written beside them. */
function bars(row: RowResult): Option {
  const color = contenderColors(row.contenders)
  return {
    xAxis: { type: 'value', show: false, max: 'dataMax' },
    yAxis: {
      type: 'category',
      inverse: true,
      data: row.cases,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colors.line } },
      axisLabel: { color: colors.text, fontSize: 12, fontFamily: FONT, margin: 10 },
    },
    series: row.contenders.map(({ name }) => ({
      type: 'bar',
      name,
      barWidth: BAR,
      barGap: `${(100 * BAR_GAP) / BAR}%`,
      itemStyle: { color: color(name), borderRadius: [0, 3, 3, 0] },
      label: { show: true, position: 'right', color: colors.text, fontSize: 12, fontFamily: FONT },
      data: row.cases.map((theCase) => {
        const cell = findCell(row, name, theCase)
        return { value: cell?.median ?? 0, label: { formatter: valueLabel(cell) } }
      }),
    })),
  }
}

/** Two logarithmic axes; the last value is written at the end of each line. */
function lines(row: RowResult): Option {
  const color = contenderColors(row.contenders)
  const medians = row.cells.flatMap((cell) => cell.median ?? [])
  if (medians.length === 0) medians.push(1)
  const axisLabel = { color: colors.muted, fontSize: 12, fontFamily: FONT }
  return {
    xAxis: {
      type: 'log',
      min: Number(row.cases[0]),
      max: Number(row.cases.at(-1)),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colors.line } },
      axisLabel: { ...axisLabel, formatter: (value: number) => value.toLocaleString('en') },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'log',
      min: 10 ** Math.floor(Math.log10(Math.min(...medians))),
      max: 10 ** Math.ceil(Math.log10(Math.max(...medians))),
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: { ...axisLabel, formatter: (value: number) => duration(value).replace(/\.0+/, '') },
      splitLine: { lineStyle: { color: colors.line } },
    },
    series: row.contenders.map(({ name }) => ({
      type: 'line',
      name,
      symbol: 'circle',
      symbolSize: 7,
      itemStyle: { color: color(name) },
      lineStyle: { color: color(name), width: 2.5 },
      endLabel: {
        show: true,
        color: colors.text,
        fontSize: 12,
        fontFamily: FONT,
        formatter: valueLabel(findCell(row, name, row.cases.at(-1)!)),
      },
      data: row.cases.flatMap((theCase) => {
        const median = findCell(row, name, theCase)?.median
        return median === undefined ? [] : [[Number(theCase), median]]
      }),
    })),
  }
}

function valueLabel(cell: CellResult | undefined): string {
  if (cell === undefined) return ''
  if (cell.median !== undefined)
    return cell.cpuNs === undefined
      ? duration(cell.median)
      : `${duration(cell.median)} · ${duration(cell.cpuNs)}`
  return cell.failed === undefined ? 'not available' : 'failed'
}
