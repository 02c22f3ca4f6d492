/** Whether a tree is a release's source: a manifest in it names this package and this version. */
import { type Purl, purlParts } from '../../../base/purl.ts'
import type { Confirmed, ListNeed, ReadNeed, RecipeGot, SourceCandidate } from '../../../base/rebuild/build-plan.ts'
import { npmFromPurl } from '../coordinates.ts'
import type { JsonObject } from '../packument/packument.ts'
import { folderOf } from './repository.ts'
import { licenceOf } from './source.ts'
import { listWorkspaces, readManifest } from './workspaces.ts'

/** The folder of the package: the one that is stated, else the root, else that of the workspace of this name. */
export function* confirmNpm(
  purl: Purl,
  candidate: SourceCandidate,
): Generator<ReadNeed | ListNeed, Confirmed, RecipeGot> {
  const { version = '' } = purlParts(purl)
  const name = npmFromPurl(purl).slice(0, -version.length - 1)
  const stated = candidate.type === 'git' ? folderOf(candidate.directory) : ''
  const own = yield* readManifest(stated)
  if (isOf(own, name)) return judge(own, stated, name, version)
  const root = stated === '' ? own : yield* readManifest('')
  if (isOf(root, name)) return judge(root, '', name, version)
  const workspace = (yield* listWorkspaces(root)).find(({ manifest }) => isOf(manifest, name))
  if (workspace !== undefined) return judge(workspace.manifest, workspace.folder, name, version)
  const found = typeof own?.name === 'string' ? `names ${JSON.stringify(own.name.slice(0, 100))}` : 'has no manifest'
  return { kind: 'refused', reason: `it ${found}, and no folder of it is ${name}` }
}

/** Names were not always small. */
function isOf(manifest: JsonObject | undefined, name: string): boolean {
  return typeof manifest?.name === 'string' && manifest.name.toLowerCase() === name
}

function judge(manifest: JsonObject | undefined, folder: string, name: string, version: string): Confirmed {
  if (manifest?.version !== version) {
    const found = typeof manifest?.version === 'string' ? manifest.version.slice(0, 100) : 'none'
    return { kind: 'refused', reason: `it names ${name} with the version ${found}, not ${version}` }
  }
  return {
    kind: 'confirmed',
    directory: folder === '' ? 'source' : `source/${folder}`,
    licence: licenceOf(manifest),
  }
}
