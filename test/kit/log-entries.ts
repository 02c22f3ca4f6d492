/**
 * Entries for tests of whatever reads the log, until verdicts come from builds: each says of itself that it is a test entry, in the
 * only fields that are free text (`sandbox`, `reason`), so that nobody takes one for a build.
 */
import { createHash } from 'node:crypto'
import type { DisputeEntry, HeadEntry, Outcome, RevocationEntry, VerdictEntry } from '../../src/base/entries/entry.ts'
import type { Level } from '../../src/base/entries/result.ts'
import { type RevokedItem, revocationHash } from '../../src/base/entries/revocation-list.ts'

/** What the entries say of themselves. */
export const TEST_LABEL = 'TEST ENTRY'

/** A file that a verdict speaks of. */
export interface TestFile {
  readonly name: string
  readonly bytes: Uint8Array
  /** What upstream has under the name; default: the same bytes. Null: nothing. */
  readonly upstream?: Uint8Array | null
  readonly level?: Level
}

/** What a test verdict says. */
export interface TestVerdict {
  readonly purl: string
  readonly files?: readonly TestFile[]
  readonly outcome?: Outcome
  readonly relation?: 'equal' | 'differs' | null
  readonly timeSeconds?: number
  readonly expiresSeconds?: number | null
  /** Names another request. */
  readonly request?: string
  readonly disputes?: string | null
}

const AT_SECONDS = 1_700_000_000
const ENVIRONMENT = { toolchains: ['test-kit 1.0'], sandbox: TEST_LABEL }

/** A verdict; unless it says otherwise: rebuilt by four, three of them alike, the same bytes as upstream's. */
export function testVerdict(options: TestVerdict): VerdictEntry {
  const { purl, files = [], outcome = 'rebuilt', timeSeconds = AT_SECONDS, expiresSeconds = null } = options
  const levels = files.map(levelOf)
  const differs = levels.some((level) => level === 'mismatch')
  const agreed = agreedOf(outcome, files)
  const seat = (name: string, index: number) => ({
    organisation: name,
    node: sha256(`node ${name}`),
    // No reveal is in the log: a proof of a test entry rests on the authorities' word alone, and says so.
    reveal: null,
    agreed: index < 3 && agreed !== null,
    envelope: null,
    environment: index < 3 ? ENVIRONMENT : null,
  })
  return {
    kind: 'verdict',
    v: 1,
    at: { heightBlock: 1, timeSeconds },
    purl,
    request: options.request ?? sha256(`request ${purl}`),
    attempt: 1,
    selection: null,
    outcome,
    relation: options.relation ?? (outcome !== 'rebuilt' ? null : differs ? 'differs' : 'equal'),
    level: levels[0] ?? null,
    builders: 4,
    quorum: 3,
    agreed,
    panel: ['a', 'b', 'c', 'd'].map(seat),
    expiresSeconds,
    disputes: options.disputes ?? null,
  }
}

/** A revocation that is in force. */
export function testRevocation(
  purl: string,
  digests: readonly string[] = [],
  reason = 'malicious',
): RevocationEntry & { readonly step: 'effective' } {
  const at = { heightBlock: 2, timeSeconds: AT_SECONDS }
  return {
    kind: 'revocation',
    v: 1,
    at,
    step: 'effective',
    purl,
    digests,
    reason: `${TEST_LABEL}: ${reason}`,
    votes: [0],
    place: 0,
  }
}

/** The end of a dispute over the verdict that `testVerdict` gives on the purl. */
export function testDispute(purl: string, step: 'upheld' | 'dismissed' | 'unresolved'): DisputeEntry {
  const at = { heightBlock: 3, timeSeconds: AT_SECONDS }
  return {
    kind: 'dispute',
    v: 1,
    at,
    purl,
    verdictOf: sha256(`request ${purl}`),
    step,
    request: sha256(`again ${purl}`),
  }
}

/** An entry about no package: the complete revocation list. */
export function testHead(list: readonly RevokedItem[] = []): HeadEntry {
  const at = { heightBlock: 4, timeSeconds: AT_SECONDS }
  return { kind: 'head', v: 1, at, revocations: { count: list.length, hash: revocationHash(list) } }
}

function agreedOf(outcome: Outcome, files: readonly TestFile[]): VerdictEntry['agreed'] {
  if (outcome === 'unbuildable' || outcome === 'malformed') return { outcome }
  if (outcome === 'disagreed' || outcome === 'expired' || files.length === 0) return null
  const named = files.map(({ name, bytes }) => ({
    name,
    sha256: sha256(bytes),
    sha512: createHash('sha512').update(bytes).digest('hex'),
    sha1: createHash('sha1').update(bytes).digest('hex'),
    sizeBytes: bytes.byteLength,
  }))
  if (outcome === 'witnessed') return { outcome, tag: false, files: named }
  return {
    outcome: 'built',
    source: { type: 'git', repository: 'https://git.example/test', commit: 'a'.repeat(40), tree: sha256('tree') },
    lock: null,
    recipe: sha256('recipe'),
    dependencies: { list: sha256('list'), levels: {} },
    files: named.map((file, index) => {
      const { upstream, bytes = new Uint8Array() } = files[index] ?? {}
      const theirs =
        upstream === null ? null : { sha256: sha256(upstream ?? bytes), level: levelOf(files[index]), rules: [] }
      return { ...file, canonical: file.sha256, upstream: theirs }
    }),
  }
}

function levelOf(file: TestFile | undefined): Level {
  return file?.level ?? (file?.upstream === undefined ? 'exact' : 'mismatch')
}

function sha256(of: Uint8Array | string): string {
  return createHash('sha256').update(of).digest('hex')
}
