/** A unified diff of two small texts, for the user's eyes. Pure. */

const CONTEXT_LINES = 3
const CELLS_MAX = 4_000_000

interface Line {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

/**
 * The diff from `before` to `after` with `path` in its head; undefined stands for no file. Empty if they are the same. What looks like a
 * secret is masked unless `secrets` says otherwise.
 */
export function unifiedDiff(
  path: string,
  before: string | undefined,
  after: string | undefined,
  options: { readonly secrets?: 'shown' } = {},
): string {
  if (before === after) return ''
  const lines = aligned(splitLines(before ?? ''), splitLines(after ?? ''))
  const head = `--- ${before === undefined ? '/dev/null' : path}\n+++ ${after === undefined ? '/dev/null' : path}\n`
  return head + hunks(lines, options.secrets === 'shown' ? (line) => line : masked)
}

function splitLines(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

function aligned(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1
  let end = 0
  const room = Math.min(before.length, after.length) - start
  while (end < room && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1
  const same = (text: string): Line => ({ sign: ' ', text })
  const tail = end === 0 ? [] : before.slice(-end)
  return [
    ...before.slice(0, start).map(same),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...tail.map(same),
  ]
}

function middle(before: readonly string[], after: readonly string[]): Line[] {
  const width = after.length + 1
  const removed = before.map((text): Line => ({ sign: '-', text }))
  const added = after.map((text): Line => ({ sign: '+', text }))
  if ((before.length + 1) * width > CELLS_MAX) return [...removed, ...added]
  // Lengths of the longest common subsequences of what follows each pair of positions.
  const common = new Uint32Array((before.length + 1) * width)
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const skip = Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0)
      common[i * width + j] = before[i] === after[j] ? (common[(i + 1) * width + j + 1] ?? 0) + 1 : skip
    }
  }
  const lines: Line[] = []
  let i = 0
  let j = 0
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) lines.push({ sign: ' ', text: before[i++] ?? '' }) && j++
    else if ((common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0)) lines.push(removed[i++] as Line)
    else lines.push(added[j++] as Line)
  }
  return [...lines, ...removed.slice(i), ...added.slice(j)]
}

function hunks(lines: readonly Line[], shown: (line: string) => string): string {
  let text = ''
  let oldLine = 1
  let newLine = 1
  for (let at = 0; at < lines.length; ) {
    const next = lines.findIndex((line, index) => index >= at && line.sign !== ' ')
    if (next < 0) break
    const from = Math.max(at, next - CONTEXT_LINES)
    let to = next
    for (let quiet = 0; to < lines.length && quiet <= 2 * CONTEXT_LINES; to += 1) {
      quiet = lines[to]?.sign === ' ' ? quiet + 1 : 0
    }
    while (to > next && lines[to - 1]?.sign === ' ' && trailing(lines, to) > CONTEXT_LINES) to -= 1
    oldLine += from - at
    newLine += from - at
    const part = lines.slice(from, to)
    const oldCount = part.filter((line) => line.sign !== '+').length
    const newCount = part.filter((line) => line.sign !== '-').length
    text += `@@ -${oldCount === 0 ? oldLine - 1 : oldLine},${oldCount} +${newCount === 0 ? newLine - 1 : newLine},${newCount} @@\n`
    text += part.map((line) => `${line.sign}${shown(line.text)}\n`).join('')
    oldLine += oldCount
    newLine += newCount
    at = to
  }
  return text
}

/** A line without the secret that it may hold: lines around a change are shown too, on screens that others see. */
function masked(line: string): string {
  return line.replace(/^(.*?(?:auth|token|passw|secret)[^=:\s]*["']?\s*[=:]\s*)\S.*$/i, '$1***')
}

/** Unchanged lines at the end of the first `to` lines. */
function trailing(lines: readonly Line[], to: number): number {
  let count = 0
  while (count < to && lines[to - 1 - count]?.sign === ' ') count += 1
  return count
}
