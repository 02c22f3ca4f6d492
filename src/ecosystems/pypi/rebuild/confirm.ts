/**
 * Whether a tree is a release's: a manifest in it names the project, and no other version than the release's. Where the version is
 * computed only when the project is built (tags of git, a program), the tag is all that says so: the grade stays `guessed`, and the
 * recipe refuses what was built under another name or version. Pure. The attack C4.
 */

import { type Purl, purlParts } from '../../../base/purl.ts'
import type { Confirmed, ListNeed, ReadNeed, RecipeGot, SourceCandidate } from '../../../base/rebuild/build-plan.ts'
import { normalName } from '../names.ts'
import { normalVersion } from '../versions.ts'
import { MANIFESTS, type Manifest, readManifest } from './manifest.ts'

const MANIFEST_BYTES_MAX = 1_048_576
/** Folders that are looked into for a package of a repository that holds several, and how deep. */
const FOLDERS_MAX = 80
const DEPTH_MAX = 3
/** Folders that hold copies and examples of packages, not the package. */
const SKIPPED =
  /^(?:\.|docs?\/|tests?\/|testing\/|examples?\/|node_modules\/|vendor\/|_vendor\/|third_party\/|benchmarks?\/)/

type Asking<T> = Generator<ReadNeed | ListNeed, T, RecipeGot>

/** `Rebuild.confirm` of Python packages. */
export function* confirmPypi(purl: Purl, candidate: SourceCandidate): Asking<Confirmed> {
  const { name, version = '' } = purlParts(purl)
  const project = normalName(name)
  const start = candidate.type === 'git' ? candidate.directory : ''
  const basename = candidate.type === 'git' ? nameOf(candidate.repository) : project
  let refusal = 'no manifest of a Python project is in it'
  for (const folders = [start]; folders.length > 0; ) {
    const found = yield* lookInto(folders.shift() ?? '', folders)
    if (found === undefined) continue
    const { folder, manifest } = found
    // A program that computes its own name is believed only where nothing else can be meant.
    const named = manifest.name ?? (basename === project && folder === '' ? name : undefined)
    if (named === undefined || normalName(named) !== project) {
      const shown = named === undefined ? 'no name that can be read' : JSON.stringify(named.slice(0, 100))
      if (folder === start) refusal = `its ${manifest.statedBy} names ${shown}, wanted ${name}`
      continue
    }
    if (manifest.version !== undefined && normalVersion(manifest.version) !== version) {
      return refused(`its ${manifest.statedBy} has version ${manifest.version.slice(0, 100)}, wanted ${version}`)
    }
    return {
      kind: 'confirmed',
      directory: folder === '' ? 'source' : `source/${folder}`,
      licence: manifest.licence,
    }
  }
  return refused(refusal)
}

/** The manifest of a folder; its folders are added to those that are looked into. */
function* lookInto(
  folder: string,
  folders: string[],
): Asking<{ readonly folder: string; readonly manifest: Manifest } | undefined> {
  const path = folder === '' ? 'source' : `source/${folder}`
  const listed = yield { kind: 'list', path }
  if (listed.kind !== 'names') return undefined
  const depth = folder === '' ? 0 : folder.split('/').length
  for (const name of listed.names) {
    if (!name.endsWith('/') || SKIPPED.test(name) || depth >= DEPTH_MAX || folders.length >= FOLDERS_MAX) continue
    folders.push(folder === '' ? name.slice(0, -1) : `${folder}/${name.slice(0, -1)}`)
  }
  const texts: Record<string, string> = {}
  for (const name of MANIFESTS.filter((each) => listed.names.includes(each))) {
    const got = yield { kind: 'read', path: `${path}/${name}`, bytesMax: MANIFEST_BYTES_MAX }
    if (got.kind === 'bytes') texts[name] = Buffer.from(got.bytes).toString('utf8')
  }
  const manifest = readManifest(texts)
  return manifest === undefined ? undefined : { folder, manifest }
}

function nameOf(repository: string): string {
  return normalName(repository.slice(repository.lastIndexOf('/') + 1).replace(/\.git$/, ''))
}

function refused(reason: string): Confirmed {
  return { kind: 'refused', reason }
}
