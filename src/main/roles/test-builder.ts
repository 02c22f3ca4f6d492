/**
 * THE TEST BUILDER: builds nothing. It hashes the name of the package, says so in everything that it reports, and stands in for real
 * builds so that request, draw, vote, verdict and proof can be tried. Only `--test-builder` turns it on.
 */
import { createHash, hash } from 'node:crypto'
import { dependencyList } from '../../base/attestation/dependencies.ts'
import type { Clock } from '../../base/clock.ts'
import { domainHash } from '../../base/crypto/domain-hash.ts'
import type { BuildResult } from '../../base/entries/result.ts'
import type { Builder } from '../../build/builder.ts'

/** What everything that it reports is marked with. */
export const TEST_BUILDER = 'TEST BUILDER, builds nothing'

/** The bytes that the test builder says are the package. */
export function testBuildOf(purl: string): Uint8Array {
  return Buffer.from(`${TEST_BUILDER}: ${purl}\n`, 'utf8')
}

/** A test builder that takes `seconds` for each package. */
export function createTestBuilder(
  { seconds }: { readonly seconds: number },
  { clock }: { readonly clock: Clock },
): Builder {
  return {
    name: TEST_BUILDER,
    async run({ purl }, signal) {
      const startedSeconds = Math.floor(clock.nowMs() / 1000)
      await clock.sleep(seconds * 1000, signal)
      const finishedSeconds = Math.floor(clock.nowMs() / 1000)
      return { result: resultOf(purl), record: { dependencies: [], startedSeconds, finishedSeconds } }
    },
  }
}

function resultOf(purl: string): BuildResult {
  const bytes = testBuildOf(purl)
  const sha256 = hash('sha256', bytes, 'hex')
  return {
    outcome: 'built',
    source: { type: 'git', repository: TEST_BUILDER, commit: hash('sha1', purl, 'hex'), tree: marked('tree', purl) },
    lock: null,
    recipe: marked('recipe', ''),
    dependencies: { list: dependencyList([]).digest, levels: {} },
    files: [
      {
        name: 'test-build.txt',
        sha256,
        sha512: createHash('sha512').update(bytes).digest('hex'),
        sha1: hash('sha1', bytes, 'hex'),
        sizeBytes: bytes.byteLength,
        canonical: sha256,
        upstream: { sha256, level: 'exact', rules: [] },
      },
    ],
    environment: { toolchains: ['TEST BUILDER'], sandbox: 'none, TEST BUILDER' },
  }
}

function marked(what: string, of: string): string {
  return Buffer.from(domainHash('pyrsia/test-builder/1', [what, of])).toString('hex')
}
