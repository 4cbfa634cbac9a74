const WIDTH = 1000
const LEFT = 110
const ROW = 20
const COLORS = {
  poll: '#b7c9e2',
  wait: '#e4e4e4',
  polling: '#f3d58a',
  callback: '#8fc79a',
  coroutine: '#bfa5d8',
  'thread pool': '#eda574',
  ring: '#7fb4d6',
}

const toXml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** The part of a checked trace from `fromUs` to `toUs`: a band for each thread, and then the requests in flight. */
export function draw(trace, fromUs, toUs) {
  const parts = []
  const x = (us) =>
    LEFT + ((Math.min(Math.max(us, fromUs), toUs) - fromUs) / (toUs - fromUs)) * (WIDTH - LEFT - 10)
  const isIn = ({ beginUs, endUs }) => endUs > fromUs && beginUs < toUs
  const text = (at, y, words, more = '') =>
    parts.push(`<text x="${at.toFixed(1)}" y="${y + 14}"${more}>${toXml(words)}</text>`)
  const box = (slice, y, words) => {
    const left = x(slice.beginUs)
    const width = Math.max(x(slice.endUs) - left, 0.7)
    const us = slice.endUs - slice.beginUs
    parts.push(
      `<rect x="${left.toFixed(1)}" y="${y + 1}" width="${width.toFixed(1)}" height="${ROW - 2}" rx="2" fill="${COLORS[slice.cat] ?? '#ccc'}"><title>${toXml(words)}: ${us.toFixed(1)} µs</title></rect>`,
    )
    const fits = Math.floor((width - 6) / 6.2)
    if (fits >= words.length) text(left + 3, y, words)
    else if (fits >= 4) text(left + 3, y, `${words.slice(0, fits - 1)}…`)
  }

  let y = 28
  for (const [tid, name] of trace.threads) {
    const slices = trace.slices.filter((slice) => slice.tid === tid && isIn(slice))
    if (slices.length === 0) continue
    text(6, y, name, ' font-weight="bold"')
    let rows = 1
    const walk = (list, depth) => {
      rows = Math.max(rows, depth + 1)
      for (const slice of list.filter(isIn)) {
        box(slice, y + depth * ROW, slice.name)
        walk(slice.inner, depth + 1)
      }
    }
    walk(slices, 0)
    y += rows * ROW + 10
  }
  for (const cat of ['ring', 'thread pool']) {
    const requests = trace.requests.filter((request) => request.cat === cat && isIn(request))
    if (requests.length === 0) continue
    text(6, y, cat === 'ring' ? 'on the ring' : 'in the pool', ' font-style="italic"')
    for (const request of requests) {
      box(request, y, request.name)
      y += ROW
    }
    y += 10
  }
  const step = stepOf(toUs - fromUs)
  const grid = []
  for (let us = 0; us <= toUs - fromUs; us += step) {
    const at = x(fromUs + us).toFixed(1)
    grid.push(`<line x1="${at}" x2="${at}" y1="22" y2="${y}" stroke="#eee"/>`)
    grid.push(`<text x="${at}" y="16" fill="#777" text-anchor="middle">${us} µs</text>`)
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="11">
<title>What ${toXml(trace.process)} did in ${Math.round(toUs - fromUs)} µs</title>
<rect width="${WIDTH}" height="${y}" fill="#fff"/>
${[...grid, ...parts].join('\n')}
</svg>
`
}

/** About ten lines. */
function stepOf(span) {
  const power = 10 ** Math.floor(Math.log10(span / 10))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => span / step <= 12)
}
