/** What the registry says of a release, and where its source may be: `repository` and `gitHead` of its manifest, then tags. */
import { AppError } from '../../../base/errors.ts'
import type { DocumentRequest, Got, Located, Need } from '../../../base/located.ts'
import { type Purl, purlParts } from '../../../base/purl.ts'
import type { ReleaseFacts, SourceCandidate, SourceFound } from '../../../base/rebuild/build-plan.ts'
import { parseReleases } from '../../../base/releases.ts'
import type { RequestView, ResolveContext } from '../../ecosystem.ts'
import { npmFromPurl } from '../coordinates.ts'
import { tarballName, unscopedName } from '../names.ts'
import { isObject, type JsonObject } from '../packument/packument.ts'
import { RELEASES_VIEW } from '../packument/releases.ts'
import { packumentIndex, resolveNpm } from '../resolve.ts'
import { NPM_UPSTREAM } from '../routes.ts'
import { versionView } from '../transform.ts'
import { ATTESTATIONS_BYTES_MAX, npmBundles } from './attestations.ts'
import { repositoryOf } from './repository.ts'

const REQUEST: RequestView = { method: 'GET', path: '/', query: {}, headers: {}, base: '' }

/** The release. */
export function* npmSource(purl: Purl, context: ResolveContext): Generator<Need, SourceFound, Got> {
  const { version } = purlParts(purl)
  if (version === undefined) return absent(`${purl} names no version`)
  const name = npmFromPurl(purl).slice(0, -version.length - 1)
  const request = packumentIndex(purl, NPM_UPSTREAM, context)
  const list = yield { kind: 'document', request, view: RELEASES_VIEW }
  if (list.kind === 'absent' || list.kind === 'unavailable') return list
  const release = parseReleases(list.bytes).find((each) => each.version === version)
  if (release === undefined) return absent(`${name} has no version ${version}`)
  const document = yield { kind: 'document', request, view: versionView(version) }
  if (document.kind === 'absent' || document.kind === 'unavailable') return document
  const manifest: unknown = JSON.parse(new TextDecoder().decode(document.bytes))
  if (!isObject(manifest)) return absent(`the manifest of ${name}@${version} is malformed`)
  const params = { name, file: tarballName(name, version) }
  const want = { kind: 'artifact', upstream: NPM_UPSTREAM, params } as const
  const file = yield* resolveNpm(want, REQUEST, context)
  if (file.kind === 'absent' || file.kind === 'unavailable') return file
  if (file.kind !== 'file') return absent(`${name}@${version} has no tarball`)
  // The name under which clients have it, wherever the registry keeps it.
  const located = { ...file.located, label: `${name}/-/${params.file}` }
  const { releasedAtMs } = release
  const attested = yield* attestedSource(
    `${name}@${version}`,
    located,
    repositoryOf(manifest)?.directory ?? '',
    context,
  )
  const facts: ReleaseFacts = {
    candidates: [...attested, ...candidatesOf(name, version, manifest)],
    files: [located],
    releasedAtSeconds: releasedAtMs === undefined ? undefined : Math.floor(releasedAtMs / 1000),
    licence: licenceOf(manifest),
    tools: toolsOf(manifest),
  }
  return { kind: 'release', facts }
}

/** The commit that an attestation of upstream names, if the registry serves one that holds for the file. */
function* attestedSource(
  spec: string,
  { digests }: Located,
  directory: string,
  context: ResolveContext,
): Generator<Need, SourceCandidate[], Got> {
  const { verifyAttestation } = context
  if (verifyAttestation === undefined) return []
  const { freshSeconds } = context
  const request: DocumentRequest = {
    upstream: NPM_UPSTREAM,
    path: `/-/npm/v1/attestations/${spec.replace('/', '%2f')}`,
    method: 'GET',
    headers: { accept: 'application/json' },
    keepHeaders: [],
    bytesMax: ATTESTATIONS_BYTES_MAX,
    freshSeconds,
    staleSeconds: freshSeconds,
    immutable: false,
  }
  const got = yield { kind: 'document', request }
  if (got.kind !== 'document') return []
  try {
    for (const bundle of npmBundles(got.bytes)) {
      const { repository, commit, signer } = verifyAttestation(bundle, digests)
      const how = `attestation of upstream, signed by ${signer}`
      return [{ grade: 'attested', how, type: 'git', repository, revisions: [commit], directory }]
    }
  } catch (error) {
    // What does not hold says nothing: the manifest still does.
    if (!(error instanceof AppError) || error.kind !== 'untrusted') throw error
  }
  return []
}

/** The SPDX expression of a manifest; old ones have an object. */
export function licenceOf({ license }: JsonObject): string | undefined {
  const stated = isObject(license) ? license.type : license
  return typeof stated === 'string' ? stated : undefined
}

function candidatesOf(name: string, version: string, manifest: JsonObject): SourceCandidate[] {
  const repository = repositoryOf(manifest)
  if (repository === undefined) return []
  const { url, directory } = repository
  const { gitHead } = manifest
  const git = { type: 'git', repository: url, directory } as const
  const candidates: SourceCandidate[] = []
  if (typeof gitHead === 'string' && /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(gitHead)) {
    candidates.push({ ...git, grade: 'stated', how: 'repository and gitHead of the manifest', revisions: [gitHead] })
  }
  candidates.push({
    ...git,
    grade: 'guessed',
    how: 'repository of the manifest, a tag that fits the version',
    revisions: tagsOf(name, version),
  })
  return candidates
}

/** Tags as the usual tools set them; a monorepo's first where the name of the package is in them. */
function tagsOf(name: string, version: string): [string, ...string[]] {
  const short = unscopedName(name)
  const named = [...new Set([`${name}@${version}`, `${short}@${version}`])]
  const dashed = [`${short}-v${version}`, `${short}/v${version}`, `${short}-${version}`]
  return [`v${version}`, version, ...named, ...dashed, `release-${version}`, `release/${version}`, `v.${version}`]
}

function toolsOf({ _nodeVersion: node, _npmVersion: npm }: JsonObject): Record<string, string> {
  return { ...(typeof node === 'string' ? { node } : {}), ...(typeof npm === 'string' ? { npm } : {}) }
}

function absent(message: string): SourceFound {
  return { kind: 'absent', reason: { code: 'absent', message } }
}
