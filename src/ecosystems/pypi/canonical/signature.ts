/** Rule `signature/1` for wheels: signatures over RECORD, which only their maker can make. They are left out, so the level is `excluded`. */
import type { Rule } from '../../../archive/archive.ts'

const SIGNATURE = /^[^/]+\.dist-info\/RECORD\.(?:jws|p7s)$/

/** See above. */
export const signatureRule: Rule = {
  name: 'signature/1',
  level: 'excluded',
  wants: () => false,
  apply(tree) {
    const signatures = tree.entries.filter(({ path }) => SIGNATURE.test(path))
    if (signatures.length === 0) return { tree, changes: [] }
    return {
      tree: { ...tree, entries: tree.entries.filter(({ path }) => !SIGNATURE.test(path)) },
      changes: signatures.map(({ path, sha256 }) => ({ path, before: `sha256:${sha256}`, after: 'left out' })),
    }
  },
}
