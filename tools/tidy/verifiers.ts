/** One Ed25519 verifier for all that Pyrsia states itself: verifiers disagree on edge cases, and nodes must not. */
import { VERIFIERS } from '../tidy-rules.ts'
import { importsOf } from './imports.ts'
import { type Finding, isTest, type Source } from './source.ts'

/** What of `node:crypto` can verify a signature, or hands out all of it. */
const FROM_CRYPTO = /(?<![\w$])(?:verify|createVerify|webcrypto|subtle|default)(?![\w$])|\*/
/** The packages that can; of curves BLS and others are free. */
const FROM_PACKAGES =
  /^(?:@noble\/(?:curves\/(?:ed25519|abstract\/edwards|webcrypto)|ed25519)|@libp2p\/crypto|tweetnacl|@stablelib\/ed25519)/

/** Rule: outside of `VERIFIERS` nobody in `src/` can even name another verifier of Ed25519 signatures. Tests are free. */
export function checkVerifiers(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = []
  for (const source of sources) {
    if (!source.path.startsWith('src/') || !source.path.endsWith('.ts') || isTest(source.path)) continue
    if (VERIFIERS.some((place) => source.path === place || (place.endsWith('/') && source.path.startsWith(place))))
      continue
    for (const { specifier, clause, line } of importsOf(source)) {
      const found = specifier === 'node:crypto' ? takesVerifier(clause) : FROM_PACKAGES.test(specifier)
      if (!found) continue
      const message = `${specifier} verifies signatures: ours are verified by src/base/crypto/ed25519.ts alone`
      findings.push({ rule: 'verifiers', path: source.path, line, message })
    }
  }
  return findings
}

/** True for named imports of a verifier, and for whatever takes the module as a whole. */
function takesVerifier(clause: string): boolean {
  if (/^import\s+type\b/.test(clause)) return false
  return FROM_CRYPTO.test(clause) || !/\{/.test(clause)
}
