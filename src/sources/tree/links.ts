/** Where the symbolic links of a tree lead, found out without following them on a disk. Pure. */

/** More turns than any honest tree needs; Linux gives up at 40 too. */
const TURNS_MAX = 40

/**
 * Why a link leads out of the tree, or undefined if none does. `links` are targets by path, both relative to the root or as they
 * stand; text is one character for each byte (latin1), so that nothing is lost. A link to nothing, or to itself, is harmless.
 */
export function escapingLink(links: ReadonlyMap<string, string>): string | undefined {
  for (const [path, target] of links) {
    if (leadsOut(path, target, links)) return `${path} is a link to ${target}, which leads out of the tree`
  }
  return undefined
}

function leadsOut(path: string, target: string, links: ReadonlyMap<string, string>): boolean {
  const place = path.split('/').slice(0, -1)
  const ahead = target.split('/')
  if (target.startsWith('/')) return true
  for (let turns = 0; ahead.length > 0; ) {
    const name = ahead.shift()
    if (name === undefined || name === '' || name === '.') continue
    if (name === '..') {
      if (place.pop() === undefined) return true
      continue
    }
    place.push(name)
    const next = links.get(place.join('/'))
    if (next === undefined) continue
    turns += 1
    if (turns > TURNS_MAX) return false
    if (next.startsWith('/')) return true
    place.pop()
    ahead.unshift(...next.split('/'))
  }
  return false
}
