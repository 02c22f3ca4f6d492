/**
 * Rule `git-head/1`: some publishing tools write the commit into `package.json` of the archive, as `gitHead`, where it is not in the source.
 * Only a member that is there once, at the top, with 40 hex digits is left out.
 */
import type { Rule } from '../../../archive/archive.ts'
import { textOf, withContent } from '../../../archive/tree.ts'
import { isBlank, jsonTokens } from './json-tokens.ts'
import { isManifest, manifestOf } from './manifest.ts'

const KEY = '"gitHead"'

/** See above. */
export const gitHeadRule: Rule = {
  name: 'git-head/1',
  level: 'metadata',
  wants: isManifest,
  apply(tree) {
    const path = manifestOf(tree)
    const text = path === undefined ? undefined : textOf(tree, path)
    const tokens = text === undefined ? undefined : jsonTokens(text)
    const found = path === undefined || tokens === undefined ? undefined : withoutGitHead(tokens)
    if (path === undefined || found === undefined) return { tree, changes: [] }
    const change = { path, before: `${KEY}: ${found.value}`, after: 'left out' }
    return { tree: withContent(tree, path, Buffer.from(found.text)), changes: [change] }
  },
}

function withoutGitHead(tokens: readonly string[]): { readonly text: string; readonly value: string } | undefined {
  const keys: number[] = []
  let depth = 0
  for (const [at, token] of tokens.entries()) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth === 1 && token === KEY && tokens[next(tokens, at, 1)] === ':') keys.push(at)
  }
  const [key] = keys
  if (key === undefined || keys.length > 1) return undefined
  const valueAt = next(tokens, next(tokens, key, 1), 1)
  const value = tokens[valueAt] ?? ''
  if (!/^"[0-9a-f]{40}"$/.test(value)) return undefined
  // With it goes the comma after it or, where it is the last member, the one before it; and the white space up to the next member.
  const after = next(tokens, valueAt, 1)
  const before = next(tokens, key, -1)
  const [from, to] =
    tokens[after] === ',' ? [key, next(tokens, after, 1)] : [tokens[before] === ',' ? before : key, valueAt + 1]
  return { text: [...tokens.slice(0, from), ...tokens.slice(to)].join(''), value }
}

/** Index of the next token that is no white space. */
function next(tokens: readonly string[], at: number, step: 1 | -1): number {
  let index = at + step
  while (isBlank(tokens[index] ?? '')) index += step
  return index
}
