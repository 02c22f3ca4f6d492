/** Rule `manifest-layout/1`: white space between the tokens of `package.json` is what the tool that last wrote it likes; nothing reads it. */
import type { Rule } from '../../../archive/archive.ts'
import { textOf, withContent } from '../../../archive/tree.ts'
import { isBlank, jsonTokens } from './json-tokens.ts'
import { isManifest, manifestOf } from './manifest.ts'

/** See above. */
export const manifestLayoutRule: Rule = {
  name: 'manifest-layout/1',
  level: 'metadata',
  wants: isManifest,
  apply(tree) {
    const path = manifestOf(tree)
    const text = path === undefined ? undefined : textOf(tree, path)
    const tokens = text === undefined ? undefined : jsonTokens(text)
    if (path === undefined || tokens?.some(isBlank) !== true) return { tree, changes: [] }
    const bytes = Buffer.from(tokens.filter((token) => !isBlank(token)).join(''))
    const blanks = tokens.filter(isBlank)
    const before = `white space in ${blanks.length} places, the first ${JSON.stringify(blanks[0])}`
    return { tree: withContent(tree, path, bytes), changes: [{ path, before, after: 'none' }] }
  },
}
