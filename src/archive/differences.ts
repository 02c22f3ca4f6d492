/** What differs between two trees, entry by entry. */
import { canonicalText } from '../base/crypto/canonical-json.ts'
import { DIFFERENCES_MAX, type Difference, type Entry, type Tree } from './archive.ts'
import { canonicalEntry, sortedByPath } from './canonical-form.ts'

/** The differences in the order of paths, at most `DIFFERENCES_MAX`, and how many there are. */
export function differencesOf(
  a: Tree,
  b: Tree,
  layer: boolean,
): { readonly list: readonly Difference[]; readonly count: number } {
  const [left, right] = [sortedByPath(a.entries), sortedByPath(b.entries)]
  const list: Difference[] = []
  let count = 0
  const add = (...found: readonly Difference[]) => {
    count += found.length
    for (const each of found) if (list.length < DIFFERENCES_MAX) list.push(each)
  }
  for (let i = 0, j = 0; i < left.length || j < right.length; ) {
    const [x, y] = [left[i], right[j]]
    const order = x === undefined ? 1 : y === undefined ? -1 : Buffer.compare(x.key, y.key)
    if (order === 0 && x !== undefined && y !== undefined) add(...between(x.entry, y.entry, layer))
    else if (order < 0 && x !== undefined)
      add({ path: x.entry.path, what: 'entry', a: shownEntry(x.entry), b: undefined })
    else if (y !== undefined) add({ path: y.entry.path, what: 'entry', a: undefined, b: shownEntry(y.entry) })
    if (order <= 0) i++
    if (order >= 0) j++
  }
  return { list, count }
}

function between(a: Entry, b: Entry, layer: boolean): Difference[] {
  const [left, right] = [canonicalEntry(a, layer), canonicalEntry(b, layer)]
  if (canonicalText(left) === canonicalText(right)) return []
  const path = a.path
  if (a.type !== b.type) return [{ path, what: 'type', a: a.type, b: b.type }]
  const found: Difference[] = []
  const add = (what: Difference['what'], of: (entry: Entry, view: typeof left) => string) => {
    const [before, after] = [of(a, left), of(b, right)]
    if (before !== after) found.push({ path, what, a: before, b: after })
  }
  add('content', (entry) => (entry.sha256 === undefined ? '' : `sha256:${entry.sha256} (${entry.sizeBytes} bytes)`))
  if (left.mode !== right.mode)
    found.push({ path, what: 'mode', a: `0${a.mode.toString(8)}`, b: `0${b.mode.toString(8)}` })
  add('target', (entry) => entry.target ?? '')
  add('owner', (_entry, view) => `${view.owner ?? ''} (${view.user ?? ''}:${view.group ?? ''})`)
  add('device', (entry) => entry.device ?? '')
  add('attributes', (entry) => canonicalText(entry.attributes))
  return found
}

function shownEntry(entry: Entry): string {
  const { type, sha256, sizeBytes, target, mode } = entry
  const what =
    sha256 === undefined ? (target === undefined ? '' : ` to ${target}`) : ` sha256:${sha256} (${sizeBytes} bytes)`
  return `${type}${what} 0${mode.toString(8)}`
}
