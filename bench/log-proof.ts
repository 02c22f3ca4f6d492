/**
 * Verifying offline: an inclusion proof with 7 cosignatures (goal: under 2 ms and under 3 KB), and a whole proof file of a verdict with
 * its request, selection, five reveals and five signed statements. Beside them the bare signature checks that they cannot do without.
 */
import { gzipSync } from 'node:zlib'
import { signerOfSeed, verifyEd25519 } from '../src/base/crypto/ed25519.ts'
import type { Purl } from '../src/base/purl.ts'
import { checkCheckpoint } from '../src/log/policy/check-checkpoint.ts'
import { chainOf, versionAt } from '../src/log/policy/network-chain.ts'
import { parseTlogProof, verifyTlogProof } from '../src/log/proof/tlog-proof.ts'
import { verifyProofBundle } from '../src/verify/verify-bundle.ts'
import { logVerdict, ProofLog, TEST_SECONDS, testNetwork } from '../test/kit/proof-log.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const PURL = 'pkg:toy/toy@1.0' as Purl
const FILLING = 100_000
const ROUNDS = 400

const network = testNetwork(NAMES)
const log = new ProofLog()
for (let at = 0; at < FILLING; at += 1) log.append(Buffer.from(`{"filling":${at}}`))
const built = logVerdict(log, PURL, NAMES.slice(0, 5))
const signed = { by: NAMES }
const checkpoint = log.checkpoint(signed)
const alone = log.proven(built.verdict, checkpoint)
const verdictFile = log.bundle([built.verdict], signed)
const wholeFile = log.bundle([built.request, built.selection, ...built.reveals, built.verdict], signed, built.envelopes)
const question = { nowSeconds: TEST_SECONDS + 200, purl: PURL }

const signer = signerOfSeed(new Uint8Array(32).fill(9))
const message = Buffer.alloc(200, 7)
const signature = signer.sign(message)

/** Milliseconds of one run out of `ROUNDS`: the fastest (what it costs undisturbed), the median, and what 99 of 100 stay under. */
function time(run: () => void): { fastest: number; median: number; p99: number } {
  const times: number[] = []
  for (let round = -50; round < ROUNDS; round += 1) {
    const start = performance.now()
    run()
    if (round >= 0) times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  return { fastest: times[0] ?? 0, median: times[ROUNDS >> 1] ?? 0, p99: times[Math.floor(ROUNDS * 0.99)] ?? 0 }
}

function report(what: string, run: () => void, bytes?: Uint8Array): void {
  const { fastest, median, p99 } = time(run)
  const size = bytes === undefined ? '' : `  ${bytes.byteLength} bytes, ${gzipSync(bytes).byteLength} gzipped`
  process.stdout.write(
    `${what.padEnd(60)} ${median.toFixed(3)} ms (fastest ${fastest.toFixed(3)}, p99 ${p99.toFixed(3)})${size}\n`,
  )
}

report('8 bare Ed25519 checks', () => {
  for (let at = 0; at < 8; at += 1) verifyEd25519(signer.publicKey, message, signature)
})
report(
  `tlog-proof in a log of ${log.entries.length}, 7 cosignatures`,
  () => {
    const chain = chainOf(network)
    verifyTlogProof(parseTlogProof(alone.proof), alone.entry, (bytes) =>
      checkCheckpoint(bytes, ({ size }) => versionAt(chain, size)),
    )
  },
  alone.proof,
)
report('proof file with the verdict alone', () => void verifyProofBundle(verdictFile, network, question), verdictFile)
const needBuilders = { ...question, needBuilders: true }
report(
  'proof file with 5 builders, reveals and statements',
  () => void verifyProofBundle(wholeFile, network, needBuilders),
  wholeFile,
)
