import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Digest, parseDigest } from '../../base/digest.ts'
import { npmBundles } from '../../ecosystems/npm/rebuild/attestations.ts'
import { pypiBundles } from '../../ecosystems/pypi/rebuild/attestations.ts'
import { trustedRootOf } from '../../verify/upstream/trusted-root.ts'
import { verifyUpstreamAttestation } from '../../verify/upstream/verify-upstream.ts'
import { openAttestationVerifier } from './upstream-attestations.ts'

const VECTORS = new URL('../../../test/vectors/sigstore/', import.meta.url)
const trustedRoot = trustedRootOf()
const NPM_FILE = parseDigest(
  'sha512:282c0c5fa936d264321643581b65d3de5c0af6ed4fdfac12f5851115df39cc25cfaf0ad22d908487bfef30114d61c25746206d1834be4f8fd1659178f77cc004',
)
const SDIST = parseDigest('sha256:9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3')
const GITLAB_SDIST = parseDigest('sha256:c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8')

const vector = (name: string): Buffer => readFileSync(new URL(name, VECTORS))
const [npm, byKey] = npmBundles(vector('sigstore-0.4.0.npm-attestations.json'))
const [pypi] = pypiBundles(vector('pypi_attestations-0.0.19.tar.gz.provenance.json'))
const refused = (message: RegExp) => ({ code: 'untrusted.attestation', message })

/** A PEP 740 answer of one attestation. */
function answerOf(name: string): unknown {
  const attestation = JSON.parse(vector(name).toString('utf8'))
  const answer = { version: 1, attestation_bundles: [{ attestations: [attestation] }] }
  return pypiBundles(Buffer.from(JSON.stringify(answer)))[0]
}

function verify(bundle: unknown, ...digests: Digest[]) {
  return verifyUpstreamAttestation(bundle, { digests, trustedRoot })
}

/** A copy in which one character of a member's base64 is another one. */
function altered(bundle: unknown, ...path: readonly (string | number)[]): unknown {
  const copy = structuredClone(bundle) as Record<string | number, never>
  const last = path.at(-1) ?? ''
  const parent = path
    .slice(0, -1)
    .reduce<Record<string | number, never>>((at, key) => at[key] ?? assert.fail(String(key)), copy)
  const text: string = parent[last] ?? assert.fail(String(last))
  const middle = Math.floor(text.length / 2)
  const other = text[middle] === 'A' ? 'B' : 'A'
  parent[last] = `${text.slice(0, middle)}${other}${text.slice(middle + 1)}` as never
  return copy
}

test('a real attestation of npm verifies offline and names repository, commit, tag and workflow', () => {
  assert.deepEqual(verify(npm, NPM_FILE), {
    repository: 'https://github.com/sigstore/sigstore-js',
    commit: '8a2ee2fd20dda58ffa4a8d808a65cb1e04711c03',
    ref: 'refs/tags/v0.4.0',
    signer: 'https://github.com/sigstore/sigstore-js/.github/workflows/publish.yml@refs/tags/v0.4.0',
    issuer: 'https://token.actions.githubusercontent.com',
    predicateType: 'https://slsa.dev/provenance/v0.2',
    subjects: ['pkg:npm/sigstore@0.4.0'],
  })
})

test('real attestations of PyPI verify offline: of a publication, of a SLSA provenance, by GitHub and by GitLab', () => {
  const { repository, commit, ref, subjects } = verify(pypi, SDIST)
  assert.equal(repository, 'https://github.com/trailofbits/pypi-attestations')
  assert.deepEqual([commit, ref], ['08802efe1f8e5fec4ad842d6b8ce97656092ee72', 'refs/tags/v0.0.19'])
  assert.deepEqual(subjects, ['pypi_attestations-0.0.19.tar.gz'])
  const slsa = verify(answerOf('pypi_attestations-0.0.19.tar.gz.slsa.json'), SDIST)
  assert.deepEqual([slsa.predicateType, slsa.commit], ['https://slsa.dev/provenance/v1', commit])
  const gitlab = verify(answerOf('gitlab_oidc_project-0.0.3.tar.gz.publish.json'), GITLAB_SDIST)
  assert.equal(gitlab.repository, 'https://gitlab.com/facutuesca/gitlab-oidc-project')
  assert.deepEqual([gitlab.commit, gitlab.issuer], ['72f7c63b75eb55ea80864962f0e645c93414da34', 'https://gitlab.com'])
})

