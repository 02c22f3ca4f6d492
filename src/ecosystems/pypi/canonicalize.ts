/** How distributions are compared: wheels with the rules of `canonical/`, source archives entry by entry. */
import type { Format } from '../../archive/archive.ts'
import { type Comparator, createComparator } from '../../archive/comparator.ts'
import { generatorRule } from './canonical/generator.ts'
import { recordRule } from './canonical/record.ts'
import { signatureRule } from './canonical/signature.ts'

/** A wheel. RECORD comes first: it must agree with the files as they are. */
export const WHEEL: Format = {
  name: 'wheel/1',
  container: 'zip',
  layer: false,
  rules: [recordRule, generatorRule, signatureRule],
}
const SDIST: Format = { name: 'sdist/1', container: 'tar', layer: false, rules: [] }
const OTHERS: readonly (readonly [RegExp, Format])[] = [
  [/\.whl$/i, WHEEL],
  [/\.(?:tar\.gz|tgz|tar)$/i, SDIST],
  [/\.(?:zip|egg)$/i, { name: 'sdist-zip/1', container: 'zip', layer: false, rules: [] }],
]

/** How a file of this name is read; undefined: it is none of a distribution. */
export function formatOf(name: string): Format | undefined {
  return OTHERS.find(([pattern]) => pattern.test(name))?.[1]
}

/** `compare` and `canonicalDigest` of `Rebuild`. What is no archive can only be the same or not. */
export const canonicalize: Comparator = createComparator(
  (name) => formatOf(name) ?? { name: 'bytes/1', container: 'bytes', layer: false, rules: [] },
)
