/** Everybody outside: verifies what the log says with `src/verify` and a pinned network alone, as `pyrsia verify` does. */
import { parseDigest } from '../../src/base/digest.ts'
import { isSigned } from '../../src/base/entries/transaction.ts'
import { AppError } from '../../src/base/errors.ts'
import { parsePurl } from '../../src/base/purl.ts'
import { verifyProofBundle } from '../../src/verify/verify-bundle.ts'
import { ProofLog, TEST_SECONDS } from '../kit/proof-log.ts'
import { hexOf } from '../kit/sample-entries.ts'
import type { Attempt } from './nodes/log-view.ts'
import type { Referee } from './referee.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world/world.ts'

/** Verifies every verdict on which builders agreed, as a client that has the proof file alone. */
export function verifyAll(world: World, scenario: Scenario, referee: Referee): void {
  const log = new ProofLog()
  for (const { bytes } of referee.seen) log.append(bytes)
  // The engine and the replay verified every signature already; a few are looked at once more by themselves.
  for (const { entry, index } of referee.seen) {
    if (world.chance.hit(0.1) && 'tx' in entry && entry.tx !== null && !isSigned(entry.tx))
      world.fail('signatures', `entry ${index}: not signed`)
  }
  for (const attempt of referee.view.attempts.values()) {
    if (attempt.verdict?.agreed === null || attempt.verdict === undefined) continue
    if (world.violation === undefined) verifyOne(world, scenario, referee, log, attempt)
  }
}

function verifyOne(world: World, scenario: Scenario, referee: Referee, log: ProofLog, attempt: Attempt): void {
  const { network, authorities } = scenario
  const { selection, verdictIndex, selectionIndex, reveals, index } = attempt
  const seats = [...(selection?.selected ?? []), ...(selection?.standbys ?? [])].map(({ memberIndex }) => memberIndex)
  const told = [...reveals.values()].map((reveal) => reveal.index)
  const indexes = [...seats, index, selectionIndex, ...told, verdictIndex]
  const nowSeconds = TEST_SECONDS + Math.floor(world.nowMs() / 1000)
  const signed = { by: authorities, timeSeconds: nowSeconds }
  const purl = parsePurl(attempt.purl)
  const bundle = log.bundle([...new Set(indexes)], signed)
  const codeOf = (bytes: Uint8Array, more: object = {}): string => {
    try {
      const proof = verifyProofBundle(bytes, network, { nowSeconds, purl, ...more })
      return proof.builders === undefined ? 'no builders' : 'verified'
    } catch (error) {
      return error instanceof AppError ? `${error.code}: ${error.message}` : String(error)
    }
  }
  const found = codeOf(bundle)
  world.count('proofs verified')
  if (found !== 'verified') world.fail('proofs', `the verdict at ${verdictIndex} does not verify: ${found}`)
  if (!world.counts.has('planted artefacts refused')) {
    // F3: an artefact that no verdict names.
    const planted = codeOf(bundle, { digests: [parseDigest(`sha256:${hexOf('planted')}`)] })
    if (!planted.startsWith('untrusted.subject')) world.fail('F3', `a planted artefact passes: ${planted}`)
    world.count('planted artefacts refused')
  }
  const upheld = referee.seen.find(({ entry }) => {
    return entry.kind === 'dispute' && entry.step === 'upheld' && entry.verdictOf === attempt.name
  })
  if (upheld === undefined) return
  // D9: it was overturned later, and whoever sees that refuses.
  world.count('overturned verdicts refused')
  const refused = codeOf(log.bundle([...new Set([...indexes, upheld.index])], signed))
  if (!refused.startsWith('untrusted.revoked')) world.fail('D9', `an overturned verdict passes: ${refused}`)
}