test('attack F5, a valid certificate for another subject: an attestation of another file is refused', () => {
  assert.throws(() => verify(npm, SDIST), refused(/another file/))
  assert.throws(() => verify(pypi, GITLAB_SDIST), refused(/another file/))
  assert.throws(() => verify(pypi), refused(/another file/))
  const other = parseDigest(`sha512:${'0'.repeat(128)}`)
  assert.throws(() => verify(npm, NPM_FILE, other), refused(/another file/), 'a digest that contradicts')
})

test('an attestation in which anything that counts was changed is refused', () => {
  const chain = ['verificationMaterial', 'x509CertificateChain', 'certificates', 0, 'rawBytes'] as const
  const entry = ['verificationMaterial', 'tlogEntries', 0] as const
  for (const bundle of [npm, pypi]) {
    const digest = bundle === npm ? NPM_FILE : SDIST
    const changes = [
      altered(bundle, 'dsseEnvelope', 'payload'),
      altered(bundle, 'dsseEnvelope', 'signatures', 0, 'sig'),
      altered(bundle, ...chain),
      altered(bundle, ...entry, 'canonicalizedBody'),
      altered(bundle, ...entry, 'inclusionPromise', 'signedEntryTimestamp'),
    ]
    for (const changed of changes) assert.throws(() => verify(changed, digest), refused(/does not verify|reading/))
  }
})

test('an attestation of one release with the signature of another is refused', () => {
  const mixed = structuredClone(pypi) as { dsseEnvelope: unknown }
  mixed.dsseEnvelope = structuredClone(npm as { dsseEnvelope: unknown }).dsseEnvelope
  assert.throws(() => verify(mixed, NPM_FILE), refused(/does not verify/))
})

test('one that is signed with a bare key, or is no bundle at all, is evidence of nothing', () => {
  assert.throws(() => verify(byKey, NPM_FILE), refused(/signed with a key/))
  for (const value of [undefined, null, 7, {}, [], { mediaType: 'x' }]) {
    assert.throws(() => verify(value, NPM_FILE), refused(/wanted a Sigstore bundle/))
  }
})

test('the verifier that ecosystems are handed goes by the roots of a file where one is given', async (t) => {
  const verifier = await openAttestationVerifier(undefined)
  assert.equal(verifier(npm, [NPM_FILE]).ref, 'refs/tags/v0.4.0')
  const directory = await mkdtemp(join(tmpdir(), 'pyrsia-roots-'))
  t.after(() => rm(directory, { recursive: true }))
  const file = join(directory, 'trusted_root.json')
  await writeFile(file, '{}')
  await assert.rejects(openAttestationVerifier(file), { code: 'usage.config' })
})

test('certificates count only by the roots that were given', () => {
  const text = readFileSync(new URL('../../verify/upstream/sigstore-root.json', import.meta.url), 'utf8')
  const root = JSON.parse(text)
  const others = trustedRootOf(
    JSON.stringify({ ...root, certificateAuthorities: root.certificateAuthorities.slice(0, 1) }),
  )
  assert.throws(
    () => verifyUpstreamAttestation(npm, { digests: [NPM_FILE], trustedRoot: others }),
    refused(/does not verify/),
  )
  const withoutLogs = JSON.stringify({ ...root, tlogs: [] })
  for (const bad of ['', '{}', '[]', withoutLogs]) assert.throws(() => trustedRootOf(bad), { code: 'usage.config' })
})

test('what a registry answers in the place of attestations is refused', () => {
  for (const text of ['', '{}', '{"attestations":[{}]}', '{"version":2,"attestation_bundles":[]}', 'null']) {
    assert.throws(() => npmBundles(Buffer.from(text)), { code: 'untrusted.reply' })
    assert.throws(() => pypiBundles(Buffer.from(text)), { code: 'untrusted.reply' })
  }
})
